package report

import (
	"testing"

	"mqttbench/bench/result"
)

// TestSilentAndOffline: the summary of a run that only connects, and of one whose subscribers were away.
func TestSilentAndOffline(t *testing.T) {
	sequential(t)
	silent := ordinary().run()
	w, s := &silent.Manifest.Workload, &silent.Summary
	w.Load, w.Arrivals, w.Rate, w.Clients, w.QoS = idle, "", 0, 10_000, nil
	*s = result.Summary{
		Validity: result.ValidityOK, Exchanges: s.Exchanges[:2], Cost: s.Cost,
		Connecting: &result.Connecting{Clients: 10_000, Seconds: 0.5, Rate: 20_000, BrokerCPU: 16e-6},
		Measured:   result.Totals{Phase: result.PhaseMeasure, Seconds: 10},
	}
	s.Cost.Broker.UserPerDelivered, s.Cost.Broker.SystemPerDelivered = 0, 0
	s.Judge()
	golden(t, "idle.txt", summaryText(t, silent, 0, false))

	away := ordinary().run()
	away.Manifest.Workload.Offline = 11
	away.Summary.Drained = &result.Drained{Clients: 100, Away: 11, Queued: 100_000, Delivered: 99_000, Seconds: 0.25, Rate: 396_000}
	golden(t, "offline.txt", summaryText(t, away, 0, false))
}
