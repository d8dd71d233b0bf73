package report

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/result"
)

// A scenario is a run made up from a few numbers, the same every time.
type scenario struct {
	broker  string
	qos     int
	rate    float64 // Messages a second.
	fanOut  float64
	median  float64 // Of the service time, seconds.
	sigma   float64 // Of its logarithm.
	share   float64 // Of the expected deliveries, delivered.
	cpu     float64 // Broker CPU seconds per delivered message.
	stall   float64 // Seconds for which the broker stands still, 30 s after the start; 0: never.
	gap     bool    // No intervals from 40 to 44 s.
	measure int     // Seconds; 0: 50.
	rep     int
	seed    uint64
}

func ordinary() scenario {
	return scenario{broker: "mosquitto", qos: 1, rate: 1000, fanOut: 1, median: 120e-6, sigma: 0.4, share: 1, cpu: 31e-6, seed: 1}
}

const warmUp = 5

func (s scenario) manifest() result.Manifest {
	return result.Manifest{
		RunID: "7f3a", Start: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Repetition: s.rep, Seed: 42, Profile: "p2p-1k",
		Tool:    result.Tool{Version: "1.0.0", Commit: "a591bab", GoVersion: "go1.26"},
		Command: []string{"mqttbench", "--profile", "p2p-1k"},
		Workload: result.Workload{Load: "open", Arrivals: "constant", Rate: s.rate, QoS: []int{s.qos}, PayloadBytes: 64, MQTTVersion: "5.0",
			Transport: "tcp", Clients: 200, Publishers: 100, Subscribers: 100, Topics: 100, FanOut: s.fanOut, Window: 20, WarmUp: warmUp, Duration: 50},
		Broker:  result.Broker{URL: "tcp://127.0.0.1:1883", Name: s.broker, Version: "2.0.18", PID: 9, CoLocated: true},
		Machine: result.Machine{CPU: "Intel Xeon 2.20GHz", Cores: 2, MemoryBytes: 8 << 30, OS: "linux/amd64", Kernel: "6.1.0", Virtual: "kvm"},
	}
}

// run makes the run.
func (s scenario) run() *result.Run {
	random := rand.New(rand.NewPCG(s.seed, s.seed))
	if s.measure == 0 {
		s.measure = 50
	}
	r := &result.Run{Dir: "results/7f3a", Manifest: s.manifest(), Complete: true, Response: new(result.Histogram), Service: new(result.Histogram)}
	lag := new(result.Histogram)
	backlog := int64(0)
	for t := 0; t < warmUp+s.measure+1; t++ {
		iv := result.Interval{T0: float64(t), T1: float64(t + 1), Phase: result.PhaseMeasure, Clients: 200}
		switch {
		case t < warmUp:
			iv.Phase = result.PhaseWarmUp
		case t == warmUp+s.measure:
			iv.Phase, iv.T1 = result.PhaseDrain, float64(t)+0.4
		}
		if iv.Phase != result.PhaseDrain {
			iv.Offered = int64(s.rate)
			iv.Expected = int64(s.rate * s.fanOut)
		}
		stalled := s.stall > 0 && t >= 30 && float64(t) < 30+s.stall
		if !stalled {
			iv.Accepted = iv.Offered
			iv.Delivered = int64(float64(iv.Expected) * s.share)
			if s.stall > 0 && float64(t) < 31+s.stall && t > 30 {
				iv.Accepted, iv.Delivered = iv.Offered*int64(1+s.stall), iv.Delivered*int64(1+s.stall)
			}
		}
		backlog += int64(float64(iv.Expected)*s.share) - iv.Delivered
		iv.Backlog = backlog
		response, service := new(result.Histogram), new(result.Histogram)
		for i := range min(iv.Delivered, 2000) {
			v := s.median * math.Exp(s.sigma*random.NormFloat64())
			if random.IntN(300) == 0 {
				v *= 1 + 9*random.Float64()
			}
			late := 8e-6 * random.ExpFloat64()
			wait := 0.0
			if s.stall > 0 && t == 30+int(math.Ceil(s.stall)) && i%int64(1+s.stall) != 0 {
				wait = s.stall * random.Float64()
			}
			service.Record(v, 1)
			response.Record(v+late+wait, 1)
			lag.Record(late, 1)
		}
		iv.Response, iv.Service = response.Quantiles(), service.Quantiles()
		busy := s.cpu * float64(iv.Delivered)
		iv.Broker = &result.Usage{UserCPU: busy * 0.4, SystemCPU: busy * 0.6, RSS: 4 << 20}
		iv.Generator = &result.Usage{UserCPU: busy * 0.1, SystemCPU: busy * 0.2, RSS: 20 << 20}
		if iv.Phase != result.PhaseWarmUp {
			r.Response.Merge(response)
			r.Service.Merge(service)
		}
		if !s.gap || t < 40 || t >= 44 {
			r.Intervals = append(r.Intervals, iv)
		}
	}
	r.Events = s.events()
	r.Summary = s.summary(r, lag)
	return r
}

func (s scenario) events() []result.Event {
	all := []result.Event{
		{At: 0, Kind: result.EventPhase, Name: "warm-up"},
		{At: warmUp, Kind: result.EventPhase, Name: "measure"},
		{At: float64(warmUp + s.measure), Kind: result.EventPhase, Name: "drain"},
	}
	if s.stall > 0 {
		all = append(all,
			result.Event{At: 12, Kind: result.EventChurn, Name: "rst", Count: 10},
			result.Event{At: 20, Kind: result.EventChurn, Name: "disconnect", Count: 10},
			result.Event{At: 30, Until: 30 + s.stall, Kind: result.EventFault, Name: "pause"})
	}
	return all
}

func (s scenario) summary(r *result.Run, lag *result.Histogram) result.Summary {
	m := result.Total(r.Intervals, result.PhaseMeasure)
	broker := result.TotalUsage(r.Intervals, result.PhaseMeasure, func(iv *result.Interval) *result.Usage { return iv.Broker })
	generator := result.TotalUsage(r.Intervals, result.PhaseMeasure, func(iv *result.Interval) *result.Usage { return iv.Generator })
	sum := result.Summary{
		Measured: m, Phases: result.TotalPhases(r.Intervals),
		Response: r.Response.Quantiles(), Service: r.Service.Quantiles(), Lag: lag.Quantiles(),
		Gates: []result.Gate{
			{Name: "schedule lag p99", Value: lag.At(0.99), Limit: 1e-3, Unit: "s", Passed: true, Fails: result.ValidityInvalid},
			{Name: "generator CPU", Value: 0.31, Limit: 0.8, Unit: "1", Passed: true, Fails: result.ValidityInvalid},
			{Name: "PSI cpu", Value: 0.02, Limit: 0.1, Unit: "1", Passed: true, Fails: result.ValidityNoisy},
		},
		Cost:   result.Cost{Broker: result.NewProcessCost(*broker, m.Seconds, m.Delivered), Generator: result.NewProcessCost(*generator, m.Seconds, m.Delivered)},
		Steady: result.Steady{Checked: true, Steady: true, WarmUpCut: warmUp},
	}
	sum.Cost.Broker.BytesPerConnection = 732
	c := result.Contract{QoS: s.qos, Attempted: m.Offered, Acked: m.Accepted, Expected: m.Expected, Delivered: m.Delivered}
	if lost := c.Missing(); lost > 0 {
		class := result.DroppedOverload
		if s.qos == 0 {
			class = result.LossQoS0
		}
		c.Findings = []result.Finding{{Class: class, Count: lost, First: []result.Offender{
			{Publisher: "p17", Subscriber: "s17", Topic: "bench/17", Sequence: 1234, At: 12.3}}}}
	}
	sum.Contracts = []result.Contract{c}
	for i, name := range []string{"connect", "CONNACK", "SUBACK", "PUBLISH-PUBACK"} {
		h := new(result.Histogram)
		for k := range 200 * (1 + 40*(i/3)) {
			h.Record(float64(i+1)*50e-6*(1+float64(k%97)/40), 1)
		}
		sum.Exchanges = append(sum.Exchanges, result.Exchange{Name: name, Took: h.Quantiles()})
	}
	sum.Judge()
	return sum
}

// histogramOf is one of values in nanoseconds.
func histogramOf(t *testing.T, values ...int64) *hdr.Histogram {
	t.Helper()
	h := hdr.New(1, int64(time.Hour), 3)
	for _, v := range values {
		if err := h.RecordValue(v); err != nil {
			t.Fatal(err)
		}
	}
	return h
}
