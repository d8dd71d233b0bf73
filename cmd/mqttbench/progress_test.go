package main

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mqttbench/bench"
	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// A screen is as much of a terminal as the view needs: lines, a cursor, going up, and wiping.
type screen struct {
	lines []string
	at    int
}

var escape = regexp.MustCompile(`^\x1b\[(\??[0-9]*)([A-Za-z])`)

func (s *screen) Write(b []byte) (int, error) {
	for text := string(b); text != ""; {
		if m := escape.FindStringSubmatch(text); m != nil {
			switch n, _ := strconv.Atoi(m[1]); m[2] {
			case "A":
				s.at -= n
			case "K":
			case "J":
				s.lines = s.lines[:s.at]
			}
			text = text[len(m[0]):]
			continue
		}
		line, rest, ended := strings.Cut(text, "\n")
		if i := strings.IndexByte(line, '\x1b'); i >= 0 {
			line, rest, ended = text[:i], text[i:], false
		}
		for s.at >= len(s.lines) {
			s.lines = append(s.lines, "")
		}
		if line = strings.Trim(line, "\r"); line != "" {
			s.lines[s.at] = line
		}
		if ended {
			s.at++
		}
		text = rest
	}
	return len(b), nil
}

// TestLiveView: each drawing lies over the last, whatever its height; faults come up; at the end nothing is left of it.
func TestLiveView(t *testing.T) {
	s := &screen{lines: []string{"what was there before"}, at: 1}
	rows := 24
	p := &progress{w: s, view: new(report.Live), width: func() (int, int) { return 80, rows }}
	iv := &result.Interval{T0: 1, T1: 2, Phase: result.PhaseMeasure, Clients: 7, Offered: 10, Delivered: 10}
	events := p.watch(func() []bench.Event {
		return []bench.Event{{At: time.Now(), Kind: result.EventFault, Name: "kill"}, {Kind: result.EventChurn, Name: "churn"}}
	})
	see := func(lines int, texts ...string) {
		t.Helper()
		shown := strings.Join(s.lines[1:], "\n")
		if len(s.lines) != 1+lines || s.lines[0] != "what was there before" {
			t.Errorf("%d lines, want %d more than there were:\n%s", len(s.lines), lines, shown)
		}
		for _, text := range texts {
			if !strings.Contains(shown, text) {
				t.Errorf("no %q in\n%s", text, shown)
			}
		}
	}
	p.interval(iv, 10)
	see(5, "measure", "7 clients", "2/10 s")
	p.interval(iv, 10)
	see(5)
	if len(events()) != 2 {
		t.Error("events were kept from the result")
	}
	p.interval(iv, 10)
	see(6, "faults", "kill")
	rows = 4
	p.interval(iv, 10)
	see(1, "7 clients")
	rows = 24
	p.interval(iv, 10)
	see(6)
	p.done()
	see(0)
	p.done()
	see(0)

	var plain bytes.Buffer // Not a terminal.
	q := newProgress(&settings{live: "auto"}, &plain)
	q.interval(iv, 10)
	q.done()
	if text := plain.String(); strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") || !strings.Contains(text, "7 clients") {
		t.Errorf("%q", text)
	}
}
