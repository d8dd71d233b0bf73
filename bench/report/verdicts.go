package report

import (
	"fmt"
	"image/color"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// verdictColumns are what can become of deliveries, in the columns of the matrix. Every class is in
// one of them; what is not known is counted with the worst.
var verdictColumns = []struct {
	name    string
	classes []result.Class
	breaks  bool
}{
	{"lost", []result.Class{result.Lost, result.Stuck, result.SessionLost}, true},
	{"dropped", []result.Class{result.DroppedOverload}, true},
	{"duplicate", []result.Class{result.Dup}, true},
	{"reordered", []result.Class{result.Reorder}, true},
	{"corrupt", []result.Class{result.Corrupt, result.Phantom, result.WrongQoS, result.IDReused}, true},
	{"legal loss", []result.Class{result.LossQoS0, result.LostUnknown, result.DroppedLegal, result.Late}, false},
	{"legal dup.", []result.Class{result.DupLegal}, false},
}

// verdictFigure is the matrix of verdicts: a row per group, a column per way to fail. Colours say
// again what numbers and words say.
func verdictFigure(c *result.Comparison) *figure {
	return &figure{
		name:  "compare-verdicts",
		title: "What became of the promises",
		caption: []string{
			"Deliveries over all runs of a group. Dropped: acknowledged and then dropped at a limit of the broker. Legal: what the QoS level allows. Validity: that of the worst run.",
			compareFooter(c),
		},
		height: vg.Length(86 + 22*(len(c.Groups)+1)),
		draw:   func(cv draw.Canvas) { drawVerdicts(cv, c.Groups) },
	}
}

func drawVerdicts(c draw.Canvas, groups []*result.Group) {
	const height = 22
	names := vg.Length(60)
	style := lettering(labelSize, black)
	for _, g := range groups {
		names = max(names, style.Width(g.Label)+10)
	}
	names = min(names, 170)
	columns := len(verdictColumns) + 2
	width := (c.Max.X - c.Min.X - names) / vg.Length(columns)
	cell := func(row, column int) vg.Rectangle {
		at := vg.Point{X: c.Min.X + names + vg.Length(column)*width, Y: c.Max.Y - vg.Length(row+1)*height}
		return vg.Rectangle{Min: at, Max: vg.Point{X: at.X + width - 2, Y: at.Y + height - 2}}
	}
	centre := placed(style, draw.XCenter, draw.YCenter)
	write := func(r vg.Rectangle, s draw.TextStyle, text string) {
		c.FillText(s, vg.Point{X: (r.Min.X + r.Max.X) / 2, Y: (r.Min.Y + r.Max.Y) / 2}, text)
	}
	heading := centre
	heading.Color = grey
	write(cell(0, 0), heading, "verdict")
	for i, column := range verdictColumns {
		write(cell(0, i+1), heading, column.name)
	}
	write(cell(0, columns-1), heading, "validity")
	for i, g := range groups {
		left := placed(style, draw.XLeft, draw.YCenter)
		c.FillText(left, vg.Point{X: c.Min.X, Y: c.Max.Y - vg.Length(i+1)*height - height/2 - 1}, shorten(left, g.Label, names-8))
		for j, text := range verdictCells(g) {
			r := cell(i+1, j)
			c.FillPolygon(text.color, corners(r))
			write(r, centre, text.text)
		}
	}
}

// verdictCells are the words and colours of a row.
func verdictCells(g *result.Group) []lineLabel {
	good, bad, doubt, idle := fade(bluegreen, 0.3), fade(lossColor, 0.5), fade(orange, 0.4), bandGrey
	outcome := g.Outcome()
	cells := []lineLabel{{text: string(outcome), color: map[result.Outcome]color.NRGBA{result.Kept: good, result.Broken: bad, result.Failed: bad}[outcome]}}
	if cells[0].color == (color.NRGBA{}) {
		cells[0].color = idle
	}
	for i, n := range verdictCounts(g) {
		cell := lineLabel{text: count(n), color: idle}
		if n > 9999 {
			cell.text = number(float64(n))
		}
		if n > 0 && verdictColumns[i].breaks {
			cell.color = bad
		} else if n > 0 {
			cell.color = doubt
		}
		cells = append(cells, cell)
	}
	validity := g.Validity()
	last := lineLabel{text: fmt.Sprint(validity), color: doubt}
	switch validity {
	case result.ValidityOK:
		last.color = good
	case result.ValidityInvalid:
		last.color = bad
	}
	return append(cells, last)
}

// verdictCounts counts the findings of all runs by column. A class that is not known here was made
// by a later program, and breaks a promise for all we know: it counts as lost.
func verdictCounts(g *result.Group) []int64 {
	counts := make([]int64, len(verdictColumns))
	for _, r := range g.Runs {
		for _, c := range r.Summary.Contracts {
			for _, f := range c.Findings {
				counts[columnOf(f.Class)] += f.Count
			}
		}
	}
	return counts
}

func columnOf(class result.Class) int {
	for i, c := range verdictColumns {
		if slices.Contains(c.classes, class) {
			return i
		}
	}
	return 0
}
