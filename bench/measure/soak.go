package measure

import (
	"math"
	"slices"

	"mqttbench/bench/result"
)

// Growth is how memory changed over a soak: seconds and bytes, one of each an interval. nil: too few to tell.
//
// The slope is that of Theil and Sen, which a few garbage collections do not bend; its interval of 95 % is Sen's, widened by the correlation of
// neighbours as in trendOf. It grows if the interval lies above 0 and the growth is of a size that matters.
func Growth(at, memory []float64) *result.Growth {
	for len(memory) > mostTrend {
		at, memory = batches(at), batches(memory)
	}
	n := len(memory)
	if n < fewestSlopes {
		return nil
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			if at[j] > at[i] {
				slopes = append(slopes, (memory[j]-memory[i])/(at[j]-at[i]))
			}
		}
	}
	slices.Sort(slopes)
	slope := middle(slopes)
	detrended := make([]float64, n)
	for i, v := range memory {
		detrended[i] = v - slope*at[i]
	}
	r := min(max(0, alike(detrended)), 0.95)
	half := 1.96 * math.Sqrt(kendallVariance(memory)*(1+r)/(1-r)) / 2
	place := func(x float64) float64 { return slopes[int(min(max(0, x), float64(len(slopes)-1)))] }
	center := float64(len(slopes)) / 2
	const hour = 3600
	g := &result.Growth{
		Level: middle(memory), PerHour: slope * hour,
		Lo: place(math.Floor(center-half)) * hour, Hi: place(math.Ceil(center+half)) * hour,
	}
	total := slope * (at[n-1] - at[0])
	g.Grows = g.Lo > 0 && total > max(growthShare*g.Level, growthBytes)
	return g
}

const (
	fewestSlopes = 12
	growthShare  = 0.02    // Growth over the whole soak that matters, of the level,
	growthBytes  = 1 << 20 // and in bytes: a heap breathes.
)
