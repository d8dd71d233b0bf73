package broker

import "mqttbench/broker/transport"

// held is what was put to a connection and must not be sent yet. It is a queue: as
// long as something is in it, all that is put stands in line, so order is kept.
//
//	items[i-1].end <= items[i].end <= len(buf)
//	items[i-1].number <= items[i].number
//
// Item i is the bytes up to its end, and then its body.
type held struct {
	buf    []byte
	items  []heldItem
	size   int  // Of buf and the bodies, bytes.
	listed bool // The connection is on loop.holding.
}

type heldItem struct {
	number uint64 // Of the batch that has to be durable.
	end    int
	body   []byte        // Not copied.
	ref    transport.Ref // Held for body; nil: none.
}

func (h *held) add(number uint64, b, body []byte, ref transport.Ref) {
	h.buf = append(h.buf, b...)
	h.size += len(b) + len(body)
	if ref != nil {
		ref.Hold()
	}
	if n := len(h.items); n > 0 {
		last := &h.items[n-1]
		number = max(number, last.number)
		if number == last.number && last.ref == nil {
			last.end, last.body, last.ref = len(h.buf), body, ref
			return
		}
	}
	h.items = append(h.items, heldItem{number, len(h.buf), body, ref})
}

// put sends what is durable.
func (h *held) put(l *loop, c *conn, durable uint64) {
	n, from := 0, 0
	for ; n < len(h.items) && h.items[n].number <= durable; n++ {
		it := &h.items[n]
		c.putNow(l, h.buf[from:it.end], it.body, it.ref)
		h.size -= it.end - from + len(it.body)
		if from = it.end; it.ref != nil {
			it.ref.Release()
		}
	}
	if n == 0 {
		return
	}
	c.greeted = true
	left := copy(h.items, h.items[n:])
	clear(h.items[left:])
	h.items = h.items[:left]
	for i := range h.items {
		h.items[i].end -= from
	}
	h.buf = h.buf[:copy(h.buf, h.buf[from:])]
	if left == 0 {
		h.buf = keepHeld(h.buf)
	}
}

// keepHeld gives the buffer up when it is empty and large.
func keepHeld(b []byte) []byte {
	if cap(b) > keepHeldBytes {
		return nil
	}
	return b[:0]
}

// keepHeldBytes is how much memory an empty queue of a connection holds on to.
const keepHeldBytes = 4 << 10

// dropHeldLocked forgets everything: the connection is over.
func (k *kept) dropHeldLocked() {
	for i := range k.held.items {
		if ref := k.held.items[i].ref; ref != nil {
			ref.Release()
		}
	}
	k.held = held{}
	k.holding.Store(0)
}

// hold takes what is put to c in l's turn if it has to wait, and says so.
func (g *scribe) hold(l *loop, c *conn, b, body []byte, ref transport.Ref) bool {
	if c.client == nil {
		return false
	}
	k := c.client.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.owner != c {
		return true // Taken over: what comes now may never be true, and the end is near.
	}
	if len(k.held.items) == 0 && l.gate <= g.durable.Load() {
		if !c.greeted {
			c.greeted = true
		}
		return false
	}
	if l.gate >= g.next {
		g.wrote = true // The batch is waited for, whoever has written to it.
	}
	k.held.add(l.gate, b, body, ref)
	k.holding.Store(int64(k.held.size))
	if !k.held.listed {
		k.held.listed = true
		c.loop.list(c)
	}
	c.loop.attend(l.gate)
	return true
}

// isGreeted reports whether CONNACK no longer waits for the disk: no DISCONNECT may come before it, [v5 MQTT-3.14.0-1].
func (c *conn) isGreeted() bool {
	if c.loop.ledger == nil {
		return true
	}
	k := c.client.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	return c.greeted
}

// list notes that something is held for a connection of l's.
func (l *loop) list(c *conn) {
	l.holdMu.Lock()
	l.holding = append(l.holding, c)
	l.holdMu.Unlock()
}

// attend has the loop look after those who wait when the store has got further. It
// may just have got there: either it sees waited set, or we see its number.
func (l *loop) attend(number uint64) {
	l.waited.Store(true)
	if l.ledger.durable.Load() >= number {
		l.t.Post(l.release)
	}
}

// closed lets go of a connection.
func (g *scribe) closed(c *conn) {
	if g == nil {
		return
	}
	k := c.client.kept
	k.mu.Lock()
	if k.owner == c {
		k.dropHeldLocked()
		k.owner, k.paused = nil, false
	}
	k.mu.Unlock()
}

// isBraked reports whether c is not read because the disk does not keep up: then it cannot be heard.
func (g *scribe) isBraked(c *conn) bool {
	if g == nil {
		return false
	}
	k := c.client.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.owner == c && k.paused
}

// isHolding reports whether so much waits for the disk that c counts as full.
func (g *ledger) isHolding(c *conn) bool {
	return c.client != nil && c.client.kept.holding.Load() >= int64(g.outbox)
}

// told is called by the store.
func (g *ledger) told(durable uint64) {
	g.durable.Store(durable)
	g.clock.reached(durable)
	if g.late.Load() && g.store.IsIdle() {
		g.rouse()
	}
	for _, l := range g.loops {
		if l.waited.Load() {
			l.t.Post(l.release)
		}
	}
}

// onDurable sends what has waited for the store, in a turn of the loop.
func (l *loop) onDurable() {
	l.turn()
	l.enter()
	defer l.leave(nil)
	g := l.ledger
	l.waited.Store(false)
	durable := g.durable.Load()
	l.holdMu.Lock()
	list := l.holding
	l.holding = l.holdingSpare[:0]
	l.holdMu.Unlock()
	waits := false
	for i, c := range list {
		list[i] = nil
		waits = l.releaseHeld(c, durable) || waits
	}
	l.holdingSpare = list
	l.unbrake()
	if waits {
		l.attend(durable + 1)
	}
}

// releaseHeld sends what has waited on one connection, and reports whether more waits.
func (l *loop) releaseHeld(c *conn, durable uint64) (more bool) {
	cl := c.client
	k := cl.kept
	was := c.full()
	k.mu.Lock()
	if k.owner != c {
		k.mu.Unlock()
		return false
	}
	k.held.put(l, c, durable)
	k.holding.Store(int64(k.held.size))
	more = len(k.held.items) > 0
	if k.held.listed = more; more {
		l.list(c)
	}
	k.mu.Unlock()
	if was && !c.full() {
		cl.mu.Lock()
		if cl.conn.Load() == c {
			l.pumpLocked(cl, c)
		}
		cl.mu.Unlock()
	}
	return more
}

// brake stops reading from a client whose requests come faster than the disk takes them.
func (g *ledger) brake(l *loop, c *conn) {
	if c.client == nil || c.tc == nil || !g.store.Pressure() && !g.isHolding(c) {
		return
	}
	k := c.client.kept
	k.mu.Lock()
	if k.owner != c || k.paused {
		k.mu.Unlock()
		return
	}
	k.paused = true
	k.mu.Unlock()
	c.tc.Pause()
	l.braked = append(l.braked, c)
	l.waited.Store(true)
	if !g.store.Pressure() && !g.isHolding(c) {
		l.t.Post(l.release)
	}
}

// unbrake reads on where there is room again.
func (l *loop) unbrake() {
	g := l.ledger
	left := l.braked[:0]
	pressure := g.store.Pressure()
	for _, c := range l.braked {
		k := c.client.kept
		k.mu.Lock()
		switch {
		case k.owner != c:
		case pressure || g.isHolding(c):
			left = append(left, c)
		default:
			k.paused = false
			c.tc.Resume()
		}
		k.mu.Unlock()
	}
	clear(l.braked[len(left):])
	if l.braked = left; len(left) > 0 {
		l.waited.Store(true)
		if pressure && !g.store.Pressure() {
			l.t.Post(l.release)
		}
	}
}
