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
	Measured MeasuredCounts                // Of the messages due in the Window.
	Series   Series                        // Of the same.
	Phases   [client.Phases]*hdr.Histogram // ns. As Recorder.Took takes them.
	Resumes  [Resumes]*hdr.Histogram       // ns. Of the whole run.
}

// A Collector merges what the groups hand over: histograms, and never percentiles. It is owned by one
// goroutine.
type Collector struct {
	groups int
	totals Totals
	course course

	open map[int]*Interval // By number. A group that lags may leave several open.
	lent *Interval
	free []*Interval
}

// NewCollector makes a collector for a number of groups.
func NewCollector(groups int) *Collector {
	c := &Collector{groups: groups, open: make(map[int]*Interval)}
	c.totals.Series = newSeries(fine)
	for i := range c.totals.Phases {
		c.totals.Phases[i] = newHistogram(coarse)
	}
	for i := range c.totals.Resumes {
		c.totals.Resumes[i] = newHistogram(coarse)
	}
	return c
}

// Add takes a set over and gives it back to its recorder as a spare. If it was the last group's set
// of its interval, Add returns that interval, lent until the next call; otherwise nil.
func (c *Collector) Add(s *Set) *Interval {
	c.reclaim()
	c.totals.Counters.Add(&s.Counters)
	c.totals.Measured.Add(&s.Measured)
	c.totals.Series.merge(&s.measured)
	for i, h := range s.phases {
		merge(c.totals.Phases[i], h)
	}
	for i, h := range s.resumes {
		merge(c.totals.Resumes[i], h)
	}
	c.course.add(s.beats)
	v := c.interval(s.Interval)
	v.Counters.Add(&s.Counters)
	v.Series.merge(&s.measured)
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

// Totals are the sums so far, lent until the next Add.
func (c *Collector) Totals() *Totals { return &c.totals }
