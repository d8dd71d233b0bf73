package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

// TestAuthMethod: clients that prove by SCRAM who they are, each from a line of its own, to a broker that lets in nobody else; they come and go. A
// wrong password is one line.
func TestAuthMethod(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := auth.Files{Passwords: filepath.Join(dir, "passwords")}
	lines := ""
	for i := range 4 {
		user := fmt.Sprintf("user %d", i)
		if err := auth.SetPassword(files.Passwords, user, []byte("pencil, "+user), auth.SCRAM); err != nil {
			t.Fatal(err)
		}
		lines += fmt.Sprintf("%s,\"pencil, %s\"\n", user, user)
	}
	people := filepath.Join(dir, "people.csv")
	if err := os.WriteFile(people, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	guard, err := files.Open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := broker.New(broker.Options{Listen: []string{"tcp://127.0.0.1:0"}, Guard: guard})
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
	out := filepath.Join(dir, "run")
	args := []string{"--broker", s.Addrs()[0], "--mqtt", "5", "--auth-method", "SCRAM-SHA-256", "--qos", "1", "--clients", "4", "--rate", "100", "--warmup", "0s", "--duration", "400ms",
		"--churn", "20", "--churn-down", "20ms", "--clean-session=false", "--quiet", "--charts=false"}
	code, stdout, stderr := mqttbench(t.Context(), append(args, "--credentials", people, "--out", out)...)
	if !measured(code) {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	r, err := result.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	took := map[string]int64{}
	for _, x := range r.Summary.Exchanges {
		took[x.Name] = x.Took.Count
	}
	if c := r.Summary.Contracts[0]; took["AUTH"] < 4 || took["AUTH"] != took["CONNACK"] || c.Delivered != c.Expected || c.Expected == 0 {
		t.Errorf("%v, %+v", took, c)
	}
	if text, err := os.ReadFile(filepath.Join(out, result.ResultFile)); err != nil || strings.Contains(string(text), "pencil") {
		t.Errorf("the result has a password in it, or cannot be read: %v", err)
	}

	code, stdout, stderr = mqttbench(t.Context(), append(slices.Clone(args), "--username", "user 0", "--password", "pen", "--out", filepath.Join(dir, "none"))...)
	if code != exitInput || !strings.Contains(stderr, packet.NotAuthorized.String()) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, c := range []struct{ args, says string }{
		{"--auth-method SCRAM-SHA-256 --username a", "--auth-method needs --mqtt 5"},
		{"--mqtt 5 --auth-method SCRAM-SHA-256", "--username and --password, or --credentials"},
		{"--mqtt 5 --auth-method PLAIN --username a", "there is SCRAM-SHA-256"},
		{"--mqtt 5 --auth-method SCRAM-SHA-256 --username a --password \x01", "of client 0"},
	} {
		args := append(strings.Fields(c.args), "--quiet", "--out", filepath.Join(dir, "none"))
		if code, stdout, stderr := mqttbench(t.Context(), args...); code != exitInput || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: exit code %d, want %q\n%s%s", c.args, code, c.says, stdout, stderr)
		}
	}
}
