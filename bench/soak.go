package bench

import (
	"fmt"
	"os"
	"path/filepath"

	"mqttbench/bench/measure"
	"mqttbench/bench/result"
)

// Until memory has filled its pools it is not judged: for a tenth of the measured part, and at least two minutes, but no more than half of it.
const (
	settlingShare = 0.1
	settlingTime  = 120 // s
)

// soak judges a long run: does memory grow, has the response time drifted, have the files stayed small? It counts as not steady if anything did.
func (r *run) soak(s *result.Summary) {
	x := &result.Soak{Verdict: s.Steady.Verdict}
	intervals := r.log.writer.Run().Intervals
	x.Broker = growth(intervals, func(iv *result.Interval) *result.Usage { return iv.Broker })
	x.Generator = growth(intervals, func(iv *result.Interval) *result.Usage { return iv.Generator })
	for _, g := range []struct {
		who string
		of  *result.Growth
	}{{"broker", x.Broker}, {"generator", x.Generator}} {
		if g.of != nil && g.of.Grows {
			x.Verdict = result.VerdictGrowing
			s.Steady.Checked, s.Steady.Steady, s.Steady.Verdict = true, false, result.VerdictGrowing
			s.Steady.Text = fmt.Sprintf("the memory of the %s grew", g.who)
		}
	}
	for _, name := range []string{result.ResultFile, result.ResponseFile, result.ServiceFile} {
		if info, err := os.Stat(filepath.Join(r.cfg.Dir, name)); err == nil {
			x.Bytes += info.Size()
		}
	}
	s.Soak = x
}

func growth(intervals []result.Interval, of func(*result.Interval) *result.Usage) *result.Growth {
	var at, memory []float64
	for i := range intervals {
		if u := of(&intervals[i]); u != nil && u.RSS > 0 && intervals[i].Phase == result.PhaseMeasure {
			at, memory = append(at, intervals[i].T1), append(memory, float64(u.RSS))
		}
	}
	skip := settled(at)
	return measure.Growth(at[skip:], memory[skip:])
}

// settled is the first of the times (s, ascending) that is judged.
func settled(at []float64) int {
	skip := int(settlingShare * float64(len(at)))
	for skip < len(at)/2 && at[skip]-at[0] < settlingTime {
		skip++
	}
	return skip
}
