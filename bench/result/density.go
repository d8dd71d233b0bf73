package result

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// bandsPerDecade is how finely a Density tells latencies apart: each band reaches 12 % further than the one below.
const bandsPerDecade = 20

// A Density is how often which response times occurred in an interval: its histogram, as coarse as a picture needs.
type Density struct {
	T0, T1 float64 // Seconds since Manifest.Start.
	First  int     // The band of Counts[0]: band i is from 10^(i/bandsPerDecade) seconds up to where band i+1 begins.
	Counts []int64 // No zero at either end; nil: nothing was recorded.
}

// band is the band that holds a latency. Less than a nanosecond, which no clock here tells from nothing, counts as one.
func band(seconds float64) int {
	return int(math.Floor(bandsPerDecade*math.Log10(max(seconds, nanosecond)) + 1e-9))
}

// BandEdge is where a band begins, in seconds.
func BandEdge(band int) float64 { return math.Pow(10, float64(band)/bandsPerDecade) }

// Densities reads the response times of a run over time, of all its phases, from its log. They are not part of what Read
// returns: an hour of them takes seconds to read, and only one picture wants them. Without a log there are none.
func (r *Run) Densities() (all []Density, err error) {
	f, err := os.Open(filepath.Join(r.Dir, ResponseFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = eachHlog(f, func(l *hlogEntry) {
		if l.tag != tagSettled {
			all = append(all, density(l.t0, l.t0+l.length, l.histogram))
		}
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return all, nil
}

func density(t0, t1 float64, h *hdr.Histogram) Density {
	d := Density{T0: t0, T1: t1}
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		band := band(float64(bar.To) * nanosecond)
		if d.Counts == nil {
			d.First = band
		}
		for d.First+len(d.Counts) <= band {
			d.Counts = append(d.Counts, 0)
		}
		d.Counts[band-d.First] += bar.Count
	}
	return d
}

// Merge adds the counts of o, and its time.
func (d *Density) Merge(o *Density) {
	d.T0, d.T1 = min(d.T0, o.T0), max(d.T1, o.T1)
	switch {
	case o.Counts == nil:
		return
	case d.Counts == nil:
		d.First = o.First
	}
	first, last := min(d.First, o.First), max(d.First+len(d.Counts), o.First+len(o.Counts))
	sum := make([]int64, last-first)
	copy(sum[d.First-first:], d.Counts)
	for i, n := range o.Counts {
		sum[o.First-first+i] += n
	}
	d.First, d.Counts = first, sum
}
