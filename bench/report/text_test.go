package report

import (
	stdbytes "bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mqttbench/bench/result"
)

var update = flag.Bool("update", false, "write the golden files anew; then read them")

// golden compares text with a file that a person has read.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: want (-), got (+):\n%s", path, diff)
	}
}

func summaryText(t *testing.T, r *result.Run, width int, color bool) string {
	t.Helper()
	var b strings.Builder
	if err := Summary(&b, r, width, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// summaries are the runs whose summaries are kept as golden files.
func summaries() map[string]*result.Run {
	all := map[string]*result.Run{}
	s := ordinary()
	s.qos = 2
	kept := s.run()
	kept.Summary.Exchanges[3].Name = "PUBLISH-PUBREC"
	kept.Summary.Exchanges = append(kept.Summary.Exchanges, result.Exchange{Name: "PUBREL-PUBCOMP", Took: kept.Summary.Exchanges[3].Took})
	all["kept"] = kept

	s = ordinary()
	s.share, s.fanOut = 0.41, 5
	broken := s.run()
	broken.Summary.Steady = result.Steady{Checked: true, BacklogTrend: 310}
	broken.Summary.Errors = []result.ErrorCount{{Text: "connection reset by peer", Count: 3, First: 12.5}}
	broken.Summary.Judge()
	all["lossy"] = broken

	s = ordinary()
	s.qos, s.share = 0, 0.999
	all["qos0-loss"] = s.run()

	s = ordinary()
	s.stall = 2
	stalled := s.run()
	stalled.Summary.Contracts[0].Findings = []result.Finding{{Class: result.DupLegal, Count: 12}}
	all["stalled"] = stalled

	invalid := ordinary().run()
	invalid.Summary.Gates[0] = result.Gate{Name: "schedule lag p99", Value: 12e-3, Limit: 1e-3, Unit: "s", Fails: result.ValidityInvalid,
		Advice: "the generator was late; use fewer publishers or give it more cores"}
	invalid.Summary.Gates[2].Passed, invalid.Summary.Gates[2].Value = false, 0.88
	invalid.Summary.Judge()
	all["invalid"] = invalid

	noisy := ordinary().run()
	noisy.Summary.Gates[2].Passed, noisy.Summary.Gates[2].Value = false, 0.88
	noisy.Summary.Judge()
	all["noisy"] = noisy

	killed := ordinary().run()
	killed.Complete = false
	killed.Summary = result.Summary{Interrupted: true, Outcome: result.Unknown, Validity: result.ValidityUnknown,
		Measured: killed.Summary.Measured, Response: killed.Summary.Response, Service: killed.Summary.Service}
	killed.Warnings = []string{"the file has no summary: the run was killed"}
	all["killed"] = killed
	return all
}

func TestSummaryGolden(t *testing.T) {
	sequential(t)
	for name, r := range summaries() {
		golden(t, "summary-"+name+".txt", summaryText(t, r, 100, false))
	}
}

// Every class has a word of its own, and a column in the matrix of verdicts.
func TestEveryClassIsNamed(t *testing.T) {
	column := map[result.Class]string{result.Lost: "lost", result.SessionLost: "lost", result.Stuck: "lost", result.Late: "legal loss",
		result.DroppedOverload: "dropped", result.Dup: "duplicate", result.Reorder: "reordered", result.Corrupt: "corrupt",
		result.Phantom: "corrupt", result.WrongQoS: "corrupt", result.LossQoS0: "legal loss", result.LostUnknown: "legal loss",
		result.DroppedLegal: "legal loss", result.DupLegal: "legal dup.", "of the future": "lost"}
	words := map[string]result.Class{}
	for class, want := range column {
		c := verdictColumns[columnOf(class)]
		if c.name != want || c.breaks != class.Breaks() {
			t.Errorf("%s is in column %q (breaks %t), want %q (breaks %t)", class, c.name, c.breaks, want, class.Breaks())
		}
		if other, ok := words[className(class)]; ok {
			t.Errorf("%s and %s are both called %q", class, other, className(class))
		}
		words[className(class)] = class
	}
}

// What the first line says is what most people read.
func TestVerdictComesFirst(t *testing.T) {
	sequential(t)
	runs := summaries()
	for name, want := range map[string]string{
		"kept":      "QoS 2 kept: 50,000 sent, 50,000 delivered exactly once, 0 lost, 0 duplicates, 0 reordered",
		"lossy":     "QoS 1 BROKEN: ",
		"qos0-loss": "QoS 0 kept: 50,000 sent, 49,950 delivered, 50 lost (QoS 0 may)",
		"invalid":   "INVALID: schedule lag p99 12 ms, at most 1 ms wanted",
		"noisy":     "NOISY: PSI cpu 88 %, at most 10 % wanted",
		"killed":    "INTERRUPTED: ",
	} {
		if got := summaryText(t, runs[name], 120, false); !strings.HasPrefix(got, want) {
			t.Errorf("%s begins %.100q", name, got)
		}
	}
}

// Every summary fits the terminal, says the same without colour, and a run that lost what was
// promised shows no latency of deliveries.
func TestSummaryFits(t *testing.T) {
	sequential(t)
	for name, r := range summaries() {
		for _, width := range []int{0, 76, 120} {
			text := summaryText(t, r, width, false)
			lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
			if len(lines) > 40 {
				t.Errorf("%s at width %d: %d lines", name, width, len(lines))
			}
			for _, l := range lines {
				if limit := max(width, 76); width > 0 && columns(l) > limit || width == 0 && columns(l) > 80 {
					t.Errorf("%s at width %d: %d columns: %s", name, width, columns(l), l)
				}
			}
			colored := summaryText(t, r, width, true)
			if plain := withoutColor(colored); plain != text || colored == text {
				t.Errorf("%s at width %d: colour changes the words:\n%s", name, width, cmp.Diff(text, plain))
			}
		}
	}
	if text := summaryText(t, summaries()["lossy"], 100, false); strings.Contains(text, "\nresponse") || !strings.Contains(text, "not shown") {
		t.Errorf("a lossy run has a latency headline:\n%s", text)
	}
}

func withoutColor(s string) string {
	for {
		before, rest, ok := strings.Cut(s, "\x1b[")
		if !ok {
			return s
		}
		_, after, _ := strings.Cut(rest, "m")
		s = before + after
	}
}

// TestEveryFailedGateIsNamed, whether the first words are about it or about something else.
func TestEveryFailedGateIsNamed(t *testing.T) {
	for name, change := range map[string]func(*result.Summary){
		"invalid":     func(*result.Summary) {},
		"interrupted": func(s *result.Summary) { s.Interrupted = true },
		"failed":      func(s *result.Summary) { s.Outcome = result.Failed },
	} {
		r := ordinary().run()
		r.Summary.Validity = result.ValidityInvalid
		r.Summary.Gates = []result.Gate{{Name: "gate one", Fails: result.ValidityInvalid}, {Name: "gate two", Fails: result.ValidityInvalid}}
		change(&r.Summary)
		for text, gate := summaryText(t, r, 80, false), 0; gate < 2; gate++ {
			if n := strings.Count(text, r.Summary.Gates[gate].Name); n != 1 {
				t.Errorf("%s: %q is named %d times, want once:\n%s", name, r.Summary.Gates[gate].Name, n, text)
			}
		}
	}
}

func TestSummaryReportsWriteErrors(t *testing.T) {
	if err := Summary(failingWriter{}, ordinary().run(), 80, false); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

var errFull = errors.New("full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

func TestProgress(t *testing.T) {
	iv := &result.Interval{T0: 11, T1: 12, Phase: result.PhaseMeasure, Offered: 1000, Accepted: 1000, Delivered: 990, Clients: 200, Backlog: 12,
		Response: result.Quantiles{Count: 990, P99: 1.27e-3}}
	const want = "measure    12/60 s  200 clients  1,000/s → 1,000/s → 990/s  backlog 12  p99 1.27 ms"
	if got := Progress(iv, 60); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	iv = &result.Interval{T0: 0, T1: 0.5, Phase: result.PhaseConnect, Clients: 1}
	if got := Progress(iv, 0); got != "connect        0 s  1 client  0/s → 0/s → 0/s" {
		t.Errorf("%q", got)
	}
}

// threeBrokers is a comparison in six interleaved rounds: the second is faster, the third drops messages.
func threeBrokers(t *testing.T) *result.Comparison {
	t.Helper()
	var runs []*result.Run
	for rep := 1; rep <= 6; rep++ {
		for i, broker := range []string{"mosquitto", "mqttbroker", "flashmq"} {
			s := ordinary()
			s.broker, s.rep, s.measure, s.seed = broker, rep, 6, uint64(100*i+rep)
			s.median *= (1 - 0.3*float64(i%2)) * (1 + 0.1*float64(rep))
			s.cpu *= 1 - 0.2*float64(i) + 0.02*float64(rep)
			if i == 2 {
				s.share = 0.6
			}
			runs = append(runs, s.run())
		}
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompareGolden(t *testing.T) {
	sequential(t)
	c := threeBrokers(t)
	var table, list, data strings.Builder
	if err := errors.Join(Compare(&table, c, 110, false), CompareCSV(&list, c), CompareJSON(&data, c)); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", table.String())
	golden(t, "compare.csv", list.String())
	golden(t, "compare.json", data.String())

	lines, err := csv.NewReader(strings.NewReader(list.String())).ReadAll()
	if err != nil || len(lines) < 10 {
		t.Errorf("CSV: %d lines, %v", len(lines), err)
	}
	var any struct{ Groups []struct{ Label string } }
	if err := json.Unmarshal([]byte(data.String()), &any); err != nil || len(any.Groups) != 3 {
		t.Errorf("JSON: %v, %v", any, err)
	}
}

// Two groups of the same thing: the table claims no difference, and says what it cannot see.
func TestCompareTheSame(t *testing.T) {
	var runs []*result.Run
	for rep := 1; rep <= 3; rep++ {
		for i, broker := range []string{"a", "b"} {
			s := ordinary()
			s.broker, s.rep, s.measure, s.seed = broker, rep, 3, uint64(10*i+rep)
			s.median *= 1 + 0.05*float64((rep+i)%3)
			runs = append(runs, s.run())
		}
	}
	runs[0].Summary.Validity = result.ValidityNoisy
	for _, r := range runs {
		if r.Manifest.Broker.Name == "b" {
			r.Manifest.Machine.Kernel = "6.2.0"
		}
	}
	c, err := result.Compare(result.GroupRuns(runs))
	if err != nil {
		t.Fatal(err)
	}
	var b stdbytes.Buffer
	if err := Compare(&b, c, 110, false); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare-same.txt", b.String())
	for _, never := range []string{"×\n", "0×", "1×", "95 % interval"} {
		if strings.Contains(b.String(), never) {
			t.Errorf("three noisy runs each, and the table says %q", never)
		}
	}
}

func ExampleProgress() {
	fmt.Println(Progress(&result.Interval{T0: 1, T1: 2, Phase: result.PhaseDrain, Delivered: 500, Clients: 10, Backlog: 40_000}, 0))
	// Output: drain          2 s  10 clients  0/s → 0/s → 500/s  backlog 40 k
}
