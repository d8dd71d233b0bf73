package report

import (
	"math"
	"testing"

	"mqttbench/bench/result"
)

// What has not recovered has no bar: nobody knows how long it would be.
func TestRecoveryRows(t *testing.T) {
	r := ordinary().run()
	if recoveryFigure(r) != nil {
		t.Error("a chart of no faults")
	}
	r.Summary.Recoveries = []result.Recovery{{Fault: "kill", Faults: 1, Ended: 10, Recovered: true, Seconds: 0.4}, {Fault: "pause", Faults: 1, Ended: 20}, {Fault: "reset", Faults: 3, Ended: 30, Recovered: true}}
	rows := recoveryRows(&r.Summary)
	if len(rows) != 3 || rows[0].bars[0].length != 0.4 || rows[1].bars != nil || rows[2].text != "within 0.1 s" {
		t.Fatalf("%+v", rows)
	}
	if resumesOf(&r.Summary) != nil {
		t.Error("nobody came back")
	}
	r.Summary.Exchanges = append(r.Summary.Exchanges, result.Exchange{Name: "resume, message", Took: result.Quantiles{Count: 40, P50: 0.1, P99: 0.9, Max: 1}})
	if all := resumesOf(&r.Summary); len(all) != 1 || len(all[0].share()) != 2 { // The median and the longest.
		t.Errorf("of 40 samples: %+v", all)
	}
	sequential(t)
	// 0.4 s and 0.1 s on scales of their own: the longer of each is drawn; what matters is that there are two bars, not three.
	img := picture(t, recoveryFigure(r))
	n := 0
	where(img, latencyColor, func(int, int) { n++ })
	if n < 500 {
		t.Errorf("%d pixels of bars", n)
	}
}

// Twice the first is as far right of 1 as half of it is left, and each pair has its dot.
func TestKnownPairRatiosAreDrawnAtTheirPlaces(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for broker, cpu := range map[string]float64{"mosquitto": 1, "mochi": 2, "nats": 0.5} {
		for rep := range 6 {
			s := ordinary()
			s.broker, s.rep, s.seed, s.cpu, s.measure = broker, rep+1, uint64(rep), s.cpu*cpu, 2
			runs = append(runs, s.run())
		}
	}
	c, err := result.Compare(brokerFirst(result.GroupRuns(runs), "mosquitto"))
	if err != nil {
		t.Fatal(err)
	}
	f := ratiosFigure(c)
	img := picture(t, f)
	ends := func(broker string) (from, to int) {
		for _, g := range c.Groups {
			if g.Runs[0].Manifest.Broker.Name == broker {
				from = img.Bounds().Dx()
				where(img, fade(seriesColor(colorIndex(c, g)), 0.7), func(x, _ int) { from, to = min(from, x), max(to, x) })
			}
		}
		return from, to
	}
	// Dots of what does not differ are at 1.
	half, one := ends("nats")
	alsoOne, twice := ends("mochi")
	middle := float64(one+alsoOne) / 2
	left, right := middle-float64(half), float64(twice)-middle
	if one <= half || left < 50 || math.Abs(left-right) > 3 {
		t.Errorf("1 is at %.1f, half of it at %d, twice at %d", middle, half, twice)
	}
}

// brokerFirst puts the groups of a broker first.
func brokerFirst(groups []*result.Group, name string) []*result.Group {
	for i, g := range groups {
		if g.Runs[0].Manifest.Broker.Name == name {
			groups[0], groups[i] = groups[i], groups[0]
		}
	}
	return groups
}

// The band of a capacity begins at the highest rate that was carried and ends at the lowest that was not.
func TestCapacityIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for _, rate := range []float64{1000, 2000, 4000} {
		s := ordinary()
		s.rate, s.measure = rate, 2
		runs = append(runs, s.run())
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	span := func(lo, hi float64) (from, to int) {
		c.Capacity = []result.CapacityBand{{Series: c.Groups[0].Series, Lo: lo, Hi: hi}}
		_, from, to = level(picture(t, throughputFigure(c)), fade(seriesColor(1), 0.2))
		return from, to
	}
	from, middle := span(1000, 2000)
	again, to := span(2000, 3000)
	if middle <= from || math.Abs(float64(again-middle)) > 4 || math.Abs(float64((middle-from)-(to-again))) > 4 {
		t.Errorf("1,000 to 2,000 is drawn from %d to %d, 2,000 to 3,000 from %d to %d", from, middle, again, to)
	}
	if bandText(c.Capacity) == "" {
		t.Error("no words for it")
	}
}

// A bracket reaches from the end of a fault over as much of the time as the recovery took: of 5 s after 5 s, as far again as of 5 s after 10 s.
func TestKnownRecoveryIsDrawnAtItsPlace(t *testing.T) {
	sequential(t)
	s := ordinary()
	s.measure = 20
	r := s.run()
	span := func(all ...result.Recovery) (from, to int) {
		r.Summary.Recoveries = all
		from = 1 << 30
		img := picture(t, timelineFigure(r))
		_, left, right := level(img, fade(offeredColor, 0.5))
		rows := map[int][2]int{}
		where(img, bluegreen, func(x, y int) {
			if y > img.Bounds().Dy()/3 && y < img.Bounds().Dy()*3/4 && x >= left && x <= right {
				row, ok := rows[y]
				if !ok {
					row[0] = x
				}
				row[1] = x
				rows[y] = row
			}
		})
		for _, row := range rows {
			from, to = min(from, row[0]), max(to, row[1])
		}
		return from, to
	}
	first, second := result.Recovery{Ended: 5, Recovered: true, Seconds: 5}, result.Recovery{Ended: 10, Recovered: true, Seconds: 5}
	many := result.Recovery{Fault: "pause"} // Not recovered: without a bracket; and four in all have no figures beside them.
	a, b := span(first, many, many, many)
	c, d := span(second, many, many, many)
	if b-a < 100 || math.Abs(float64(b-c)) > 6 || math.Abs(float64((b-a)-(d-c))) > 3 {
		t.Errorf("5 to 10 s is drawn from %d to %d, 10 to 15 s from %d to %d", a, b, c, d)
	}
}
