package result

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// sampleManifest is one with every field set, so that a field that is not kept is seen.
func sampleManifest() *Manifest {
	return &Manifest{
		RunID: "r1", Start: time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC), Repetition: 2,
		Tool:    Tool{Version: "1.0", Commit: "abc", GoVersion: "go1.26"},
		Command: []string{"mqttbench", "--qos", "1"}, Flags: map[string]string{"qos": "1"},
		Profile: "p2p", Plan: json.RawMessage(`{"publishers":[1,2]}`), Seed: 1<<63 + 1,
		Workload: Workload{Load: "open", Arrivals: "constant", Rate: 1000, QoS: []int{1}, SubscribeQoS: []int{2}, PayloadBytes: 64,
			MQTTVersion: "5.0", Transport: "tcp", Engine: "native", Clients: 200, Publishers: 100, Subscribers: 100, Topics: 100,
			FanOut: 1, Window: 20, WarmUp: 5, Duration: 10, ChurnPerSec: 1, CleanStart: true, SharedMembers: 3},
		Broker: Broker{URL: "tcp://127.0.0.1:1883", Name: "mosquitto", Version: "2.0.18", BuiltIn: true, Driver: "epoll", Loops: 2,
			Durable: "os", PID: 4, CoLocated: true, CPUs: "0", Config: map[string]string{"max_queued_messages": "0"}},
		Machine: Machine{CPU: "Xeon", Cores: 2, MemoryBytes: 8 << 30, OS: "linux/amd64", Kernel: "6.1", CongestionControl: "cubic",
			FileLimit: 1 << 20, Virtual: "kvm", Governor: "performance", GeneratorCPUs: "1"},
	}
}

// latencies is a histogram of n durations from 100 µs on, a microsecond apart.
func latencies(n int) *hdr.Histogram {
	h := hdr.New(1, int64(time.Minute), 3)
	for i := range n {
		if err := h.RecordValue(int64(100*time.Microsecond) + int64(i)*int64(time.Microsecond)); err != nil {
			panic(err)
		}
	}
	return h
}

var sampleIntervals = []Interval{
	{T0: 0, T1: 1, Phase: PhaseWarmUp, Offered: 1000, Accepted: 990, Expected: 1000, Delivered: 980, Clients: 200, Backlog: 20, Connects: 200},
	{T0: 1, T1: 2, Phase: PhaseMeasure, Offered: 1000, Accepted: 1000, Expected: 1000, Delivered: 1000, Clients: 200, Backlog: 20,
		Lag: Quantiles{Count: 3, Min: 1e-6, P50: 2e-6, P90: 3e-6, P99: 3e-6, P999: 3e-6, Max: 3e-6}, UnsentBytes: 7,
		Broker: &Usage{UserCPU: 0.01, SystemCPU: 0.02, RSS: 4 << 20}, Generator: &Usage{UserCPU: 0.1, SystemCPU: 0.1, RSS: 9 << 20}},
	{T0: 2, T1: 3, Phase: PhaseMeasure, Offered: 1000, Accepted: 900, Expected: 1000, Delivered: 900, Clients: 199, Backlog: 120,
		Duplicates: 2, Disconnects: 2, Reconnects: 1,
		Broker: &Usage{UserCPU: 0.01, SystemCPU: 0.02, RSS: 5 << 20}, Generator: &Usage{UserCPU: 0.1, SystemCPU: 0.1, RSS: 9 << 20}},
	{T0: 3, T1: 3.5, Phase: PhaseDrain, Accepted: 110, Delivered: 120, Clients: 200},
}

func sampleSummary() *Summary {
	return &Summary{
		Outcome: Broken, ExitCode: 1, Validity: ValidityOK,
		Gates: []Gate{{Name: "schedule lag p99", Value: 3e-6, Limit: 1e-3, Unit: "s", Passed: true, Fails: ValidityInvalid}},
		Contracts: []Contract{{QoS: 1, Attempted: 3000, Acked: 3000, Expected: 3000, Delivered: 2999, Findings: []Finding{
			{Class: Lost, Count: 1, First: []Offender{{Publisher: "p1", Subscriber: "s1", Topic: "a/b", Sequence: 17, At: 2.5, Text: "?"}}},
			{Class: DupLegal, Count: 2}}}},
		Measured: Total(sampleIntervals, PhaseMeasure), Phases: TotalPhases(sampleIntervals),
		Exchanges: []Exchange{{Name: "CONNACK", Took: QuantilesOf(latencies(200))}},
		Cost:      Cost{Broker: NewProcessCost(Usage{0.02, 0.04, 5 << 20}, 2, 1900)},
		Steady:    Steady{Checked: true, Steady: true, WarmUpCut: 1},
		Errors:    []ErrorCount{{Text: "dial: refused", Count: 1, First: 0.1}},
	}
}

// writeSample writes a run into a fresh folder; s nil leaves it without a summary.
func writeSample(t *testing.T, s *Summary) *Writer {
	t.Helper()
	w, err := Create(filepath.Join(t.TempDir(), "run"), sampleManifest())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Event(&Event{At: 1, Kind: EventPhase, Name: "measure"}); err != nil {
		t.Fatal(err)
	}
	for _, iv := range sampleIntervals {
		if err := w.Interval(&iv, latencies(int(iv.Delivered)), latencies(int(iv.Delivered)/2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(s); err != nil {
		t.Fatal(err)
	}
	return w
}

func readFile(t *testing.T, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
