package result

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// The unit of analysis is the run, not the message: a million messages of one run share one broker
// start, one memory layout, one neighbour on the machine. Nothing here assumes a distribution,
// because latencies over runs have none that is known.

const (
	confidence = 0.95
	alpha      = 1 - confidence

	// exactLimit bounds the exact Mann-Whitney test, in values: its table grows with the cube.
	exactLimit = 50
)

// An Estimate is a median over runs with its interval.
type Estimate struct {
	N          int
	Median     float64
	Lo, Hi     float64  // With Confidence 0: the range of the values, which is no confidence interval.
	Confidence float64  // At least 0.95, or 0 if N is too small for that.
	Warnings   []string // For the reader of the figure; never printed and lost.
}

// Median estimates a median without assuming a distribution: the interval is between two order
// statistics. It takes six values to make one of 95 %: 1 - 2/2^6 = 96.9 %. NaN for no values.
func Median(values []float64) Estimate {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	if n == 0 {
		return Estimate{Median: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}
	}
	e := Estimate{N: n, Median: middle(v), Lo: v[0], Hi: v[n-1]}
	rank, covered := medianRank(n)
	if rank < 0 {
		if n > 1 {
			e.Warnings = append(e.Warnings, fmt.Sprintf("%d runs: the range is shown; a confidence interval needs 6", n))
		}
		return e
	}
	e.Lo, e.Hi, e.Confidence = v[rank], v[n-1-rank], covered
	return e
}

// middle is the median of a sorted sample.
func middle(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// medianRank is the largest 0-based rank such that the order statistics rank and n-1-rank enclose
// the median with the wanted confidence, and that confidence; -1 if none does.
func medianRank(n int) (rank int, covered float64) {
	rank, tail := -1, 0.0
	for k := 0; k < n/2; k++ {
		tail += binomialHalf(n, k)
		if 1-2*tail < confidence {
			break
		}
		rank, covered = k, 1-2*tail
	}
	return rank, covered
}

// binomialHalf is the probability of k heads in n fair throws.
func binomialHalf(n, k int) float64 { return math.Ldexp(binomial(n, k), -n) }

// mannWhitney is the two-sided p-value of a and b coming from the same distribution: exact, ties
// included, up to 50 values in all; by the normal approximation beyond.
func mannWhitney(a, b []float64) (p float64, warnings []string) {
	n, m := len(a), len(b)
	if n == 0 || m == 0 {
		return 1, []string{"one side has no values"}
	}
	ranks, ties := doubledRanks(a, b)
	if len(ties) == 1 {
		return 1, []string{"all values are equal"}
	}
	sum := 0
	for _, r := range ranks[:n] {
		sum += r
	}
	if n+m > exactLimit {
		return normalMannWhitney(sum, n, m, ties), nil
	}
	lower, upper, all := 0.0, 0.0, 0.0
	for s, ways := range subsetSums(ranks, n) {
		all += ways
		if s <= sum {
			lower += ways
		}
		if s >= sum {
			upper += ways
		}
	}
	// The smallest p that these sample sizes can give: all of a before all of b.
	if leastP(n, m) >= alpha {
		warnings = append(warnings, fmt.Sprintf("%d and %d runs can never show a difference at p < %.2f; 4 of each can", n, m, alpha))
	}
	return math.Min(1, 2*math.Min(lower, upper)/all), warnings
}

// doubledRanks are the ranks of a's and then b's values among all of them, times two so that the
// middle rank of a tie is whole; and the sizes of the ties.
func doubledRanks(a, b []float64) (ranks, ties []int) {
	all := slices.Concat(a, b)
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		switch {
		case all[i] < all[j]:
			return -1
		case all[i] > all[j]:
			return 1
		}
		return 0
	})
	ranks = make([]int, len(all))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && all[order[to]] == all[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = from + 1 + to // 1-based first and last rank of the tie, added.
		}
		ties = append(ties, to-from)
		from = to
	}
	return ranks, ties
}

// subsetSums counts, for every sum, the subsets of n ranks that have it.
func subsetSums(ranks []int, n int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([][]float64, n+1) // [size][sum]
	for k := range ways {
		ways[k] = make([]float64, total+1)
	}
	ways[0][0] = 1
	for _, r := range ranks {
		for k := n; k > 0; k-- {
			for s := total; s >= r; s-- {
				ways[k][s] += ways[k-1][s-r]
			}
		}
	}
	return ways[n]
}

// binomial is n over k: exact up to 2^53, and finite up to n = 1000, which is more runs than anybody makes.
func binomial(n, k int) float64 {
	v := 1.0
	for i := 1; i <= min(k, n-k); i++ {
		v = v * float64(n-min(k, n-k)+i) / float64(i)
	}
	return v
}

// normalMannWhitney: with continuity correction and the variance corrected for ties. doubled is the
// rank sum of the first sample times two.
func normalMannWhitney(doubled, n, m int, ties []int) float64 {
	N := float64(n + m)
	correction := 0.0
	for _, t := range ties {
		correction += math.Pow(float64(t), 3) - float64(t)
	}
	variance := float64(n*m) / 12 * (N + 1 - correction/(N*(N-1)))
	if variance <= 0 {
		return 1
	}
	distance := math.Abs(float64(doubled)/2 - float64(n)*(N+1)/2)
	z := math.Max(0, distance-0.5) / math.Sqrt(variance)
	return math.Min(1, math.Erfc(z/math.Sqrt2))
}

// A Ratio is how many times a's value b has.
type Ratio struct {
	Value      float64 // Median of the ratios of the pairs; unpaired, of all pairs there can be.
	Lo, Hi     float64
	Confidence float64 // 0: Lo and Hi are the range.
	P          float64 // Sign test if Paired, Mann-Whitney otherwise; 1 if it cannot be told.
	Paired     bool
	Shown      bool // A difference is shown: P < 0.05; in a matrix, Survives. Otherwise "no difference shown" is the truth.
	N          int  // Pairs, or values of the smaller sample.

	// Among is how many comparisons were made beside each other, this one included, and Survives whether the difference is shown
	// also after Holm's correction for so many, by the Mann-Whitney test: six pairs give the sign test no p below 0.031, which is never enough
	// for two comparisons, while six runs against six give this one 0.002.
	Among     int
	Corrected float64 // The p-value of that; 1 if Among is 0.
	Survives  bool
	apart     float64 // p of the Mann-Whitney test.
	least     float64 // The least p that so many runs could give.
	Warnings  []string
}

// PairedRatio compares runs made in pairs: b[i] directly before or after a[i], so that whatever the
// machine did meanwhile it did to both.
func PairedRatio(a, b []float64) Ratio {
	r := Ratio{Value: math.NaN(), Lo: math.NaN(), Hi: math.NaN(), P: 1, Paired: true, N: min(len(a), len(b))}
	if !positive(a) || !positive(b) || r.N == 0 {
		return r.without("a ratio needs values above zero")
	}
	logs := make([]float64, r.N)
	up, down := 0, 0
	for i := range logs {
		logs[i] = math.Log(b[i] / a[i])
		switch {
		case logs[i] > 0:
			up++
		case logs[i] < 0:
			down++
		}
	}
	e := Median(logs)
	r.Value, r.Lo, r.Hi, r.Confidence = math.Exp(e.Median), math.Exp(e.Lo), math.Exp(e.Hi), e.Confidence
	r.P = signTest(up, down)
	r.Shown = r.P < alpha
	if up+down == 0 {
		r.Warnings = append(r.Warnings, "all pairs are of equal values")
	}
	if r.N < 6 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d pairs can never show a difference at p < %.2f; 6 can", r.N, alpha))
	}
	return r
}

// signTest is the two-sided p-value of as many ups and downs being chance. Pairs without a
// difference say nothing and are not counted.
func signTest(up, down int) float64 {
	p := 0.0
	for k := 0; k <= min(up, down); k++ {
		p += binomialHalf(up+down, k)
	}
	return math.Min(1, 2*p)
}

// unpairedRatio compares runs made apart: the median of all ratios b[j]/a[i] (Hodges and Lehmann's
// estimate, of logarithms), with the interval that the Mann-Whitney test would not reject.
func unpairedRatio(a, b []float64) Ratio {
	r := Ratio{Value: math.NaN(), Lo: math.NaN(), Hi: math.NaN(), P: 1, N: min(len(a), len(b))}
	if !positive(a) || !positive(b) || r.N == 0 {
		return r.without("a ratio needs values above zero")
	}
	var ratios []float64
	for _, x := range a {
		for _, y := range b {
			ratios = append(ratios, y/x)
		}
	}
	slices.Sort(ratios)
	last := len(ratios) - 1
	r.Value, r.Lo, r.Hi = middle(ratios), ratios[0], ratios[last]
	r.P, r.Warnings = mannWhitney(a, b)
	r.Shown = r.P < alpha
	if rank, covered := shiftRank(len(a), len(b)); rank >= 0 {
		r.Lo, r.Hi, r.Confidence = ratios[rank], ratios[last-rank], covered
	}
	return r
}

// shiftRank is medianRank for the n*m ratios of two samples: the distribution of U, which counts how
// many of them are below one, takes the place of the binomial.
func shiftRank(n, m int) (rank int, covered float64) {
	if n+m > exactLimit {
		N := float64(n * m)
		half := 1.96 * math.Sqrt(N*float64(n+m+1)/12)
		return max(-1, int(N/2-half)), confidence
	}
	ranks := make([]int, n+m)
	for i := range ranks {
		ranks[i] = i + 1
	}
	ways := subsetSums(ranks, n)
	all, tail, least := binomial(n+m, n), 0.0, n*(n+1)/2
	rank = -1
	for u := 0; u <= n*m/2; u++ {
		tail += ways[least+u] / all
		if 1-2*tail < confidence {
			break
		}
		rank, covered = u, 1-2*tail
	}
	return rank, covered
}

func positive(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return !(v > 0) })
}

func (r Ratio) without(reason string) Ratio {
	r.Warnings = append(r.Warnings, reason)
	return r
}

// Holm corrects p-values of several tests for their number: the chance that any of those below alpha after it is a mere accident is
// no more than alpha, whatever the tests have to do with each other.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	corrected, highest := make([]float64, len(p)), 0.0
	for rank, i := range order {
		highest = max(highest, min(1, p[i]*float64(len(p)-rank)))
		corrected[i] = highest
	}
	return corrected
}

// correct applies Holm's correction to comparisons that were made beside each other.
func correct(all []*Ratio) {
	p := make([]float64, len(all))
	for i, r := range all {
		p[i] = r.apart
	}
	for i, v := range Holm(p) {
		all[i].Among, all[i].Corrected, all[i].Survives = len(all), v, v < alpha
	}
}

// leastRuns is how many runs of each it would take to show a difference after the correction, if those that there are cannot,
// whatever they say; 0 if they can.
func leastRuns(all []*Ratio) int {
	for _, r := range all {
		if r.least*float64(len(all)) < alpha {
			return 0
		}
	}
	for n := 4; n <= exactLimit/2 && len(all) > 0; n++ {
		if leastP(n, n)*float64(len(all)) < alpha {
			return n
		}
	}
	return 0
}

// Able reports whether so few runs could show a difference after the correction at all, whatever they say.
func (r *Ratio) Able() bool { return r.least*float64(max(1, r.Among)) < alpha }

// leastP is the smallest p-value that the Mann-Whitney test can give: all of one sample before all of the other.
func leastP(n, m int) float64 { return min(1, 2/binomial(n+m, n)) }
