package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestValuesOfNoUse: what would mean nothing, or something else than it says, is refused before anything begins, with the flag's name.
func TestValuesOfNoUse(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"--payload 0", "a stamp of 16"},
		{"--rate 1e12", "more than 1e+08 messages"},
		{"--rate NaN", "more than 0 messages"},
		{"--pprof-addr nonsense", "HOST:PORT"},
		{"--topic=", "--topic is empty"},
		{"--churn NaN", "0 or more"},
		{"--churn 1e9", "so many departures"},
		{"--keep-alive 500ms", "whole seconds"},
		{"--loops 100000", "1 to 1024"},
		{"--broker-loops 100000", "1 to 1024"},
		{"--broker-pid -1", "no process"},
		{"--mqtt 5 --receive-maximum 0", "1 to 65535"},
		{"--clints 5", `did you mean "clients"?`},
		{"--broker tcp://bob:secret@127.0.0.1:1", "--username and --password"},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		code, stdout, stderr := mqttbench(t.Context(), append(strings.Fields(c.args), "--out", dir)...)
		if code != exitInput || !strings.Contains(stderr, c.says) || strings.Contains(stderr, "secret") {
			t.Errorf("%s: exit code %d, want %q:\n%s%s", c.args, code, c.says, stdout, stderr)
		}
	}
}

// TestInterruptedIsNoLoss: what is still on its way when a run is interrupted is neither lost nor stuck.
func TestInterruptedIsNoLoss(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go interruptAt(ctx, cancel, dir, func(iv *result.Interval) bool { return iv.Phase == result.PhaseMeasure && iv.Accepted > 0 })
	code, stdout, stderr := mqttbench(ctx, "--quiet", "--charts=false", "--qos", "1", "--clients", "2", "--rate", "100", "--warmup", "0s", "--duration", "1h",
		"--out", dir, "--fault", "delay=10s:to=subscriber")
	if code != exitInterrupted {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r, err := result.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Summary.Contracts {
		if c.Count(result.Lost)+c.Count(result.Stuck) > 0 {
			t.Errorf("%+v\n%s", c, stdout)
		}
	}
	if !strings.HasPrefix(stdout, "INTERRUPTED") {
		t.Errorf("the first word is not that it was interrupted:\n%s", stdout)
	}
}

// TestHelpByName: help and version are understood without dashes.
func TestHelpByName(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{"help": "CLIENTS AND MESSAGES", "help search": "mqttbench search", "version": "mqttbench " + version} {
		if code, stdout, stderr := mqttbench(t.Context(), strings.Fields(args)...); code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit code %d, %.200s%s", args, code, stdout, stderr)
		}
	}
}
