package broker

import "math/bits"

// A Histogram counts durations. Its bounds are powers of two, so that counting is a shift and an addition.
type Histogram struct {
	Counts [HistogramBuckets]uint64 // Of durations below HistogramBound; the last has no bound.
	Sum    uint64                   // ns.
}

const (
	// HistogramBuckets go from 64 ns to 34 s.
	HistogramBuckets = 31

	histogramShift = 6
)

// HistogramBound is the upper bound of bucket i, exclusive, seconds. The last bucket has none.
func HistogramBound(i int) float64 { return float64(uint64(1)<<(histogramShift+i)) / 1e9 }

func bucketOf(ns int64) int {
	return max(0, min(bits.Len64(uint64(ns))-histogramShift, HistogramBuckets-1))
}

// observe counts a duration, ns; a negative one as 0.
func (h *Histogram) observe(ns int64) {
	ns = max(0, ns)
	h.Counts[bucketOf(ns)]++
	h.Sum += uint64(ns)
}

// Count is how many durations there were.
func (h *Histogram) Count() (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

func (h *Histogram) add(o *Histogram) {
	for i := range h.Counts {
		h.Counts[i] += o.Counts[i]
	}
	h.Sum += o.Sum
}
