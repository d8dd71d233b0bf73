package measure

import (
	"time"

	"mqttbench/bench/client"
)

// A Window is the measured part of a run, [From, To) in ns on the clock that due times are given in.
type Window struct{ From, To int64 }

// Contains reports whether a message due at due is measured.
func (w Window) Contains(due int64) bool { return due >= w.From && due < w.To }

// Counters are counts of one interval, or sums of several.
type Counters struct {
	Offered     uint64 // Messages that fell due, sent or not. Counted by whoever runs the schedule.
	Sent        uint64 // Messages put on the wire for the first time.
	SentBytes   uint64 // Of their payloads.
	Acked       uint64 // Exchanges complete; QoS 0: sent.
	Refused     uint64 // Exchanges answered with a Reason Code >= 0x80.
	Blocked     uint64 // Times that a due message found its publisher unable to send.
	Expected    uint64 // Deliveries that the messages sent ask for.
	Delivered   uint64 // First deliveries.
	SeenBytes   uint64 // Of their payloads.
	Duplicates  uint64 // Deliveries after the first, legal or not.
	Again       uint64 // QoS 2 resends on the wire that were not delivered.
	Stray       uint64 // Phantoms, corrupt payloads, messages of another run.
	Connects    uint64
	Reconnects  uint64 // Of the connects, those not a client's first.
	Disconnects uint64
	Failures    uint64 // Connection attempts that failed or were refused.

	OverRange uint64 // Durations beyond MaxDuration, recorded as MaxDuration.
	Negative  uint64 // Durations below 0, recorded nowhere: the clocks disagree.
}

// Add adds the counts of o.
func (c *Counters) Add(o *Counters) { panic("todo") }

// MaxDuration is the longest duration a histogram tells from longer ones.
const MaxDuration = time.Hour

// A Recorder holds the histograms and counters of one group of clients. It is owned by the group;
// only Collector.Add of another goroutine touches what it has handed over.
//
// Times are ns on one clock, the same for all arguments.
type Recorder struct {
	// Count has the counters of the current interval, to be incremented directly.
	Count *Counters
}

// NewRecorder makes a recorder; group is its number, from 0.
func NewRecorder(group int) *Recorder { panic("todo") }

// SetWindow says what part of the run is measured. Until then nothing is.
func (r *Recorder) SetWindow(w Window) { panic("todo") }

// Sent records that a message due at due was put on the wire at sent: its lag. bytes is the size of its payload.
func (r *Recorder) Sent(due, sent int64, bytes int) { panic("todo") }

// Seen records the first delivery of a message: response time from due, service time from sent.
func (r *Recorder) Seen(due, sent, seen int64, bytes int) { panic("todo") }

// Acked records that an exchange is complete.
func (r *Recorder) Acked() { panic("todo") }

// Took records the duration of one exchange that ended at now.
func (r *Recorder) Took(phase client.Phase, d time.Duration, now int64) { panic("todo") }

// Swap ends the interval with the given number: what has been recorded since the last Swap is
// handed over, and recording goes on in a spare set. The caller passes the set to Collector.Add. Called on the group.
func (r *Recorder) Swap(interval int) *Set { panic("todo") }
