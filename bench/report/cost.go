package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// A costBlock is one thing that is spent: a row for each process or group, over an axis of its own.
type costBlock struct {
	name   string
	rows   []row
	format func(float64) string
}

// costFigure is what a run took: CPU per delivered message, memory, and what crossed the wire.
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
	return costRows("cost", marked("What it cost", &r.Summary), setting(&r.Manifest), costBlocks(cpu, memory, []row{packetsRow("both ways", []*result.Run{r})}, []row{wireRow("both ways", []*result.Run{r})}),
		"CPU time of each process over the measured part, divided by deliveries. RSS: its peak."+wireText(r)+floorText(r.Manifest.Calibration), footer([]*result.Run{r}))
}

// compareCostFigure sets the costs of brokers beside each other, the cheapest first.
func compareCostFigure(c *result.Comparison) *figure {
	var cpu, memory, packets, wire []row
	picked := atOneRate(c.Groups)
	groups := slices.Clone(picked.groups)
	slices.SortStableFunc(groups, func(a, b *result.Group) int { return cmp.Compare(middle(a, perDelivered), middle(b, perDelivered)) })
	for _, g := range groups {
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
		packets, wire = append(packets, packetsRow(label, g.Runs)), append(wire, wireRow(label, g.Runs))
	}
	// What is the same for all is said in words.
	same := ""
	if alike(packets) && alike(wire) {
		if packets[0].text != "" {
			same = fmt.Sprintf(" On the wire they took the same: %s and %s.", packets[0].text, wire[0].text)
		}
		packets, wire = nil, nil
	}
	return costRows("compare-cost", markedGroups("Cost of the broker", picked.groups), "", costBlocks(cpu, memory, packets, wire),
		"CPU time of the broker over the measured part, divided by deliveries; the cheapest first."+same+picked.note+" "+spreadOf(picked.groups), compareFooter(c))
}

// costBlocks are those of which something is known; nil if nothing is known of CPU time.
func costBlocks(cpu, memory, packets, wire []row) []costBlock {
	if cpu == nil {
		return nil
	}
	blocks := []costBlock{{"CPU time per delivered message", cpu, seconds}, {"memory, peak RSS", memory, bytes}}
	if len(packets) > 0 && packets[0].text != "" {
		blocks = append(blocks, costBlock{"MQTT packets per delivered message", packets, number}, costBlock{"bytes of MQTT on the wire per delivered message", wire, bytes})
	}
	return blocks
}

// alike reports whether bars are equally long, but for a fiftieth.
func alike(rows []row) bool {
	least, most := math.Inf(1), 0.0
	for _, r := range rows {
		sum := 0.0
		for _, b := range r.bars {
			sum += b.length
		}
		least, most = math.Min(least, sum), math.Max(most, sum)
	}
	return most <= 1.02*least || most == 0
}

// The two directions have the colours of what goes in them.
var toBroker, fromBroker = acceptedColor, deliveredColor

func packetsRow(label string, runs []*result.Run) row {
	return flowRow(label, runs, number, " packets", func(f *result.Flow) int64 { return f.Packets })
}

func wireRow(label string, runs []*result.Run) row {
	return flowRow(label, runs, bytes, "", func(f *result.Flow) int64 { return f.Bytes })
}

// flowRow is what crossed the wire for a message, to the broker and from it: medians of the runs. Without a text if it was not counted.
func flowRow(label string, runs []*result.Run, format func(float64) string, unit string, of func(*result.Flow) int64) row {
	var to, from []float64
	for _, r := range runs {
		if w, n := r.Summary.Wire, float64(r.Summary.Measured.Delivered); w != nil && n > 0 {
			to, from = append(to, float64(of(&w.ToBroker))/n), append(from, float64(of(&w.FromBroker))/n)
		}
	}
	if to == nil {
		return row{label: label}
	}
	a, b := result.Median(to).Median, result.Median(from).Median
	return row{label: label, bars: []bar{{a, toBroker}, {b, fromBroker}}, text: format(a+b) + unit}
}

// wireText says what packets and bytes are, if they were counted.
func wireText(r *result.Run) string {
	if r.Summary.Wire == nil {
		return ""
	}
	return " Packets and bytes: MQTT's own, as the clients counted them, without what TCP and IP add."
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
func costRows(name, title, subtitle string, blocks []costBlock, caption, foot string) *figure {
	if blocks == nil {
		return nil
	}
	height := func(narrow bool) vg.Length {
		sum := vg.Length(112)
		for _, b := range blocks {
			sum += b.height(narrow)
		}
		return sum
	}
	return &figure{
		name: name, title: title, subtitle: subtitle, caption: []string{caption, foot},
		height: height(false), narrow: height(true),
		draw: func(c draw.Canvas) {
			legend := []lineLabel{{text: "user", color: userColor}, {text: "system", color: systemColor}}
			if len(blocks) > 2 {
				legend = append(legend, lineLabel{text: "to the broker", color: toBroker}, lineLabel{text: "from the broker", color: fromBroker})
			}
			c.Max.Y -= max(18, key(c, legend)+5)
			names, texts, sum := rowNameRoom(blocks[0].rows), vg.Length(0), vg.Length(0)
			for _, b := range blocks {
				texts, sum = max(texts, rowTextRoom(b.rows)), sum+b.height(isNarrow(c))
			}
			unit := (c.Max.Y - c.Min.Y) / sum
			for _, b := range blocks {
				box := c
				box.Min.Y = box.Max.Y - b.height(isNarrow(c))*unit
				c.Max.Y = box.Min.Y
				drawRows(box, b.name, b.rows, names, texts, b.format)
			}
		},
	}
}

func (b *costBlock) height(narrow bool) vg.Length {
	each := rowHeight
	if narrow {
		each += extraRow
	}
	return vg.Length(len(b.rows)*each + rowsExtra)
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
