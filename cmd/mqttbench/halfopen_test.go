package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// TestHalfOpen: a client whose cable is pulled is noticed by our broker, which says why in version 5; and a broker that never looks is found out, with the
// client, its connection and the last packet that it heard.
func TestHalfOpen(t *testing.T) {
	if testing.Short() {
		t.Skip("a Keep Alive has to pass")
	}
	t.Parallel()
	run := func(t *testing.T, flags ...string) (*result.Run, int, string) {
		out := filepath.Join(t.TempDir(), "run")
		code, stdout, stderr := mqttbench(t.Context(), append([]string{
			"--qos", "1", "--clients", "4", "--rate", "100", "--keep-alive", "1s", "--clean-session=false", "--warmup", "0s", "--duration", "500ms",
			"--quiet", "--charts=false", "--out", out,
		}, flags...)...)
		r, err := result.Read(out)
		if err != nil {
			t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
		}
		return r, code, stdout
	}
	t.Run("noticed", func(t *testing.T) {
		t.Parallel()
		again(t, func(int) bool {
			r, code, stdout := run(t, "--mqtt", "5", "--fault", "silence:of=mb*p0:at=100ms", "--fault", "silence:of=mb*s1:at=100ms")
			if code == exitBroken {
				t.Fatalf("exit code %d, %+v\n%s", code, r.Summary.Silences, stdout)
			}
			if !decided(r, 2) {
				return false
			}
			for _, x := range r.Summary.Silences {
				if x.Noticed != result.SilenceNoticed || x.Reason != result.KeepAliveTimeout || x.End == "" || x.KeepAlive != 1 || x.Waited < 0.5 || x.Last == "" || x.Since <= 0 {
					t.Errorf("%+v", x)
				}
			}
			if !strings.Contains(unwrapped(stdout), "2 clients fell silent, with a Keep Alive of 1 s: noticed ") {
				t.Error(stdout)
			}
			return true
		})
	})
	t.Run("unnoticed", func(t *testing.T) {
		t.Parallel()
		url, _ := newBroker(t, 0)
		never := bug{connect: func(wire []byte) { wire[10], wire[11] = 0, 0 }} // Keep Alive, behind the 10 bytes before it.
		at := newSick(t, url, never)
		var r *result.Run
		var code int
		var stdout string
		again(t, func(int) bool {
			r, code, stdout = run(t, "--broker", at, "--fault", "silence:of=mb*p0:at=100ms:for=100ms")
			return decided(r, 1)
		})
		if t.Failed() {
			return
		}
		x := r.Summary.Silences[0]
		c := r.Summary.Contracts[0]
		c.Findings = slices.DeleteFunc(c.Findings, func(f result.Finding) bool { return !f.Class.Breaks() })
		if code != exitBroken || c.Count(result.HalfOpen) != 1 || len(c.Findings) != 1 || x.Noticed != result.SilenceUnnoticed {
			t.Fatalf("exit code %d, %+v, %+v\n%s", code, c.Findings, x, stdout)
		}
		o := c.Findings[0].First[0]
		if !strings.HasSuffix(o.Client, "p0") || o.SeenConnection != 1 || o.Seen <= o.At || o.SeenID != x.LastID ||
			!strings.Contains(o.Text, "the broker heard P") || !strings.Contains(o.Text, "the Keep Alive is 1 s, so it had 1.5 s, and 0.1 s of grace") {
			t.Errorf("%+v", o)
		}
		if !strings.Contains(unwrapped(stdout), "half-open: client "+o.Client+", at ") {
			t.Error(stdout)
		}
	})
}

// decided: so many clients fell silent, and this machine did not stand still, so that it is known what the broker did.
func decided(r *result.Run, clients int) bool {
	all := r.Summary.Silences
	return len(all) == clients && !slices.ContainsFunc(all, func(x result.Silence) bool { return x.Noticed == result.SilenceUnknown })
}
