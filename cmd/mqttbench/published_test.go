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
	t.Parallel()
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
		again := linked(t, comparison)
		drawn += samePublished(t, comparison, again, "compare", "--matrix", again, "--base", "mosquitto", "--out", again, "--format", "markdown")
	}
	for _, family := range globbed(t, filepath.Join(published, "qos-*")) {
		again := linked(t, family)
		drawn += samePublished(t, family, again, "report", "--family", again, "--out", again, "--format", "markdown")
	}
	if growth := filepath.Join(published, "growth"); len(globbed(t, growth)) > 0 {
		again, text := t.TempDir(), ""
		for _, by := range []string{"clients", "fan-out", "payload", "queue"} {
			code, stdout, stderr := mqttbench(t.Context(), "growth", "--by", by, filepath.Join(growth, by+result.ArchiveSuffix), "--out", again)
			if code != exitKept {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			text += stdout
		}
		sameFile(t, filepath.Join(growth, "growth.txt"), []byte(text))
		drawn += sameCharts(t, growth, again)
	}
	if table := filepath.Join(published, "w-table"); len(globbed(t, table)) > 0 {
		code, stdout, stderr := mqttbench(t.Context(), "table", table, "--base", "mosquitto")
		if code != exitKept {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		sameFile(t, filepath.Join(table, "table.md"), []byte(stdout))
	}
	if drawn == 0 {
		t.Error("nothing was compared")
	}
}

// samePublished holds the charts, the tables and the page in a folder against those that a command makes in another.
func samePublished(t *testing.T, dir, again string, args ...string) int {
	t.Helper()
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if code != exitKept {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	sameFile(t, filepath.Join(dir, "tables.md"), []byte(stdout))
	page, err := os.ReadFile(filepath.Join(again, report.ReportFile))
	if err != nil {
		t.Error(err)
	}
	sameFile(t, filepath.Join(dir, report.ReportFile), page)
	return sameCharts(t, dir, again)
}

// linked is a folder that looks like another to whoever reads its archives: links on a page are relative to where it is.
func linked(t *testing.T, dir string) string {
	t.Helper()
	again := t.TempDir()
	for _, archive := range globbed(t, filepath.Join(dir, "*"+result.ArchiveSuffix)) {
		to, err := filepath.Abs(archive)
		if err == nil {
			err = os.Symlink(to, filepath.Join(again, filepath.Base(archive)))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return again
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
