package report

import "math"

// A point is a value at a place, in the units of the data.
type point struct{ x, y float64 }

// A run of points that belong together; NaN in a value ends one and starts another. A plotting
// library that is given NaN either fails or draws through the gap, and both lie.
func segments(points []point) (all [][]point) {
	var open []point
	for _, p := range points {
		if math.IsNaN(p.x) || math.IsNaN(p.y) {
			if open != nil {
				all = append(all, open)
			}
			open = nil
			continue
		}
		open = append(open, p)
	}
	if open != nil {
		all = append(all, open)
	}
	return all
}

// reduce keeps at most four points of each of so many columns of equal width: the first, the lowest,
// the highest and the last. The line looks the same (no spike is lost, which averaging or taking
// every n-th would do), and a million points draw in no time rather than in minutes.
//
// place is where on the axis a value of x is, 0 to 1, ascending over the points. Columns are of the
// axis, not of x: on an axis of percentiles the last thousandth of the samples is a third of the width.
func reduce(points []point, columns int, place func(x float64) float64) []point {
	if len(points) <= 4*columns {
		return points
	}
	var out []point
	column := func(p point) int { return int(place(p.x) * float64(columns)) }
	for i := 0; i < len(points); {
		c := column(points[i])
		j, low, high := i, i, i
		for ; j < len(points) && column(points[j]) == c; j++ {
			if points[j].y < points[low].y {
				low = j
			}
			if points[j].y > points[high].y {
				high = j
			}
		}
		last := -1
		for _, k := range []int{i, min(low, high), max(low, high), j - 1} {
			if k != last {
				out = append(out, points[k])
			}
			last = k
		}
		i = j
	}
	return out
}
