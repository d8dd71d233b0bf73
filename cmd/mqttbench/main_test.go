package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/result"
)

// The built-in broker is this same program, started again: here, the test binary.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == childCommand {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if len(os.Args) == 3 && os.Args[1] == testBroker {
		os.Exit(runTestBroker(os.Args[2]))
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	// The runs of these tests mostly wait for time to pass: several have room on a CPU.
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		parallel.Value.Set(strconv.Itoa(testsPerCPU * runtime.GOMAXPROCS(0)))
	}
	os.Exit(m.Run())
}

const testsPerCPU = 3

// mqttbench is the program without a process of its own.
func mqttbench(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err lockedBuffer
	code = run(ctx, args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// A lockedBuffer is what a terminal is to the program and its child, which both write to standard error.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// again carries out what is shown only if this machine finds the time for it, until it is: mostly once. Whatever is wrong in any of the runs, and not
// merely too late, it has to complain of by itself.
func again(t *testing.T, shown func(try int) bool) {
	t.Helper()
	for try := range mostTries {
		if shown(try) {
			return
		}
	}
	t.Errorf("not shown in %d runs", mostTries)
}

const mostTries = 10

// interruptAt cancels a run as soon as its file has an interval that is as wanted.
func interruptAt(ctx context.Context, cancel func(), dir string, wanted func(*result.Interval) bool) {
	for ctx.Err() == nil {
		if r, err := result.Read(dir); err == nil && slices.ContainsFunc(r.Intervals, func(iv result.Interval) bool { return wanted(&iv) }) {
			cancel()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// profiling is held by tests that have this process profiled, which only one can at a time.
var profiling sync.Mutex

// measured reports whether an exit code says that the promises were kept, on however busy a machine.
func measured(code int) bool { return code == exitKept || code == exitInvalid || code == exitNoisy }

// TestNonsense: one clear line on standard error, exit code 2, nothing on standard output, nothing left behind.
func TestNonsense(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, says string }{
		{"--qos 3", "a QoS is 0, 1 or 2"},
		{"--pub-qos -1", "a QoS is 0, 1 or 2"},
		{"--clients 0", "at least one client"},
		{"--clients -5", "at least one client"},
		{"--clients x", "invalid argument"},
		{"--rate 0", "more than 0"},
		{"--rate -1", "more than 0"},
		{"--rate 5 --closed", "exclude each other"},
		{"--rate 100 --publishers 0 --subscribers 5", "no publishers"},
		{"--publishers 3 --subscribers 3 --clients 5", "are not --clients 5"},
		{"--duration 0s", "must last"},
		{"--duration nonsense", "invalid argument"},
		{"--warmup -1s", "negative"},
		{"--payload 3", "16"},
		{"--topic a/#", "wildcard"},
		{"--window 0", "65535"},
		{"--churn -1", "0 or more connections"},
		{"--churn-abrupt 2", "share"},
		{"--client nobody", "native and paho"},
		{"--client paho --mqtt 5", "3.1.1 only"},
		{"--mqtt 6", "3.1.1 and 5"},
		{"--driver steam", "epoll"},
		{"--pattern star", "pattern"},
		{"--arrivals never", "arrivals"},
		{"--broker http://127.0.0.1:80", "tcp://"},
		{"--broker tcp://127.0.0.1:1", "refused"},
		{"--no-such-flag", "unknown flag"},
		{"wat", "unknown command"},
		{"run wat", "there is no profile"},
		{"compare one", "at least two"},
		{"compare " + text + " " + text, "not an mqttbench result"},
		{"compare nowhere nowhere", "nowhere"},
		{"report " + text, "not an mqttbench result"},
		{"--out " + text + "/below", "folder"},
		{"--clients 3000000", "descriptors"},
	} {
		code, stdout, stderr := mqttbench(t.Context(), strings.Fields(c.args)...)
		if code != exitInput {
			t.Errorf("%s: exit code %d", c.args, code)
		}
		if !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%s: said %q and %q; want one line with %q", c.args, stderr, stdout, c.says)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "results", "*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestMainJob runs the main job in small: the built-in broker as a child process, and what it leaves behind.
func TestMainJob(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	profiles := filepath.Join(t.TempDir(), "profiles")
	draws := !testing.Short() // Drawing races with nothing, and takes the race detector minutes.
	profiling.Lock()
	code, stdout, stderr := mqttbench(t.Context(), "--qos", "2", "--clients", "20", "--rate", "200", "--warmup", "100ms", "--duration", "1s",
		fmt.Sprintf("--charts=%t", draws), "--out", dir, "--pprof", profiles, "--password", "hush", "--username", "me")
	profiling.Unlock()
	if !measured(code) || !strings.Contains(stdout, "QoS 2 kept") || !strings.Contains(stdout, dir) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Summary.Contracts[0]; c.Delivered != c.Expected || c.Delivered < 200 {
		t.Errorf("%+v", c)
	}
	if r.Manifest.Machine.Cores == 0 || r.Manifest.Seed == 0 || len(r.Manifest.Plan) == 0 || r.Manifest.Broker.PID == 0 {
		t.Errorf("the manifest lacks something: %+v", r.Manifest)
	}
	text, _ := os.ReadFile(filepath.Join(dir, result.ResultFile))
	if bytes.Contains(text, []byte("hush")) {
		t.Error("the password is in the result file")
	}
	for _, pattern := range []string{filepath.Join(dir, "*.svg"), filepath.Join(dir, "*.png")} {
		if files, _ := filepath.Glob(pattern); draws && len(files) == 0 {
			t.Errorf("no %s", pattern)
		}
	}
	for _, pattern := range []string{filepath.Join(profiles, "broker-cpu.pprof"), filepath.Join(profiles, "generator-cpu.pprof"),
		filepath.Join(profiles, "broker-heap.pprof"), filepath.Join(profiles, "broker-mutex.pprof"), filepath.Join(profiles, "generator-block.pprof")} {
		if files, _ := filepath.Glob(pattern); len(files) == 0 {
			t.Errorf("no %s", pattern)
		}
	}
	if draws {
		if code, stdout, stderr := mqttbench(t.Context(), "report", dir); code != 0 || !strings.Contains(stdout, "QoS 2 kept") {
			t.Errorf("report: exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	if code, _, stderr := mqttbench(t.Context(), "--clients", "2", "--out", dir); code != exitInput || !strings.Contains(stderr, "result") {
		t.Errorf("a result was overwritten: exit code %d, %s", code, stderr)
	}
	if _, err := result.Read(dir); err != nil {
		t.Errorf("a result was removed: %v", err)
	}
}

// TestJSON: with --json, standard output is JSON and nothing else.
func TestJSON(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := mqttbench(t.Context(), "--json", "--charts=false", "--clients", "4", "--rate", "50", "--warmup", "0s", "--duration", "300ms", "--out", t.TempDir()+"/r")
	var got struct{ Summary result.Summary }
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || !measured(code) {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if got.Summary.Outcome != result.Kept {
		t.Errorf("%+v", got.Summary)
	}
}

// TestInterruptedRun: Ctrl-C is exit code 130, and what was measured is there.
func TestInterruptedRun(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go interruptAt(ctx, cancel, dir, func(iv *result.Interval) bool { return iv.Phase == result.PhaseMeasure && iv.Delivered > 0 })
	code, stdout, stderr := mqttbench(ctx, "--qos", "1", "--clients", "10", "--rate", "100", "--warmup", "100ms", "--duration", "1h", "--charts=false", "--out", dir)
	if code != exitInterrupted || !strings.Contains(strings.ToLower(stdout), "interrupted") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if r, err := result.Read(dir); err != nil || !r.Summary.Interrupted || r.Summary.Contracts[0].Delivered == 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

// TestCompareCommand sets two runs side by side.
func TestCompareCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it draws, which races with nothing and takes the race detector minutes")
	}
	t.Parallel()
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for i, dir := range dirs {
		rate := []string{"100", "200"}[i]
		if code, stdout, stderr := mqttbench(t.Context(), "--quiet", "--clients", "4", "--rate", rate, "--warmup", "0s", "--duration", "500ms", "--out", dir); !measured(code) {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	out := filepath.Join(t.TempDir(), "compared")
	code, stdout, stderr := mqttbench(t.Context(), append([]string{"compare", "--out", out}, dirs...)...)
	if code != 0 || stdout == "" {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if files, _ := filepath.Glob(out + "/*.png"); len(files) == 0 {
		t.Error("no charts")
	}
}

// TestHelp: the help names every flag.
func TestHelp(t *testing.T) {
	_, stdout, _ := mqttbench(t.Context(), "--help")
	var s settings
	s.flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(stdout, "--"+f.Name) {
			t.Errorf("--%s is not in the help", f.Name)
		}
	})
	if code, stdout, _ := mqttbench(t.Context(), "--version"); code != 0 || !strings.Contains(stdout, version) {
		t.Errorf("--version: %d, %q", code, stdout)
	}
}
