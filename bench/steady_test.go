package bench

import (
	"math"
	"testing"
	"time"

	"mqttbench/bench/fault"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// behind puts a proxy before the reference broker, which the run takes for a broker.
func behind(t *testing.T, faults ...fault.Fault) *fault.Proxy {
	t.Helper()
	p, err := fault.NewProxy(fault.Options{Broker: serve(t, broker.Options{}).Addrs()[0], Plan: fault.Plan{Seed: 1, Faults: faults}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// armed arms a proxy when the measured part begins, so that the probe and the warm-up know nothing of it.
func armed(p *fault.Proxy) func(begins bool) {
	return func(begins bool) {
		if begins {
			p.Arm()
		}
	}
}

// TestWarmUpIsCut: a broker that is slow in the first second of the measured part has it left out of every figure, and of no
// verdict, when the run ends, and for who reads it later; and all of it in the figures if that is what is wanted.
func TestWarmUpIsCut(t *testing.T) {
	if testing.Short() {
		t.Skip("short: less than five seconds are not judged")
	}
	t.Parallel()
	for name, keep := range map[string]bool{"cut": false, "kept": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := behind(t, fault.Fault{Action: fault.Delay, Direction: fault.Down, Type: packet.PUBLISH, At: 1, Until: 800 * time.Millisecond, For: 300 * time.Millisecond})
			p := small(plan.Plan{PubQoS: 1, SubQoS: 1, Rate: 400})
			p.Duration = plan.Duration(6600 * time.Millisecond)
			res, err := do(t, t.Context(), slow.URL(), native(t, transport.Auto, 2), p, func(c *Config) {
				c.Interval, c.KeepTransient, c.Measuring = 250*time.Millisecond, keep, armed(slow)
			})
			if err != nil {
				t.Fatal(err)
			}
			s := &res.Summary
			c := &s.Contracts[0]
			if want := p.Offered(0, p.End()); c.Attempted != want || c.Acked != want || c.Delivered != want || len(c.Findings) != 0 {
				t.Errorf("of %d messages: %+v", want, c)
			}
			cut := int64(math.Round(s.Steady.Cut * 1e9))
			from := int64(p.Warmup) + cut
			if want := p.Expected(from, p.End()); s.Response.Count != want || s.Measured.Delivered != want || s.Measured.Offered != p.Offered(from, p.End()) {
				t.Errorf("%d response times, %+v; %d deliveries were due in what counts", s.Response.Count, s.Measured, want)
			}
			if want := float64(p.End()-from) / 1e9; math.Abs(s.Measured.Seconds-want) > 1e-6 {
				t.Errorf("%v s count, want %v", s.Measured.Seconds, want)
			}
			again, err := result.Read(res.Dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []*result.Run{res, again} {
				if q := r.Response.Quantiles(); cut > 0 && q != s.Response {
					t.Errorf("the histogram says %+v, the summary %+v", q, s.Response)
				}
			}
			if s.Wire == nil || s.Measured.Accepted == 0 || gate(res, result.SanityGate) != nil {
				t.Errorf("%+v", s)
			}
			// A machine that is slow by itself may decide otherwise.
			complain := t.Errorf
			if s.Steady.WarmUpCut > 3.2 || s.Steady.Unsettled { // As good as half, or more.
				complain = t.Skipf
			}
			for _, iv := range res.Intervals {
				if from := res.Intervals[firstMeasured(res)].T0; iv.Phase == result.PhaseMeasure && iv.T0 > from+1.5 && iv.T1 > iv.T0+0.2 && (iv.Response.P50 > 0.03 || iv.Delivered == 0) {
					complain = t.Skipf
				}
			}
			if keep {
				if cut != 0 || !s.Steady.WarmUpShort || s.Steady.Steady || s.Response.Max < 0.29 {
					complain("nothing was to be left out: %+v, %+v", s.Steady, s.Response)
				}
				return
			}
			if cut < 0.75e9 || cut > 3.3e9 || s.Steady.WarmUpShort {
				complain("cut %v s, want 1 to 3.25: %+v", s.Steady.Cut, s.Steady)
			}
			// The cost is of what counts, too: its time, and the intervals after the cut.
			if g := s.Cost.Generator; g != nil {
				used := 0.0
				for _, iv := range res.Intervals {
					if iv.Phase == result.PhaseMeasure && iv.T0 >= res.Intervals[firstMeasured(res)].T0+s.Steady.Cut-0.01 {
						used += iv.Generator.CPU()
					}
				}
				if got := g.UserCPU + g.SystemCPU; math.Abs(got-used) > 0.05*used+1e-6 {
					t.Errorf("%v s of CPU time count, and %v s in the intervals after the cut", got, used)
				}
			}
		})
	}
}

func firstMeasured(r *result.Run) int {
	for i := range r.Intervals {
		if r.Intervals[i].Phase == result.PhaseMeasure {
			return i
		}
	}
	return 0
}

// TestSlowReceiver: subscribers that get a message now and then when the time of the drain is over have lost none: nobody knows. If nothing
// comes any more, what is missing is lost.
func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	slow := fault.Fault{Action: fault.Throttle, Direction: fault.Down, Type: packet.PUBLISH, Every: 1, Rate: 1000} // Ten messages a second.
	lost := fault.Fault{Action: fault.Forge, Direction: fault.Down, Every: 3}
	for name, c := range map[string]struct {
		fault   fault.Fault
		rate    float64
		drain   time.Duration
		outcome result.Outcome
		code    int
	}{"slow": {slow, 2500, 1200 * time.Millisecond, result.Unknown, 3}, "lost": {lost, 250, time.Minute, result.Broken, 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, arm := behind(t, c.fault), (func(bool))(nil)
			if name == "slow" { // From the first message on, and two minutes' worth: a slow machine must not let all of them through before.
				proxy.Arm()
			} else {
				arm = armed(proxy)
			}
			p := small(plan.Plan{PubQoS: 1, SubQoS: 1, Publishers: 1, Subscribers: 1, Rate: c.rate})
			p.Warmup = 0 // So that the proxy is armed before the first message, however late this machine is.
			res, err := do(t, t.Context(), proxy.URL(), native(t, transport.Auto, 1), p, func(cfg *Config) {
				cfg.DrainFor, cfg.Measuring = c.drain, arm
			})
			if err != nil {
				t.Fatal(err)
			}
			s := &res.Summary
			k := &s.Contracts[0]
			late, gone, g := k.Count(result.Late), k.Count(result.Lost), gate(res, result.DrainGate)
			if s.Outcome != c.outcome || s.ExitCode != c.code || !s.Lossy() || k.Delivered+late+gone != k.Expected || k.Count(result.Stuck) != 0 {
				t.Errorf("%s, exit code %d: %+v", s.Outcome, s.ExitCode, k)
			}
			if slow := name == "slow"; slow != (late > 0) || slow != (gone == 0) || slow != (g != nil) || g != nil && g.Value < float64(late) {
				t.Errorf("%d late, %d lost: %+v", late, gone, g)
			}
			if bad := gate(res, result.SanityGate); bad != nil {
				t.Error(bad.Advice)
			}
		})
	}
}
