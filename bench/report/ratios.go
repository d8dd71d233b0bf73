package report

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// ratioMetrics are those of the figure of ratios, in its order.
var ratioMetrics = []string{"delivered rate", "p50", "p99", "CPU per delivered", "RSS", "bytes per connection"}

// A ratioRow is one metric of one group, in terms of the first.
type ratioRow struct {
	label string
	color color.NRGBA
	ratio *result.Ratio
	pairs []float64 // Of runs with the same repetition.
}

// ratiosFigure is how every group compares with the first: a dot for each pair of runs, the median of their ratios and its interval, over
// a logarithmic axis on which 1 is the first group. nil if there is nothing to compare, or more than one load.
func ratiosFigure(c *result.Comparison) *figure {
	if severalRates(c.Groups) {
		return nil
	}
	var rows []ratioRow
	low, high := 1.0, 1.0
	for _, name := range ratioMetrics {
		k := metricIndex(name)
		if name == "delivered rate" && c.Groups[0].Runs[0].Manifest.Workload.Load != "closed" {
			continue // It is what was offered.
		}
		for i, g := range c.Groups {
			r := c.Cells[i][k].Ratio
			if r == nil {
				continue
			}
			x := ratioRow{label: name + ", " + g.Label, color: seriesColor(colorIndex(c, g)), ratio: r, pairs: pairRatios(c.Groups[0], g, &result.Metrics[k])}
			for _, v := range append([]float64{r.Value, r.Lo, r.Hi}, x.pairs...) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
			rows = append(rows, x)
		}
	}
	if rows == nil {
		return nil
	}
	var ratios []*result.Ratio
	for _, x := range rows {
		ratios = append(ratios, x.ratio)
	}
	return &figure{
		name: "compare-ratios", title: markedGroups("Pair by pair, as a multiple of "+c.Groups[0].Label, c.Groups), subtitle: "1 is " + c.Groups[0].Label + "; left of it is less",
		caption: []string{
			"Dots: pairs of runs, one directly after the other; upright bar: median ratio; line: " + pairsInterval(ratios) + ". Grey text: no difference shown. Logarithmic: twice and half are equally far from 1.",
			compareFooter(c),
		},
		height: vg.Length(120 + len(rows)*rowHeight), narrow: vg.Length(120 + len(rows)*(rowHeight+extraRow)),
		draw: func(cv draw.Canvas) { drawRatios(cv, rows, c.Groups[0].Label, low, high) },
	}
}

// pairRatios are the ratios of the runs that have the same repetition and are valid.
func pairRatios(base, g *result.Group, m *result.Metric) (all []float64) {
	for _, a := range base.Runs {
		for _, b := range g.Runs {
			if n := a.Manifest.Repetition; n == 0 || n != b.Manifest.Repetition || a.Summary.Validity == result.ValidityInvalid || b.Summary.Validity == result.ValidityInvalid {
				continue
			}
			x, ok1 := m.Of(a)
			y, ok2 := m.Of(b)
			if ok1 && ok2 && x > 0 && y > 0 {
				all = append(all, y/x)
			}
		}
	}
	return all
}

func drawRatios(c draw.Canvas, rows []ratioRow, base string, low, high float64) {
	names, texts := make([]row, len(rows)), []string{}
	for i, x := range rows {
		names[i] = row{label: x.label}
		texts = append(texts, ratioWords(x.ratio))
	}
	p := rowsPanel(c, near(low, high, times), linear(0, float64(len(rows)), len(rows), func(float64) string { return "" }), rowNameRoom(names), labelRoom(texts...))
	p.grid()
	p.axes("times "+base+", logarithmic", "")
	p.StrokeLine2(stroke(black, 1), p.px(1), p.Min.Y, p.px(1), p.Max.Y)
	for i, x := range rows {
		v := float64(len(rows)-i) - 0.5
		y := p.py(v)
		p.rowName(lettering(labelSize, black), y, x.label)
		for _, pair := range x.pairs {
			p.dot(fade(x.color, 0.7), pair, v, 2.4, false)
		}
		if x.ratio.Hi > x.ratio.Lo {
			p.StrokeLine2(stroke(black, 1), p.px(x.ratio.Lo), y, p.px(x.ratio.Hi), y)
		}
		p.StrokeLine2(stroke(black, 1.6), p.px(x.ratio.Value), y-6, p.px(x.ratio.Value), y+6)
		style := lettering(labelSize, black)
		if !x.ratio.Shown {
			style.Color = grey
		}
		p.beside(style, vg.Point{X: p.Max.X + 6, Y: y}, texts[i])
	}
}

// ratioWords is a ratio with its interval, or that none is shown.
func ratioWords(r *result.Ratio) string {
	short := func(v float64) string {
		if v < 9.995 {
			return fmt.Sprintf("%.2f", v)
		}
		return digits(v)
	}
	if !r.Shown {
		return fmt.Sprintf("~ [%s, %s]", short(r.Lo), short(r.Hi))
	}
	return fmt.Sprintf("%s× [%s, %s]", short(r.Value), short(r.Lo), short(r.Hi))
}
