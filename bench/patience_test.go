package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/plan"
)

// Complaints are what a test has to say against a run.
type complaints []string

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	*c = append(*c, fmt.Sprintf(format, args...))
}

// A slowness is how many times the usual time a run is given.
type slowness int

// patiently judges a run whose times a slow machine may not keep: who was to be away is not, since it was late to leave. It then has four times
// as long, and sixteen times; what is wrong stays wrong.
func patiently(t *testing.T, judge func(c *complaints, slow slowness)) {
	t.Helper()
	for slow := slowness(1); ; slow *= 4 {
		var c complaints
		judge(&c, slow)
		switch {
		case len(c) == 0:
			return
		case slow == 16:
			t.Error(strings.Join(c, "\n"))
			return
		}
		t.Logf("with %d times as much time: %s", slow, strings.Join(c, "\n"))
	}
}

// of is a duration of the plan, made longer.
func (slow slowness) of(d plan.Duration) plan.Duration { return d * plan.Duration(slow) }

// ms is so many milliseconds, made longer.
func (slow slowness) ms(n int) plan.Duration {
	return slow.of(plan.Duration(time.Duration(n) * time.Millisecond))
}

// stretch gives a plan that much time for as many messages, comings and goings.
func (slow slowness) stretch(p plan.Plan) plan.Plan {
	p.Warmup, p.Duration, p.Readers.Every = slow.of(p.Warmup), slow.of(p.Duration), slow.of(p.Readers.Every)
	p.Offline = slow.offline(p.Offline)
	for i := range p.MoreOffline {
		p.MoreOffline[i] = slow.offline(p.MoreOffline[i])
	}
	p.Churn.Down, p.Flap.For = slow.of(p.Churn.Down), slow.of(p.Flap.For)
	p.Rate, p.Churn.Rate, p.Flap.Rate = p.Rate/float64(slow), p.Churn.Rate/float64(slow), p.Flap.Rate/float64(slow)
	return p
}

func (slow slowness) offline(o plan.Offline) plan.Offline {
	o.At, o.For = slow.of(o.At), slow.of(o.For)
	return o
}
