package result

import (
	"math"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(1, math.Abs(b)) }

// The coverage of [min, max] of n values is 1 - 2/2^n: 93.75 % for five, which is not enough.
func TestMedianIntervalByHand(t *testing.T) {
	five := Median([]float64{5, 1, 4, 2, 3})
	if five.Median != 3 || five.Confidence != 0 || five.Lo != 1 || five.Hi != 5 || len(five.Warnings) != 1 {
		t.Errorf("five values: %+v; want the range, no confidence, a warning", five)
	}
	six := Median([]float64{6, 5, 4, 3, 2, 1})
	if six.Median != 3.5 || six.Lo != 1 || six.Hi != 6 || !near(six.Confidence, 0.96875) || six.Warnings != nil {
		t.Errorf("six values: %+v", six)
	}
	// Tabulated: n = 10, ranks 2 and 9, 1 - 2*(1+10)/1024 = 97.85 %.
	ten := Median([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	if ten.Lo != 2 || ten.Hi != 9 || !near(ten.Confidence, 1-22.0/1024) {
		t.Errorf("ten values: %+v", ten)
	}
	if none := Median(nil); !math.IsNaN(none.Median) || none.N != 0 {
		t.Errorf("no values: %+v", none)
	}
}

// P-values by counting: of the C(8,4) = 70 ways to choose four ranks of eight, one is as extreme
// on each side.
func TestMannWhitneyByHand(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		p    float64
		warn bool
	}{
		{[]float64{1, 2, 3, 4}, []float64{5, 6, 7, 8}, 2.0 / 70, false},
		{[]float64{5, 6, 7, 8}, []float64{1, 2, 3, 4}, 2.0 / 70, false},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, 2.0 / 20, true},
		{[]float64{1, 4, 5, 8}, []float64{2, 3, 6, 7}, 1, false},
		{[]float64{7, 7, 7, 7}, []float64{7, 7, 7, 7}, 1, true},
		// Ties: of {1, 2, 2, 3}, rank sums of two are 3.5 (two ways), 5 (two), 6.5 (two); {1,2} is among the least two of six.
		{[]float64{1, 2}, []float64{2, 3}, 2.0 * 2 / 6, true},
	} {
		p, warnings := mannWhitney(c.a, c.b)
		if !near(p, c.p) || (len(warnings) > 0) != c.warn {
			t.Errorf("mannWhitney(%v, %v) = %g, %v; want %g, warning %v", c.a, c.b, p, warnings, c.p, c.warn)
		}
	}
}

// The approximation takes over where the exact test ends; there the two must agree.
func TestMannWhitneyApproximationMeetsExact(t *testing.T) {
	var a, b []float64
	for i := range 25 {
		a = append(a, float64(i))
		b = append(b, float64(i)+4.5)
	}
	exact, _ := mannWhitney(a, b)
	ranks, ties := doubledRanks(a, b)
	sum := 0
	for _, r := range ranks[:25] {
		sum += r
	}
	if approx := normalMannWhitney(sum, 25, 25, ties); math.Abs(approx-exact) > 0.1*exact {
		t.Errorf("exact %g, approximation %g", exact, approx)
	}
}

func TestPairedRatio(t *testing.T) {
	a := []float64{10, 20, 30, 40, 50, 60}
	r := PairedRatio(a, []float64{11, 22, 33, 44, 55, 66})
	if !near(r.Value, 1.1) || !near(r.P, 2.0/64) || !r.Shown || !near(r.Confidence, 0.96875) {
		t.Errorf("six pairs, each 10 %% up: %+v", r)
	}
	r = PairedRatio(a, []float64{11, 19, 33, 38, 55, 57})
	if r.Shown || r.P != 1 {
		t.Errorf("three up, three down: %+v; want no difference shown", r)
	}
	if r = PairedRatio(a[:5], []float64{20, 40, 60, 80, 100}); r.Shown || len(r.Warnings) == 0 {
		t.Errorf("five pairs cannot show anything: %+v", r)
	}
	if r = PairedRatio([]float64{0}, []float64{1}); !math.IsNaN(r.Value) || len(r.Warnings) == 0 {
		t.Errorf("a zero: %+v", r)
	}
}

// Mann and Whitney's table of critical values: for n = m = 4 the critical U at 5 % is 0, for 6 and 6 it is 5.
func TestShiftRankAgainstTable(t *testing.T) {
	for _, c := range []struct{ n, m, rank int }{{3, 3, -1}, {4, 4, 0}, {5, 5, 2}, {6, 6, 5}, {8, 8, 13}, {10, 10, 23}} {
		if rank, covered := shiftRank(c.n, c.m); rank != c.rank || rank >= 0 && covered < 0.95 {
			t.Errorf("n %d m %d: rank %d (%.4f); the table says %d", c.n, c.m, rank, covered, c.rank)
		}
	}
}

func TestUnpairedRatio(t *testing.T) {
	a := []float64{1, 1.01, 1.02, 0.99, 0.98, 1.03}
	b := []float64{2, 2.02, 2.04, 1.98, 1.96, 2.06}
	r := unpairedRatio(a, b)
	if !r.Shown || r.Value < 1.95 || r.Value > 2.05 || r.Lo > r.Value || r.Hi < r.Value || r.Confidence < 0.95 {
		t.Errorf("twice: %+v", r)
	}
	if r := unpairedRatio(a, a); r.Shown || !near(r.Value, 1) {
		t.Errorf("A against A: %+v", r)
	}
}
