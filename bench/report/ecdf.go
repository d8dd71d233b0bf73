package report

import (
	"math"

	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// mostShares is how many distributions can be told from each other when they lie over each other.
const mostShares = 4

// compareSharesFigure is the share of the messages that had arrived after a time, for two to four groups: where most of a distribution is,
// which the axis of percentiles squeezes into its first tenth. It says nothing of tails, and its caption says so.
func compareSharesFigure(c *result.Comparison) *figure {
	curves, picked, caption := responseCurves(c)
	if len(curves) < 2 || len(curves) > mostShares {
		return nil
	}
	return &figure{
		name:  "compare-shares",
		title: markedGroups("Share of the messages that had arrived", picked.groups),
		caption: []string{"Cumulative distribution of response times, from the instant a message was due; all runs of a group merged. Further left is sooner; " +
			"for the slowest hundredth see latency by percentile." + caption, compareFooter(c)},
		height: 320, narrow: 300,
		draw: func(cv draw.Canvas) { drawShares(cv, curves) },
	}
}

func drawShares(c draw.Canvas, curves []curve) {
	low, high := math.Inf(1), 0.0
	var names []string
	for _, u := range curves {
		low = math.Min(low, math.Max(u.values.At(0), floor))
		high = math.Max(high, u.values.At(shown(u.values.Count())))
		names = append(names, shorten(lettering(labelSize, black), u.label, lineRoom(c, 150)))
	}
	c.Max.Y -= 16
	p := newPanel(c, logarithmic(low, math.Max(high, low), seconds), linear(0, 1, 5, percent), labelRoom(names...))
	p.grid()
	var labels []lineLabel
	for i, u := range curves {
		points := distribution(u.values)
		for j, at := range points {
			points[j] = point{at.y, at.x}
		}
		p.line(stroke(u.color, lineWidth), points)
		labels = append(labels, lineLabel{1, names[i], u.color})
	}
	p.axes("response time, logarithmic", "share of the messages")
	p.labels(labels)
}
