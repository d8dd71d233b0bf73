package measure

import (
	"sync/atomic"
	"time"

	"mqttbench/bench/client"
)

// A Recorder holds the histograms and counters of one group of clients. It is owned by the group;
// what it has handed over with Swap is not its own any more. Times are ns, all on one clock.
//
// Messages are told apart by whether they were due in the Window, and go to one of two series. So
// the totals of the measured part and the course of the whole run come from a single recording.
type Recorder struct {
	// Count has the counters of the current interval, to be incremented directly. Read it anew
	// after each Swap.
	Count *Counters

	group  int
	window Window
	active *Set
	part   *part // Of the active set, the one that the last message belonged to; nil: none yet.

	// The set that records next. The collector gives it, the group takes it.
	spare atomic.Pointer[Set]
}

// NewRecorder makes a recorder; group is its number, from 0.
func NewRecorder(group int) *Recorder {
	r := &Recorder{group: group}
	r.spare.Store(newSet(r))
	r.use(newSet(r))
	return r
}

func (r *Recorder) use(s *Set) {
	r.active, r.part = s, nil
	r.Count = &s.Counters
}

// at is the part of the window that an instant in it belongs to.
func (r *Recorder) at(now int64) *part {
	if p := r.part; p != nil && now >= p.from && now < p.to {
		return p
	}
	r.part = r.active.part(&r.window, now)
	return r.part
}

// part finds the part of an instant, or makes it.
func (s *Set) part(w *Window, now int64) *part {
	number := w.Passed(now)
	for _, p := range s.parts {
		if p.number == number {
			return p
		}
	}
	var p *part
	if last := len(s.spares) - 1; last >= 0 {
		p, s.spares = s.spares[last], s.spares[:last]
	} else {
		p = newPart()
	}
	p.number, p.from, p.to = number, w.border(number), w.border(number+1)
	if number == w.last() {
		p.to = w.To
	}
	s.parts = append(s.parts, p)
	return p
}

// SetWindow says what part of the run is measured. Until then nothing is. It is called once.
func (r *Recorder) SetWindow(w Window) { r.window = w }

// Sent records that a message due at due was put on the wire at sent: its lag. bytes is the size of
// its payload. In a closed loop due is sent.
func (r *Recorder) Sent(due, sent int64, bytes int) {
	s := r.active
	s.Counters.record(r.sent(due, bytes).Lag, sent-due)
}

// SentLate records a message that its publisher could not send when it was due: it was away, or its window was full. The wait is
// in the message's response time; it is not in the lag, which is the generator's own lateness.
func (r *Recorder) SentLate(due int64, bytes int) {
	r.active.Counters.Late++
	r.sent(due, bytes)
}

// sent counts a message and returns the series that it belongs to.
func (r *Recorder) sent(due int64, bytes int) *Series {
	s := r.active
	s.Counters.Sent++
	s.Counters.SentBytes += uint64(bytes)
	if r.window.Contains(due) {
		p := r.at(due)
		p.counts.Sent++
		return &p.series
	}
	return &s.rest
}

// Seen records the first delivery of a message: response time from due, service time from sent.
func (r *Recorder) Seen(due, sent, seen int64, bytes int) {
	s := r.active
	s.Counters.Delivered++
	s.Counters.SeenBytes += uint64(bytes)
	series := &s.rest
	if r.window.Contains(due) {
		p := r.at(due)
		p.counts.Delivered++
		series = &p.series
	}
	s.Counters.record(series.Response, seen-due)
	s.beat(seen, seen-due)
	s.Counters.record(series.Service, seen-sent)
}

// Acked records that the exchange of a message due at due is complete; with QoS 0, that it was sent.
func (r *Recorder) Acked(due int64) {
	r.active.Counters.Acked++
	if r.window.Contains(due) {
		r.at(due).counts.Acked++
	}
}

// Took records the duration of one exchange that ended at now. Exchanges of publishing outside the
// window are left out; those of connecting and subscribing are mostly there, and all are kept.
func (r *Recorder) Took(phase client.Phase, d time.Duration, now int64) {
	if connecting(phase) {
		r.active.Counters.record(r.active.phases[phase], int64(d))
	} else if r.window.Contains(now) {
		r.active.Counters.record(r.at(now).phases[phase], int64(d))
	}
}

// Woke records how late a timer called the pacer, at now.
func (r *Recorder) Woke(late, now int64) {
	if r.window.Contains(now) {
		r.active.Counters.record(r.active.slack, late)
	}
}

// A Resume is what a client that comes back waits for, from when it begins to connect again.
type Resume uint8

// What it waits for.
const (
	ResumeSession Resume = iota // All is as it was: CONNACK with the session present, or without it the SUBACK.
	ResumeMessage               // The first message on the new connection that it had not had before.
	ResumeSilence               // That message, from the last one on the connection before it, to a tenth of a millisecond.
	WillSeen                    // From cutting a client off to a watcher's having its will.
	RetainedSeen                // From SUBSCRIBE to the last of the retained messages.
	TakenOver                   // From another connection's beginning to connect with a Client Identifier in use to its CONNACK.
	Resumes
)

// Resumed records how long a client that came back had to wait.
func (r *Recorder) Resumed(what Resume, d time.Duration) {
	r.active.Counters.record(r.active.resumes[what], int64(d))
}

// Swap ends the interval with the given number: what has been recorded since the last Swap is
// handed over, and recording goes on in a spare set. The caller passes the set to Collector.Add.
// If the collector has not given the last one back in time, a new one is made.
func (r *Recorder) Swap(interval int) *Set {
	done := r.active
	done.Interval = interval
	next := r.spare.Swap(nil)
	if next == nil {
		next = newSet(r)
	}
	r.use(next)
	return done
}
