package report

import (
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestCalibrationIsDrawn: what is known of generator and kernel stands in the charts of costs and of load, where it is within them.
func TestCalibrationIsDrawn(t *testing.T) {
	sequential(t)
	c := &result.Calibration{Ceiling: 5000, Generator: 1e-6, Null: 1e-6, Relay: 8e-6, RelayPeer: 9e-6}
	groups := func(c *result.Calibration) []*result.Group {
		var runs []*result.Run
		for _, rate := range []float64{1000, 2000, 4000} {
			s := ordinary()
			s.rate = rate
			r := s.run()
			r.Manifest.Calibration = c
			runs = append(runs, r)
		}
		return result.GroupRuns(runs)
	}
	drawn := func(c *result.Calibration) map[string]string {
		compared, err := result.Compare(groups(c))
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		for _, f := range []*figure{costFigure(compared.Groups[0].Runs[0]), costCurveFigure(compared), throughputFigure(compared)} {
			svg, _, err := f.render()
			if err != nil {
				t.Fatal(err)
			}
			texts[f.name] = string(svg)
		}
		return texts
	}
	without, with := drawn(nil), drawn(c)
	for name, texts := range map[string][]string{
		"cost":               {"Dotted"},
		"compare-cost-curve": {"kernel's floor, one message at a time", "half of the generator's ceiling"},
		"compare-throughput": {"half of the generator's ceiling"},
	} {
		for _, text := range texts {
			text = strings.ReplaceAll(text, "'", "&#39;")
			if strings.Contains(without[name], text) || !strings.Contains(with[name], text) {
				t.Errorf("%s: %q without a calibration %t, with one %t", name, text, strings.Contains(without[name], text), strings.Contains(with[name], text))
			}
		}
	}
	if strings.Contains(with["compare-throughput"], ">generator") { // 5000 is beyond an axis to 4000.
		t.Error("a ceiling is drawn that is beyond the axis")
	}
	// The line of the floor is as many lines more as there are rows with one.
	if a, b := strings.Count(without["cost"], "stroke-dasharray"), strings.Count(with["cost"], "stroke-dasharray"); b != a+2 {
		t.Errorf("%d dotted lines without floors, %d with two", a, b)
	}
}
