package series

import "testing"

func TestKnee(t *testing.T) {
	pass := Verdict{}
	fail := Verdict{Outcome: Failed, Why: "p99 41ms"}
	lag := Verdict{Untrusted, "lag", true}
	level := func(rate float64, v ...Verdict) Level { return Level{rate, v} }
	for _, c := range []struct {
		name   string
		levels []Level
		want   Bracket
	}{
		{"nothing", nil, Bracket{}},
		{"a knee, levels in any order", []Level{level(3, fail, fail, pass), level(1, pass, pass, pass), level(2, pass, pass, pass), level(4, fail, fail, fail)},
			Bracket{Lo: 2, Hi: 3, LoPassed: 3, LoRuns: 3, HiFailed: 2, HiRuns: 3, Why: "p99 41ms", Runs: 12}},
		{"now and then", []Level{level(1, pass, pass, pass), level(2, pass, fail, pass), level(3, fail, fail, fail)},
			Bracket{Lo: 1, Hi: 3, LoPassed: 3, LoRuns: 3, HiFailed: 3, HiRuns: 3, Why: "p99 41ms", Runs: 9}},
		{"what is carried beyond a failure is luck", []Level{level(1, pass), level(2, fail), level(3, pass)},
			Bracket{Lo: 1, Hi: 2, LoPassed: 1, LoRuns: 1, HiFailed: 1, HiRuns: 1, Why: "p99 41ms", Runs: 3}},
		{"nothing fails", []Level{level(1, pass), level(2, pass)}, Bracket{Lo: 2, LoPassed: 1, LoRuns: 1, Runs: 2}},
		{"nothing holds", []Level{level(1, fail), level(2, fail)}, Bracket{Hi: 1, HiFailed: 1, HiRuns: 1, Why: "p99 41ms", Runs: 2}},
		{"the instrument", []Level{level(1, pass), level(2, lag)}, Bracket{Lo: 1, Hi: 2, LoPassed: 1, LoRuns: 1, HiFailed: 1, HiRuns: 1, Why: "lag", Instrument: true, Runs: 2}},
		{"the broker, too", []Level{level(1, pass), level(2, lag, fail)}, Bracket{Lo: 1, Hi: 2, LoPassed: 1, LoRuns: 1, HiFailed: 2, HiRuns: 2, Why: "p99 41ms", Runs: 3}},
	} {
		if got := Knee(c.levels); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
}
