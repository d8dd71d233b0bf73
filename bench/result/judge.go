package result

import (
	"cmp"
	"slices"
)

// classes are the verdict classes, worst first.
var classes = []struct {
	class  Class
	breaks bool
	absent bool // A delivery that has not been seen; one that was cut off by an interruption could still have come.
}{
	{Corrupt, true, false},
	{Phantom, true, false},
	{Lost, true, true},
	{Dup, true, false},
	{IDReused, true, false},
	{Reorder, true, false},
	{SessionLost, true, false},
	{SubscriptionLost, true, false},
	{SessionKept, true, false},
	{Miscounted, true, false},
	{WrongQoS, true, false},
	{IDChanged, true, false},
	{Resent, true, false},
	{WillLost, true, true},
	{WillUncalled, true, false},
	{WillAltered, true, false},
	{TwoConnections, true, false},
	{Unasked, true, false},
	{RetainedLost, true, true},
	{RetainedStale, true, false},
	{Stuck, true, true},
	{Unreleased, true, true},
	{Unanswered, true, true},
	{HalfOpen, true, false},
	{FalseTimeout, true, false},
	{DroppedOverload, true, true},
	{Late, false, true},
	{LossQoS0, false, true},
	{DroppedLegal, false, true},
	{LostUnknown, false, true},
	{DupLegal, false, false},
}

// rank is the place of a class in classes; an unknown class, of a later writer, is the worst: what
// cannot be read must not pass for kept.
func (c Class) rank() int {
	for i, k := range classes {
		if k.class == c {
			return i
		}
	}
	return -1
}

// Breaks reports whether the class breaks a promise of MQTT.
func (c Class) Breaks() bool {
	i := c.rank()
	return i < 0 || classes[i].breaks
}

// absent reports whether the class says that a delivery is missing.
func (c Class) absent() bool {
	i := c.rank()
	return i >= 0 && classes[i].absent
}

// Kept reports whether no finding breaks a promise.
func (c *Contract) Kept() bool {
	return !slices.ContainsFunc(c.Findings, func(f Finding) bool { return f.Count > 0 && f.Class.Breaks() })
}

// Count is how many deliveries were given the class.
func (c *Contract) Count(class Class) (n int64) {
	for _, f := range c.Findings {
		if f.Class == class {
			n += f.Count
		}
	}
	return n
}

// Missing is how many deliveries that were owed have not been seen, for whatever reason.
func (c *Contract) Missing() int64 { return max(0, c.Expected-c.Delivered) }

// Judge sets Outcome, Validity and ExitCode from the contracts, the gates, Steady and Interrupted,
// and puts findings in order, worst first. An Outcome of Failed stays.
//
// Exit codes: 0 valid and kept, 1 a contract broken or the run failed, 3 invalid, 4 noisy or not
// steady, 130 interrupted; 2 is for bad input, which has no summary. A broken promise goes first: what was lost or delivered twice does
// not become right because the generator was late.
func (s *Summary) Judge() {
	s.Validity = s.validity()
	broken := false
	for i := range s.Contracts {
		c := &s.Contracts[i]
		slices.SortStableFunc(c.Findings, func(a, b Finding) int { return cmp.Compare(a.Class.rank(), b.Class.rank()) })
		broken = broken || s.breaks(c)
	}
	switch {
	case s.Outcome == Failed:
	case broken:
		s.Outcome = Broken
	case s.Interrupted, s.Unfinished():
		s.Outcome = Unknown
	case len(s.Contracts) == 0:
		s.Outcome = Unjudged
	default:
		s.Outcome = Kept
	}
	s.ExitCode = s.exitCode()
}

// breaks is Contract.Kept negated, with mercy for an interrupted run: what it did not see may have
// been under way.
func (s *Summary) breaks(c *Contract) bool {
	if !s.Interrupted {
		return !c.Kept()
	}
	return slices.ContainsFunc(c.Findings, func(f Finding) bool {
		return f.Count > 0 && f.Class.Breaks() && !f.Class.absent()
	})
}

func (s *Summary) validity() Validity {
	v := ValidityOK
	for _, g := range s.Gates {
		switch {
		case g.Passed:
		case g.Fails == ValidityNoisy:
			if v == ValidityOK {
				v = ValidityNoisy
			}
		default:
			v = ValidityInvalid
		}
	}
	return v
}

func (s *Summary) exitCode() int {
	switch {
	case s.Outcome == Failed:
		return 1
	case s.Interrupted:
		return 130
	case s.Outcome == Broken:
		return 1
	case s.Objectives != nil && !s.Objectives.Met:
		return 1
	case s.Validity == ValidityInvalid:
		return 3
	case s.Validity == ValidityNoisy, s.Steady.Checked && !s.Steady.Steady:
		return 4
	}
	return 0
}

// Unfinished reports whether the drain ended while something was still arriving: then nobody knows whether the promises would have been kept.
func (s *Summary) Unfinished() bool { return s.failed(DrainGate) }

// Lossy reports whether deliveries are missing that QoS 1 or 2 had promised, or that were still to come. The latencies of such a run
// are those of the messages that survived: often a pleasant sight, and a lie.
func (s *Summary) Lossy() bool {
	for i := range s.Contracts {
		for _, f := range s.Contracts[i].Findings {
			if f.Count > 0 && (f.Class.Breaks() || f.Class == Late) && f.Class.absent() {
				return true
			}
		}
	}
	return false
}
