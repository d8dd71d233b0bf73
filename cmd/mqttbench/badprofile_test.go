package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/bench/strict"
)

// TestBadProfiles: whatever somebody gives as a profile, one line says what is wrong with it and where, and nothing is measured.
func TestBadProfiles(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder.yaml", 0o755); err != nil {
		t.Fatal(err)
	}
	const head = "name: a\ndescription: b\n"
	bomb := head + "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'k'; i++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	var many strings.Builder
	many.WriteString(head)
	for i := range 5_000 {
		fmt.Fprintf(&many, "k%d: %d\n", i, i)
	}
	for i, c := range []struct{ text, says string }{
		{"", "it is empty"},
		{"\x7fELF\x02\x01\x01\x00\x00\x00", ":1:1: "},
		{"\x89PNG\r\n\x1a\n\x00\x00", ":1:"},
		{bomb, `:3:1: unknown key "a"`},
		{head + "qos: &x 1\npub_qos: *x\n", ":3:6: "},
		{head + "topic: " + strings.Repeat("[", 20_000), ":3:72: more than 64 brackets within each other"},
		{head + strings.Repeat("a:\n ", 1), ""},
		{many.String(), `:3:1: unknown key "k0"`},
		{strings.Repeat("#", strict.MaxSize+1), "and no profile"},
		{head + "rat: 5\n", `:3:1: unknown key "rat"; did you mean "rate"?`},
		{head + "rate: 5\nclosed: true\n", ":3:7: --rate and --closed exclude each other"},
		{head + "clients: 2\nrate: 9999999999999999\n", "nobody publishes more"},
		{head + "clients: 1\n", ":3:10: --clients 1: one client alone"},
		{head + "publishers: 0\nsubscribers: 0\n", ":3:13: --publishers 0 and --subscribers 0"},
		{head + "pub_clean_session: nope\n", ":3:20: pub_clean_session: nope is neither true nor false"},
		{head + "offline: {at: 1s}\n", ":3:15: --offline-at without --offline-for"},
		{head + "offline: [{at: 5s, for: 1s}, {at: 1s, for: 1s}]\n", "one must follow the other"},
		{head + "sub_clean_session: false\nsession_expiry: 5s\n", ":4:17: --session-expiry needs --mqtt 5"},
		{head + "churn: {takeover: 1}\n", ":3:19: --churn-takeover without --churn"},
		{head + "faults: [\"rest:PUBLISH:nth=1\"]\n", `:3:10: --fault "rest:PUBLISH:nth=1", column 1: there is no fault "rest"; did you mean "reset"?`},
		{head + "stages: [{for: 5s, rate: 10}]\nduration: 5s\n", "exclude each other"},
		{head + "payload: 99999999999\n", ":3:10: payload: 99999999999 is not a whole number"},
		{head + "clients: 33554433\n", ":3:10: clients: 33554433 is not a whole number from 1 to"},
		{head + "slo: p99\n", ":3:6: --slo: "},
		{head + "extends: w2-pair\n", `:3:10: there is no profile "w2-pair"; did you mean "w2-pairs"`},
		{head + "variants: [{name: x, rate: 1, closed: true}]\n", "f%d.yaml:3:28: --rate and --closed"},
	} {
		file := fmt.Sprintf("f%d.yaml", i)
		if err := os.WriteFile(file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := mqttbench(t.Context(), "run", file, "--out", "out")
		if says := strings.Replace(c.says, "f%d.yaml", file, 1); code != exitInput || !strings.Contains(stderr, says) || strings.Count(stderr, "\n") != 1 || stdout != "" || len(stderr) > 500 || !strings.Contains(stderr, file) && !strings.Contains(stderr, "profile a") {
			t.Errorf("%.60q: exit code %d, said %q and %q; want one line with %q", c.text, code, stderr, stdout, says)
		}
	}
	for _, file := range []string{"folder.yaml", "nowhere.yaml", "folder.yaml/x", filepath.Join("no", "where.yml"), ".yaml"} {
		if code, _, stderr := mqttbench(t.Context(), "run", file); code != exitInput || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, said %q", file, code, stderr)
		}
	}
	if _, err := os.Stat("out"); err == nil {
		t.Error("a folder for results is left behind")
	}
}
