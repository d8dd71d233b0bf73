package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestManuals: every command has a help text, from which its manual and its completion are made.
func TestManuals(t *testing.T) {
	var have []string
	for _, m := range manuals() {
		have = append(have, m.command)
		if code, stdout, _ := mqttbench(t.Context(), m.command, "--help"); code != exitKept || stdout != m.text {
			t.Errorf("%s --help is not its manual", m.command)
		}
	}
	for name := range commands {
		if !slices.Contains(have, name) {
			t.Errorf("%s has no manual", name)
		}
	}
}

// script is the completion of a shell, in a file.
func script(t *testing.T, shell string) string {
	t.Helper()
	code, stdout, stderr := mqttbench(t.Context(), "completion", shell)
	if code != exitKept || stderr != "" {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	path := filepath.Join(t.TempDir(), "completion."+shell)
	if err := os.WriteFile(path, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBashCompletion sources the script and presses Tab.
func TestBashCompletion(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash")
	}
	path := script(t, "bash")
	press := func(words ...string) []string {
		t.Helper()
		const tab = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mqttbench; printf '%s\n' "${COMPREPLY[@]}"`
		cmd := exec.Command(bash, append([]string{"--norc", "-c", tab, "bash", path, "mqttbench"}, words...)...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Fields(string(out))
	}
	for _, c := range []struct {
		words []string
		want  []string
	}{
		{[]string{"swe"}, []string{"sweep"}},
		{[]string{"--qo"}, []string{"--qos"}},
		{[]string{"--qos", ""}, []string{"0", "1", "2", "0,1,2"}},
		{[]string{"-q", "0"}, []string{"0", "0,1,2"}},
		{[]string{"--mqtt", "=", "3.1."}, []string{"3.1.1"}},
		{[]string{"sweep", "--cap"}, []string{"--capacity"}},
		{[]string{"sweep", "--metrics-l"}, []string{"--metrics-listen"}},
		{[]string{"selftest", "--q"}, []string{"--quick"}},
		{[]string{"run", "w2-"}, []string{"w2-pairs"}},
		{[]string{"--profile", "w2-"}, []string{"w2-pairs"}},
		{[]string{"--fault", "res"}, []string{"resend", "reset"}},
		{[]string{"--rate", ""}, nil},
		{[]string{"completion", "z"}, []string{"zsh"}},
	} {
		if got := press(c.words...); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.words, got, c.want)
		}
	}
	all := press("--")
	var s settings
	s.flags().VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(all, "--"+f.Name) {
			t.Errorf("--%s is not completed", f.Name)
		}
	})
}

// TestOtherShells has them read their scripts.
func TestOtherShells(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"zsh", "fish"} {
		path := script(t, shell)
		text, _ := os.ReadFile(path)
		for _, word := range []string{"sweep", "metrics-listen", "w2-pairs", "constant poisson burst"} {
			if !strings.Contains(string(text), word) {
				t.Errorf("%s: no %q", shell, word)
			}
		}
		if exe, err := exec.LookPath(shell); err != nil {
			t.Logf("there is no %s to read it", shell)
		} else if out, err := exec.Command(exe, "-n", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	for _, args := range []string{"completion", "completion ksh", "completion bash zsh", "man 7"} {
		if code, stdout, stderr := mqttbench(t.Context(), strings.Fields(args)...); code != exitInput || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %q", args, code, stderr)
		}
	}
}

// TestManPage: the page says what the helps say, and formatters have nothing against it.
func TestManPage(t *testing.T) {
	t.Parallel()
	code, page, _ := mqttbench(t.Context(), "man")
	if code != exitKept {
		t.Fatal(code)
	}
	var s settings
	s.flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(page, `\-\-`+strings.ReplaceAll(f.Name, "-", `\-`)) {
			t.Errorf("--%s is not in it", f.Name)
		}
	})
	for _, section := range []string{"NAME", `"EXIT CODES"`, `"FAULTS"`, `"MQTTBENCH SWEEP"`, `"MQTTBENCH COMPLETION"`} {
		if !strings.Contains(strings.ReplaceAll(page, `\-`, "-"), ".SH "+section+"\n") {
			t.Errorf("no section %s", section)
		}
	}
	if mandoc, err := exec.LookPath("mandoc"); err == nil {
		cmd := exec.Command(mandoc, "-T", "lint", "-W", "warning")
		cmd.Stdin = strings.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("mandoc: %v\n%s", err, out)
		}
	}
	if groff, err := exec.LookPath("groff"); err == nil {
		cmd := exec.Command(groff, "-man", "-ww", "-z", "-K", "utf8")
		cmd.Stdin = strings.NewReader(page)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("groff: %v\n%s", err, out)
		}
	}
}
