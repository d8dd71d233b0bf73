package client

import "math"

const (
	wheelTick    = 64e6 // ns: how late a deadline may be noticed.
	wheelBuckets = 256  // 16 s; what is due later is looked at again then.
)

// A wheel holds the deadlines of a group's clients: connect timeout and keep alive.
//
// The exact deadline is the client's own and moves with every packet sent; the wheel only knows when to look.
// So sending touches no timer, and 10,000 idle clients cost a look each every 16 seconds.
type wheel struct {
	bucket [wheelBuckets]*client // Doubly linked through client.later, client.sooner.
	n      int                   // Clients in it.
	tick   int64                 // The last tick that was dealt with.
	next   int64                 // ns: when the next bucket with a client is due; MaxInt64 when there is none.
}

// set has c looked at when at (ns) has come, replacing what was set before.
func (w *wheel) set(c *client, at, now int64) {
	w.remove(c)
	if w.n == 0 {
		w.tick, w.next = now/wheelTick, math.MaxInt64
	}
	t := min(max((at+wheelTick-1)/wheelTick, w.tick+1), w.tick+wheelBuckets-1)
	head := &w.bucket[t%wheelBuckets]
	c.bucket, c.later = int16(t%wheelBuckets), *head
	if *head != nil {
		(*head).sooner = c
	}
	*head = c
	w.n++
	w.next = min(w.next, t*wheelTick)
}

// remove takes c out, if it is in.
func (w *wheel) remove(c *client) {
	if c.bucket < 0 {
		return
	}
	if c.sooner != nil {
		c.sooner.later = c.later
	} else {
		w.bucket[c.bucket] = c.later
	}
	if c.later != nil {
		c.later.sooner = c.sooner
	}
	c.later, c.sooner, c.bucket = nil, nil, -1
	w.n--
}

// advance calls look for each client whose bucket has come. look may set and remove any client.
func (w *wheel) advance(now int64, look func(c *client, now int64)) {
	last := now / wheelTick
	for steps := 0; w.tick < last && steps < wheelBuckets; steps++ {
		w.tick++
		// set never chooses the present tick's bucket, so that this ends.
		for c := w.bucket[w.tick%wheelBuckets]; c != nil; c = w.bucket[w.tick%wheelBuckets] {
			w.remove(c)
			look(c, now)
		}
	}
	w.tick = max(w.tick, last)
	w.next = w.soonest()
}

func (w *wheel) soonest() int64 {
	if w.n == 0 {
		return math.MaxInt64
	}
	for t := w.tick + 1; ; t++ {
		if w.bucket[t%wheelBuckets] != nil {
			return t * wheelTick
		}
	}
}
