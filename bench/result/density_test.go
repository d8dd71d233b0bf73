package result

import (
	"math"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// recorded is a histogram of these latencies, so many times each.
func recorded(times int64, latencies ...time.Duration) *hdr.Histogram {
	h := hdr.New(1, int64(time.Minute), 3)
	for _, v := range latencies {
		if err := h.RecordValues(int64(v), times); err != nil {
			panic(err)
		}
	}
	return h
}

// 1 ms is 10^-3 s and begins band -60; 10 ms begins band -40, and twenty bands lie between the two.
func TestDensities(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(dir, sampleManifest())
	if err != nil {
		t.Fatal(err)
	}
	w.Interval(&Interval{T0: 0, T1: 1, Phase: PhaseWarmUp}, recorded(2, time.Millisecond), nil)
	w.Interval(&Interval{T0: 1, T1: 2, Phase: PhaseMeasure}, nil, nil)
	w.Interval(&Interval{T0: 2, T1: 2.5, Phase: PhaseMeasure}, recorded(3, time.Millisecond, 10*time.Millisecond), nil)
	if err := w.Close(&Summary{}); err != nil {
		t.Fatal(err)
	}
	r, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Densities()
	if err != nil {
		t.Fatal(err)
	}
	wide := make([]int64, 21)
	wide[0], wide[20] = 3, 3
	want := []Density{{T0: 0, T1: 1, First: -60, Counts: []int64{2}}, {T0: 2, T1: 2.5, First: -60, Counts: wide}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if got, err := (&Run{Dir: t.TempDir()}).Densities(); err != nil || got != nil {
		t.Errorf("of no log: %v, %v", got, err)
	}
}

// A latency lies in its band, and merging loses no count, whatever the bands of the two are.
func TestBandsAndMerge(t *testing.T) {
	if got := BandEdge(-60); math.Abs(got-1e-3) > 1e-12 || band(0) != band(1e-9) {
		t.Errorf("band -60 begins at %g s, 0 s is in band %d", got, band(0))
	}
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) Density {
			d := Density{T0: rapid.Float64Range(0, 9).Draw(t, "t0")}
			d.T1 = d.T0 + 1
			if n := rapid.IntRange(0, 4).Draw(t, "bands"); n > 0 {
				d.First = rapid.IntRange(-80, 20).Draw(t, "first")
				d.Counts = rapid.SliceOfN(rapid.Int64Range(1, 9), n, n).Draw(t, "counts")
			}
			return d
		})
		a, b := one.Draw(t, "a"), one.Draw(t, "b")
		want := map[int]int64{}
		for _, d := range []Density{a, b} {
			for i, n := range d.Counts {
				want[d.First+i] += n
			}
		}
		sum := a
		sum.Merge(&b)
		got := map[int]int64{}
		for i, n := range sum.Counts {
			if n > 0 {
				got[sum.First+i] += n
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || sum.T0 != min(a.T0, b.T0) || sum.T1 != max(a.T1, b.T1) {
			t.Fatalf("%+v\n%s", sum, diff)
		}
		v := math.Pow(10, rapid.Float64Range(-8.99, 3).Draw(t, "log"))
		if band := band(v); v < BandEdge(band)*(1-1e-6) || v > BandEdge(band+1)*(1+1e-6) {
			t.Fatalf("%g s in band %d", v, band)
		}
	})
}
