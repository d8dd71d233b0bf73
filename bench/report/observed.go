package report

import (
	"fmt"
	"strings"

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
	if len(s.Silences) > 0 {
		all = append(all, silences(s.Silences))
	}
	if x := s.Overload; x != nil {
		all = append(all, observation{"overload", red, strings.Join(x.Evidence, "; ")})
	}
	if x := s.Sessions; x != nil {
		note := ""
		if x.Expire {
			note = "; by their expiry they were to be gone"
		}
		if x.QueueLost > 0 {
			note = fmt.Sprintf(", %s lost of what had been queued in them", plural(x.QueueLost, "delivery")) + note
		}
		add("sessions", x.Present < x.Returned && !x.Expire, "came back %s: session present %s, subscriptions kept without subscribing again %s%s",
			plural(x.Returned, "time"), count(x.Present), count(x.Kept), note)
	}
	if x := s.Wills; x != nil {
		text := fmt.Sprintf("%s received of %s that %s were owed: %s missing, %s uncalled for", count(x.Received), count(x.Expected), plural(x.Watchers, "watcher"), count(x.Missing), count(x.Uncalled))
		if x.LostQoS0 > 0 {
			text += fmt.Sprintf(", %s lost at QoS 0", count(x.LostQoS0))
		}
		if x.Altered > 0 {
			text += fmt.Sprintf(", %s with other properties than were given: %s", count(x.Altered), x.How)
		}
		add("wills", x.Missing+x.Uncalled+x.Altered > 0, "%s", text)
	}
	for i := range s.OfflineWindows {
		x := &s.OfflineWindows[i]
		add("offline "+count(int64(i+1)), x.Delivered < x.Queued, "%s", absence(x))
	}
	if x := s.TakeOvers; x != nil {
		text := fmt.Sprintf("%s let in, %s connections before them ended", plural(x.Granted, "other connection"), count(x.Closed))
		if x.Told > 0 {
			text += fmt.Sprintf(", %s with DISCONNECT 0x8E", count(x.Told))
		}
		add("take-overs", x.Standing > 0, "%s; %s stood on", text, count(x.Standing))
	}
	if x := s.Flaps; x != nil {
		add("flaps", x.Unasked > 0, "%s taken back and %s made again; %s of what was published in between delivered all the same",
			plural(x.Unsubscribed, "subscription"), count(x.Renewed), count(x.Unasked))
	}
	if x := s.Retained; x != nil {
		add("retained", x.Missing+x.Stale > 0, "%s received on %s of %s that were owed: %s missing, %s older than what had been acknowledged",
			count(x.Delivered), plural(x.Readings, "subscription"), count(x.Expected), count(x.Missing), count(x.Stale))
	}
	if x := s.Shared; x != nil {
		add("shares", false, "%s had from %s to %s deliveries each, %.1f in the mean; they vary by %.1f %%", plural(x.Members, "member"), count(x.Least), count(x.Most), x.Mean, 100*x.Variation)
	}
	if x := s.Queue; x != nil {
		all = append(all, observation{"queue limit", yellow, fmt.Sprintf("median service time by rate is %s messages in the broker for each subscriber, within 5 %% of %s (%s): "+
			"the latency may be that of a queue at its limit, at which messages are dropped, and say nothing about speed", count(int64(x.Messages+0.5)), count(int64(x.Limit)), x.Name)})
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

// absence is one of several times of being offline.
func absence(x *result.Drained) string {
	who := plural(x.Clients, "subscriber")
	switch {
	case x.Clients == 0:
		who = plural(x.Publishers, "publisher")
	case x.Publishers > 0:
		who += " and " + plural(x.Publishers, "publisher")
	}
	text := fmt.Sprintf("%s away for %s from %s on", who, seconds(x.Away), seconds(x.At))
	if x.Queues() {
		text += fmt.Sprintf(": %s of %s queued delivered in %s, %s", count(x.Delivered), plural(x.Queued, "message"), seconds(x.Seconds), rate(x.Rate))
	}
	if x.Resume.Count > 0 {
		text += fmt.Sprintf("; back after %s in the median and %s at most", seconds(x.Resume.P50), seconds(x.Resume.Max))
	}
	return text
}

func (t *terminal) observations(s *result.Summary) {
	for _, o := range observations(s) {
		t.labelled(o.label, o.mark, o.text)
	}
}
