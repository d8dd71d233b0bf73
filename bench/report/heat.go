package report

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// heatFigure is the distribution of latencies over time: what percentiles over time hide, such as two modes, or a few
// slow clients among many fast ones. nil if the run has no log of its intervals.
func heatFigure(r *result.Run) (*figure, error) {
	densities, err := r.Densities()
	if err != nil || len(densities) == 0 || len(r.Intervals) == 0 {
		return nil, err
	}
	last := r.Intervals[len(r.Intervals)-1].T1
	cells := newHeat(densities, last)
	if cells.most == 0 {
		return nil, nil
	}
	title := "Latency over time, every message"
	if r.Summary.Lossy() {
		title = "Latency over time, of the messages that arrived"
	}
	return &figure{
		name:     "heat",
		title:    marked(title, &r.Summary),
		subtitle: setting(&r.Manifest),
		caption: []string{
			fmt.Sprintf("Response time of what arrived in an interval. A cell is %s wide and reaches 12 %% up; its colour is how many deliveries a second it holds, "+
				"logarithmic; empty: none. Line: p99, of intervals with enough messages for one. Grey: outside of the measured part.", seconds(cells.width())),
			footer([]*result.Run{r}),
		},
		height: 330, narrow: 330,
		draw: func(c draw.Canvas) { drawHeat(c, r, cells, last) },
	}, nil
}

const (
	// mostHeatColumns bounds the columns of a heat map. More cannot be told apart, and each cell is a polygon in the file.
	mostHeatColumns = 160
	heatSteps       = 16 // Of the colour.
)

// A heat is the columns of a heat map and the range of its colours.
type heat struct {
	columns     []result.Density
	first, last int     // Bands.
	least, most float64 // Deliveries a second in a cell; most 0: there is none.
}

// newHeat puts densities together to no more columns than can be drawn.
func newHeat(densities []result.Density, last float64) *heat {
	h := &heat{first: math.MaxInt, last: math.MinInt, least: math.Inf(1)}
	column := -1
	for i := range densities {
		at := i
		if len(densities) > mostHeatColumns {
			at = int(densities[i].T0 / last * mostHeatColumns)
		}
		if at == column {
			h.columns[len(h.columns)-1].Merge(&densities[i])
		} else {
			h.columns = append(h.columns, densities[i])
		}
		column = at
	}
	for i := range h.columns {
		d := &h.columns[i]
		if d.Counts != nil {
			h.first, h.last = min(h.first, d.First), max(h.last, d.First+len(d.Counts)-1)
		}
		for k := range d.Counts {
			if v := perSecond(d, k); v > 0 {
				h.least, h.most = math.Min(h.least, v), math.Max(h.most, v)
			}
		}
	}
	return h
}

// perSecond is how many deliveries a second are in band k of a column, counted from its first.
func perSecond(d *result.Density, k int) float64 {
	return float64(d.Counts[k]) / math.Max(d.T1-d.T0, 1e-3)
}

// width is that of a typical column, in seconds.
func (h *heat) width() float64 {
	all := make([]float64, len(h.columns))
	for i := range h.columns {
		all[i] = h.columns[i].T1 - h.columns[i].T0
	}
	return result.Median(all).Median
}

// step is the colour of a cell, 0 to heatSteps-1.
func (h *heat) step(v float64) int {
	if h.most <= h.least {
		return heatSteps - 1
	}
	at := math.Log(v/h.least) / math.Log(h.most/h.least)
	return min(int(at*heatSteps), heatSteps-1)
}

// heatColor goes from the pale to the dark of one hue: lightness alone carries the order, on paper too.
func heatColor(step int) color.NRGBA {
	at := (float64(step) + 0.5) / heatSteps
	if at < 0.6 {
		return fade(latencyColor, 0.18+0.82*at/0.6)
	}
	return darken(latencyColor, 0.72*(at-0.6)/0.4)
}

// darken mixes c with black.
func darken(c color.NRGBA, part float64) color.NRGBA {
	mix := func(v uint8) uint8 { return uint8(float64(v)*(1-part) + 0.5) }
	return color.NRGBA{mix(c.R), mix(c.G), mix(c.B), 0xff}
}

func drawHeat(c draw.Canvas, r *result.Run, h *heat, last float64) {
	h.key(c)
	c.Max.Y -= 28
	events := slices.ContainsFunc(r.Events, func(e result.Event) bool { _, glyph := eventMark(&e); return glyph != nil })
	if events {
		c.Max.Y -= eventRoom
	}
	p := newPanel(c, timeScale(last), logarithmic(result.BandEdge(h.first), result.BandEdge(h.last+1), seconds), labelRoom("p99"))
	if events {
		p.nameAt = eventNames
	}
	const name = "latency, logarithmic"
	p.phases(r, true)
	p.grid()
	marks([]*panel{p}, name, r.Events) // Below the cells: a fault that lasts is an area, and what was measured meanwhile must be seen.
	for i := range h.columns {
		p.heatColumn(h, &h.columns[i])
	}
	p.tracks(r, []track{{"p99", black, stroke(black, 1), quantile(0.99, func(q result.Quantiles) float64 { return q.P99 })}})
	p.axes("time since the start", name)
}

// heatColumn draws the cells of a column as polygons on the axes. A picture made of pixels and stretched over a logarithmic
// axis, as the library offers, is two decades off and looks right. Neighbours of one colour are one polygon.
func (p *panel) heatColumn(h *heat, d *result.Density) {
	for k := 0; k < len(d.Counts); {
		if d.Counts[k] == 0 {
			k++
			continue
		}
		from, step := k, h.step(perSecond(d, k))
		for k++; k < len(d.Counts) && d.Counts[k] > 0 && h.step(perSecond(d, k)) == step; k++ {
		}
		low, high := p.at(d.T0, result.BandEdge(d.First+from)), p.at(d.T1, result.BandEdge(d.First+k))
		p.FillPolygon(heatColor(step), corners(vg.Rectangle{Min: low, Max: high}))
	}
}

// key draws the colours with the rates they stand for.
func (h *heat) key(c draw.Canvas) {
	const width, height = 11, 8
	style := placed(lettering(captionSize, grey), draw.XLeft, draw.YTop)
	c.FillText(style, vg.Point{X: c.Min.X, Y: c.Max.Y - 1}, "deliveries a second in a cell")
	x := c.Min.X + style.Width("deliveries a second in a cell") + 10
	for i := range heatSteps {
		at := x + vg.Length(i)*width
		c.FillPolygon(heatColor(i), corners(vg.Rectangle{Min: vg.Point{X: at, Y: c.Max.Y - height}, Max: vg.Point{X: at + width, Y: c.Max.Y}}))
	}
	end := x - 100
	for _, t := range logarithmic(h.least, h.most, number).ticks {
		if t.at < h.least*(1-1e-9) || t.at > h.most*(1+1e-9) || t.label == "" {
			continue
		}
		at := x + heatSteps*width*vg.Length(math.Log(t.at/h.least)/math.Max(math.Log(h.most/h.least), 1e-9))
		half := style.Width(t.label) / 2
		if at-half < end+5 {
			continue
		}
		c.FillText(placed(style, draw.XCenter, draw.YTop), vg.Point{X: at, Y: c.Max.Y - height - 2}, t.label)
		end = at + half
	}
}
