package report

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// A pairsBlock is one metric of all groups: every run a dot, and a line through the runs of one repetition, which were made one directly after
// the other.
type pairsBlock struct {
	metric    *result.Metric
	index     int // In result.Metrics.
	low, high float64
}

// pairsMetrics are those that it may have, in its order.
var pairsMetrics = []string{"CPU per delivered", "p50", "p99", "delivered rate"}

// mostPaired is how many groups have lines between them: among those of more, nobody could follow one.
const mostPaired = 3

// pairsFigure is the runs that stand behind the ratios of a comparison; nil if they were not made in pairs, at more than one load, or of too many
// groups.
func pairsFigure(c *result.Comparison) *figure {
	if severalRates(c.Groups) || len(c.Groups) > mostPaired {
		return nil
	}
	var blocks []pairsBlock
	var ratios []*result.Ratio
	for _, name := range pairsMetrics {
		k := metricIndex(name)
		if name == "delivered rate" && c.Groups[0].Runs[0].Manifest.Workload.Load != "closed" {
			continue // It is what was offered.
		}
		b := pairsBlock{metric: &result.Metrics[k], index: k, low: math.Inf(1)}
		paired := false
		for i, g := range c.Groups {
			if r := c.Cells[i][k].Ratio; r != nil && r.Paired {
				paired, ratios = true, append(ratios, r)
			}
			for _, v := range having(g, b.of) {
				b.low, b.high = math.Min(b.low, v), math.Max(b.high, v)
			}
		}
		if paired {
			blocks = append(blocks, b)
		}
	}
	if blocks == nil {
		return nil
	}
	height := func(narrow bool) vg.Length {
		return 92 + vg.Length(len(blocks))*pairsHeight(len(c.Groups), narrow)
	}
	return &figure{
		name: "compare-pairs", title: markedGroups("Every run, and those made in pairs", c.Groups),
		caption: []string{
			"Dots: runs; grey lines join those of one repetition, which were made one directly after the other: where all lean one way, every pair shows the difference. Upright bars: medians of the runs. " +
				"At the right, the median ratio of the pairs to " + c.Groups[0].Label + " [" + pairsInterval(ratios) + "]; ~: no difference shown. Axes logarithmic: equal ratios are equally far. Hollow: not a valid run; hollow red: promised deliveries are missing.",
			compareFooter(c),
		},
		height: height(false), narrow: height(true),
		draw: func(cv draw.Canvas) { drawPairs(cv, c, blocks) },
	}
}

// pairsInterval says what stands around the median of ratios.
func pairsInterval(ratios []*result.Ratio) string {
	with := slices.ContainsFunc(ratios, func(r *result.Ratio) bool { return r.Confidence > 0 })
	without := slices.ContainsFunc(ratios, func(r *result.Ratio) bool { return r.Confidence == 0 })
	switch {
	case with && without:
		return "95 % interval; of fewer than six pairs their range, which is no confidence interval"
	case with:
		return "95 % interval"
	}
	return "range of the pairs, which is no confidence interval"
}

// of is the metric of a run; NaN if it has none that can be drawn.
func (b *pairsBlock) of(r *result.Run) float64 {
	if v, ok := b.metric.Of(r); ok && v > 0 {
		return v
	}
	return math.NaN()
}

const (
	pairsRow  = 26
	pairsHead = 20
)

// pairsGap is what a panel leaves for the name of its x axis, which blocks have above them.
const pairsGap = 8

func pairsHeight(groups int, narrow bool) vg.Length {
	each := pairsRow
	if narrow {
		each += extraRow
	}
	return vg.Length(groups*each+pairsHead) + bottomRoom - pairsGap
}

func drawPairs(c draw.Canvas, x *result.Comparison, blocks []pairsBlock) {
	names, texts := make([]row, len(x.Groups)), []string{}
	colors := map[string]color.NRGBA{}
	for _, s := range seriesOf(x.Groups) {
		colors[s.label] = s.color
	}
	for i, g := range x.Groups {
		names[i] = row{label: g.Label}
		for _, b := range blocks {
			if r := x.Cells[i][b.index].Ratio; r != nil {
				texts = append(texts, ratioWords(r))
			}
		}
	}
	for _, b := range blocks {
		box := c
		box.Max.Y -= pairsHead
		c.Max.Y -= pairsHeight(len(x.Groups), isNarrow(c))
		box.Min.Y = c.Max.Y - pairsGap
		p := rowsPanel(box, near(b.low, b.high, func(v float64) string { return quantity(v, b.metric.Unit) }),
			linear(0, float64(len(x.Groups)), len(x.Groups), func(float64) string { return "" }), rowNameRoom(names), labelRoom(texts...))
		p.FillText(placed(boldLettering(labelSize, black), draw.XLeft, draw.YBottom), vg.Point{X: c.Min.X, Y: p.Max.Y + 5}, pairsName(b.metric))
		p.grid()
		p.axes("", "")
		p.pairs(x, &b, colors)
	}
}

func pairsName(m *result.Metric) string {
	switch m.Name {
	case "CPU per delivered":
		return "CPU time of the broker per delivered message"
	case "p50", "p99":
		return "response time, " + m.Name
	}
	return m.Name
}

// pairs draws one block: lines below, names and dots above.
func (p *panel) pairs(x *result.Comparison, b *pairsBlock, colors map[string]color.NRGBA) {
	at := func(i int) float64 { return float64(len(x.Groups)-i) - 0.5 }
	if p.above { // Below the name of the row.
		at = func(i int) float64 { return float64(len(x.Groups)-i) - 0.68 }
	}
	for i := 1; i < len(x.Groups); i++ {
		for _, u := range x.Groups[i-1].Runs {
			for _, v := range x.Groups[i].Runs {
				from, to := b.of(u), b.of(v)
				if n := u.Manifest.Repetition; n > 0 && n == v.Manifest.Repetition && !math.IsNaN(from) && !math.IsNaN(to) {
					p.StrokeLine2(stroke(lightGrey, 1), p.px(from), p.py(at(i-1)), p.px(to), p.py(at(i)))
				}
			}
		}
	}
	for i, g := range x.Groups {
		y := p.py(at(i))
		p.rowName(lettering(labelSize, black), y, g.Label)
		for _, r := range g.Runs {
			if v := b.of(r); !math.IsNaN(v) {
				switch {
				case r.Summary.Lossy():
					p.dot(lossColor, v, at(i), 2.6, true)
				default:
					p.dot(colors[g.Series], v, at(i), 2.6, r.Summary.Validity == result.ValidityInvalid)
				}
			}
		}
		if e := result.Median(having(g, b.of)); e.N > 0 {
			p.StrokeLine2(stroke(black, 1.6), p.px(e.Median), y-5, p.px(e.Median), y+5)
		}
		r := x.Cells[i][b.index].Ratio
		if r == nil {
			continue
		}
		style := lettering(labelSize, black)
		if !r.Shown {
			style.Color = grey
		}
		p.beside(style, vg.Point{X: p.Max.X + 6, Y: y}, ratioWords(r))
	}
}
