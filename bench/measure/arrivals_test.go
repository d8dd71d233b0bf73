package measure

import (
	"testing"
	"time"

	"mqttbench/bench/result"
)

// TestArrivalGates: each process is recognised by its figures, and none passes for another. The figures are those of theory: equal gaps have a CV
// of 0, exponential ones of 1; 100 phases spread at random have a resultant of about 0.1, equal ones of 1.
func TestArrivalGates(t *testing.T) {
	constant := Arrivals{Period: 1e8, Gaps: 10_000, CV: 0.01, Publishers: 100, Together: 0.1}
	poisson := Arrivals{Poisson: true, Period: 1e8, Gaps: 10_000, CV: 1.01, Publishers: 100, Together: 0.1}
	burst := Arrivals{Burst: true, Period: 1e8, Gaps: 10_000, CV: 0.01, Publishers: 100, Together: 0.99}
	as := func(a Arrivals, change func(*Arrivals)) Arrivals { change(&a); return a }
	for name, c := range map[string]struct {
		a    Arrivals
		lag  time.Duration
		want result.Validity
	}{
		"constant":                  {constant, time.Millisecond, result.ValidityOK},
		"poisson":                   {poisson, time.Millisecond, result.ValidityOK},
		"burst":                     {burst, time.Millisecond, result.ValidityOK},
		"constant that is poisson":  {as(constant, func(a *Arrivals) { a.CV = 1 }), time.Millisecond, result.ValidityInvalid},
		"poisson that is constant":  {as(poisson, func(a *Arrivals) { a.CV = 0 }), time.Millisecond, result.ValidityInvalid},
		"constant, all together":    {as(constant, func(a *Arrivals) { a.Together = 0.99 }), time.Millisecond, result.ValidityInvalid},
		"burst, all over the place": {as(burst, func(a *Arrivals) { a.Together = 0.1 }), time.Millisecond, result.ValidityInvalid},
		"too few to tell":           {as(constant, func(a *Arrivals) { a.CV, a.Gaps = 1, 99 }), time.Millisecond, result.ValidityOK},
		"the lag is forgiven here":  {as(constant, func(a *Arrivals) { a.CV, a.Period = 0.5, 1e6 }), time.Millisecond, result.ValidityOK},
	} {
		e := Evidence{Published: true, LagP99: c.lag, OfferedRate: 1, SentRate: 1, Arrivals: c.a, Stalled: -1, Steal: -1, ForeignCPU: -1, GeneratorCPU: -1}
		if got, gates := Judge(e); got != c.want {
			t.Errorf("%s: %s, %+v", name, got, gates)
		}
	}
}
