package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mqttbench/bench/fault"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

func TestParseFault(t *testing.T) {
	for _, c := range []struct {
		text string
		want fault.Fault
	}{
		{"reset:PUBREC:after:nth=20:side=client", fault.Fault{Name: "reset PUBREC", Action: fault.Reset, Type: packet.PUBREC, After: true, Nth: 20, Side: fault.Client}},
		{"finish:of=mb*7:prob=1%:limit=3", fault.Fault{Name: "finish", Action: fault.Finish, Client: "mb*7", Probability: 0.01, Limit: 3}},
		{"cut=3:PUBLISH:from=publisher:every=100:per-connection", fault.Fault{
			Name: "cut PUBLISH", Action: fault.Cut, Bytes: 3, Type: packet.PUBLISH, Direction: fault.Up, Client: "mb*p*", Every: 100, PerConnection: true}},
		{"blackhole:at=5s:for=2s", fault.Fault{Name: "black hole", Action: fault.BlackHole, At: 5 * time.Second, For: 2 * time.Second}},
		{"reset:mttf=30s:mttr=5s", fault.Fault{Name: "reset", Action: fault.Reset, MTTF: 30 * time.Second, MTTR: 5 * time.Second}},
		{"pause=50ms:to=subscribers:every=9", fault.Fault{Name: "pause", Action: fault.Pause, For: 50 * time.Millisecond, Direction: fault.Down, Client: "mb*s*", Every: 9}},
		{"delay=20ms+-5ms", fault.Fault{Name: "delay", Action: fault.Delay, For: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Every: 1}},
		{"throttle=50000:to=client", fault.Fault{Name: "throttle", Action: fault.Throttle, Rate: 50_000, Direction: fault.Down, Every: 1}},
		{"delay=20ms:at=2s", fault.Fault{Name: "delay", Action: fault.Delay, For: 20 * time.Millisecond, At: 2 * time.Second, Until: forGood}},
		{"throttle=9:at=2s:for=3s", fault.Fault{Name: "throttle", Action: fault.Throttle, Rate: 9, At: 2 * time.Second, Until: 5 * time.Second}},
		{"cut:at=2s:for=3s", fault.Fault{Name: "cut", Action: fault.Cut, At: 2 * time.Second, For: 3 * time.Second}},
		{"slice=7:nth=1", fault.Fault{Name: "slice", Action: fault.Slice, Bytes: 7, Nth: 1}},
		{"takeover=3:CONNACK:nth=2", fault.Fault{Name: "take-over CONNACK", Action: fault.TakeOver, Times: 3, Type: packet.CONNACK, Nth: 2}},
		{"drop:PUBLISH:to=subscriber:every=100", fault.Fault{Name: "drop", Action: fault.Drop, Type: packet.PUBLISH, Direction: fault.Down, Client: "mb*s*", Every: 100}},
		{"reuse:nth=5:for=2s", fault.Fault{Name: "reuse", Action: fault.Reuse, Nth: 5, For: 2 * time.Second}},
		{"reorder:prob=0.5:for=2s", fault.Fault{Name: "reorder", Action: fault.Reorder, Probability: 0.5, For: 2 * time.Second}},
	} {
		got, err := parseFault(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.fault); diff != "" || got.process != "" {
			t.Errorf("%s, %s:\n%s", c.text, got.process, diff)
		}
	}
	got, err := parseFault("stop:at=5s:for=1s")
	if err != nil || got.process != "stop" || got.at != 5*time.Second || got.lasts != time.Second {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseFaultNonsense(t *testing.T) {
	for _, c := range []struct {
		text   string
		column int
		says   string
	}{
		{"", 1, "no fault"},
		{"rset:nth=1", 1, `did you mean "reset"?`},
		{"Drop:nth=1", 1, `did you mean "drop"?`},
		{"drop=3:nth=1", 1, "takes no value"},
		{"reset", 1, "when?"},
		{"reset:nth=1:every=2", 1, "exclude"},
		{"reset:nth=1:nth=2", 13, "twice"},
		{"reset:nth=", 7, "nth= what?"},
		{"reset:nth=0", 7, "whole number"},
		{"reset:nth=x", 7, "whole number"},
		{"reset:PUBREK:nth=1", 7, `did you mean "PUBREC"?`},
		{"reset:evry=1", 7, `did you mean "every"?`},
		{"reset:PUBREC:PUBREL:nth=1", 14, "one type"},
		{"reset::nth=1", 7, "what is"},
		{"reset:after=1:nth=1", 7, "what is"},
		{"reset:from=publisher:to=subscriber:nth=1", 22, "exclude"},
		{"reset:to=nobody:nth=1", 7, "who is"},
		{"reset:side=both:nth=1", 7, "client and broker"},
		{"reset:prob=0:limit=2", 7, "probability"},
		{"reset:prob=NaN", 7, "probability"},
		{"reset:at=-5s", 7, "no time"},
		{"delay", 1, "needs a value"},
		{"delay=5", 1, "no time"},
		{"delay=5ms+-9ms", 1, "before it was sent"},
		{"throttle=0", 1, "whole number"},
		{"delay=5ms:for=2s", 1, "goes with at="},
		{"pause=5ms:nth=1:for=2s", 1, "has said how long"},
		{"drop:nth=1:for=2s", 1, "does not last"},
		{"takeover:nth=1:for=2s", 1, "does not last"},
		{"drop:PUBACK:nth=1", 1, "PUBLISH only"},
		{"drop:nth=1:after", 1, "After"},
		{"stop:at=1s", 1, "for how long"},
		{"stop:for=1s", 1, "needs at="},
		{"kill:at=1s:PUBLISH", 1, "not PUBLISH"},
		{"kill:at=1s:for=9s", 1, "gives a broker up"},
	} {
		_, err := parseFault(c.text)
		e, ok := err.(*faultError)
		if !ok || e.column != c.column || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q at column %d", c.text, err, c.says, c.column)
		}
	}
}

// TestFaultsInARun: a broker that is killed and comes back, behind a proxy that loses messages. All of it is in the result.
func TestFaultsInARun(t *testing.T) {
	t.Parallel()
	r, code, stdout := befallen(t, []int64{3, 1, 1}, "--qos", "1", "--clients", "4", "--rate", "200", "--duration", "1s",
		"--fault", "drop:to=subscriber:every=20:limit=3", "--fault", "kill:at=600ms", "--fault", "stop:at=300ms:for=100ms", "--fault", "reset:PUBREC:nth=1")
	if code != exitBroken {
		t.Fatalf("exit code %d\n%s", code, stdout)
	}
	got := map[string]int64{}
	for _, e := range r.Events {
		if e.Kind != result.EventFault {
			continue
		}
		got[e.Name] += e.Count
		if lasts := e.Until - e.At; e.Name == "stop" && lasts < 0.1 || e.Name == "drop" && e.Until != 0 || e.At < 0.1 || e.At > 60 {
			t.Errorf("%+v", e)
		}
	}
	if diff := cmp.Diff(map[string]int64{"drop": 3, "kill": 1, "stop": 1}, got); diff != "" {
		t.Error(diff)
	}
	faults := []result.FaultCount{
		{Fault: "drop:to=subscriber:every=20:limit=3", Count: 3}, {Fault: "kill:at=600ms", Count: 1}, {Fault: "stop:at=300ms:for=100ms", Count: 1}, {Fault: "reset:PUBREC:nth=1"},
	}
	if diff := cmp.Diff(faults, r.Summary.Faults); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(stdout, "reset:PUBREC:nth=1: never happened") {
		t.Errorf("what never happened is not told:\n%s", stdout)
	}
	m := &r.Manifest
	if m.Workload.Faults == "" || !strings.HasPrefix(m.Broker.URL, "tcp://127.0.0.1:") {
		t.Errorf("%+v, %+v", m.Workload, m.Broker)
	}
	checkSuccession(t, r)
	if c := r.Summary.Contracts[0]; c.Delivered >= c.Expected || c.Delivered == 0 {
		t.Errorf("%+v", c)
	}
}

// checkSuccession holds a run whose broker was killed and started again against what it ought to say of the two processes.
func checkSuccession(t *testing.T, r *result.Run) {
	t.Helper()
	if !slices.ContainsFunc(r.Events, func(e result.Event) bool {
		_, second, ok := strings.Cut(e.Text, fmt.Sprintf("process %d, and after it process ", r.Manifest.Broker.PID))
		return ok && second != strconv.Itoa(r.Manifest.Broker.PID) && e.Name == "kill"
	}) {
		t.Errorf("it is not said that another process took the place of process %d: %+v", r.Manifest.Broker.PID, r.Events)
	}
	if runtime.GOOS != "linux" {
		return
	}
	cost, last := r.Summary.Cost.Broker, r.Intervals[len(r.Intervals)-1].Broker
	if cost == nil || cost.Utilisation <= 0 || last == nil || last.RSS == 0 {
		t.Fatalf("the second process was not followed: cost %+v, last interval %+v", cost, last)
	}
	for _, iv := range r.Intervals { // Of the one that ended or of the one that came after it: never less than nothing.
		if u := iv.Broker; u != nil && (u.UserCPU < 0 || u.SystemCPU < 0) { // nil: it had just ended, and nobody had noticed.
			t.Errorf("%.2f s to %.2f s: %+v", iv.T0, iv.T1, u)
		}
	}
}

// befallen carries out a run that its first faults befall so often: one that is late has its measured part behind it when it is their turn.
func befallen(t *testing.T, often []int64, args ...string) (r *result.Run, code int, stdout string) {
	t.Helper()
	again(t, func(int) bool {
		dir := filepath.Join(t.TempDir(), "run")
		var stderr string
		code, stdout, stderr = mqttbench(t.Context(), append([]string{"--quiet", "--charts=false", "--tolerate-noise", "--warmup", "0s", "--out", dir}, args...)...)
		var err error
		if r, err = result.Read(dir); err != nil {
			t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
		}
		for i, n := range often {
			if r.Summary.Faults[i].Count < n {
				return false
			}
		}
		return true
	})
	return r, code, stdout
}

// TestFaultsThatCannotBe: what could not happen, or could not be judged, is refused before anything begins.
func TestFaultsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		says string
		args []string
	}{
		{"the measured part is over", []string{"--fault", "reset:at=3s"}},
		{"the measured part is over", []string{"--fault", "kill:at=2s"}},
		{"a --drain that is longer", []string{"--fault", "pause=31s:nth=1"}},
	} {
		args := append([]string{"--quiet", "--clients", "2", "--duration", "2s", "--out", filepath.Join(t.TempDir(), "run")}, c.args...)
		code, stdout, stderr := mqttbench(t.Context(), args...)
		if code != exitInput || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: exit code %d, want %q:\n%s%s", c.args, code, c.says, stdout, stderr)
		}
	}
}

// TestPauseOverTheEnd: a run that waits for what is under way does not take a silence that was asked for as its end.
func TestPauseOverTheEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for four seconds")
	}
	t.Parallel()
	r, _, _ := befallen(t, []int64{1}, "--qos", "1", "--clients", "2", "--rate", "100", "--duration", "1s", "--fault", "pause=3s:to=subscriber:at=800ms")
	if c := r.Summary.Contracts[0]; !c.Kept() || c.Delivered != c.Expected || r.Summary.Faults[0].Count != 1 {
		t.Errorf("%+v, %+v", c, r.Summary.Faults)
	}
}

// TestTerminated: a broker that is asked to end does, and comes back; the run waits for that, however late it began.
func TestTerminated(t *testing.T) {
	t.Parallel()
	r, _, _ := befallen(t, []int64{1}, "--qos", "2", "--clean-session=false", "--durable", "--clients", "2", "--rate", "100", "--duration", "700ms", "--fault", "terminate:at=200ms:for=600ms")
	lasts := 0.0
	for _, e := range r.Events {
		if e.Kind == result.EventFault {
			lasts = e.Until - e.At
		}
	}
	if c := r.Summary.Contracts[0]; !c.Kept() || c.Delivered != c.Expected || r.Summary.Faults[0].Count != 1 || lasts < 0.6 {
		t.Errorf("%+v, %+v, it lasted %v s", c, r.Summary.Faults, lasts)
	}
}
