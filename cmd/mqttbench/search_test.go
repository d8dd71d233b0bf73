package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/result"
	"mqttbench/bench/series"

	"mqttbench/bench/measure"
)

// TestSearchCommand: up to a limit that any broker reaches. Every run is there to be looked at, and the limit is confirmed
// in three of them.
func TestSearchCommand(t *testing.T) {
	t.Parallel()
	if measure.RaceBuild {
		t.Skip("every run of a race build is INVALID, and a search rightly believes none of them")
	}
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"search", "--slo", "p50<10s,loss=0", "--rate", "100", "--max-rate", "200", "--json", "--charts=false", "--out", out,
		"--clients", "4", "--warmup", "0s", "--duration", "200ms", "--pause", "0s"}
	code, stdout, stderr := mqttbench(t.Context(), args...)
	var found []struct {
		Broker, SLO string
		Lo          float64 `json:"carried_per_s"`
		Hi          float64 `json:"fails_per_s"`
		LoPassed    int     `json:"carried_runs_passed"`
		Confirmed   bool
		Runs        int
	}
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || len(found) != 1 {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	x := found[0]
	if code != exitInvalid { // There is no upper end.
		t.Errorf("exit code %d", code)
	}
	if x.Lo != 200 || x.Hi != 0 || x.LoPassed != 3 || x.Confirmed || x.Runs != 5 || x.Broker != "mqttbroker" || x.SLO != "p50<10s,loss=0" {
		t.Errorf("%+v", x)
	}
	runs := readRuns(t, out)
	seeds := map[uint64]bool{}
	for i, r := range runs {
		seeds[r.Manifest.Seed] = true
		if want := []float64{100, 200, 200, 200, 200}[i]; r.Manifest.Workload.Rate != want {
			t.Errorf("run %d at %g", i, r.Manifest.Workload.Rate)
		}
	}
	if len(runs) != 5 || len(seeds) != 5 {
		t.Errorf("%d runs with %d schedules", len(runs), len(seeds))
	}
}

// TestSearchTable: what nobody can carry is said in words, too, with the reason.
func TestSearchTable(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"search", "--slo", "max<1ns", "--rate", "64", "--charts=false", "--out", out, "--clients", "2", "--warmup", "0s", "--duration", "50ms", "--pause", "0s"}
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if code != exitInvalid || !strings.Contains(stdout, "not carried: max") || !strings.Contains(stderr, "not carried: max") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestBracketText: every kind of bracket is told as what it is.
func TestBracketText(t *testing.T) {
	slo, err := series.ParseSLO("p99<10ms,loss=0")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bracket series.Bracket
		want    string
	}{
		{series.Bracket{Lo: 8450, Hi: 8870, LoPassed: 3, LoRuns: 3, HiFailed: 2, HiRuns: 3, Confirmed: true, Why: "p99 41ms"},
			"x carries 8,450/s; 8,870/s fails: p99 41ms. SLO p99<10ms,loss=0; confirmed: the lower end passed in 3 of 3 runs, the upper end failed in 2 of 3"},
		{series.Bracket{Lo: 8450, Hi: 8870, LoPassed: 1, LoRuns: 1, HiFailed: 1, HiRuns: 2, Why: "p99 41ms"},
			"x carries 8,450/s; 8,870/s fails: p99 41ms. SLO p99<10ms,loss=0; the lower end passed in 1 of 1 runs, the upper end failed in 1 of 2"},
		{series.Bracket{Lo: 8450, Hi: 8870, Why: "p99 41ms"}, "x carries 8,450/s; 8,870/s fails: p99 41ms. SLO p99<10ms,loss=0; not confirmed"},
		{series.Bracket{Lo: 8450, LoPassed: 3, LoRuns: 3}, "x carries at least 8,450/s; no rate that was tried fails. SLO p99<10ms,loss=0; the lower end passed in 3 of 3 runs"},
		{series.Bracket{Lo: 950.5, Hi: 1000, LoPassed: 3, LoRuns: 3, HiFailed: 3, HiRuns: 3, Confirmed: true, Instrument: true, Why: "lag"},
			"x carries at least 950.5/s; at 1,000/s it may be the generator or the machine that fails: lag. SLO p99<10ms,loss=0; confirmed: the lower end passed in 3 of 3 runs, the upper end failed in 3 of 3"},
		{series.Bracket{Hi: 10, Why: "p99 41ms"}, "x carries nothing within p99<10ms,loss=0: even 10/s fails: p99 41ms"},
		{series.Bracket{Hi: 10, Why: "lag", Instrument: true}, "x: nothing can be said; at 10/s it may be the generator or the machine that fails: lag"},
		{series.Bracket{}, "x: nothing is known"},
	} {
		if got := bracketText("x", c.bracket, slo); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestLevelWord says in how many of its runs a rate was carried.
func TestLevelWord(t *testing.T) {
	slo, _ := series.ParseSLO("max<1s")
	run := func(max float64) *result.Run {
		return &result.Run{Summary: result.Summary{Response: result.Quantiles{Count: 1, Max: max}}}
	}
	for want, runs := range map[string][]*result.Run{
		"carried":                   {run(0.5), run(0.5)},
		"not carried: max 2s":       {run(2), run(3)},
		"carried in 1 of 2: max 3s": {run(0.5), run(3)},

		"cannot be told: 0 deliveries are too few to tell: the measured part must last longer": {{}},
	} {
		if got := levelWord(slo)(&result.Group{Runs: runs}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
