package fault

import (
	"math"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// TestTriggers counts when each kind of trigger fires among 20 packets, one a millisecond.
func TestTriggers(t *testing.T) {
	for _, tc := range []struct {
		f    Fault
		want string
	}{
		{Fault{Nth: 1}, "x..................."},
		{Fault{Nth: 7}, "......x............."},
		{Fault{Nth: 21}, "...................."},
		{Fault{Every: 1}, "xxxxxxxxxxxxxxxxxxxx"},
		{Fault{Every: 6}, ".....x.....x.....x.."},
		{Fault{Probability: 1}, "xxxxxxxxxxxxxxxxxxxx"},
		{Fault{At: 5 * time.Millisecond}, ".....x.............."},
	} {
		tr, got := newTrigger(1, 0, "c", 0), ""
		for ms := range 20 {
			if tr.fires(&tc.f, time.Duration(ms)*time.Millisecond) {
				got += "x"
			} else {
				got += "."
			}
		}
		if got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.f, got, tc.want)
		}
	}
}

// TestChance: probabilities, times and jitter are those asked for, and independent between seeds, faults, clients and
// connections.
func TestChance(t *testing.T) {
	const n = 100_000
	f := Fault{Probability: 0.01}
	streams := map[uint64]bool{}
	for _, tr := range []trigger{
		newTrigger(1, 0, "c", 0), newTrigger(2, 0, "c", 0), newTrigger(1, 1, "c", 0), newTrigger(1, 0, "d", 0), newTrigger(1, 0, "c", 1), newTrigger(1, 0, "", 0),
	} {
		streams[tr.stream] = true
		fired, sum, spread := 0, time.Duration(0), 0.0
		for range n {
			if tr.fires(&f, 0) {
				fired++
			}
			j := tr.jitter()
			if j < -1 || j >= 1 {
				t.Fatal(j)
			}
			spread += j * j
			sum += tr.exponential(time.Second)
		}
		if fired < 850 || fired > 1150 { // Five standard deviations of 31.
			t.Errorf("%d of %d fired with 1 %%", fired, n)
		}
		if mean := sum.Seconds() / n; math.Abs(mean-1) > 0.02 {
			t.Errorf("the mean time is %v s, want 1", mean)
		}
		if v := spread / n; math.Abs(v-1.0/3) > 0.01 {
			t.Errorf("jitter has the variance %v, want a third", v)
		}
	}
	if len(streams) != 6 {
		t.Errorf("of 6 streams %d are different", len(streams))
	}
}

func TestMatches(t *testing.T) {
	for _, tc := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "anything", true},
		{"*", "", true},
		{"a*", "abc/d", true},
		{"a*", "ba", false},
		{"*p*", "mbep12", true},
		{"mb*s?", "mbess1", true},
		{"mb*s?", "mbes12", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"a**c", "ac", true},
		{"abc", "ab", false},
		{"ab", "abc", false},
		{"*ab*ab", "ab/abc/aab", true},
	} {
		if got := matches(tc.pattern, tc.s); got != tc.want {
			t.Errorf("matches(%q, %q) = %v", tc.pattern, tc.s, got)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		f    Fault
		want string // Part of the error; "": none.
	}{
		{Fault{Action: Reset, Nth: 1}, ""},
		{Fault{Action: Pause, MTTF: 1, MTTR: 1}, ""},
		{Fault{Action: Reset, MTTF: 1, MTTR: 1, Side: Broker}, ""},
		{Fault{Nth: 1}, "no such action"},
		{Fault{Action: 99, Nth: 1}, "no such action"},
		{Fault{Action: Reset}, "exactly one"},
		{Fault{Action: Reset, Nth: 1, Every: 1}, "exactly one"},
		{Fault{Action: Reset, Nth: 1, Limit: -1}, "number is negative"},
		{Fault{Action: Reset, Nth: 1, For: -1}, "time is negative"},
		{Fault{Action: Reset, Probability: 1.1}, "probability"},
		{Fault{Action: Reset, Nth: 1, MTTR: 1}, "MTTR needs MTTF"},
		{Fault{Action: Drop, MTTF: 1}, "MTTF is for"},
		{Fault{Action: Drop, Nth: 1, Type: packet.PUBACK}, "PUBLISH only"},
		{Fault{Action: Cut, Nth: 1, After: true}, "After is for"},
		{Fault{Action: Throttle, Nth: 1}, "Rate"},
		{Fault{Action: Delay, Nth: 1}, "how long"},
		{Fault{Action: Delay, Nth: 1, For: 1, Jitter: 2}, "Jitter"},
		{Fault{Action: Drop, Nth: 1, Side: Client}, "Side"},
	} {
		p := Plan{Faults: []Fault{{Action: Drop, Nth: 1}, tc.f}}
		err := p.Validate()
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%+v: %v", tc.f, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "fault 2")):
			t.Errorf("%+v: %v, want %q of fault 2", tc.f, err, tc.want)
		}
	}
	var p Plan
	if err := p.Validate(); err != nil {
		t.Error(err)
	}
}
