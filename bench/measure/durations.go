package measure

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/result"
)

// Durations is a histogram that is nobody's but its user's. The zero value is empty and takes no memory.
type Durations struct {
	histogram *hdr.Histogram
	lost      Counters // What did not fit.
}

// Add records one.
func (x *Durations) Add(d time.Duration) {
	if x.histogram == nil {
		x.histogram = newHistogram(coarse)
	}
	x.lost.record(x.histogram, int64(d))
}

// Merge adds those of o.
func (x *Durations) Merge(o *Durations) {
	if o.histogram == nil {
		return
	}
	if x.histogram == nil {
		x.histogram = newHistogram(coarse)
	}
	x.histogram.Merge(o.histogram)
}

// Quantiles are those of all that were added; zero: none were.
func (x *Durations) Quantiles() result.Quantiles {
	if x.histogram == nil {
		return result.Quantiles{}
	}
	return result.QuantilesOf(x.histogram)
}
