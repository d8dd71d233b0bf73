package report

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// Small multiples: response times by percentile, a column for each QoS and a row for each broker, workload or link. All panels have one
// pair of axes: with limits of their own, the eye would compare what cannot be compared.
type multiples struct {
	rows   []string
	levels []int       // Of the columns, ascending.
	cells  []*multiple // By row, then level.
	key    []lineLabel
}

// A multiple is a panel. One without curves stays, and says why.
type multiple struct {
	row    string
	level  int
	curves []levelCurve
	lost   []string // Whose latency is not drawn, because promised deliveries are missing.
}

// A levelCurve is response times by percentile: as a step line of all messages, or, of results that kept no histogram, the percentiles that
// they did keep.
type levelCurve struct {
	color   color.NRGBA
	steps   []point
	knots   []point
	runs    []*result.Histogram // For the band between them.
	invalid bool
}

// knotAt are the percentiles that a summary keeps.
var knotAt = []struct {
	at float64
	of func(*result.Quantiles) float64
}{
	{0.5, func(q *result.Quantiles) float64 { return q.P50 }},
	{0.9, func(q *result.Quantiles) float64 { return q.P90 }},
	{0.99, func(q *result.Quantiles) float64 { return q.P99 }},
	{0.999, func(q *result.Quantiles) float64 { return q.P999 }},
}

// knotsOf are the medians over runs of the percentiles that all of them support.
func knotsOf(runs []*result.Run) (knots []point) {
	for _, k := range knotAt {
		var all []float64
		for _, r := range runs {
			if q := &r.Summary.Response; q.Supports(k.at) {
				all = append(all, math.Max(k.of(q), floor))
			}
		}
		if len(all) == len(runs) {
			knots = append(knots, point{k.at, result.Median(all).Median})
		}
	}
	return knots
}

// add puts the runs of one curve into the panel of a row and a level.
func (m *multiples) add(row string, level int, label string, c color.NRGBA, runs []*result.Run) {
	i := slices.IndexFunc(m.cells, func(x *multiple) bool { return x.row == row && x.level == level })
	if i < 0 {
		i = len(m.cells)
		m.cells = append(m.cells, &multiple{row: row, level: level})
	}
	if !slices.Contains(m.rows, row) {
		m.rows = append(m.rows, row)
	}
	if !slices.Contains(m.levels, level) {
		m.levels = append(m.levels, level)
		slices.Sort(m.levels)
	}
	g := &result.Group{Runs: runs}
	if lossy(g) {
		m.cells[i].lost = append(m.cells[i].lost, label)
		return
	}
	u := levelCurve{color: c, invalid: g.Validity() == result.ValidityInvalid, knots: knotsOf(runs)}
	if !slices.ContainsFunc(runs, func(r *result.Run) bool { return r.Response.Count() == 0 }) {
		merged := g.Response()
		u.steps, u.runs = distribution(merged), responses(g)
		for i := range u.knots {
			u.knots[i].y = math.Max(merged.At(u.knots[i].x), floor)
		}
	}
	if u.steps == nil && u.knots == nil {
		return
	}
	m.cells[i].curves = append(m.cells[i].curves, u)
	if !slices.ContainsFunc(m.key, func(l lineLabel) bool { return l.text == label }) {
		m.key = append(m.key, lineLabel{text: label, color: c})
	}
}

// limits hold every curve of every panel; not ok if there is none, or nothing to set beside each other.
func (m *multiples) limits() (x, y scale, ok bool) {
	last, low, high := 0.5, math.Inf(1), 0.0
	for _, cell := range m.cells {
		for _, u := range cell.curves {
			for _, q := range append(slices.Clone(u.steps), u.knots...) {
				last, low, high = math.Max(last, q.x), math.Min(low, q.y), math.Max(high, q.y)
			}
		}
	}
	if len(m.levels) < 2 || high == 0 {
		return x, y, false
	}
	x = percentiles(last)
	x.ticks[0].label = "" // It would take the room of the median's.
	return x, logarithmic(low, high, seconds), true
}

const (
	multipleHeight = 104 // Of a panel.
	multipleHead   = 30  // Above a row, for its name and the levels.
)

// figure draws it; nil if there are not two levels to compare.
func (m *multiples) figure(name, title, subtitle, caption, foot string) *figure {
	x, y, ok := m.limits()
	if !ok {
		return nil
	}
	height := vg.Length(len(m.rows))*(multipleHeight+multipleHead) + bottomRoom + 22
	return &figure{
		name: name, title: title, subtitle: subtitle,
		caption: []string{"All panels have the same axes. Response time, from the instant a message was due, logarithmic, by percentile. " + caption + m.lines(), foot},
		height:  height + 96, narrow: height + 80 + 20,
		draw: func(c draw.Canvas) { m.draw(c, x, y) },
	}
}

// lines says what the lines are made of.
func (m *multiples) lines() string {
	text, whole, part, invalid, lost := "", false, false, false, false
	for _, cell := range m.cells {
		lost = lost || cell.lost != nil
		for _, u := range cell.curves {
			whole, part, invalid = whole || u.steps != nil, part || u.steps == nil, invalid || u.invalid
		}
	}
	if whole {
		text += " Lines: all messages of all runs; areas, where a panel has one line: range of the runs."
	}
	if part {
		text += " Dots: medians of the runs at the percentiles that the files kept; thin lines only lead the eye from one to the next."
	}
	if invalid {
		text += " Hollow: not all of the runs are valid."
	}
	if lost {
		text += " Lossy: promised deliveries are missing, and the latency of the survivors is not drawn."
	}
	return text
}

func (m *multiples) draw(c draw.Canvas, x, y scale) {
	c.Max.Y -= key(c, m.key) + 6
	const gap, edge = 16, 14
	n := vg.Length(len(m.levels))
	width := (c.Max.X - c.Min.X - leftRoom - edge - gap*(n-1)) / n
	height := (c.Max.Y-c.Min.Y-bottomRoom)/vg.Length(len(m.rows)) - multipleHead
	top := c.Max.Y
	for i, row := range m.rows {
		head := boldLettering(labelSize, black)
		c.FillText(placed(head, draw.XLeft, draw.YTop), vg.Point{X: c.Min.X, Y: top}, shorten(head, row, c.Max.X-c.Min.X))
		for j, level := range m.levels {
			p := &panel{Canvas: c, x: x, y: y}
			p.Min.X = c.Min.X + leftRoom + vg.Length(j)*(width+gap)
			p.Max.X = p.Min.X + width
			p.Max.Y = top - multipleHead + 4
			p.Min.Y = p.Max.Y - height
			p.multiple(m, row, level, j == 0, i == len(m.rows)-1)
		}
		top -= height + multipleHead
	}
	c.FillText(placed(lettering(labelSize, grey), draw.XRight, draw.YBottom), vg.Point{X: c.Max.X - edge, Y: c.Min.Y}, "percentile")
}

// multiple draws one panel. Only those at the edges have labels: the axes are the same.
func (p *panel) multiple(m *multiples, row string, level int, first, bottom bool) {
	p.FillText(placed(lettering(tickSize, grey), draw.XLeft, draw.YBottom), vg.Point{X: p.Min.X, Y: p.Max.Y + 2}, fmt.Sprintf("QoS %d", level))
	p.grid()
	p.StrokeLine2(stroke(grey, thinWidth), p.Min.X, p.Min.Y, p.Max.X, p.Min.Y)
	if bottom {
		p.xTicks()
	}
	if first {
		p.yTicks()
	}
	note := func(c color.Color, text string) {
		style := placed(lettering(captionSize+0.5, c), draw.XRight, draw.YBottom)
		p.FillText(style, vg.Point{X: p.Max.X, Y: p.Max.Y + 2}, shorten(style, text, p.Max.X-p.Min.X-32))
	}
	i := slices.IndexFunc(m.cells, func(x *multiple) bool { return x.row == row && x.level == level })
	if i < 0 {
		note(grey, "no run")
		return
	}
	cell := m.cells[i]
	if len(cell.curves) == 1 {
		p.runBand(curve{color: cell.curves[0].color, runs: cell.curves[0].runs})
	}
	for _, u := range cell.curves {
		if u.steps != nil {
			p.line(stroke(u.color, lineWidth), u.steps)
		} else {
			p.line(stroke(u.color, thinWidth), u.knots)
		}
		for _, q := range u.knots {
			if u.steps == nil || u.invalid {
				p.dot(u.color, q.x, q.y, 2, u.invalid)
			}
		}
	}
	if cell.lost != nil {
		text := "lossy: " + strings.Join(cell.lost, ", ")
		if lettering(captionSize+0.5, lossColor).Width(text) > p.Max.X-p.Min.X-32 {
			text = fmt.Sprintf("%d lossy", len(cell.lost))
		}
		note(lossColor, text)
	} else if cell.curves == nil {
		note(grey, "no latency known")
	}
}

// compareMultiples sets the levels of QoS of each broker beside each other; nil if the runs are of one.
func compareMultiples(c *result.Comparison) *figure {
	m := &multiples{}
	picked := atOneRate(c.Groups)
	for _, g := range picked.groups {
		first := &g.Runs[0].Manifest
		if len(first.Workload.QoS) != 1 {
			continue
		}
		// What tells it from the others, but for the level, which is its column.
		level := fmt.Sprintf("QoS %d", first.Workload.QoS[0])
		parts := slices.DeleteFunc(strings.Split(g.Series, ", "), func(s string) bool { return s == level })
		row := cmp.Or(strings.Join(parts, ", "), first.Broker.Label())
		// The colour is the broker's: a series at another level would have another.
		m.add(row, first.Workload.QoS[0], row, black, g.Runs)
	}
	for i, place := range places(m.rows) {
		for _, x := range m.cells {
			for k := range x.curves {
				if x.row == m.rows[i] {
					x.curves[k].color = seriesColor(place)
				}
			}
		}
	}
	m.key = nil // The rows have their names.
	return m.figure("compare-qos", markedGroups("Latency at each QoS", picked.groups), "", picked.note, compareFooter(c))
}

// matrixMultiples is a row for each workload that was run at several levels, with the curves of all brokers.
func matrixMultiples(m *result.Matrix) *figure {
	x, colors := &multiples{}, entityColors(m.Brokers)
	var groups []*result.Group
	for _, w := range m.Workloads {
		l := &w.Groups[0].Runs[0].Manifest.Workload
		if l.Load == "closed" || l.Rate == 0 || l.Offline > 0 || l.ChurnPerSec > 0 || len(l.QoS) != 1 {
			continue
		}
		row, _, _ := strings.Cut(workloadName(w), ", QoS ")
		for _, b := range m.Brokers {
			if g, _ := w.Of(b); g != nil {
				x.add(row, l.QoS[0], b, colors[b], g.Runs)
				groups = append(groups, g)
			}
		}
	}
	noisy := ""
	if slices.ContainsFunc(groups, func(g *result.Group) bool { return g.Validity() == result.ValidityNoisy }) {
		noisy = " Some runs were noisy: such latencies do not compare."
	}
	return x.figure("matrix-qos", "Latency at each QoS, at one paced load", "response time, logarithmic; columns: QoS; the same axes everywhere", "The same schedule for all; the verdicts say who kept up with it."+noisy, matrixFooter(m))
}

// levelColors are those of the levels of QoS: from light to dark, as they are an order.
var levelColors = []color.NRGBA{skyBlue, blue, black}

// familyMultiples is a column for each QoS of publishers, and a row for each link or kind of session; a line for each QoS of subscribers.
func familyMultiples(f *Family) *figure {
	m := &multiples{}
	all := f.paced()
	var runs []*result.Run
	for i := range all {
		t := &all[i]
		w := &t.runs[0].Manifest.Workload
		sub := w.QoS
		if len(w.SubscribeQoS) > 0 {
			sub = w.SubscribeQoS
		}
		if len(w.QoS) != 1 || len(sub) != 1 || w.QoS[0] >= len(levelColors) || sub[0] >= len(levelColors) || w.QoS[0] < 0 || sub[0] < 0 {
			continue
		}
		m.add(cmp.Or(t.heading, f.Name), w.QoS[0], fmt.Sprintf("subscribed at QoS %d", sub[0]), levelColors[sub[0]], t.runs)
		runs = append(runs, t.runs...)
	}
	if runs == nil {
		return nil
	}
	slices.SortFunc(m.key, func(a, b lineLabel) int { return strings.Compare(a.text, b.text) })
	return m.figure(FamilyName+"-qos", f.Name+": latency at each QoS", "response time, logarithmic; columns: QoS of the publishers; the same axes everywhere",
		"Noisy runs: latencies do not compare."+linkFaults(all), familyFooter(f, runs))
}
