package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/result"
)

// TestSoak: a trial of a soak has the slopes of both processes with their intervals, and says what its files take.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	code, stdout, stderr := mqttbench(t.Context(), "--quiet", "--qos", "1", "--clients", "4", "--rate", "100", "--warmup", "0s", "--soak", "2s", "--charts=false", "--out", dir)
	if !measured(code) || !strings.Contains(stdout, "an hour [") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	x := r.Summary.Soak
	if x == nil || x.Generator == nil || x.Generator.Level < 1<<20 || x.Generator.Lo > x.Generator.PerHour || x.Generator.Hi < x.Generator.PerHour || x.Bytes < 1000 || x.Verdict == "" {
		t.Errorf("%+v", x)
	}
	for _, c := range []struct{ soak, interval time.Duration }{
		{0, 0}, {time.Minute, time.Second}, {time.Hour, time.Second}, {24 * time.Hour, 24 * time.Second}, {6 * time.Second, 100 * time.Millisecond},
	} {
		s := settings{soak: c.soak}
		if got := s.soakInterval(); got != c.interval {
			t.Errorf("%v: an interval of %v, want %v", c.soak, got, c.interval)
		}
	}
	for _, args := range []string{"--soak 1s", "--soak 1h --duration 5s"} {
		if code, _, stderr := mqttbench(t.Context(), strings.Fields(args)...); code != exitInput || !strings.Contains(stderr, "--soak") {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
	}
}
