package report

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A row is a line of a horizontal bar chart.
type row struct {
	label  string
	bars   []bar     // Laid end to end from zero.
	lo, hi float64   // The interval of the whole; equal: none is drawn.
	dots   []float64 // Single runs.
	text   string    // At the end.
	floor  float64   // What nobody can do better alone; 0: none is drawn.
}

type bar struct {
	length float64
	color  color.NRGBA
}

const (
	rowHeight   = 24
	rowsExtra   = bottomRoom + 16 // Of a chart of rows, for its axis and name.
	mostRowName = 190
)

// rowNameRoom is the width that the names of rows take, in points.
func rowNameRoom(rows []row) vg.Length {
	room := vg.Length(leftRoom)
	for _, r := range rows {
		room = max(room, lettering(labelSize, black).Width(r.label)+10)
	}
	return min(room, mostRowName)
}

// rowTextRoom is the width that the texts at their ends take.
func rowTextRoom(rows []row) vg.Length {
	room := vg.Length(0)
	for _, r := range rows {
		room = max(room, labelRoom(r.text))
	}
	return room
}

// drawRows draws rows of bars over a scale from zero, with room for their names and texts.
func drawRows(c draw.Canvas, name string, rows []row, names, texts vg.Length, format func(float64) string) {
	high := 0.0
	for _, r := range rows {
		total := 0.0
		for _, b := range r.bars {
			total += b.length
		}
		high = max(high, total, r.hi, r.floor)
		for _, d := range r.dots {
			high = max(high, d)
		}
	}
	c.Max.Y -= 16
	x := fromZero(high, format)
	if high == 0 { // There is nothing to measure on it.
		x.ticks = x.ticks[:1]
	}
	p := rowsPanel(c, x, linear(0, float64(len(rows)), len(rows), func(float64) string { return "" }), names, texts)
	p.grid()
	for i, r := range rows {
		p.row(float64(len(rows)-i)-0.5, r)
	}
	p.axes("", "")
	p.FillText(lettering(labelSize, grey), vg.Point{X: c.Min.X, Y: p.Max.Y + 6}, name)
}

// row draws one row around height y.
func (p *panel) row(y float64, r row) {
	half, from := 0.26, 0.0
	if p.above { // The name takes some of the room.
		half = 0.18
	}
	for _, b := range r.bars {
		p.FillPolygon(b.color, []vg.Point{p.at(from, y-half), p.at(from+b.length, y-half), p.at(from+b.length, y+half), p.at(from, y+half)})
		from += b.length
	}
	end := p.px(from)
	if r.floor > 0 {
		p.StrokeLine2(limit, p.px(r.floor), p.py(y)-10, p.px(r.floor), p.py(y)+10)
		end = max(end, p.px(r.floor)+2)
	}
	if r.hi > r.lo {
		line := stroke(black, 1)
		p.StrokeLine2(line, p.px(r.lo), p.py(y), p.px(r.hi), p.py(y))
		for _, v := range []float64{r.lo, r.hi} {
			p.StrokeLine2(line, p.px(v), p.py(y)-3, p.px(v), p.py(y)+3)
		}
		end = max(end, p.px(r.hi))
	}
	for _, d := range r.dots {
		p.dot(black, d, y, 1.6, true)
		end = max(end, p.px(d)+2)
	}
	style := lettering(labelSize, black)
	p.rowName(style, p.py(y), r.label)
	p.clear(vg.Point{X: end + 3, Y: p.py(y)}, style.Width(r.text)+3)
	p.beside(style, vg.Point{X: end + 5, Y: p.py(y)}, r.text)
}

// clear takes the grid away from behind text that begins at a point.
func (p *panel) clear(at vg.Point, width vg.Length) {
	p.FillPolygon(white, corners(vg.Rectangle{Min: vg.Point{X: at.X, Y: at.Y - 5}, Max: vg.Point{X: at.X + width, Y: at.Y + 5}}))
}

// shorten takes the middle out of text that is wider than width. The end stays: it is where labels
// of one broker differ.
func shorten(style draw.TextStyle, text string, width vg.Length) string {
	if style.Width(text) <= width {
		return text
	}
	runes := []rune(text)
	tail := min(10, len(runes)/3)
	head := len(runes) - tail
	end := "…" + string(runes[head:])
	for head > 1 && style.Width(string(runes[:head])+end) > width {
		head--
	}
	return string(runes[:head]) + end
}

// A key names colours in rows of text, for what has no end to put a label at, and returns its height.
func key(c draw.Canvas, entries []lineLabel) vg.Length {
	if len(entries) == 0 {
		return 0
	}
	style := placed(lettering(labelSize, black), draw.XLeft, draw.YTop)
	at := vg.Point{X: c.Min.X, Y: c.Max.Y}
	for _, e := range entries {
		if at.X > c.Min.X && at.X+12+style.Width(e.text) > c.Max.X {
			at = vg.Point{X: c.Min.X, Y: at.Y - 13}
		}
		box := vg.Rectangle{Min: vg.Point{X: at.X, Y: at.Y - 8}, Max: vg.Point{X: at.X + 8, Y: at.Y}}
		c.FillPolygon(e.color, corners(box))
		c.FillText(style, vg.Point{X: at.X + 12, Y: at.Y + 1}, e.text)
		at.X += style.Width(e.text) + 28
	}
	return c.Max.Y - at.Y + 13
}
