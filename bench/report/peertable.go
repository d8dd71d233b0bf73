package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"mqttbench/bench/result"
)

// A PeerTable sets brokers side by side over several workloads: a row for each figure of a workload, a column for each broker. The built-in
// broker stands first, then the one that the others are shares of.
type PeerTable struct {
	brokers []string
	rows    []*peerRow
	base    int // The broker that the others are shares of.
	runs    int
	series  bool // They are repetitions of series, which are interleaved.
}

// A peerRow is one figure, by broker.
type peerRow struct {
	name   string
	format func(float64) string
	cells  []peerCell
}

// A peerCell is the runs of one broker.
type peerCell struct {
	values []float64
	broken bool // A promise was broken, or a run failed.
	doubt  bool // A run is INVALID.
}

// peerFigures are what runs are held against each other by, as far as they have it.
var peerFigures = []struct {
	name   string
	format func(float64) string
	of     func(*result.Run) (float64, bool)
}{
	{"CPU per connection", seconds, func(r *result.Run) (float64, bool) {
		c := r.Summary.Connecting
		return connectCostOf(c), onlyConnects(r) && c != nil && c.BrokerCPU > 0
	}},
	{"memory per connection", bytes, func(r *result.Run) (float64, bool) {
		b := r.Summary.Cost.Broker
		return memoryOf(b), onlyConnects(r) && b != nil && b.BytesPerConnection > 0
	}},
	{"queue drained", rate, func(r *result.Run) (float64, bool) {
		d := r.Summary.Drained
		if d == nil {
			return 0, false
		}
		return d.Rate, true
	}},
	{"CPU per delivery", seconds, func(r *result.Run) (float64, bool) {
		v := perDelivered(r)
		return v, r.Summary.Drained == nil && !math.IsNaN(v)
	}},
}

func onlyConnects(r *result.Run) bool {
	return r.Manifest.Workload.Load != "closed" && r.Manifest.Workload.Rate == 0
}

func connectCostOf(c *result.Connecting) float64 {
	if c == nil {
		return 0
	}
	return c.BrokerCPU
}

func memoryOf(c *result.ProcessCost) float64 {
	if c == nil {
		return 0
	}
	return c.BytesPerConnection
}

// NewPeerTable takes runs of any profiles, in whose order the rows stand, and brokers. base names the one that the others are shares of, by
// how its name begins; "": there is none.
func NewPeerTable(runs []*result.Run, base string) (*PeerTable, error) {
	t := &PeerTable{base: -1, brokers: columnsOf(runs, base), runs: len(runs)}
	t.series = !slices.ContainsFunc(runs, func(r *result.Run) bool { return r.Manifest.Repetition == 0 })
	for _, r := range runs {
		t.add(r)
	}
	if len(t.rows) == 0 {
		return nil, fmt.Errorf("of %s none says what a broker's process used", plural(int64(len(runs)), "run"))
	}
	if base != "" {
		t.base = slices.IndexFunc(t.brokers, func(name string) bool { return strings.HasPrefix(name, base) })
		if t.base < 0 {
			return nil, fmt.Errorf("there is no run of %s; there are %s", base, strings.Join(t.brokers, ", "))
		}
	}
	return t, nil
}

// columnsOf are the brokers of the runs, in the order of the table.
func columnsOf(runs []*result.Run, base string) (names []string) {
	place := map[string]int{}
	for _, r := range runs {
		name := r.Manifest.Broker.Label()
		if _, known := place[name]; known {
			continue
		}
		names = append(names, name)
		switch {
		case r.Manifest.Broker.BuiltIn:
			place[name] = 0
		case base != "" && strings.HasPrefix(name, base):
			place[name] = 1
		default:
			place[name] = 2
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(place[a]-place[b], strings.Compare(a, b)) })
	return names
}

func (t *PeerTable) add(r *result.Run) {
	column := slices.Index(t.brokers, r.Manifest.Broker.Label())
	for _, f := range peerFigures {
		v, ok := f.of(r)
		if !ok {
			continue
		}
		c := t.row(setOf(&r.Manifest)+", "+f.name, f.format).cell(column)
		c.values = append(c.values, v)
		c.broken = c.broken || r.Summary.Outcome == result.Broken || r.Summary.Outcome == result.Failed
		c.doubt = c.doubt || r.Summary.Validity == result.ValidityInvalid
	}
}

// setOf is the profile that a run was of, or else what it was like: runs that differ are not one workload.
func setOf(m *result.Manifest) string {
	w := &m.Workload
	switch {
	case m.Profile != "":
		return m.Profile
	case w.Rate > 0:
		return workload(w) + ", " + rate(w.Rate)
	}
	return workload(w) + ", " + w.Load
}

func (t *PeerTable) row(name string, format func(float64) string) *peerRow {
	for _, r := range t.rows {
		if r.name == name {
			return r
		}
	}
	r := &peerRow{name: name, format: format}
	t.rows = append(t.rows, r)
	return r
}

func (r *peerRow) cell(column int) *peerCell {
	for len(r.cells) <= column {
		r.cells = append(r.cells, peerCell{})
	}
	return &r.cells[column]
}

// Markdown writes the table: medians, in parentheses the range of the runs, and behind it the share of the base.
func (t *PeerTable) Markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| workload | " + strings.Join(t.brokers, " | ") + " |\n|---|" + strings.Repeat("---|", len(t.brokers)) + "\n")
	broken, doubt := false, false
	for _, r := range t.rows {
		b.WriteString("| " + r.name + " |")
		for i := range t.brokers {
			c := r.cell(i)
			b.WriteString(" " + t.cellText(r, i) + " |")
			broken, doubt = broken || c.broken, doubt || c.doubt
		}
		b.WriteString("\n")
	}
	apart := ""
	if t.series {
		apart = ", interleaved"
	}
	fmt.Fprintf(&b, "\nMedians of %s%s; in parentheses the range of the runs, which is no confidence interval.", plural(int64(t.runs), "run"), apart)
	if t.base >= 0 {
		fmt.Fprintf(&b, " x: times %s.", t.brokers[t.base])
	}
	if broken {
		b.WriteString(" †: a promise was broken in a run, or it failed.")
	}
	if doubt {
		b.WriteString(" ‡: a run is INVALID; a generator at its limit does not change what a message costs the broker, but its rate.")
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

func (t *PeerTable) cellText(r *peerRow, column int) string {
	c := r.cell(column)
	if len(c.values) == 0 {
		return "-"
	}
	middle := result.Median(c.values).Median
	text := r.format(middle)
	if len(c.values) > 1 {
		text += " (" + r.format(slices.Min(c.values)) + " to " + r.format(slices.Max(c.values)) + ")"
	}
	if t.base >= 0 && column != t.base && len(r.cell(t.base).values) > 0 {
		text += fmt.Sprintf(" x%.2f", middle/result.Median(r.cell(t.base).values).Median)
	}
	if c.broken {
		text += " †"
	}
	if c.doubt {
		text += " ‡"
	}
	return text
}
