package report

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"

	"mqttbench/bench/result"
)

// In these tests a value is drawn where the label of an axis says the same value: a wrong axis, or one that is labelled wrongly, fails.

// wherever checks that dots are at some places and nowhere else.
func wherever(t *testing.T, what string, dots []vg.Point, want ...vg.Point) {
	t.Helper()
	for _, d := range dots {
		if !slices.ContainsFunc(want, func(w vg.Point) bool { return same(d, w) }) {
			t.Errorf("%s: a dot at %.1f, wanted are %.1f", what, d, want)
		}
	}
	for _, w := range want {
		if !slices.ContainsFunc(dots, func(d vg.Point) bool { return same(d, w) }) {
			t.Errorf("%s: no dot at %.1f; there are %.1f", what, w, dots)
		}
	}
}

// What costs 10, 20 and 40 µs at 1,000, 2,000 and 4,000 messages a second is drawn there.
func TestKnownCostIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for i, rate := range []float64{1000, 2000, 4000} {
		s := ordinary()
		s.rate, s.cpu, s.measure = rate, 10e-6*math.Pow(2, float64(i)), 2
		runs = append(runs, s.run())
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	for _, narrow := range []bool{false, true} {
		drawn := traced(t, costCurveFigure(c), narrow)
		x, y := drawn.at(t, "0").X, drawn.at(t, "10 µs").Y
		wherever(t, "cost curve", drawn.dots(seriesColor(places([]string{"mosquitto"})[0])), vg.Point{X: drawn.at(t, "1,000").X, Y: y},
			vg.Point{X: drawn.at(t, "2,000").X, Y: drawn.at(t, "20 µs").Y}, vg.Point{X: drawn.at(t, "4,000").X, Y: drawn.at(t, "40 µs").Y})
		if x >= drawn.at(t, "1,000").X || y >= drawn.at(t, "20 µs").Y {
			t.Error("an axis runs the other way")
		}
	}
}

func TestKnownGrowthIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	g := grown(t)
	drawn := traced(t, g.figure(), false)
	places := places([]string{"mosquitto", "mqttbroker"})
	for i, cost := range []string{"20 µs", "10 µs"} {
		var want []vg.Point
		for _, clients := range []string{"100", "1,000", "5,000", "10 k"} {
			want = append(want, vg.Point{X: drawn.at(t, clients).X, Y: drawn.at(t, cost).Y})
		}
		wherever(t, cost, drawn.dots(seriesColor(places[i])), want...)
	}
	if hollow := drawn.dots(white); len(hollow) != 1 || !same(hollow[0], vg.Point{X: drawn.at(t, "10 k").X, Y: drawn.at(t, "20 µs").Y}) {
		t.Errorf("hollow are %.1f", hollow)
	}
}

// Memory lies on its line at 10,000 clients, but for what a disturbance at 1,000 does to it; that one is above the line, and the others below or on it.
func TestKnownMemoryIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	g := grown(t)
	drawn := traced(t, g.memoryFigure(), false)
	color := seriesColor(places([]string{"mosquitto", "mqttbroker"})[1])
	full := vg.Point{X: drawn.at(t, "10 k").X, Y: drawn.at(t, "15 MB").Y}
	dots, above := drawn.dots(color), 0
	if !slices.ContainsFunc(dots, func(d vg.Point) bool { return same(d, full) }) {
		t.Errorf("15 MB at 10,000 clients are not at %.1f: %.1f", full, dots)
	}
	low, high := drawn.at(t, "−100 kB").Y, drawn.at(t, "+100 kB").Y
	two, four := drawn.at(t, "2,000").X, drawn.at(t, "4,000").X
	for _, d := range dots { // The one at 10,000 clients is a hair above.
		if d.Y < high && d.Y > (low+high)/2+(high-low)/20 {
			above++
			if want := two - (four-two)/2; math.Abs(float64(d.X-want)) > 1 {
				t.Errorf("above the line is %.1f, and 1,000 at %.1f", d, want)
			}
		}
	}
	if above != 1 {
		t.Errorf("%d dots are above the line: %.1f", above, dots)
	}
	l := &memoryLine{points: []memoryPoint{{100, 6_000_000, true}, {1000, 6_900_000, true}, {5000, 10_900_000, true}}}
	if l.fit(); math.Abs(l.slope-1000) > 1e-6 || math.Abs(l.intercept-5_900_000) > 1e-3 || l.farthest() > 1e-3 {
		t.Errorf("%+v", l)
	}
}

// p50 and p99 of brokers that take 1 and 10, 10 and 100 and 100 and 1,000 ms.
func TestKnownLatenciesOfAMatrixAreDrawnAtTheirPlaces(t *testing.T) {
	sequential(t)
	m := matrixOf(t, map[string]float64{"mosquitto": 1, "mochi": 1, "nats": 1})
	colors := entityColors(m.Brokers)
	took := map[string]float64{"mosquitto": 1e-3, "mochi": 10e-3, "nats": 100e-3}
	for _, w := range m.Workloads {
		for _, g := range w.Groups {
			for _, r := range g.Runs {
				r.Summary.Response = result.Quantiles{Count: 10_000, P50: took[r.Manifest.Broker.Name], P99: 10 * took[r.Manifest.Broker.Name]}
			}
		}
	}
	for _, narrow := range []bool{false, true} {
		drawn := traced(t, matrixLatencies(m), narrow)
		labels := []string{"1 ms", "10 ms", "100 ms", "1 s"}
		for i, b := range []string{"mosquitto", "mochi", "nats"} {
			for _, d := range drawn.dots(fade(colors[b+" 2.0.18"], 0.7)) {
				if from, to := drawn.at(t, labels[i]).X, drawn.at(t, labels[i+1]).X; !same(d, vg.Point{X: from, Y: d.Y}) && !same(d, vg.Point{X: to, Y: d.Y}) {
					t.Errorf("%s: a dot at %.1f; %s is at %.1f and %s at %.1f", b, d, labels[i], from, labels[i+1], to)
				}
				// It is nearer to the name of its broker than to any other.
				nearest, far := "", vg.Length(math.MaxFloat64)
				for _, m := range drawn.marks {
					if away := m.middle().Y - d.Y; strings.HasSuffix(m.text, " 2.0.18") && !strings.Contains(m.text, "·") && away > -5 && away < far {
						nearest, far = m.text, away
					}
				}
				if nearest != b+" 2.0.18" {
					t.Errorf("a dot of %s stands beside %q", b, nearest)
				}
			}
		}
	}
}

// Of six cells one is broken: the one below its broker and beside its workload.
func TestKnownVerdictIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	m := matrixOf(t, map[string]float64{"mosquitto": 1, "mochi": 1, "nats": 1})
	g, _ := m.Workloads[1].Of("nats 2.0.18")
	for _, r := range g.Runs {
		r.Summary.Outcome = result.Broken
		r.Summary.Contracts[0].Findings = []result.Finding{{Class: result.Lost, Count: 7}}
	}
	drawn := traced(t, matrixVerdicts(m), false)
	bad, good := drawn.areas(fade(lossColor, 0.5)), drawn.areas(fade(bluegreen, 0.3))
	if len(bad) != 1 || len(good) != 5 {
		t.Fatalf("%d cells are bad and %d good", len(bad), len(good))
	}
	broker, workload := drawn.at(t, "nats"), drawn.at(t, "fan out, QoS 1")
	for _, at := range []vg.Point{drawn.at(t, "BROKEN"), drawn.at(t, "42 lost"), {X: broker.X, Y: workload.Y}} {
		if b := bad[0]; at.X < b.Min.X || at.X > b.Max.X || at.Y < b.Min.Y || at.Y > b.Max.Y {
			t.Errorf("%.1f is not in the cell %.1f", at, b)
		}
	}
}

// Of the cells of a comparison the one that counts duplicates is bad, in the row of the broker that delivered them, with its verdict.
func TestKnownFindingIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for _, broker := range []string{"mosquitto", "mochi"} {
		s := ordinary()
		s.broker, s.measure = broker, 2
		r := s.run()
		if broker == "mochi" {
			r.Summary.Outcome = result.Broken
			r.Summary.Contracts[0].Findings = []result.Finding{{Class: result.Dup, Count: 17}}
		}
		runs = append(runs, r)
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	drawn := traced(t, verdictFigure(c), false)
	bad := drawn.areas(fade(lossColor, 0.5))
	row := drawn.at(t, "mochi 2.0.18")
	if len(bad) != 2 {
		t.Fatalf("bad cells: %.1f", bad)
	}
	for i, head := range []string{"verdict", "duplicate"} {
		if b, x := bad[i], drawn.at(t, head).X; x < b.Min.X || x > b.Max.X || row.Y < b.Min.Y || row.Y > b.Max.Y {
			t.Errorf("%s of mochi is at %.1f, and not at %.1f, %.1f", head, b, x, row.Y)
		}
	}
	if at := drawn.at(t, "17"); at.X < bad[1].Min.X || at.X > bad[1].Max.X {
		t.Errorf("17 stands at %.1f", at)
	}
}

// A recovery of 0.4 s ends at its tick; half of those who came back waited 1 ms, and half 100; 4,000 a second came out of the queue.
func TestKnownResumesAreDrawnAtTheirPlaces(t *testing.T) {
	sequential(t)
	r := ordinary().run()
	r.Summary.Recoveries = []result.Recovery{{Fault: "kill", Faults: 1, Ended: 10, Recovered: true, Seconds: 0.4}, {Fault: "kill", Faults: 1, Ended: 20, Recovered: true, Seconds: 0.8}}
	r.Summary.Drained = &result.Drained{Clients: 100, Away: 2, Queued: 2000, Delivered: 2000, Seconds: 0.5, Rate: 4000}
	h := new(result.Histogram)
	h.Record(1e-3, 500)
	h.Record(100e-3, 500)
	r.Summary.Exchanges = append(r.Summary.Exchanges, result.Exchange{Name: "resume, message", Took: h.Quantiles()})
	for _, kept := range []bool{true, false} {
		if r.Summary.Distributions = nil; kept {
			r.Summary.Distributions.Keep("resume, message", histogramOf(t, 1e6, 100e6))
		}
		drawn := traced(t, recoveryFigure(r), false)
		// Their texts at their ends are those of two ticks; 200 ms is written on the axis alone.
		bars, each := drawn.areas(latencyColor), drawn.at(t, "200 ms").X
		if each -= bars[0].Min.X; len(bars) < 2 || math.Abs(float64(bars[0].Max.X-bars[0].Min.X-2*each)) > 1 || math.Abs(float64(bars[1].Max.X-bars[1].Min.X-4*each)) > 1 {
			t.Errorf("200 ms are %.1f, bars %.1f", each, bars)
		}
		if bars := drawn.areas(deliveredColor); len(bars) != 1 || math.Abs(float64(bars[0].Max.X-drawn.at(t, "4,000").X)) > 0.5 {
			t.Errorf("4,000 is drawn %.1f", bars)
		}
		half := vg.Point{X: drawn.at(t, "1 ms").X, Y: drawn.at(t, "50 %").Y}
		if !drawn.passes(latencyColor, half) {
			t.Errorf("the line does not pass %.1f", half)
		}
		if half.X = drawn.at(t, "100 ms").X; kept != drawn.passes(latencyColor, half) {
			t.Errorf("that the line passes %.1f is not %t", half, kept)
		}
		if dots := drawn.dots(latencyColor); kept == (len(dots) > 0) {
			t.Errorf("of a file that kept the distribution (%t): dots %.1f", kept, dots)
		}
	}
}

// Two brokers, three pairs: a message costs 10, 11 and 12 µs with the one and twice that with the other; lines join what belongs together.
func TestKnownPairsAreJoined(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for rep := range 3 {
		for broker, times := range map[string]float64{"mosquitto": 1, "mochi": 2} {
			s := ordinary()
			s.broker, s.rep, s.cpu, s.measure = broker, rep+1, times*float64(10+rep)*1e-6, 2
			runs = append(runs, s.run())
		}
	}
	c, err := result.Compare(brokerFirst(result.GroupRuns(runs), "mosquitto"))
	if err != nil {
		t.Fatal(err)
	}
	drawn := traced(t, pairsFigure(c), false)
	ends := map[vg.Length]vg.Length{}
	at := places([]string{"mosquitto", "mochi"})
	upper, lower := drawn.dots(seriesColor(at[0])), drawn.dots(seriesColor(at[1]))
	for _, m := range drawn.marks {
		if m.text == "" && m.color == lightGrey && len(m.path) == 2 && m.path[0].Y != m.path[1].Y && m.path[0].X != m.path[1].X {
			ends[m.path[0].X] = m.path[1].X
			if !slices.ContainsFunc(upper, func(d vg.Point) bool { return same(d, m.path[0]) }) || !slices.ContainsFunc(lower, func(d vg.Point) bool { return same(d, m.path[1]) }) {
				t.Errorf("a line from %.1f to %.1f joins no dots", m.path[0], m.path[1])
			}
		}
	}
	low := drawn.at(t, "10 µs").X
	var twice vg.Length // On a logarithmic axis it is equally far from everywhere.
	for from, to := range ends {
		if twice == 0 {
			twice = to - from
		}
		if math.Abs(float64(to-from-twice)) > 0.5 || from < low-0.5 {
			t.Errorf("twice %.1f is %.1f, elsewhere %.1f farther", from, to, twice)
		}
	}
	if len(ends) < 3 || math.Abs(float64(drawn.at(t, "20 µs").X-low-twice)) > 0.5 {
		t.Errorf("lines %.1f; from 10 to 20 µs is %.1f", ends, drawn.at(t, "20 µs").X-low)
	}
}

// The lag is 100 µs for nine tenths of the messages and 1 ms for the others; the limit is half of that.
func TestKnownLagIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	r := ordinary().run()
	many := make([]int64, 900, 1000)
	for i := range many {
		many[i] = 100_000
	}
	for range 100 {
		many = append(many, 1_000_000)
	}
	h := histogramOf(t, many...)
	r.Summary.Lag, r.Summary.Distributions = result.QuantilesOf(h), nil
	r.Summary.Distributions.Keep(result.DistributionLag, h)
	r.Summary.Gates[0].Limit = 0.5e-3
	drawn := traced(t, instrumentFigure(r), false)
	step := drawn.at(t, "90 %").X
	for _, label := range []string{"100 µs", "1 ms"} {
		if at := (vg.Point{X: step, Y: drawn.at(t, label).Y}); !drawn.passes(latencyColor, at) {
			t.Errorf("the line does not pass %.1f", at)
		}
	}
	if limit := (vg.Point{X: drawn.at(t, "0").X, Y: drawn.at(t, "500 µs").Y}); !drawn.passes(grey, limit) {
		t.Errorf("no limit at %.1f", limit)
	}
}

// Where values are near each other, the axis has labels all the same.
func TestNearScale(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{33e-6, 41e-6, "32 µs,34 µs,36 µs,38 µs,40 µs,42 µs"},
		{1, 1, "0.95×,1×,1.05×"},
		{0.9, 1.3, "0.8×,0.9×,1×,1.1×,1.2×,1.3×,1.4×"},
		{1, 40, "1×,2×,5×,10×,20×,50×"},
	} {
		format := times
		if c.high < 0.1 {
			format = seconds
		}
		s := near(c.low, c.high, format)
		if got := strings.Join(labels(s), ","); got != c.want || s.min > c.low || s.max < c.high {
			t.Errorf("%g to %g: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}
