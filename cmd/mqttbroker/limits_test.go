package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mqttbench/broker/metrics"
)

// granted are flags that bound what clients are granted: nobody can reach them.
var granted = []string{"max-keep-alive", "max-session-expiry", "max-topic-alias-out"}

// The table of limits names flags that there are, with the defaults that they have, metrics that there are, and tests that there are; and
// none is missing.
func TestLimitsTable(t *testing.T) {
	text, err := os.ReadFile("LIMITS.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testsOf(t, "../../broker")
	counted := map[string]bool{}
	for _, l := range metrics.Limits {
		counted[l.Flag] = true
	}
	set := new(flags).set()
	listed := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 7 || !strings.Contains(cells[1], "`--") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
			if cells[i] == "" {
				t.Errorf("an empty cell in %q", line)
			}
		}
		flag := strings.Trim(cells[1], "`-")
		listed[flag] = true
		if f := set.Lookup(flag); f == nil {
			t.Errorf("there is no --%s", flag)
		} else if f.DefValue != cells[2] {
			t.Errorf("--%s is %s if it is not given, not %s", flag, f.DefValue, cells[2])
		}
		if !counted[flag] {
			t.Errorf("no metric counts --%s", flag)
		}
		if !tests[cells[6]] {
			t.Errorf("there is no %s", cells[6])
		}
	}
	for _, l := range metrics.Limits {
		if !listed[l.Flag] {
			t.Errorf("--%s is not in the table", l.Flag)
		}
	}
	set.VisitAll(func(f *pflag.Flag) {
		if strings.HasPrefix(f.Name, "max-") && !listed[f.Name] && !contains(granted, f.Name) {
			t.Errorf("--%s is not in the table", f.Name)
		}
	})
	if len(listed) < 15 {
		t.Errorf("only %d limits were found", len(listed))
	}
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// testsOf are the tests of a package.
func testsOf(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatal("no tests: ", err)
	}
	all := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
			all[m[1]] = true
		}
	}
	return all
}
