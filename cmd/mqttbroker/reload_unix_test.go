//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// At SIGHUP the password file is read again.
func TestPasswordsOnHangup(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwords")
	set := func(user, password string) {
		t.Helper()
		if code, errs := setTo(password, "--hash", "sha512", file, user); code != 0 {
			t.Fatal(errs)
		}
	}
	set("bob", "old")
	addrs, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--password-file", file, "--log-level", "error")
	hangup := func(user, password string) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		for until := time.Now().Add(time.Minute); loginCode(t, addrs[0], user, password) != 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s is not let in after SIGHUP", user)
			}
		}
	}
	set("bob", "new")
	if got := loginCode(t, addrs[0], "bob", "old"); got != 0 {
		t.Errorf("before SIGHUP: %d", got)
	}
	hangup("bob", "new")
	if got := loginCode(t, addrs[0], "bob", "old"); got != 4 {
		t.Errorf("with the old password: %d", got)
	}
	set("carol", "x")
	hangup("carol", "x")
	if code, errs := stop(); code != 0 || errs != "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
}
