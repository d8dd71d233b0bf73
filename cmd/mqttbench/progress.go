package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"golang.org/x/term"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// progress shows a run while it goes on: one line that is rewritten on a terminal, a plain line
// an interval otherwise.
type progress struct {
	w     io.Writer
	tty   bool
	quiet bool
	drawn bool // The terminal's last line is a progress line.
}

func newProgress(s *settings, w io.Writer) *progress {
	_, color := terminal(w)
	return &progress{w: w, tty: color, quiet: s.quiet}
}

func (p *progress) interval(iv *result.Interval, total float64) {
	if p.quiet || iv.Clients == 0 && iv.Connects == 0 && iv.Disconnects == 0 {
		return
	}
	line := report.Progress(iv, total)
	if p.tty {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
		p.drawn = true
		return
	}
	fmt.Fprintln(p.w, line)
}

func (p *progress) done() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
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
