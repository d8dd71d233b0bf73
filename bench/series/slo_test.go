package series

import (
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// good is a run that nobody could find fault with.
func good() *result.Summary {
	return &result.Summary{
		Outcome: result.Kept, Validity: result.ValidityOK,
		Contracts: []result.Contract{{QoS: 1, Attempted: 10_000, Acked: 10_000, Expected: 10_000, Delivered: 10_000}},
		Measured:  result.Totals{Offered: 10_000, Accepted: 10_000, Expected: 10_000, Delivered: 10_000},
		Response:  result.Quantiles{Count: 10_000, Min: 1e-4, P50: 1e-3, P90: 2e-3, P99: 9.9e-3, P999: 0.02, Max: 0.05},
		Steady:    result.Steady{Checked: true, Steady: true},
	}
}

func TestJudge(t *testing.T) {
	invalid := func(names ...string) func(*result.Summary) {
		return func(s *result.Summary) {
			s.Validity = result.ValidityInvalid
			s.Gates = []result.Gate{{Name: "steal", Fails: result.ValidityNoisy}, {Name: "negative durations", Passed: true, Fails: result.ValidityInvalid}}
			for _, name := range names {
				s.Gates = append(s.Gates, result.Gate{Name: name, Fails: result.ValidityInvalid})
			}
		}
	}
	noisy := func(s *result.Summary) {
		s.Validity, s.Gates = result.ValidityNoisy, append(s.Gates, result.Gate{Name: "foreign CPU", Fails: result.ValidityNoisy})
	}
	slowService := func(s *result.Summary) { s.Service = s.Response; invalid(gateLag)(s) }
	for _, c := range []struct {
		slo    string
		change func(*result.Summary)
		want   Outcome
		why    string // Part of it.
		inst   bool
	}{
		{"p99<10ms,loss=0", func(s *result.Summary) {}, Passed, "", false},
		{"p99<9.9ms", func(s *result.Summary) {}, Failed, "p99 9.9ms", false},
		{" p50 < 1.1ms , p90<3ms, p999<21ms, p99.9<21ms, max<51ms", func(s *result.Summary) {}, Passed, "", false},
		{"max<50ms", func(s *result.Summary) {}, Failed, "max 50ms", false},
		{"p999<20ms", func(s *result.Summary) {}, Failed, "p999 20ms", false},
		{"loss=0", func(s *result.Summary) { s.Contracts[0].Delivered-- }, Failed, "delivered 99.99 %", false},
		{"delivered>=0.999", func(s *result.Summary) { s.Contracts[0].Delivered -= 10 }, Passed, "", false},
		{"delivered>=0.999", func(s *result.Summary) { s.Contracts[0].Delivered -= 11 }, Failed, "delivered 99.9 %", false},
		// What goes without saying.
		{"p50<1s", func(s *result.Summary) { s.Measured.Accepted = 9899 }, Failed, "only 99.0 % of the messages were taken", false},
		{"p50<1s", func(s *result.Summary) { s.Steady.Steady, s.Steady.BacklogTrend = false, 310 }, Failed, "backlog grew by 310/s", false},
		{"p50<1s", func(s *result.Summary) { s.Steady = result.Steady{} }, Passed, "", false},
		{"p50<1s", func(s *result.Summary) { s.Contracts[0].Findings = []result.Finding{{Class: result.Dup, Count: 3}} }, Failed, "QoS 1: 3 duplicate", false},
		{"p50<1s", func(s *result.Summary) {
			s.Contracts[0].Findings = []result.Finding{{Class: result.DupLegal, Count: 3}}
		}, Passed, "", false},
		{"p50<1s", func(s *result.Summary) {
			s.Outcome, s.Errors = result.Failed, []result.ErrorCount{{Text: "it fell over"}}
		}, Failed, "the run failed: it fell over", false},
		// What cannot be trusted.
		{"p50<1s", func(s *result.Summary) { s.Validity = result.ValidityNoisy }, Passed, "", false},
		{"p50<1s", invalid("open files"), Untrusted, "trusted: open files", true},
		{"p50<1s", invalid(gateLag, "open files"), Untrusted, "trusted: schedule lag p99, open files", true},
		{"p50<1us", invalid("open files"), Failed, "p50 1ms; the run cannot be trusted: open files", true},
		// A late generator makes a broker look slower, never faster.
		{"p50<1s", invalid(gateLag, gateCPU, gateCeiling), Passed, "", true},
		{"p50<1us", invalid(gateLag, gateCPU), Failed, "p50 1ms; the run cannot be trusted: schedule lag p99, generator CPU", true},
		// But if messages also took too long from the instant of sending, its lateness is no explanation.
		{"p50<1us", slowService, Failed, "p50 1ms", false},
		// What made the machine noisy may have made messages slow, and nothing else.
		{"p50<1us", noisy, Failed, "p50 1ms; the run cannot be trusted: foreign CPU", true},
		{"p50<1us,loss=0", func(s *result.Summary) { noisy(s); s.Contracts[0].Delivered-- }, Failed, "delivered 99.99 %", false},
		// A broker that does not take the messages is no fault of the generator's.
		{"p50<1us", invalid(gateMissed, gateSent), Failed, "p50 1ms", false},
		{"p50<1s", func(s *result.Summary) { s.Validity = result.ValidityUnknown }, Untrusted, "trusted", true},
		{"p99<10ms", func(s *result.Summary) { s.Response.Count = 599 }, Untrusted, "599 deliveries are too few", true},
		{"p99<10ms", func(s *result.Summary) { s.Response.Count = 600 }, Passed, "", false},
		{"p99<1ms", func(s *result.Summary) { s.Response.Count = 599 }, Failed, "p99", false},
		{"p50<1s", func(s *result.Summary) { s.Response = result.Quantiles{} }, Untrusted, "0 deliveries", true},
	} {
		slo, err := ParseSLO(c.slo)
		if err != nil {
			t.Fatal(err)
		}
		s := good()
		c.change(s)
		got := slo.Judge(s)
		if got.Outcome != c.want || got.Instrument != c.inst || (got.Why == "") != (c.want == Passed) || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s, want %v %q: got %+v", c.slo, c.want, c.why, got)
		}
	}
}

func TestParseSLORefuses(t *testing.T) {
	for _, text := range []string{"", "p99", "p99<", "p99<10", "p99<-1ms", "p99<0s", "p98<10ms", "p99>10ms", "loss=1", "loss", "delivered>=0", "delivered>=1.1", "delivered>=x", "p99<10ms,", "p99<10ms;loss=0"} {
		if slo, err := ParseSLO(text); err == nil {
			t.Errorf("%q was read as %v", text, slo)
		}
	}
}

// TestPercent: what is not everything never reads as everything.
func TestPercent(t *testing.T) {
	for v, want := range map[float64]string{1: "100.0 %", 0.5: "50.0 %", 0.9996: "99.96 %", 0.99999: "99.999 %", 0: "0.0 %"} {
		if got := percent(v); got != want {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
}

// TestDeliveries: as many as a run needs for its percentiles to be told, and no less.
func TestDeliveries(t *testing.T) {
	for text, at := range map[string]float64{"p50<1s": 0.5, "p99<1s,p50<1s": 0.99, "p90<1s,loss=0": 0.9, "max<1s,p999<1s": 0.999} {
		slo, err := ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		n := int64(slo.Deliveries())
		if enough, less := (result.Quantiles{Count: n}).Supports(at), (result.Quantiles{Count: n - 1}).Supports(at); !enough || less {
			t.Errorf("%s: %d deliveries", text, n)
		}
	}
}
