package result

import (
	"errors"
	"strings"
	"testing"
)

// series makes runs of a broker with the given p99s, in seconds, repeated in that order.
func series(broker string, p99 ...float64) (runs []*Run) {
	for i, v := range p99 {
		r := &Run{Manifest: *sampleManifest(), Response: wrap(latencies(10)), Service: new(Histogram)}
		r.Manifest.Broker.Name, r.Manifest.Repetition = broker, i+1
		r.Summary = Summary{Outcome: Kept, Validity: ValidityOK, Response: Quantiles{Count: 1e5, P50: v / 4, P99: v, P999: 2 * v, Max: 3 * v},
			Measured: Totals{Offered: 1000, Expected: 1000, Delivered: 1000, DeliveredRate: 100},
			Cost:     Cost{Broker: &ProcessCost{UserPerDelivered: v / 100, PeakRSS: 1 << 20}}}
		runs = append(runs, r)
	}
	return runs
}

func cell(t *testing.T, c *Comparison, group int, name string) Cell {
	t.Helper()
	for i := range Metrics {
		if Metrics[i].Name == name {
			return c.Cells[group][i]
		}
	}
	t.Fatalf("no metric %q", name)
	return Cell{}
}

func TestCompareInterleavedRunsByPairs(t *testing.T) {
	// The machine gets slower and slower; by pairs, B is a tenth above A every time.
	a := series("a", 1, 2, 3, 4, 5, 6)
	b := series("b", 1.1, 2.2, 3.3, 4.4, 5.5, 6.6)
	c, err := Compare(GroupRuns(append(a, b...)))
	if err != nil {
		t.Fatal(err)
	}
	r := cell(t, c, 1, "p99").Ratio
	if r == nil || !r.Paired || !r.Shown || !near(r.Value, 1.1) {
		t.Errorf("paired: %+v", r)
	}
	if cell(t, c, 0, "p99").Ratio != nil {
		t.Error("the first group is compared with itself")
	}

	for _, run := range b {
		run.Manifest.Repetition = 0
	}
	if c, err = Compare(GroupRuns(append(a, b...))); err != nil {
		t.Fatal(err)
	}
	if r = cell(t, c, 1, "p99").Ratio; r == nil || r.Paired || r.Shown {
		t.Errorf("unpaired, the drift hides the difference: %+v", r)
	}
}

func TestGroupsAndLabels(t *testing.T) {
	runs := append(series("mosquitto", 1, 1), series("flashmq", 1)...)
	faster := series("mosquitto", 1)
	faster[0].Manifest.Workload.Rate = 5000
	groups := GroupRuns(append(runs, faster...))
	var got []string
	for _, g := range groups {
		got = append(got, g.Series+"|"+g.Label)
	}
	const want = "mosquitto 2.0.18 (epoll, 2 loops, durable: os)|mosquitto 2.0.18 (epoll, 2 loops, durable: os) at 1000/s\n" +
		"flashmq 2.0.18 (epoll, 2 loops, durable: os)|flashmq 2.0.18 (epoll, 2 loops, durable: os) at 1000/s\n" +
		"mosquitto 2.0.18 (epoll, 2 loops, durable: os)|mosquitto 2.0.18 (epoll, 2 loops, durable: os) at 5000/s"
	if strings.Join(got, "\n") != want || len(groups[0].Runs) != 2 {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}

	qos2 := series("mosquitto", 1)
	qos2[0].Manifest.Workload.QoS = []int{0, 2}
	groups = GroupRuns(append(series("mosquitto", 1), qos2...))
	if groups[0].Label != "QoS 1" || groups[1].Label != "QoS 0+2" {
		t.Errorf("%q and %q; only the QoS tells them apart", groups[0].Label, groups[1].Label)
	}
}

// TestLengthenedRunsAreOneSeries: a search has its runs last longer at low rates. Those are points of the same curve, marked; but runs that last longer
// at the same rate are something else.
func TestLengthenedRunsAreOneSeries(t *testing.T) {
	at := func(broker string, rate, seconds float64) *Run {
		r := series(broker, 1)[0]
		r.Manifest.Workload.Rate, r.Manifest.Workload.Duration = rate, seconds
		return r
	}
	said := func(runs ...*Run) string {
		var got []string
		for _, g := range GroupRuns(runs) {
			got = append(got, g.Series+"|"+strings.TrimPrefix(g.Label, g.Series))
		}
		return strings.Join(got, "\n")
	}
	const name = "mosquitto 2.0.18 (epoll, 2 loops, durable: os)"
	runs := []*Run{at("mosquitto", 100, 60), at("mosquitto", 200, 30), at("mosquitto", 1000, 10), at("mosquitto", 2000, 10)}
	want := name + "| at 100/s for 60 s\n" + name + "| at 200/s for 30 s\n" + name + "| at 1000/s\n" + name + "| at 2000/s"
	if got := said(runs...); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if long := Lengthened(GroupRuns(runs)); len(long) != 2 || long[0].Rate != 100 || long[1].Rate != 200 {
		t.Errorf("%d groups are lengthened", len(long))
	}
	other := append(runs, at("mosquitto", 1000, 20))
	if got := said(other...); !strings.Contains(got, "10 s| at 1000/s") || !strings.Contains(got, "20 s| at 1000/s") || Lengthened(GroupRuns(other)) != nil {
		t.Errorf("two lengths at one rate are not told apart:\n%s", got)
	}
}

func TestCompareRefuses(t *testing.T) {
	for field, change := range map[string]func(*Manifest){
		"payload": func(m *Manifest) { m.Workload.PayloadBytes = 1024 },
		"qos":     func(m *Manifest) { m.Workload.QoS = []int{2} },
		"cpu":     func(m *Manifest) { m.Machine.CPU = "EPYC" },
		"load":    func(m *Manifest) { m.Workload.Load = "closed" },
		"offline": func(m *Manifest) { m.Workload.Offline = 11 },
	} {
		other := series("mosquitto", 1)
		change(&other[0].Manifest)
		groups := GroupRuns(append(series("mosquitto", 1), other...))
		_, err := Compare(groups)
		var refused *IncomparableError
		if !errors.As(err, &refused) || len(refused.Differences) != 1 || refused.Differences[0].Field != field || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
		if c, err := Compare(groups, field); err != nil || len(c.Differences) != 0 {
			t.Errorf("%s, allowed: %v", field, err)
		}
	}
	kernel := series("mosquitto", 1)
	kernel[0].Manifest.Machine.Kernel = "6.2"
	c, err := Compare(GroupRuns(append(series("mosquitto", 1), kernel...)))
	if err != nil || len(c.Differences) != 1 || c.Differences[0].String() != "kernel: linux/amd64 6.1 against linux/amd64 6.2" {
		t.Errorf("a kernel: %v, %+v", err, c)
	}
}

// A run that lost what it had promised has no latency, an invalid one has figures that are not
// compared, and a noisy one has latencies that are not.
func TestNoHeadlineWhereNoneIsDue(t *testing.T) {
	lossy, invalid, noisy := series("lossy", 1), series("invalid", 1), series("noisy", 1)
	lossy[0].Summary.Contracts = []Contract{{QoS: 1, Expected: 10, Delivered: 5, Findings: []Finding{{Class: DroppedOverload, Count: 5}}}}
	invalid[0].Summary.Validity = ValidityInvalid
	noisy[0].Summary.Validity = ValidityNoisy
	all := append(append(append(series("base", 1), lossy...), invalid...), noisy...)
	c, err := Compare(GroupRuns(all))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		group  int
		metric string
		n      int
		ratio  bool
	}{{1, "p99", 0, false}, {1, "delivered share", 1, true}, {1, "CPU per delivered", 1, true},
		{2, "p99", 1, false}, {2, "CPU per delivered", 1, false}, {3, "p99", 1, false}, {3, "CPU per delivered", 1, true}} {
		got := cell(t, c, x.group, x.metric)
		if got.Estimate.N != x.n || (got.Ratio != nil) != x.ratio {
			t.Errorf("%s, %s: %+v", c.Groups[x.group].Label, x.metric, got)
		}
	}
	if v := cell(t, c, 1, "delivered share").Estimate.Median; v != 0.5 {
		t.Errorf("delivered share %g", v)
	}
	if !cell(t, c, 2, "RSS").Invalid || cell(t, c, 3, "RSS").Invalid {
		t.Error("which cells are invalid")
	}
	if !cell(t, c, 3, "p99").Noisy || c.Groups[3].Validity() != ValidityNoisy || c.Groups[2].Validity() != ValidityInvalid {
		t.Error("validity of the groups")
	}
}

// An invalid run among valid ones is left out of the figures, not out of the verdict.
func TestInvalidRunsAreLeftOut(t *testing.T) {
	runs := series("a", 1, 100, 3)
	runs[1].Summary.Validity = ValidityInvalid
	c, err := Compare(GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	if e := cell(t, c, 0, "p99").Estimate; e.N != 2 || e.Median != 2 || c.Groups[0].Validity() != ValidityInvalid {
		t.Errorf("%+v, %s", e, c.Groups[0].Validity())
	}
}

// Single runs that were not made in pairs are not taken for a pair.
func TestSingleRunsAreNoPair(t *testing.T) {
	runs := append(series("a", 1), series("b", 2)...)
	for _, r := range runs {
		r.Manifest.Repetition = 0
	}
	c, err := Compare(GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	if r := cell(t, c, 1, "p99").Ratio; r == nil || r.Paired || r.Shown || len(r.Warnings) == 0 {
		t.Errorf("%+v", r)
	}
}
