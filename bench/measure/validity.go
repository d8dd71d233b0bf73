package measure

import (
	"time"

	"mqttbench/bench/result"
)

// Evidence is what the validity of a run is judged by. A zero field passes its gate; -1 in a share
// means not known, and its gate is left out.
type Evidence struct {
	Published       bool          // Messages were published on a schedule; otherwise there are no gates about it.
	LagP99          time.Duration // Due to sent.
	ResponseP50     time.Duration
	OfferedRate     float64 // Messages per second by the plan, in the measured part.
	SentRate        float64 // Messages per second that were sent.
	Missed          int64   // Messages that were due and never sent.
	GeneratorCPU    float64 // Share of the generator's CPUs that it used, 0 to 1.
	GeneratorFiles  int64   // Descriptors open at most.
	FileLimit       int64   // Soft limit; 0: none known.
	GCPauseP99      time.Duration
	SchedLatencyP99 time.Duration
	Ceiling         float64 // Messages per second that the generator reaches against a null broker; 0: not calibrated.
	RaceBuild       bool
	ClockAnomalies  int64   // Negative durations.
	OverRange       int64   // Durations beyond MaxDuration.
	Stalled         float64 // PSI "some" share, 0 to 1.
	Steal           float64 // 0 to 1.
	ForeignCPU      float64 // Share of the machine that neither generator nor broker used, 0 to 1.
}

// Judge applies the gates. The result is OK, NOISY or INVALID: the worst of the gates that did not pass.
func Judge(e Evidence) (result.Validity, []result.Gate) { panic("todo") }

// RaceBuild reports whether this program was built with the race detector: then it measures nothing.
const RaceBuild = raceBuild

const raceBuild = false
