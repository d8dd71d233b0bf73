package report

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
)

// A scale maps values to the unit interval and says where its ticks are.
//
// The scales and tickers of the plotting library are not used: its logarithmic ticker labels powers
// of ten only, so that an axis from 2 to 9 ms has no number at all; its scale panics on zero; and one
// sample equal to 1 makes it start at zero.
type scale struct {
	min, max float64
	at       func(v float64) float64 // Monotone; shift and factor do not matter.
	ticks    []tick
}

// A tick is a place on a scale. Without a label it is a grid line only.
type tick struct {
	at    float64
	label string
	spare string // Its label where all such have room.
	main  bool   // Its label stays where there is no room for all.
}

// labelled are the ticks with what is written at each: the spare labels too if all are apart, and only the main ones if even the others are not.
// Some labels of a kind and others not would look like a scale with holes. where is the middle of a label on the axis, and size how much of the axis
// it takes.
func (s *scale) labelled(where func(v float64) vg.Length, size func(label string) vg.Length) []tick {
	full, few, mains := slices.Clone(s.ticks), slices.Clone(s.ticks), 0
	for i, t := range s.ticks {
		full[i].label = cmp.Or(t.label, t.spare)
		if t.main {
			mains++
		} else {
			few[i].label = ""
		}
	}
	apart := func(ticks []tick) bool {
		end := vg.Length(math.Inf(-1))
		for _, t := range ticks {
			if t.label == "" {
				continue
			}
			at, half := where(t.at), size(t.label)/2
			if at-half < end {
				return false
			}
			end = at + half
		}
		return true
	}
	switch {
	case apart(full):
		return full
	case apart(s.ticks) || mains < 2:
		return s.ticks
	}
	return few
}

// unit is the place of v between the ends of the scale, 0 to 1. Values beyond an end are put on it.
func (s *scale) unit(v float64) float64 {
	v = math.Min(math.Max(v, s.min), s.max)
	lo, hi := s.at(s.min), s.at(s.max)
	if hi == lo {
		return 0.5
	}
	return (s.at(v) - lo) / (hi - lo)
}

// fromZero is a linear scale from 0 to the first tick that is not below max. Rates and costs have
// no other: cut the foot off a bar, and its length says nothing.
func fromZero(max float64, format func(float64) string) scale {
	s := linear(0, max, 5, format)
	s.ticks[0].label = "0" // Of whatever it is none.
	return s
}

// linear is a linear scale with about n ticks at 1, 2 or 5 times a power of ten, from min up to the
// first tick that is not below max.
func linear(min, max float64, n int, format func(float64) string) scale {
	if !(max > min) {
		max = min + 1
	}
	step := niceStep((max - min) / float64(n))
	last := math.Ceil((max-min)/step - 1e-9)
	s := scale{min: min, max: min + last*step, at: func(v float64) float64 { return v }}
	for i := 0.0; i <= last; i++ {
		s.ticks = append(s.ticks, tick{at: min + i*step, label: format(min + i*step)})
	}
	return s
}

// exact is a linear scale that ends at max, wherever its last tick is: for time.
func exact(max float64, n int, format func(float64) string) scale {
	s := linear(0, max, n, format)
	for len(s.ticks) > 1 && s.ticks[len(s.ticks)-1].at > max*(1+1e-9) {
		s.ticks = s.ticks[:len(s.ticks)-1]
	}
	s.max = max
	return s
}

// niceStep is the least of 1, 2 and 5 times a power of ten that is not below v.
func niceStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if v <= m*power*(1+1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logarithmic is a logarithmic scale around the positive values min to max, from one labelled tick
// to another. Ticks are at 1, 2 and 5 times powers of ten; over many decades, at powers only.
func logarithmic(min, max float64, format func(float64) string) scale {
	from, to := step125(min, false), step125(max, true)
	if from == to {
		from, to = from-1, to+1
	}
	s := scale{min: value125(from), max: value125(to), at: math.Log10}
	for i := from; i <= to; i++ {
		t := tick{at: value125(i), main: mod3(i) == 0}
		if t.spare = format(t.at); to-from <= 9 || mod3(i) == 0 {
			t.label = t.spare
		}
		s.ticks = append(s.ticks, t)
	}
	return s
}

// near is a logarithmic scale around positive values that may be close to each other: within a factor of four, its ticks are in equal steps,
// because 1, 2 and 5 would leave it with two of them and most of the room empty.
func near(min, max float64, format func(float64) string) scale {
	if max > 4*min {
		return logarithmic(min, max, format)
	}
	step := niceStep((max - min) / 4)
	if max == min {
		step = niceStep(min / 20)
	}
	from, to := math.Floor(min/step-1e-9), math.Ceil(max/step+1e-9)
	from = math.Max(from, 1)
	s := scale{min: from * step, max: to * step, at: math.Log10}
	for i := from; i <= to; i++ {
		s.ticks = append(s.ticks, tick{at: i * step, label: format(i * step)})
	}
	return s
}

// The series ... 0.5, 1, 2, 5, 10 ... is counted by index; index 0 is 1.
func value125(i int) float64 {
	return [3]float64{1, 2, 5}[mod3(i)] * math.Pow(10, math.Floor(float64(i)/3))
}

func mod3(i int) int { return ((i % 3) + 3) % 3 }

// step125 is the index of the last value of the series that is not above v, or with up the first
// that is not below it.
func step125(v float64, up bool) int {
	i := 3*int(math.Floor(math.Log10(v))) - 1
	for value125(i+1) <= v*(1+1e-9) {
		i++
	}
	if up && value125(i) < v*(1-1e-9) {
		i++
	}
	return i
}

// percentiles is the scale of a percentile chart: every further nine takes the same room. It ends
// at the fraction last.
func percentiles(last float64) scale {
	s := scale{min: 0, max: last, at: func(q float64) float64 { return -math.Log10(1 - q) }}
	// Labels are words: 100 * 0.99999 would print as 99.99900000000001.
	for _, t := range []struct {
		at    float64
		label string
	}{{0, "0"}, {0.5, "50 %"}, {0.9, "90 %"}, {0.99, "99 %"}, {0.999, "99.9 %"}, {0.9999, "99.99 %"},
		{0.99999, "99.999 %"}, {0.999999, "99.9999 %"}, {0.9999999, "99.99999 %"}} {
		if t.at <= last {
			s.ticks = append(s.ticks, tick{at: t.at, label: t.label})
		}
	}
	return s
}

// timeScale is a linear scale from 0 to last seconds, in the unit that a person would take.
func timeScale(last float64) scale {
	unit, name := 1.0, " s"
	switch {
	case last > 4*86400:
		unit, name = 86400, " days"
	case last > 4*3600:
		unit, name = 3600, " h"
	case last > 600:
		unit, name = 60, " min"
	}
	s := exact(last/unit, 8, func(v float64) string { return digits(v) + name })
	s.max = last
	for i := range s.ticks {
		s.ticks[i].at *= unit
	}
	return s
}
