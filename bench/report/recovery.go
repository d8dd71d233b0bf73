package report

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// mostRecoveries is how many faults the chart has rows for; a run may have hundreds.
const mostRecoveries = 12

// recoveryFigure is what came after faults: how long their consequences lasted, how long clients that came back waited, and how fast what had been
// queued for them was delivered; nil if nobody was cut off.
func recoveryFigure(r *result.Run) *figure {
	faults, back, drains := recoveryRows(&r.Summary), resumesOf(&r.Summary), drainRows(&r.Summary)
	if faults == nil && back == nil && drains == nil {
		return nil
	}
	caption := ""
	if faults != nil {
		caption = "Recovery: from the end of a fault until delivered rate and median response time were as before for half a second, to a tenth of a second. "
	}
	if n := len(r.Summary.Recoveries); n > mostRecoveries {
		caption += fmt.Sprintf("The first %d of %d faults. ", mostRecoveries, n)
	}
	caption += resumeText(back)
	if drains != nil {
		caption += "Drain: messages that had been queued, by the time from when their subscribers began to connect again until the last of them was there. "
	}
	height := func(narrow bool) vg.Length {
		sum := vg.Length(100)
		for _, rows := range [][]row{faults, drains} {
			if rows != nil {
				sum += recoveryHeight(rows, narrow)
			}
		}
		if back != nil {
			sum += resumeHeight
		}
		return sum
	}
	return &figure{
		name: "recovery", title: marked("After faults", &r.Summary), subtitle: setting(&r.Manifest),
		caption: []string{strings.TrimSpace(caption), footer([]*result.Run{r})},
		height:  height(false), narrow: height(true),
		draw: func(c draw.Canvas) {
			all := append(append([]row{}, faults...), drains...)
			names, texts := rowNameRoom(all), rowTextRoom(all)
			rows := func(name string, rows []row, format func(float64) string) {
				if rows == nil {
					return
				}
				box := c
				box.Min.Y = box.Max.Y - recoveryHeight(rows, isNarrow(c))
				c.Max.Y = box.Min.Y
				drawRows(box, name, rows, names, texts, format)
			}
			rows("recovery after each fault", faults, seconds)
			if back != nil {
				box := c
				box.Min.Y = box.Max.Y - resumeHeight + 12
				c.Max.Y -= resumeHeight
				drawResumes(box, back)
			}
			rows("messages delivered a second out of queues", drains, number)
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

// drainRows are how fast queues were delivered to subscribers that came back together.
func drainRows(s *result.Summary) (rows []row) {
	windows := s.OfflineWindows
	if len(windows) == 0 && s.Drained != nil {
		windows = []result.Drained{*s.Drained}
	}
	for i := range first(windows, mostRecoveries) {
		x := &windows[i]
		if !x.Queues() || x.Queued == 0 {
			continue
		}
		r := row{label: "away for " + seconds(x.Away), text: fmt.Sprintf("%s, %s of %s in %s", rate(x.Rate), number(float64(x.Delivered)), number(float64(x.Queued)), seconds(x.Seconds))}
		if x.At > 0 {
			r.label += " from " + seconds(x.At)
		}
		if r.bars = []bar{{x.Rate, deliveredColor}}; x.Delivered < x.Queued {
			r.bars[0].color = lossColor // The rest never came: the rate is that of what did.
		}
		rows = append(rows, r)
	}
	return rows
}

// A resume is how long clients that came back waited for something. Files from before there were Distributions have a few percentiles only.
type resume struct {
	label  string
	color  color.NRGBA
	took   result.Quantiles
	values *result.Histogram // nil: not kept.
}

// resumeHeight is that of the chart of resumes.
const resumeHeight = 190

func resumesOf(s *result.Summary) (all []resume) {
	for _, x := range []struct {
		name, label string
		color       color.NRGBA
	}{{"resume", "session", fade(grey, 0.5)}, {"resume, message", "first message", latencyColor}, {"resume, silence", "without a message", purple}} {
		for i := range s.Exchanges {
			if e := &s.Exchanges[i]; e.Name == x.name && e.Took.Supports(0.5) {
				all = append(all, resume{x.label, x.color, e.Took, s.Distributions.Of(x.name)})
			}
		}
	}
	return all
}

// share is the distribution function, as a step line or, of a file that kept no distribution, through the percentiles that it kept.
func (u *resume) share() (points []point) {
	if u.values == nil {
		for _, k := range knotAt {
			if u.took.Supports(k.at) {
				points = append(points, point{math.Max(k.of(&u.took), floor), k.at})
			}
		}
		return append(points, point{math.Max(u.took.Max, floor), 1})
	}
	from := 0.0
	u.values.Steps(func(v, to float64) {
		v = math.Max(v, floor)
		points = append(points, point{v, from}, point{v, to})
		from = to
	})
	return points
}

// resumeText says what the lines are.
func resumeText(all []resume) (text string) {
	if all == nil {
		return ""
	}
	text = "Clients that came back, from when they began to connect again: until their session and subscriptions were there, and until the first message"
	for _, u := range all {
		if u.label == "without a message" {
			text += "; and how long they were without a message, from the last one before"
		}
	}
	for _, u := range all {
		text += fmt.Sprintf("; %s: n = %s, longest %s", u.label, count(u.took.Count), seconds(u.took.Max))
	}
	text += ". "
	for _, u := range all {
		if u.values == nil {
			return text + "Dots: the percentiles that the file kept; thin lines only lead the eye. "
		}
	}
	return text
}

// drawResumes draws the share of the clients that waited no longer.
func drawResumes(c draw.Canvas, all []resume) {
	low, high := math.Inf(1), 0.0
	var names []string
	for i := range all {
		for _, q := range all[i].share() {
			low, high = math.Min(low, q.x), math.Max(high, q.x)
		}
		names = append(names, all[i].label)
	}
	c.Max.Y -= 16
	p := newPanel(c, logarithmic(low, high, seconds), linear(0, 1, 4, percent), labelRoom(names...))
	p.grid()
	p.axes("time, logarithmic", "share of those who came back that waited no longer")
	var labels []lineLabel
	for i := range all {
		u := &all[i]
		points := u.share()
		if u.values != nil { // The first often lies below the second, and is wider.
			p.line(stroke(u.color, [3]float64{4, 1.2, lineWidth}[i]), points)
		} else {
			p.line(stroke(u.color, thinWidth), points)
			for _, q := range points {
				p.dot(u.color, q.x, q.y, 2, false)
			}
		}
		labels = append(labels, lineLabel{1, u.label, u.color})
	}
	p.labels(labels)
}
