package measure

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"mqttbench/bench/result"
)

// fives repeats each value five times: its batch of MSER-5.
func fives(values ...float64) (all []float64) {
	for _, v := range values {
		all = append(all, v, v, v, v, v)
	}
	return all
}

// TestMSER5 has vectors worked out by hand.
func TestMSER5(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		d      int
		ok     bool
	}{
		"two batches of warm-up": {fives(10, 5, 1, 1, 1, 1, 1, 1, 1, 1), 10, true},
		"none":                   {fives(3, 3, 3, 3, 3, 3, 3, 3, 3, 3), 0, true},
		// Left are m values of a ramp: their sum of squares is m(m^2-1)/12, so the statistic (m-1/m)/12 falls with every one that is cut off.
		"a ramp never settles": {fives(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 35, false},
		// The statistics are 120/144 = 0.833 with the 11 and 8/121 = 0.066 without; then 2 (m = 10) 8/100: more.
		"noise is left in":                {fives(-9, 1, -1, 1, -1, 1, -1, 1, -1, 0, 0, 0), 5, true},
		"too short":                       {fives(9, 1, 1, 1), 0, false},
		"the rest of a batch is left out": {append(fives(10, 5, 1, 1, 1, 1, 1, 1, 1, 1), 1000, 1000), 10, true},
	} {
		if d, ok := mser5(c.values); d != c.d || ok != c.ok {
			t.Errorf("%s: cut %d, %t; want %d, %t", name, d, ok, c.d, c.ok)
		}
	}
}

// TestTrend: 1 to 10 have 45 rising pairs, variance 10*9*25/18 = 125, z = 44/sqrt(125). 1, 2, 2, 3 have 5 and one tie: (156-18)/18, z = 4/sqrt(7.667).
func TestTrend(t *testing.T) {
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-4 }
	up := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	if x := trendOf(up); x.Slope != 1 || x.Level != 5.5 || !near(x.P, 8.31e-5) {
		t.Errorf("%+v", x)
	}
	slices.Reverse(up)
	if x := trendOf(up); x.Slope != -1 || !near(x.P, 8.31e-5) {
		t.Errorf("%+v", x)
	}
	if x := trendOf([]float64{1, 2, 2, 3}); !near(x.P, 0.1486) || !near(x.Slope, 7.0/12) {
		t.Errorf("%+v", x)
	}
	if x := trendOf([]float64{4, 4, 4, 4, 4}); x.P != 1 || x.Slope != 0 {
		t.Errorf("%+v", x)
	}
	// Of noise without a trend, one in a hundred may pass for one at p < 0.01; of noise that remembers, not many more.
	for _, memory := range []float64{0, 0.5} {
		seen, random := 0, rand.New(rand.NewPCG(1, 2))
		for range 400 {
			values, v := make([]float64, 40), 0.0
			for i := range values {
				v = memory*v + random.NormFloat64()
				values[i] = v
			}
			if trendOf(values).P < 0.01 {
				seen++
			}
		}
		if seen > 20 {
			t.Errorf("memory %v: %d trends in 400 series of noise", memory, seen)
		}
	}
}

// shape makes points: the rate and the median of each are f(i), with noise of 5 %. A median below 0 is one with a slower tail.
func shape(n int, f func(i int) (rate, p50 float64)) []Point {
	random := rand.New(rand.NewPCG(3, 4))
	points := make([]Point, n)
	for i := range points {
		rate, p50 := f(i)
		tail := 3 * p50
		if p50 < 0 { // Of one, only the tail is slower.
			p50, tail = -p50, -30*p50
		}
		noise := 1 + 0.05*random.NormFloat64()
		points[i] = Point{At: int64(i) * Beat, Delivered: rate * (1 + 0.01*random.NormFloat64()), P50: p50 * noise, P99: tail * noise}
	}
	return points
}

// TestSettled: ramps and steps that are put in are found, and nothing is found where there is nothing. The measured part is from 5 to 25 s,
// in parts of a second up to its half.
func TestSettled(t *testing.T) {
	step := func(at int) func(i int) (float64, float64) {
		return func(i int) (float64, float64) {
			if i < at {
				return 50, 9e5
			}
			return 100, 1e5
		}
	}
	for name, c := range map[string]struct {
		f       func(i int) (rate, p50 float64)
		verdict string
		cut     float64 // The least, s; the rule may give up some of what follows, if it is calmer by chance.
	}{
		"steady":          {func(int) (float64, float64) { return 100, 1e5 }, result.VerdictSteady, 0},
		"slower to come":  {func(i int) (float64, float64) { return 100, 1e5 * (1 + float64(i)/150) }, result.VerdictDrifting, 0},
		"fewer and fewer": {func(i int) (float64, float64) { return 100 - float64(i)/8, 1e5 }, result.VerdictDrifting, 0},
		"warm in time":    {step(40), result.VerdictSteady, 0},
		"warm at 8 s":     {step(80), result.VerdictSteady, 3},
		"warm at 8.3 s":   {step(83), result.VerdictSteady, 4},
		"warm at 17 s":    {step(170), result.VerdictDrifting, 0},
		"slower tail only": {func(i int) (float64, float64) {
			if i < 80 {
				return 100, -1e5
			}
			return 100, 1e5
		}, result.VerdictSteady, 3},
		"a quick beginning is one, too": {func(i int) (float64, float64) {
			if i < 80 {
				return 100, 2e4
			}
			return 100, 1e5
		}, result.VerdictSteady, 3},
		"a stall is in the figures": {func(i int) (float64, float64) {
			if i >= 90 && i < 100 {
				return 0, 1e9
			}
			if i == 100 {
				return 1100, 5e8
			}
			return 100, 1e5
		}, result.VerdictSteady, 0},
		"bursts are no warm-up": {func(i int) (float64, float64) {
			if i%10 == 0 {
				return 1000, 1e5
			}
			return 0, 1e5
		}, result.VerdictSteady, 0},
	} {
		all := shape(250, c.f)
		w := Window{From: 50 * Beat, To: 250 * Beat, Grain: 10 * Beat}
		got := Settled(all[:50], all[50:], w)
		if !got.Checked || got.Verdict != c.verdict || got.Steady != (c.verdict == result.VerdictSteady) || got.WarmUpShort {
			t.Errorf("%s: %+v", name, got)
		}
		if got.Cut < c.cut || got.Cut > 2*c.cut || c.cut == 0 && got.Cut > 0 {
			t.Errorf("%s: cut %v s, want %v or somewhat more", name, got.Cut, c.cut)
		}
		// Where nothing may be left out, the same run is drifting, and says what warm-up it takes.
		w.Grain = 0
		if got := Settled(all[:50], all[50:], w); got.WarmUpShort != (c.cut > 0) || got.Cut != 0 || c.cut > 0 && (got.Steady || got.WarmUpCut < 8 || got.WarmUpCut > 11.5) {
			t.Errorf("%s, with nothing left out: %+v", name, got)
		}
	}
	if got := Settled(nil, shape(49, func(int) (float64, float64) { return 1, 1 }), Window{To: 49 * Beat}); got.Checked {
		t.Errorf("five seconds decide nothing: %+v", got)
	}
}

// TestSettledByHand: without noise the rule takes the slow batches and no other. 33 slow beats and 167 quick ones: the seventh batch has three
// slow beats of five, so 35 beats go, which reach into the fourth second.
func TestSettledByHand(t *testing.T) {
	for _, c := range []struct {
		slow int
		cut  float64
	}{{0, 0}, {1, 1}, {10, 1}, {11, 2}, {33, 4}, {35, 4}, {40, 4}, {95, 10}, {100, 10}} {
		points := make([]Point, 200)
		for i := range points {
			points[i] = Point{At: int64(i) * Beat, Delivered: 100, P50: 1e5, P99: 2e5}
			if i < c.slow {
				points[i].P50, points[i].P99 = 9e5, 9e5
			}
		}
		got := Settled(nil, points, Window{To: 200 * Beat, Grain: 10 * Beat})
		if got.Cut != c.cut || !got.Steady {
			t.Errorf("%d slow beats: cut %v s, want %v: %+v", c.slow, got.Cut, c.cut, got)
		}
	}
}

// TestCourse: what is recorded comes out by the tenth of a second, with a gap where the broker stood still, whatever the groups'
// order of handing over.
func TestCourse(t *testing.T) {
	c := NewCollector(2)
	a, b := NewRecorder(0), NewRecorder(1)
	const at = 1000 * Beat
	for i := range 10 {
		a.Seen(at, at, at+int64(i)+1, 1)
		b.Seen(at, at, at+1_000_000, 1)
	}
	early := a.Swap(0)
	a.Seen(at+4*Beat, at+4*Beat, at+4*Beat+50_000, 1)
	c.Add(a.Swap(1))
	c.Add(b.Swap(0))
	c.Add(early)
	b.Seen(at+4*Beat, at+4*Beat, at+4*Beat+90_000, 1)
	c.Add(b.Swap(1))
	got := c.Course()
	if len(got) != 5 || got[0].At != at || got[0].Delivered != 20 || got[1].Delivered != 0 || got[3].At != at+3*Beat || got[4].Delivered != 2 {
		t.Fatalf("%+v", got)
	}
	if p := got[0]; p.P50 < 0.94e6 || p.P50 > 1.06e6 || p.P99 < p.P50 {
		t.Errorf("%+v", p)
	}
}

// TestBeatClass: a class's value is within 6 % of all that is counted in it.
func TestBeatClass(t *testing.T) {
	for ns := int64(0); ns < 1<<42; ns += 1 + ns/37 {
		if v := beatValue(beatClass(ns)); math.Abs(v-float64(ns)) > 0.0626*float64(ns)/2+0.5 {
			t.Fatalf("%d is counted as %v", ns, v)
		}
	}
	if c := beatClass(math.MaxInt64); c != beatClasses-1 {
		t.Error(c)
	}
}
