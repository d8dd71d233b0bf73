package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/term"

	"mqttbench/bench"
	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// progress shows a run while it goes on: on a terminal a few lines that are drawn anew with each interval, otherwise a plain line each. It is
// drawn once a second and with each change of phase, which costs some 0.1 ms of CPU time.
type progress struct {
	w     io.Writer
	quiet bool

	mu    sync.Mutex
	view  *report.Live // nil: plain lines.
	width func() (columns, rows int)
	drawn int // Lines of the terminal that are the view's.
}

func newProgress(s *settings, w io.Writer) *progress {
	p := &progress{w: w, quiet: s.quiet}
	if _, tty := terminal(w); tty && s.live == "auto" && os.Getenv("TERM") != "dumb" {
		p.view = &report.Live{Plain: !unicodeTerminal(), Color: os.Getenv("NO_COLOR") == ""}
		p.width = func() (int, int) {
			columns, rows, err := term.GetSize(int(w.(*os.File).Fd()))
			if err != nil || columns == 0 {
				return 80, 24
			}
			return columns, rows
		}
	}
	return p
}

// unicodeTerminal reports whether the locale says that more than ASCII is shown.
func unicodeTerminal() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

func (p *progress) interval(iv *result.Interval, total float64) {
	if p.quiet || iv.Clients == 0 && iv.Connects == 0 && iv.Disconnects == 0 {
		return
	}
	if p.view == nil {
		fmt.Fprintln(p.w, report.Progress(iv, total))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.view.Interval(iv, total)
	p.drawLocked()
}

// watch passes on the events of a run, and shows the faults among them. events may be nil.
func (p *progress) watch(events func() []bench.Event) func() []bench.Event {
	if events == nil || p.view == nil || p.quiet {
		return events
	}
	return func() []bench.Event {
		all := events()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range all {
			if e.Kind == result.EventFault {
				p.view.Fault(e.Name, 1)
			}
		}
		return all
	}
}

// drawLocked draws the view over what was drawn last, in one write. Lines do not wrap meanwhile: a window that has just been made narrower
// must not have more of them than are known of.
func (p *progress) drawLocked() {
	columns, rows := p.width()
	lines := p.view.Lines(columns - 1)
	if rows < len(lines)+1 {
		lines = lines[:1]
	}
	var b strings.Builder
	b.WriteString("\x1b[?7l")
	p.upLocked(&b)
	for _, l := range lines {
		b.WriteString(l + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J\x1b[?7h")
	p.drawn = len(lines)
	io.WriteString(p.w, b.String())
}

// upLocked goes back to where the view begins.
func (p *progress) upLocked(b *strings.Builder) {
	b.WriteString("\r")
	if p.drawn > 0 {
		fmt.Fprintf(b, "\x1b[%dA", p.drawn)
	}
}

// done wipes the view away: the summary says it all.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn == 0 {
		return
	}
	var b strings.Builder
	p.upLocked(&b)
	b.WriteString("\x1b[J")
	io.WriteString(p.w, b.String())
	p.drawn = 0
}

// terminal is the width of w in columns, and whether it is a terminal.
func terminal(w io.Writer) (width int, is bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, _ = term.GetSize(int(f.Fd()))
	return width, true
}

func splitPort(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return host, port, err
}
