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

// A series is the groups of a comparison that differ in the rate only, in its order.
type series struct {
	label  string
	color  color.NRGBA
	place  int // Of color in seriesColors.
	groups []*result.Group
}

func seriesOf(groups []*result.Group) (all []*series) {
	byName := map[string]*series{}
	for _, g := range groups {
		s := byName[g.Series]
		if s == nil {
			s = &series{label: g.Series}
			byName[g.Series] = s
			all = append(all, s)
		}
		s.groups = append(s.groups, g)
	}
	labels := make([]string, len(all))
	for i, s := range all {
		labels[i] = s.label
	}
	for i, place := range places(labels) {
		s := all[i]
		s.place, s.color = place, seriesColor(place)
		slices.SortStableFunc(s.groups, func(a, b *result.Group) int { return cmp.Compare(a.Rate, b.Rate) })
	}
	return all
}

// At one rate: what a chart without an axis for the load can show of a comparison. The rate is the
// highest at which most series have a group that kept its promises. Groups come with the colour of
// their series, which is the same in all charts of the comparison.
type oneRate struct {
	groups []*result.Group
	colors []color.NRGBA
	note   string // Which rate it is; empty if there is only one.
}

func atOneRate(groups []*result.Group) (picked oneRate) {
	all := seriesOf(groups)
	have := map[float64]int{}
	for _, g := range groups {
		kept := 0
		if !lossy(g) {
			kept = 1
		}
		have[g.Rate] += kept
	}
	best, most := 0.0, -1
	for rate, n := range have {
		if n > most || n == most && rate > best {
			best, most = rate, n
		}
	}
	for _, s := range all {
		for _, g := range s.groups {
			if g.Rate == best {
				picked.groups, picked.colors = append(picked.groups, g), append(picked.colors, s.color)
			}
		}
	}
	if severalRates(groups) {
		picked.note = " At " + rate(best) + " offered, the highest rate of those at which the most groups kept their promises."
	}
	return picked
}

// middle is the median of a figure over the runs of a group that have it; NaN if none has.
func middle(g *result.Group, of func(*result.Run) float64) float64 {
	return result.Median(having(g, of)).Median
}

// having are the values of the runs that have the figure.
func having(g *result.Group, of func(*result.Run) float64) (all []float64) {
	for _, r := range g.Runs {
		if v := of(r); !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	return all
}

// p50 and p99 are NaN where the run has too few samples for them, as everywhere.
func p50(r *result.Run) float64 { return percentile(r, 0.5, r.Summary.Response.P50) }
func p99(r *result.Run) float64 { return percentile(r, 0.99, r.Summary.Response.P99) }

func percentile(r *result.Run, at, v float64) float64 {
	if !r.Summary.Response.Supports(at) {
		return math.NaN()
	}
	return math.Max(v, floor)
}

// latencyRange is from the lowest to the highest p50 and p99 of all runs; not ok if there is none.
func latencyRange(groups []*result.Group) (low, high float64, ok bool) {
	var all []float64
	for _, g := range groups {
		all = append(append(all, having(g, p50)...), having(g, p99)...)
	}
	if all == nil {
		return 0, 0, false
	}
	return slices.Min(all), slices.Max(all), true
}

func offered(r *result.Run) float64 { return r.Summary.Measured.OfferedRate }

// throughputFigure is latency against offered load: a curve per series, a dot per run. Where
// promised deliveries are missing the dot is hollow and red, and stays in the picture: leaving such
// points out would make the curve end where it looks best.
func throughputFigure(c *result.Comparison) *figure {
	all := seriesOf(c.Groups)
	low, high, ok := latencyRange(c.Groups)
	if !ok {
		return nil
	}
	most := 0.0
	for _, g := range c.Groups {
		most = math.Max(most, slices.Max(having(g, offered)))
	}
	return &figure{
		name:  "compare-throughput",
		title: markedGroups("Latency against offered load", c.Groups),
		caption: []string{
			"Response time, from the instant a message was due: p99 solid, p50 dashed; lines through the medians of the runs, dots: single runs. " +
				"Hollow red: promised deliveries are missing, and the latency is that of the survivors. Hollow: not a valid run." + bandText(c.Capacity) + lengthenedText(c.Groups),
			compareFooter(c),
		},
		height: 350, narrow: 320,
		draw: func(cv draw.Canvas) {
			var names []string
			for _, s := range all {
				names = append(names, s.label+" p99")
			}
			cv.Max.Y -= 16
			shares := len(c.Capacity) == 1 && c.Capacity[0].Lo > 0
			if shares {
				cv.Min.Y += 11
			}
			p := newPanel(cv, fromZero(most, number), logarithmic(low, high, seconds), min(labelRoom(names...), lineRoom(cv, 170)))
			p.ceiling(calibration(c.Groups))
			p.bands(all, c.Capacity)
			p.grid()
			p.axes("", "latency, logarithmic")
			below := p.Min.Y - 15
			if shares {
				p.shares(c.Capacity[0].Lo)
				below -= 11
			}
			p.FillText(placed(lettering(labelSize, grey), draw.XRight, draw.YTop), vg.Point{X: p.Max.X, Y: below}, "messages offered per second")
			p.throughput(all, lineRoom(cv, 150)-20)
		},
	}
}

// bands draws where the capacity of each series lies: from the highest rate that was carried to the lowest that was not, over the height of the
// panel; a line, if none failed.
func (p *panel) bands(all []*series, capacity []result.CapacityBand) {
	for _, b := range capacity {
		i := slices.IndexFunc(all, func(s *series) bool { return s.label == b.Series })
		if i < 0 || b.Lo <= 0 || b.Lo > p.x.max {
			continue
		}
		c := all[i].color
		if b.Hi > b.Lo {
			p.band(fade(c, 0.2), b.Lo, math.Min(b.Hi, p.x.max))
		}
		x := p.px(b.Lo)
		p.StrokeLine2(stroke(fade(c, 0.6), 1, 4, 2), x, p.Min.Y, x, p.Max.Y)
	}
}

// shares labels the x axis a second time, in parts of a capacity. Of several series each has its own, and the words under the chart have to do.
func (p *panel) shares(capacity float64) {
	style := placed(lettering(captionSize, grey), draw.XCenter, draw.YTop)
	for _, t := range linear(0, p.x.max/capacity, 6, percent).ticks {
		if at := t.at * capacity; t.at > 0 && at <= p.x.max {
			p.FillText(style, vg.Point{X: p.px(at), Y: p.Min.Y - 15}, t.label)
		}
	}
	p.FillText(placed(style, draw.XLeft, draw.YTop), vg.Point{X: p.Min.X - leftRoom, Y: p.Min.Y - 15}, "of capacity")
}

// bandText puts the bands into words.
func bandText(capacity []result.CapacityBand) (text string) {
	for _, b := range capacity {
		switch {
		case b.Lo <= 0:
		case b.Hi > b.Lo:
			text += fmt.Sprintf(" %s carries %s and not %s (area).", b.Series, rate(b.Lo), rate(b.Hi))
		default:
			text += fmt.Sprintf(" %s carries at least %s (upright line).", b.Series, rate(b.Lo))
		}
	}
	return text
}

// lengthenedText says which points of a curve are of runs that lasted longer than the others, for the sake of having enough messages.
func lengthenedText(groups []*result.Group) string {
	var parts []string
	for _, g := range result.Lengthened(groups) {
		if text := fmt.Sprintf("%s (%g s)", rate(g.Rate), g.Runs[0].Manifest.Workload.Duration); !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if parts == nil {
		return ""
	}
	slices.Sort(parts)
	return " Runs at " + strings.Join(parts, ", ") + " lasted longer than the others, to have enough messages."
}

// severalRates reports whether there is a load to draw against.
func severalRates(groups []*result.Group) bool {
	return slices.ContainsFunc(groups, func(g *result.Group) bool { return g.Rate != groups[0].Rate })
}

func (p *panel) throughput(all []*series, room vg.Length) {
	var labels []lineLabel
	for _, s := range all {
		for _, q := range []struct {
			name   string
			of     func(*result.Run) float64
			dashes []vg.Length
		}{{"p50", p50, []vg.Length{4, 2.5}}, {"p99", p99, nil}} {
			points := s.points(q.of)
			if len(points) == 0 {
				continue
			}
			p.line(stroke(s.color, lineWidth, q.dashes...), points)
			p.runDots(s, q.of)
			labels = append(labels, lineLabel{points[len(points)-1].y, shorten(lettering(labelSize, black), s.label, room) + " " + q.name, s.color})
		}
	}
	p.labels(labels)
}

// points are the medians of the groups that have the figure.
func (s *series) points(of func(*result.Run) float64) (all []point) {
	for _, g := range s.groups {
		if y := middle(g, of); !math.IsNaN(y) {
			all = append(all, point{middle(g, offered), y})
		}
	}
	return all
}

func (p *panel) runDots(s *series, of func(*result.Run) float64) {
	for _, g := range s.groups {
		for _, r := range g.Runs {
			v := of(r)
			if math.IsNaN(v) {
				continue
			}
			c, invalid := s.color, r.Summary.Validity == result.ValidityInvalid
			if r.Summary.Lossy() {
				c = lossColor
			}
			p.dot(c, offered(r), v, 2.6, invalid || r.Summary.Lossy())
		}
	}
}

// deliveredFigure is what came of what was offered. On the diagonal, all of it. It takes a series
// with at least two rates.
func deliveredFigure(c *result.Comparison) *figure {
	all := seriesOf(c.Groups)
	if !slices.ContainsFunc(all, func(s *series) bool { return len(s.groups) > 1 }) {
		return nil
	}
	most := 0.0
	for _, g := range c.Groups {
		for _, r := range g.Runs {
			most = math.Max(most, expected(r))
		}
	}
	if most == 0 {
		return nil
	}
	return &figure{
		name:  "compare-delivered",
		title: markedGroups("Delivered against offered", c.Groups),
		caption: []string{
			"Medians of the runs. Solid: delivered while measuring; dashed: accepted (acknowledged; QoS 0: written), times the subscriptions that match. " +
				"Red area: accepted and not delivered in time. Grey diagonal: everything that was offered. Hollow: a run is not valid.",
			compareFooter(c),
		},
		height: 430, narrow: 330,
		draw: func(cv draw.Canvas) { drawDelivered(cv, all, most) },
	}
}

// expected and the other two rates are of deliveries, so that they compare at any fan-out.
func expected(r *result.Run) float64  { return offered(r) * fanOut(r) }
func accepted(r *result.Run) float64  { return r.Summary.Measured.AcceptedRate * fanOut(r) }
func delivered(r *result.Run) float64 { return r.Summary.Measured.DeliveredRate }

func drawDelivered(cv draw.Canvas, all []*series, most float64) {
	var names []string
	for _, s := range all {
		names = append(names, s.label)
	}
	cv.Max.Y -= 16
	room := min(labelRoom(names...), lineRoom(cv, 170))
	// One unit is as long on both axes, or the diagonal is none.
	side := min(cv.Max.Y-cv.Min.Y-bottomRoom, cv.Max.X-cv.Min.X-leftRoom-room)
	cv.Max.X = cv.Min.X + leftRoom + side + room
	cv.Min.Y = cv.Max.Y - side - bottomRoom
	p := newPanel(cv, fromZero(most, number), fromZero(most, number), room)
	p.grid()
	var labels []lineLabel
	for _, s := range all {
		var acc, del []point
		for _, g := range s.groups {
			x := middle(g, expected)
			acc, del = append(acc, point{x, middle(g, accepted)}), append(del, point{x, middle(g, delivered)})
		}
		p.between(fade(lossColor, 0.25), del, acc)
	}
	p.line(stroke(grey, thinWidth), []point{{0, 0}, {p.x.max, p.x.max}})
	for i, s := range all {
		var acc, del []point
		for _, g := range s.groups {
			x := middle(g, expected)
			acc, del = append(acc, point{x, middle(g, accepted)}), append(del, point{x, middle(g, delivered)})
		}
		// As long as all is well the lines lie on each other: each is narrower than the one below.
		below := float64(len(all) - 1 - i)
		p.line(stroke(s.color, lineWidth*0.7, 3, 2), acc)
		p.line(stroke(s.color, lineWidth+2*below), del)
		for k, d := range del {
			p.dot(s.color, d.x, d.y, vg.Length(2.6+1.2*below), s.groups[k].Validity() == result.ValidityInvalid)
		}
		labels = append(labels, lineLabel{del[len(del)-1].y, shorten(lettering(labelSize, black), s.label, min(150, room-8)), s.color})
	}
	p.axes("deliveries offered per second", "deliveries per second")
	p.labels(labels)
}
