package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestNoisyExit: a run whose promises were kept on a noisy machine ends with 4 and says why, unless noise is tolerated; a broken promise
// is not noise.
func TestNoisyExit(t *testing.T) {
	for _, c := range []struct {
		command error
		args    string
		want    int
		says    string
	}{
		{exitError(exitNoisy), "", exitNoisy, "kept; NOISY"},
		{exitError(exitNoisy), "--tolerate-noise", exitKept, ""},
		{exitError(exitBroken), "--tolerate-noise", exitBroken, ""},
		{exitError(exitInvalid), "--tolerate-noise", exitInvalid, ""},
		{nil, "", exitKept, ""},
		{errors.New("half-way"), "--tolerate-noise", exitBroken, "half-way"},
	} {
		commands["noise"] = func(context.Context, []string, io.Writer, io.Writer) error { return c.command }
		code, stdout, stderr := mqttbench(t.Context(), append([]string{"noise"}, strings.Fields(c.args)...)...)
		if code != c.want || stdout != "" || !strings.Contains(stderr, c.says) || c.says == "" && stderr != "" {
			t.Errorf("%v with %q: exit code %d, %q", c.command, c.args, code, stderr)
		}
	}
	delete(commands, "noise")
}
