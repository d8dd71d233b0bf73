package report

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// calibration is what is known of generator and kernel on the machine of the runs; nil: nothing. Runs that are
// compared were made on one machine.
func calibration(groups []*result.Group) *result.Calibration {
	for _, g := range groups {
		for _, r := range g.Runs {
			if c := r.Manifest.Calibration; c != nil {
				return c
			}
		}
	}
	return nil
}

// groupsOf are the groups of all series.
func groupsOf(all []*series) (groups []*result.Group) {
	for _, s := range all {
		groups = append(groups, s.groups...)
	}
	return groups
}

// limit is how a limit is drawn that is no broker's.
var limit = stroke(grey, thinWidth, 1.5, 1.5)

// ceiling draws the rate that the generator reaches against a broker that does next to nothing, and half of it, from where on its
// runs are not trusted; beyond it the panel is grey; over an axis of messages a second, as far as it reaches.
func (p *panel) ceiling(c *result.Calibration) {
	if c == nil {
		return
	}
	if c.Ceiling > 0 && c.Ceiling < p.x.max {
		p.band(bandGrey, c.Ceiling, p.x.max) // Nothing in it is the broker's doing.
	}
	for _, l := range []struct {
		at   float64
		name string
	}{{c.Ceiling / 2, "half of the generator's ceiling"}, {c.Ceiling, "generator's ceiling"}} {
		if l.at <= 0 || l.at > p.x.max {
			continue
		}
		x := p.px(l.at)
		p.StrokeLine2(limit, x, p.Min.Y, x, p.Max.Y)
		p.FillText(placed(lettering(captionSize, grey), draw.XRight, draw.YTop), vg.Point{X: x - 3, Y: p.Max.Y - 2}, l.name)
	}
}

// floor draws what the bytes of a message cost in a process that only moves them; over an axis of messages a second, up an axis of
// CPU time.
func (p *panel) floor(c *result.Calibration) {
	if c == nil || c.Relay <= 0 {
		return
	}
	y := p.py(c.Relay)
	p.StrokeLine2(limit, p.Min.X, y, p.Max.X, y)
	p.FillText(placed(lettering(captionSize, grey), draw.XLeft, draw.YBottom), vg.Point{X: p.Min.X + 3, Y: y + 1}, "kernel's floor, one message at a time")
}

// floorText explains the floors in a chart of costs; "" if there are none.
func floorText(c *result.Calibration) string {
	if c == nil || c.Relay <= 0 {
		return ""
	}
	return " Dotted: the kernel's floor, which is what a message costs a process that only moves its bytes, one write and one read each (" +
		seconds(c.Relay) + "), and its two ends (" + seconds(c.RelayPeer) + "); who takes several with one read can be below it."
}

// floors gives the rows of broker and generator theirs.
func floors(cpu []row, c *result.Calibration) {
	if c == nil {
		return
	}
	for i := range cpu {
		switch cpu[i].label {
		case "broker":
			cpu[i].floor = c.Relay
		case "generator":
			cpu[i].floor = c.RelayPeer
		}
	}
}
