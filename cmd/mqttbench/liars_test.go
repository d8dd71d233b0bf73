package main

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestLiars: a broker that drops, duplicates, reorders, corrupts, or acknowledges what it never delivers is found out by whole runs, each lie as often as
// it was told and nothing besides. (mqttbench selftest tells each at every QoS, and on both sides.)
func TestLiars(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	var list []injection
	for _, x := range lies() {
		if strings.HasPrefix(x.name, "QoS 1") && strings.Contains(x.name, " to ") || strings.HasPrefix(x.name, "QoS 2, 7 x forge from") || strings.HasPrefix(x.name, "QoS 2, 7 x reuse") {
			list = append(list, x)
		}
	}
	var out bytes.Buffer
	st := &selftest{dir: t.TempDir(), stdout: &out, stderr: io.Discard}
	st.carryOut(t.Context(), list)
	for _, lie := range []string{"drop", "duplicate", "reorder", "corrupt", "forge", "reuse"} {
		if !strings.Contains(out.String(), " x "+lie) {
			t.Errorf("nobody told %s", lie)
		}
	}
	if st.failed > 0 || strings.Count(out.String(), ": ok\n") != len(list) {
		t.Error(out.String())
	}
}

// TestNeverAnswers: a broker that takes connections and says nothing is one line and exit code 2; one that stops acknowledging is a promise that is
// not kept: the exchange is stuck.
func TestNeverAnswers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	}()
	code, stdout, stderr := mqttbench(t.Context(), "--broker", "tcp://"+l.Addr().String(), "--connect-timeout", "300ms", "--quiet", "--out", filepath.Join(t.TempDir(), "r"))
	if code != exitInput || !strings.Contains(stderr, "no answer from tcp://"+l.Addr().String()+" within 300ms") || strings.Count(stderr, "\n") != 1 || stdout != "" {
		t.Errorf("exit code %d, %q and %q", code, stdout, stderr)
	}

	r, code, stdout := befallen(t, []int64{1}, "--qos", "1", "--clients", "4", "--rate", "200", "--duration", "500ms", "--fault", "drop:PUBLISH:from=mb*p0:nth=5")
	if code != exitBroken || !strings.Contains(stdout, "QoS 1 BROKEN") {
		t.Fatalf("exit code %d\n%s", code, stdout)
	}
	if c := r.Summary.Contracts[0]; c.Count(result.Stuck) != 1 || c.Count(result.LostUnknown) != 1 || len(c.Findings) != 2 {
		t.Errorf("%+v", c.Findings)
	}
}
