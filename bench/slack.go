package bench

import "math"

// turn is what the group's timer calls. It keeps how late that was.
func (w *worker) turn(now int64) (next int64) {
	if w.asked != 0 && now >= w.asked { // Before it: somebody wanted it called at once.
		w.rec.Woke(now-w.asked, now)
	}
	next = w.pace(now)
	if w.asked = next; next <= now || next == math.MaxInt64 {
		w.asked = 0
	}
	return next
}
