package report

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// mostRecoveries is how many faults the chart has rows for; a run may have hundreds.
const mostRecoveries = 12

// recoveryFigure is how long the consequences of faults lasted, and how long clients that came back waited; nil if nobody was cut off.
func recoveryFigure(r *result.Run) *figure {
	faults, back := recoveryRows(&r.Summary), resumeRows(&r.Summary)
	if faults == nil && back == nil {
		return nil
	}
	caption := ""
	if faults != nil {
		caption = "Recovery: from the end of a fault until delivered rate and median response time were as before for half a second, to a tenth of a second. "
	}
	if back != nil {
		caption += "Resume: from a lost connection's return, until CONNACK, and until the first message; bar: median, dots: p99 and the longest, as far as there are enough samples."
	}
	if n := len(r.Summary.Recoveries); n > mostRecoveries {
		caption += fmt.Sprintf(" The first %d of %d faults.", mostRecoveries, n)
	}
	height, narrow := vg.Length(100), vg.Length(100)
	for _, rows := range [][]row{faults, back} {
		if rows != nil {
			height += recoveryHeight(rows, false)
			narrow += recoveryHeight(rows, true)
		}
	}
	return &figure{
		name: "recovery", title: marked("After faults", &r.Summary), subtitle: setting(&r.Manifest),
		caption: []string{caption, footer([]*result.Run{r})},
		height:  height, narrow: narrow,
		draw: func(c draw.Canvas) {
			all := append(append([]row{}, faults...), back...)
			names, texts := rowNameRoom(all), rowTextRoom(all)
			for _, part := range []struct {
				name string
				rows []row
			}{{"recovery after each fault", faults}, {"clients that came back", back}} {
				if part.rows == nil {
					continue
				}
				box := c
				box.Min.Y = box.Max.Y - recoveryHeight(part.rows, isNarrow(c))
				c.Max.Y = box.Min.Y
				drawRows(box, part.name, part.rows, names, texts, seconds)
			}
		},
	}
}

func recoveryHeight(rows []row, narrow bool) vg.Length {
	each := rowHeight
	if narrow {
		each += extraRow
	}
	return vg.Length(len(rows)*each + rowsExtra + 16)
}

// recoveryRows are the first faults of a run, with how long they outlasted themselves.
func recoveryRows(s *result.Summary) (rows []row) {
	for _, x := range first(s.Recoveries, mostRecoveries) {
		r := row{label: fmt.Sprintf("%s, ended at %s", faultsText(&x), seconds(x.Ended)), bars: []bar{{x.Seconds, latencyColor}}, text: seconds(x.Seconds)}
		switch {
		case !x.Recovered: // How long it would have taken is not known: a bar would say that it is.
			r.bars, r.text = nil, "not before the next fault or the end"
		case x.Seconds == 0:
			r.text = "within 0.1 s"
		}
		rows = append(rows, r)
	}
	return rows
}

// resumeRows are how long clients waited that came back.
func resumeRows(s *result.Summary) (rows []row) {
	for _, e := range s.Exchanges {
		if !strings.HasPrefix(e.Name, "resume") || !e.Took.Supports(0.5) {
			continue
		}
		r := row{label: e.Name, bars: []bar{{e.Took.P50, latencyColor}}, dots: []float64{e.Took.Max}}
		r.text = fmt.Sprintf("p50 %s, longest %s, n = %s", seconds(e.Took.P50), seconds(e.Took.Max), count(e.Took.Count))
		if e.Took.Supports(0.99) {
			r.dots = append(r.dots, e.Took.P99)
		}
		rows = append(rows, r)
	}
	return rows
}
