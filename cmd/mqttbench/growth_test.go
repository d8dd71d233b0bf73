package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestGrowthAndTable: two short runs that differ in their payload, against the relay and the built-in broker, become a line over the payload and
// a row of a table.
func TestGrowthAndTable(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("short, or the CPU time of other processes is not known here")
	}
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var relay lockedBuffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"relay", "--loops", "1"}, strings.NewReader(""), &relay, &relay) }()
	url := ""
	for began := time.Now(); url == ""; time.Sleep(time.Millisecond) {
		if _, rest, ok := strings.Cut(relay.String(), "listening "); ok && strings.HasSuffix(rest, "\n") {
			url = strings.TrimSpace(rest)
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("the relay says %q", relay.String())
		}
	}
	dir := t.TempDir()
	for _, payload := range []string{"16", "512"} {
		for _, broker := range []string{"builtin", "relay=" + url} {
			name := strings.TrimSuffix(strings.SplitN(broker, "=", 2)[0], "/") + payload
			code, _, stderr := mqttbench(ctx, "--broker", broker, "--broker-name", strings.SplitN(broker, "=", 2)[0], "--qos", "1", "--clients", "4", "--rate", "200", "--payload", payload,
				"--warmup", "0s", "--duration", "500ms", "--charts=false", "--quiet", "--out", filepath.Join(dir, name))
			if !measured(code) {
				t.Fatalf("%s: exit code %d: %s", name, code, stderr)
			}
		}
	}
	cancel()
	if code := <-ended; code != exitKept {
		t.Errorf("the relay ended with %d: %s", code, relay.String())
	}
	code, stdout, stderr := mqttbench(t.Context(), "growth", "--by", "payload", dir, "--out", dir)
	if code != exitKept || !strings.Contains(stdout, "16 B") || !strings.Contains(stdout, "512 B") {
		t.Errorf("growth: exit code %d: %s\n%s", code, stderr, stdout)
	}
	if _, err := os.Stat(filepath.Join(dir, "growth-payload.svg")); err != nil {
		t.Error(err)
	}
	code, stdout, stderr = mqttbench(t.Context(), "table", dir, "--base", "builtin")
	if code != exitKept || !strings.Contains(stdout, "| workload | builtin") || !strings.Contains(stdout, "CPU per delivery") {
		t.Errorf("table: exit code %d: %s\n%s", code, stderr, stdout)
	}
}

// TestGrowthRefuses: what cannot be held against each other is said in a line.
func TestGrowthRefuses(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	shipped := filepath.Join("..", "..", "results", "reference", "main-job")
	for _, c := range []struct{ args, says string }{
		{"growth --by clients", "takes folders"},
		{"growth --by clients " + empty, "there is no result.jsonl"},
		{"growth --by patience " + shipped, `"patience" is no setting`},
		{"growth --by clients " + shipped, "do not differ"},
		{"table " + empty, "there is no result.jsonl"},
		{"table --base nobody " + shipped, "there is no run of nobody"},
		{"relay --driver steam", "--driver"},
		{"relay --listen tcp://127.0.0.1:x", "the relay"},
	} {
		code, _, stderr := mqttbench(t.Context(), strings.Fields(c.args)...)
		if code != exitInput || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q, want one line with %q", c.args, code, stderr, c.says)
		}
	}
}
