package series

import "math"

// The levels of a sweep, as shares of the capacity. They go beyond it: what a broker does with more than it can
// carry is half of what a curve is for.
const (
	lowestLevel  = 0.10
	highestLevel = 1.20

	// FewestLevels is how many points a curve needs to show its knee.
	FewestLevels = 8
)

// Levels are n rates, at least 2, evenly spaced from lowestLevel to highestLevel of a capacity.
func Levels(capacity float64, n int) []float64 {
	levels := make([]float64, n)
	for i := range levels {
		share := lowestLevel + (highestLevel-lowestLevel)*float64(i)/float64(n-1)
		levels[i] = round(capacity * share)
	}
	return levels
}

// round gives a rate four digits that count: enough for any measurement, and readable.
func round(rate float64) float64 {
	if rate <= 0 {
		return rate
	}
	unit := math.Pow(10, 3-math.Floor(math.Log10(rate)))
	return math.Round(rate*unit) / unit
}
