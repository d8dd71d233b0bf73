package series

import (
	"fmt"
	"slices"
	"strings"

	"mqttbench/bench/result"
)

// A Verdict is what a run says of its rate.
type Verdict struct {
	Outcome Outcome
	Why     string // Not empty unless Passed.

	// Instrument says that the generator was at a limit of its own. Of a failure: perhaps it was not the
	// broker that failed, which may carry more.
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
// A noisy machine or a generator that is late only make a broker look slower, because times count from when
// messages were due. So such a run may pass, and its rate was carried all the same; but if it fails, somebody else than the broker may
// have failed. A run that is invalid for another reason shows nothing.
func (slo SLO) Judge(s *result.Summary) Verdict {
	why, short := slo.failures(s)
	doubts := failedGates(s, result.ValidityInvalid)
	switch {
	case why != "":
		doubts = append(slo.explaining(s, doubts), slo.noise(s)...)
		return Verdict{Failed, because(why, doubts), len(doubts) > 0 || s.Validity == result.ValidityUnknown}
	case s.Validity == result.ValidityUnknown || slices.ContainsFunc(doubts, func(g string) bool { return !slices.Contains(onlySlower, g) }):
		return Verdict{Untrusted, because("", doubts), true}
	case short:
		return Verdict{Untrusted, fmt.Sprintf("%d deliveries are too few to tell: the measured part must last longer", s.Response.Count), true}
	}
	return Verdict{Instrument: len(doubts) > 0}
}

// The gates that matter here, by the names that package measure gives them.
const (
	gateLag     = "schedule lag p99"
	gateCPU     = "generator CPU"
	gateCeiling = "share of the generator's ceiling"
	gateMissed  = "missed sends"
	gateSent    = "sent of offered"
)

var (
	// onlySlower are the gates without which a run looks slower than the broker is, and no more.
	onlySlower = []string{gateLag, gateCPU, gateCeiling}
	// byBroker are those that a broker fails which does not acknowledge as fast as it is offered messages.
	byBroker = []string{gateMissed, gateSent}
)

// explaining are those of the failed gates that could explain why the run does not meet the SLO.
func (slo SLO) explaining(s *result.Summary, gates []string) (doubts []string) {
	// What is too slow also when counted from the instant of sending was not late because it was sent late.
	punctual := *s
	punctual.Response = s.Service
	stillFails, _ := slo.failures(&punctual)
	for _, g := range gates {
		if !slices.Contains(byBroker, g) && g != result.DrainGate && !(g == gateLag && stillFails != "") {
			doubts = append(doubts, g)
		}
	}
	return doubts
}

// noise are the gates that say that the machine was busy with something else, if nothing failed but that messages were slow.
func (slo SLO) noise(s *result.Summary) []string {
	atOnce := *s
	atOnce.Response = result.Quantiles{Count: s.Response.Count}
	if why, _ := slo.failures(&atOnce); why != "" || s.Validity != result.ValidityNoisy {
		return nil
	}
	return failedGates(s, result.ValidityNoisy)
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
			if f.Count > 0 && (f.Class.Breaks() || f.Class == result.Late) {
				why = append(why, fmt.Sprintf("QoS %d: %d %s", s.Contracts[i].QoS, f.Count, f.Class))
			}
		}
	}
	if m := &s.Measured; float64(m.Accepted) < acceptedShare*float64(m.Offered) {
		why = append(why, fmt.Sprintf("only %s of the messages were taken", percent(float64(m.Accepted)/float64(m.Offered))))
	}
	if s.Steady.Grows() {
		why = append(why, fmt.Sprintf("the backlog grew by %.0f/s", s.Steady.BacklogTrend))
	}
	return why
}

// failedGates are those that make a run invalid, or noisy.
func failedGates(s *result.Summary, degree result.Validity) (names []string) {
	for _, g := range s.Gates {
		if !g.Passed && g.Fails == degree {
			names = append(names, g.Name)
		}
	}
	return names
}

// because joins a reason and the gates that cast doubt on it.
func because(why string, doubts []string) string {
	text := "the run cannot be trusted"
	if len(doubts) > 0 {
		text += ": " + strings.Join(doubts, ", ")
	}
	switch {
	case why == "":
		return text
	case len(doubts) == 0:
		return why
	}
	return why + "; " + text
}
