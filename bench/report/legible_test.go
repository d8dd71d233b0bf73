package report

import (
	"testing"

	"mqttbench/bench/result"
)

// No text of any chart lies over another or beyond the edge, at the width of a page and at that of a phone.
func TestTextsStandApart(t *testing.T) {
	sequential(t)
	s := ordinary()
	s.stall, s.gap = 3, true
	run := s.run()
	run.Summary.Recoveries = []result.Recovery{{Fault: "kill", Faults: 1, Ended: 10, Recovered: true, Seconds: 0.4}, {Fault: "pause", Faults: 1, Ended: 33}}
	run.Summary.Wire = &result.Wire{ToBroker: result.Flow{Packets: 100_000, Bytes: 9_000_000}, FromBroker: result.Flow{Packets: 100_000, Bytes: 8_000_000}}
	run.Summary.Drained = &result.Drained{Clients: 100, Away: 2, Queued: 2000, Delivered: 2000, Seconds: 0.5, Rate: 4000}
	for _, name := range []string{"resume", "resume, message", "resume, silence"} {
		run.Summary.Exchanges = append(run.Summary.Exchanges, result.Exchange{Name: name, Took: result.Quantiles{Count: 6000, P50: 1e-3, P90: 2e-3, P99: 0.1, P999: 0.9, Max: 1}})
	}
	compared, levels, family := threeBrokers(t), atLevels(t, true), tradeoff()
	var rates []*result.Run
	for _, rate := range []float64{500, 1000, 2000, 4000} {
		for _, broker := range []string{"mosquitto", "mqttbroker"} {
			s := ordinary()
			s.rate, s.broker, s.measure = rate, broker, 2
			rates = append(rates, s.run())
		}
	}
	curve, err := result.Compare(result.GroupRuns(rates))
	if err != nil {
		t.Fatal(err)
	}
	curve.Capacity = []result.CapacityBand{{Series: curve.Groups[0].Series, Lo: 1000, Hi: 2000}}
	matrix := matrixOf(t, map[string]float64{"mosquitto": 1, "mochi": 2, "nats": 40})
	growth := grown(t)
	for _, f := range []*figure{
		percentileFigure(run), timelineFigure(run), ratesFigure(run), costFigure(run), recoveryFigure(run), instrumentFigure(run),
		latencyRowsFigure(compared), comparePercentilesFigure(compared), compareSharesFigure(compared), pairsFigure(compared), ratiosFigure(compared), compareCostFigure(compared), verdictFigure(compared),
		throughputFigure(curve), deliveredFigure(curve), costCurveFigure(curve),
		compareMultiples(levels),
		matrixCost(matrix), matrixLatencies(matrix), matrixVerdicts(matrix),
		familyFigure(family), familyMultiples(family),
		growth.figure(), growth.memoryFigure(),
	} {
		for _, wrong := range traced(t, f, false).collisions() {
			t.Errorf("%s: %s", f.name, wrong)
		}
		if f.narrow == 0 {
			continue
		}
		for _, wrong := range traced(t, f, true).collisions() {
			t.Errorf("%s on a phone: %s", f.name, wrong)
		}
	}
}
