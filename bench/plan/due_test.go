package plan

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"
)

// paced is a plan with the given arrivals.
func paced(arrivals Arrivals, publishers int, rate float64) *Plan {
	p := Plan{
		Seed: 42, RunID: 7, Publishers: publishers, Subscribers: publishers,
		Rate: rate, Arrivals: arrivals, Duration: Duration(10 * time.Second),
	}.WithDefaults()
	return &p
}

func TestConstantDue(t *testing.T) {
	p := paced(Constant, 2, 4) // Each publisher: every 500 ms.
	for pub := range 2 {
		phase := p.Due(pub, 0)
		if phase < 0 || phase >= 500e6 {
			t.Errorf("publisher %d begins at %d ns, outside its first period", pub, phase)
		}
		if got := p.Due(pub, 1000) - phase; got != 500e9 {
			t.Errorf("publisher %d: 1000 messages take %d ns, want 500 s", pub, got)
		}
	}
	if p.Due(0, 0) == p.Due(1, 0) {
		t.Error("both publishers have the same phase")
	}
}

func TestBurstDue(t *testing.T) {
	p := paced(Burst, 100, 100)
	for pub := range 100 {
		if got := p.Due(pub, 3); got != 3e9 {
			t.Fatalf("publisher %d: message 3 is due at %d ns, want 3 s", pub, got)
		}
	}
}

// TestRateDoesNotDrift compares with exact arithmetic after a thousand million messages. Adding up a rounded
// interval would be 0.43 s off at 700,000 messages a second.
func TestRateDoesNotDrift(t *testing.T) {
	const n = 1_000_000_000
	for _, rate := range []float64{1, 3, 700_000, 333_333, 1e6 / 7} {
		p := paced(Burst, 3, rate)
		exact := new(big.Rat).SetFloat64(rate)
		exact.Inv(exact).Mul(exact, big.NewRat(3*n, 1)).Mul(exact, big.NewRat(1e9, 1))
		got := new(big.Rat).SetInt64(p.Due(0, n))
		off, _ := got.Sub(got, exact).Float64()
		// At one message in three seconds, n are 95 years, and a float64 has 52 days to the
		// nanosecond: allow its rounding.
		if limit := 1 + float64(p.Due(0, n))/(1<<52); math.Abs(off) > limit {
			t.Errorf("rate %v: message %d is due %v ns off", rate, n, off)
		}
	}
}

// TestPhases: 1000 publishers spread over the period evenly (Kolmogorov and Smirnov, 1 % level).
func TestPhases(t *testing.T) {
	const n = 1000
	p := paced(Constant, n, n)
	var phases []float64
	for pub := range n {
		phases = append(phases, float64(p.Due(pub, 0))/1e9)
	}
	if d := distance(phases, func(x float64) float64 { return x }); d > 1.63/math.Sqrt(n) {
		t.Errorf("phases are not uniform: distance %v", d)
	}
}

// distance is the statistic of Kolmogorov and Smirnov: the largest difference between the
// distribution of a sample and cdf.
func distance(sample []float64, cdf func(float64) float64) float64 {
	slices.Sort(sample)
	d, n := 0.0, float64(len(sample))
	for i, x := range sample {
		d = max(d, math.Abs(cdf(x)-float64(i)/n), math.Abs(cdf(x)-float64(i+1)/n))
	}
	return d
}

// TestPoissonGaps: the gaps are exponential, and independent of their neighbours, also across the blocks of 64.
func TestPoissonGaps(t *testing.T) {
	const n = 20_000
	p := paced(Poisson, 1, 1000)
	dues := NewDues(p)
	var gaps []float64
	last := int64(0)
	for i := range uint32(n) {
		due := dues.At(0, i)
		gaps = append(gaps, float64(due-last)/1e6) // In mean gaps.
		last = due
	}
	product := 0.0
	for i := range n - 1 {
		product += (gaps[i] - 1) * (gaps[i+1] - 1)
	}
	if r := product / (n - 1); math.Abs(r) > 2.58/math.Sqrt(n) {
		t.Errorf("neighbouring gaps are correlated: %v", r)
	}
	if d := distance(gaps, func(x float64) float64 { return 1 - math.Exp(-x) }); d > 1.63/math.Sqrt(n) {
		t.Errorf("gaps are not exponential: distance %v", d)
	}
}

// TestPoissonCounts: in windows that hold several blocks of 64 messages the counts still vary as much as
// their mean. A process that fixes the count of each block passes TestPoissonGaps and fails here.
func TestPoissonCounts(t *testing.T) {
	for _, mean := range []int64{400, 9000} { // Several parts of level 1, and of level 2.
		t.Run(fmt.Sprint(mean), func(t *testing.T) { checkDispersion(t, mean) })
	}
}

func checkDispersion(t *testing.T, mean int64) {
	const windows = 500
	p := paced(Poisson, 1, 1000)
	sum, squares := 0.0, 0.0
	for w := range int64(windows) {
		n := float64(p.Count(0, w*mean*1e6, (w+1)*mean*1e6))
		sum, squares = sum+n, squares+n*n
	}
	m := sum / windows
	dispersion := (squares/windows - m*m) / m
	// 1 in the mean; its standard deviation is sqrt(2/windows).
	if math.Abs(dispersion-1) > 2.58*math.Sqrt(2./windows) {
		t.Errorf("variance of counts is %.3f of their mean, want 1", dispersion)
	}
}

// TestPoissonRate: where a block of 64*64*64 ends, the rate is exact.
func TestPoissonRate(t *testing.T) {
	p := paced(Poisson, 1, 1000)
	const block = fan * fan * fan
	for i := uint32(1); i < 4; i++ {
		if got, want := p.Due(0, i*block-1), int64(i)*block*1e6; got < want-1 || got > want {
			t.Errorf("message %d is due at %d ns, want %d", i*block-1, got, want)
		}
	}
}

// TestDuesAgree: the cursor and the pure function are the same, in any order of questions.
func TestDuesAgree(t *testing.T) {
	for _, arrivals := range []Arrivals{Constant, Poisson, Burst} {
		p := paced(arrivals, 3, 500)
		dues := NewDues(p)
		rng := source(1)
		for i := range 3000 {
			pub, n := int(rng.next()%3), uint32(i/3)
			switch rng.next() % 10 {
			case 0:
				n = uint32(rng.next())
			case 1:
				n = fan*fan*fan - 5 + uint32(rng.next()%10)
			case 2:
				n -= min(n, uint32(rng.next()%100))
			}
			if got, want := dues.At(pub, n), p.Due(pub, n); got != want {
				t.Fatalf("%s: message %d of %d: Dues says %d, Due says %d", arrivals, n, pub, got, want)
			}
		}
	}
}

func TestDueIsMonotonic(t *testing.T) {
	for _, arrivals := range []Arrivals{Constant, Poisson, Burst} {
		dues, last := NewDues(paced(arrivals, 1, 777)), int64(-1)
		for n := range uint32(fan*fan*fan + 1000) {
			due := dues.At(0, n)
			if due < last {
				t.Fatalf("%s: message %d is due at %d, before its predecessor at %d", arrivals, n, due, last)
			}
			last = due
		}
	}
}

// TestCount compares with counting.
func TestCount(t *testing.T) {
	for _, arrivals := range []Arrivals{Constant, Poisson, Burst} {
		p := paced(arrivals, 3, 1000./3)
		for pub := range 3 {
			var dues []int64
			for n := range uint32(2000) {
				dues = append(dues, p.Due(pub, n))
			}
			probe := []int64{0, 1, 9e9, 9e9 + 1, 10e9, dues[0], dues[0] + 1, dues[63], dues[63] + 1, dues[64], dues[64] + 1, dues[999], dues[999] + 1}
			for _, from := range probe {
				for _, to := range probe {
					want := int64(0)
					for _, due := range dues {
						if from <= due && due < to {
							want++
						}
					}
					if got := p.Count(pub, from, to); got != want {
						t.Errorf("%s, publisher %d: %d messages in [%d, %d), want %d", arrivals, pub, got, from, to, want)
					}
				}
			}
		}
	}
}

// TestDuesOffered: the cursor counts what the pure function counts, in any order of questions.
func TestDuesOffered(t *testing.T) {
	for _, arrivals := range []Arrivals{Constant, Poisson, Burst} {
		p := paced(arrivals, 3, 1000)
		dues, rng, from := NewDues(p), source(3), int64(0)
		for i := range 1000 {
			to := from + int64(rng.next()%2e9) - 1e8
			if got, want := dues.Offered(from, to), p.Offered(from, to); got != want {
				t.Fatalf("%s: Dues counts %d messages in [%d, %d), Plan %d", arrivals, got, from, to, want)
			}
			from = to
			if i%20 == 0 {
				from = int64(rng.next() % 2000e9)
				dues.At(1, uint32(rng.next()%1e6))
			}
		}
	}
}

func TestExpected(t *testing.T) {
	p := paced(Burst, 5, 50) // Each: ten a second.
	p.Pattern, p.Subscribers = FanOut, 1000
	if got := p.Offered(0, p.End()); got != 500 {
		t.Errorf("offered %d messages in 10 s, want 500", got)
	}
	if got := p.Expected(0, 1e9); got != 50_000 {
		t.Errorf("expected %d deliveries in a second, want 50000", got)
	}
	p.Closed = true
	if got := p.Offered(0, p.End()); got != 0 {
		t.Errorf("a closed loop offers %d messages, want 0: it has no schedule", got)
	}
}
