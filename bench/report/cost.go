package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// costFigure is what a run took: CPU per delivered message, and memory.
func costFigure(r *result.Run) *figure {
	groups := []struct {
		label string
		cost  *result.ProcessCost
	}{{"broker", r.Summary.Cost.Broker}, {"generator", r.Summary.Cost.Generator}}
	var cpu, memory []row
	for _, g := range groups {
		if g.cost != nil {
			costs := []*result.ProcessCost{g.cost}
			cpu, memory = append(cpu, cpuRow(g.label, costs)), append(memory, memoryRow(g.label, costs))
		}
	}
	floors(cpu, r.Manifest.Calibration)
	return costRows("cost", marked("What it cost", &r.Summary), setting(&r.Manifest), cpu, memory,
		"CPU time of each process over the measured part, divided by deliveries. RSS: its peak."+floorText(r.Manifest.Calibration), footer([]*result.Run{r}))
}

// compareCostFigure sets the costs of brokers beside each other.
func compareCostFigure(c *result.Comparison) *figure {
	var cpu, memory []row
	picked := atOneRate(c.Groups)
	for _, g := range picked.groups {
		var costs []*result.ProcessCost
		for _, r := range g.Runs {
			if b := r.Summary.Cost.Broker; b != nil {
				costs = append(costs, b)
			}
		}
		label := g.Series
		if g.Validity() == result.ValidityInvalid {
			label += " (INVALID)"
		}
		if costs != nil {
			cpu, memory = append(cpu, cpuRow(label, costs)), append(memory, memoryRow(label, costs))
		}
	}
	return costRows("compare-cost", markedGroups("Cost of the broker", picked.groups), "", cpu, memory,
		"CPU time of the broker over the measured part, divided by deliveries."+picked.note+" "+spreadOf(picked.groups), compareFooter(c))
}

// costCurveFigure is the cost of a message against the load. It falls as the load grows, because a
// busy broker takes more messages with each read and write; a figure at one load says little.
func costCurveFigure(c *result.Comparison) *figure {
	all := seriesOf(c.Groups)
	if !slices.ContainsFunc(all, func(s *series) bool { return len(s.groups) > 1 }) {
		return nil
	}
	highest, most := 0.0, 0.0
	for _, g := range c.Groups {
		for _, v := range having(g, perDelivered) {
			highest = math.Max(highest, v)
		}
		most = math.Max(most, slices.Max(having(g, offered)))
	}
	if highest == 0 {
		return nil
	}
	known := calibration(c.Groups)
	if known != nil {
		highest = math.Max(highest, known.Relay)
	}
	return &figure{
		name:  "compare-cost-curve",
		title: markedGroups("Cost of a message against offered load", c.Groups),
		caption: []string{
			"CPU time of the broker, user and system, per delivered message. Lines through the medians of the runs, dots: single runs. " +
				"Hollow red: promised deliveries are missing. Hollow: not a valid run." + floorText(known),
			compareFooter(c),
		},
		height: 310, narrow: 290,
		draw: func(cv draw.Canvas) { drawCostCurve(cv, all, highest, most) },
	}
}

func perDelivered(r *result.Run) float64 {
	if c := r.Summary.Cost.Broker; c != nil && c.PerDelivered() > 0 {
		return c.PerDelivered()
	}
	return math.NaN()
}

func drawCostCurve(cv draw.Canvas, all []*series, highest, most float64) {
	var names []string
	for _, s := range all {
		names = append(names, shorten(lettering(labelSize, black), s.label, lineRoom(cv, 150)))
	}
	cv.Max.Y -= 16
	p := newPanel(cv, fromZero(most, number), fromZero(highest, seconds), labelRoom(names...))
	known := calibration(groupsOf(all))
	p.ceiling(known)
	p.grid()
	p.axes("messages offered per second", "CPU time per delivered message")
	p.floor(known)
	var labels []lineLabel
	for i, s := range all {
		points := s.points(perDelivered)
		if len(points) == 0 {
			continue
		}
		p.line(stroke(s.color, lineWidth), points)
		p.runDots(s, perDelivered)
		labels = append(labels, lineLabel{points[len(points)-1].y, names[i], s.color})
	}
	p.labels(labels)
}

// costRows is the figure of both charts; nil if nothing is known.
func costRows(name, title, subtitle string, cpu, memory []row, caption, foot string) *figure {
	if cpu == nil {
		return nil
	}
	each := vg.Length(len(cpu)*rowHeight + rowsExtra)
	return &figure{
		name: name, title: title, subtitle: subtitle, caption: []string{caption, foot},
		height: 112 + 2*each, narrow: 112 + 2*(each+vg.Length(len(cpu)*extraRow)),
		draw: func(c draw.Canvas) {
			key(c, []lineLabel{{text: "user", color: userColor}, {text: "system", color: systemColor}})
			c.Max.Y -= 18
			upper, lower := c, c
			upper.Min.Y = c.Min.Y + (c.Max.Y-c.Min.Y)/2
			lower.Max.Y = upper.Min.Y
			names := rowNameRoom(cpu)
			texts := max(rowTextRoom(cpu), rowTextRoom(memory))
			drawRows(upper, "CPU time per delivered message", cpu, names, texts, seconds)
			drawRows(lower, "memory, peak RSS", memory, names, texts, bytes)
		},
	}
}

func cpuRow(label string, costs []*result.ProcessCost) row {
	var total, user []float64
	for _, c := range costs {
		total = append(total, c.PerDelivered())
		user = append(user, c.UserPerDelivered)
	}
	all, part := result.Median(total), result.Median(user)
	r := medianRow(label, all, total, seconds)
	// The split is that of the medians; they need not add up, the whole must.
	r.bars = []bar{{min(part.Median, all.Median), userColor}, {max(0, all.Median-part.Median), systemColor}}
	r.text += ", " + percent(result.Median(utilisations(costs)).Median) + " of a core"
	return r
}

func utilisations(costs []*result.ProcessCost) (all []float64) {
	for _, c := range costs {
		all = append(all, c.Utilisation)
	}
	return all
}

func memoryRow(label string, costs []*result.ProcessCost) row {
	var rss, each []float64
	for _, c := range costs {
		rss = append(rss, float64(c.PeakRSS))
		each = append(each, c.BytesPerConnection)
	}
	r := medianRow(label, result.Median(rss), rss, bytes)
	if per := result.Median(each).Median; per > 0 {
		r.text += ", " + bytes(per) + " a connection"
	}
	return r
}

// medianRow is a row of one bar, with the spread of the runs it is the median of.
func medianRow(label string, e result.Estimate, values []float64, format func(float64) string) row {
	r := row{label: label, bars: []bar{{e.Median, grey}}, text: format(e.Median)}
	if e.N > 1 {
		r.lo, r.hi, r.dots = e.Lo, e.Hi, values
	}
	return r
}
