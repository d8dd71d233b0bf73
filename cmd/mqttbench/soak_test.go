package main

import (
	"fmt"
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
	again(t, func(try int) bool { // A line takes twelve intervals. There are twenty, but a busy machine misses some: then they are to be more.
		dir := filepath.Join(t.TempDir(), "run")
		code, stdout, stderr := mqttbench(t.Context(), "--quiet", "--qos", "1", "--clients", "4", "--rate", "100", "--warmup", "0s", "--soak", fmt.Sprintf("%ds", 2<<min(try, 5)), "--charts=false", "--out", dir)
		r, err := result.Read(dir)
		if err != nil || !measured(code) {
			t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
		}
		x := r.Summary.Soak
		if x == nil || x.Bytes < 1000 || x.Verdict == "" {
			t.Fatalf("%+v\n%s", x, stdout)
		}
		if x.Generator == nil {
			return false
		}
		if x.Generator.Level < 1<<20 || x.Generator.Lo > x.Generator.PerHour || x.Generator.Hi < x.Generator.PerHour || !strings.Contains(stdout, "an hour [") {
			t.Errorf("%+v\n%s", x, stdout)
		}
		return true
	})
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
