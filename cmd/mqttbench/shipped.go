package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"mqttbench/bench/result"
)

// shippedScenarios are the profiles that ask a broker a question about its promises, and flags that make them short.
var shippedScenarios = []struct{ profile, small string }{
	{"persistent-session", "--publishers 20 --subscribers 20 --rate 200 --offline-at 500ms --offline-for 1500ms --duration 3s"},
	{"handshake-cut", "--publishers 5 --subscribers 5 --rate 200 --duration 2s"},
	{"reconnect-churn", "--publishers 20 --subscribers 20 --rate 200 --duration 3s"},
	{"flapping", "--publishers 20 --subscribers 20 --rate 400 --flap 40 --duration 3s"},
	{"offline-windows", "--publishers 20 --subscribers 20 --rate 200"},
	{"will-storm", "--publishers 50 --rate 50 --offline-at 500ms --offline-for 2500ms --duration 4s"},
	{"retained-flood", "--publishers 100 --rate 100 --warmup 1500ms --duration 3s"},
	{"shared-skew", "--publishers 20 --rate 800 --duration 3s"},
	{"wildcard-storm", "--publishers 50 --subscribers 50 --rate 500 --duration 2s"},
	{"connection-storm", "--publishers 10 --subscribers 300 --offline-at 1s --duration 3s"},
	{"slow-consumer", "--duration 3s"},
	{"half-open", "--publishers 5 --subscribers 5 --rate 50 --duration 2s"},
	{"qos-tradeoff", "--publishers 20 --subscribers 20 --rate 200 --duration 1500ms"},
}

// A table is a carrying out of the shipped scenarios against several brokers.
type shippedTable struct {
	dir    string
	names  []string // Of the brokers.
	flags  [][]string
	stdout io.Writer
	stderr io.Writer
	extra  []string // Flags for every run.

	mu     sync.Mutex
	broken map[string]int // By broker.
}

// shippedCommand runs every shipped scenario in small against every broker that is named, and prints a table in Markdown.
func shippedCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	keep, only := "", ""
	shipped := false
	f, err := s.parse(args, func(f *pflag.FlagSet) {
		f.StringVar(&keep, "keep", "", "")
		f.StringVar(&only, "only", "", "")
		f.BoolVar(&shipped, "shipped", false, "")
	})
	if err != nil {
		return inputError{err}
	}
	t := &shippedTable{dir: keep, stdout: stdout, stderr: &oneByOne{w: stderr}, broken: map[string]int{}}
	f.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "keep", "only", "shipped", "broker", "broker-cmd":
		case "username", "password", "client", "connect-timeout":
			t.extra = append(t.extra, "--"+flag.Name, flag.Value.String())
		default:
			err = inputError{fmt.Errorf("scenarios --shipped takes no --%s; see mqttbench scenarios --help", flag.Name)}
		}
	})
	if err != nil {
		return err
	}
	for _, source := range s.sources {
		t.names, t.flags = append(t.names, source.label()), append(t.flags, source.flags())
	}
	if keep == "" {
		if t.dir, err = os.MkdirTemp("", "mqttbench-shipped"); err != nil {
			return inputError{err}
		}
		defer os.RemoveAll(t.dir)
	}
	return t.carryOut(ctx, only)
}

// flags are those that ask for this broker alone.
func (s *source) flags() []string {
	switch {
	case s.command != "":
		return []string{"--broker-cmd", s.label() + "=" + s.command}
	case s.url != "":
		return []string{"--broker", s.url}
	}
	return nil
}

func (t *shippedTable) carryOut(ctx context.Context, only string) error {
	fmt.Fprintf(t.stdout, "| scenario | %s |\n|---|%s\n", strings.Join(t.names, " | "), strings.Repeat("---|", len(t.names)))
	for _, x := range shippedScenarios {
		p, err := shipped(x.profile)
		if err != nil {
			return err
		}
		for _, v := range p.Variants {
			name := x.profile + "/" + v.Name
			if !strings.HasPrefix(name, only) {
				continue
			}
			cells := t.line(ctx, name, strings.Fields(x.small))
			if ctx.Err() != nil {
				return exitError(exitInterrupted)
			}
			fmt.Fprintf(t.stdout, "| %s | %s |\n", name, strings.Join(cells, " | "))
		}
	}
	if len(t.broken) > 0 {
		return exitError(exitBroken)
	}
	return nil
}

// line runs one scenario against all brokers, at the same time: they mostly wait.
func (t *shippedTable) line(ctx context.Context, name string, small []string) []string {
	cells := make([]string, len(t.names))
	var running sync.WaitGroup
	for i := range t.names {
		running.Go(func() {
			out := filepath.Join(t.dir, fmt.Sprintf("%s-%d", strings.ReplaceAll(name, "/", "-"), i))
			args := append([]string{name, "--quiet", "--charts=false", "--seed", "1", "--drain", "15s", "--out", out}, small...)
			args = append(append(args, t.extra...), t.flags[i]...)
			r, err := carry(ctx, 0, args, t.stderr)
			cells[i] = t.cell(t.names[i], r, err)
		})
	}
	running.Wait()
	return cells
}

// cell is what a broker did, in as few words as tell it.
func (t *shippedTable) cell(broker string, r *result.Run, err error) string {
	note := func() {
		t.mu.Lock()
		t.broken[broker]++
		t.mu.Unlock()
	}
	if err != nil {
		note()
		return "FAILED: " + strings.ReplaceAll(shorten(oneLine(err)), "|", "/")
	}
	s := &r.Summary
	word := "kept"
	if s.Outcome != result.Kept {
		word = "**" + strings.ToUpper(string(s.Outcome)) + "**"
		note()
	}
	parts := []string{word}
	var delivered, expected int64
	for i := range s.Contracts {
		delivered, expected = delivered+s.Contracts[i].Delivered, expected+s.Contracts[i].Expected
	}
	if expected > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d", delivered, expected))
	}
	for _, c := range s.Contracts {
		for _, x := range c.Findings {
			parts = append(parts, fmt.Sprintf("%d %s", x.Count, x.Class))
		}
	}
	if x := s.Sessions; x != nil {
		parts = append(parts, fmt.Sprintf("sessions %d/%d, kept %d", x.Present, x.Returned, x.Kept))
	}
	if x := s.TakeOvers; x != nil {
		parts = append(parts, fmt.Sprintf("taken over %d/%d", x.Closed, x.Granted))
	}
	if x := s.Flaps; x != nil {
		parts = append(parts, fmt.Sprintf("unsubscribed %d, unasked %d", x.Unsubscribed, x.Unasked))
	}
	if x := s.Wills; x != nil {
		parts = append(parts, fmt.Sprintf("wills %d/%d", x.Received, x.Expected))
	}
	if x := s.Retained; x != nil {
		parts = append(parts, fmt.Sprintf("retained %d/%d", x.Delivered, x.Expected))
	}
	if x := s.Shared; x != nil {
		parts = append(parts, fmt.Sprintf("shares %d to %d", x.Least, x.Most))
	}
	if len(s.Silences) > 0 {
		parts = append(parts, silenceCell(s.Silences))
	}
	if x := s.Slowest; x != nil {
		parts = append(parts, fmt.Sprintf("slowest waited %.3g s, others %.2g s", x.Mean, x.Others))
	}
	return strings.Join(parts, "; ")
}

// silenceCell is what a broker did about clients that fell silent, in a few words.
func silenceCell(all []result.Silence) string {
	words := map[string]int64{}
	longest := 0.0
	for _, x := range all {
		words[x.Noticed]++
		longest = max(longest, x.Waited)
	}
	return fmt.Sprintf("silent: %s, within %.1f s", counts(words), longest)
}

// shorten keeps an error to what fits a cell.
func shorten(text string) string {
	const most = 120
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

// askedForShipped reports whether the table is wanted and not the corpus.
func askedForShipped(args []string) bool { return wants(args, "--shipped") }
