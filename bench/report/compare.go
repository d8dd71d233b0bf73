package report

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"mqttbench/bench/result"
)

// The columns of the table are the metrics of package result under shorter names.
var metricNames = map[string]string{
	"delivered rate":       "rate",
	"delivered share":      "share",
	"CPU per delivered":    "CPU/msg",
	"bytes per connection": "B/client",
	"drain rate":           "drain",

	"packets per delivered":    "packets",
	"wire bytes per delivered": "wire B",
}

const (
	cellWidth    = 10
	runsWidth    = 5
	groupWidth   = 19 // Of the name of a group; a longer one has a line to itself.
	verdictWidth = 10
	tableWidth   = groupWidth + runsWidth + 7*cellWidth + verdictWidth // At least, whatever the terminal has: up to RSS.
)

// Compare writes a comparison as a table: a line per group; below it the spread of its runs and the
// ratios to the first group; and at the end everything that stands in the way of believing it.
func Compare(w io.Writer, c *result.Comparison, width int, color bool) error {
	t := newTerminal(w, width, color)
	columns := t.metricColumns(c)
	head := pad("", groupWidth) + padLeft("runs", runsWidth)
	for _, i := range columns {
		m := &result.Metrics[i]
		head += padLeft(cmp.Or(metricNames[m.Name], m.Name), cellWidth)
	}
	t.line(t.paint(dim, head+"  verdict"))
	for i := range c.Groups {
		t.group(c, i, columns)
	}
	t.notes(c)
	return t.err
}

// metricColumns are the metrics that some group has and that fit: figures at the end of
// result.Metrics matter least, and go first.
func (t *terminal) metricColumns(c *result.Comparison) (columns []int) {
	for i := range result.Metrics {
		if slices.ContainsFunc(c.Cells, func(row []result.Cell) bool { return row[i].Estimate.N > 0 }) {
			columns = append(columns, i)
		}
	}
	room := (max(t.width, tableWidth) - groupWidth - runsWidth - verdictWidth) / cellWidth
	return columns[:min(len(columns), room)]
}

func (t *terminal) group(c *result.Comparison, i int, columns []int) {
	g := c.Groups[i]
	name := g.Label
	if utf8.RuneCountInString(name) >= groupWidth {
		t.line(t.paint(bold, name))
		name = ""
	}
	values := padLeft(strconv.Itoa(len(g.Runs)), runsWidth)
	spread, ratios := "", ""
	for _, k := range columns {
		cell := &c.Cells[i][k]
		values += padLeft(value(cell, result.Metrics[k].Unit), cellWidth)
		spread += padLeft(spreadText(&cell.Estimate), cellWidth)
		ratios += padLeft(ratioText(cell), cellWidth)
	}
	word, mark := verdictWord(g)
	t.line(t.paint(bold, pad(name, groupWidth)) + values + "  " + t.paint(mark, word))
	if len(g.Runs) > 1 {
		kind := "  range"
		if len(g.Runs) >= 6 {
			kind = "  95 % interval"
		}
		t.line(t.paint(dim, pad(kind, groupWidth+runsWidth)+spread))
	}
	if i > 0 && strings.TrimSpace(ratios) != "" {
		t.line(pad("  × the first", groupWidth+runsWidth) + ratios)
	}
}

// value is the median of a cell; in parentheses if it is not to be compared.
func value(cell *result.Cell, unit string) string {
	if cell.Estimate.N == 0 {
		return "-"
	}
	text := quantity(cell.Estimate.Median, unit)
	if cell.Noisy || cell.Invalid {
		return "(" + text + ")"
	}
	return text
}

// spreadText is half the width of the interval, in percent of the median.
func spreadText(e *result.Estimate) string {
	if e.N < 2 || e.Median == 0 {
		return ""
	}
	return "±" + digits2(100*(e.Hi-e.Lo)/2/e.Median) + " %"
}

// digits2 is a whole number, or one decimal below ten.
func digits2(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// ratioText is a ratio if a difference is shown, and "~" if that is the truth.
func ratioText(cell *result.Cell) string {
	switch r := cell.Ratio; {
	case r == nil:
		return ""
	case !r.Shown:
		return "~"
	case r.Survives && r.Among > 1:
		return strconv.FormatFloat(r.Value, 'f', 2, 64) + "×*"
	default:
		return strconv.FormatFloat(r.Value, 'f', 2, 64) + "×"
	}
}

func verdictWord(g *result.Group) (string, style) {
	switch outcome, validity := g.Outcome(), g.Validity(); {
	case outcome == result.Failed:
		return "FAILED", red
	case validity == result.ValidityInvalid:
		return "INVALID", red
	case outcome == result.Broken:
		return "BROKEN", red
	case outcome == result.Unknown:
		return "cut off", yellow
	case validity == result.ValidityNoisy:
		return "noisy", yellow
	case outcome == result.Kept:
		return "kept", green
	}
	return "-", none
}

// notes writes the legend and the doubts.
func (t *terminal) notes(c *result.Comparison) {
	t.line("")
	legend, doubts := comparisonNotes(c)
	for _, text := range legend {
		t.paragraph(dim, 0, text)
	}
	for _, text := range doubts {
		t.paragraph(yellow, 0, text)
	}
}

// comparisonNotes are the legend of what occurs, and, as doubts, those of the statistics and what the groups differ in.
func comparisonNotes(c *result.Comparison) (legend, doubts []string) {
	var warnings []string
	paired, unpaired, same, noisy, invalid, lossyGroup := false, false, false, false, false, false
	for i, row := range c.Cells {
		lossyGroup = lossyGroup || lossy(c.Groups[i])
		for k := range row {
			cell := &row[k]
			noisy = noisy || cell.Noisy && !cell.Invalid && cell.Estimate.N > 0
			invalid = invalid || cell.Invalid && cell.Estimate.N > 0
			warnings = append(warnings, cell.Estimate.Warnings...)
			if r := cell.Ratio; r != nil {
				paired, unpaired, same = paired || r.Paired, unpaired || !r.Paired, same || !r.Shown
				warnings = append(warnings, r.Warnings...)
			}
		}
	}
	say := func(is bool, text string) {
		if is {
			legend = append(legend, text)
		}
	}
	say(paired, "×: median of the ratios of paired runs, sign test at p < 0.05.")
	say(unpaired, "×: median ratio of runs made apart, Mann-Whitney test at p < 0.05. Interleave the runs (--repeat over all brokers) to have pairs.")
	say(same, "~: no difference shown. That is not to say that there is none.")
	say(invalid, "(…) INVALID: no run of the group can be trusted, and nothing is compared; the summary of each run says why.")
	say(noisy, "(…): the machine was busy with something else; such latencies are not compared.")
	say(lossyGroup, "A group that lost what was promised has no latency: that of the survivors flatters.")
	say(survivors(c), "*: shown also after Holm's correction for all groups that were compared in that column, by the Mann-Whitney test.")
	if n := compared(c); n > 1 {
		without := ""
		if survivors(c) {
			without = " of those without *"
		}
		say(true, fmt.Sprintf("%d comparisons were made: by chance alone, one in twenty%s shows a difference that is none.", n, without))
	}
	if cut := warmUpsCut(c.Groups); cut != "" {
		doubts = append(doubts, "note: "+cut)
	}
	slices.Sort(warnings)
	for _, w := range slices.Compact(warnings) {
		doubts = append(doubts, "note: "+w)
	}
	for _, d := range c.Differences {
		doubts = append(doubts, "differing in "+d.String())
	}
	return legend, doubts
}

// survivors reports whether a * stands somewhere.
func survivors(c *result.Comparison) bool {
	return slices.ContainsFunc(c.Cells, func(row []result.Cell) bool {
		return slices.ContainsFunc(row, func(x result.Cell) bool { return x.Ratio != nil && x.Ratio.Survives && x.Ratio.Among > 1 })
	})
}

// compared is how many ratios were tested.
func compared(c *result.Comparison) (n int) {
	for _, row := range c.Cells {
		for k := range row {
			if row[k].Ratio != nil {
				n++
			}
		}
	}
	return n
}

// CompareJSON writes a comparison for programs, in base units.
func CompareJSON(w io.Writer, c *result.Comparison) error {
	type metric struct {
		Name       string   `json:"name"`
		Unit       string   `json:"unit"`
		N          int      `json:"n"`
		Median     float64  `json:"median"`
		Lo         float64  `json:"lo"`
		Hi         float64  `json:"hi"`
		Confidence float64  `json:"confidence"` // 0: lo and hi are the range.
		Noisy      bool     `json:"noisy,omitempty"`
		Invalid    bool     `json:"invalid,omitempty"`
		Ratio      *ratioOf `json:"ratio_to_first,omitempty"`
		Warnings   []string `json:"warnings,omitempty"`
	}
	type group struct {
		Label    string          `json:"label"`
		Rate     float64         `json:"rate_per_s"`
		Runs     []string        `json:"runs"`
		Outcome  result.Outcome  `json:"outcome"`
		Validity result.Validity `json:"validity"`
		Metrics  []metric        `json:"metrics"`
	}
	out := struct {
		Groups      []group             `json:"groups"`
		Differences map[string][]string `json:"differences,omitempty"`
	}{Differences: map[string][]string{}}
	for i, g := range c.Groups {
		x := group{Label: g.Label, Rate: g.Rate, Outcome: g.Outcome(), Validity: g.Validity()}
		for _, r := range g.Runs {
			x.Runs = append(x.Runs, r.Dir)
		}
		for k := range result.Metrics {
			m, cell := &result.Metrics[k], &c.Cells[i][k]
			if e := &cell.Estimate; e.N > 0 {
				x.Metrics = append(x.Metrics, metric{m.Name, m.Unit, e.N, e.Median, e.Lo, e.Hi, e.Confidence, cell.Noisy, cell.Invalid, newRatio(cell.Ratio), e.Warnings})
			}
		}
		out.Groups = append(out.Groups, x)
	}
	for _, d := range c.Differences {
		out.Differences[d.Field] = d.Values
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}

// ratioOf is a result.Ratio in JSON.
type ratioOf struct {
	Value      float64  `json:"value"`
	Lo         float64  `json:"lo"`
	Hi         float64  `json:"hi"`
	Confidence float64  `json:"confidence"`
	P          float64  `json:"p"`
	Paired     bool     `json:"paired"`
	Shown      bool     `json:"difference_shown"`
	N          int      `json:"n"`
	Among      int      `json:"among"`       // How many comparisons were made beside each other.
	Corrected  float64  `json:"p_corrected"` // For that many, after Holm; of the Mann-Whitney test.
	Survives   bool     `json:"difference_shown_after_correction"`
	Warnings   []string `json:"warnings,omitempty"`
}

func newRatio(r *result.Ratio) *ratioOf {
	if r == nil {
		return nil
	}
	return &ratioOf{r.Value, r.Lo, r.Hi, r.Confidence, r.P, r.Paired, r.Shown, r.N, r.Among, r.Corrected, r.Survives, r.Warnings}
}

// CompareCSV writes a comparison as one line per group and metric, in base units.
func CompareCSV(w io.Writer, c *result.Comparison) error {
	out := csv.NewWriter(w)
	out.Write([]string{"group", "rate_per_s", "outcome", "validity", "metric", "unit", "n", "median", "lo", "hi", "confidence", "noisy",
		"ratio", "ratio_lo", "ratio_hi", "ratio_confidence", "p", "paired", "difference_shown"})
	f := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for i, g := range c.Groups {
		for k := range result.Metrics {
			cell := &c.Cells[i][k]
			e := &cell.Estimate
			if e.N == 0 {
				continue
			}
			line := []string{g.Label, f(g.Rate), string(g.Outcome()), string(g.Validity()), result.Metrics[k].Name, result.Metrics[k].Unit,
				strconv.Itoa(e.N), f(e.Median), f(e.Lo), f(e.Hi), f(e.Confidence), strconv.FormatBool(cell.Noisy)}
			if r := cell.Ratio; r != nil {
				line = append(line, f(r.Value), f(r.Lo), f(r.Hi), f(r.Confidence), f(r.P), strconv.FormatBool(r.Paired), strconv.FormatBool(r.Shown))
			} else {
				line = append(line, "", "", "", "", "", "", "")
			}
			out.Write(line)
		}
	}
	out.Flush()
	return out.Error()
}
