package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestResume makes a comparison in which one broker does not start: it is left out, and the other goes on. Then one of its runs is lost and
// another cut short; the same command makes those two again, puts what was cut aside, and touches nothing else.
func TestResume(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	args := append([]string{"compare", "--broker", "builtin", "--broker-cmd", "dead@1.0=/nowhere/broker {port}", "--repeat", "3", "--seed", "5", "--resume", "--keep-going", "--out", out}, tiny...)
	code, stdout, stderr := mqttbench(t.Context(), args...)
	if !measured(code) || strings.Count(stderr, "left out: ") != 3 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	first := readRuns(t, out)
	if len(first) != 3 {
		t.Fatalf("%d runs", len(first))
	}
	if err := os.RemoveAll(first[0].Dir); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(first[1].Dir, result.ResultFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text[:len(text)-100], 0o644); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr = mqttbench(t.Context(), args...); !measured(code) || strings.Count(stderr, "left out: ") != 3 {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	second := map[string]string{}
	for _, r := range readRuns(t, out) {
		if !strings.HasSuffix(r.Dir, cutOff) {
			second[r.Dir] = r.Manifest.RunID
		}
	}
	for i, r := range first {
		if again := second[r.Dir] != r.Manifest.RunID; again != (i < 2) || second[r.Dir] == "" {
			t.Errorf("%s: run %q, then %q", r.Dir, r.Manifest.RunID, second[r.Dir])
		}
	}
	if kept, err := os.ReadFile(filepath.Join(first[1].Dir+cutOff, result.ResultFile)); err != nil || len(kept) != len(text)-100 {
		t.Errorf("what was cut short is not kept: %d bytes, %v", len(kept), err)
	}

	if code, _, stderr = mqttbench(t.Context(), "compare", "--broker", "builtin", "--resume"); code != exitInput || !strings.Contains(stderr, "--out and --seed") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// TestFamilyPage carries out two workloads of a file and finds them side by side, at once and when they are read again.
func TestFamilyPage(t *testing.T) {
	if testing.Short() {
		t.Skip("short: nothing in it is concurrent that other runs do not race")
	}
	t.Parallel()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "two.yaml"), ""
	yaml := "name: two\ndescription: Two levels.\npublishers: 2\nsubscribers: 2\nrate: 100\nwarmup: 0s\nduration: 300ms\nvariants:\n" +
		"  - {name: good/q0-q0, qos: 0}\n  - {name: good/q2-q2, qos: 2}\n"
	if err := os.WriteFile(file, []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout string
	again(t, func(try int) bool { // What crosses the wire is counted in the measured part, and what is late crosses it behind.
		out = filepath.Join(dir, fmt.Sprintf("out%d", try))
		code, said, stderr := mqttbench(t.Context(), "run", file, "--out", out, "--charts=false")
		r, err := result.Read(filepath.Join(out, "good", "q2-q2"))
		if err != nil || !measured(code) || r.Summary.Wire == nil {
			t.Fatalf("exit code %d, %v\n%s%s", code, err, said, stderr)
		}
		stdout = said
		return r.Summary.Wire.ToBroker.Packets >= 2 && r.Summary.Wire.FromBroker.Bytes >= 100
	})
	at := strings.Index(stdout, "packets")
	if at < 0 || !strings.Contains(stdout[at:], "QoS 0 → 0") || !strings.Contains(stdout[at:], "QoS 2 → 2") {
		t.Errorf("no table of both:\n%s", stdout)
	}
	for _, name := range []string{"report.html", "family.png"} {
		if _, err := os.Stat(filepath.Join(out, name)); err != nil {
			t.Error(err)
		}
	}
	code, table, stderr := mqttbench(t.Context(), "report", "--family", out, "--format", "csv", "--out", filepath.Join(dir, "again"))
	if code != exitKept || strings.Count(table, "\n") != 3 || !strings.Contains(table, "good,QoS 2 → 2,1,") {
		t.Errorf("exit code %d, %s\n%s", code, stderr, table)
	}
	// Runs of another broker among them are refused: a median over both would be nobody's.
	mixed := filepath.Join(dir, "mixed")
	made(t, filepath.Join(mixed, "a"), "mosquitto", 0.001, result.ValidityOK)
	made(t, filepath.Join(mixed, "b"), "flashmq", 0.001, result.ValidityOK)
	if code, _, stderr := mqttbench(t.Context(), "report", "--family", mixed); code != exitInput || !strings.Contains(stderr, "--matrix") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
