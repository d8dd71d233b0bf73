package series

import (
	"fmt"
	"strings"

	"mqttbench/bench/result"
)

// A Verdict is what a run says of its rate.
type Verdict struct {
	Outcome Outcome
	Why     string // Not empty unless Passed.

	// Instrument says that the run itself cannot be trusted. Of a failure: perhaps not the broker's limit was met,
	// but that of the generator or the machine, so the broker may carry more.
	Instrument bool
}

// Outcome of a run, in a search.
type Outcome int

const (
	Passed    Outcome = iota // The rate was carried.
	Failed                   // It was not.
	Untrusted                // All looks well, but the run cannot be trusted, or is too short to tell.
)

const (
	// acceptedShare of the offered messages must have been taken by the broker for the rate to be the rate. Without
	// this a search finds the highest rate that can be asked for.
	acceptedShare = 0.99
)

// Judge holds a run against the SLO, and against what goes without saying: the run did not fail, no promise was
// broken, the broker took the messages at the rate at which they were offered, and no backlog grew.
//
// A noisy machine only makes a broker look slower, so a noisy run may pass; a run that is invalid may not.
func (slo SLO) Judge(s *result.Summary) Verdict {
	why, short := slo.failures(s)
	invalid := s.Validity == result.ValidityInvalid || s.Validity == result.ValidityUnknown
	switch {
	case why != "" && invalid:
		return Verdict{Failed, why + "; " + gates(s), true}
	case why != "":
		return Verdict{Outcome: Failed, Why: why}
	case invalid:
		return Verdict{Untrusted, gates(s), true}
	case short:
		return Verdict{Untrusted, fmt.Sprintf("%d deliveries are too few to tell: the measured part must last longer", s.Response.Count), true}
	}
	return Verdict{Outcome: Passed}
}

// failures are the objectives that were not met; short, that some could not be judged.
func (slo SLO) failures(s *result.Summary) (why string, short bool) {
	var all []string
	if s.Outcome == result.Failed {
		all = append(all, "the run failed"+firstError(s))
	}
	for _, o := range slo.objectives {
		text, ok := o(s)
		if text != "" {
			all = append(all, text)
		}
		short = short || !ok
	}
	all = append(all, unsaid(s)...)
	return strings.Join(all, ", "), short
}

func firstError(s *result.Summary) string {
	if len(s.Errors) == 0 {
		return ""
	}
	return ": " + s.Errors[0].Text
}

// unsaid is what must hold at any rate that is said to be carried.
func unsaid(s *result.Summary) (why []string) {
	for i := range s.Contracts {
		for _, f := range s.Contracts[i].Findings {
			if f.Count > 0 && f.Class.Breaks() {
				why = append(why, fmt.Sprintf("QoS %d: %d %s", s.Contracts[i].QoS, f.Count, f.Class))
			}
		}
	}
	if m := &s.Measured; float64(m.Accepted) < acceptedShare*float64(m.Offered) {
		why = append(why, fmt.Sprintf("only %s of the messages were taken", percent(float64(m.Accepted)/float64(m.Offered))))
	}
	if s.Steady.Checked && !s.Steady.Steady {
		why = append(why, fmt.Sprintf("the backlog grew by %.0f/s", s.Steady.BacklogTrend))
	}
	return why
}

// gates names those that say that a run cannot be trusted.
func gates(s *result.Summary) string {
	var all []string
	for _, g := range s.Gates {
		if !g.Passed && g.Fails == result.ValidityInvalid {
			all = append(all, g.Name)
		}
	}
	if all == nil {
		return "the run cannot be trusted"
	}
	return "the run cannot be trusted: " + strings.Join(all, ", ")
}
