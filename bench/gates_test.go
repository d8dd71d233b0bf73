package bench

import (
	"fmt"
	"math"
	"net"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/transport"
)

// failed reports whether a result has a gate of that name that was not passed.
func failed(r *result.Run, name string) bool {
	return slices.ContainsFunc(r.Summary.Gates, func(g result.Gate) bool { return g.Name == name && !g.Passed && g.Advice != "" })
}

// TestMachineGates: a machine that says that its quota was used up, that its CPUs were too hot and that a hypervisor took them makes a run noisy, for
// each of the reasons by name.
func TestMachineGates(t *testing.T) {
	t.Parallel()
	s := serve(t, broker.Options{})
	asked := int64(0)
	p := small(plan.Plan{Publishers: 1, Subscribers: 1, Rate: 20})
	res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 1), p, func(c *Config) {
		c.system = func() (measure.SystemUsage, error) { // However long the run took on a busy machine, it was throttled throughout.
			asked++
			return measure.SystemUsage{Stalled: -1, Busy: -1, Steal: asked * 1e15, Throttled: asked * 1e15, TooHot: asked}, nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"throttled", "thermal throttling", "stolen CPU"} {
		if !failed(res, name) {
			t.Errorf("%s: not told; %+v", name, res.Summary.Gates)
		}
	}
	if asked < 2 || res.Summary.Validity == result.ValidityOK {
		t.Errorf("the machine was asked %d times, and the run is %s", asked, res.Summary.Validity)
	}
}

// TestNoPort: an address from which nothing can be dialled is what a machine without a port left looks like.
func TestNoPort(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("other systems have other words for it")
	}
	s := serve(t, broker.Options{})
	res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 1), small(plan.Plan{Publishers: 2, Subscribers: 2}), func(c *Config) {
		c.Locals = []net.Addr{&net.TCPAddr{IP: net.IPv4(203, 0, 113, 7)}} // It is for documentation, RFC 5737, and no machine's.
	})
	if err == nil || res == nil {
		t.Fatalf("%v, %v: no client has an address", res, err)
	}
	if !failed(res, "no port or descriptor left") || res.Summary.Validity != result.ValidityInvalid {
		t.Errorf("%s, %+v", res.Summary.Validity, res.Summary.Gates)
	}
}

// TestExhausted: which errors of a connection are the generator's own want of something.
func TestExhausted(t *testing.T) {
	w := &worker{failures: map[string]*failure{}}
	for want, err := range []error{nil, syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE} {
		if err != nil {
			w.failed(fmt.Errorf("connect to tcp://127.0.0.1:1: %w", err), 1)
		}
		w.failed(fmt.Errorf("connect to tcp://127.0.0.1:1: %w", syscall.ECONNREFUSED), 2)
		if w.exhausted != int64(want) {
			t.Errorf("after %v: %d connections", err, w.exhausted)
		}
	}
}

// TestQueueLimitIsTold: in a saturated broker's published figures the run finds the limit of its queue, and not where there is no queue.
func TestQueueLimitIsTold(t *testing.T) {
	r := &run{log: &log{begin: sample{at: 1}}, subs: make([]*subscriber, 1000)}
	s := &result.Summary{Service: result.Quantiles{P50: 12.378}, Measured: result.Totals{DeliveredRate: 81_000}}
	if r.queueLimit(s); s.Queue == nil || s.Queue.Limit != 1000 || s.Queue.Name == "" || math.Abs(s.Queue.Messages-1002.6) > 0.1 {
		t.Errorf("%+v", s.Queue)
	}
	s = &result.Summary{Service: result.Quantiles{P50: 0.012}, Measured: result.Totals{DeliveredRate: 81_000}}
	if r.queueLimit(s); s.Queue != nil {
		t.Errorf("%+v", s.Queue)
	}
}

// TestTimerSlack: how late the group's timer calls is measured against what was asked for; to be called before, because something has happened, is
// not late, and what was asked to happen at once is not either.
func TestTimerSlack(t *testing.T) {
	const ms = int64(time.Millisecond)
	rec := measure.NewRecorder(0)
	rec.SetWindow(measure.Window{To: 1000 * ms})
	w := &worker{rec: rec, frozen: true} // So that a turn does nothing else.
	for _, x := range []struct{ asked, called int64 }{{10 * ms, 13 * ms}, {20 * ms, 15 * ms}, {0, 30 * ms}, {40 * ms, 40 * ms}, {500 * ms, 2000 * ms}} {
		w.asked = x.asked
		if next := w.turn(x.called); next != math.MaxInt64 || w.asked != 0 {
			t.Errorf("asked for %d, called at %d: next %d, asked %d", x.asked, x.called, next, w.asked)
		}
	}
	c := measure.NewCollector(1)
	c.Add(rec.Swap(0))
	q := result.QuantilesOf(c.Totals(0).Slack)
	if q.Count != 2 || q.Min > 1e-6 || math.Abs(q.Max-0.003) > 0.0001 {
		t.Errorf("%+v; want 0 and 3 ms", q)
	}
}
