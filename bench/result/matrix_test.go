package result

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// By hand, from the definition: the smallest times 3, the next times 2, the largest times 1, and never below the one before.
func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03})
	for i, want := range []float64{0.03, 0.06, 0.06} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%d: %g, want %g", i, got[i], want)
		}
	}
	if got := Holm([]float64{0.6, 0.9}); got[0] != 1 || got[1] != 1 {
		t.Errorf("%v: a probability is at most 1", got)
	}
}

// One run of twelve is invalid. Its partner goes with it, the other five pairs stay pairs, and it is said.
func TestOneInvalidRunCostsOnePair(t *testing.T) {
	a, b := series("a", 1, 2, 3, 4, 5, 6), series("b", 1.1, 2.2, 3.3, 4.4, 5.5, 6.6)
	b[2].Summary.Validity = ValidityInvalid
	c, err := Compare(GroupRuns(append(a, b...)))
	if err != nil {
		t.Fatal(err)
	}
	r := cell(t, c, 1, "p99").Ratio
	if r == nil || !r.Paired || r.N != 5 || !near(r.Value, 1.1) {
		t.Fatalf("%+v", r)
	}
	if !strings.Contains(strings.Join(r.Warnings, "\n"), "pair 3 is left out") {
		t.Errorf("warnings %q", r.Warnings)
	}
	b[3].Manifest.Repetition = 5 // Twice: whose partner is it?
	if c, err = Compare(GroupRuns(append(a, b...))); err != nil {
		t.Fatal(err)
	}
	if r = cell(t, c, 1, "p99").Ratio; r == nil || r.Paired {
		t.Errorf("a number that stands twice: %+v", r)
	}
}

// written makes folders of runs below dir, one for each, and returns the runs.
func written(t *testing.T, dir string, runs []*Run) {
	t.Helper()
	for i, r := range runs {
		w, err := Create(filepath.Join(dir, string(rune('a'+i))+"-"+r.Manifest.Broker.Name), &r.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Interval(&Interval{T0: 0, T1: 1, Phase: PhaseMeasure, Offered: 10, Delivered: 10, Expected: 10}, latencies(10), latencies(10)); err != nil {
			t.Fatal(err)
		}
		r.Summary.Response = QuantilesOf(latencies(10)) // What was made up does not pass for a file's.
		if err := w.Close(&r.Summary); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchive(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	written(t, dir, append(series("mosquitto", 1, 2), series("flashmq", 2, 3)...))
	if err := os.Mkdir(filepath.Join(dir, "z.cut"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "z.cut", ResultFile), []byte("cut"), 0o644); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(out, "1"+ArchiveSuffix), filepath.Join(out, "2"+ArchiveSuffix)
	for _, file := range []string{first, second} {
		if n, err := WriteArchive(file, dir); n != 4 || err != nil {
			t.Fatalf("%d runs, %v", n, err)
		}
	}
	a, _ := os.ReadFile(first)
	b, _ := os.ReadFile(second)
	if len(a) == 0 || !bytes.Equal(a, b) {
		t.Errorf("the same runs make %d and %d bytes that differ", len(a), len(b))
	}
	z, err := gzip.NewReader(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	if head, err := tar.NewReader(z).Next(); err != nil || head.ModTime.Unix() != 0 {
		t.Errorf("%v: a time in it would make other bytes tomorrow: %v", err, head)
	}
	runs, err := ReadArchive(first)
	if err != nil || len(runs) != 4 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	want, err := Read(filepath.Join(dir, "c-flashmq"))
	if err != nil {
		t.Fatal(err)
	}
	got := runs[2]
	if got.Manifest.Broker.Name != "flashmq" || got.Response.Count() != want.Response.Count() || got.Response.Count() == 0 || got.Response.At(0.9) != want.Response.At(0.9) || !got.Complete {
		t.Errorf("%+v is not %+v", got, want)
	}

	if _, err := WriteArchive(filepath.Join(out, "3"+ArchiveSuffix), t.TempDir()); !errors.Is(err, ErrNotResult) {
		t.Errorf("nothing to pack: %v", err)
	}
	os.WriteFile(second, a[:len(a)/2], 0o644)
	if _, err := ReadArchive(second); err == nil {
		t.Error("half an archive was read")
	}
}

func TestMatrix(t *testing.T) {
	dir := t.TempDir()
	fast, slow := []float64{1, 1.01, 1.02, 1.03, 1.04, 1.05}, []float64{2, 2.02, 2.04, 2.06, 2.08, 2.1}
	written(t, filepath.Join(dir, "1-pairs"), append(series("zebra", slow...), series("mosquitto", fast...)...))
	written(t, filepath.Join(dir, "raw"), append(series("mosquitto", fast...), series("flashmq", slow...)...))
	if _, err := WriteArchive(filepath.Join(dir, "2-fan"+ArchiveSuffix), filepath.Join(dir, "raw")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "raw")); err != nil {
		t.Fatal(err)
	}
	sets, err := ReadMatrix(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMatrix(sets, "mosquitto")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range m.Brokers {
		names = append(names, strings.Fields(b)[0])
	}
	if got := strings.Join(names, " "); got != "mosquitto flashmq zebra" {
		t.Errorf("brokers %s", got)
	}
	_, cells := m.Workloads[1].Of(m.Brokers[1])
	if g, _ := m.Workloads[1].Of(m.Brokers[2]); g != nil {
		t.Error("a broker that was not there has a group")
	}
	for k := range Metrics {
		if Metrics[k].Name != "CPU per delivered" {
			continue
		}
		// All of one before all of the other: p is 2 in 924 ways, for two comparisons twice that.
		r := cells[k].Ratio
		if r == nil || !near(r.Value, 2) || r.Among != 2 || math.Abs(r.Corrected-4.0/924) > 1e-9 || !r.Survives {
			t.Errorf("%+v", r)
		}
	}
	if _, err := NewMatrix(sets, "nobody"); err != nil {
		t.Errorf("a yardstick that is not there: %v", err)
	}

	// A file of a later version among those of this one is refused, not guessed at.
	later := filepath.Join(dir, "1-pairs", "a-zebra", ResultFile)
	text, err := os.ReadFile(later)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(later, bytes.Replace(text, []byte(`"version":1`), []byte(`"version":99`), 1), 0o644)
	var version *VersionError
	if _, err := ReadMatrix(dir); !errors.As(err, &version) {
		t.Errorf("mixed versions: %v", err)
	}
}

// A matrix whose workloads come from two machines says so; the figures of one profile from two machines are refused.
func TestWorkloadsOfSeveralMachines(t *testing.T) {
	sets := func(change func(*Manifest)) []Workset {
		second := append(series("a", 1, 2), series("b", 2, 3)...)
		for _, r := range second {
			change(&r.Manifest)
		}
		return []Workset{{"1", append(series("a", 1, 2), series("b", 2, 3)...)}, {"2", second}}
	}
	for field, change := range map[string]func(*Manifest){
		"cpu":      func(m *Manifest) { m.Machine.CPU = "EPYC" },
		"cpu sets": func(m *Manifest) { m.Machine.GeneratorCPUs = "7" },
		"kernel":   func(m *Manifest) { m.Machine.Kernel = "9.9" },
		"tool":     func(m *Manifest) { m.Tool.Commit = "another" },
		"":         func(m *Manifest) { m.Workload.PayloadBytes, m.Workload.QoS = 1024, []int{2} }, // What workloads are for.
	} {
		got := ""
		m, err := NewMatrix(sets(change), "")
		if err != nil {
			t.Fatalf("%s: %v", field, err)
		}
		for _, d := range m.Differences {
			got += d.Field
		}
		if got != field {
			t.Errorf("differing in %q, want %q", got, field)
		}
		minor, err := OneMachine([]Workset{{"1", series("a", 1)}, {"2", func() []*Run {
			r := series("a", 2)
			change(&r[0].Manifest)
			return r
		}()}})
		var refused *IncomparableError
		switch {
		case field == "cpu" || field == "cpu sets":
			if !errors.As(err, &refused) || refused.Differences[0].Field != field {
				t.Errorf("%s: %v", field, err)
			}
		case err != nil || len(minor) != min(1, len(field)):
			t.Errorf("%s: %v, %v", field, minor, err)
		}
	}
	// Runs of one workload that are not repetitions of each other.
	mixed := series("a", 1, 1)
	mixed[1].Manifest.Workload.PayloadBytes = 99
	if _, err := OneMachine([]Workset{{"x", mixed}}); err == nil || !strings.Contains(err.Error(), "x: ") || !strings.Contains(err.Error(), "payload") {
		t.Errorf("%v", err)
	}
	mixed = series("a", 1, 1)
	mixed[1].Manifest.Workload.Rate = 99
	if _, err := OneMachine([]Workset{{"x", mixed}}); err == nil || !strings.Contains(err.Error(), "one rate") {
		t.Errorf("%v", err)
	}
}
