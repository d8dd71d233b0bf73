package result

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"
)

// histograms compare by their quantiles; their insides are not ours.
var asQuantiles = cmp.Transformer("quantiles", func(h *Histogram) Quantiles { return h.Quantiles() })

// What was written is what is read, and what the Writer holds is what the reader will: a report made
// at the end of a run and one made years later say the same.
func TestRoundTrip(t *testing.T) {
	for _, s := range []*Summary{sampleSummary(), nil} {
		w := writeSample(t, s)
		got, err := Read(w.Run().Dir)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w.Run(), got, asQuantiles); diff != "" {
			t.Errorf("summary %v: written (-) against read (+):\n%s", s != nil, diff)
		}
		if diff := cmp.Diff(sampleManifest(), &got.Manifest); diff != "" {
			t.Errorf("manifest:\n%s", diff)
		}
		if s != nil && cmp.Diff(*s, got.Summary) != "" {
			t.Errorf("summary:\n%s", cmp.Diff(*s, got.Summary))
		}
		// Warm-up is not in it, the drain is: 1000 + 900 + 120.
		if n := got.Response.Count(); n != 2020 {
			t.Errorf("%d response times in the measured population; 2020 were due in it", n)
		}
	}
}

// The first line must be recognisable without any of our code.
func TestFirstLine(t *testing.T) {
	w := writeSample(t, sampleSummary())
	const want = `{"format":"mqttbench-result","version":1,"type":"manifest","run_id":"r1","start":"2026-03-01T12:00:00.25Z",`
	if got := readFile(t, w.Run().Dir, ResultFile); !bytes.HasPrefix(got, []byte(want)) {
		t.Errorf("the file begins %.130s", got)
	}
}

func TestResultIsNeverOverwritten(t *testing.T) {
	w := writeSample(t, sampleSummary())
	before := readFile(t, w.Run().Dir, ResultFile)
	if _, err := Create(w.Run().Dir, sampleManifest()); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second run in the same folder: %v", err)
	}
	if !bytes.Equal(before, readFile(t, w.Run().Dir, ResultFile)) {
		t.Error("the first run's file has changed")
	}
}

// A run may be killed at any byte. Whatever is left of the file reads without an error as soon as
// the manifest is whole, says that it is not complete, and holds every line that is.
func TestKilledAtAnyByte(t *testing.T) {
	w := writeSample(t, sampleSummary())
	whole := readFile(t, w.Run().Dir, ResultFile)
	manifest := bytes.IndexByte(whole, '\n')
	for n := 0; n < len(whole)-1; n++ {
		var r Run
		err := r.readLines(bytes.NewReader(whole[:n]), "x")
		if n < manifest {
			if !errors.Is(err, ErrNotResult) {
				t.Fatalf("%d bytes, less than a manifest: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
		lines := bytes.Count(whole[:n], []byte("\n")) - 1
		if got := len(r.Intervals) + len(r.Events); r.Complete || got < lines {
			t.Fatalf("%d bytes: complete %t, %d of %d lines", n, r.Complete, got, lines)
		}
	}
	path := filepath.Join(w.Run().Dir, ResultFile)
	if err := os.Truncate(path, int64(len(whole)-9)); err != nil {
		t.Fatal(err)
	}
	r, err := Read(path)
	if err != nil || !r.Summary.Interrupted || r.Summary.Measured.Offered != 2000 || len(r.Warnings) != 2 {
		t.Errorf("cut within the summary: %v, %+v", err, r)
	}
}

func TestSummaryIsComputedWhereMissing(t *testing.T) {
	r := writeSample(t, nil).Run()
	s := &r.Summary
	if s.Outcome != Unknown || s.Validity != ValidityUnknown || s.ExitCode != 130 {
		t.Errorf("%s, %s, exit %d; a killed run has no verdict", s.Outcome, s.Validity, s.ExitCode)
	}
	// Rates are of the two measured seconds; sums include the drain.
	m := s.Measured
	if m.Offered != 2000 || m.Delivered != 2020 || m.DeliveredRate != 950 || m.Accepted != 2010 || m.Seconds != 2 {
		t.Errorf("measured: %+v", m)
	}
	if b := s.Cost.Broker; b == nil || !near(b.PerDelivered(), 0.06/1900) || b.PeakRSS != 5<<20 || !near(b.Utilisation, 0.03) {
		t.Errorf("broker: %+v", b)
	}
	if s.Response.Count != 2020 {
		t.Errorf("response: %+v", s.Response)
	}
}

func TestReadRefuses(t *testing.T) {
	manifest := `{"format":"mqttbench-result","version":1,"type":"manifest","run_id":"x"}` + "\n"
	interval := `{"type":"interval","t0_s":0,"t1_s":1,"phase":"measure"}` + "\n"
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "not an mqttbench result: the file is empty"},
		{"a picture", "\x89PNG\r\n\x1a\n\x00", "not an mqttbench result"},
		{"other JSON", `{"hello":1}` + "\n", "not an mqttbench result"},
		{"version 0", `{"format":"mqttbench-result"}` + "\n", "version 0"},
		{"a hole", manifest + `{"type":"inter` + "\n" + interval, ":2: "},
		{"no type", manifest + "{}\n", `:2: a line without "type"`},
		{"two runs", manifest + manifest, ":2: a second manifest"},
		{"after the end", manifest + `{"type":"summary"}` + "\n" + interval, ":3: a line of type \"interval\" after the summary"},
		{"backwards", manifest + `{"type":"interval","t0_s":2,"t1_s":1}` + "\n", ":2: an interval from 2 to 1 s"},
		{"negative", manifest + `{"type":"interval","t0_s":0,"t1_s":1,"delivered":-1}` + "\n", "negative"},
		{"p50 above max", manifest + `{"type":"interval","t0_s":0,"t1_s":1,"response":{"p50_s":2,"max_s":1}}` + "\n", "quantiles that fall"},
		{"wrong kind", manifest + `{"type":"interval","t0_s":"zero"}` + "\n", ":2: json"},
	} {
		path := filepath.Join(t.TempDir(), ResultFile)
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; want the path and %q", c.name, err, c.want)
		}
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, ErrNotResult) {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestLaterVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), ResultFile)
	text := fmt.Sprintf(`{"format":"mqttbench-result","version":%d,"start":[]}`+"\n", Version+1)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var v *VersionError
	if _, err := Read(path); !errors.As(err, &v) || v.Got != Version+1 || !strings.Contains(err.Error(), "newer") {
		t.Errorf("version %d: %v", Version+1, err)
	}

	// Of the same version, with lines and fields that this reader has never heard of.
	text = `{"format":"mqttbench-result","version":1,"type":"manifest","colour":"blue"}` + "\n" +
		`{"type":"weather","text":"rain"}` + "\n" + `{"type":"summary","outcome":"kept","mood":9}` + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Read(path)
	if err != nil || r.Summary.Outcome != Kept || len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "weather") {
		t.Errorf("additions: %v, %+v", err, r)
	}
}

func TestCorruptLogIsAnError(t *testing.T) {
	w := writeSample(t, sampleSummary())
	path := filepath.Join(w.Run().Dir, ResponseFile)
	whole := readFile(t, path)

	if err := os.WriteFile(path, whole[:len(whole)-20], 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Read(w.Run().Dir)
	if err != nil || len(r.Warnings) != 1 || r.Response.Count() != 1900 {
		t.Errorf("cut short: %v, %v, %d values; want a warning and all but the last interval", err, r.Warnings, r.Response.Count())
	}

	broken := bytes.Replace(whole, []byte("HISTFAAAA"), []byte("HISTFBBBB"), 1)
	if err := os.WriteFile(path, broken, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(w.Run().Dir); err == nil || !strings.Contains(err.Error(), ResponseFile+": line 6") {
		t.Errorf("a damaged line: %v", err)
	}
}

// The library's reader, which follows the original, opens our logs: times, tags and counts.
func TestLogIsReadByTheLibrary(t *testing.T) {
	w := writeSample(t, sampleSummary())
	in := hdr.NewHistogramLogReader(bytes.NewReader(readFile(t, w.Run().Dir, ResponseFile)))
	start := w.Run().Manifest.Start.UnixMilli()
	for _, iv := range sampleIntervals {
		h, err := in.NextIntervalHistogram()
		if err != nil || h == nil {
			t.Fatalf("interval at %g s: %v, %v", iv.T0, h, err)
		}
		if h.Tag() != string(iv.Phase) || h.TotalCount() != iv.Delivered ||
			h.StartTimeMs() != start+int64(iv.T0*1000) || h.EndTimeMs() != start+int64(iv.T1*1000) {
			t.Errorf("interval at %g s: tag %q, %d values, %d to %d ms after the start", iv.T0, h.Tag(), h.TotalCount(),
				h.StartTimeMs()-start, h.EndTimeMs()-start)
		}
		if got, want := QuantilesOf(h), QuantilesOf(latencies(int(iv.Delivered))); got != want {
			t.Errorf("interval at %g s: %+v, wrote %+v", iv.T0, got, want)
		}
	}
	if h, err := in.NextIntervalHistogram(); h != nil || err != nil {
		t.Errorf("after the last: %v, %v", h, err)
	}
}

// A line of the form that other HDR tools know, letter by letter.
func TestLogLineFormat(t *testing.T) {
	w := writeSample(t, sampleSummary())
	lines := strings.Split(string(readFile(t, w.Run().Dir, ResponseFile)), "\n")
	for i, want := range []string{
		"#[Response time: from the instant a message was due. Nanoseconds.]",
		"#[Histogram log format version 1.3]",
		"#[StartTime: 1772366400.250 (seconds since epoch), 2026-03-01T12:00:00Z]",
		"#[BaseTime: 1772366400.250 (seconds since epoch)]",
		`"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"`,
		"Tag=warm-up,0.000,1.000,1.079,HISTFAAAA",
		"Tag=measure,1.000,1.000,1.100,HISTFAAAA",
		"Tag=measure,2.000,1.000,0.999,HISTFAAAA",
		"Tag=drain,3.000,0.500,0.219,HISTFAAAA",
	} {
		if !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is %.90s; want %s", i+1, lines[i], want)
		}
	}
}

// A line that the Java original wrote (from the test data of the HdrHistogram project), so that we do
// not merely agree with ourselves. Its untagged interval lasted 1.007 s with a maximum of 2.769 ms.
func TestLineOfTheOriginal(t *testing.T) {
	const line = "0.127,1.007,2.769,HISTFAAAAEV42pNpmSzMwMCgyAABTBDKT4GBgdnNYMcCBvsPEBEJISEuATEZMQ4uASkhIR4nrxg9v2lMaxhvMekILGZkKmcCAEf2CsI="
	got, err := parseHlogLine(line)
	if err != nil || got.tag != "" || got.t0 != 0.127 || got.length != 1.007 {
		t.Fatalf("%+v, %v", got, err)
	}
	if largest := float64(got.histogram.Max()) / 1e6; largest < 2.768 || largest > 2.770 {
		t.Errorf("maximum %g ms; the line says 2.769", largest)
	}
}

func TestWriteFileIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.svg")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(name, []byte(text)); err != nil || string(readFile(t, name)) != text {
			t.Fatalf("%v, %s", err, readFile(t, name))
		}
	}
	if err := WriteFile(filepath.Join(dir, "none", "a.svg"), nil); err == nil {
		t.Error("a folder that does not exist, and no error")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// A Writer that failed once says so at the end, whatever came between.
func TestWriterKeepsItsFirstError(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "run"), sampleManifest())
	if err != nil {
		t.Fatal(err)
	}
	zero := 0.0
	if err := w.Interval(&Interval{T1: 1, Lag: Quantiles{Max: 1 / zero}}, nil, nil); err == nil {
		t.Error("an infinite lag was written")
	}
	if err := w.Interval(&Interval{T0: 1, T1: 2}, nil, nil); err == nil {
		t.Error("a line after a lost one")
	}
	if err := w.Close(sampleSummary()); err == nil {
		t.Error("Close knows of nothing")
	}
}
