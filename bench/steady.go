package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"mqttbench/bench/measure"
	"mqttbench/bench/result"
)

// Whether the measured part had settled, and what of its beginning is left out of the figures because it had not.

// measuredPart is the window of the run, whose start is known. It has parts if its beginning may be left out.
func (r *run) measuredPart() measure.Window {
	from, to := r.start+int64(r.plan.Warmup), r.start+r.plan.End()
	if r.cfg.KeepTransient || !r.meantSteady() {
		return measure.Window{From: from, To: to}
	}
	return measure.NewWindow(from, to, r.cfg.Interval)
}

// meantSteady reports whether nothing is done to the run on purpose that changes its course.
func (r *run) meantSteady() bool {
	return r.cfg.Events == nil && r.plan.Offline.For == 0 && len(r.plan.Stages) == 0 && !r.plan.Idle()
}

// leaveOut leaves what of the measured part was warm-up still out of all that is counted in it, and returns the totals without it. Verdicts
// are not concerned: they are of every message of the run.
func (r *run) leaveOut(st *result.Steady) *measure.Totals {
	l, part := r.log, 0
	if st.Cut > 0 {
		r.cut = int64(math.Round(st.Cut * 1e9))
		part = r.window.Passed(r.window.From + r.cut)
	}
	totals := l.collector.Totals(part)
	if part > 0 {
		l.begin = l.marks[part]
		l.writer.Settled(totals.Series.Response, totals.Series.Service)
	}
	return totals
}

// steady judges the course of the measured part: whether the backlog grew, and, unless something was done to the run on purpose, whether
// it had warmed up and stayed as it was. A run that did not come to its end has nothing left out.
func (r *run) steady(intervals []result.Interval, whole bool) result.Steady {
	var st result.Steady
	if r.meantSteady() && r.start != 0 {
		w := r.window
		if !whole || len(r.log.marks) <= w.Passed(w.To) {
			w.Grain = 0
		}
		warmUp, measured := r.course()
		st = measure.Settled(warmUp, measured, w)
	}
	r.backlogGrows(&st, intervals)
	switch {
	case st.BacklogGrows:
		st.Text = "the backlog grew all the time: the rate is more than the broker carries"
	case st.WarmUpShort:
		st.Text = fmt.Sprintf("the warm-up of %.1f s was too short, its end is in the figures: it takes --warmup %.0fs", st.WarmUp, math.Ceil(st.WarmUpCut))
	case st.Checked && !st.Steady:
		st.Text = drifts(&st)
	}
	return st
}

func drifts(st *result.Steady) string {
	var texts []string
	for _, t := range st.Trends {
		if t.Drifts {
			texts = append(texts, fmt.Sprintf("%s %+.0f %% a minute", t.Of, 100*t.PerMinute))
		}
	}
	if texts == nil && st.Unsettled {
		return "the second half of the measured part is unlike the first, and MSER-5 would give up more than half of it: it takes a longer --warmup, or there is no steady state"
	}
	return strings.Join(texts, ", ")
}

// course parts what was delivered at the beginning of the measured part, from the beginning of publishing to its end. What came while nothing
// was due any more is left out. A beat in which nothing came has its Point, also at both ends.
func (r *run) course() (warmUp, measured []measure.Point) {
	all := r.log.collector.Course()
	from, to := r.start+int64(r.plan.Warmup), r.start+r.plan.End()
	if r.log.end.at != 0 {
		to = min(to, r.log.end.at)
	}
	first := (r.start + measure.Beat - 1) / measure.Beat * measure.Beat
	for len(all) > 0 && all[0].At < first {
		all = all[1:]
	}
	for at := first; at+measure.Beat <= to; at += measure.Beat {
		p := measure.Point{At: at}
		if len(all) > 0 && all[0].At == at {
			p, all = all[0], all[1:]
		}
		if at < from {
			warmUp = append(warmUp, p)
		} else {
			measured = append(measured, p)
		}
	}
	return warmUp, measured
}

// backlogGrows compares the backlog of the first third of the measured part with that of the last: a backlog that grows says that the
// rate is more than the broker carries, and every latency is then only the age of the queue.
func (r *run) backlogGrows(st *result.Steady, intervals []result.Interval) {
	var backlog []float64
	var from, to float64
	counts := r.log.seconds(r.window.From) + st.Cut
	for _, iv := range intervals {
		if iv.Phase != result.PhaseMeasure || iv.T0 < counts {
			continue
		}
		if len(backlog) == 0 {
			from = iv.T0
		}
		to = iv.T1
		backlog = append(backlog, float64(iv.Backlog))
	}
	third := len(backlog) / 3
	if third == 0 || r.plan.Offline.For > 0 { // What is queued for those who are offline is meant to grow.
		return
	}
	growth := median(backlog[len(backlog)-third:]) - median(backlog[:third])
	st.BacklogTrend = growth / ((to - from) * 2 / 3)
	st.BacklogGrows = st.BacklogTrend > max(1, r.deliveryRate()*steadyShare)
	if !st.Checked {
		st.Checked, st.Steady, st.Verdict = true, true, result.VerdictSteady
	}
	if st.BacklogGrows {
		st.Steady, st.Verdict = false, result.VerdictDrifting
	}
}

// steadyShare is the growth of the backlog, as a share of the delivery rate, that still counts as steady.
const steadyShare = 0.01

func (r *run) deliveryRate() float64 {
	if r.plan.Duration == 0 || r.plan.Closed || r.plan.Rate == 0 {
		return 0
	}
	return float64(r.plan.Expected(int64(r.plan.Warmup), r.plan.End())) / time.Duration(r.plan.Duration).Seconds()
}

func median(values []float64) float64 {
	v := slices.Sorted(slices.Values(values))
	return v[len(v)/2]
}
