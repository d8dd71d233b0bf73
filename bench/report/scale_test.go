package report

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func labels(s scale) (all []string) {
	for _, t := range s.ticks {
		if t.label != "" {
			all = append(all, t.label)
		}
	}
	return all
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		name string
		s    scale
		want []string
	}{
		// The library's own ticker has no label here at all: there is no power of ten.
		{"within a decade", logarithmic(2.1e-3, 8.7e-3, seconds), []string{"2 ms", "5 ms", "10 ms"}},
		{"three decades", logarithmic(100e-6, 0.1, seconds), []string{"100 µs", "200 µs", "500 µs", "1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms", "100 ms"}},
		{"many decades", logarithmic(1e-6, 100, seconds), []string{"1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"}},
		{"one value, on a tick", logarithmic(1, 1, seconds), []string{"500 ms", "1 s", "2 s"}},
		{"from zero", fromZero(16_000_000, number), []string{"0", "5 M", "10 M", "15 M", "20 M"}},
		{"nothing", fromZero(0, number), []string{"0", "0.2", "0.4", "0.6", "0.8", "1"}},
		{"percentiles", percentiles(0.9998), []string{"0", "50 %", "90 %", "99 %", "99.9 %"}},
		{"seconds", timeScale(55.4), []string{"0 s", "10 s", "20 s", "30 s", "40 s", "50 s"}},
		{"a day", timeScale(86400), []string{"0 h", "5 h", "10 h", "15 h", "20 h"}},
	} {
		if got := labels(c.s); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A scale holds its data, is monotone, and has a label at or beyond each end of the data.
func TestLogarithmicHoldsItsData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := math.Exp(rapid.Float64Range(-20, 5).Draw(t, "log low"))
		high := low * math.Exp(rapid.Float64Range(0, 20).Draw(t, "log span"))
		s := logarithmic(low, high, seconds)
		if s.min > low*(1+1e-8) || s.max < high*(1-1e-8) || s.min >= s.max {
			t.Fatalf("from %g to %g for data from %g to %g", s.min, s.max, low, high)
		}
		if u, v := s.unit(low), s.unit(high); u < 0 || v > 1 || u > v {
			t.Fatalf("places %g and %g", u, v)
		}
		if n := len(labels(s)); n < 2 || n > 16 {
			t.Fatalf("%d labels", n)
		}
	})
}

func TestUnitPlaces(t *testing.T) {
	log := logarithmic(1e-3, 1, seconds)
	for v, want := range map[float64]float64{1e-3: 0, 1e-2: 1. / 3, 1: 1, 0: 0, 5: 1} {
		if got := log.unit(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("%g s is at %g, not %g", v, got, want)
		}
	}
	p := percentiles(0.9999)
	for v, want := range map[float64]float64{0: 0, 0.9: 0.25, 0.99: 0.5, 0.999: 0.75, 0.9999: 1} {
		if got := p.unit(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("percentile %g is at %g, not %g", v, got, want)
		}
	}
}

// Whatever is reduced, no column loses its lowest or highest point, and nothing is invented.
func TestReduceKeepsExtremes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 3000).Draw(t, "points")
		columns := rapid.IntRange(1, 50).Draw(t, "columns")
		all := make([]point, n)
		for i := range all {
			all[i] = point{float64(i), rapid.Float64Range(0, 1).Draw(t, "y")}
		}
		place := func(x float64) float64 { return x / float64(n+1) }
		got := reduce(all, columns, place)
		if len(got) > max(n, 0) || n > 4*columns && len(got) > 4*columns+4 {
			t.Fatalf("%d points of %d in %d columns", len(got), n, columns)
		}
		if !slices.IsSortedFunc(got, func(a, b point) int { return int(a.x - b.x) }) {
			t.Fatal("out of order")
		}
		extremes := func(points []point) map[int][2]float64 {
			m := map[int][2]float64{}
			for _, p := range points {
				c := int(place(p.x) * float64(columns))
				e, ok := m[c]
				if !ok {
					e = [2]float64{p.y, p.y}
				}
				m[c] = [2]float64{min(e[0], p.y), max(e[1], p.y)}
			}
			return m
		}
		before, after := extremes(all), extremes(got)
		for c, e := range before {
			if after[c] != e {
				t.Fatalf("column %d: %v, was %v", c, after[c], e)
			}
		}
	})
}

func TestSegmentsEndAtGaps(t *testing.T) {
	nan := math.NaN()
	got := segments([]point{{0, nan}, {1, 1}, {2, 1}, {3, nan}, {4, nan}, {5, 1}})
	if len(got) != 2 || len(got[0]) != 2 || len(got[1]) != 1 {
		t.Errorf("%v", got)
	}
}
