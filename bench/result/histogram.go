package result

import hdr "github.com/HdrHistogram/hdrhistogram-go"

// A Histogram counts durations. It wraps an HdrHistogram of nanoseconds so that whoever draws or
// compares needs to know neither the library nor its unit: everything it says is in seconds.
// The zero value is an empty histogram. Not for concurrent use.
type Histogram struct{ h *hdr.Histogram }

const nanosecond = 1e-9

// wrap lends h, in nanoseconds, to a Histogram. nil is an empty one.
func wrap(h *hdr.Histogram) *Histogram { return &Histogram{h: h} }

// highest is the longest duration a histogram made here can hold, in nanoseconds: an hour.
const highest = 3600e9

// Record adds n durations of so many seconds, to three digits. Durations beyond an hour count as an hour.
func (h *Histogram) Record(seconds float64, n int64) {
	if h.h == nil {
		h.h = hdr.New(1, highest, 3)
	}
	ns := min(max(seconds/nanosecond, 0), highest)
	if err := h.h.RecordValues(int64(ns+0.5), n); err != nil {
		panic(err) // Within the range and not negative: only n can be wrong.
	}
}

// Merge adds the counts of o, which is not kept and not changed.
func (h *Histogram) Merge(o *Histogram) {
	switch {
	case o == nil || o.h == nil:
	case h.h == nil:
		h.h = o.h.Clone()
	case h.h.HighestTrackableValue() < o.h.HighestTrackableValue():
		// Merging into the narrower one would drop what lies beyond it: the slowest messages,
		// which are the ones that matter.
		wider := o.h.Clone()
		wider.Merge(h.h)
		h.h = wider
	default:
		h.h.Merge(o.h)
	}
}

// Count is the number of durations recorded.
func (h *Histogram) Count() int64 {
	if h == nil || h.h == nil {
		return 0
	}
	return h.h.TotalCount()
}

// At is the duration that a fraction q (0 to 1) of the recorded ones did not exceed; 0 if there are none.
func (h *Histogram) At(q float64) float64 {
	if h.Count() == 0 {
		return 0
	}
	return float64(h.h.ValueAtQuantile(100*q)) * nanosecond
}

// Quantiles are the usual ones.
func (h *Histogram) Quantiles() Quantiles {
	if h.Count() == 0 {
		return Quantiles{}
	}
	return Quantiles{
		Count: h.h.TotalCount(),
		Min:   float64(h.h.Min()) * nanosecond,
		P50:   h.At(0.5),
		P90:   h.At(0.9),
		P99:   h.At(0.99),
		P999:  h.At(0.999),
		Max:   float64(h.h.Max()) * nanosecond,
	}
}

// Steps calls f for every distinct duration in ascending order, with the fraction of all recorded
// durations that do not exceed it: the empirical distribution function.
func (h *Histogram) Steps(f func(seconds, fraction float64)) {
	if h.Count() == 0 {
		return
	}
	total, seen := h.h.TotalCount(), int64(0)
	for _, bar := range h.h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		seen += bar.Count
		f(float64(bar.To)*nanosecond, float64(seen)/float64(total))
	}
}

// QuantilesOf are the usual quantiles of an HdrHistogram of nanoseconds; of nil, zero.
func QuantilesOf(h *hdr.Histogram) Quantiles { return wrap(h).Quantiles() }
