package report

import (
	"image"
	"image/color"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A tracer is a canvas that remembers what is drawn on it: where each line, area and text is, in points. That is as good as looking at pixels
// to see that a value is where its axis says, takes no time, and shows what pixels do not: texts that lie over each other or beyond the edge.
type tracer struct {
	width, height vg.Length
	color         color.NRGBA
	marks         []trace
}

// A trace is one of them.
type trace struct {
	text  string // "": a line or an area.
	fill  bool
	color color.NRGBA
	box   vg.Rectangle // Of a text: the width of its letters, and the height of its digits.
	path  []vg.Point
}

func (m *trace) middle() vg.Point {
	return vg.Point{X: (m.box.Min.X + m.box.Max.X) / 2, Y: (m.box.Min.Y + m.box.Max.Y) / 2}
}

func (c *tracer) SetLineWidth(vg.Length)              {}
func (c *tracer) SetLineDash([]vg.Length, vg.Length)  {}
func (c *tracer) Rotate(float64)                      { panic("nothing is rotated") }
func (c *tracer) Translate(vg.Point)                  { panic("nothing is moved") }
func (c *tracer) Scale(float64, float64)              { panic("nothing is scaled") }
func (c *tracer) Push()                               {}
func (c *tracer) Pop()                                {}
func (c *tracer) DrawImage(vg.Rectangle, image.Image) { panic("a picture of pixels lies on no axis") }
func (c *tracer) SetColor(v color.Color)              { c.color = color.NRGBAModel.Convert(v).(color.NRGBA) }
func (c *tracer) Stroke(p vg.Path)                    { c.path(p, false) }
func (c *tracer) Fill(p vg.Path)                      { c.path(p, true) }

func (c *tracer) path(p vg.Path, fill bool) {
	m := trace{fill: fill, color: c.color, box: vg.Rectangle{Min: vg.Point{X: math.MaxFloat64, Y: math.MaxFloat64}, Max: vg.Point{X: -math.MaxFloat64, Y: -math.MaxFloat64}}}
	for _, at := range p {
		if at.Type != vg.CloseComp {
			m.path = append(m.path, at.Pos)
			m.box.Min.X, m.box.Max.X = min(m.box.Min.X, at.Pos.X-at.Radius), max(m.box.Max.X, at.Pos.X+at.Radius)
			m.box.Min.Y, m.box.Max.Y = min(m.box.Min.Y, at.Pos.Y-at.Radius), max(m.box.Max.Y, at.Pos.Y+at.Radius)
		}
	}
	c.marks = append(c.marks, m)
}

func (c *tracer) FillString(f font.Face, at vg.Point, text string) {
	c.marks = append(c.marks, trace{text: text, color: c.color, box: vg.Rectangle{Min: at, Max: vg.Point{X: at.X + f.Width(text), Y: at.Y + 0.72*f.Font.Size}}})
}

// traced is what a figure draws, as its file has it, or without title and caption as a page on a phone.
func traced(t *testing.T, f *figure, narrow bool) *tracer {
	t.Helper()
	if f == nil {
		t.Fatal("no figure")
	}
	c := &tracer{width: chartWidth, height: f.height + f.extra()}
	if !narrow {
		f.compose(draw.NewCanvas(c, c.width, c.height))
		return c
	}
	c.width, c.height = narrowWidth, f.narrow-80
	in := draw.NewCanvas(c, c.width, c.height)
	in.Min.X, in.Max.X, in.Min.Y, in.Max.Y = 2, c.width-2, 2, c.height-2
	f.draw(in)
	return c
}

// at is the middle of a text that is there once.
func (c *tracer) at(t *testing.T, text string) vg.Point {
	t.Helper()
	i := slices.IndexFunc(c.marks, func(m trace) bool { return m.text == text })
	if i < 0 {
		var all []string
		for _, m := range c.marks {
			if m.text != "" {
				all = append(all, m.text)
			}
		}
		t.Fatalf("no %q among %q", text, all)
	}
	return c.marks[i].middle()
}

// dots are the middles of the circles of a colour, filled or rings, in the order in which they were drawn.
func (c *tracer) dots(of color.NRGBA) (all []vg.Point) {
	for _, m := range c.marks {
		width, height := m.box.Max.X-m.box.Min.X, m.box.Max.Y-m.box.Min.Y
		if m.text == "" && m.color == of && width > 3 && width < 7 && math.Abs(float64(width-height)) < 1e-6 {
			all = append(all, m.middle())
		}
	}
	return all
}

// areas are the boxes of the filled areas of a colour.
func (c *tracer) areas(of color.NRGBA) (all []vg.Rectangle) {
	for _, m := range c.marks {
		if m.text == "" && m.fill && m.color == of {
			all = append(all, m.box)
		}
	}
	return all
}

// passes reports whether a line of a colour has a corner at a place.
func (c *tracer) passes(of color.NRGBA, at vg.Point) bool {
	return slices.ContainsFunc(c.marks, func(m trace) bool {
		return m.text == "" && !m.fill && m.color == of && slices.ContainsFunc(m.path, func(p vg.Point) bool { return same(p, at) })
	})
}

// same reports whether two places are one, to a point.
func same(a, b vg.Point) bool {
	return math.Abs(float64(a.X-b.X)) < 1 && math.Abs(float64(a.Y-b.Y)) < 1
}

// collisions are texts that lie over each other, or beyond the edge.
func (c *tracer) collisions() (all []string) {
	var texts []trace
	for _, m := range c.marks {
		if m.text == "" {
			continue
		}
		if m.box.Min.X < 0 || m.box.Max.X > c.width || m.box.Min.Y < 0 || m.box.Max.Y > c.height {
			all = append(all, m.text+" is clipped")
		}
		for _, o := range texts {
			if m.box.Min.X < o.box.Max.X && o.box.Min.X < m.box.Max.X && m.box.Min.Y < o.box.Max.Y-1 && o.box.Min.Y < m.box.Max.Y-1 {
				all = append(all, m.text+" lies over "+o.text)
			}
		}
		texts = append(texts, m)
	}
	return all
}
