package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"mqttbench/bench/result"
)

// Live is what a terminal shows of a run while it goes on: a few lines that are drawn anew with each interval. It knows no terminal; whoever
// has one asks for Lines. Not for concurrent use.
type Live struct {
	Plain bool // The terminal shows ASCII only.
	Color bool

	now    result.Interval
	total  float64   // Seconds; 0: not known.
	p99    []float64 // Of the last intervals, seconds; 0: nothing was delivered.
	rates  []float64 // Delivered, a second.
	faults []string  // The last few, newest last.
	count  int       // Faults so far.
	dups   int64
	back   int64 // Reconnects.
}

const (
	mostSpark  = 120 // Intervals that are remembered for sparklines.
	mostFaults = 3
)

// Interval takes an interval in; it keeps nothing of iv. total is the planned length in seconds; 0: not known.
func (l *Live) Interval(iv *result.Interval, total float64) {
	l.now, l.total = *iv, total
	l.dups += iv.Duplicates
	l.back += iv.Reconnects
	length := iv.T1 - iv.T0
	if iv.Phase == result.PhaseConnect || iv.Phase == result.PhaseProbe || length < 0.1 { // The last sliver of a phase is no interval of its own.
		return
	}
	l.p99 = latest(append(l.p99, tail(&iv.Response)), mostSpark)
	l.rates = latest(append(l.rates, float64(iv.Delivered)/length), mostSpark)
}

// tail is p99, or the maximum of so few that there is none.
func tail(q *result.Quantiles) float64 {
	if q.Supports(0.99) {
		return q.P99
	}
	return q.Max
}

func latest[T any](all []T, n int) []T { return all[max(0, len(all)-n):] }

// Fault takes a fault in: its name, and how many times it was committed.
func (l *Live) Fault(name string, times int) {
	l.count += times
	if n := len(l.faults); n == 0 || l.faults[n-1] != name {
		l.faults = latest(append(l.faults, name), mostFaults)
	}
}

// Lines are what is to be shown on a terminal of a width in columns; none is longer.
func (l *Live) Lines(width int) []string {
	iv := &l.now
	length := iv.T1 - iv.T0
	if length <= 0 {
		length = 1
	}
	per := func(n int64) string { return rate(float64(n) / length) }
	lines := []string{
		l.progress(width),
		l.row("rate", l.three(width, per(iv.Offered), per(iv.Accepted), per(iv.Delivered))),
		l.row("delivered", l.spark(l.rates, width-liveLabel-1, false)),
		l.row("p99", l.latency(width)),
		l.row("backlog", l.backlog()),
	}
	if l.count > 0 {
		lines = append(lines, l.row("faults", fmt.Sprintf("%s, the last: %s", count(int64(l.count)), strings.Join(l.faults, ", "))))
	}
	for i := range lines {
		lines[i] = strings.TrimRight(cutTo(lines[i], width), " ")
		if head, rest, ok := strings.Cut(lines[i], "\t"); ok {
			lines[i] = l.paint(dim, head) + rest
		}
	}
	return lines
}

// row is a line with its name in the margin. The tab marks where the margin ends; it is taken out again.
func (l *Live) row(label, text string) string { return pad(label, liveLabel) + "\t" + text }

const liveLabel = 11

func (l *Live) paint(s style, text string) string {
	if !l.Color {
		return text
	}
	return string(s) + text + "\x1b[0m"
}

// three are the three rates, with their names where there is room.
func (l *Live) three(width int, offered, accepted, delivered string) string {
	text := fmt.Sprintf("offered %s %s accepted %s %s delivered %s", offered, l.arrow(), accepted, l.arrow(), delivered)
	if columns(text) > width-liveLabel {
		return offered + " " + l.arrow() + " " + accepted + " " + l.arrow() + " " + delivered
	}
	return text
}

func (l *Live) arrow() string {
	if l.Plain {
		return ">"
	}
	return "→"
}

// progress is the phase, a bar of the time, and who is connected.
func (l *Live) progress(width int) string {
	at := fmt.Sprintf("%.0f s", l.now.T1)
	share := 0.0
	if l.total > 0 {
		at = fmt.Sprintf("%.0f/%.0f s", l.now.T1, l.total)
		share = min(1, l.now.T1/l.total)
	}
	clients := plural(l.now.Clients, "client")
	text := fmt.Sprintf("%s %s", at, clients)
	room := min(40, width-liveLabel-columns(text)-3)
	if l.total == 0 || room < 8 {
		return l.row(string(l.now.Phase), text)
	}
	full, empty := "█", "░"
	if l.Plain {
		full, empty = "#", "."
	}
	n := int(math.Round(share * float64(room)))
	return l.row(string(l.now.Phase), strings.Repeat(full, n)+strings.Repeat(empty, room-n)+" "+text)
}

// latency is the sparkline of p99 and its last value. Its height is a logarithm: a stall of a second does not flatten all the rest.
func (l *Live) latency(width int) string {
	last := "nothing delivered"
	if n := len(l.p99); n > 0 && l.p99[n-1] > 0 {
		last = seconds(l.p99[n-1])
	}
	room := width - liveLabel - columns(last) - 1
	line := l.spark(l.p99, room, true)
	if line == "" {
		return last
	}
	return line + " " + last
}

func (l *Live) backlog() string {
	parts := []string{count(l.now.Backlog)}
	if l.now.UnsentBytes > 0 {
		parts = append(parts, bytes(float64(l.now.UnsentBytes))+" not taken by the kernel")
	}
	if l.back > 0 {
		parts = append(parts, plural(l.back, "reconnect"))
	}
	if l.dups > 0 {
		parts = append(parts, plural(l.dups, "duplicate"))
	}
	return strings.Join(parts, ", ")
}

// spark draws the last values that there is room for, from the lowest to the highest of them.
func (l *Live) spark(values []float64, room int, logarithm bool) string {
	values = latest(values, max(0, min(room, 60)))
	if len(values) == 0 {
		return ""
	}
	steps := []rune("▁▂▃▄▅▆▇█")
	if l.Plain {
		steps = []rune("_.-=+*%#")
	}
	scaled := slices.Clone(values)
	lo, hi := 0.0, slices.Max(values)
	if logarithm {
		lo, hi = math.Inf(1), math.Inf(-1)
		for i, v := range values {
			if scaled[i] = math.Log(v); v > 0 {
				lo, hi = min(lo, scaled[i]), max(hi, scaled[i])
			}
		}
		hi = max(hi, lo+math.Ln2) // Less than double is no mountain.
	}
	out := make([]rune, len(values))
	for i, v := range scaled {
		switch {
		case values[i] == 0 && logarithm:
			out[i] = ' '
		case hi > lo:
			out[i] = steps[int((v-lo)/(hi-lo)*float64(len(steps)-1)+0.5)]
		default:
			out[i] = steps[0]
		}
	}
	return string(out)
}

// cutTo cuts a line, without its tab, to a width in columns.
func cutTo(line string, width int) string {
	if width <= 0 {
		return line
	}
	n := 0
	for i, r := range line {
		if r == '\t' {
			continue
		}
		if n == width {
			return line[:i]
		}
		n++
	}
	return line
}
