package result

import (
	"testing"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

func TestJudge(t *testing.T) {
	qos2 := func(f ...Finding) []Contract { return []Contract{{QoS: 2, Expected: 10, Delivered: 9, Findings: f}} }
	failed := func(v Validity) []Gate { return []Gate{{Passed: true, Fails: ValidityInvalid}, {Fails: v}} }
	for _, c := range []struct {
		name string
		s    Summary
		want Outcome
		exit int
	}{
		{"all well", Summary{Contracts: qos2()}, Kept, 0},
		{"nothing published", Summary{}, Unjudged, 0},
		{"lost", Summary{Contracts: qos2(Finding{Class: Lost, Count: 1})}, Broken, 1},
		{"a count of nothing", Summary{Contracts: qos2(Finding{Class: Lost})}, Kept, 0},
		{"legal losses", Summary{Contracts: qos2(Finding{Class: LossQoS0, Count: 5}, Finding{Class: LostUnknown, Count: 2}, Finding{Class: DupLegal, Count: 1})}, Kept, 0},
		{"dropped by a limit", Summary{Contracts: qos2(Finding{Class: DroppedOverload, Count: 1})}, Broken, 1},
		{"a class of the future", Summary{Contracts: qos2(Finding{Class: "haunted", Count: 1})}, Broken, 1},
		{"a broken promise goes before an invalid figure", Summary{Contracts: qos2(Finding{Class: Lost, Count: 1}), Gates: failed(ValidityInvalid)}, Broken, 1},
		{"invalid", Summary{Contracts: qos2(), Gates: failed(ValidityInvalid)}, Kept, 3},
		{"noisy", Summary{Contracts: qos2(), Gates: failed(ValidityNoisy)}, Kept, 4},
		{"noisy and invalid", Summary{Contracts: qos2(), Gates: append(failed(ValidityInvalid), failed(ValidityNoisy)...)}, Kept, 3},
		{"not steady", Summary{Contracts: qos2(), Steady: Steady{Checked: true}}, Kept, 4},
		{"failed stays", Summary{Outcome: Failed, Contracts: qos2()}, Failed, 1},
		{"interrupted, messages under way", Summary{Interrupted: true, Contracts: qos2(Finding{Class: Lost, Count: 1})}, Unknown, 130},
		{"interrupted, duplicates seen", Summary{Interrupted: true, Contracts: qos2(Finding{Class: Dup, Count: 1})}, Broken, 130},
	} {
		c.s.Judge()
		if c.s.Outcome != c.want || c.s.ExitCode != c.exit {
			t.Errorf("%s: %s, exit %d; want %s, %d", c.name, c.s.Outcome, c.s.ExitCode, c.want, c.exit)
		}
	}
}

func TestJudgePutsTheWorstFirst(t *testing.T) {
	s := Summary{Contracts: []Contract{{Findings: []Finding{{Class: DupLegal, Count: 1}, {Class: Reorder, Count: 1}, {Class: Lost, Count: 1}}}}}
	s.Judge()
	if f := s.Contracts[0].Findings; f[0].Class != Lost || f[1].Class != Reorder || f[2].Class != DupLegal {
		t.Errorf("%v", f)
	}
}

// Six samples beyond a percentile give it an upper end.
func TestSupports(t *testing.T) {
	for _, c := range []struct {
		n    int64
		q    float64
		want bool
	}{{599, 0.99, false}, {600, 0.99, true}, {5999, 0.999, false}, {6000, 0.999, true}, {0, 0.5, false}, {12, 0.5, true}} {
		if got := (Quantiles{Count: c.n}).Supports(c.q); got != c.want {
			t.Errorf("%d samples, %g: %t", c.n, c.q, got)
		}
	}
}

// What lies beyond the range of the narrower histogram must not be dropped in a merge.
func TestMergeKeepsTheSlowest(t *testing.T) {
	narrow, wide := wrap(latencies(10)), wrap(latencies(0))
	wide.h = hdr.New(1, 3600e9, 3)
	if err := wide.h.RecordValue(1800e9); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]*Histogram{{narrow, wide}, {wide, narrow}} {
		var sum Histogram
		sum.Merge(pair[0])
		sum.Merge(pair[1])
		if q := sum.Quantiles(); q.Count != 11 || q.Max < 1799 || q.Min > 1.01e-4 {
			t.Errorf("%+v", q)
		}
	}
	if narrow.Count() != 10 || wide.Count() != 1 {
		t.Error("merging changed its operand")
	}
}

// The distribution ends at 1 and its steps are those of the quantiles.
func TestSteps(t *testing.T) {
	h := wrap(latencies(1000))
	n, last := 0, 0.0
	h.Steps(func(seconds, fraction float64) {
		if fraction <= last {
			t.Fatalf("fraction %g after %g", fraction, last)
		}
		if got := h.At(fraction); got < seconds*0.999 || got > seconds*1.002 {
			t.Errorf("quantile %g is %g s; the step says %g s", fraction, got, seconds)
		}
		n, last = n+1, fraction
	})
	if n < 500 || last != 1 {
		t.Errorf("%d steps, up to %g", n, last)
	}
	new(Histogram).Steps(func(float64, float64) { t.Error("a step of an empty histogram") })
}

// TestUnfinished: what was still arriving when the drain ended is neither kept nor broken, its latencies are not shown, and the run is invalid.
// What is known to be broken stays so.
func TestUnfinished(t *testing.T) {
	late := Finding{Class: Late, Count: 3}
	for _, c := range []struct {
		findings []Finding
		want     Outcome
		code     int
	}{{[]Finding{late}, Unknown, 3}, {nil, Unknown, 3}, {[]Finding{late, {Class: Dup, Count: 1}}, Broken, 1}} {
		s := Summary{Contracts: []Contract{{QoS: 1, Expected: 9, Findings: c.findings}}, Gates: []Gate{{Name: DrainGate, Value: 3, Fails: ValidityInvalid}}}
		s.Judge()
		if s.Outcome != c.want || s.ExitCode != c.code || s.Lossy() != (c.findings != nil) || !s.Unfinished() {
			t.Errorf("%+v: %s, exit code %d, lossy %t", c.findings, s.Outcome, s.ExitCode, s.Lossy())
		}
	}
}
