package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

const published = "../../results/reference"

// TestPublishedChartsAreThoseOfTheirRawFiles draws what is published again, and compares it to the bit: a chart that no raw file
// supports, or that was drawn by another program than this one, fails. results/regenerate mends it.
func TestPublishedChartsAreThoseOfTheirRawFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("draws pictures, and nothing in it is concurrent")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("other processors round otherwise")
	}
	drawn := 0
	for _, dir := range globbed(t, filepath.Join(published, "*", result.ResultFile)) {
		dir = filepath.Dir(dir)
		r, err := result.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		again := t.TempDir()
		if _, err := report.Charts(again, r); err != nil {
			t.Fatal(err)
		}
		drawn += sameCharts(t, dir, again)
	}
	if comparison := filepath.Join(published, "comparison"); len(globbed(t, filepath.Join(comparison, "*"+result.ArchiveSuffix))) > 0 {
		again := t.TempDir()
		code, stdout, stderr := mqttbench(t.Context(), "compare", "--matrix", comparison, "--base", "mosquitto", "--out", again, "--format", "markdown")
		if code != exitKept {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		drawn += sameCharts(t, comparison, again)
		sameFile(t, filepath.Join(comparison, "tables.md"), []byte(stdout))
	}
	if tradeoff := filepath.Join(published, "qos-tradeoff"); len(globbed(t, tradeoff)) > 0 {
		again := t.TempDir()
		code, stdout, stderr := mqttbench(t.Context(), "report", "--family", tradeoff, "--out", again, "--format", "markdown")
		if code != exitKept {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		drawn += sameCharts(t, tradeoff, again)
		sameFile(t, filepath.Join(tradeoff, "tables.md"), []byte(stdout))
	}
	if drawn == 0 {
		t.Error("nothing was compared")
	}
}

func globbed(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sameCharts holds the charts in a folder against those that were drawn again, and returns how many there are.
func sameCharts(t *testing.T, dir, again string) (n int) {
	t.Helper()
	for _, pattern := range []string{"*.png", "*.svg"} {
		for _, file := range globbed(t, filepath.Join(dir, pattern)) {
			n++
			data, err := os.ReadFile(filepath.Join(again, filepath.Base(file)))
			if err != nil {
				t.Errorf("%s is not drawn any more: %v", file, err)
				continue
			}
			sameFile(t, file, data)
		}
	}
	return n
}

func sameFile(t *testing.T, file string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what its raw files make (%v); results/regenerate draws it again", strings.TrimPrefix(file, "../../"), err)
	}
}
