package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/result"
	"mqttbench/broker"
)

// newBroker starts one in this process, which tells what it dropped under $SYS every second.
func newBroker(t *testing.T, maxQueued int) (url string, s *broker.Server) {
	t.Helper()
	o := broker.Options{Listen: []string{"tcp://127.0.0.1:0"}, SysInterval: time.Second}
	o.SessionLimits.MaxQueued = maxQueued
	s, err := broker.New(o)
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		s.Shutdown(ctx)
	})
	return s.Addrs()[0], s
}

// overloaded carries out a run in which hundreds of messages are queued for each of two subscribers while they are away, unless all are late.
func overloaded(t *testing.T, flags ...string) (r *result.Run, stdout string) {
	t.Helper()
	again(t, func(int) bool {
		out := filepath.Join(t.TempDir(), "run")
		args := append([]string{
			"--qos", "1", "--clients", "4", "--rate", "1000", "--warmup", "0s", "--duration", "700ms", "--clean-session=false",
			"--offline-at", "100ms", "--offline-for", "500ms", "--quiet", "--charts=false", "--out", out,
		}, flags...)
		code, said, stderr := mqttbench(t.Context(), args...)
		run, err := result.Read(out)
		if err != nil || code != exitBroken && !measured(code) {
			t.Fatalf("exit code %d, %v\n%s%s", code, err, said, stderr)
		}
		r, stdout = run, said
		return code == exitBroken
	})
	if t.Failed() {
		t.FailNow()
	}
	return r, stdout
}

// TestDroppedByOverload: what a broker drops at a limit of its queues, and says that it does, is dropped by overload and not lost: each message, and as many
// as the broker has counted.
func TestDroppedByOverload(t *testing.T) {
	if testing.Short() {
		t.Skip("the runs wait for what never comes")
	}
	t.Parallel()
	told := func(t *testing.T, r *result.Run, stdout string) {
		c, x := r.Summary.Contracts[0], r.Summary.Overload
		n := c.Count(result.DroppedOverload)
		if n == 0 || c.Count(result.Lost) != 0 || len(c.Findings) != 1 || x == nil || !x.Counted || x.Dropped != n {
			t.Errorf("%+v, %+v\n%s", c.Findings, x, stdout)
		}
		if o := c.Findings[0].First[0]; o.Subscriber == "" || o.Publisher == "" || o.At == 0 || o.SentID == 0 || o.SentConnection == 0 {
			t.Errorf("the first: %+v", o)
		}
		if want := fmt.Sprintf("the broker dropped %d messages during the run", n); !strings.Contains(unwrapped(stdout), want) {
			t.Errorf("nothing says %q:\n%s", want, stdout)
		}
	}
	t.Run("mqttbroker", func(t *testing.T) {
		t.Parallel()
		url, s := newBroker(t, 50)
		r, stdout := overloaded(t, "--broker", url)
		told(t, r, stdout)
		if n, own := r.Summary.Contracts[0].Count(result.DroppedOverload), s.Stats().Dropped.SessionFull; uint64(n) != own {
			t.Errorf("%d found, %d dropped by the broker", n, own)
		}
	})
	t.Run("mosquitto", func(t *testing.T) {
		t.Parallel()
		if _, err := exec.LookPath("mosquitto"); err != nil {
			t.Skip(err)
		}
		conf := filepath.Join(t.TempDir(), "conf")
		if err := os.WriteFile(conf, []byte("allow_anonymous true\nmax_queued_messages 50\nsys_interval 1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		r, stdout := overloaded(t, "--broker-cmd", "mosquitto -c "+conf+" -p {port}")
		told(t, r, stdout)
		if x := r.Summary.Overload; x != nil && !strings.Contains(strings.Join(x.Evidence, "\n"), "its log says: ") {
			t.Errorf("%+v", x)
		}
	})
	// A broker that drops and says nothing of it, as its own count shows, has lost them.
	t.Run("without a word", func(t *testing.T) {
		t.Parallel()
		url, _ := newBroker(t, 0)
		r, stdout := overloaded(t, "--broker", newSick(t, url, bugs["one in 40 is missing"]))
		c := r.Summary.Contracts[0]
		if n := c.Count(result.Lost); n == 0 || len(c.Findings) != 1 || r.Summary.Overload != nil {
			t.Errorf("%+v, %+v\n%s", c.Findings, r.Summary.Overload, stdout)
		}
	})
}

// unwrapped is a text in one line.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }
