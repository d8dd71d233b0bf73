package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// cells leaves runs of two brokers under two workloads in a folder; under the second, flashmq is so many times as slow.
func cells(t *testing.T, times float64) (dir string) {
	t.Helper()
	dir = t.TempDir()
	made(t, filepath.Join(dir, "1-pairs"), "mosquitto", 0.001, result.ValidityOK)
	made(t, filepath.Join(dir, "1-pairs"), "flashmq", 0.001, result.ValidityOK)
	made(t, filepath.Join(dir, "2-fan-out"), "mosquitto", 0.001, result.ValidityOK)
	made(t, filepath.Join(dir, "2-fan-out"), "flashmq", 0.001*times, result.ValidityOK)
	return dir
}

// A matrix fails for one cell in which a difference is shown after the correction, and says which.
func TestMatrixFailOn(t *testing.T) {
	t.Parallel()
	for times, want := range map[float64]int{1: exitKept, 1.05: exitKept, 1.5: exitBroken} {
		code, stdout, stderr := mqttbench(t.Context(), "compare", "--matrix", cells(t, times), "--base", "mosquitto", "--fail-on", "p99>+10%")
		if code != want || !strings.Contains(stdout, "fan out") {
			t.Errorf("%g times: exit code %d\n%s%s", times, code, stdout, stderr)
		}
		if told := strings.Contains(stderr, "2-fan-out: flashmq") && strings.Contains(stderr, "p = 0.0043") && strings.Count(stderr, "\n") == 1; told != (want == exitBroken) {
			t.Errorf("%g times: %s", times, stderr)
		}
	}
	for _, c := range []struct{ args, says string }{
		{"--fail-on p99", "no criterion"},
		{"--format markdown --fail-on p99", "no criterion"},
		{"--format yaml", "markdown"},
		{"--fail-on p99>+10% elsewhere", "one folder"},
	} {
		code, _, stderr := mqttbench(t.Context(), append([]string{"compare", "--matrix", t.TempDir()}, strings.Fields(c.args)...)...)
		if code != exitInput || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d, %s", c.args, code, stderr)
		}
	}
}

// report finds out what a folder holds.
func TestReportOfAFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("short: it draws")
	}
	t.Parallel()
	dir := cells(t, 1.5)
	// A matrix, of folders and of archives.
	if n, err := result.WriteArchive(filepath.Join(dir, "3-archived.tar.gz"), filepath.Join(dir, "2-fan-out")); n != 12 || err != nil {
		t.Fatalf("%d runs, %v", n, err)
	}
	code, stdout, stderr := mqttbench(t.Context(), "report", dir, "--base", "flashmq")
	page, err := os.ReadFile(filepath.Join(dir, report.ReportFile))
	if code != exitKept || err != nil || !strings.Contains(stdout, "3-archived") && !strings.Contains(stdout, "archived") {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	for _, want := range []string{"2 brokers, 3 workloads", `href="./3-archived.tar.gz"`, `href="./2-fan-out/mosquitto-0/result.jsonl"`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q on the page of a matrix", want)
		}
	}
	// A series: runs one beside the other.
	code, stdout, stderr = mqttbench(t.Context(), "report", filepath.Join(dir, "2-fan-out"), "--out", filepath.Join(dir, "series.html"))
	page, err = os.ReadFile(filepath.Join(dir, "series.html"))
	if code != exitKept || err != nil || !strings.Contains(string(page), "12 runs in 2 groups") {
		t.Errorf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
	}
	// Nothing at all, and what a later program wrote.
	if code, _, stderr := mqttbench(t.Context(), "report", t.TempDir()); code != exitInput || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	file := filepath.Join(dir, "1-pairs", "flashmq-0", result.ResultFile)
	text, _ := os.ReadFile(file)
	os.WriteFile(file, []byte(strings.Replace(string(text), `"version":1`, `"version":99`, 1)), 0o644)
	if code, _, stderr := mqttbench(t.Context(), "report", dir); code != exitInput || !strings.Contains(stderr, "use a newer one") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
