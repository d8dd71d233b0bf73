package report

import (
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestGrowth: runs that differ in one setting become a line over it, in its order, with the median of repetitions; a setting of 0 has a
// place on the logarithmic axis.
func TestGrowth(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for rep, cpu := range []float64{10e-6, 30e-6, 20e-6} {
		for _, queued := range []int64{200_000, 0, 2000} {
			s := ordinary()
			s.cpu, s.rep = cpu, rep
			r := s.run()
			if queued > 0 {
				r.Summary.Drained = &result.Drained{Clients: 2, Queued: queued}
			}
			runs = append(runs, r)
		}
	}
	g, err := NewGrowth(runs, "queue")
	if err != nil {
		t.Fatal(err)
	}
	if len(g.lines) != 1 || len(g.lines[0].places) != 3 {
		t.Fatalf("%d lines; of the first %v", len(g.lines), g.lines[0].places)
	}
	for i, at := range []float64{0, 1000, 100_000} {
		p := &g.lines[0].places[i]
		if cost := p.cost().Median; p.at != at || cost < 19.9e-6 || cost > 20.1e-6 || len(p.costs) != 3 {
			t.Errorf("place %d: at %g, %v", i, p.at, p.costs)
		}
	}
	svg, _, err := g.figure().render()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">0<", ">1,000<", ">100 k<", "messages queued for each subscriber", "Cost of a message"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the chart does not say %q", want)
		}
	}
	var table strings.Builder
	if err := g.Print(&table); err != nil || !strings.Contains(table.String(), "20 µs (10 µs to 30 µs, 3 runs)") {
		t.Errorf("%v\n%s", err, &table)
	}
	for _, by := range []string{"payload", "patience"} {
		if _, err := NewGrowth(runs, by); err == nil {
			t.Errorf("costs are held against %s, in which the runs do not differ", by)
		}
	}
}

// grown is the cost of two brokers with 100 to 10,000 clients: 10 µs with as many as there are, and 20 µs. A connection takes 1 kB of the one and
// 2 kB of the other, besides 5 MB; those with 1,000 clients took 100 kB more, and one run with 10,000 is not valid.
func grown(t *testing.T) *Growth {
	t.Helper()
	var runs []*result.Run
	for _, clients := range []int{100, 1000, 5000, 10_000} {
		for broker, times := range map[string]float64{"mosquitto": 2, "mqttbroker": 1} {
			s := ordinary()
			s.broker, s.cpu, s.measure = broker, times*10e-6, 2
			r := s.run()
			r.Manifest.Workload.Clients = clients
			rss := 5_000_000 + int64(times*1000)*int64(clients)
			if clients == 1000 {
				rss += 100_000
			}
			r.Intervals = append([]result.Interval{{T0: -1, T1: 0, Phase: result.PhaseConnect, Clients: int64(clients), Broker: &result.Usage{RSS: rss}}}, r.Intervals...)
			if clients == 10_000 && broker == "mosquitto" {
				r.Summary.Validity = result.ValidityInvalid
			}
			runs = append(runs, r)
		}
	}
	g, err := NewGrowth(runs, "clients")
	if err != nil {
		t.Fatal(err)
	}
	return g
}
