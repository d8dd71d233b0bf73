package main

import (
	"encoding/json"
	"io"
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

// TestSelftestCanFail: an experiment whose faults are not what it says, or whose finding is not, is not passed; one that had no time for its faults
// says nothing.
func TestSelftestCanFail(t *testing.T) {
	found := exactly(7, "drop", string(result.Lost))
	lost := func(n int64) *result.Run {
		return &result.Run{Summary: result.Summary{Contracts: []result.Contract{{QoS: 1, Findings: []result.Finding{{Class: result.Lost, Count: n}}}}}}
	}
	for _, c := range []struct {
		r        *result.Run
		injected map[string]int64
		want     verdict
	}{
		{lost(7), map[string]int64{"drop": 7}, right},
		{lost(6), map[string]int64{"drop": 7}, wrong},
		{lost(7), map[string]int64{"drop": 6}, wrong},
		{lost(6), map[string]int64{"drop": 6}, unclear},
		{lost(8), map[string]int64{"drop": 8}, wrong},
		{lost(7), map[string]int64{"drop": 7, "reset": 1}, wrong},
		{lost(1), nil, wrong},
		{&result.Run{}, map[string]int64{"drop": 7}, wrong},
		{&result.Run{}, nil, unclear},
	} {
		if _, got := found(c.r, c.injected); got != c.want {
			t.Errorf("%v found %v: %v, want %v", c.injected, findings(c.r), got, c.want)
		}
	}
	r := &result.Run{Summary: result.Summary{Contracts: []result.Contract{{QoS: 2, Attempted: 3, Acked: 3, Expected: 3, Delivered: 3}}}}
	reset := map[string]int64{"reset": 1}
	if _, v := unharmed(1)(r, reset); v != right {
		t.Error("unharmed, and not passed")
	}
	if _, v := unharmed(1)(r, nil); v != unclear {
		t.Error("passed without a fault")
	}
	r.Summary.Contracts[0].Delivered = 2
	for _, injected := range []map[string]int64{reset, nil} {
		if _, v := unharmed(1)(r, injected); v != wrong {
			t.Errorf("a loss, with %v faults: %v", injected, v)
		}
	}
}

// TestStandstill: whoever does not see a stopped broker fails, on whatever machine; a generator that was late is asked only for what it can have seen;
// and nobody is judged by a standstill that was hardly there.
func TestStandstill(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *result.Summary, stop *result.Event)
		want  verdict
	}{
		"seen":                               {func(*result.Summary, *result.Event) {}, right},
		"sent 9 ms late":                     {func(s *result.Summary, _ *result.Event) { s.Lag.Max, s.Service.Max = 0.009, 0.487 }, right},
		"9 ms short, and not late":           {func(s *result.Summary, _ *result.Event) { s.Service.Max = 0.476 }, wrong},
		"sent 100 ms late":                   {func(s *result.Summary, _ *result.Event) { s.Lag.Max, s.Service.Max = 0.1, 0.4 }, right},
		"sent so late that it tells nothing": {func(s *result.Summary, _ *result.Event) { s.Lag.Max, s.Service.Max = 0.3, 0.2 }, unclear},
		"blind":                              {func(s *result.Summary, _ *result.Event) { s.Response.P99, s.Service.Max = 0.004, 0.004 }, wrong},
		"blind and late":                     {func(s *result.Summary, _ *result.Event) { s.Lag.Max, s.Response.P99, s.Service.Max = 0.1, 0.11, 0.01 }, wrong},
		"counted from when it was sent":      {func(s *result.Summary, _ *result.Event) { s.Response = s.Service }, wrong},
		"waited with the broker":             {func(s *result.Summary, _ *result.Event) { s.Service.P99 = s.Response.P99 }, wrong},
		"lost something": {func(s *result.Summary, _ *result.Event) {
			s.Contracts = []result.Contract{{Findings: []result.Finding{{Class: result.Lost, Count: 1}}}}
		}, wrong},
		"blind on a busy machine": {func(s *result.Summary, _ *result.Event) { s.Response.P99, s.Validity = 0.004, result.ValidityNoisy }, wrong},
		"slow on a busy machine":  {func(s *result.Summary, _ *result.Event) { s.Service.P99, s.Validity = 0.3, result.ValidityNoisy }, unclear},
		"stopped at the very end": {func(s *result.Summary, stop *result.Event) { s.Response.P99, stop.At, stop.Until = 0.004, 2.19, 2.69 }, unclear},
	} {
		stop := result.Event{At: 0.7, Until: 1.2, Kind: result.EventFault, Name: "stop", Count: 1}
		s := result.Summary{
			Validity: result.ValidityOK,
			Response: result.Quantiles{P50: 0.0002, P99: 0.48, Max: 0.5}, Service: result.Quantiles{P50: 0.0001, P99: 0.001, Max: 0.498}, Lag: result.Quantiles{Max: 0.001},
		}
		c.spoil(&s, &stop)
		r := &result.Run{Summary: s, Events: []result.Event{{At: 0.2, Kind: result.EventPhase, Name: string(result.PhaseMeasure)}, stop}}
		if text, got := stoodStill(r, map[string]int64{"stop": 1}); got != c.want {
			t.Errorf("%s: %v, want %v: %s", name, got, c.want, text)
		}
	}
	if _, got := stoodStill(&result.Run{}, nil); got != unclear {
		t.Errorf("never stopped: %v", got)
	}
}

// TestExperimentsAgain: what shows nothing is tried again, and fails when it never shows anything.
func TestExperimentsAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
	t.Parallel()
	for shows, want := range map[int]string{2: ": ok\n", attempts + 1: "this machine is too busy: FAIL\n"} {
		var out strings.Builder
		n := 0
		st := &selftest{dir: t.TempDir(), stdout: &out, stderr: io.Discard}
		st.experiment(t.Context(), 0, &injection{name: "again", args: []string{"--duration", "10ms"}, found: func(*result.Run, map[string]int64) (string, verdict) {
			if n++; n < shows {
				return "nothing", unclear
			}
			return "something", right
		}})
		if n != min(shows, attempts) || !strings.HasSuffix(out.String(), want) || st.failed != max(0, n-attempts+1) {
			t.Errorf("after %d runs, %d failed: %s", n, st.failed, out.String())
		}
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
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
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
