package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// Every run leaves its page; report makes it anew, elsewhere if asked, and one more that compares several.
func TestReportCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it draws, which races with nothing and takes the race detector minutes")
	}
	t.Parallel()
	dir := t.TempDir()
	dirs, rates := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, []string{"100", "200"}
	for i, d := range dirs {
		profiling.Lock()
		code, stdout, stderr := mqttbench(t.Context(), "--quiet", "--clients", "4", "--rate", rates[i], "--warmup", "0s", "--duration", "400ms", "--out", d, "--pprof", d+"-profiles")
		profiling.Unlock()
		if !measured(code) || !strings.Contains(stdout, filepath.Join(d, report.ReportFile)) {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
	page := filepath.Join(dirs[0], report.ReportFile)
	made, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(made), "QoS 0 kept") {
		t.Fatalf("%v, a page of %d bytes", err, len(made))
	}
	if r, err := result.Read(dirs[0]); err != nil || r.Manifest.Flags["pprof"] != dirs[0]+"-profiles" {
		t.Errorf("%v; the run does not say where its profiles are", err)
	}
	os.Remove(page)
	elsewhere := filepath.Join(dir, "one.html")
	if code, stdout, stderr := mqttbench(t.Context(), "report", dirs[0], "--out", elsewhere); code != 0 || !strings.Contains(stdout, elsewhere) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if again, err := os.ReadFile(elsewhere); err != nil || !strings.Contains(string(again), `href="./a/result.jsonl"`) {
		t.Errorf("%v; the page elsewhere does not link to the result", err)
	}
	if _, err := os.Stat(page); err == nil {
		t.Error("with --out there is a page in the folder of the run as well")
	}
	if code, stdout, stderr := mqttbench(t.Context(), append([]string{"report"}, dirs...)...); code != 0 || !strings.Contains(stdout, "QoS 0 kept") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	compared, err := os.ReadFile(filepath.Join(dir, report.ReportFile))
	if err != nil || !strings.Contains(string(compared), `href="./b/report.html"`) {
		t.Errorf("%v; the comparison does not link to the pages of its runs", err)
	}
	// The page of a run is the same, whether the run made it or somebody else later.
	if again, err := os.ReadFile(page); err != nil || string(again) != string(made) {
		t.Errorf("%v; the page made later differs: %d bytes, %d before", err, len(again), len(made))
	}
}

func TestReportRefuses(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it draws, which races with nothing and takes the race detector minutes")
	}
	t.Parallel()
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for i, d := range dirs {
		if code, stdout, stderr := mqttbench(t.Context(), "--quiet", "--charts=false", "--clients", "4", "--payload", []string{"20", "40"}[i], "--rate", "100", "--warmup", "0s", "--duration", "200ms", "--out", d); !measured(code) {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
		if _, err := os.Stat(filepath.Join(d, report.ReportFile)); err == nil {
			t.Error("--charts=false made a page")
		}
	}
	if code, _, stderr := mqttbench(t.Context(), "report", dirs[0], dirs[1]); code != exitInput || !strings.Contains(stderr, "payload") {
		t.Errorf("exit code %d, %s; they differ in the payload", code, stderr)
	}
	out := filepath.Join(t.TempDir(), "x.html")
	if code, _, stderr := mqttbench(t.Context(), "report", dirs[0], dirs[1], "--vary", "payload", "--out", out); code != 0 {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if _, err := os.Stat(out); err != nil {
		t.Error(err)
	}
	if code, _, stderr := mqttbench(t.Context(), "report", "--out", out); code != exitInput || !strings.Contains(stderr, "folder") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestCommonFolder(t *testing.T) {
	for want, dirs := range map[string][]string{
		"results/x": {"results/x/01-a", "results/x/02-b/"},
		"results":   {"results/x/01-a", "results/y"},
		".":         {"a", "b/c"},
		"/":         {"/tmp/a", "/var/b"},
		"a":         {"a/x", "/tmp/a"},
	} {
		var runs []*result.Run
		for _, d := range dirs {
			runs = append(runs, &result.Run{Dir: d})
		}
		if got := commonFolder(runs); got != filepath.FromSlash(want) {
			t.Errorf("%v: %s, want %s", dirs, got, want)
		}
	}
}
