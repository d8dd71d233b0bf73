package report

import (
	"math"
	"testing"

	"mqttbench/bench/result"
)

// Half of what mochi delivers takes 1 ms and half 100 ms, and all of mosquitto's takes 10 ms: one curve has a shelf at half of the height,
// which the other crosses in the middle. Axes exchanged, limits of their own or an axis that is not logarithmic fail here.
func TestSharesOfTwoBrokers(t *testing.T) {
	sequential(t)
	var runs []*result.Run
	for broker, took := range map[string][]float64{"mosquitto": {10e-3}, "mochi": {1e-3, 100e-3}} {
		s := ordinary()
		s.broker = broker
		r := s.run()
		r.Response = new(result.Histogram)
		for _, v := range took {
			r.Response.Record(v, int64(10_000/len(took)))
		}
		r.Summary.Response = r.Response.Quantiles()
		runs = append(runs, r)
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	img := picture(t, compareSharesFigure(c))
	at := places([]string{"mosquitto", "mochi"})
	rows, columns := map[int]int{}, map[int]int{} // Pixels of mochi's curve by row, and of mosquitto's by column, left of the names.
	where(img, seriesColor(at[1]), func(x, y int) {
		if x < img.Bounds().Dx()*3/4 {
			rows[y]++
		}
	})
	where(img, seriesColor(at[0]), func(x, y int) {
		if x < img.Bounds().Dx()*3/4 {
			columns[x]++
		}
	})
	shelf, rise := longest(rows), longest(columns)
	var left, right, top, bottom int = math.MaxInt, 0, math.MaxInt, 0
	where(img, seriesColor(at[1]), func(x, y int) {
		if y == shelf {
			left, right = min(left, x), max(right, x)
		}
	})
	where(img, seriesColor(at[0]), func(x, y int) {
		if x == rise {
			top, bottom = min(top, y), max(bottom, y)
		}
	})
	if right-left < 200 || math.Abs(float64(left+right)/2-float64(rise)) > 8 || math.Abs(float64(top+bottom)/2-float64(shelf)) > 8 {
		t.Errorf("a shelf from %d to %d at height %d; a rise at %d from %d to %d", left, right, shelf, rise, top, bottom)
	}
}

// longest is the row or column with the most pixels.
func longest(pixels map[int]int) (at int) {
	for i, n := range pixels {
		if n > pixels[at] {
			at = i
		}
	}
	return at
}
