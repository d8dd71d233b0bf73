package broker

import (
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// retain makes p the retained message of its Topic Name, or removes that one
// when p has no payload, [v5 MQTT-3.3.1-5, MQTT-3.3.1-6].
//
// A retained message is never given back to its pool: whoever is just reading the
// store may have found the old one. The garbage collector is the grace period.
func (l *loop) retain(p *publication) {
	name := string(p.name)
	if len(p.payload) == 0 {
		l.s.retained.Delete(name)
		return
	}
	d := delivery{publication: p, loop: l}
	l.s.retained.Set(name, session.NewMessage(p.name, p.props, p.payload, p.qos, d.expires()))
}

// sendRetainedLocked sends what is retained under a Topic Filter.
func (l *loop) sendRetainedLocked(cl *client, c *conn, s packet.Subscription, subID uint32) {
	if l.s.retained.Len() == 0 {
		return
	}
	for name, m := range l.s.retained.Match(string(s.Filter)) {
		if m.Expires != 0 && m.Expires <= l.now {
			l.forgetRetained(name, m)
			continue
		}
		if qos := min(m.QoS, s.QoS); qos > 0 {
			l.promiseRetainedLocked(cl, c, m, qos, subID)
		} else {
			l.sendRetained0Locked(cl, c, m, subID)
		}
	}
}

// forgetRetained removes an expired message, [v5 3.3.2.3.3]. If a new one has just
// taken its place it goes back there.
func (l *loop) forgetRetained(name string, m *session.Message) {
	if old, existed := l.s.retained.Delete(name); existed && old != m {
		l.s.retained.Set(name, old)
	}
}

// idsOf is a Subscription Identifier as the list that a session takes; nil for none.
func (l *loop) idsOf(subID uint32) []uint32 {
	if subID == 0 {
		return nil
	}
	l.oneID[0] = subID
	return l.oneID[:]
}

// promiseRetainedLocked gives one retained message to the session, QoS 1 or 2.
func (l *loop) promiseRetainedLocked(cl *client, c *conn, m *session.Message, qos packet.QoS, subID uint32) {
	d, v := cl.sess.Offer(m, qos, true, l.idsOf(subID), cl.hasRoomLocked(c))
	switch v {
	case session.Full:
		l.n.dropped.SessionFull++
	case session.Send:
		l.appendDelivery(cl, c, &d)
		l.putOutIfLarge(c)
	}
}

// sendRetained0Locked sends one retained message with QoS 0, or has it wait: a
// subscriber is owed all of them, however small its outbox is.
func (l *loop) sendRetained0Locked(cl *client, c *conn, m *session.Message, subID uint32) {
	if cl.hasRoomLocked(c) {
		l.appendRetained0(c, m, subID)
		l.putOutIfLarge(c)
		return
	}
	if cl.backlog == nil {
		cl.backlog = new(backlog)
	}
	cl.backlog.items = append(cl.backlog.items, backlogItem{m, subID})
}

func (l *loop) appendRetained0(c *conn, m *session.Message, subID uint32) {
	p := l.outgoing(c.version, m, l.idsOf(subID))
	p.Retain = true
	if c.maxPacket != 0 && p.Size(c.version) > int(c.maxPacket) {
		l.n.dropped.TooLarge++
		return
	}
	l.n.delivered[0]++
	l.appendPublish(c, &p, m)
}

func (l *loop) putOutIfLarge(c *conn) {
	if len(l.out) >= drainBatch {
		l.putOut(c)
	}
}

// pumpBacklogLocked sends retained messages of QoS 0 that have waited for room. The
// last one lifts the barrier.
func (l *loop) pumpBacklogLocked(cl *client, c *conn) {
	if cl.backlog == nil {
		return
	}
	items := cl.backlog.items
	for len(items) > 0 && !c.full() {
		if m := items[0].msg; m.Expires != 0 && m.Expires <= l.now {
			l.n.dropped.Expired++
		} else {
			l.appendRetained0(c, m, items[0].subID)
			l.putOutIfLarge(c)
		}
		items = items[1:]
	}
	cl.backlog.items = items
	if len(items) == 0 {
		l.putOut(c)
		cl.backlog = nil
		c.barrier.Store(false)
	}
}
