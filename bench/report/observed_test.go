package report

import (
	"strings"
	"testing"

	"mqttbench/bench/result"
)

func TestObservations(t *testing.T) {
	s := &result.Summary{
		Faults:   []result.FaultCount{{Fault: "reset:nth=5", Count: 40}, {Fault: "kill:at=5s"}},
		Sessions: &result.Sessions{Returned: 100, Present: 99, Kept: 98},
		Wills:    &result.Wills{Watchers: 2, Expected: 400, Received: 399, Missing: 1},
		Retained: &result.Retained{Readers: 1, Readings: 10, Expected: 1000, Delivered: 1000},
		Shared:   &result.Shared{Members: 4, Least: 90, Most: 110, Mean: 100, Variation: 0.05},
		Queue:    &result.Queue{Messages: 1002.6, Limit: 1000, Name: "max_queued"},
	}
	want := []struct {
		text string
		mark style
	}{
		{"reset:nth=5: 40 times", none},
		{"kill:at=5s: never happened, so the run says nothing about it", yellow},
		{"came back 100 times: session present 99, subscriptions kept without subscribing again 98", red},
		{"399 received of 400 that 2 watchers were owed: 1 missing, 0 uncalled for", red},
		{"1,000 received on 10 subscriptions of 1,000 that were owed: 0 missing, 0 older than what had been acknowledged", none},
		{"4 members had from 90 to 110 deliveries each, 100.0 in the mean; they vary by 5.0 %", none},
		{"median service time by rate is 1,003 messages in the broker for each subscriber, within 5 % of 1,000 (max_queued): " +
			"the latency may be that of a queue at its limit, at which messages are dropped, and say nothing about speed", yellow},
	}
	got := observations(s)
	if len(got) != len(want) {
		t.Fatalf("%d observations, want %d", len(got), len(want))
	}
	for i, w := range want {
		if got[i].text != w.text || got[i].mark != w.mark {
			t.Errorf("%+v\nwant %+v", got[i], w)
		}
	}
	s.Sessions.Expire, s.Faults = true, nil
	if o := observations(s)[0]; o.mark != none || !strings.Contains(o.text, "were to be gone") {
		t.Errorf("%+v", o)
	}
	if len(observations(&result.Summary{})) != 0 {
		t.Error("observed nothing, and said something")
	}
}
