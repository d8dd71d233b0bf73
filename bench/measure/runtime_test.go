package measure

import (
	"math"
	"runtime"
	"slices"
	"testing"
)

func TestReadRuntime(t *testing.T) {
	before := ReadRuntime()
	runtime.GC()
	runtime.GC()
	after := ReadRuntime()
	pauses := after.GCPauses.Sub(before.GCPauses)
	if n := sumOf(pauses.Counts); n < 2 {
		t.Errorf("%d pauses of two collections", n)
	}
	if p := pauses.At(1); p <= 0 || p > 60 {
		t.Errorf("longest pause %v s", p)
	}
}

func sumOf(counts []uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

func TestDistribution(t *testing.T) {
	d := Distribution{Counts: []uint64{0, 90, 9, 1}, Bounds: []float64{0, 1, 2, 3, 4}}
	for q, want := range map[float64]float64{0.5: 2, 0.9: 2, 0.91: 3, 0.99: 3, 1: 4} {
		if got := d.At(q); got != want {
			t.Errorf("At(%v) = %v, want %v", q, got, want)
		}
	}
	if got := d.Sub(Distribution{Counts: []uint64{0, 90, 8, 0}}).Counts; !slices.Equal(got, []uint64{0, 0, 1, 1}) {
		t.Errorf("difference %v", got)
	}
	for limit, want := range map[float64]float64{0: 1*0 + 90*2 + 9*3 + 1*4, 2: 9*3 + 4, 2.5: 9*3 + 4, 3: 4, 4: 0} {
		if got := d.Beyond(limit); got != want {
			t.Errorf("Beyond(%v) = %v, want %v", limit, got, want)
		}
	}
	if got := (Distribution{Counts: []uint64{0, 2}, Bounds: []float64{0, 1, math.Inf(1)}}).Beyond(0.5); got != 2 {
		t.Errorf("two of 1 s or more together: %v", got)
	}
	if got := (Distribution{}).At(0.5) + (Distribution{}).Beyond(0); got != 0 {
		t.Errorf("nothing has median %v", got)
	}
}
