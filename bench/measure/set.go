package measure

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/client"
)

// MaxDuration is the longest duration that a histogram tells from longer ones.
const MaxDuration = time.Hour

// Significant digits. A histogram of three takes 270 KB, one of two 37 KB; the second will do where
// nothing but the course of a warm-up or a handful of percentiles is drawn.
const (
	fine   = 3
	coarse = 2
)

func newHistogram(digits int) *hdr.Histogram { return hdr.New(1, int64(MaxDuration), digits) }

// Counters are counts of one interval, or sums of several.
type Counters struct {
	Offered     uint64 // Messages that fell due, sent or not. For whoever runs the schedule to count.
	Sent        uint64 // Messages put on the wire for the first time.
	SentBytes   uint64 // Of their payloads.
	Acked       uint64 // Exchanges complete; QoS 0: sent.
	Refused     uint64 // Exchanges answered with a Reason Code >= 0x80.
	Late        uint64 // Of the sent, those whose publisher was away or had its window full when they were due.
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

	TakeOvers    uint64 // Of the disconnects, those by another connection with the same Client Identifier.
	Unsubscribes uint64

	OverRange uint64 // Durations beyond MaxDuration, recorded as MaxDuration.
	Negative  uint64 // Durations below 0, recorded nowhere: the clocks disagree.
}

// Add adds the counts of o.
func (c *Counters) Add(o *Counters) {
	c.Offered += o.Offered
	c.Sent += o.Sent
	c.SentBytes += o.SentBytes
	c.Acked += o.Acked
	c.Refused += o.Refused
	c.Late += o.Late
	c.Blocked += o.Blocked
	c.Expected += o.Expected
	c.Delivered += o.Delivered
	c.SeenBytes += o.SeenBytes
	c.Duplicates += o.Duplicates
	c.Again += o.Again
	c.Stray += o.Stray
	c.Connects += o.Connects
	c.Reconnects += o.Reconnects
	c.Disconnects += o.Disconnects
	c.Failures += o.Failures
	c.TakeOvers += o.TakeOvers
	c.Unsubscribes += o.Unsubscribes
	c.OverRange += o.OverRange
	c.Negative += o.Negative
}

// record puts a duration into a histogram. A value that does not fit is counted, never lost in silence.
func (c *Counters) record(h *hdr.Histogram, ns int64) {
	switch {
	case ns < 0:
		c.Negative++
		return
	case ns > int64(MaxDuration):
		c.OverRange++
		ns = int64(MaxDuration)
	}
	_ = h.RecordValue(ns) // In range by now.
}

// MeasuredCounts are counts of messages due in the Window, whenever they were sent and seen.
type MeasuredCounts struct {
	Sent      uint64
	Acked     uint64
	Delivered uint64
}

// Add adds the counts of o.
func (c *MeasuredCounts) Add(o *MeasuredCounts) {
	c.Sent += o.Sent
	c.Acked += o.Acked
	c.Delivered += o.Delivered
}

// A Series is the histograms of the durations of messages, in ns.
type Series struct {
	Response *hdr.Histogram // Due to seen.
	Service  *hdr.Histogram // Sent to seen.
	Lag      *hdr.Histogram // Due to sent.
}

func newSeries(digits int) Series {
	return Series{Response: newHistogram(digits), Service: newHistogram(digits), Lag: newHistogram(digits)}
}

func (s *Series) merge(o *Series) {
	merge(s.Response, o.Response)
	merge(s.Service, o.Service)
	merge(s.Lag, o.Lag)
}

func (s *Series) reset() {
	reset(s.Response)
	reset(s.Service)
	reset(s.Lag)
}

// merge spares the walk over 33,000 empty counts. src may be nil, which is empty.
func merge(dst, src *hdr.Histogram) {
	if src != nil && src.TotalCount() > 0 {
		dst.Merge(src)
	}
}

func reset(h *hdr.Histogram) {
	if h != nil && h.TotalCount() > 0 {
		h.Reset()
	}
}

// A Set is what one group recorded in one interval. Whoever holds it owns it.
type Set struct {
	Interval int
	Counters Counters

	home    *Recorder
	parts   []*part                       // Of messages due in the window, in the order in which they were met. Mostly there is one.
	spares  []*part                       // Empty.
	rest    Series                        // Of the other messages.
	phases  [client.Phases]*hdr.Histogram // Of connecting; nil for the others.
	resumes [Resumes]*hdr.Histogram
	slack   *hdr.Histogram // Within the window.
	beats   []beat         // Of all messages, ascending.
}

// mostSpares bounds the empty parts that a set keeps: while a part gives way to the next, it has two.
const mostSpares = 2

func newSet(home *Recorder) *Set {
	s := &Set{home: home, spares: []*part{newPart()}, rest: newSeries(coarse)}
	for i := range s.phases {
		if connecting(client.Phase(i)) {
			s.phases[i] = newHistogram(coarse)
		}
	}
	for i := range s.resumes {
		s.resumes[i] = newHistogram(coarse)
	}
	s.slack = newHistogram(coarse)
	return s
}

// giveBack empties the set and makes it its recorder's spare.
func (s *Set) giveBack() {
	s.Counters = Counters{}
	for _, p := range s.parts {
		if len(s.spares) < mostSpares {
			p.reset()
			s.spares = append(s.spares, p)
		}
	}
	clear(s.parts)
	s.parts = s.parts[:0]
	s.rest.reset()
	for _, h := range s.phases {
		reset(h)
	}
	for _, h := range s.resumes {
		reset(h)
	}
	reset(s.slack)
	s.emptyBeats()
	s.home.spare.Store(s)
}
