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

// A memoryLine is the memory of one broker when so many clients were connected, a point for each run, and the straight line of least
// squares through them: its slope is what a connection costs, and how far points lie from it shows whether one figure can say that.
type memoryLine struct {
	label            string
	points           []memoryPoint
	slope, intercept float64 // Bytes a connection, and bytes.
}

type memoryPoint struct {
	clients, rss float64
	valid        bool
}

func (l *memoryLine) at(clients float64) float64 { return l.intercept + l.slope*clients }

// connected is the memory that the broker's process held when all clients were connected and no message had been sent; not ok if nobody knows.
func connected(r *result.Run) (rss float64, ok bool) {
	for i := range r.Intervals {
		if iv := &r.Intervals[i]; iv.Phase == result.PhaseConnect && iv.Broker != nil && iv.Clients == int64(r.Manifest.Workload.Clients) {
			rss = float64(iv.Broker.RSS)
		}
	}
	return rss, rss > 0
}

// memoryLines are those of the brokers whose memory is known at three numbers of clients or more: through two, any line goes.
func (g *Growth) memoryLines() (all []*memoryLine) {
	for _, l := range g.lines {
		m, places := &memoryLine{label: l.label}, map[float64]bool{}
		for _, r := range g.runs {
			if r.Manifest.Broker.Label() != l.label {
				continue
			}
			if rss, ok := connected(r); ok {
				n := float64(r.Manifest.Workload.Clients)
				m.points, places[n] = append(m.points, memoryPoint{n, rss, r.Summary.Validity != result.ValidityInvalid}), true
			}
		}
		if len(places) > 2 {
			m.fit()
			all = append(all, m)
		}
	}
	return all
}

func (l *memoryLine) fit() {
	n, meanX, meanY := float64(len(l.points)), 0.0, 0.0
	for _, p := range l.points {
		meanX, meanY = meanX+p.clients/n, meanY+p.rss/n
	}
	xx, xy := 0.0, 0.0
	for _, p := range l.points {
		xx, xy = xx+(p.clients-meanX)*(p.clients-meanX), xy+(p.clients-meanX)*(p.rss-meanY)
	}
	l.slope = xy / xx
	l.intercept = meanY - l.slope*meanX
}

// farthest is how far a point lies from the line at most, in bytes.
func (l *memoryLine) farthest() (most float64) {
	for _, p := range l.points {
		most = math.Max(most, math.Abs(p.rss-l.at(p.clients)))
	}
	return most
}

// memoryFigure is the memory of brokers against their clients, with what the straight line leaves over; nil if clients do not grow, or memory is
// not known.
func (g *Growth) memoryFigure() *figure {
	lines := g.memoryLines()
	if g.By != "clients" || len(lines) == 0 {
		return nil
	}
	text := ""
	for _, l := range lines {
		text += fmt.Sprintf(" %s: %s a connection and %s besides, off by %s at most.", l.label, bytes(l.slope), bytes(l.intercept), bytes(l.farthest()))
	}
	return &figure{
		name: "growth-clients-memory", title: "Memory of the broker against clients",
		subtitle: "resident memory when all were connected and subscribed and nothing had been published",
		caption: []string{"Dots: single runs; lines: least squares, whose slope is the memory of a connection. Below, what the line leaves over: dots of a straight line would scatter around 0. " +
			"Hollow: not a valid run; its memory is what it is." + text, g.footer()},
		height: 400, narrow: 380,
		draw: func(c draw.Canvas) { drawMemory(c, lines) },
	}
}

func drawMemory(c draw.Canvas, lines []*memoryLine) {
	most, highest, off := 0.0, 0.0, 0.0
	var brokers, texts []string
	for _, l := range lines {
		brokers = append(brokers, l.label)
		texts = append(texts, bytes(l.slope)+" each")
		off = math.Max(off, l.farthest())
		for _, p := range l.points {
			most, highest = math.Max(most, p.clients), math.Max(highest, p.rss)
		}
	}
	names := make([]string, len(brokers))
	for i, b := range brokers {
		names[i] = shorten(lettering(labelSize, black), strings.TrimSpace(b), lineRoom(c, 150))
	}
	x, room := fromZero(most, number), labelRoom(append(names, texts...)...)
	step := niceStep(math.Max(off, 1))
	upper, lower := c, c
	upper.Max.Y -= 16
	lower.Max.Y = c.Min.Y + (c.Max.Y-c.Min.Y)*0.3
	upper.Min.Y = lower.Max.Y + 22 - bottomRoom
	p := newPanel(upper, x, fromZero(highest, bytes), room)
	q := newPanel(lower, x, linear(-step, step, 2, signedBytes), room)
	p.grid()
	q.grid()
	p.axes(noTicks, "resident memory")
	q.axes("clients connected", "left over by the line")
	q.StrokeLine2(stroke(grey, thinWidth), q.Min.X, q.py(0), q.Max.X, q.py(0))
	var labels []lineLabel
	for i, place := range places(brokers) {
		l, color := lines[i], seriesColor(place)
		p.line(stroke(color, lineWidth), []point{{0, math.Max(0, l.intercept)}, {most, l.at(most)}})
		l.dots(p, q, color)
		labels = append(labels, lineLabel{l.at(most), texts[i], color}, lineLabel{l.at(most), names[i], color})
	}
	p.labels(labels)
}

// dots draws the points of a line over its panel, and what the line leaves of them over the other.
func (l *memoryLine) dots(p, q *panel, c color.NRGBA) {
	for _, at := range l.points {
		rest := at.rss - l.at(at.clients)
		q.StrokeLine2(stroke(c, 1), q.px(at.clients), q.py(0), q.px(at.clients), q.py(rest))
		p.dot(c, at.clients, at.rss, 2.6, !at.valid)
		q.dot(c, at.clients, rest, vg.Length(2.2), !at.valid)
	}
}

// signedBytes is a size more or less.
func signedBytes(v float64) string {
	switch {
	case v > 0:
		return "+" + bytes(v)
	case v < 0:
		return "−" + bytes(-v)
	}
	return "0"
}
