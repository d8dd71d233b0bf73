package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestSelftest: the instrument finds what is injected, on this machine, now.
func TestSelftest(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it times; what could race in it, other tests run")
	}
	t.Parallel()
	code, stdout, stderr := mqttbench(t.Context(), "selftest", "--quick", "--keep", t.TempDir())
	if code != exitKept || stderr != "" || strings.Contains(stdout, "FAIL") || strings.Count(stdout, ": ok\n") < 8 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestSelftestCanFail: an experiment whose faults are not what it says, or whose finding is not, is not passed.
func TestSelftestCanFail(t *testing.T) {
	found := exactly(7, "drop", map[string]int64{string(result.Lost): 7})
	lost := func(n int64) *result.Run {
		return &result.Run{Summary: result.Summary{Contracts: []result.Contract{{QoS: 1, Findings: []result.Finding{{Class: result.Lost, Count: n}}}}}}
	}
	for _, c := range []struct {
		r        *result.Run
		injected map[string]int64
		want     bool
	}{
		{lost(7), map[string]int64{"drop": 7}, true},
		{lost(6), map[string]int64{"drop": 7}, false},
		{lost(7), map[string]int64{"drop": 6}, false},
		{lost(7), map[string]int64{"drop": 7, "reset": 1}, false},
		{&result.Run{}, map[string]int64{"drop": 7}, false},
	} {
		if _, ok := found(c.r, c.injected); ok != c.want {
			t.Errorf("%v found %v: %t", c.injected, findings(c.r), ok)
		}
	}
	r := &result.Run{Summary: result.Summary{Contracts: []result.Contract{{QoS: 2, Attempted: 3, Acked: 3, Expected: 3, Delivered: 3}}}}
	if _, ok := unharmed(1)(r, map[string]int64{"reset": 1}); !ok {
		t.Error("unharmed, and not passed")
	}
	if _, ok := unharmed(1)(r, nil); ok {
		t.Error("passed without a fault")
	}
	r.Summary.Contracts[0].Delivered = 2
	if _, ok := unharmed(1)(r, map[string]int64{"reset": 1}); ok {
		t.Error("passed with a loss")
	}
}

// TestScenarios: our own broker stands the whole corpus.
func TestScenarios(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short")
	}
	code, stdout, stderr := mqttbench(t.Context(), "scenarios", "--mqtt", "5")
	if code != exitKept || !strings.Contains(stdout, "all promises kept") || strings.Count(stdout, ": ok\n") < 16 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

// TestCalibrate: what is calibrated is used by runs of the same kind on the same machine, and by no others.
func TestCalibrate(t *testing.T) {
	t.Chdir(t.TempDir())
	code, stdout, stderr := mqttbench(t.Context(), "calibrate", "--duration", "200ms")
	if code != exitKept || !strings.Contains(stdout, calibrationPath) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	text, err := os.ReadFile(calibrationPath)
	if err != nil {
		t.Fatal(err)
	}
	var c calibrationFile
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	for q, x := range c.QoS {
		if x.Ceiling <= 0 || x.Generator < 0 || x.Relay != c.QoS[0].Relay {
			t.Errorf("QoS %d: %+v", q, x)
		}
	}
	uses := func(args ...string) *result.Calibration {
		t.Helper()
		var s settings
		if _, err := s.parse(args); err != nil {
			t.Fatal(err)
		}
		p := s.plan()
		var said strings.Builder
		x := s.calibrated(&p, &said)
		if said.Len() > 0 {
			t.Log(said.String())
		}
		return x
	}
	if got := uses("--qos", "1"); got == nil || *got != c.QoS[1] {
		t.Errorf("%+v", got)
	}
	for _, args := range []string{"--pub-qos 1 --sub-qos 2", "--pattern fan-out", "--payload 2000", "--loops 7", "--client paho", "--idle", "--fault drop:nth=1", "--precision spin"} {
		if got := uses(strings.Fields(args)...); got != nil {
			t.Errorf("%s: %+v", args, got)
		}
	}
	// A run that comes close to the ceiling is not to be trusted.
	c.QoS[0].Ceiling = 100
	if err := c.write(calibrationPath, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = mqttbench(t.Context(), "--quiet", "--clients", "4", "--rate", "100", "--warmup", "0s", "--duration", "300ms", "--out", "run")
	if code != exitInvalid || !strings.Contains(stdout, "ceiling") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if r, err := result.Read("run"); err != nil || r.Manifest.Calibration == nil || r.Manifest.Calibration.Ceiling != 100 {
		t.Errorf("%v", err)
	}
	c.Machine.CPU = "another"
	if err := c.write(calibrationPath, new(strings.Builder)); err != nil {
		t.Fatal(err)
	}
	if got := uses("--qos", "1"); got != nil {
		t.Errorf("of another machine: %+v", got)
	}
	if err := os.WriteFile(calibrationPath, []byte("nonsense"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := uses("--qos", "1"); got != nil {
		t.Errorf("nonsense: %+v", got)
	}
	for _, args := range []string{"calibrate --qos 1", "calibrate --broker tcp://127.0.0.1:1", "selftest --quickly", "scenarios --rate 5"} {
		if code, _, stderr := mqttbench(t.Context(), strings.Fields(args)...); code != exitInput || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q", args, code, stderr)
		}
	}
}
