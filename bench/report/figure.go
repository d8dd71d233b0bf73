package report

import (
	stdbytes "bytes"
	"fmt"
	"html"
	"io"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"mqttbench/bench/result"
)

// A figure is a chart with everything that must travel with it: a title that says what is drawn, a
// subtitle that says of what, and at the foot how many, how, and on which machine. Charts are cut
// out of their reports and shown alone.
type figure struct {
	name     string // Of the files, without an extension.
	title    string
	subtitle string
	caption  []string // Paragraphs.
	height   vg.Length
	narrow   vg.Length           // Its height on a phone; 0: it has no form for that.
	draw     func(c draw.Canvas) // Draws within c.Rectangle.
}

// isNarrow reports whether a canvas is that of a phone, on which names stand above their rows: beside them nothing would have room.
func isNarrow(c draw.Canvas) bool { return c.Max.X-c.Min.X <= narrowWidth }

// extraRow is what a row takes on a phone, for its name.
const extraRow = 13

// lineRoom is the most that names of lines may take beside a panel.
func lineRoom(c draw.Canvas, wide vg.Length) vg.Length {
	if isNarrow(c) {
		return 84
	}
	return wide
}

const (
	dpi    = 192 // Twice the classic screen: sharp in a README on any display.
	margin = 12 * vg.Length(1)
)

// save renders f and writes it as SVG and PNG. Both are rendered before either is written, so
// that a chart that fails leaves nothing behind, rather than an empty file.
func (f *figure) save(dir string) (paths []string, err error) {
	svg, png, err := f.render()
	if err != nil {
		return nil, fmt.Errorf("chart %s: %w", f.name, err)
	}
	for _, file := range []struct {
		extension string
		data      []byte
	}{{".svg", svg}, {".png", png}} {
		path := filepath.Join(dir, f.name+file.extension)
		if err := result.WriteFile(path, file.data); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// render draws f twice. The drawing library panics on what it cannot draw; a chart is not worth a
// report.
func (f *figure) render() (svg, png []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be drawn: %v", p)
		}
	}()
	height := f.height + f.extra()
	vector := vgsvg.New(chartWidth, height)
	f.compose(draw.New(vector))
	if svg, err = bytesOf(vector); err != nil {
		return nil, nil, err
	}
	pixels := vgimg.NewWith(vgimg.UseWH(chartWidth, height), vgimg.UseDPI(dpi))
	f.compose(draw.New(pixels))
	png, err = bytesOf(vgimg.PngCanvas{Canvas: pixels})
	return portable(svg, f.title), png, err
}

// extra is by how much a chart grows for a caption that is longer than most: what it shows keeps its size.
func (f *figure) extra() vg.Length {
	const most = 4 // Lines.
	in := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: chartWidth - 2*margin}}}
	style, lines := lettering(captionSize, grey), 0
	for _, p := range f.caption {
		lines += len(breakLines(in, style, p))
	}
	return vg.Length(max(0, lines-most)) * lineHeight(style)
}

func bytesOf(w io.WriterTo) ([]byte, error) {
	var b stdbytes.Buffer
	_, err := w.WriteTo(&b)
	return b.Bytes(), err
}

// portable makes an SVG fit for machines other than this one: the font that the library names is
// on few of them, and without a generic name behind it they fall back to a serif. The title is for
// screen readers.
func portable(svg []byte, title string) []byte {
	s := strings.ReplaceAll(string(svg), "font-family:Liberation Sans;",
		"font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")
	const open = `xmlns:xlink="http://www.w3.org/1999/xlink">` + "\n"
	head, rest, ok := strings.Cut(s, open)
	if !ok {
		return []byte(s)
	}
	// White below everything: a README may be read on a dark page.
	return []byte(head + `role="img" ` + open + "<title>" + html.EscapeString(title) + "</title>\n" + rest)
}

// compose draws title, subtitle and caption, and lets the chart have the rest.
func (f *figure) compose(c draw.Canvas) {
	c.FillPolygon(white, corners(c.Rectangle))
	in := c
	in.Min.X += margin
	in.Max.X -= margin
	in.Min.Y += margin * 2 / 3
	in.Max.Y -= margin

	in.Max.Y -= paragraph(in, boldLettering(titleSize, black), f.title)
	if f.subtitle != "" {
		in.Max.Y -= 2
		in.Max.Y -= paragraph(in, lettering(labelSize, grey), f.subtitle)
	}
	in.Max.Y -= 10

	style := lettering(captionSize, grey)
	foot := in
	foot.Max.Y = foot.Min.Y
	for _, p := range f.caption {
		foot.Max.Y += paragraphHeight(in, style, p)
	}
	in.Min.Y = foot.Max.Y + 8
	for _, p := range f.caption {
		foot.Max.Y -= paragraph(foot, style, p)
	}
	f.draw(in)
}

// paragraph writes text from the top left of c, broken to its width, and returns its height.
func paragraph(c draw.Canvas, style draw.TextStyle, text string) vg.Length {
	style = placed(style, draw.XLeft, draw.YTop)
	y := c.Max.Y
	for _, line := range breakLines(c, style, text) {
		c.FillText(style, vg.Point{X: c.Min.X, Y: y}, line)
		y -= lineHeight(style)
	}
	return c.Max.Y - y
}

func paragraphHeight(c draw.Canvas, style draw.TextStyle, text string) vg.Length {
	return vg.Length(len(breakLines(c, style, text))) * lineHeight(style)
}

func lineHeight(style draw.TextStyle) vg.Length { return style.Font.Size * 1.25 }

func breakLines(c draw.Canvas, style draw.TextStyle, text string) (lines []string) {
	line := ""
	for _, w := range words(text) {
		if line != "" && style.Width(line+" "+w) > c.Max.X-c.Min.X {
			lines = append(lines, line)
			line = w
			continue
		}
		line = strings.TrimLeft(line+" "+w, " ")
	}
	return append(lines, line)
}

func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}
