package result

import hdr "github.com/HdrHistogram/hdrhistogram-go"

// A Histogram counts durations. It wraps an HdrHistogram of nanoseconds so that whoever draws or
// compares needs to know neither the library nor its unit: everything it says is in seconds.
// The zero value is an empty histogram. Not for concurrent use.
type Histogram struct{ h *hdr.Histogram }

// Wrap lends h, in nanoseconds, to a Histogram. nil is an empty one.
func Wrap(h *hdr.Histogram) *Histogram { panic("todo") }

// Merge adds the counts of o.
func (h *Histogram) Merge(o *Histogram) { panic("todo") }

// Count is the number of durations recorded.
func (h *Histogram) Count() int64 { panic("todo") }

// At is the duration that a fraction q (0 to 1) of the recorded ones did not exceed; 0 if there are none.
func (h *Histogram) At(q float64) float64 { panic("todo") }

// Quantiles are the usual ones.
func (h *Histogram) Quantiles() Quantiles { panic("todo") }

// Steps calls f for every distinct duration in ascending order, with the fraction of all recorded
// durations that do not exceed it: the empirical distribution function.
func (h *Histogram) Steps(f func(seconds, fraction float64)) { panic("todo") }

// QuantilesOf are the usual quantiles of an HdrHistogram of nanoseconds; of nil, zero.
func QuantilesOf(h *hdr.Histogram) Quantiles { return Wrap(h).Quantiles() }
