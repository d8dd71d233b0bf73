package measure

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestGrowth: a leak of a known size is found with its size inside the interval, and what breathes is no leak.
func TestGrowth(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	soak := func(f func(i int) float64) (at, memory []float64) {
		for i := range 3600 {
			at, memory = append(at, float64(i)), append(memory, f(i))
		}
		return at, memory
	}
	const mega = 1 << 20
	leak := Growth(soak(func(i int) float64 { return 100*mega + 20*mega*float64(i)/3600 + mega*random.NormFloat64() }))
	if leak == nil || !leak.Grows || leak.Lo > 20*mega || leak.Hi < 20*mega || math.Abs(leak.PerHour-20*mega) > mega || leak.Lo >= leak.Hi {
		t.Errorf("a leak of 20 MiB an hour: %+v", leak)
	}
	breathes := Growth(soak(func(i int) float64 { return 100*mega + 10*mega*math.Sin(float64(i)/40) + mega*random.NormFloat64() }))
	if breathes == nil || breathes.Grows || breathes.Lo > 0 || breathes.Hi < 0 {
		t.Errorf("a heap that breathes: %+v", breathes)
	}
	small := Growth(soak(func(i int) float64 { return 100*mega + mega*float64(i)/3600 }))
	if small == nil || small.Grows || small.Lo <= 0 {
		t.Errorf("a MiB an hour of 100 is told and condemns nobody: %+v", small)
	}
	// By hand: 12 values that rise by 1 MiB a second have 66 slopes, all of them 1 MiB/s.
	at, memory := soak(func(i int) float64 { return 10*mega + mega*float64(i) })
	exact := Growth(at[:12], memory[:12])
	if exact == nil || exact.PerHour != 3600*mega || exact.Lo != exact.Hi || !exact.Grows || exact.Level != 15.5*mega {
		t.Errorf("%+v", exact)
	}
	if g := Growth(at[:11], memory[:11]); g != nil {
		t.Errorf("eleven intervals tell nothing: %+v", g)
	}
}
