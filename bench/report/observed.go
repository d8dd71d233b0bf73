package report

import (
	"fmt"

	"mqttbench/bench/result"
)

// An observation is a line about what a run is about besides messages.
type observation struct {
	label string
	mark  style
	text  string
}

// observations are those of a run: faults, sessions that came back, wills, retained messages, the shares of shared subscriptions.
func observations(s *result.Summary) (all []observation) {
	add := func(label string, wrong bool, format string, args ...any) {
		mark := none
		if wrong {
			mark = red
		}
		all = append(all, observation{label, mark, fmt.Sprintf(format, args...)})
	}
	for _, x := range s.Faults {
		o := observation{"fault", none, fmt.Sprintf("%s: %s", x.Fault, plural(x.Count, "time"))}
		if x.Count == 0 {
			o.mark, o.text = yellow, x.Fault+": never happened, so the run says nothing about it"
		}
		all = append(all, o)
	}
	if x := s.Sessions; x != nil {
		note := ""
		if x.Expire {
			note = "; by their expiry they were to be gone"
		}
		add("sessions", x.Present < x.Returned && !x.Expire, "came back %s: session present %s, subscriptions kept without subscribing again %s%s",
			plural(x.Returned, "time"), count(x.Present), count(x.Kept), note)
	}
	if x := s.Wills; x != nil {
		text := fmt.Sprintf("%s received of %s that %s were owed: %s missing, %s uncalled for", count(x.Received), count(x.Expected), plural(x.Watchers, "watcher"), count(x.Missing), count(x.Uncalled))
		if x.LostQoS0 > 0 {
			text += fmt.Sprintf(", %s lost at QoS 0", count(x.LostQoS0))
		}
		add("wills", x.Missing+x.Uncalled > 0, "%s", text)
	}
	if x := s.Retained; x != nil {
		add("retained", x.Missing+x.Stale > 0, "%s received on %s of %s that were owed: %s missing, %s older than what had been acknowledged",
			count(x.Delivered), plural(x.Readings, "subscription"), count(x.Expected), count(x.Missing), count(x.Stale))
	}
	if x := s.Shared; x != nil {
		add("shares", false, "%s had from %s to %s deliveries each, %.1f in the mean; they vary by %.1f %%", plural(x.Members, "member"), count(x.Least), count(x.Most), x.Mean, 100*x.Variation)
	}
	if x := s.Slowest; x != nil {
		add("slowest", false, "subscriber %s waited %s in the mean for its %s; the others %s", x.Subscriber, seconds(x.Mean), plural(x.Delivered, "message"), seconds(x.Others))
	}
	if x := s.Objectives; x != nil && x.Met {
		add("SLO", false, "%s: met", x.Text)
	} else if x != nil {
		add("SLO", true, "%s: NOT met: %s", x.Text, x.Why)
	}
	return all
}

func (t *terminal) observations(s *result.Summary) {
	for _, o := range observations(s) {
		t.labelled(o.label, o.mark, o.text)
	}
}
