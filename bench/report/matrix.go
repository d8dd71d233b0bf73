package report

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// MatrixCharts draws the charts of a matrix into dir: what a message costs, what a connection costs, latencies, rates, and what became of
// the promises.
func MatrixCharts(dir string, m *result.Matrix) ([]string, error) {
	return saveAll(dir, []*figure{matrixCost(m), matrixRate(m), matrixMemory(m), matrixLatencies(m), matrixMultiples(m), matrixVerdicts(m)})
}

func matrixCost(m *result.Matrix) *figure {
	return matrixRatios(m, "matrix-cpu", "CPU per delivered", "What a message costs the broker", "CPU time of the broker per delivered message", "further left is less")
}

func matrixRate(m *result.Matrix) *figure {
	return matrixRatios(m, "matrix-rate", "delivered rate", "How many messages a second, as fast as one core carries", "messages delivered a second", "further right is more")
}

func matrixMemory(m *result.Matrix) *figure {
	return matrixRatios(m, "matrix-memory", "bytes per connection", "What a connection costs the broker", "resident memory that a connection adds", "further left is less")
}

// entityColors belong to brokers, in every chart in which they stand beside others.
func entityColors(brokers []string) map[string]color.NRGBA {
	all := map[string]color.NRGBA{}
	for i, place := range places(brokers) {
		all[brokers[i]] = seriesColor(place)
	}
	return all
}

// metricIndex finds a metric by its name.
func metricIndex(name string) int {
	return slices.IndexFunc(result.Metrics, func(m result.Metric) bool { return m.Name == name })
}

// A ratioMark is one broker in one workload, in terms of the first.
type ratioMark struct {
	value, lo, hi float64
	shown, doubt  bool // In doubt: the promises were not kept, or no run is valid.
	absolute      string
}

// ratioMarks are the marks of a workload, by broker; the yardstick has 1. Not ok if it has no figure.
func ratioMarks(w *result.Column, brokers []string, k int) (marks map[string]ratioMark, ok bool) {
	base, cells := w.Of(brokers[0])
	if base == nil || cells[k].Estimate.N == 0 || cells[k].Estimate.Median <= 0 || cells[k].Noisy {
		return nil, false
	}
	one := cells[k].Estimate.Median
	marks = map[string]ratioMark{}
	for _, b := range brokers {
		g, cells := w.Of(b)
		if g == nil || cells[k].Estimate.N == 0 || cells[k].Noisy {
			continue
		}
		e := &cells[k].Estimate
		mark := ratioMark{value: e.Median / one, lo: e.Lo / one, hi: e.Hi / one, doubt: lossy(g) || cells[k].Invalid, absolute: quantity(e.Median, result.Metrics[k].Unit)}
		if r := cells[k].Ratio; r != nil {
			mark.value, mark.lo, mark.hi, mark.shown = r.Value, r.Lo, r.Hi, r.Shown
		}
		marks[b] = mark
	}
	return marks, true
}

// suits reports whether a metric of a workload says something about the broker: the delivered rate does only if the broker sets it.
func suits(w *result.Column, metric string) bool {
	l := &w.Groups[0].Runs[0].Manifest.Workload
	switch metric {
	case "p50", "p99", "p99.9":
		return l.Load != "closed" && l.Offline == 0 // Otherwise it is the length of a queue.
	case "delivered rate":
		return l.Load == "closed"
	case "bytes per connection":
		return l.Clients >= 1000 // With fewer, it is the broker's beginning that is measured.
	}
	return true
}

// matrixRatios sets the brokers of every workload beside each other in one figure, each as a multiple of the first broker's.
func matrixRatios(m *result.Matrix, name, metric, title, what, sense string) *figure {
	k := metricIndex(metric)
	type line struct {
		name  string
		marks map[string]ratioMark
	}
	var lines []line
	low, high := 1.0, 1.0
	for _, w := range m.Workloads {
		if !suits(w, metric) {
			continue
		}
		marks, ok := ratioMarks(w, m.Brokers, k)
		if !ok || len(marks) < 2 {
			continue
		}
		for _, x := range marks {
			low, high = math.Min(low, math.Min(x.lo, x.value)), math.Max(high, math.Max(x.hi, x.value))
		}
		lines = append(lines, line{workloadName(w), marks})
	}
	if lines == nil {
		return nil
	}
	const lane = 9
	each := vg.Length(lane*len(m.Brokers) + 12)
	groups := matrixGroups(m)
	return &figure{
		name: name, title: title, subtitle: fmt.Sprintf("%s, as a multiple of that of %s (= 1); %s", what, m.Brokers[0], sense),
		caption: []string{
			"Points: median ratio of runs made in pairs; lines: " + intervalKind(groups) + "; at the right, the median itself. Logarithmic: twice and half are equally far from 1. " +
				"Hollow red: promises were broken, or no run is valid, and the figure is not to be compared.",
			matrixFooter(m),
		},
		height: 128 + each*vg.Length(len(lines)),
		narrow: 128 + (each+extraRow)*vg.Length(len(lines)),
		draw: func(c draw.Canvas) {
			each := each
			if isNarrow(c) {
				each += extraRow
			}
			colors := entityColors(m.Brokers)
			names := make([]row, len(lines))
			for i, l := range lines {
				names[i] = row{label: l.name}
			}
			room := rowNameRoom(names)
			brokerRoom := labelRoom(m.Brokers...)
			p := rowsPanel(c, logarithmic(low, high, times), linear(0, float64(len(lines)), len(lines), func(float64) string { return "" }), room, brokerRoom+52)
			if p.above {
				room = aboveRoom
			}
			p.grid()
			p.axes("times "+m.Brokers[0]+", logarithmic", "")
			p.StrokeLine2(stroke(black, 1), p.px(1), p.Min.Y, p.px(1), p.Max.Y)
			label := boldLettering(labelSize, black)
			for i, l := range lines {
				top := p.py(float64(len(lines) - i))
				if i > 0 {
					p.StrokeLine2(stroke(lightGrey, thinWidth), p.Min.X-room, top, p.Max.X+brokerRoom+50, top)
				}
				first := top - 6 - lane/2.0
				if p.above {
					first -= extraRow
					p.rowName(label, first, l.name)
				} else {
					p.rowName(label, top-each/2, l.name)
				}
				for j, b := range m.Brokers {
					y := first - vg.Length(j)*lane
					p.ratioMark(y, b, l.marks[b], colors[b], brokerRoom)
				}
			}
		},
	}
}

// ratioMark draws one mark at height y, and at the right its name and figure.
func (p *panel) ratioMark(y vg.Length, broker string, x ratioMark, c color.NRGBA, room vg.Length) {
	size := captionSize + 0.5
	if p.above { // Text is as large on a phone as it is here.
		size = tickSize
	}
	style := lettering(size, c)
	figure := placed(lettering(size, black), draw.XRight, draw.YBottom)
	p.beside(style, vg.Point{X: p.Max.X + 6, Y: y}, broker)
	if x.value == 0 {
		p.beside(figure, vg.Point{X: p.Max.X + room + 48, Y: y}, "-")
		return
	}
	p.beside(figure, vg.Point{X: p.Max.X + room + 48, Y: y}, x.absolute)
	if x.hi > x.lo && x.lo > 0 {
		p.StrokeLine2(stroke(c, 1), p.px(x.lo), y, p.px(x.hi), y)
	}
	v := (float64(y-p.Min.Y) / float64(p.Max.Y-p.Min.Y)) * p.y.max
	if x.doubt {
		p.dot(lossColor, x.value, v, 2.8, true)
		return
	}
	p.dot(c, x.value, v, 2.8, false)
}

// times formats a ratio for an axis.
func times(v float64) string { return digits(v) + "×" }

func matrixGroups(m *result.Matrix) (all []*result.Group) {
	for _, w := range m.Workloads {
		all = append(all, w.Groups...)
	}
	return all
}

// matrixFooter is the environment of a matrix.
func matrixFooter(m *result.Matrix) string {
	groups := matrixGroups(m)
	least, most, runs := math.MaxInt, 0, 0
	for _, g := range groups {
		least, most, runs = min(least, len(g.Runs)), max(most, len(g.Runs)), runs+len(g.Runs)
	}
	var all []*result.Run
	for _, g := range groups {
		all = append(all, g.Runs...)
	}
	first := &groups[0].Runs[0].Manifest
	n := fmt.Sprintf("n = %d", least)
	if most > least {
		n = fmt.Sprintf("n = %d to %d", least, most)
	}
	differing := ""
	if len(m.Differences) > 0 {
		differing = "of the first workload; others differ in " + fieldsOf(m.Differences)
	}
	parts := []string{n + " runs of each, " + plural(int64(runs), "run") + " in all, interleaved", strings.TrimSpace("mqttbench " + first.Tool.Version + " " + first.Tool.Commit), strings.Join(m.Brokers, ", "),
		machine(first), governor(first), pinned(first), "MQTT " + first.Workload.MQTTVersion + " over " + first.Workload.Transport, differing, noise(all), date(first), dataSum(all)}
	return joined(parts)
}

// matrixLatencies is p50 and p99 of the workloads whose load the broker does not set, all over one axis.
func matrixLatencies(m *result.Matrix) *figure {
	var columns []*result.Column
	var groups []*result.Group
	for _, w := range m.Workloads {
		l := &w.Groups[0].Runs[0].Manifest.Workload
		if l.Load == "closed" || l.Rate == 0 || l.Offline > 0 || l.ChurnPerSec > 0 {
			continue
		}
		columns, groups = append(columns, w), append(groups, w.Groups...)
	}
	low, high, ok := latencyRange(groups)
	if !ok {
		return nil
	}
	const heading = 20
	lane := func(narrow bool) vg.Length {
		if narrow {
			return 15 + extraRow
		}
		return 15
	}
	height := func(narrow bool) vg.Length {
		return vg.Length(len(columns))*(heading+lane(narrow)*vg.Length(len(m.Brokers))) + 8
	}
	noisy := ""
	if slices.ContainsFunc(groups, func(g *result.Group) bool { return g.Validity() == result.ValidityNoisy }) {
		noisy = " Noisy: other programs used the machine; such latencies are shown, and do not compare."
	}
	return &figure{
		name: "matrix-latency", title: "Latency at one paced load", subtitle: "response time, from the instant a message was due: p50 left and p99 right of each row",
		caption: []string{
			"Dots: runs; upright bars: medians of the runs, with " + intervalKind(groups) + ". The same schedule for all, whether they kept up with it or not. All rows have one axis. Hollow: not a valid run. Hollow red: promised deliveries are missing, and the latency is that of the survivors." + noisy,
			matrixFooter(m),
		},
		height: 118 + height(false), narrow: 118 + height(true),
		draw: func(c draw.Canvas) {
			title, height, lane := workloadTitle, float64(height(isNarrow(c))), float64(lane(isNarrow(c)))
			if isNarrow(c) {
				title = workloadName
			}
			colors := entityColors(m.Brokers)
			names := make([]row, len(m.Brokers))
			for i, b := range m.Brokers {
				names[i] = row{label: b + ", 6 of 6 INVALID"}
			}
			p := rowsPanel(c, logarithmic(low, high, seconds), scale{min: 0, max: height, at: func(v float64) float64 { return v }}, rowNameRoom(names), 20)
			p.grid()
			p.axes("response time, logarithmic", "")
			y := height
			for _, w := range columns {
				p.clear(vg.Point{X: p.Min.X, Y: p.py(y - heading/2 - 1)}, boldLettering(labelSize, black).Width(title(w))+4)
				p.beside(boldLettering(labelSize, black), vg.Point{X: p.Min.X + 2, Y: p.py(y - heading/2 - 1)}, title(w))
				y -= heading
				for _, b := range m.Brokers {
					y -= lane
					g, _ := w.Of(b)
					label := b
					if g == nil {
						label += ", no run"
					} else if n := doubtful(g, result.ValidityInvalid); n > 0 {
						label += fmt.Sprintf(", %d of %d INVALID", n, len(g.Runs))
					} else if n := doubtful(g, result.ValidityNoisy); n > 0 {
						label += fmt.Sprintf(", %d of %d noisy", n, len(g.Runs))
					}
					at := y + 7.5
					p.rowName(lettering(labelSize, black), p.py(at), label)
					if g != nil {
						p.latencyDots(g, at, colors[b], p50)
						p.latencyDots(g, at, colors[b], p99)
					}
				}
			}
		},
	}
}

// workloadName is the name of a workload for people: "2-fan-out-qos-1" is "fan-out, QoS 1"; the number only sorts.
func workloadName(w *result.Column) string {
	name := strings.TrimLeft(strings.TrimLeft(w.Name, "0123456789"), "-")
	if before, level, ok := strings.Cut(name, "-qos-"); ok {
		return strings.ReplaceAll(before, "-", " ") + ", QoS " + level
	}
	return cmp.Or(strings.ReplaceAll(name, "-", " "), w.Name)
}

// workloadTitle says what a workload is.
func workloadTitle(w *result.Column) string {
	return workloadName(w) + ": " + workload(&w.Groups[0].Runs[0].Manifest.Workload)
}

// matrixVerdicts is a row per workload and a column per broker: what became of the promises, in words, counts and colours.
func matrixVerdicts(m *result.Matrix) *figure {
	const height = 30
	return &figure{
		name: "matrix-verdicts", title: "What became of the promises",
		subtitle: "over all runs of a broker under a workload",
		caption: []string{
			"Kept: no acknowledged message was lost, none was delivered twice where the QoS forbids it, none overtook another of its stream. INVALID: no figure of some run is to be trusted, " +
				"for instance because the broker did not take what was due. Noisy: latencies do not compare; counts and costs stand.",
			matrixFooter(m),
		},
		height: vg.Length(112 + height*(len(m.Workloads)+1)),
		draw: func(c draw.Canvas) {
			style := lettering(labelSize, black)
			names := vg.Length(60)
			for _, w := range m.Workloads {
				names = max(names, style.Width(workloadName(w))+8)
			}
			names = min(names, 150)
			width := (c.Max.X - c.Min.X - names) / vg.Length(len(m.Brokers))
			for i, w := range append([]*result.Column{nil}, m.Workloads...) {
				top := c.Max.Y - vg.Length(i)*height
				if w != nil {
					left := placed(style, draw.XLeft, draw.YCenter)
					c.FillText(left, vg.Point{X: c.Min.X, Y: top - height/2}, shorten(left, workloadName(w), names-6))
				}
				for j, b := range m.Brokers {
					box := vg.Rectangle{Min: vg.Point{X: c.Min.X + names + vg.Length(j)*width, Y: top - height + 2}, Max: vg.Point{X: c.Min.X + names + vg.Length(j+1)*width - 2, Y: top}}
					centre := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
					if w == nil {
						// The version has a line of its own: with the middle taken out, nobody knows who it is.
						name, version, _ := strings.Cut(b, " ")
						heading, small := placed(boldLettering(labelSize, black), draw.XCenter, draw.YCenter), placed(lettering(captionSize+0.5, grey), draw.XCenter, draw.YCenter)
						c.FillText(heading, vg.Point{X: centre.X, Y: centre.Y + 6}, shorten(heading, name, width-4))
						c.FillText(small, vg.Point{X: centre.X, Y: centre.Y - 6}, shorten(small, version, width-4))
						continue
					}
					first, second, fill := verdictCell(w, b)
					switch g, _ := w.Of(b); {
					case first == "INVALID":
						second = fmt.Sprintf("%d of %d: %s", doubtful(g, result.ValidityInvalid), len(g.Runs), second)
					case second == noisyRuns:
						second = fmt.Sprintf("%d of %d noisy", doubtful(g, result.ValidityNoisy), len(g.Runs))
					}
					c.FillPolygon(fill, corners(box))
					text := placed(boldLettering(labelSize, black), draw.XCenter, draw.YCenter)
					if second == "" {
						c.FillText(text, centre, first)
						continue
					}
					small := placed(lettering(captionSize, black), draw.XCenter, draw.YCenter)
					c.FillText(text, vg.Point{X: centre.X, Y: centre.Y + 6}, first)
					for cut := strings.LastIndex(second, ", "); cut > 0 && small.Width(second) > width-6; cut = strings.LastIndex(strings.TrimSuffix(second, ", …"), ", ") {
						second = second[:cut] + ", …" // The worst stands first.
					}
					c.FillText(small, vg.Point{X: centre.X, Y: centre.Y - 6}, shorten(small, second, width-6))
				}
			}
		},
	}
}

// noisyRuns is why a verdict is in doubt that some runs of a group are noisy.
const noisyRuns = "noisy"

// verdictCell is a verdict in two lines and a colour.
func verdictCell(w *result.Column, broker string) (first, second string, fill color.NRGBA) {
	g, _ := w.Of(broker)
	if g == nil {
		return "no run", "it did not start, or refused", fade(orange, 0.4)
	}
	second = findingsText(g)
	switch outcome, validity := g.Outcome(), g.Validity(); {
	case outcome == result.Failed:
		return "FAILED", "the run came to no end", fade(lossColor, 0.5)
	case outcome == result.Broken:
		return "BROKEN", second, fade(lossColor, 0.5)
	case !slices.ContainsFunc(g.Runs, func(r *result.Run) bool { return r.Summary.Measured.Delivered > 0 }):
		return "NOTHING", "no message arrived", fade(orange, 0.4)
	case validity == result.ValidityInvalid:
		return "INVALID", cmp.Or(second, invalidWhy(g)), fade(orange, 0.4)
	case validity == result.ValidityNoisy:
		return string(outcome), cmp.Or(second, noisyRuns), fade(bluegreen, 0.3)
	default:
		return string(outcome), second, fade(bluegreen, 0.3)
	}
}

// doubtful is how many runs of a group are of a validity.
func doubtful(g *result.Group, v result.Validity) (n int) {
	for _, r := range g.Runs {
		if r.Summary.Validity == v {
			n++
		}
	}
	return n
}

// findingsText counts what went wrong, worst first.
func findingsText(g *result.Group) string {
	counts, order := map[result.Class]int64{}, []result.Class{}
	for _, r := range g.Runs {
		for _, c := range r.Summary.Contracts {
			for _, f := range c.Findings {
				if counts[f.Class] == 0 && f.Count > 0 {
					order = append(order, f.Class)
				}
				counts[f.Class] += f.Count
			}
		}
	}
	var all []string
	for _, class := range order {
		all = append(all, number(float64(counts[class]))+" "+string(class))
	}
	return strings.Join(all, ", ")
}

// invalidWhy is the gate that made a run of the group invalid.
func invalidWhy(g *result.Group) string {
	for _, r := range g.Runs {
		for _, gate := range r.Summary.Gates {
			if !gate.Passed && gate.Fails == result.ValidityInvalid {
				return gate.Name
			}
		}
	}
	return ""
}

// Matrix writes a matrix as a table for each workload, and below them what stands in the way of believing it.
func Matrix(w io.Writer, m *result.Matrix, width int, color bool) error {
	t := newTerminal(w, width, color)
	for _, x := range m.Workloads {
		t.line(t.paint(bold, workloadTitle(x)))
		columns := t.metricColumns(x.Comparison)
		head := pad("", groupWidth) + padLeft("runs", runsWidth)
		for _, i := range columns {
			head += padLeft(cmp.Or(metricNames[result.Metrics[i].Name], result.Metrics[i].Name), cellWidth)
		}
		t.line(t.paint(dim, head+"  verdict"))
		for i := range x.Groups {
			t.group(x.Comparison, i, columns)
		}
		t.line("")
	}
	legend, doubts := matrixNotes(m)
	for _, text := range legend {
		t.paragraph(dim, 0, text)
	}
	for _, text := range doubts {
		t.paragraph(yellow, 0, text)
	}
	return t.err
}

// matrixNotes are the notes of all comparisons, each once.
func matrixNotes(m *result.Matrix) (legend, doubts []string) {
	n := 0
	add := func(to []string, more []string) []string {
		for _, s := range more {
			if !slices.Contains(to, s) {
				to = append(to, s)
			}
		}
		return to
	}
	for _, w := range m.Workloads {
		l, d := comparisonNotes(w.Comparison)
		l = slices.DeleteFunc(l, func(s string) bool {
			return strings.Contains(s, "comparisons were made") || strings.HasPrefix(s, "×: ") || strings.HasPrefix(s, "*: ")
		})
		legend, doubts = add(legend, l), add(doubts, d)
		n += compared(w.Comparison)
	}
	if n > 0 {
		legend = append(legend, "×, ×*: median ratio of the runs, by pairs where they were made in pairs. Whether a difference is shown: Mann-Whitney test, p < 0.05 after Holm's correction for the comparisons that were made beside each other.")
	}
	for _, w := range m.Warnings {
		doubts = add(doubts, []string{"note: " + w})
	}
	return legend, doubts
}

// matrixMetrics are those that a matrix has tables of.
var matrixMetrics = []struct{ name, title string }{
	{"CPU per delivered", "CPU of the broker per delivered message"},
	{"delivered rate", "Delivered a second, one core, as fast as it goes"},
	{"p50", "Response time, median"},
	{"p99", "Response time, p99"},
	{"drain rate", "Drain of an offline queue"},
	{"bytes per connection", "Memory per connection"},
}

// MatrixMarkdown writes the figures of a matrix as tables for a README.
func MatrixMarkdown(w io.Writer, m *result.Matrix) error {
	var b strings.Builder
	for _, metric := range matrixMetrics {
		k := metricIndex(metric.name)
		var rows []string
		for _, x := range m.Workloads {
			line, any := "| "+workloadName(x), false
			for _, broker := range m.Brokers {
				g, cells := x.Of(broker)
				text := "-"
				if g != nil && cells[k].Estimate.N > 0 && suits(x, metric.name) {
					text, any = markdownCell(&cells[k], result.Metrics[k].Unit, lossy(g)), true
				}
				line += " | " + text
			}
			if any {
				rows = append(rows, line+" |")
			}
		}
		if rows == nil {
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n| | %s |\n|---|%s\n%s\n\n", metric.title, strings.Join(m.Brokers, " | "), strings.Repeat("--:|", len(m.Brokers)), strings.Join(rows, "\n"))
	}
	legend, doubts := matrixNotes(m)
	b.WriteString("Median over the runs [interval], and how many times that of " + m.Brokers[0] + ".\n")
	for _, s := range append(legend, doubts...) {
		b.WriteString("\n- " + s)
	}
	_, err := io.WriteString(w, b.String()+"\n\n"+matrixFooter(m)+"\n")
	return err
}

func markdownCell(cell *result.Cell, unit string, lost bool) string {
	e := &cell.Estimate
	text := quantity(e.Median, unit)
	if e.N > 1 {
		text += fmt.Sprintf(" [%s, %s]", quantity(e.Lo, unit), quantity(e.Hi, unit))
	}
	switch r := cell.Ratio; {
	case cell.Invalid:
		text = "(" + text + ") INVALID"
	case lost:
		text += " lossy"
	case cell.Noisy:
		text = "(" + text + ") noisy"
	case r != nil:
		text += ", " + ratioText(cell)
	}
	return text
}

// MatrixJSON writes a matrix for programs: an array of comparisons, as CompareJSON, each with its workload.
func MatrixJSON(w io.Writer, m *result.Matrix) error {
	type one struct {
		Workload   string          `json:"workload"`
		Comparison json.RawMessage `json:"comparison"`
	}
	var all []one
	for _, x := range m.Workloads {
		var b strings.Builder
		if err := CompareJSON(&b, x.Comparison); err != nil {
			return err
		}
		all = append(all, one{x.Name, json.RawMessage(b.String())})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Brokers   []string `json:"brokers"`
		Workloads []one    `json:"workloads"`
		Warnings  []string `json:"warnings,omitempty"`
	}{m.Brokers, all, m.Warnings})
}

// MatrixCSV writes a line per workload, broker and metric, in base units.
func MatrixCSV(w io.Writer, m *result.Matrix) error {
	out := csv.NewWriter(w)
	f := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	out.Write([]string{"workload", "broker", "outcome", "validity", "metric", "unit", "n", "median", "lo", "hi", "confidence", "noisy", "ratio", "ratio_lo", "ratio_hi", "p", "p_corrected"})
	for _, x := range m.Workloads {
		for i, g := range x.Groups {
			for k := range result.Metrics {
				cell := &x.Cells[i][k]
				e := &cell.Estimate
				if e.N == 0 {
					continue
				}
				line := []string{x.Name, g.Series, string(g.Outcome()), string(g.Validity()), result.Metrics[k].Name, result.Metrics[k].Unit,
					strconv.Itoa(e.N), f(e.Median), f(e.Lo), f(e.Hi), f(e.Confidence), strconv.FormatBool(cell.Noisy)}
				if r := cell.Ratio; r != nil {
					line = append(line, f(r.Value), f(r.Lo), f(r.Hi), f(r.P), f(r.Corrected))
				} else {
					line = append(line, "", "", "", "", "")
				}
				out.Write(line)
			}
		}
	}
	out.Flush()
	return out.Error()
}

// MatrixBench writes all runs in Go's benchmark format, as CompareBench.
func MatrixBench(w io.Writer, m *result.Matrix) error {
	var errs []error
	for _, x := range m.Workloads {
		errs = append(errs, CompareBench(w, x.Comparison))
	}
	return errors.Join(errs...)
}
