package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is wrong with a data directory is said in one line, with exit code 2.
func TestBadDataDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	newer, foreign, inUse := t.TempDir(), t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		file:                                "",
		filepath.Join(newer, "VERSION"):     "mqttbench store 9\n",
		filepath.Join(foreign, "photo.jpg"): "x",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--data-dir", inUse)
	defer stop()
	for _, tt := range []struct{ args, want string }{
		{"--sync os", "--data-dir"},
		{"--accept-loss", "--data-dir"},
		{"--data-dir " + foreign + " --sync always", "--sync"},
		{"--data-dir " + file, "not a directory"}, // To be written to by nobody, root included.
		{"--data-dir " + foreign, "not a store"},
		{"--data-dir " + inUse, "in use"},
		{"--data-dir " + newer, "format version 9"},
	} {
		args := append([]string{"--listen", "tcp://127.0.0.1:0"}, strings.Fields(tt.args)...)
		code, out, errs := output(args...)
		if code != 2 || out != "" {
			t.Errorf("%s: exit code %d, %q", tt.args, code, out)
		}
		if !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "mqttbroker: ") {
			t.Errorf("%s: %q does not say %q in one line", tt.args, errs, tt.want)
		}
	}
}
