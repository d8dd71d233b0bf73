package measure

import (
	"math"
	"slices"

	"mqttbench/bench/result"
)

// mserBatch is the 5 of MSER-5: so many values are averaged into one before the rule is applied, which takes most of the correlation
// between neighbours away.
const mserBatch = 5

// mser5 is how many of the first values belong to the warm-up: the number d, a multiple of five, for which the standard error of the mean
// of what is left is least, that is, the sum of the squared distances from that mean, divided by (n-d)^2. If that is more than half
// of the values, the series never settled, and ok is false. Fewer than ten batches decide nothing.
func mser5(values []float64) (d int, ok bool) {
	means := batches(values)
	n := len(means)
	if n < 10 {
		return 0, false
	}
	best, at := math.Inf(1), 0
	sum, squares := 0.0, 0.0
	for i := n - 1; i >= 0; i-- { // From the end, so that both sums grow.
		sum += means[i]
		squares += means[i] * means[i]
		left := float64(n - i)
		if left < mserBatch { // The last few are always close together.
			continue
		}
		if stat := max(0, squares-sum*sum/left) / (left * left); stat <= best {
			best, at = stat, i
		}
	}
	return at * mserBatch, at <= n/2
}

// batches are the means of five values each; the rest is left out.
func batches(values []float64) []float64 {
	means := make([]float64, 0, len(values)/mserBatch)
	for ; len(values) >= mserBatch; values = values[mserBatch:] {
		sum := 0.0
		for _, v := range values[:mserBatch] {
			sum += v
		}
		means = append(means, sum/mserBatch)
	}
	return means
}

// A Trend is how a series changes.
type Trend struct {
	Level float64 // The median.
	Slope float64 // Of Theil and Sen, the median of the slopes between all pairs: units a step.
	P     float64 // Of Mann and Kendall, two-sided: how probable so many pairs of one direction are if there is no trend.
}

// trendOf finds the trend of values at equal distances. Neighbours that are alike make a trend of chance: the variance of
// the test is widened by the correlation of each value with its successor.
func trendOf(values []float64) Trend {
	n := len(values)
	if n < 4 {
		return Trend{P: 1}
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	s := 0.0
	for i := range n {
		for j := i + 1; j < n; j++ {
			slopes = append(slopes, (values[j]-values[i])/float64(j-i))
			s += sign(values[j] - values[i])
		}
	}
	t := Trend{Level: middle(values), Slope: middle(slopes)}
	detrended := make([]float64, n)
	for i, v := range values {
		detrended[i] = v - t.Slope*float64(i)
	}
	r := min(max(0, alike(detrended)), 0.95)
	variance := kendallVariance(values) * (1 + r) / (1 - r)
	if t.P = 1; variance > 0 {
		z := max(0, math.Abs(s)-1) / math.Sqrt(variance)
		t.P = math.Erfc(z / math.Sqrt2)
	}
	return t
}

// kendallVariance is that of the number of rising less that of falling pairs, with equal values taken into account.
func kendallVariance(values []float64) float64 {
	part := func(n float64) float64 { return n * (n - 1) * (2*n + 5) }
	v := slices.Sorted(slices.Values(values))
	variance := part(float64(len(v)))
	for i := 0; i < len(v); {
		j := i
		for j < len(v) && v[j] == v[i] {
			j++
		}
		variance -= part(float64(j - i))
		i = j
	}
	return variance / 18
}

// alike is the rank correlation (Spearman) of each value with its successor.
func alike(values []float64) float64 {
	a, b := ranks(values[:len(values)-1]), ranks(values[1:])
	ma, mb := mean(a), mean(b)
	var ab, aa, bb float64
	for i := range a {
		ab += (a[i] - ma) * (b[i] - mb)
		aa += (a[i] - ma) * (a[i] - ma)
		bb += (b[i] - mb) * (b[i] - mb)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// ranks are the places of values in their order; equal ones share the mean of theirs.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(sign(values[a] - values[b])) })
	out := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[order[k]] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// middle is the median.
func middle(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// Limits of what still counts as steady.
const (
	trendChance  = 0.01 // A trend that chance makes more often than this is none.
	rateDrift    = 0.02 // Change over the measured part, as a share of the level: of the delivered rate,
	latencyDrift = 0.25 // and of the median response time, which is known to 6 % only.
	driftPerMin  = 0.01 // And a minute, of either: slower is for soaks.
	mostTrend    = 600  // Points that a trend is computed from; its cost grows with their square.

	leastJudged = 10 * mserBatch // Points that a course must have to be judged: five seconds.
)

// courses are the figures whose course tells where a warm-up ends. A beginning counts as one if its level differs from the later by so
// large a share of the lower of the two: medians and tails vary more than rates do. The tail alone does not make a run unsteady.
var courses = []struct {
	of    func(Point) float64
	share float64
	tail  bool
}{{Point.delivered, 0.05, false}, {Point.p50, 0.5, false}, {Point.p99, 1, true}}

// Settled judges the course of a run: where its warm-up ended, and whether it drifted after that. warmUp and points are the
// beats from the beginning of publishing up to the measured part, and of the measured part.
//
// The plan had fixed where the measured part begins, since due times must not depend on the broker. If that was too early, the parts of the
// window that the transient reaches into are to be left out of all figures, which is Cut; but no more than half of it, and none if the
// window has no parts: then the warm-up was too short, and the run is drifting.
func Settled(warmUp, measured []Point, w Window) result.Steady {
	st := result.Steady{WarmUp: float64(len(warmUp)) * Beat / 1e9}
	all := slices.Concat(warmUp, measured)
	cut := 0
	for _, c := range courses {
		if d, ok := mser5(series(all, c.of)); ok {
			cut = max(cut, d)
		}
	}
	st.WarmUpCut = float64(cut) * Beat / 1e9
	if len(measured) < leastJudged {
		return st
	}
	st.Checked, st.Steady, st.Verdict = true, true, result.VerdictSteady
	drifting := func() { st.Steady, st.Verdict = false, result.VerdictDrifting }
	late, settles := transient(measured)
	if !settles {
		st.Unsettled, late = true, 0
		drifting()
	}
	if late > 0 {
		st.WarmUpCut = float64(len(warmUp)+late) * Beat / 1e9
		part, ok := w.after(measured[late-1].At + Beat)
		if st.WarmUpShort = !ok; !ok {
			drifting()
		} else {
			st.Cut = float64(w.border(part)-w.From) / 1e9
		}
		for late < len(measured) && ok && measured[late].At < w.border(part) {
			late++
		}
	}
	st.Trends = trends(measured[late:])
	for i := range st.Trends {
		if st.Trends[i].Drifts {
			drifting()
		}
	}
	return st
}

// transient is how many of the first points are of a beginning whose level is another than the later one: by MSER-5, of whichever figure
// takes longest. A beginning is judged by its first third: MSER-5 may give up more than what is different, if what follows that is calmer by
// chance. What it would give up but begins like the rest, such as a stall in the midst of it, is no warm-up: it stays. Settles is false if a
// figure that begins at another level finds its own only in the second half.
func transient(points []Point) (late int, settles bool) {
	settles = true
	for _, c := range courses {
		values := series(points, c.of)
		d, ok := mser5(values)
		means := batches(values)
		switch at := d / mserBatch; {
		case at == 0 || !differ(means[:(at+2)/3], means[at:], c.share):
		case ok:
			late = max(late, d)
		case !c.tail:
			settles = false
		}
	}
	return late, settles
}

// differ reports whether the levels (medians) of what came before and after are apart: by a share of the lower, and by more than
// three times what the spread of the later makes probable.
func differ(before, after []float64, share float64) bool {
	a, b := middle(before), middle(after)
	// The standard error of a median is a quarter more than that of a mean.
	chance := 3 * 1.25 * deviation(after) * math.Sqrt(1/float64(len(before))+1/float64(len(after)))
	return max(a, b) > (1+share)*min(a, b) && math.Abs(a-b) > chance
}

// deviation is the standard deviation.
func deviation(values []float64) float64 {
	m, sum := mean(values), 0.0
	for _, v := range values {
		sum += (v - m) * (v - m)
	}
	return math.Sqrt(sum / float64(len(values)))
}

func (p Point) delivered() float64 { return p.Delivered }
func (p Point) p50() float64       { return p.P50 }
func (p Point) p99() float64       { return p.P99 }

// series are the values of points. A beat in which nothing was delivered has no latency of its own and takes that before it.
func series(points []Point, of func(Point) float64) []float64 {
	values, timed := make([]float64, len(points)), of(Point{P50: 1, P99: 1}) == 1
	for i, p := range points {
		if values[i] = of(p); p.Delivered == 0 && i > 0 && timed {
			values[i] = values[i-1]
		}
	}
	return values
}

// trends are those of the delivered rate and of the median response time, of means of five beats or more.
func trends(points []Point) (all []result.Trend) {
	for _, x := range []struct {
		name  string
		of    func(Point) float64
		drift float64
	}{{"delivered rate", Point.delivered, rateDrift}, {"response p50", Point.p50, latencyDrift}} {
		means, step := batches(series(points, x.of)), float64(mserBatch*Beat)
		for len(means) > mostTrend {
			means, step = batches(means), step*mserBatch
		}
		t := trendOf(means)
		if t.Level <= 0 {
			continue
		}
		total := t.Slope * float64(len(means)) / t.Level
		perMinute := t.Slope / t.Level * 60e9 / step
		all = append(all, result.Trend{
			Of: x.name, PerMinute: perMinute, P: t.P,
			Drifts: t.P < trendChance && math.Abs(total) > x.drift && math.Abs(perMinute) > driftPerMin,
		})
	}
	return all
}
