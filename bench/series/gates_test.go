package series

import (
	"slices"
	"testing"
	"time"

	"mqttbench/bench/measure"
)

// TestGateNames: the gates that this package knows by name are those of package measure.
func TestGateNames(t *testing.T) {
	_, gates := measure.Judge(measure.Evidence{Published: true, LagP99: time.Second, OfferedRate: 1000, SentRate: 500, Missed: 1, Ceiling: 500, GeneratorCPU: 1, RaceBuild: true})
	var failed []string
	for _, g := range gates {
		if !g.Passed {
			failed = append(failed, g.Name)
		}
	}
	for _, name := range slices.Concat(onlySlower, byBroker) {
		if !slices.Contains(failed, name) {
			t.Errorf("no gate is called %q; there are %q", name, failed)
		}
	}
}
