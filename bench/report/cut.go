package report

import (
	"fmt"
	"slices"

	"mqttbench/bench/result"
)

// warmUpCut says what of the measured part was warm-up still and is in no figure; "": nothing was.
func warmUpCut(s *result.Summary) string {
	if s.Steady.Cut == 0 {
		return ""
	}
	return fmt.Sprintf("warm-up cut %s by MSER-5, of %s measured", seconds(s.Steady.Cut), seconds(s.Measured.Seconds+s.Steady.Cut))
}

// warmUpsCut is the same of several runs.
func warmUpsCut(groups []*result.Group) string {
	var cuts []float64
	all := 0
	for _, g := range groups {
		all += len(g.Runs)
		for _, r := range g.Runs {
			if r.Summary.Steady.Cut > 0 {
				cuts = append(cuts, r.Summary.Steady.Cut)
			}
		}
	}
	if cuts == nil {
		return ""
	}
	least, most := seconds(slices.Min(cuts)), seconds(slices.Max(cuts))
	if least != most {
		most = least + " to " + most
	}
	return fmt.Sprintf("warm-up cut by MSER-5 in %d of %d runs, %s of their measured part", len(cuts), all, most)
}

// cutBand is the stretch of the measured part that was left out; not ok if none was.
func cutBand(r *result.Run) (b phaseBand, ok bool) {
	cut := r.Summary.Steady.Cut
	at := slices.IndexFunc(r.Intervals, func(iv result.Interval) bool { return iv.Phase == result.PhaseMeasure })
	if cut == 0 || at < 0 {
		return b, false
	}
	from := r.Intervals[at].T0
	return phaseBand{"cut", from, from + cut}, true
}
