package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttbench/broker"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// setTo runs mqttbroker passwd with a password on standard input.
func setTo(password string, args ...string) (code int, stderr string) {
	var out, errs strings.Builder
	code = run(context.Background(), append([]string{"passwd"}, args...), strings.NewReader(password), &out, &errs)
	return code, out.String() + errs.String()
}

// loginCode sends a CONNECT and returns the Connect Return Code of 3.1.1.
func loginCode(t *testing.T, url, user, password string) byte {
	t.Helper()
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	c := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("c")}
	if user != "" {
		c.HasUsername, c.Username, c.HasPassword, c.Password = true, []byte(user), true, []byte(password)
	}
	nc.SetDeadline(time.Now().Add(time.Minute)) // Hashing is slow on purpose.
	nc.Write(c.Append(nil))
	var ack [4]byte
	if _, err := io.ReadFull(nc, ack[:]); err != nil {
		t.Fatal(err)
	}
	return ack[3]
}

// A user is made by the subcommand, comes in, and nobody else does.
func TestPasswd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	for _, kind := range []string{"argon2id", "sha512-pbkdf2", "sha512", "scram-sha-256"} {
		if code, errs := setTo("secret of "+kind+"\nmore\n", "--hash", kind, file, kind); code != 0 || errs != "" {
			t.Fatal(code, errs)
		}
	}
	if code, errs := setTo("default", file, "bob"); code != 0 || errs != "" {
		t.Fatal(code, errs)
	}
	addrs, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--password-file", file, "--log-level", "error")
	for _, kind := range []string{"argon2id", "sha512-pbkdf2", "sha512", "scram-sha-256"} {
		if got := loginCode(t, addrs[0], kind, "secret of "+kind); got != 0 {
			t.Errorf("%s: %d", kind, got)
		}
		if got := loginCode(t, addrs[0], kind, "secret of "+kind+"\n"); got != 4 {
			t.Errorf("%s with another password: %d", kind, got)
		}
	}
	if got := loginCode(t, addrs[0], "bob", "default"); got != 0 {
		t.Errorf("bob: %d", got)
	}
	if got := loginCode(t, addrs[0], "", ""); got != 5 {
		t.Errorf("nobody: %d", got)
	}
	if code, errs := stop(); code != 0 || errs != "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
	for _, tt := range []struct {
		password string
		args     []string
		want     string
	}{
		{"x", []string{file}, "want mqttbroker passwd"},
		{"x", []string{"--hash", "md5", file, "bob"}, "--hash"},
		{"", []string{file, "bob"}, "empty password"},
		{"x", []string{file, "b:b"}, "colon"},
		{"x", []string{filepath.Join(file, "x"), "bob"}, "not a directory"},
		{"x", []string{"--nonsense", file, "bob"}, "nonsense"},
	} {
		if code, errs := setTo(tt.password, tt.args...); code != 2 || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: %d %q", tt.args, code, errs)
		}
	}
	if code, out := setTo("", "--help"); code != 0 || !strings.Contains(out, "scram-sha-256") {
		t.Error(code, out)
	}
}

// What is wrong with the files or the flags is said in one line that names the place, and nothing listens.
func TestBadAuthFlags(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := write("good", "bob:$6$u35Q6F3tidJ0yLPe$+0AhyTIE2XL391AM1hWsW0bZLyP/QK2qtlz0IWEi6pSrxF8P7lMbEd0vLrcfHZGA2ozGqKVp/DraZSBEsJe/8g==\n")
	bad := write("bad", "# x\nbob:secret\n")
	rules := write("rules", "topic a\n\ntopic rw b\n")
	for _, tt := range []struct{ args, want string }{
		{"--password-file " + bad, "bad:2: "},
		{"--acl-file " + rules, "rules:3: "},
		{"--password-file " + bad + " --acl-file " + rules, "rules:3: "},
		{"--password-file " + dir, "is not a file"},
		{"--password-file " + filepath.Join(dir, "none"), "no such file"},
		{"--acl-file " + filepath.Join(dir, "none"), "no such file"},
		{"--password-file " + good + " --username bob", "--password-file"},
		{"--cert-identity CN", "--cert-identity"},
		{"--cert-identity cn", "--cafile"},
		{"--anonymous=perhaps", "perhaps"},
		{"--auth-queue -1", "negative"},
	} {
		code, out, errs := output(append([]string{"--listen", "tcp://127.0.0.1:0"}, strings.Fields(tt.args)...)...)
		if code != 2 || out != "" {
			t.Errorf("%s: exit code %d, %q", tt.args, code, out)
		}
		if !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "mqttbroker: ") {
			t.Errorf("%s: %q does not say %q in one line", tt.args, errs, tt.want)
		}
	}
}

// Who listens beyond this machine is told in one line what that means.
func TestOpenListener(t *testing.T) {
	for args, want := range map[string]string{
		"":                  "all clients of this address are refused",
		"--anonymous":       "anybody who can reach this address",
		"--anonymous=false": "all clients of this address are refused",
		"--username x":      "",
	} {
		_, stop := startProgram(t, 1, append([]string{"--listen", "tcp://0.0.0.0:0"}, strings.Fields(args)...)...)
		code, errs := stop()
		if code != 0 || !strings.Contains(errs, want) || strings.Count(errs, "\n") != min(1, len(want)) {
			t.Errorf("%s: %d, %q", args, code, errs)
		}
	}
	addrs, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--anonymous=false", "--log-level", "error")
	if got := loginCode(t, addrs[0], "", ""); got != 5 {
		t.Errorf("nobody was answered with %d", got)
	}
	stop()
	// Names that nobody checks.
	rules := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(rules, []byte("topic a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stop = startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--acl-file", rules)
	if _, errs := stop(); !strings.Contains(errs, "claim any User Name") {
		t.Errorf("%q", errs)
	}
}

// A bad file changes nothing when it is read again, and is complained of in one line.
func TestReloadBadFile(t *testing.T) {
	f := authFlags{identity: "none"}
	f.files.Passwords = filepath.Join(t.TempDir(), "passwords")
	if code, errs := setTo("x", "--hash", "sha512", f.files.Passwords, "bob"); code != 0 {
		t.Fatal(errs)
	}
	var o broker.Options
	if err := f.options(&o, transport.ServerFiles{}); err != nil {
		t.Fatal(err)
	}
	s, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(f.files.Passwords)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	again := func(text string) {
		t.Helper()
		if err := os.WriteFile(f.files.Passwords, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		log.Reset()
		reload(s, nil, o.Guard, slog.New(slog.NewTextHandler(&log, nil)))
	}
	again(string(good) + "nonsense\nand more\n")
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "stay as they were") || !strings.Contains(text, "passwords:2: ") || !strings.Contains(text, "passwords:3: ") {
		t.Errorf("%q", text)
	}
	if !o.Guard.Passwords().Check("bob", []byte("x")) {
		t.Error("bob is forgotten")
	}
	again(strings.Replace(string(good), "bob", "carol", 1))
	if text := log.String(); !strings.Contains(text, "read passwords") || !o.Guard.Passwords().Check("carol", []byte("x")) || o.Guard.Passwords().Check("bob", []byte("x")) {
		t.Errorf("%q", text)
	}
}
