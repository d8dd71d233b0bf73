package measure

import (
	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/client"
)

// An Interval is what all groups recorded in one interval.
type Interval struct {
	Number   int
	Counters Counters
	Series   Series // Everything that was seen in the interval, warm-up and drain included.

	missing int // Groups whose set is still to come.
}

// Totals are sums over all groups and intervals.
type Totals struct {
	Counters Counters                      // Of the whole run.
	Measured MeasuredCounts                // Of the messages due in the Window, as far as the totals reach.
	Series   Series                        // Of the same.
	Phases   [client.Phases]*hdr.Histogram // ns. As Recorder.Took takes them.
	Resumes  [Resumes]*hdr.Histogram       // ns. Of the whole run.
	Slack    *hdr.Histogram                // ns. As Recorder.Woke takes it; of the whole Window.
}

// A Collector merges what the groups hand over: histograms, and never percentiles. It is owned by one
// goroutine.
type Collector struct {
	groups int
	totals Totals  // But for what parts have.
	parts  []*part // By number; nil: nothing was due in it.
	course course

	open map[int]*Interval // By number. A group that lags may leave several open.
	lent *Interval
	free []*Interval
}

// NewCollector makes a collector for a number of groups.
func NewCollector(groups int) *Collector {
	c := &Collector{groups: groups, open: make(map[int]*Interval)}
	for i := range c.totals.Phases {
		if connecting(client.Phase(i)) {
			c.totals.Phases[i] = newHistogram(coarse)
		}
	}
	for i := range c.totals.Resumes {
		c.totals.Resumes[i] = newHistogram(coarse)
	}
	c.totals.Slack = newHistogram(coarse)
	return c
}

// Add takes a set over and gives it back to its recorder as a spare. If it was the last group's set
// of its interval, Add returns that interval, lent until the next call; otherwise nil.
func (c *Collector) Add(s *Set) *Interval {
	c.reclaim()
	c.totals.Counters.Add(&s.Counters)
	for i, h := range s.phases {
		merge(c.totals.Phases[i], h)
	}
	for i, h := range s.resumes {
		merge(c.totals.Resumes[i], h)
	}
	merge(c.totals.Slack, s.slack)
	c.course.add(s.beats)
	v := c.interval(s.Interval)
	v.Counters.Add(&s.Counters)
	for _, p := range s.parts {
		c.part(p.number).merge(p)
		v.Series.merge(&p.series)
	}
	v.Series.merge(&s.rest)
	s.giveBack()
	v.missing--
	if v.missing > 0 {
		return nil
	}
	delete(c.open, v.Number)
	c.lent = v
	return v
}

// interval is the open interval of a number.
func (c *Collector) interval(number int) *Interval {
	v := c.open[number]
	if v != nil {
		return v
	}
	if last := len(c.free) - 1; last >= 0 {
		v, c.free = c.free[last], c.free[:last]
	} else {
		v = &Interval{Series: newSeries(fine)}
	}
	v.Number, v.missing = number, c.groups
	c.open[number] = v
	return v
}

// reclaim takes back the interval that was lent.
func (c *Collector) reclaim() {
	if c.lent == nil {
		return
	}
	c.lent.Counters = Counters{}
	c.lent.Series.reset()
	c.free = append(c.free, c.lent)
	c.lent = nil
}

// part is the sum of a part of the window.
func (c *Collector) part(number int) *part {
	for len(c.parts) <= number {
		c.parts = append(c.parts, nil)
	}
	if c.parts[number] == nil {
		c.parts[number] = newPart()
	}
	return c.parts[number]
}

// Totals are the sums so far; of the window from a part on. Those of the whole run are lent until the next Add.
func (c *Collector) Totals(from int) *Totals {
	t, sum := c.totals, newPart()
	for number, p := range c.parts {
		if p != nil && number >= from {
			sum.merge(p)
		}
	}
	t.Measured, t.Series = sum.counts, sum.series
	for i, h := range sum.phases {
		if h != nil {
			t.Phases[i] = h
		}
	}
	return &t
}
