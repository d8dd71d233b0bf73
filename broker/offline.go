package broker

import (
	"math"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// disconnect takes a DISCONNECT: the client leaves in order.
func (c *conn) disconnect(f packet.Frame) error {
	var d packet.Disconnect
	if err := d.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	cl := c.client
	cl.mu.Lock()
	if cl.conn.Load() != c {
		cl.mu.Unlock()
		return errTakenOver
	}
	if d.HasSessionExpiry {
		if cl.expiry == 0 && d.SessionExpiry != 0 {
			cl.mu.Unlock()
			return protocolError("v5 3.14.2.2.2", "a Session Expiry Interval after CONNECT had none")
		}
		cl.expiry = c.loop.s.grantExpiry(d.SessionExpiry)
	}
	if d.Reason == packet.NormalDisconnection {
		cl.will.drop() // [v5 MQTT-3.14.4-3]
		cl.will = nil
		c.loop.ledger.willGoneLocked(cl)
	}
	cl.mu.Unlock()
	c.detach()
	return errGone
}

// detach parts the connection from its client, unless another one has it by now.
func (c *conn) detach() {
	l, cl := c.loop, c.client
	cl.mu.Lock()
	if cl.conn.Load() != c {
		cl.mu.Unlock()
		return
	}
	cl.conn.Store(nil)
	cl.sess.Offline()
	l.dropBacklogLocked(cl)
	cl.since = l.now
	over := cl.expiry == 0
	var due *will
	if cl.will != nil && !over && cl.will.delay == 0 {
		due, cl.will = cl.will, nil
		l.ledger.willGoneLocked(cl)
	}
	if !over {
		l.s.scheduleLocked(cl)
		l.ledger.detachedLocked(cl)
	}
	cl.mu.Unlock()
	if due != nil {
		l.publishWill(cl, due)
	}
	if over && l.s.directory.remove(cl, l.now) {
		l.end(cl)
	}
}

// scheduleLocked has an offline client looked at when its will is due or its
// session is over.
func (s *Server) scheduleLocked(cl *client) {
	at := cl.endsAtLocked()
	if cl.will != nil {
		at = min(at, cl.willDueLocked())
	}
	if at != math.MaxInt64 {
		s.deadlines.set(cl, at)
	}
}

// willDueLocked is when the will of an offline client is due, ns.
func (cl *client) willDueLocked() int64 { return cl.since + int64(cl.will.delay)*second }

// due looks at an offline client whose date has come: its session is over, or its
// will is due.
func (l *loop) due(cl *client) {
	cl.mu.Lock()
	if cl.ended || cl.conn.Load() != nil {
		cl.mu.Unlock()
		return
	}
	over := !cl.resumableLocked(l.now)
	var w *will
	if !over {
		if cl.will != nil && cl.willDueLocked() <= l.now {
			w, cl.will = cl.will, nil
			l.ledger.willGoneLocked(cl)
		}
		l.s.scheduleLocked(cl)
	}
	cl.mu.Unlock()
	if w != nil {
		l.publishWill(cl, w)
	}
	if over && l.s.directory.remove(cl, l.now) {
		l.n.expired++
		l.end(cl)
	}
}

// end lets go of a session that the directory no longer holds: it has expired, or
// a Clean Start has replaced it. Its will is published now at the latest, [v5 MQTT-3.1.2-8].
func (l *loop) end(cl *client) {
	cl.mu.Lock()
	if cl.ended {
		cl.mu.Unlock()
		return
	}
	cl.ended = true
	old := cl.conn.Load()
	cl.conn.Store(nil)
	w, subscribed, number := cl.will, cl.filters, cl.number
	cl.will, cl.filters, cl.number, cl.backlog = nil, nil, 0, nil
	cl.sess.Clear()
	l.ledger.endedLocked(cl)
	cl.mu.Unlock()

	l.s.deadlines.clear(cl)
	if old != nil {
		old.kick(l, packet.SessionTakenOver, errTakenOver)
	}
	if number != 0 {
		subscribed.each(func(filter string) { l.s.tree.Unsubscribe(filter, number) })
		l.s.numbers.retire(number, l.s.afterGrace)
	}
	if w != nil {
		l.publishWill(cl, w)
	}
}

// newWill copies the Will Message of a CONNECT.
func (c *conn) newWill(p *packet.Will, has bool) *will {
	if !has {
		return nil
	}
	w := &will{retain: p.Retain, delay: p.Delay}
	if c.rare != nil {
		w.who = c.rare.who
	}
	if e, ok := p.Props.Get(packet.PropMessageExpiryInterval); ok {
		w.expiry, w.hasExpiry = e.N, true
	}
	props := forwarded(nil, p.Props)
	w.msg = session.NewMessage(p.Topic, props, p.Payload, p.QoS, 0)
	return w
}

// drop forgets a will that will not be published. A nil will is none.
func (w *will) drop() {
	if w != nil {
		w.msg.Release()
	}
}

// publishWill publishes the will of a client and drops it.
func (l *loop) publishWill(cl *client, w *will) {
	defer w.drop()
	if l.s.closing.Load() {
		return // Everybody's connection ends now; nobody's client has failed.
	}
	m := w.msg
	if l.ledger != nil {
		// A broker that is killed now publishes it again.
		l.gate = l.ledger.current()
		defer func() { l.gate = 0 }()
	}
	if allow := l.s.o.AllowPublish; isSys(m.Topic) || allow != nil && !allow(cl.id, m.Topic) || !l.mayWill(w) {
		l.n.dropped.NotAuthorized++
		return
	}
	l.publish(&publication{
		name: m.Topic, props: m.Props, payload: m.Payload,
		from: cl, expiry: w.expiry, hasExpiry: w.hasExpiry,
		qos: m.QoS, retain: w.retain,
	})
}
