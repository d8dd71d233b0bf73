package report

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// A curve is a latency distribution to be drawn by percentile.
type curve struct {
	label  string
	color  color.NRGBA
	dashes []vg.Length
	values *result.Histogram
	runs   []*result.Histogram // For the band between the runs; nil: none.
	marks  bool                // Write the values at the percentiles.
}

// percentileFigure is the latency of a run by percentile: response solid, service dashed.
func percentileFigure(r *result.Run) *figure {
	if r.Response.Count() == 0 || r.Summary.Lossy() {
		return nil
	}
	curves := []curve{{label: "response", color: latencyColor, values: r.Response, marks: true}}
	if r.Service.Count() > 0 {
		curves = append(curves, curve{label: "service", color: grey, dashes: []vg.Length{4, 2.5}, values: r.Service})
	}
	return &figure{
		name:     "latency",
		title:    marked("Latency by percentile", &r.Summary),
		subtitle: setting(&r.Manifest),
		caption: []string{
			fmt.Sprintf("Response: from the instant a message was due; service: from the instant it was sent. n = %s%s. The curve ends where fewer than 6 samples lie beyond.",
				count(r.Response.Count()), arrived(r)),
			footer([]*result.Run{r}),
		},
		height: 330, narrow: 330,
		draw: func(c draw.Canvas) { drawPercentiles(c, curves) },
	}
}

// arrived says of which part of the deliveries the latencies are, if not of all.
func arrived(r *result.Run) string {
	if r.Response.Count() < 12 {
		return ", too few to state a percentile"
	}
	if share, ok := r.Summary.DeliveredShare(); ok && share < 1 {
		return " deliveries, the " + percent(share) + " that arrived"
	}
	return " deliveries"
}

// comparePercentilesFigure lays the response times of groups over each other.
func comparePercentilesFigure(c *result.Comparison) *figure {
	curves, picked, caption := responseCurves(c)
	if curves == nil {
		return nil
	}
	return &figure{
		name:    "compare-latency",
		title:   markedGroups("Latency by percentile", picked.groups),
		caption: []string{"Response times, from the instant a message was due; all runs of a group merged" + bands(curves) + "." + caption, compareFooter(c)},
		height:  340, narrow: 300,
		draw: func(cv draw.Canvas) { drawPercentiles(cv, curves) },
	}
}

// mostBands is how many curves have the range of their runs around them: more of them hide each other.
const mostBands = 3

// bands says what the areas are, if there are any.
func bands(curves []curve) string {
	if len(curves) > mostBands {
		return ""
	}
	return "; area: range of the runs, as far as each of them has 6 samples beyond"
}

// responseCurves are the response times of those groups of a comparison at one rate that lost nothing; the caption says which rate, and who
// is left out. No curves: nobody has any.
func responseCurves(c *result.Comparison) (curves []curve, picked oneRate, caption string) {
	var missing []string
	picked = atOneRate(c.Groups)
	for i, g := range picked.groups {
		if h := g.Response(); h.Count() == 0 || lossy(g) {
			missing = append(missing, g.Label)
		} else {
			curves = append(curves, curve{label: shorten(lettering(labelSize, black), g.Series, 150), color: picked.colors[i], values: h, runs: responses(g)})
		}
	}
	caption = picked.note
	if missing != nil {
		caption += " Not drawn, because deliveries are missing: " + strings.Join(missing, "; ") + "."
	}
	return curves, picked, caption
}

func responses(g *result.Group) (all []*result.Histogram) {
	for _, r := range g.Runs {
		all = append(all, r.Response)
	}
	return all
}

func lossy(g *result.Group) bool {
	for _, r := range g.Runs {
		if r.Summary.Lossy() {
			return true
		}
	}
	return false
}

// floor is the least duration drawn: a logarithmic axis has no zero.
const floor = 1e-9

// shown is the last fraction of n samples worth drawing: six samples beyond it, as with every
// percentile that is printed. Half of them are always drawn.
func shown(n int64) float64 { return math.Max(0.5, 1-6/float64(n)) }

func drawPercentiles(c draw.Canvas, curves []curve) {
	last, low, high := 0.0, math.Inf(1), 0.0
	var names []string
	for _, u := range curves {
		end := shown(u.values.Count())
		last = math.Max(last, end)
		low = math.Min(low, math.Max(u.values.At(0), floor))
		high = math.Max(high, u.values.At(end))
		for _, h := range u.runs {
			low = math.Min(low, math.Max(h.At(0), floor))
			high = math.Max(high, h.At(math.Min(shown(h.Count()), end)))
		}
		names = append(names, shorten(lettering(labelSize, black), u.label, lineRoom(c, 150)))
	}
	c.Max.Y -= 16
	p := newPanel(c, percentiles(last), logarithmic(low, math.Max(high, low), seconds), labelRoom(names...))
	p.grid()
	if len(curves) <= mostBands {
		for _, u := range curves {
			p.runBand(u)
		}
	}
	var labels []lineLabel
	for i, u := range curves {
		points := distribution(u.values)
		p.line(stroke(u.color, lineWidth, u.dashes...), points)
		if n := len(points); n > 0 {
			labels = append(labels, lineLabel{points[n-1].y, names[i], u.color})
		}
	}
	p.axes("percentile", "latency, logarithmic")
	for _, u := range curves {
		if u.marks {
			p.percentileMarks(u)
		}
	}
	p.labels(labels)
}

// distribution is the quantile function as a step line, up to the last fraction worth drawing.
func distribution(h *result.Histogram) (points []point) {
	end, from := shown(h.Count()), 0.0
	h.Steps(func(v, to float64) {
		if from < end {
			v = math.Max(v, floor)
			points = append(points, point{from, v}, point{math.Min(to, end), v})
		}
		from = to
	})
	return points
}

// runBand fills the range of the runs at each percentile.
func (p *panel) runBand(u curve) {
	if len(u.runs) < 2 {
		return
	}
	const places = 300
	var lower, upper []point
	width := p.x.at(p.x.max)
	for i := range places + 1 {
		q := 1 - math.Pow(10, -width*float64(i)/places)
		low, high := math.Inf(1), 0.0
		for _, h := range u.runs {
			if h.Count() > 0 && q <= shown(h.Count()) {
				low, high = math.Min(low, math.Max(h.At(q), floor)), math.Max(high, h.At(q))
			}
		}
		if high > 0 {
			lower, upper = append(lower, point{q, low}), append(upper, point{q, high})
		}
	}
	if len(lower) > 1 {
		p.between(pale(u.color), lower, upper)
	}
}

// percentileMarks writes the value of a curve at the ticks.
func (p *panel) percentileMarks(u curve) {
	enough := result.Quantiles{Count: u.values.Count()}
	style := placed(lettering(tickSize, u.color), draw.XRight, draw.YBottom)
	for _, t := range p.x.ticks {
		if t.at == 0 || !enough.Supports(t.at) {
			continue
		}
		v := math.Max(u.values.At(t.at), floor)
		p.dot(u.color, t.at, v, 2.2, false)
		at := p.at(t.at, v)
		at.X -= 3
		at.Y += 3
		if text := seconds(v); at.X-style.Width(text) > p.Min.X {
			p.FillText(style, at, text)
		} else { // On the other side of the curve, which rises.
			p.FillText(placed(style, draw.XLeft, draw.YTop), vg.Point{X: at.X + 6, Y: at.Y - 6}, text)
		}
	}
}
