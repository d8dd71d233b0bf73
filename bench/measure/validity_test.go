package measure

import (
	"math"
	"testing"
	"time"

	"mqttbench/bench/result"
)

// good is the evidence of a run that may be believed.
func good() Evidence {
	return Evidence{
		Published: true, LagP99: 900 * time.Microsecond, ResponseP50: 2 * time.Millisecond,
		OfferedRate: 1000, SentRate: 995, GeneratorCPU: 0.5, GCPauses: pauses(1000, 1e-4), Lasted: 20 * time.Second,
		SchedLatencyP99: 100 * time.Microsecond, Ceiling: 4000, GeneratorFiles: 900, FileLimit: 1000,
		Stalled: 0.05, Steal: 0.01, ForeignCPU: 0.04,
	}
}

// pauses are n of them, each at most so many seconds long, and many that took no time.
func pauses(n uint64, seconds float64) Distribution {
	return Distribution{Counts: []uint64{10_000, n, 0}, Bounds: []float64{0, 1e-5, seconds, math.Inf(1)}}
}

func TestJudge(t *testing.T) {
	const ok, noisy, invalid = result.ValidityOK, result.ValidityNoisy, result.ValidityInvalid
	for _, c := range []struct {
		name string // Of the gate that is to fail.
		spin func(e *Evidence)
		want result.Validity
	}{
		{"", func(*Evidence) {}, ok},
		{"schedule lag p99", func(e *Evidence) { e.LagP99 = 1001 * time.Microsecond }, invalid},
		{"", func(e *Evidence) { e.LagP99 = 9 * time.Millisecond; e.ResponseP50 = 100 * time.Millisecond }, ok}, // A tenth of the median.
		{"missed sends", func(e *Evidence) { e.Missed = 1 }, invalid},
		{"sent of offered", func(e *Evidence) { e.SentRate = 989 }, invalid},
		{"share of the generator's ceiling", func(e *Evidence) { e.Ceiling = 1900 }, invalid},
		{"", func(e *Evidence) { e.Ceiling = 0 }, ok},
		{"generator CPU", func(e *Evidence) { e.GeneratorCPU = 0.81 }, invalid},
		{"", func(e *Evidence) { e.GCPauses = pauses(1, 5e-3) }, ok},                                              // Of 20 s: p99 is as it was.
		{"", func(e *Evidence) { e.GCPauses = pauses(4, 5e-3) }, ok},                                              // A thousandth of the time.
		{"generator GC pauses", func(e *Evidence) { e.GCPauses = pauses(5, 5e-3) }, noisy},                        // More.
		{"generator GC pauses", func(e *Evidence) { e.GCPauses, e.Lasted = pauses(1, 5e-3), time.Second }, noisy}, // The same pause in a short run.
		{"", func(e *Evidence) { e.GCPauses = pauses(1000, 1e-3) }, ok},                                           // Many, none of them longer than one may be.
		{"", func(e *Evidence) { e.GCPauses, e.ResponseP50 = pauses(100, 5e-3), 50*time.Millisecond }, ok},        // A tenth of the median.
		{"generator GC pauses", func(e *Evidence) { e.GCPauses, e.ResponseP50 = pauses(100, 5e-3), 49*time.Millisecond }, noisy},
		{"generator scheduling latency p99", func(e *Evidence) { e.SchedLatencyP99 = 1001 * time.Microsecond }, noisy},
		{"open files", func(e *Evidence) { e.GeneratorFiles = 951 }, invalid},
		{"", func(e *Evidence) { e.GeneratorFiles = 951; e.FileLimit = 0 }, ok},
		{"no port or descriptor left", func(e *Evidence) { e.Exhausted = 1 }, invalid},
		{"throttled", func(e *Evidence) { e.Throttled = 0.011 }, noisy},
		{"", func(e *Evidence) { e.Throttled = 0.01 }, ok},
		{"", func(e *Evidence) { e.Throttled = Unknown }, ok},
		{"thermal throttling", func(e *Evidence) { e.TooHot = 1 }, noisy},
		{"negative durations", func(e *Evidence) { e.ClockAnomalies = 1 }, invalid},
		{"durations out of range", func(e *Evidence) { e.OverRange = 1 }, invalid},
		{"race detectors built in", func(e *Evidence) { e.RaceBuild = true }, invalid},
		{"CPU pressure", func(e *Evidence) { e.Stalled, e.ForeignCPU = 0.11, Unknown }, noisy},
		{"", func(e *Evidence) { e.Stalled = 0.11 }, ok}, // Nobody else was there: broker and generator pressed each other.
		{"schedule lag p99foreign CPU", func(e *Evidence) { e.LagP99, e.ForeignCPU = time.Second, 0.06 }, noisy},
		{"generator CPU", func(e *Evidence) { e.Published, e.GeneratorCPU = false, 0.81 }, noisy},
		{"stolen CPU", func(e *Evidence) { e.Steal = 0.021 }, noisy},
		{"foreign CPU", func(e *Evidence) { e.ForeignCPU = 0.051 }, noisy},
		{"", func(e *Evidence) {
			e.Stalled, e.Steal, e.ForeignCPU, e.GeneratorCPU = Unknown, Unknown, Unknown, Unknown
		}, ok},
		{"delivered in the measured part", func(e *Evidence) { e.Published, e.Closed = false, true }, invalid},
		{"", func(e *Evidence) { e.Published, e.Closed, e.Delivered = false, true, 1 }, ok},
		{"", func(e *Evidence) { e.Published = false; e.Missed = 5; e.LagP99 = time.Second }, ok}, // There was no schedule.
	} {
		e := good()
		c.spin(&e)
		got, gates := Judge(e)
		failed := ""
		for _, g := range gates {
			if g.Passed != (g.Advice == "") || g.Name == "" || g.Unit == "" {
				t.Errorf("gate %+v", g)
			}
			if !g.Passed {
				failed += g.Name
			}
		}
		if got != c.want || failed != c.name {
			t.Errorf("%q fails: %q, %s; want %s", c.name, failed, got, c.want)
		}
	}
	e := good()
	e.ForeignCPU, e.Missed = 1, 1
	if got, _ := Judge(e); got != invalid {
		t.Errorf("noisy and invalid is %s", got)
	}
}

// TestQueueLimit has published latencies of saturated brokers: 12.378 s at 81 deliveries per second
// and subscriber is mosquitto's queue of 1000 messages.
func TestQueueLimit(t *testing.T) {
	if m := QueueLimit(12.378, 81); m.Limit != 1000 || m.Name == "" {
		t.Errorf("%+v, want the limit of 1000", m)
	}
	if m := QueueLimit(12.627, 81); m.Limit != 1020 {
		t.Errorf("%+v, want the limit of 1020", m)
	}
	if m := QueueLimit(0.0002, 1000); m.Limit != 0 {
		t.Errorf("%+v: a fifth of a message in the queue is no limit", m)
	}
	if m := QueueLimit(1, 1060, 100); m.Limit != 1032 {
		t.Errorf("%+v, want the limit of 1032", m)
	}
	if m := QueueLimit(1, 1090); m.Limit != 0 {
		t.Errorf("%+v: 1090 is more than 5 %% from all limits", m)
	}
	if m := QueueLimit(1, 1000, 980); m.Limit != 980 {
		t.Errorf("%+v: the limit given goes first", m)
	}
}

func sane() *result.Summary {
	q := result.Quantiles{Count: 1000, Min: 1, P50: 2, P90: 2, P99: 3, P999: 4, Max: 4}
	return &result.Summary{
		Response: q, Service: q, Lag: q,
		Exchanges: []result.Exchange{{Name: "CONNACK", Took: q}},
		Contracts: []result.Contract{{
			QoS: 1, Attempted: 100, Acked: 90, Unknown: 5, Refused: 3, Expected: 200, Delivered: 180,
			Findings: []result.Finding{{Class: result.Lost, Count: 12}, {Class: result.Stuck, Count: 2}, {Class: result.DroppedLegal, Count: 8}, {Class: result.DupLegal, Count: 77}},
		}},
		Measured: result.Totals{Phase: "measure", Seconds: 10, Offered: 1000, OfferedRate: 100, Accepted: 990, AcceptedRate: 99, Delivered: 1000, DeliveredRate: 100},
	}
}

func TestSane(t *testing.T) {
	if err := Sane(sane()); err != nil {
		t.Fatal(err)
	}
	if err := Sane(&result.Summary{}); err != nil {
		t.Fatalf("an empty summary: %v", err)
	}
	for name, spin := range map[string]func(s *result.Summary){
		"a published data set": func(s *result.Summary) {
			s.Response = result.Quantiles{Count: 5, Min: 0, P50: 4.3, P90: 100, P99: 3038, P999: 3038, Max: 0.14}
		},
		"more timed than seen":  func(s *result.Summary) { s.Response.Count = 1001 },
		"median below minimum":  func(s *result.Summary) { s.Service.P50 = 0.5 },
		"not a number":          func(s *result.Summary) { s.Lag.P99 = nan() },
		"negative":              func(s *result.Summary) { s.Lag.Min = -1 },
		"quantiles of nothing":  func(s *result.Summary) { s.Exchanges[0].Took.Count = 0 },
		"a message disappeared": func(s *result.Summary) { s.Contracts[0].Acked-- },
		"a delivery appeared":   func(s *result.Summary) { s.Contracts[0].Delivered++ },
		"rate and count":        func(s *result.Summary) { s.Measured.OfferedRate = 101 },
		"negative count":        func(s *result.Summary) { s.Measured.Delivered, s.Measured.DeliveredRate = -10, -1 },
	} {
		s := sane()
		spin(s)
		if Sane(s) == nil {
			t.Errorf("%s: found sane", name)
		}
	}
}

func nan() float64 { zero := 0.0; return zero / zero }
