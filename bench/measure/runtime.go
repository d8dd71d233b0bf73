package measure

import (
	"math"
	"runtime/metrics"
	"slices"
)

// A RuntimeUsage is what the Go runtime of this process says, summed since the process began.
type RuntimeUsage struct {
	GCPauses       Distribution // Stop-the-world pauses of the garbage collector.
	SchedLatencies Distribution // How long goroutines that could run waited for it.
}

// A Distribution is counts of durations: Counts[i] of those in [Bounds[i], Bounds[i+1]) seconds.
// The outermost bounds may be infinite.
type Distribution struct {
	Counts []uint64
	Bounds []float64
}

// Sub is what was added since an earlier sample of the same distribution.
func (d Distribution) Sub(earlier Distribution) Distribution {
	counts := slices.Clone(d.Counts)
	if len(earlier.Counts) == len(counts) {
		for i, n := range earlier.Counts {
			counts[i] -= n
		}
	}
	return Distribution{Counts: counts, Bounds: d.Bounds}
}

// At is an upper bound, in seconds, of quantile q (0 to 1); 0 if nothing was counted.
func (d Distribution) At(q float64) float64 {
	total := uint64(0)
	for _, n := range d.Counts {
		total += n
	}
	rank, below := uint64(math.Ceil(q*float64(total))), uint64(0)
	for i, n := range d.Counts {
		below += n
		if n == 0 || below < rank {
			continue
		}
		if bound := d.Bounds[i+1]; !math.IsInf(bound, 1) {
			return bound
		}
		return d.Bounds[i]
	}
	return 0
}

// Beyond is an upper bound, in seconds, of all durations together that were longer than limit.
func (d Distribution) Beyond(limit float64) (sum float64) {
	for i, n := range d.Counts {
		bound := d.Bounds[i+1]
		if math.IsInf(bound, 1) {
			bound = d.Bounds[i]
		}
		if n > 0 && bound > limit {
			sum += float64(n) * bound
		}
	}
	return sum
}

// ReadRuntime samples the runtime of this process.
func ReadRuntime() RuntimeUsage {
	samples := []metrics.Sample{
		{Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/sched/latencies:seconds"},
	}
	metrics.Read(samples)
	return RuntimeUsage{
		GCPauses:       distribution(samples[0].Value),
		SchedLatencies: distribution(samples[1].Value),
	}
}

// distribution takes a metric that the runtime may have dropped for nothing, and not for a panic.
func distribution(v metrics.Value) Distribution {
	if v.Kind() != metrics.KindFloat64Histogram {
		return Distribution{}
	}
	h := v.Float64Histogram()
	return Distribution{Counts: slices.Clone(h.Counts), Bounds: slices.Clone(h.Buckets)}
}
