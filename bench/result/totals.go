package result

// Total adds up the intervals of a phase. Rates are of the phase alone. The sums of PhaseMeasure
// include what was accepted and delivered in the drain, because it was due before.
//
// Intervals cannot tell a late delivery of the warm-up from one of the measure phase; the ledger
// can. Total is for runs that ended without its verdict.
func Total(intervals []Interval, phase Phase) Totals {
	t := Totals{Phase: phase}
	for i := range intervals {
		if iv := &intervals[i]; iv.Phase == phase {
			t.add(iv)
			t.Seconds += iv.T1 - iv.T0
		}
	}
	if t.Seconds > 0 {
		t.OfferedRate = float64(t.Offered) / t.Seconds
		t.AcceptedRate = float64(t.Accepted) / t.Seconds
		t.DeliveredRate = float64(t.Delivered) / t.Seconds
	}
	if phase != PhaseMeasure {
		return t
	}
	for i := range intervals {
		if iv := &intervals[i]; iv.Phase == PhaseDrain {
			t.add(iv)
		}
	}
	return t
}

func (t *Totals) add(iv *Interval) {
	t.Offered += iv.Offered
	t.Accepted += iv.Accepted
	t.Expected += iv.Expected
	t.Delivered += iv.Delivered
	t.Duplicates += iv.Duplicates
	t.Connects += iv.Connects
	t.Reconnects += iv.Reconnects
}

// TotalPhases is Total of every phase that took place, in order of first appearance.
func TotalPhases(intervals []Interval) (all []Totals) {
	seen := map[Phase]bool{}
	for i := range intervals {
		if p := intervals[i].Phase; !seen[p] {
			seen[p] = true
			all = append(all, Total(intervals, p))
		}
	}
	return all
}

// NewProcessCost is the cost of a process that used CPU for a stretch of seconds in which delivered
// messages were delivered. used.RSS is the peak.
func NewProcessCost(used Usage, seconds float64, delivered int64) *ProcessCost {
	c := &ProcessCost{UserCPU: used.UserCPU, SystemCPU: used.SystemCPU, PeakRSS: used.RSS}
	if seconds > 0 {
		c.Utilisation = used.CPU() / seconds
	}
	if delivered > 0 {
		c.UserPerDelivered = used.UserCPU / float64(delivered)
		c.SystemPerDelivered = used.SystemCPU / float64(delivered)
	}
	return c
}

// TotalUsage is what a process took over the intervals of a phase, which pick finds in them; RSS is
// the peak. nil if no interval knows.
func TotalUsage(intervals []Interval, phase Phase, pick func(*Interval) *Usage) *Usage {
	var sum *Usage
	for i := range intervals {
		u := pick(&intervals[i])
		if u == nil || intervals[i].Phase != phase {
			continue
		}
		if sum == nil {
			sum = new(Usage)
		}
		sum.UserCPU += u.UserCPU
		sum.SystemCPU += u.SystemCPU
		sum.RSS = max(sum.RSS, u.RSS)
	}
	return sum
}

// reconstruct computes what it can of the summary of a run that has none.
func (r *Run) reconstruct() {
	t := Total(r.Intervals, PhaseMeasure)
	r.Summary = Summary{
		Interrupted: true,
		Outcome:     Unknown,
		Validity:    ValidityUnknown,
		ExitCode:    130,
		Measured:    t,
		Phases:      TotalPhases(r.Intervals),
		Response:    r.Response.Quantiles(),
		Service:     r.Service.Quantiles(),
	}
	// Deliveries of the drain are left out of the divisor as its CPU is out of the sum.
	delivered := int64(t.DeliveredRate*t.Seconds + 0.5)
	if u := TotalUsage(r.Intervals, PhaseMeasure, func(iv *Interval) *Usage { return iv.Broker }); u != nil {
		r.Summary.Cost.Broker = NewProcessCost(*u, t.Seconds, delivered)
	}
	if u := TotalUsage(r.Intervals, PhaseMeasure, func(iv *Interval) *Usage { return iv.Generator }); u != nil {
		r.Summary.Cost.Generator = NewProcessCost(*u, t.Seconds, delivered)
	}
	r.warn("the file has no summary: the run was killed; figures are computed as far as the intervals reach, and there is no verdict")
}
