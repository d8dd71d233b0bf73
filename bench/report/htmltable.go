package report

import (
	"fmt"
	"math"
	"strconv"

	"mqttbench/bench/result"
)

// A table of a page. Head names its columns; the first cell of a row names the row.
type table struct {
	Head     []cell
	Rows     [][]cell
	Caption  string // For who hears the page; the headings say it to who sees it.
	Note     string
	Sortable bool // By a click on a head; its cells have Sort.
}

// A cell is text with what says again what it says: a colour, and bars. Key is the percentile that a column is of, by which
// the script finds it; ID a place that links lead to; Sort a number that stands for the cell when rows are sorted.
type cell struct {
	Text, Class, Title, Key, Link, ID, Sort string
	Small                                   string // A second line, and more.
	Bars                                    []part
}

// sortable is a number for a cell's Sort; "" for none: such cells stay last.
func sortable(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// A part is a bar in a cell; Left and Width are percentages.
type part struct{ Left, Width, Class string }

func texts(all ...string) (cells []cell) {
	for _, t := range all {
		cells = append(cells, cell{Text: t})
	}
	return cells
}

// markClasses are the colours of the terminal in the style sheet.
var markClasses = map[style]string{green: "good", yellow: "doubt", red: "bad", bold: "plain", dim: "plain", none: "plain"}

// percentilesShown are the columns of latencies, with the keys that the script and the address of a page know them by.
var percentilesShown = []struct {
	key, name string
	at        float64 // 1: the maximum.
	of        func(result.Quantiles) float64
}{
	{"p50", "p50", 0.5, func(q result.Quantiles) float64 { return q.P50 }},
	{"p90", "p90", 0.9, func(q result.Quantiles) float64 { return q.P90 }},
	{"p99", "p99", 0.99, func(q result.Quantiles) float64 { return q.P99 }},
	{"p999", "p99.9", 0.999, func(q result.Quantiles) float64 { return q.P999 }},
	{"max", "max", 1, func(q result.Quantiles) float64 { return q.Max }},
}

// quantileHead is the head of a table of durations of something.
func quantileHead(of string) []cell {
	head := texts(of)
	for _, p := range percentilesShown {
		head = append(head, cell{Text: p.name, Key: p.key})
	}
	return append(head, cell{Text: "n"})
}

// add adds a row of quantiles; those that the sample is too small for are left out, as on the terminal.
func (t *table) add(name, title string, q result.Quantiles) {
	if q.Count == 0 {
		return
	}
	row := []cell{{Text: name, Title: title}}
	for _, p := range percentilesShown {
		c := cell{Text: "–", Key: p.key, Title: "too few samples"}
		if p.at == 1 || q.Supports(p.at) {
			c.Text, c.Title = fixedSeconds(p.of(q)), ""
		}
		row = append(row, c)
	}
	t.Rows = append(t.Rows, append(row, cell{Text: number(float64(q.Count))}))
}

// bars are values end to end, as parts of the longest sum in the column.
func bars(longest float64, classes []string, values ...float64) (all []part) {
	from := 0.0
	for i, v := range values {
		if v > 0 && longest > 0 {
			all = append(all, part{fmt.Sprintf("%.2f%%", 100*from/longest), fmt.Sprintf("%.2f%%", 100*v/longest), classes[i]})
		}
		from += v
	}
	return all
}
