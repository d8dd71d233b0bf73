package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A mistake in a file is one line, with the place that an editor can jump to, and exit code 2.
func TestBadConfig(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "c.yaml: it is empty"},
		{"- a\n", "c.yaml:1:1: a configuration is not a list"},
		{"max-queud: 5\n", `c.yaml:1:1: unknown key "max-queud"; did you mean "max-queued"\?`},
		{"loops: 1\nmax_queued: 5\n", `c.yaml:2:1: unknown key "max_queued"; did you mean "max-queued"\?`},
		{"loops: 1\nloops: 2\n", "c.yaml:2:1: "},
		{"loops: many\n", "c.yaml:1:8: loops: many is not a whole number"},
		{"loops: 010\n", "c.yaml:1:8: loops: 010 is not a whole number"},
		{"loops: 1.5\n", "loops: 1.5 is not a whole number"},
		{"loops: [1]\n", "c.yaml:1:8: loops: a list"},
		{"receive-maximum: 70000\n", "c.yaml:1:18: receive-maximum: 70000 is not"},
		{"connect-timeout: 5\n", "c.yaml:1:18: connect-timeout: 5 is not a duration such as 30s"},
		{"no-retain: yes\n", "c.yaml:1:12: no-retain: yes is not true or false"},
		{"username: 5\n", "c.yaml:1:11: username: 5 is not a text: put it in quotes"},
		{"listen: []\n", "c.yaml:1:9: listen: the list is empty"},
		{"listen: {a: b}\n", "listen: the value is not a text"},
		{"listen: [tcp://127.0.0.1:0, 5]\n", "c.yaml:1:29: listen: 5 is not a text"},
		{"version: true\n", "c.yaml:1:1: version is for the command line alone"},
		{"config: x\n", "config is for the command line alone"},
		{"loops: 1\n---\nloops: 2\n", "a second document"},
		{"loops: &x 1\n", "loops: the value is not"},
		{"loops: -1\n", "loops: -1 is negative"},
		{"password: x\n", "--username"},
	} {
		file := writeFile(t, "c.yaml", c.text)
		code, out, errs := output("--config", file)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !regexp.MustCompile(c.want).MatchString(errs) {
			t.Errorf("%q: exit code %d, %q, want %q in one line", c.text, code, errs, c.want)
		}
	}
	if code, _, errs := output("--config", filepath.Join(t.TempDir(), "none.yaml")); code != 2 || !strings.Contains(errs, "none.yaml") {
		t.Errorf("exit code %d, %q", code, errs)
	}
	// What the command line says as well is checked all the same.
	if code, _, errs := output("--check", "--loops", "1", "--config", writeFile(t, "c.yaml", "loops: many\n")); code != 2 {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

// Each flag can be set by a file; the command line has the last word.
func TestEveryFlagInAFile(t *testing.T) {
	set := new(flags).set()
	for _, key := range configKeys(set) {
		f := set.Lookup(key)
		value := map[string]string{
			"bool": "true", "duration": "7s", "string": `"seven"`, "stringArray": `["seven", "eight"]`,
		}[f.Value.Type()]
		if value == "" {
			value = "7"
		}
		fresh := new(flags).set()
		if err := readConfig(fresh, writeFile(t, "c.yaml", key+": "+value+"\n")); err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		want := strings.NewReplacer(`"`, "", " ", "").Replace(value)
		if got := fresh.Lookup(key); strings.NewReplacer(`"`, "", " ", "").Replace(got.Value.String()) != want || !got.Changed {
			t.Errorf("%s: %s became %s", key, value, got.Value)
		}
	}
	if n := len(configKeys(set)); n < 40 {
		t.Errorf("only %d keys", n)
	}
	file := writeFile(t, "c.yaml", "max-queued: 5\nmax-packet: 600\nlisten: [\"tcp://127.0.0.1:1\", \"tcp://127.0.0.1:2\"]\n")
	f, err := parse([]string{"--config", file, "--max-queued", "6", "--listen", "tcp://127.0.0.1:3"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.session.MaxQueued, f.limits.MaxPacket, f.listen); got != "6 600 [tcp://127.0.0.1:3]" {
		t.Error(got)
	}
	if f, err = parse([]string{"--config", file}); err != nil || len(f.listen) != 2 {
		t.Errorf("%v, %v", f.listen, err)
	}
}

// What --print-config prints says the same when it is read.
func TestPrintConfig(t *testing.T) {
	args := []string{"--max-queued", "7", "--listen", "tcp://127.0.0.1:0", "--listen", "unix:///tmp/a b\"c", "--no-retain", "--max-keep-alive", "90s", "--username", "Zoë: #1", "--password", "hush"}
	code, printed, errs := output(append(args, "--print-config")...)
	if code != 0 || errs != "" || strings.Contains(printed, "hush") {
		t.Fatalf("exit code %d, %q\n%s", code, errs, printed)
	}
	file := writeFile(t, "c.yaml", printed)
	code, again, errs := output("--config", file, "--password", "hush", "--print-config")
	if code != 0 || again != printed {
		t.Errorf("exit code %d, %q; printed\n%s\nand then\n%s", code, errs, printed, again)
	}
	for _, want := range []string{"max-queued: 7\n", `listen: ["tcp://127.0.0.1:0", "unix:///tmp/a b\"c"]`, "no-retain: true\n", "max-keep-alive: 1m30s\n"} {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, printed)
		}
	}
	new(flags).set().VisitAll(func(f *pflag.Flag) {
		if in := strings.Contains(printed, "\n"+f.Name+": ") || strings.Contains(printed, "#"+f.Name+": ") || strings.Contains(printed, "# "+f.Name+" is set"); in == contains(commandOnly, f.Name) {
			t.Errorf("%s: printed %v", f.Name, in)
		}
	})
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// --check opens what a start would read, and takes nothing: neither an address nor the data directory.
func TestCheck(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	newer, foreign := filepath.Join(dir, "newer"), filepath.Join(dir, "foreign")
	for path, text := range map[string]string{
		filepath.Join(newer, "VERSION"):     "mqttbench store 9\n",
		filepath.Join(foreign, "photo.jpg"): "x",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	later := filepath.Join(dir, "later")
	code, out, errs := output("--check", "--listen", "tcp://"+taken.Addr().String(), "--metrics-listen", taken.Addr().String(), "--data-dir", later)
	if code != 0 || errs != "" || out != "all is in order\n" {
		t.Errorf("exit code %d, %q, %q", code, out, errs)
	}
	if _, err := os.Stat(later); err == nil {
		t.Error("it has made the data directory")
	}
	for _, c := range []struct{ args, want string }{
		{"--max-packet 1", "packet"},
		{"--listen gopher://x", "gopher"},
		{"--listen tcp://127.0.0.1", "port"},
		{"--listen tcp://127.0.0.1:http2", "port"},
		{"--listen tls://127.0.0.1:0", "certificate"},
		{"--listen tls://127.0.0.1:0 --certfile none.pem --keyfile none.key", "none.pem"},
		{"--metrics-listen here", "--metrics-listen"},
		{"--pprof-listen 127.0.0.1:x", "--pprof-listen"},
		{"--log-format xml", "--log-format"},
		{"--password-file " + filepath.Join(dir, "none"), "none"},
		{"--acl-file " + filepath.Join(dir, "none"), "none"},
		{"--data-dir " + newer, "format version 9"},
		{"--data-dir " + foreign, "not a store"},
		{"--data-dir " + filepath.Join(foreign, "photo.jpg"), "not a directory"},
	} {
		code, out, errs := output(append([]string{"--check"}, strings.Fields(c.args)...)...)
		if code != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit code %d, %q, %q", c.args, code, out, errs)
		}
	}
}

// A store that is in use or was closed passes, and is left as it was.
func TestCheckOfAStore(t *testing.T) {
	dir := t.TempDir()
	_, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--data-dir", dir)
	if code, _, errs := output("--check", "--data-dir", dir); code != 0 {
		t.Errorf("exit code %d, %q", code, errs)
	}
	stop()
	before := listing(t, dir)
	if code, _, errs := output("--check", "--data-dir", dir); code != 0 {
		t.Errorf("exit code %d, %q", code, errs)
	}
	if after := listing(t, dir); after != before {
		t.Errorf("%s became %s", before, after)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}
