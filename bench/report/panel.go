package report

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A panel is a pair of axes in a rectangle. The drawing is done on the library's canvas; the axes
// are ours, so that panels line up, labels are never clipped, and a value is where its scale says.
type panel struct {
	draw.Canvas // The rectangle is that of the data.
	x, y        scale
	nameAt      vg.Length // Of the y axis, above the data.
	above       bool      // Names of rows stand above them.
}

// aboveRoom is what names of rows leave at the left that stand above them: half of a tick's label.
const aboveRoom = 16

// Room around the data of a panel, in points.
const (
	leftRoom   = 46
	bottomRoom = 28
	tickRoom   = 4
)

// newPanel takes a panel out of c, leaving room for labels of the axes, and right points for labels
// of the lines.
func newPanel(c draw.Canvas, x, y scale, right vg.Length) *panel {
	p := &panel{Canvas: c, x: x, y: y, nameAt: 6}
	p.Min.X += leftRoom
	p.Max.X -= right
	p.Min.Y += bottomRoom
	return p
}

func (p *panel) px(v float64) vg.Length   { return p.X(p.x.unit(v)) }
func (p *panel) py(v float64) vg.Length   { return p.Y(p.y.unit(v)) }
func (p *panel) at(x, y float64) vg.Point { return vg.Point{X: p.px(x), Y: p.py(y)} }

// rowsPanel is a panel of rows whose names take so much room at the left; on a phone they stand above their rows.
func rowsPanel(c draw.Canvas, x, y scale, names, right vg.Length) *panel {
	above := isNarrow(c)
	if above {
		names = aboveRoom
	}
	c.Min.X += names - leftRoom
	p := newPanel(c, x, y, right)
	p.above, p.y.ticks = above, nil
	return p
}

// rowName writes the name of a row at height y.
func (p *panel) rowName(style draw.TextStyle, y vg.Length, text string) {
	if p.above {
		text = shorten(style, text, p.Max.X-p.Min.X+60)
		p.clear(vg.Point{X: p.Min.X + 1, Y: y + extraRow}, style.Width(text)+2)
		p.beside(placed(style, draw.XLeft, draw.YBottom), vg.Point{X: p.Min.X + 2, Y: y + extraRow}, text)
		return
	}
	p.beside(placed(style, draw.XRight, draw.YBottom), vg.Point{X: p.Min.X - 6, Y: y}, shorten(style, text, mostRowName-10))
}

// columns is the width of the data in pixels of the PNG: more points than that cannot be seen.
func (p *panel) columns() int { return int((p.Max.X - p.Min.X).Dots(dpi)) }

// grid draws the grid, below the data.
func (p *panel) grid() {
	for _, t := range p.y.ticks {
		width := thinWidth
		if t.label == "" {
			width /= 2
		}
		p.StrokeLine2(stroke(lightGrey, width), p.Min.X, p.py(t.at), p.Max.X, p.py(t.at))
	}
	for _, t := range p.x.ticks {
		p.StrokeLine2(stroke(lightGrey, thinWidth/2), p.px(t.at), p.Min.Y, p.px(t.at), p.Max.Y)
	}
}

// noTicks in place of a name leaves the x axis to the panel below.
const noTicks = "-"

// axes draws ticks, their labels and the names of the axes, above the data.
func (p *panel) axes(xName, yName string) {
	p.StrokeLine2(stroke(grey, thinWidth), p.Min.X, p.Min.Y, p.Max.X, p.Min.Y)
	if xName != noTicks {
		p.xTicks()
		p.FillText(placed(lettering(labelSize, grey), draw.XRight, draw.YTop), vg.Point{X: p.Max.X, Y: p.Min.Y - 15}, xName)
	}
	p.yTicks()
	// The name stands above its axis, where it is read without turning the head.
	p.FillText(placed(lettering(labelSize, grey), draw.XLeft, draw.YBottom), vg.Point{X: p.Min.X - leftRoom, Y: p.Max.Y + p.nameAt}, yName)
}

// yTicks labels the y axis.
func (p *panel) yTicks() {
	label := placed(lettering(tickSize, black), draw.XRight, draw.YBottom)
	for _, t := range p.y.labelled(p.py, func(string) vg.Length { return lineHeight(label) }) {
		p.beside(label, vg.Point{X: p.Min.X - tickRoom, Y: p.py(t.at)}, t.label)
	}
}

// xTicks labels the x axis, leaving out what would touch its neighbour.
func (p *panel) xTicks() {
	label := placed(lettering(tickSize, black), draw.XCenter, draw.YTop)
	end := p.Min.X - 100
	for _, t := range p.x.labelled(p.px, func(text string) vg.Length { return label.Width(text) + 4 }) {
		x, half := p.px(t.at), label.Width(t.label)/2
		p.StrokeLine2(stroke(grey, thinWidth), x, p.Min.Y, x, p.Min.Y-2.5)
		if t.label == "" || x-half < end+4 {
			continue
		}
		p.FillText(label, vg.Point{X: x, Y: p.Min.Y - tickRoom}, t.label)
		end = x + half
	}
}

// line draws points as straight lines; NaN leaves a gap.
func (p *panel) line(style draw.LineStyle, points []point) {
	for _, s := range segments(points) {
		s = reduce(s, p.columns(), p.x.unit)
		line := make([]vg.Point, len(s))
		for i, q := range s {
			line[i] = p.at(q.x, q.y)
		}
		p.StrokeLines(style, line)
	}
}

// between fills the area between two lines over the same places.
func (p *panel) between(c color.Color, lower, upper []point) {
	outline := make([]vg.Point, 0, len(lower)+len(upper))
	for _, q := range lower {
		outline = append(outline, p.at(q.x, q.y))
	}
	for _, q := range slices.Backward(upper) {
		outline = append(outline, p.at(q.x, q.y))
	}
	p.FillPolygon(c, outline)
}

// band fills the area from x0 to x1 over the height of the panel.
func (p *panel) band(c color.Color, x0, x1 float64) {
	p.FillPolygon(c, corners(vg.Rectangle{Min: vg.Point{X: p.px(x0), Y: p.Min.Y}, Max: vg.Point{X: p.px(x1), Y: p.Max.Y}}))
}

// dot draws a filled circle, hollow a ring: a point that failed stays in the picture.
func (p *panel) dot(c color.Color, x, y float64, radius vg.Length, hollow bool) {
	at := p.at(x, y)
	if hollow {
		p.DrawGlyphNoClip(draw.GlyphStyle{Color: white, Radius: radius, Shape: draw.CircleGlyph{}}, at)
		p.SetLineStyle(stroke(c, 1.2))
		p.DrawGlyphNoClip(draw.GlyphStyle{Color: c, Radius: radius, Shape: draw.RingGlyph{}}, at)
		return
	}
	p.DrawGlyphNoClip(draw.GlyphStyle{Color: c, Radius: radius, Shape: draw.CircleGlyph{}}, at)
}

// A lineLabel names a line at its right end. Legends make the reader look twice for every line.
type lineLabel struct {
	y     float64 // The last value of the line.
	text  string
	color color.NRGBA
}

// labels writes the names of lines beside the panel, moved apart where they would overlap.
func (p *panel) labels(all []lineLabel) {
	style := lettering(labelSize, black)
	slices.SortStableFunc(all, func(a, b lineLabel) int {
		return int(1e6 * float64(p.py(a.y)-p.py(b.y)) / float64(p.Max.Y-p.Min.Y))
	})
	places := make([]vg.Length, len(all))
	for i, l := range all {
		places[i] = p.py(l.y)
	}
	room := lineHeight(style)
	if n := len(all) - 1; n > 0 {
		room = min(room, (p.Max.Y-p.Min.Y)/vg.Length(n)) // Too many lines for their names: close is better than outside.
	}
	spread(places, room, p.Min.Y, p.Max.Y)
	for i, l := range all {
		style.Color = l.color
		p.beside(style, vg.Point{X: p.Max.X + 6, Y: places[i]}, l.text)
	}
}

// spread moves ascending places as little as it takes to have them room apart within lo and hi.
func spread(places []vg.Length, room, lo, hi vg.Length) {
	for i := range places {
		places[i] = max(places[i], lo)
		if i > 0 {
			places[i] = max(places[i], places[i-1]+room)
		}
	}
	for i := len(places) - 1; i >= 0; i-- {
		places[i] = min(places[i], hi)
		if i+1 < len(places) {
			places[i] = min(places[i], places[i+1]-room)
		}
	}
}

// beside writes text centred on the height of at. The library centres the whole line; what the eye
// takes for the middle of a figure is half the height of its digits.
func (p *panel) beside(style draw.TextStyle, at vg.Point, text string) {
	style.YAlign = draw.YBottom
	at.Y -= style.Font.Size * 0.36
	p.FillText(style, at, text)
}

// labelRoom is the width that labels beside a panel take.
func labelRoom(texts ...string) vg.Length {
	style := lettering(labelSize, black)
	widest := vg.Length(0)
	for _, t := range texts {
		widest = max(widest, style.Width(t))
	}
	return widest + 8
}
