package broker

import "math"

const (
	millisecond = int64(1e6)
	second      = int64(1e9)

	// tick is how precisely a loop keeps its deadlines, ns: Keep Alive, connect
	// timeout, Will Delay, Session Expiry. All are promised in seconds.
	tick = 250 * millisecond
)

// A wheel closes the connections of one loop that have been silent for too long.
// It holds all of them, so it is the loop's list of connections, too.
//
// It is lazy: a packet that arrives stores the time in its connection and leaves
// the wheel alone. A slot's turn comes once in a while; connections in it that
// were heard of meanwhile move on to the slot of their new deadline.
//
//	slot of deadline d = d/tick mod wheelSlots, at most wheelSlots-1 ticks ahead;
//	a later deadline waits in the farthest slot and is looked at again there.
type wheel struct {
	slots [wheelSlots + 1]*conn // Heads of lists. The last is for connections without a deadline.
	at    int64                 // Ticks up to this one have been looked at.
	n     int
}

const (
	wheelSlots = 512 // 128 s: one and a half times the usual Keep Alive of 60 s.
	noDeadline = wheelSlots
	unlinked   = math.MaxUint16
)

// link is what a wheel keeps in a connection.
type link struct {
	next, prev *conn
	slot       uint16
}

// add puts c, which is in no slot, where its deadline says.
func (w *wheel) add(c *conn) {
	slot := uint16(noDeadline)
	if c.patience != 0 {
		ahead := min(max(c.deadline()/tick+1, w.at+1), w.at+wheelSlots-1)
		slot = uint16(ahead % wheelSlots)
	}
	c.slot = slot
	c.prev, c.next = nil, w.slots[slot]
	if c.next != nil {
		c.next.prev = c
	}
	w.slots[slot] = c
	w.n++
}

// remove does nothing for a connection that is in no slot.
func (w *wheel) remove(c *conn) {
	if c.slot == unlinked {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[c.slot] = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev, c.slot = nil, nil, unlinked
	w.n--
}

// advance takes out, and hands to expired, the connections whose deadline has passed at now.
func (w *wheel) advance(now int64, expired func(*conn)) {
	to := now / tick
	// After a long pause every slot is looked at once, not once for each tick.
	w.at = max(w.at, to-wheelSlots)
	for w.at < to {
		w.at++
		for c := w.slots[w.at%wheelSlots]; c != nil; {
			next := c.next
			w.remove(c)
			if c.deadline() <= now {
				expired(c)
			} else {
				w.add(c)
			}
			c = next
		}
	}
}

// each calls do for every connection; do may remove the one it is given.
func (w *wheel) each(do func(*conn)) {
	for _, c := range w.slots {
		for c != nil {
			next := c.next
			do(c)
			c = next
		}
	}
}
