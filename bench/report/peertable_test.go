package report

import (
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestPeerTable: one row for each figure of a profile, medians with their ranges, and shares of the base.
func TestPeerTable(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for rep, cpu := range []float64{10e-6, 12e-6, 11e-6} {
		for _, broker := range []string{"mosquitto", "ours"} {
			s := ordinary()
			s.broker, s.cpu, s.rep = broker, cpu, rep
			if broker == "mosquitto" {
				s.cpu *= 2
			}
			r := s.run()
			r.Manifest.Profile, r.Manifest.Broker.BuiltIn = "w2-pairs/qos-1", broker == "ours"
			runs = append(runs, r)

			q := s.run()
			q.Manifest.Profile = "w7-offline"
			q.Summary.Drained = &result.Drained{Clients: 100, Queued: 100, Rate: 600e3}
			if broker == "mosquitto" {
				q.Summary.Drained.Rate, q.Summary.Outcome = 200e3, result.Broken
			}
			runs = append(runs, q)
		}
	}
	table, err := NewPeerTable(runs, "mosquitto")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := table.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| workload | ours 2.0.18 | mosquitto 2.0.18 |",
		"| w2-pairs/qos-1, CPU per delivery | 11 µs (10 µs to 12 µs) x0.50 | 22 µs (20 µs to 24 µs) |",
		"| w7-offline, queue drained | 600 k/s (600 k/s to 600 k/s) x3.00 | 200 k/s (200 k/s to 200 k/s) † |",
		"x: times mosquitto 2.0.18.",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
	if _, err := NewPeerTable(runs, "nanomq"); err == nil {
		t.Error("shares of a broker that was not run")
	}
}

// TestPeerTableOfRunsWithoutProfile: runs that differ are rows of their own, and single runs are not called interleaved.
func TestPeerTableOfRunsWithoutProfile(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for _, rate := range []float64{100, 200} {
		s := ordinary()
		r := s.run()
		r.Manifest.Profile, r.Manifest.Repetition, r.Manifest.Workload.Rate = "", 0, rate
		runs = append(runs, r)
	}
	table, err := NewPeerTable(runs, "")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := table.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if text := b.String(); !strings.Contains(text, ", 100/s, CPU") || !strings.Contains(text, ", 200/s, CPU") || strings.Contains(text, "interleaved") {
		t.Error(text)
	}
}
