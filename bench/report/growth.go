package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// A Growth is what a message costs a broker as one setting grows and all others stay: a line for each broker.
type Growth struct {
	By    string // One of GrowthBy.
	of    growable
	lines []*growthLine
	runs  []*result.Run
}

// A growthLine is one broker's, by ascending setting.
type growthLine struct {
	label  string
	places []growthPlace
}

// A growthPlace is the runs at one setting.
type growthPlace struct {
	at    float64
	costs []float64 // CPU seconds per delivered message.
	valid bool
}

func (p *growthPlace) cost() result.Estimate { return result.Median(p.costs) }

// A growable is a setting that may grow.
type growable struct {
	name   string
	axis   string
	of     func(*result.Run) float64
	format func(float64) string
}

var growing = []growable{
	{"clients", "clients", func(r *result.Run) float64 { return float64(r.Manifest.Workload.Clients) }, number},
	{"fan-out", "subscribers of each message", func(r *result.Run) float64 { return r.Manifest.Workload.FanOut }, number},
	{"payload", "bytes of a message", func(r *result.Run) float64 { return float64(r.Manifest.Workload.PayloadBytes) }, bytes},
	{"queue", "messages queued for each subscriber", queuedFor, number},
	{"rate", "messages offered per second", func(r *result.Run) float64 { return r.Manifest.Workload.Rate }, number},
	{"window", "messages in flight", func(r *result.Run) float64 { return float64(r.Manifest.Workload.Window) }, number},
}

func queuedFor(r *result.Run) float64 {
	d := r.Summary.Drained
	if d == nil || d.Clients == 0 {
		return 0
	}
	return float64(d.Queued) / float64(d.Clients)
}

// GrowthBy are the settings that costs can be held against.
func GrowthBy() (names []string) {
	for _, g := range growing {
		names = append(names, g.name)
	}
	return names
}

// NewGrowth holds the costs of the runs against the setting of that name.
func NewGrowth(runs []*result.Run, by string) (*Growth, error) {
	i := slices.IndexFunc(growing, func(s growable) bool { return s.name == by })
	if i < 0 {
		return nil, fmt.Errorf("%q is no setting to hold costs against; there are %s", by, strings.Join(GrowthBy(), ", "))
	}
	g := &Growth{By: by, of: growing[i]}
	byName := map[string]*growthLine{}
	for _, r := range runs {
		cost := perDelivered(r)
		if math.IsNaN(cost) {
			continue // Of a broker that is elsewhere.
		}
		g.runs = append(g.runs, r)
		label := r.Manifest.Broker.Label()
		l := byName[label]
		if l == nil {
			l = &growthLine{label: label}
			byName[label] = l
			g.lines = append(g.lines, l)
		}
		l.add(g.of.of(r), cost, r.Summary.Validity != result.ValidityInvalid && !r.Summary.Lossy())
	}
	if !slices.ContainsFunc(g.lines, func(l *growthLine) bool { return len(l.places) > 1 }) {
		return nil, fmt.Errorf("the runs do not differ in %s, or nothing is known of what the broker's process used", g.of.axis)
	}
	return g, nil
}

func (l *growthLine) add(at, cost float64, valid bool) {
	i, found := slices.BinarySearchFunc(l.places, at, func(p growthPlace, at float64) int { return cmp.Compare(p.at, at) })
	if !found {
		l.places = slices.Insert(l.places, i, growthPlace{at: at, valid: true})
	}
	p := &l.places[i]
	p.costs, p.valid = append(p.costs, cost), p.valid && valid
}

// Print writes the figures as a table: the median of each place, and the range of its runs.
func (g *Growth) Print(w io.Writer) error {
	for _, l := range g.lines {
		if _, err := fmt.Fprintf(w, "%s: CPU time of the broker per delivered message, against %s\n", l.label, g.of.axis); err != nil {
			return err
		}
		for i := range l.places {
			p := &l.places[i]
			text := seconds(p.cost().Median)
			if n := len(p.costs); n > 1 {
				text += fmt.Sprintf(" (%s to %s, %d runs)", seconds(slices.Min(p.costs)), seconds(slices.Max(p.costs)), n)
			}
			if !p.valid {
				text += "  not to be trusted"
			}
			if _, err := fmt.Fprintf(w, "%14s  %s\n", g.of.format(p.at), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// Chart draws it into dir as growth-NAME, as SVG and PNG, and returns their paths; against clients, memory too as growth-NAME-memory.
func (g *Growth) Chart(dir string) ([]string, error) {
	return saveAll(dir, []*figure{g.figure(), g.memoryFigure()})
}

func (g *Growth) figure() *figure {
	known := calibration(result.GroupRuns(g.runs))
	highest := 0.0
	if known != nil {
		highest = known.Relay
	}
	for _, l := range g.lines {
		for i := range l.places {
			highest = math.Max(highest, slices.Max(l.places[i].costs))
		}
	}
	return &figure{
		name:  "growth-" + g.By,
		title: "Cost of a message against " + g.of.axis,
		caption: []string{
			"CPU time of the broker, user and system, per delivered message. " + g.spread() + "Hollow: a run of that place lost something, or is not valid." + floorText(known),
			g.footer(),
		},
		height: 310, narrow: 290,
		draw: func(cv draw.Canvas) { g.draw(cv, highest, known) },
	}
}

// spread says what lines and dots are.
func (g *Growth) spread() string {
	most := 0
	for _, l := range g.lines {
		for i := range l.places {
			most = max(most, len(l.places[i].costs))
		}
	}
	zero := ""
	if slices.ContainsFunc(g.lines, func(l *growthLine) bool { return l.places[0].at <= 0 }) {
		zero = "0 has no place on a logarithmic axis and stands at its left end. "
	}
	if most == 1 {
		return zero + "Dots: one run each, so nothing is known of the spread between runs; lines only lead the eye. "
	}
	return zero + "Lines through the medians of the runs, dots: single runs. "
}

// footer is the environment of the first run.
func (g *Growth) footer() string {
	m := &g.runs[0].Manifest
	return joined(append([]string{strings.TrimSpace("mqttbench " + m.Tool.Version + " " + m.Tool.Commit), machine(m), governor(m), pinned(m), workload(&m.Workload), load(&m.Workload),
		"of the first run; others differ in " + g.of.axis, plural(int64(len(g.runs)), "run"), noise(g.runs), date(m)}, origin(g.runs)...))
}

func (g *Growth) draw(cv draw.Canvas, highest float64, known *result.Calibration) {
	var names, brokers []string
	for _, l := range g.lines {
		brokers = append(brokers, l.label)
		names = append(names, shorten(lettering(labelSize, black), l.label, lineRoom(cv, 150)))
	}
	cv.Max.Y -= 16
	x, place := g.scale()
	p := newPanel(cv, x, fromZero(highest, seconds), labelRoom(names...))
	p.grid()
	p.axes(g.of.axis, "CPU time per delivered message")
	p.floor(known)
	var labels []lineLabel
	colors := places(brokers)
	for i, l := range g.lines {
		c := seriesColor(colors[i])
		var points []point
		for j := range l.places {
			points = append(points, point{place(l.places[j].at), l.places[j].cost().Median})
		}
		p.line(stroke(c, lineWidth), points)
		for j := range l.places {
			for _, cost := range l.places[j].costs {
				p.dot(c, points[j].x, cost, 2.6, !l.places[j].valid)
			}
		}
		labels = append(labels, lineLabel{points[len(points)-1].y, names[i], c})
	}
	p.labels(labels)
}

// scale is logarithmic. A setting of 0 has no place on it, and gets one at its left end.
func (g *Growth) scale() (s scale, place func(float64) float64) {
	least, most, zero := math.Inf(1), 0.0, false
	for _, l := range g.lines {
		for i := range l.places {
			at := l.places[i].at
			zero = zero || at <= 0
			if at > 0 {
				least, most = math.Min(least, at), math.Max(most, at)
			}
		}
	}
	if !zero {
		return logarithmic(least, most, g.of.format), func(v float64) float64 { return v }
	}
	left := math.Pow(10, math.Floor(math.Log10(least))-1)
	s = logarithmic(left, most, g.of.format)
	for i := range s.ticks {
		switch {
		case i == 0:
			s.ticks[i].label = "0"
		case s.ticks[i].at < least/2:
			s.ticks[i].label, s.ticks[i].spare = "", "" // The axis is broken here.
		}
	}
	return s, func(v float64) float64 { return math.Max(v, left) }
}
