package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// A broker of another make, for --broker-cmd: this test binary with the argument testBroker and a port. It runs until it is
// told to end, as brokers do.
const testBroker = "__testbroker"

func runTestBroker(port string) int {
	forever, _ := io.Pipe()
	fmt.Fprintln(os.Stderr, "a broker begins on port", port)
	return run(context.Background(), []string{childCommand, `{"Listen":"tcp://127.0.0.1:` + port + `"}`}, forever, os.Stdout, os.Stderr)
}

// command is the --broker-cmd that starts it.
func command(name string) string { return name + "=" + os.Args[0] + " " + testBroker + " {port}" }

// tiny are the flags of a run that is over in no time.
var tiny = []string{"--clients", "4", "--rate", "100", "--warmup", "0s", "--duration", "300ms", "--pause", "0s", "--charts=false"}

// readRuns reads the runs of a series, in their order.
func readRuns(t *testing.T, dir string) (runs []*result.Run) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "[0-9]*", result.ResultFile))
	for _, file := range files {
		r, err := result.Read(filepath.Dir(file))
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	return runs
}

// TestSeries runs two brokers with two QoS levels, twice: four settings in two blocks, each run in a folder of its own and
// with a broker of its own; the runs of a block are pairs and have one schedule.
func TestSeries(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	args := append([]string{"compare", "--broker", "builtin", "--broker-cmd", command("other"), "--qos", "0,1", "--repeat", "2", "--seed", "7", "--json", "--out", out}, tiny...)
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if !measured(code) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	runs := readRuns(t, out)
	if len(runs) != 8 {
		t.Fatalf("%d runs\n%s", len(runs), stderr)
	}
	pids, ids := map[int]bool{}, map[string]bool{}
	for i, r := range runs {
		m := &r.Manifest
		block := i/4 + 1
		if m.Repetition != block || m.Seed != uint64(7+block) {
			t.Errorf("run %d: repetition %d, seed %d", i, m.Repetition, m.Seed)
		}
		builtIn := m.Broker.Name == "mqttbroker"
		name := fmt.Sprintf("%02d-%s-qos%d-r%d", i+1, m.Broker.Name, m.Workload.QoS[0], block)
		if filepath.Base(r.Dir) != name || !builtIn && m.Broker.Name != "other" || m.Broker.BuiltIn != builtIn {
			t.Errorf("%s is %+v; want %s", r.Dir, m.Broker, name)
		}
		if log, err := os.ReadFile(filepath.Join(r.Dir, brokerLog)); (err == nil) == builtIn || !builtIn && !bytes.Contains(log, []byte("a broker begins")) {
			t.Errorf("%s: %v, %q", brokerLog, err, log)
		}
		pids[m.Broker.PID], ids[m.RunID] = true, true
		if r.Summary.Outcome != result.Kept {
			t.Errorf("%s: %s", r.Dir, r.Summary.Outcome)
		}
	}
	if len(pids) != 8 || len(ids) != 8 {
		t.Errorf("8 runs had %d brokers and %d names", len(pids), len(ids))
	}
	var got struct {
		Groups []struct {
			Label string
			Runs  []string
		}
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || len(got.Groups) != 4 {
		t.Fatalf("%v: %s", err, stdout)
	}
	// In the order in which they were named: the first is what the others are compared with.
	for i, want := range []string{"mqttbroker 0.1.0 (auto), QoS 0", "mqttbroker 0.1.0 (auto), QoS 1", "other, QoS 0", "other, QoS 1"} {
		if g := got.Groups[i]; g.Label != want || len(g.Runs) != 2 {
			t.Errorf("group %d is %s, of %d runs; want %s", i, g.Label, len(g.Runs), want)
		}
	}
	for pid := range pids {
		if p, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && bytes.HasPrefix(p, []byte(os.Args[0])) {
			t.Errorf("broker %d is still there: %s", pid, p)
		}
	}
}

// TestSeriesOrder: the seed decides the order, and the same seed decides the same.
func TestSeriesOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
	t.Parallel()
	names := func(dir string) (names []string) {
		args := append([]string{"--qos", "0,1,2", "--seed", "3", "--quiet", "--out", dir}, tiny...)
		if code, stdout, stderr := mqttbench(t.Context(), args...); !measured(code) || !strings.Contains(stdout, "QoS 2") {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
		for _, r := range readRuns(t, dir) {
			names = append(names, filepath.Base(r.Dir))
		}
		return names
	}
	a, b := names(filepath.Join(t.TempDir(), "a")), names(filepath.Join(t.TempDir(), "b"))
	if len(a) != 3 || !slices.Equal(a, b) {
		t.Errorf("%v and %v", a, b)
	}
}

// TestBrokerCommand is a single run with a broker of its own. {dir} is an empty folder below the run's.
func TestBrokerCommand(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	script := filepath.Join(t.TempDir(), "broker.sh")
	// A script in between: the broker is whoever listens.
	if err := os.WriteFile(script, []byte("#!/bin/sh\nls -A \"$3\"\ntouch \"$3/data\"\n\"$1\" "+testBroker+" \"$2\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"--broker-cmd", "sh=" + script + " " + os.Args[0] + " {port} {dir}", "--out", dir}, tiny...)
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if !measured(code) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.Cost.Broker == nil || r.Summary.Cost.Broker.PeakRSS < 5<<20 {
		t.Errorf("not the broker's cost: %+v", r.Summary.Cost.Broker)
	}
	log, _ := os.ReadFile(filepath.Join(dir, brokerLog))
	if !strings.HasPrefix(string(log), "a broker begins") {
		t.Errorf("the folder was not empty: %q", log)
	}
	if _, err := os.Stat(filepath.Join(dir, brokerData, "data")); err != nil {
		t.Error(err)
	}
}

// TestMosquitto runs against the broker that is most often found.
func TestMosquitto(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mosquitto"); err != nil {
		t.Skip("mosquitto is not installed")
	}
	out := filepath.Join(t.TempDir(), "out")
	args := append([]string{"--broker-cmd", "mosquitto -p {port}", "--repeat", "2", "--qos", "1", "--format", "csv", "--out", out}, tiny...)
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if !measured(code) || !strings.Contains(stdout, "mosquitto,100,kept") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, r := range readRuns(t, out) {
		if r.Manifest.Broker.Name != "mosquitto" || r.Summary.Cost.Broker == nil {
			t.Errorf("%+v, cost %+v", r.Manifest.Broker, r.Summary.Cost.Broker)
		}
	}
}

// TestBrokerCommandFails: a broker that does not start is one clear line, exit code 2, and what it said is kept.
func TestBrokerCommandFails(t *testing.T) {
	t.Parallel()
	for _, series := range [][]string{nil, {"--repeat", "2"}} {
		out := filepath.Join(t.TempDir(), "out")
		args := append([]string{"--broker-cmd", "no=sh -c 'echo I will not; exit 3' {port}", "--out", out}, tiny...)
		code, stdout, stderr := mqttbench(t.Context(), append(args, series...)...)
		if code != exitInput || !strings.Contains(stderr, "exit status 3") || !strings.Contains(stderr, brokerLog) || stdout != "" {
			t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
}

// TestInterruptedSeries: what came to its end is compared, what did not is kept and said to be left out. The interruption comes with the third run's
// tenth message, which never arrives, nor does any behind it: so the run does not end by itself before it has heard of it.
func TestInterruptedSeries(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	delivered := map[string]int{} // By run: each has Topic Names of its own.
	url, _ := newBroker(t, 0)
	at := newSick(t, url, bug{down: func(_ *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if run, _, ours := strings.Cut(strings.TrimPrefix(string(m.Topic), "mqttbench/"), "/"); f.Type == packet.PUBLISH && ours && run != "$SYS" {
			mu.Lock()
			defer mu.Unlock()
			if delivered[run]++; delivered[run] >= 10 && len(delivered) == 3 {
				cancel()
				return nil, nil, false
			}
		}
		return wire, nil, false
	}})
	args := append([]string{"--broker", "mine=" + at, "--repeat", "1000", "--out", out}, tiny...)
	code, stdout, stderr := mqttbench(ctx, args...)
	if code != exitInterrupted || !strings.Contains(stdout, "mine") || !strings.Contains(stderr, "03-mine-r3 was interrupted") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	runs := readRuns(t, out)
	if len(runs) != 3 || runs[0].Summary.Interrupted || runs[1].Summary.Interrupted || !runs[2].Summary.Interrupted {
		t.Errorf("%d runs", len(runs))
	}
}

func glob(pattern string) []string {
	files, _ := filepath.Glob(pattern)
	return files
}

// made writes a result without a run: six of a broker, with a p99 and a validity.
func made(t *testing.T, dir, broker string, p99 float64, v result.Validity) (dirs []string) {
	t.Helper()
	for i := range 6 {
		sub := filepath.Join(dir, fmt.Sprintf("%s-%d", broker, i))
		m := result.Manifest{Repetition: i + 1, Broker: result.Broker{Name: broker}, Workload: result.Workload{QoS: []int{1}, Rate: 1000, FanOut: 1}}
		w, err := result.Create(sub, &m)
		if err != nil {
			t.Fatal(err)
		}
		p := p99 * (1 + float64(i)/100)
		s := result.Summary{
			Contracts: []result.Contract{{QoS: 1, Expected: 1000, Delivered: 1000}},
			Response:  result.Quantiles{Count: 1000, P50: p / 2, P90: p / 2, P99: p, P999: p, Max: p},
			Measured:  result.Totals{Offered: 1000, Accepted: 1000, Expected: 1000, Delivered: 1000, DeliveredRate: 1000},
		}
		if v != result.ValidityOK {
			s.Gates = []result.Gate{{Name: "steal", Fails: v}}
		}
		s.Judge()
		if err := w.Close(&s); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, sub)
	}
	return dirs
}

// TestFailOn: a regression that is shown is exit code 1, one that cannot be judged 3, and none is 0.
func TestFailOn(t *testing.T) {
	dir := t.TempDir()
	old := made(t, dir, "old", 0.001, result.ValidityOK)
	for _, c := range []struct {
		broker string
		p99    float64
		v      result.Validity
		code   int
		says   string
	}{
		{"same", 0.00105, result.ValidityOK, exitKept, ""},
		{"slower", 0.002, result.ValidityOK, exitBroken, "slower has 2 times that of old (2 to 2, p = 0.031, 6 runs)"},
		{"noisy", 0.002, result.ValidityNoisy, exitInvalid, "cannot be judged for noisy: the machine was busy"},
	} {
		dirs := append(slices.Clone(old), made(t, dir, c.broker, c.p99, c.v)...)
		code, stdout, stderr := mqttbench(t.Context(), append([]string{"compare", "--fail-on", "p99>+10%"}, dirs...)...)
		if code != c.code || !strings.Contains(stderr, c.says) || (stderr == "") != (c.says == "") || !strings.Contains(stdout, c.broker) {
			t.Errorf("%s: exit code %d\n%s%s", c.broker, code, stdout, stderr)
		}
	}
	code, _, stderr := mqttbench(t.Context(), append([]string{"compare", "--fail-on", "p99>+10%"}, old...)...)
	if code != exitInput || !strings.Contains(stderr, "only one") {
		t.Errorf("one group: exit code %d, %s", code, stderr)
	}
}
