package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mqttbench/bench/measure"
)

// flagsOf are the flags that a command has besides those of a run.
func flagsOf(t *testing.T, parse func([]string) (*pflag.FlagSet, error)) (names []string) {
	t.Helper()
	f, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	var run settings
	f.VisitAll(func(flag *pflag.Flag) {
		if run.flags().Lookup(flag.Name) == nil {
			names = append(names, flag.Name)
		}
	})
	return names
}

// TestHelpOfSeries: the help of a command names the flags that only it has.
func TestHelpOfSeries(t *testing.T) {
	for name, parse := range map[string]func([]string) (*pflag.FlagSet, error){"sweep": new(sweep).parse, "search": new(search).parse} {
		code, stdout, _ := mqttbench(t.Context(), name, "--help")
		flags := flagsOf(t, parse)
		if code != 0 || len(flags) < 3 {
			t.Errorf("%s: exit code %d, flags %v", name, code, flags)
		}
		for _, flag := range flags {
			if !strings.Contains(stdout, "--"+flag) {
				t.Errorf("--%s is not in the help of %s", flag, name)
			}
		}
	}
	for _, flag := range []string{"--vary", "--out", "--format", "--fail-on"} {
		if _, stdout, _ := mqttbench(t.Context(), "compare", "--help"); !strings.Contains(stdout, flag) {
			t.Errorf("%s is not in the help of compare", flag)
		}
	}
}

// TestNonsenseOfSeries: likewise one line, exit code 2, and nothing left behind.
func TestNonsenseOfSeries(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct{ args, says string }{
		{"--repeat 0", "at least 1"},
		{"--qos 0,1,3", "a QoS is 0, 1 or 2"},
		{"--qos 0,1 --pub-qos 1 --sub-qos 1", "leaves nothing"},
		{"--pause -1s", "negative"},
		{"--format xml", "table, json, csv, bench"},
		{"--format csv", "for a comparison"},
		{"--format=json --clients 2", "--json"},
		{"--broker a=tcp://127.0.0.1:1 --broker a=tcp://127.0.0.1:2", "two brokers are called a"},
		{"--broker builtin --broker builtin", "two brokers are called mqttbroker"},
		{"--broker a=http://127.0.0.1:1", "tcp://"},
		{"--broker builtin --broker a=tcp://127.0.0.1:1 --broker-name b", "--broker NAME=URL"},
		{"--broker builtin --broker a=tcp://127.0.0.1:1 --broker-pid 1", "one broker"},
		{"--broker-cmd a=b", "{port}"},
		{"--broker-cmd a=", "no command"},
		{"--broker-cmd a=/no/such/program{port}", "no such file"},
		{"--broker-cmd a=/no/such/program{port} --repeat 2", "no such file"},
		{"--broker a=tcp://127.0.0.1:1 --repeat 2", "refused"},
		{"--fail-on p99>+10%", "only one"},
		{"--fail-on p99>+10% --qos 0,1", "6 runs"},
		{"--fail-on p99 --qos 0,1 --repeat 6", "no criterion"},
		{"compare --broker builtin --repeat 6 --fail-on p99>+10%", "only one"},
		{"compare --qos 1", "unknown"},
		{"compare --format xml a b", "table, json, csv, bench"},
		{"sweep --closed", "no rate"},
		{"sweep --rate 5", "--levels"},
		{"sweep --levels 5", "at least two"},
		{"sweep --levels 5,0", "more than 0"},
		{"sweep --levels 5,x", "invalid argument"},
		{"sweep --levels 5,6 --capacity 7", "exclude each other"},
		{"sweep --capacity -1", "more than 0"},
		{"sweep --points 3", "at least 8"},
		{"sweep --slo p99", "no objective"},
		{"sweep --capacity 10 --qos 0,1 --repeat 6 --fail-on p99>+10%", "mqttbench compare"},
		{"search --slo nothing", "no objective"},
		{"search --slo p99<fast", "no duration"},
		{"search --closed", "no rate"},
		{"search --subscribers 0 --publishers 3", "publishers and subscribers"},
		{"search --repeat 3", "confirm"},
		{"search --rate 1000 --max-rate 100", "below"},
		{"search --within 1", "1.005"},
		{"search --max-runs 0", "at least 1"},
		{"search --format csv", "table and json"},
		{"search --rate 10 --duration 1s", "takes 600"},
		{"search --rate 1000 --slo p999<1s --duration 1s", "takes 6000"},
	} {
		code, stdout, stderr := mqttbench(t.Context(), strings.Fields(c.args)...)
		if code != exitInput {
			t.Errorf("%s: exit code %d", c.args, code)
		}
		last := stderr[strings.LastIndexByte(strings.TrimSpace(stderr), '\n')+1:]
		if !strings.Contains(last, c.says) || !strings.HasPrefix(last, "mqttbench: ") || stdout != "" {
			t.Errorf("%s: said %q and %q; want a last line with %q", c.args, stderr, stdout, c.says)
		}
	}
	for _, left := range glob(filepath.Join(dir, "results", "*", "*")) {
		if len(glob(filepath.Join(left, "*"))) > 0 && len(glob(filepath.Join(left, brokerLog))) == 0 && filepath.Base(left) != brokerLog {
			t.Errorf("left behind: %s", left)
		}
	}
}

// TestSweep runs one broker at two rates, twice each.
func TestSweep(t *testing.T) {
	t.Parallel()
	if measure.RaceBuild {
		t.Skip("every run of a race build is INVALID")
	}
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"sweep", "--levels", "200,100", "--slo", "p50<1s,loss=0", "--repeat", "2", "--qos", "1", "--out", out, "--clients", "4", "--warmup", "0s", "--duration", "300ms", "--pause", "0s"}
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if code != exitKept && code != exitInvalid || !strings.Contains(stdout, "100/s") || !strings.Contains(stdout, "SLO p50<1s,loss=0") || !strings.Contains(stdout, filepath.Join(out, "report.html")) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	var rates []float64
	for i, r := range readRuns(t, out) {
		if r.Manifest.Repetition != i/2+1 {
			t.Errorf("%s: repetition %d", r.Dir, r.Manifest.Repetition)
		}
		rates = append(rates, r.Manifest.Workload.Rate)
	}
	slices.Sort(rates)
	if !slices.Equal(rates, []float64{100, 100, 200, 200}) {
		t.Errorf("rates %v", rates)
	}
	if len(glob(filepath.Join(out, "compare-throughput.*"))) != 2 {
		t.Error("no chart of latency against load")
	}
}

// TestSweepFindsItsLevels: without --levels and --capacity, 100 % is what a rough search found. An SLO that nobody can meet
// has no 100 %, and that is said.
func TestSweepFindsItsLevels(t *testing.T) {
	t.Parallel()
	if measure.RaceBuild {
		t.Skip("every run of a race build is INVALID")
	}
	out := filepath.Join(t.TempDir(), "out")
	args := []string{"sweep", "--slo", "max<1ns", "--out", out, "--clients", "200", "--warmup", "0s", "--duration", "50ms", "--pause", "0s"}
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if code != exitBroken || !strings.Contains(stderr, "there is no 100 %") || stdout != "" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if runs := readRuns(t, filepath.Join(out, "capacity")); len(runs) < 3 {
		t.Errorf("%d runs of the search", len(runs))
	}
}
