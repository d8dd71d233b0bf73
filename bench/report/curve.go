package report

import (
	"io"
	"math"
	"strconv"
	"strings"

	"mqttbench/bench/result"
)

// curveColumns are the metrics that a table of a curve has, by their names in package result.
var curveColumns = []string{"delivered rate", "delivered share", "p50", "p99", "CPU per delivered"}

const (
	offeredWidth = 12
	levelWidth   = cellWidth + 2 // Room for parentheses.
)

// Curve writes a table for each series of groups: a line per rate, in its order, with the medians of the runs and a
// word on each, which judge gives.
func Curve(w io.Writer, groups []*result.Group, judge func(*result.Group) string, width int, color bool) error {
	t := newTerminal(w, width, color)
	for i, s := range seriesOf(groups) {
		if i > 0 {
			t.line("")
		}
		t.line(t.paint(bold, s.label))
		head := padLeft("offered", offeredWidth) + padLeft("runs", runsWidth)
		for _, m := range curveMetrics() {
			name := metricNames[m.Name]
			if name == "" {
				name = m.Name
			}
			head += padLeft(name, levelWidth)
		}
		t.line(t.paint(dim, head))
		for _, g := range s.groups {
			t.level(g, judge(g))
		}
	}
	return t.err
}

func curveMetrics() (all []*result.Metric) {
	for _, name := range curveColumns {
		for i := range result.Metrics {
			if result.Metrics[i].Name == name {
				all = append(all, &result.Metrics[i])
			}
		}
	}
	return all
}

func (t *terminal) level(g *result.Group, word string) {
	line := padLeft(rate(g.Rate), offeredWidth) + padLeft(strconv.Itoa(len(g.Runs)), runsWidth)
	for _, m := range curveMetrics() {
		line += padLeft(levelValue(g, m), levelWidth)
	}
	// The word may be a sentence: it goes on below, where it begins.
	room := max(t.width-columns(line)-2, wordWidth)
	for i, part := range wrap(word, room, 0) {
		if i > 0 {
			line = strings.Repeat(" ", columns(line))
		}
		t.line(line + "  " + part)
	}
}

const wordWidth = 24 // Of a verdict on a level, at least, however narrow the terminal.

// levelValue is the median of a metric; in parentheses if no run of the group can be trusted.
func levelValue(g *result.Group, m *result.Metric) string {
	v := middle(g, func(r *result.Run) float64 {
		if v, ok := m.Of(r); ok {
			return v
		}
		return math.NaN()
	})
	switch {
	case math.IsNaN(v):
		return "-"
	case g.Validity() == result.ValidityInvalid:
		return "(" + quantity(v, m.Unit) + ")"
	}
	return quantity(v, m.Unit)
}
