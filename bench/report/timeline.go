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

// A track is a line over time: one value an interval, NaN where there is none.
type track struct {
	label string
	color color.NRGBA // Of the label.
	line  draw.LineStyle
	value func(*result.Interval) float64
}

// A strip is one of the panels of a timeline, stacked over the same time.
type strip struct {
	name   string
	tracks []track
	log    bool
	format func(float64) string
	weight float64 // Of its height.
}

// timelineFigure is rate, latency, backlog and clients over time, with the phases, churn and faults.
// Nothing is smoothed, and a gap in the data is a gap in the picture.
func timelineFigure(r *result.Run) *figure {
	if len(r.Intervals) == 0 {
		return nil
	}
	strips := timelineStrips(r)
	last := r.Intervals[len(r.Intervals)-1].T1
	lengths := make([]float64, len(r.Intervals))
	for i := range r.Intervals {
		lengths[i] = r.Intervals[i].T1 - r.Intervals[i].T0
	}
	return &figure{
		name:     "timeline",
		title:    marked("Rate and latency over time", &r.Summary),
		subtitle: setting(&r.Manifest),
		caption: []string{
			fmt.Sprintf("%s, half of them of %s or more, each drawn as measured. Grey: outside of the measured part. Latency: response time of what arrived in an interval.",
				plural(int64(len(r.Intervals)), "interval"), seconds(result.Median(lengths).Median)) + glyphText(r),
			footer([]*result.Run{r}),
		},
		height: vg.Length(110 + 102*len(strips)), narrow: vg.Length(110 + 102*len(strips)),
		draw: func(c draw.Canvas) { drawTimeline(c, r, strips, last) },
	}
}

func timelineStrips(r *result.Run) []strip {
	fan := fanOut(r)
	per := func(n func(*result.Interval) float64) func(*result.Interval) float64 {
		return func(iv *result.Interval) float64 { return n(iv) / (iv.T1 - iv.T0) }
	}
	// The lines lie on each other as long as all is well: each is narrower than the one below.
	rates := strip{name: "messages per second", format: number, weight: 1, tracks: []track{
		{"offered", offeredColor, stroke(fade(offeredColor, 0.5), 3), per(func(iv *result.Interval) float64 { return float64(iv.Expected) })},
		{"accepted", acceptedColor, stroke(acceptedColor, 1.8), per(func(iv *result.Interval) float64 { return float64(iv.Accepted) * fan })},
		{"delivered", deliveredColor, stroke(deliveredColor, 1), per(func(iv *result.Interval) float64 { return float64(iv.Delivered) })},
	}}
	if fan != 1 {
		rates.name = fmt.Sprintf("deliveries per second (%s for each message)", digits(fan))
	}
	strips := []strip{rates}
	if some(r, func(iv *result.Interval) bool { return iv.Response.Count > 0 }) {
		strips = append(strips, strip{name: "latency, logarithmic", log: true, format: seconds, weight: 1.3, tracks: []track{
			{"max", fade(latencyColor, 0.6), stroke(fade(latencyColor, 0.45), 1.2), quantile(1, func(q result.Quantiles) float64 { return q.Max })},
			{"p99", latencyColor, stroke(latencyColor, 1.2), quantile(0.99, func(q result.Quantiles) float64 { return q.P99 })},
			{"p50", latencyColor, stroke(latencyColor, 1.2, 4, 2), quantile(0.5, func(q result.Quantiles) float64 { return q.P50 })},
		}})
	}
	if some(r, func(iv *result.Interval) bool { return iv.Backlog > 0 }) {
		strips = append(strips, strip{name: "deliveries owed", format: number, weight: 0.7, tracks: []track{
			{"backlog", lossColor, stroke(lossColor, 1.2), func(iv *result.Interval) float64 { return float64(iv.Backlog) }}}})
	}
	first := r.Intervals[0].Clients
	if some(r, func(iv *result.Interval) bool { return iv.Clients != first || iv.Reconnects > 0 }) {
		strips = append(strips, strip{name: "clients connected", format: number, weight: 0.7, tracks: []track{
			{"clients", black, stroke(black, 1.2), func(iv *result.Interval) float64 { return float64(iv.Clients) }}}})
	}
	return strips
}

func some(r *result.Run, is func(*result.Interval) bool) bool {
	for i := range r.Intervals {
		if is(&r.Intervals[i]) {
			return true
		}
	}
	return false
}

// fanOut is how many deliveries each message asks for, as seen.
func fanOut(r *result.Run) float64 {
	offered, expected := 0.0, 0.0
	for i := range r.Intervals {
		offered += float64(r.Intervals[i].Offered)
		expected += float64(r.Intervals[i].Expected)
	}
	if offered == 0 || expected == 0 {
		return 1
	}
	return expected / offered
}

// quantile is a percentile of an interval that supports it; the maximum is always one.
func quantile(at float64, pick func(result.Quantiles) float64) func(*result.Interval) float64 {
	return func(iv *result.Interval) float64 {
		if q := iv.Response; q.Count > 0 && (at == 1 || q.Supports(at)) {
			return math.Max(pick(q), floor)
		}
		return math.NaN()
	}
}

// Heights above the first panel: of the glyphs of events, and of two rows of their names, the lower
// of which is shared with the name of the panel.
const (
	eventRoom  = 22
	eventGlyph = 5
	eventNames = 13
	eventRow   = 9
)

// mostLines is how many events of a kind are drawn as lines through the panels. More of them would
// hide what they are meant to explain, and become a row of short ticks.
const mostLines = 40

func drawTimeline(c draw.Canvas, r *result.Run, strips []strip, last float64) {
	room, weights := vg.Length(0), 0.0
	for _, s := range strips {
		weights += s.weight
		for _, t := range s.tracks {
			room = max(room, labelRoom(t.label))
		}
	}
	time := timeScale(last)
	events := slices.ContainsFunc(r.Events, func(e result.Event) bool { _, glyph := eventMark(&e); return glyph != nil })
	if events {
		c.Max.Y -= eventRoom - 8
	}
	free := c.Max.Y - c.Min.Y - bottomRoom
	var panels []*panel
	for i, s := range strips {
		area := c
		height := free * vg.Length(s.weight/weights)
		c.Max.Y -= height
		area.Min.Y = c.Max.Y - bottomRoom // newPanel takes it off again; the next panel's name stands there.
		area.Max.Y -= 22
		p := newPanel(area, time, s.scale(r), room)
		if events && i == 0 {
			p.nameAt = eventNames
		}
		p.phases(r, i == 0)
		p.grid()
		panels = append(panels, p)
	}
	marks(panels, strips[0].name, r.Events)
	for i, p := range panels {
		p.tracks(r, strips[i].tracks)
		if strips[i].log {
			p.brackets(r)
		}
		xName := noTicks
		if i == len(panels)-1 {
			xName = "time since the start"
		}
		p.axes(xName, strips[i].name)
	}
}

// scale holds all values of a strip.
func (s *strip) scale(r *result.Run) scale {
	low, high := math.Inf(1), 0.0
	for i := range r.Intervals {
		for _, t := range s.tracks {
			if v := t.value(&r.Intervals[i]); !math.IsNaN(v) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	if s.log {
		if high == 0 {
			low, high = 1e-3, 1e-3
		}
		return logarithmic(math.Max(low, floor), math.Max(high, floor), s.format)
	}
	return linear(0, high, 4, s.format)
}

// A phaseBand is a stretch of time that is not measured.
type phaseBand struct {
	phase    result.Phase
	from, to float64
}

func phaseBands(r *result.Run) (all []phaseBand) {
	for i := 0; i < len(r.Intervals); {
		j := i
		for j+1 < len(r.Intervals) && r.Intervals[j+1].Phase == r.Intervals[i].Phase {
			j++
		}
		if phase := r.Intervals[i].Phase; phase != result.PhaseMeasure {
			all = append(all, phaseBand{phase, r.Intervals[i].T0, r.Intervals[j].T1})
		} else if cut, ok := cutBand(r); ok && cut.from == r.Intervals[i].T0 {
			all = append(all, cut)
		}
		i = j + 1
	}
	return all
}

// phases shades what is not measured, and names the phases where there is room.
func (p *panel) phases(r *result.Run, named bool) {
	style := placed(lettering(captionSize, grey), draw.XCenter, draw.YTop)
	for _, b := range phaseBands(r) {
		p.band(bandGrey, b.from, b.to)
		if width := p.px(b.to) - p.px(b.from); named && style.Width(string(b.phase)) < width {
			p.FillText(style, vg.Point{X: p.px(b.from) + width/2, Y: p.Max.Y - 1}, string(b.phase))
		}
	}
}

// tracks draws the lines: level over each interval, joined where the next one follows at once.
func (p *panel) tracks(r *result.Run, all []track) {
	var labels []lineLabel
	typical := typicalInterval(r, all)
	for _, t := range all {
		var points []point
		end := math.Inf(-1)
		for i := range r.Intervals {
			iv := &r.Intervals[i]
			if iv.T0 > end+1e-6 {
				points = append(points, point{iv.T0, math.NaN()})
			}
			v := t.value(iv)
			points = append(points, point{iv.T0, v}, point{iv.T1, v})
			end = iv.T1
		}
		p.line(t.line, points)
		if v := t.value(typical); !math.IsNaN(v) {
			labels = append(labels, lineLabel{v, t.label, t.color})
		}
	}
	p.labels(labels)
}

// typicalInterval is the one beside whose levels the names of the lines stand: the last measured one
// in which most of them have a value, if there is one of an ordinary length. The rest of a second at the
// end of a phase rarely has a p99.
func typicalInterval(r *result.Run, all []track) *result.Interval {
	longest := 0.0
	for i := range r.Intervals {
		longest = math.Max(longest, r.Intervals[i].T1-r.Intervals[i].T0)
	}
	best, most := &r.Intervals[len(r.Intervals)-1], -1
	for i := range r.Intervals {
		iv := &r.Intervals[i]
		n := 0
		for _, t := range all {
			if !math.IsNaN(t.value(iv)) {
				n++
			}
		}
		if iv.Phase == result.PhaseMeasure && iv.T1-iv.T0 > longest/2 {
			n += len(all)
		}
		if n >= most {
			best, most = iv, n
		}
	}
	return best
}

// marks draws events through all panels, and their names above the first, beside its own.
func marks(panels []*panel, firstName string, events []result.Event) {
	top := panels[0]
	var rows [2]vg.Length // Where the last name of each row ends.
	rows[0] = top.Min.X - leftRoom + lettering(labelSize, black).Width(firstName)
	rows[1] = top.Min.X - leftRoom
	churn := churnTotals(events)
	named := map[string]bool{}
	for i := range events {
		e := &events[i]
		c, glyph := eventMark(e)
		if glyph == nil {
			continue
		}
		text := eventText(e)
		if total := churn[e.Name]; e.Kind == result.EventChurn {
			mark(panels, e, c, glyph, total.events > mostLines)
			// A hundred marks of one kind need one name.
			if named[e.Name] {
				continue
			}
			if total.events > 1 {
				text = fmt.Sprintf("%s, %s", e.Name, plural(total.clients, "client"))
			}
		} else {
			mark(panels, e, c, glyph, false)
		}
		named[e.Name] = top.eventName(&rows, top.px(e.At), text, c)
	}
}

// churnTotal is how many events of one name there are, and of how many clients they tell.
type churnTotal struct {
	events  int
	clients int64
}

func churnTotals(events []result.Event) map[string]churnTotal {
	totals := map[string]churnTotal{}
	for i := range events {
		if e := &events[i]; e.Kind == result.EventChurn {
			t := totals[e.Name]
			totals[e.Name] = churnTotal{t.events + 1, t.clients + max(1, e.Count)}
		}
	}
	return totals
}

// mark draws one event. A fault that lasts is a band; churn that lasts is no instant and no state
// either, but so many clients within an interval: a glyph in the middle of it.
func mark(panels []*panel, e *result.Event, c color.NRGBA, glyph draw.GlyphDrawer, rug bool) {
	top, bottom := panels[0], panels[len(panels)-1]
	x, lasts := top.px(e.At), e.Until > e.At
	if lasts && e.Kind == result.EventChurn {
		x = top.px((e.At + e.Until) / 2)
	}
	if rug {
		top.StrokeLine2(stroke(c, thinWidth), x, top.Max.Y+1, x, top.Max.Y+eventGlyph+1)
		return
	}
	if lasts && e.Kind != result.EventChurn {
		for _, p := range panels {
			p.band(pale(c), e.At, e.Until)
		}
	}
	if !lasts || e.Kind != result.EventChurn {
		top.StrokeLine2(stroke(c, thinWidth, 2, 2), x, bottom.Min.Y, x, top.Max.Y+2)
	}
	top.DrawGlyphNoClip(draw.GlyphStyle{Color: c, Radius: 2.5, Shape: glyph}, vg.Point{X: x, Y: top.Max.Y + eventGlyph})
}

// eventName writes text above x in a row that has room, and reports whether one had.
func (p *panel) eventName(rows *[2]vg.Length, x vg.Length, text string, c color.NRGBA) bool {
	style := placed(lettering(captionSize, c), draw.XCenter, draw.YBottom)
	half := style.Width(text) / 2
	at := min(max(x, p.Min.X+half-leftRoom), p.Max.X-half+leftRoom)
	for row := range rows {
		if at-half > rows[row]+4 {
			p.FillText(style, vg.Point{X: at, Y: p.Max.Y + eventNames + vg.Length(row)*eventRow}, text)
			rows[row] = at + half
			return true
		}
	}
	return false
}

func eventText(e *result.Event) string {
	s := e.Name
	if e.Count > 1 {
		s += " × " + count(e.Count)
	}
	if e.Until > e.At {
		s += " " + seconds(e.Until-e.At)
	}
	return s
}

// glyphText says what the marks of events are, as far as there are any.
func glyphText(r *result.Run) (text string) {
	for _, x := range []struct {
		is   func(*result.Event) bool
		text string
	}{
		{func(e *result.Event) bool { return e.Kind == result.EventChurn }, " Cross: clients left."},
		{func(e *result.Event) bool { return e.Kind == result.EventFault && e.Until <= e.At }, " Triangle: a fault at an instant."},
		{func(e *result.Event) bool { return e.Kind == result.EventFault && e.Until > e.At }, " Square and red area: a fault that lasted."},
		{func(e *result.Event) bool { return e.Kind == result.EventRecover && e.Until > e.At }, " Green circle: it was over."},
		{func(e *result.Event) bool { return e.Kind == result.EventRecover && e.Until <= e.At }, " Red circle: it was over, and what it did went on."},
		{func(e *result.Event) bool { return e.Kind == result.EventNote }, " Grey circle: a note."},
	} {
		if slices.ContainsFunc(r.Events, func(e result.Event) bool { return x.is(&e) }) {
			text += x.text
		}
	}
	if slices.ContainsFunc(r.Summary.Recoveries, func(x result.Recovery) bool { return x.Recovered && x.Seconds > 0 }) {
		text += " Bracket: from the end of a fault until rate and latency were as before."
	}
	return text
}

// brackets are drawn over the latencies, from the end of each fault to its recovery. What did not recover has none: nobody knows its end.
func (p *panel) brackets(r *result.Run) {
	y := p.Max.Y - 4
	for _, x := range r.Summary.Recoveries {
		if !x.Recovered || x.Seconds <= 0 {
			continue
		}
		from, to := p.px(x.Ended), p.px(x.Ended+x.Seconds)
		p.StrokeLines(stroke(bluegreen, 1.2), []vg.Point{{X: from, Y: y - 4}, {X: from, Y: y}, {X: to, Y: y}, {X: to, Y: y - 4}})
		if text := seconds(x.Seconds); len(r.Summary.Recoveries) <= 3 {
			style := placed(lettering(captionSize, bluegreen), draw.XLeft, draw.YTop)
			p.FillText(style, vg.Point{X: min(to+3, p.Max.X-style.Width(text)), Y: y + 2}, text)
		}
	}
}

// eventMark is the glyph of an event; nil for those that are not drawn as one.
func eventMark(e *result.Event) (color.NRGBA, draw.GlyphDrawer) {
	switch e.Kind {
	case result.EventChurn:
		return churnColor, draw.CrossGlyph{}
	case result.EventFault:
		if e.Until > e.At {
			return faultColor, draw.BoxGlyph{}
		}
		return faultColor, draw.PyramidGlyph{}
	case result.EventRecover:
		if e.Until <= e.At { // Not recovered.
			return lossColor, draw.CircleGlyph{}
		}
		return bluegreen, draw.CircleGlyph{}
	case result.EventNote:
		return grey, draw.CircleGlyph{}
	}
	return color.NRGBA{}, nil
}
