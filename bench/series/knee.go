package series

import (
	"cmp"
	"slices"
)

// A Level is one rate of a sweep, and what its runs say of it.
type Level struct {
	Rate     float64
	Verdicts []Verdict
}

// holds and fails are a search's: carried always, and failing mostly.
func (l *Level) holds() bool { return l.count(Passed) == len(l.Verdicts) && len(l.Verdicts) > 0 }
func (l *Level) fails() bool { return 3*l.count(Passed) <= len(l.Verdicts) && len(l.Verdicts) > 0 }

func (l *Level) count(o Outcome) (n int) {
	for _, v := range l.Verdicts {
		if v.Outcome == o {
			n++
		}
	}
	return n
}

// Knee is where a curve bends: the highest level up to which all levels were carried in all of their runs, and the
// lowest level above it that failed in most. It is not confirmed, as the bracket of a search is: a curve is
// measured at the rates it was asked for.
func Knee(levels []Level) Bracket {
	levels = slices.Clone(levels)
	slices.SortFunc(levels, func(a, b Level) int { return cmp.Compare(a.Rate, b.Rate) })
	var b Bracket
	carried := true
	for i := range levels {
		l := &levels[i]
		b.Runs += len(l.Verdicts)
		carried = carried && l.holds()
		switch {
		case carried:
			b.Lo, b.LoPassed, b.LoRuns = l.Rate, len(l.Verdicts), len(l.Verdicts)
		case b.Hi == 0 && l.fails():
			b.Hi, b.HiFailed, b.HiRuns = l.Rate, len(l.Verdicts)-l.count(Passed), len(l.Verdicts)
			b.Why, b.Instrument = l.why()
		}
	}
	return b
}

// why is the first reason for which a run failed, and whether no failure is beyond doubt the broker's.
func (l *Level) why() (why string, instrument bool) {
	instrument = true
	for _, v := range l.Verdicts {
		if v.Outcome == Passed {
			continue
		}
		if why == "" || instrument && !v.Instrument {
			why = v.Why
		}
		instrument = instrument && v.Instrument
	}
	return why, instrument
}
