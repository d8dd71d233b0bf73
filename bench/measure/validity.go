package measure

import (
	"fmt"
	"math"
	"time"

	"mqttbench/bench/result"
)

// RaceBuild reports whether this program was built with the race detector: then it measures that.
const RaceBuild = raceBuild

// Unknown is a share that could not be found out. Its gate is left out.
const Unknown = -1

// Evidence is what the validity of a run is judged by: whether the generator kept its schedule and
// was not itself the bottleneck, and whether the machine was quiet.
type Evidence struct {
	Published   bool          // Messages were published on a schedule. Otherwise there are no gates about it.
	LagP99      time.Duration // Due to sent, measured part.
	ResponseP50 time.Duration // 0: nothing was delivered.
	OfferedRate float64       // Messages per second by the plan, measured part.
	SentRate    float64       // Messages per second that were sent of them.
	Missed      int64         // Messages that were due and never sent.
	Arrivals    Arrivals      // When messages really left.
	Closed      bool          // Publishers sent as fast as acknowledgements let them, and somebody was subscribed.
	Delivered   int64         // Messages, measured part.

	GeneratorCPU    float64       // Share of the CPUs it may use, 0 to 1, or Unknown.
	GCPauses        Distribution  // Of the generator, in the measured part,
	Lasted          time.Duration // which was so long.
	SchedLatencyP99 time.Duration // Of the generator.
	Ceiling         float64       // Messages per second that it reaches against a broker that does nothing. 0: not calibrated.
	GeneratorFiles  int64         // Descriptors it had open at most.
	FileLimit       int64         // How many it may. 0: not known.
	Exhausted       int64         // Connections that failed because this machine had no port or descriptor for them.
	ClockAnomalies  int64         // Negative durations.
	OverRange       int64         // Durations beyond MaxDuration.
	RaceBuild       bool

	Stalled    float64 // Share of the time in which some task waited for a CPU (PSI), 0 to 1, or Unknown.
	Steal      float64 // Share of the CPUs that a hypervisor gave to others, or Unknown.
	Throttled  float64 // Share of the time in which the generator's control group had used up its quota of CPU, or Unknown.
	TooHot     int64   // Times that a CPU slowed down because of its temperature.
	ForeignCPU float64 // Share of the CPUs that neither generator nor broker took, or Unknown.
}

// Arrivals is when messages really left, in figures that tell the arrival processes from each other.
type Arrivals struct {
	Poisson, Burst bool    // What was asked for; neither: constant, each publisher with a phase of its own.
	Period         float64 // Mean gap of a publisher, ns.
	Gaps           int64   // Between two messages of a publisher, both sent in their turn.
	CV             float64 // Standard deviation of the gaps, by their mean: 0 if all are alike, 1 if Poisson.
	Publishers     int
	Together       float64 // 1: all publishers send at the same instants of the period; near 0: their phases are spread over it.
}

// Limits of the gates.
const (
	minLagLimit     = time.Millisecond // What a schedule may always lag, p99.
	lagShare        = 0.10             // And as a share of the median response time.
	rateTolerance   = 0.01             // Realised rate against the plan's.
	maxGeneratorCPU = 0.80
	pauseShare      = 0.10 // GC pauses and scheduling latencies, as a share of the median response time.
	maxPaused       = 0.10 * (1 - headline)
	headline        = 0.99 // The quantile that runs are compared by.
	maxOfCeiling    = 0.50
	maxOfFiles      = 0.95
	maxStalled      = 0.10
	maxSteal        = 0.02
	maxThrottled    = 0.01
	maxForeign      = 0.05
)

// Judge applies the gates that the evidence is sufficient for. The validity is that of the worst
// gate that did not pass.
func Judge(e Evidence) (result.Validity, []result.Gate) {
	var j judge
	if e.Published {
		j.schedule(e)
	}
	if e.Closed {
		j.atLeast(result.ValidityInvalid, "delivered in the measured part", float64(e.Delivered), 1, "messages",
			"the broker came to a standstill, so there is nothing to measure: see what its log says, or use a lower QoS")
	}
	j.generator(e)
	j.machine(e)
	return j.validity(), j.gates
}

// A judge collects gates.
type judge struct{ gates []result.Gate }

func (j *judge) atMost(fails result.Validity, name string, value, limit float64, unit, advice string) {
	j.add(result.Gate{Name: name, Value: value, Limit: limit, Unit: unit, Passed: value <= limit, Fails: fails, Advice: advice})
}

func (j *judge) atLeast(fails result.Validity, name string, value, limit float64, unit, advice string) {
	j.add(result.Gate{Name: name, Value: value, Limit: limit, Unit: unit, AtLeast: true, Passed: value >= limit, Fails: fails, Advice: advice})
}

// add leaves advice out where none is needed.
func (j *judge) add(g result.Gate) {
	if g.Passed {
		g.Advice = ""
	}
	j.gates = append(j.gates, g)
}

func (j *judge) validity() result.Validity {
	v := result.ValidityOK
	for _, g := range j.gates {
		switch {
		case g.Passed:
		case g.Fails == result.ValidityInvalid:
			return result.ValidityInvalid
		default:
			v = g.Fails
		}
	}
	return v
}

// schedule asks whether what was sent is what the plan said, when the plan said.
func (j *judge) schedule(e Evidence) {
	lag := max(minLagLimit.Seconds(), lagShare*e.ResponseP50.Seconds())
	// Late because others had the CPU is noise; late on a quiet machine is the instrument at its limit.
	fails := result.ValidityInvalid
	if e.ForeignCPU > maxForeign || e.Steal > maxSteal {
		fails = result.ValidityNoisy
	}
	j.atMost(fails, "schedule lag p99", e.LagP99.Seconds(), lag, "s",
		"the generator sent later than planned: lower the rate, use fewer clients, give it more CPUs, or widen the window if publishers waited for acknowledgements")
	j.atMost(result.ValidityInvalid, "missed sends", float64(e.Missed), 0, "messages",
		"messages that were due were never sent: the broker did not acknowledge fast enough for the window; lower the rate or widen the window")
	if e.OfferedRate > 0 {
		j.atLeast(result.ValidityInvalid, "sent of offered", e.SentRate/e.OfferedRate, 1-rateTolerance, "1",
			"the planned rate was not reached: lower the rate or use more publishers")
	}
	j.arrivals(e)
	if e.Ceiling > 0 {
		j.atMost(result.ValidityInvalid, "share of the generator's ceiling", e.SentRate/e.Ceiling, maxOfCeiling, "1",
			"the generator is not much faster than this itself: lower the rate or use a second machine")
	}
}

// arrivals asks whether what left had the distribution that was asked for. What the generator's lag may change of it is allowed for: the lag
// has its own gate.
func (j *judge) arrivals(e Evidence) {
	a := e.Arrivals
	if a.Gaps < fewestGaps || a.Period <= 0 {
		return
	}
	want := 0.0
	if a.Poisson {
		want = 1
	}
	late := 2 * float64(e.LagP99) / a.Period
	chance := 4 / math.Sqrt(float64(a.Gaps))
	j.atMost(result.ValidityInvalid, "arrival gaps, CV off", math.Abs(a.CV-want), 0.05+late+chance, "1",
		"messages did not leave with the gaps of the arrival process: lower the rate, or use fewer publishers")
	switch {
	case a.Publishers < fewestPhases || a.Poisson || late > 0.25:
	case a.Burst:
		j.atLeast(result.ValidityInvalid, "bursts together", a.Together, 0.9-late, "1", "publishers did not send at the same instants: lower the rate, or use fewer publishers")
	default:
		j.atMost(result.ValidityInvalid, "phases together", a.Together, 0.05+3/math.Sqrt(float64(a.Publishers)), "1",
			"publishers sent in step, as bursts: use another --seed")
	}
}

// So many it takes to tell anything.
const (
	fewestGaps   = 100
	fewestPhases = 10
)

// generator asks whether the instrument had room to spare.
func (j *judge) generator(e Evidence) {
	switch {
	case e.GeneratorCPU < 0:
	case !e.Published: // A closed loop: somebody is the bottleneck, and the cost of a message is the same whoever it is.
		j.atMost(result.ValidityNoisy, "generator CPU", e.GeneratorCPU, maxGeneratorCPU, "1",
			"the generator may have been the bottleneck: the rate is at least this; compare CPU per message")
	default:
		j.atMost(result.ValidityInvalid, "generator CPU", e.GeneratorCPU, maxGeneratorCPU, "1",
			"the generator was short of CPU: lower the rate, give it more CPUs, or use a second machine")
	}
	if e.ResponseP50 > 0 {
		limit := max(pauseShare*e.ResponseP50.Seconds(), minLagLimit.Seconds())
		j.pauses(e, limit)
		j.atMost(result.ValidityNoisy, "generator scheduling latency p99", e.SchedLatencyP99.Seconds(), limit, "s",
			"the generator's threads waited for a CPU: run fewer loops than CPUs, or pin broker and generator to CPUs of their own")
	}
	if e.FileLimit > 0 {
		j.atMost(result.ValidityInvalid, "open files", float64(e.GeneratorFiles), maxOfFiles*float64(e.FileLimit), "descriptors",
			"the generator was at its limit of open files: raise it with ulimit -n")
	}
	if e.Exhausted > 0 {
		j.atMost(result.ValidityInvalid, "no port or descriptor left", float64(e.Exhausted), 0, "connections",
			"the generator could not connect: give it more addresses with --local-addr, or more descriptors with ulimit -n")
	}
	j.atMost(result.ValidityInvalid, "negative durations", float64(e.ClockAnomalies), 0, "messages",
		"messages were seen before they were sent: the clocks of sender and receiver disagree")
	j.atMost(result.ValidityInvalid, "durations out of range", float64(e.OverRange), 0, "messages",
		"some durations exceed what the histograms can hold: the run had no steady state")
	j.atMost(result.ValidityInvalid, "race detectors built in", number01(e.RaceBuild), 0, "detectors",
		"this program was built with -race and measures the race detector: build it without")
}

// pauses asks whether garbage collection can have moved what the run is compared by. A pause touches the messages that are due or arrive in it, in an
// open loop the same share of all as it is of the time, and those that queue up behind them while the generator catches up: at maxGeneratorCPU five
// times as many together. So at maxPaused, a thousandth, the p99 that is reported is at most what p99.5 would have been without, and one long pause in a
// long run is the business of the maximum alone. (The 99th percentile of the pauses themselves says nothing: there are some dozens of them, so it is the longest.)
func (j *judge) pauses(e Evidence, limit float64) {
	if e.Lasted <= 0 {
		return
	}
	j.atMost(result.ValidityNoisy, "generator GC pauses", e.GCPauses.Beyond(limit)/e.Lasted.Seconds(), maxPaused, "1",
		fmt.Sprintf("garbage collection stopped the generator, for longer than %.3g ms at a time, for a share of the run that can move p99: raise GOGC", limit*1e3))
}

// machine asks whether something else took the CPUs. Counts, cost and verdicts stand all the same.
func (j *judge) machine(e Evidence) {
	// Where it is known what others took, pressure beyond that is what broker and generator did to each other, which is part of the load.
	if e.Stalled >= 0 && e.ForeignCPU < 0 {
		j.atMost(result.ValidityNoisy, "CPU pressure", e.Stalled, maxStalled, "1",
			"tasks waited for a CPU: use a quieter machine, a lower rate, or one CPU each for broker and generator; until then compare CPU per message, not latency")
	}
	if e.Steal >= 0 {
		j.atMost(result.ValidityNoisy, "stolen CPU", e.Steal, maxSteal, "1",
			"the hypervisor gave this machine's CPUs to others: use a dedicated one")
	}
	if e.Throttled >= 0 {
		j.atMost(result.ValidityNoisy, "throttled", e.Throttled, maxThrottled, "1",
			"the quota of CPU of this control group (container) was used up, and all in it stood still: raise the quota, or lower the rate")
	}
	if e.TooHot > 0 {
		j.atMost(result.ValidityNoisy, "thermal throttling", float64(e.TooHot), 0, "times",
			"CPUs slowed down because they were too hot: cool the machine, or wait between runs")
	}
	if e.ForeignCPU >= 0 {
		j.atMost(result.ValidityNoisy, "foreign CPU", e.ForeignCPU, maxForeign, "1",
			"other programs ran: stop them")
	}
}

func number01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
