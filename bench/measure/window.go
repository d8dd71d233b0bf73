package measure

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/client"
)

// A Window is the measured part of a run, [From, To) in ns on the clock that due times are given in.
//
// Where a warm-up ends is known only afterwards, but due times must not depend on it. So what is recorded is kept apart by when it
// was due, in parts of Grain for the first half and one for the second:
//
//	From   +Grain   +2 Grain ...        half                  To
//	|  0    |   1    |   ...   | last-1  |        last         |
//
// and the totals can leave out the first few. Grain 0: there is one part.
type Window struct{ From, To, Grain int64 }

// mostParts bounds the parts of the first half, each of which takes up to 900 KB.
const mostParts = 16

// NewWindow is a window in parts of a whole number of intervals. One that is too short for its steadiness to be judged has only one.
func NewWindow(from, to int64, interval time.Duration) Window {
	w := Window{From: from, To: to}
	half, step := (to-from)/2, int64(interval)
	if to-from < leastJudged*Beat || step <= 0 || step > half {
		return w
	}
	w.Grain = step * max(1, (half+mostParts*step-1)/(mostParts*step))
	return w
}

// Contains reports whether a message due at due is measured.
func (w *Window) Contains(due int64) bool { return due >= w.From && due < w.To }

// last is the number of the last part.
func (w *Window) last() int {
	if w.Grain == 0 {
		return 0
	}
	return int((w.To - w.From) / 2 / w.Grain)
}

// border is where a part begins.
func (w *Window) border(part int) int64 { return w.From + int64(part)*w.Grain }

// Passed is how many parts after the first had begun at a time; never more than there are.
func (w *Window) Passed(now int64) int {
	if w.Grain == 0 || now < w.From {
		return 0
	}
	return int(min((now-w.From)/w.Grain, int64(w.last())))
}

// From which part on nothing is of before a time; not ok if that is beyond the first half.
func (w *Window) after(at int64) (part int, ok bool) {
	switch {
	case at <= w.From:
		return 0, true
	case w.Grain == 0:
		return 0, false
	}
	n := (at - w.From + w.Grain - 1) / w.Grain
	return int(n), n <= int64(w.last())
}

// A part is what was recorded of the messages due in one part of a Window, and of the exchanges that ended in it.
type part struct {
	number   int
	from, to int64
	counts   MeasuredCounts
	series   Series
	phases   [client.Phases]*hdr.Histogram // nil for those of connecting, which are of the whole run.
}

func newPart() *part {
	p := &part{series: newSeries(fine)}
	for i := range p.phases {
		if !connecting(client.Phase(i)) {
			p.phases[i] = newHistogram(coarse)
		}
	}
	return p
}

// connecting reports whether a phase is one of setting up a connection, which mostly happens before anything is measured.
func connecting(p client.Phase) bool {
	return p == client.ConnectTCP || p == client.AuthContinue || p == client.ConnectMQTT || p == client.SubscribeAck
}

func (p *part) merge(o *part) {
	p.counts.Add(&o.counts)
	p.series.merge(&o.series)
	for i, h := range o.phases {
		merge(p.phases[i], h)
	}
}

func (p *part) reset() {
	p.counts = MeasuredCounts{}
	p.series.reset()
	for _, h := range p.phases {
		reset(h)
	}
}
