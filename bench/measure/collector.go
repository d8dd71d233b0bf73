package measure

import (
	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/client"
)

// A Set is what one group recorded in one interval. Whoever holds it owns it.
type Set struct {
	Group    int
	Interval int
	Counters Counters
}

// A Series is the histograms of durations of messages, in ns.
type Series struct {
	Response *hdr.Histogram // Due to seen.
	Service  *hdr.Histogram // Sent to seen.
	Lag      *hdr.Histogram // Due to sent.
}

// An Interval is what all groups recorded in one interval.
type Interval struct {
	Number   int
	Counters Counters
	Series   Series // Everything that was seen in the interval, warm-up and drain included.
}

// Totals are what all groups recorded of the messages due in the Window. Counters are of the whole run,
// Measured of what was due in the Window.
type Totals struct {
	Counters Counters
	Measured MeasuredCounts
	Series   Series
	Phases   [client.Phases]*hdr.Histogram // Of all exchanges that ended in the Window, or, for connecting and subscribing, at any time.
}

// MeasuredCounts are counts of messages due in the Window, whenever they were sent and seen.
type MeasuredCounts struct {
	Sent      uint64
	Delivered uint64
}

// A Collector merges what the groups hand over. It is owned by one goroutine.
type Collector struct{ groups int }

// NewCollector makes a collector for a number of groups.
func NewCollector(groups int) *Collector { panic("todo") }

// Add takes a set over and gives it back to its recorder as a spare when done. When it was the last group's
// set of its interval it returns that interval, lent until the next call; otherwise nil.
func (c *Collector) Add(s *Set) *Interval { panic("todo") }

// Totals are the sums so far, lent until the next Add.
func (c *Collector) Totals() *Totals { panic("todo") }
