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

// A lateness is how late the generator itself was at something, by percentile.
type lateness struct {
	label  string
	color  color.NRGBA
	took   result.Quantiles
	values *result.Histogram // nil: the file did not keep it.
}

// shortest is the least lateness that is drawn: what is shorter nobody has to know.
const shortest = 1e-6

// instrumentFigure is how well the generator kept its schedule, and how late its timers woke it, which nobody can better; nil if it had no schedule.
func instrumentFigure(r *result.Run) *figure {
	s := &r.Summary
	var all []lateness
	if s.Lag.Supports(0.5) {
		all = append(all, lateness{"schedule lag", latencyColor, s.Lag, s.Distributions.Of(result.DistributionLag)})
	}
	if s.Slack.Supports(0.5) {
		all = append(all, lateness{"timer slack", grey, s.Slack, s.Distributions.Of(result.DistributionSlack)})
	}
	if all == nil || all[0].label != "schedule lag" {
		return nil
	}
	text := fmt.Sprintf("Schedule lag: from the instant a message was due until it was written, n = %s. ", count(s.Lag.Count))
	if len(all) > 1 {
		text += fmt.Sprintf("Timer slack: how late the system woke a timer of the generator, n = %s. ", count(s.Slack.Count))
	}
	if slices.ContainsFunc(all, func(u lateness) bool { return u.values == nil }) {
		text += "Dots: the percentiles that the file kept; thin lines only lead the eye. "
	}
	gate := gateNamed(s, "schedule lag p99")
	if gate != nil {
		text += fmt.Sprintf("Dotted: the lag at p99 with which a run is not trusted any more, %s. ", seconds(gate.Limit))
	}
	return &figure{
		name: "instrument", title: marked("How late the instrument was", s), subtitle: setting(&r.Manifest),
		caption: []string{text + fmt.Sprintf("Drawn from %s up.", seconds(shortest)), footer([]*result.Run{r})},
		height:  250, narrow: 250,
		draw: func(c draw.Canvas) { drawLateness(c, all, gate) },
	}
}

func (u *lateness) curve() (points []point) {
	raised := func(v float64) float64 { return math.Max(v, shortest) }
	if u.values != nil {
		points = distribution(u.values)
		for i := range points {
			points[i].y = raised(points[i].y)
		}
		return points
	}
	for _, k := range knotAt {
		if u.took.Supports(k.at) {
			points = append(points, point{k.at, raised(k.of(&u.took))})
		}
	}
	return points
}

func drawLateness(c draw.Canvas, all []lateness, gate *result.Gate) {
	last, low, high := 0.5, math.Inf(1), shortest
	var names []string
	for i := range all {
		for _, q := range all[i].curve() {
			last, low, high = math.Max(last, q.x), math.Min(low, q.y), math.Max(high, q.y)
		}
		names = append(names, all[i].label)
	}
	if gate != nil && last >= 0.99 {
		high = math.Max(high, gate.Limit)
	}
	c.Max.Y -= 16
	p := newPanel(c, percentiles(last), logarithmic(low, high, seconds), labelRoom(names...))
	p.grid()
	if gate != nil && last >= 0.99 {
		y := p.py(gate.Limit)
		p.StrokeLine2(limit, p.Min.X, y, p.Max.X, y)
		p.FillText(placed(lettering(captionSize, grey), draw.XLeft, draw.YBottom), vg.Point{X: p.Min.X + 3, Y: y + 1}, "limit of the lag's p99")
	}
	p.axes("percentile", "late by, logarithmic")
	var labels []lineLabel
	for i := range all {
		u := &all[i]
		points := u.curve()
		if len(points) == 0 {
			continue
		}
		if u.values != nil {
			p.line(stroke(u.color, lineWidth), points)
		} else {
			p.line(stroke(u.color, thinWidth), points)
			for _, q := range points {
				p.dot(u.color, q.x, q.y, 2, false)
			}
		}
		labels = append(labels, lineLabel{points[len(points)-1].y, u.label, u.color})
	}
	p.labels(labels)
}
