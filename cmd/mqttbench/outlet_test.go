package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"mqttbench/bench/result"
)

// asProgram in the environment makes the test binary the program itself, with a process of its own.
const asProgram = "MQTTBENCH_TEST_AS_PROGRAM"

// TestNobodyReads: a run whose standard output and standard error have lost their reader, as behind head, is measured to its end and kept.
func TestNobodyReads(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	cmd := exec.Command(self, "--clients", "4", "--rate", "50", "--warmup", "0s", "--duration", "300ms", "--charts=false", "--out", dir)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdout, cmd.Stderr = w, w
	cmd.Run()
	if code := cmd.ProcessState.ExitCode(); !measured(code) {
		t.Errorf("exit code %d: %v", code, cmd.ProcessState)
	}
	if got, err := result.Read(dir); err != nil || !got.Complete || got.Summary.Outcome != result.Kept {
		t.Errorf("%v, %+v", err, got)
	}
}
