package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// latencyRowsFigure is the latency of groups at one and the same load: every run a dot, the median a
// bar across, the interval a line. It tells more than throughputFigure where there is no curve to draw.
func latencyRowsFigure(c *result.Comparison) *figure {
	if severalRates(c.Groups) {
		return nil
	}
	low, high, ok := latencyRange(c.Groups)
	if !ok {
		return nil
	}
	return &figure{
		name:  "compare-latencies",
		title: markedGroups("Latency, median and p99", c.Groups),
		caption: []string{
			"Response time, from the instant a message was due. Dots: runs, p50 left and p99 right; upright bars: medians of the runs, with " +
				intervalKind(c.Groups) + ". Hollow red: promised deliveries are missing, and the latency is that of the survivors.",
			compareFooter(c),
		},
		height: vg.Length(120 + len(c.Groups)*rowHeight + rowsExtra),
		narrow: vg.Length(120 + len(c.Groups)*(rowHeight+extraRow) + rowsExtra),
		draw:   func(cv draw.Canvas) { drawLatencyRows(cv, c.Groups, low, high) },
	}
}

// intervalKind says what a line around a median is.
func intervalKind(groups []*result.Group) string {
	for _, g := range groups {
		if len(g.Runs) < 6 {
			return "the range of the runs (no confidence interval)"
		}
	}
	return "their 95 % interval"
}

func drawLatencyRows(c draw.Canvas, groups []*result.Group, low, high float64) {
	names := make([]row, len(groups))
	for i, g := range groups {
		names[i] = row{label: g.Label}
	}
	p := rowsPanel(c, logarithmic(low, high, seconds), linear(0, float64(len(groups)), len(groups), func(float64) string { return "" }), rowNameRoom(names), 20)
	p.grid()
	p.axes("response time, logarithmic", "")
	colors := map[string]color.NRGBA{}
	for _, s := range seriesOf(groups) {
		colors[s.label] = s.color
	}
	for i, g := range groups {
		y := float64(len(groups)-i) - 0.5
		p.rowName(lettering(labelSize, black), p.py(y), g.Label)
		p.latencyDots(g, y, colors[g.Series], p50)
		p.latencyDots(g, y, colors[g.Series], p99)
	}
}

func (p *panel) latencyDots(g *result.Group, y float64, c color.NRGBA, of func(*result.Run) float64) {
	for _, r := range g.Runs {
		switch v := of(r); {
		case math.IsNaN(v):
		case r.Summary.Lossy():
			p.dot(lossColor, v, y, 2.4, true)
		default:
			p.dot(fade(c, 0.7), v, y, 2.4, r.Summary.Validity == result.ValidityInvalid)
		}
	}
	e := result.Median(having(g, of))
	if e.N == 0 {
		return
	}
	if e.N > 1 {
		p.StrokeLine2(stroke(black, 1), p.px(e.Lo), p.py(y), p.px(e.Hi), p.py(y))
	}
	p.StrokeLine2(stroke(black, 1.6), p.px(e.Median), p.py(y)-6, p.px(e.Median), p.py(y)+6)
}
