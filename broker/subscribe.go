package broker

import (
	"bytes"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/topic"
)

// subscribe takes a SUBSCRIBE. The subscriptions hold before SUBACK is sent
// [v5 MQTT-3.8.4-1], retained messages follow it.
//
// While those are gathered the barrier is up and the client's mu is held, so that
// a live message, which is newer, cannot get ahead of the retained one of its topic. The barrier is for
// QoS 0, whose senders do not take mu otherwise: it goes up before the tree knows of the subscription, hence
// whoever found the subscription finds the barrier.
func (c *conn) subscribe(f packet.Frame) error {
	l, cl := c.loop, c.client
	if err := l.sub.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	c.barrier.Store(true)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn.Load() != c {
		return errTakenOver
	}
	l.codes = l.codes[:0]
	l.wanted = l.wanted[:0]
	for i := range l.sub.Subs {
		l.codes = append(l.codes, c.subscribeLocked(&l.sub.Subs[i], l.sub.SubID))
	}
	if err := c.suback(&packet.Suback{ID: l.sub.ID, Codes: l.codes}); err != nil {
		return err
	}
	for _, s := range l.wanted {
		l.sendRetainedLocked(cl, c, s, l.sub.SubID)
	}
	l.putOut(c)
	c.barrier.Store(cl.backlog != nil)
	return nil
}

// subscribeLocked takes one Topic Filter and returns its Reason Code. Filters whose
// retained messages are wanted go to l.wanted.
func (c *conn) subscribeLocked(s *packet.Subscription, subID uint32) packet.ReasonCode {
	l, cl := c.loop, c.client
	if allow := l.s.o.AllowSubscribe; allow != nil && !allow(cl.id, s.Filter) {
		return packet.NotAuthorized
	}
	if cl.number == 0 {
		if cl.number = l.s.numbers.give(cl); cl.number == 0 {
			return packet.QuotaExceeded
		}
	}
	filter := string(s.Filter)
	existed := l.s.tree.Subscribe(filter, topic.Subscription{
		Subscriber: cl.number, QoS: uint8(s.QoS),
		NoLocal: s.NoLocal, RetainAsPublished: s.RetainAsPublished, ID: subID,
	})
	if !existed {
		if cl.filters == nil {
			cl.filters = new(filters)
		}
		cl.filters.add(filter)
	}
	if wantsRetained(s, existed) {
		l.wanted = append(l.wanted, *s)
	}
	return packet.ReasonCode(s.QoS)
}

// wantsRetained is Retain Handling, [v5 3.8.3.1], and that shared subscriptions get no
// retained messages, [v5 4.8.2].
func wantsRetained(s *packet.Subscription, existed bool) bool {
	if bytes.HasPrefix(s.Filter, []byte("$share/")) {
		return false
	}
	return s.RetainHandling == 0 || s.RetainHandling == 1 && !existed
}

// suback sends a SUBACK or UNSUBACK, and with it what else was to be answered before.
func (c *conn) suback(p *packet.Suback) error {
	l := c.loop
	l.control = p.Append(keep(l.control), c.version)
	if c.maxPacket != 0 && len(l.control) > int(c.maxPacket) {
		return &packet.Error{Code: packet.PacketTooLarge, Clause: "v5 MQTT-3.1.2-24", Text: "the answer exceeds the Maximum Packet Size"}
	}
	l.acks = append(l.acks, l.control...)
	c.flush()
	return nil
}

func (c *conn) unsubscribe(f packet.Frame) error {
	l, cl := c.loop, c.client
	if err := l.unsub.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn.Load() != c {
		return errTakenOver
	}
	l.codes = l.codes[:0]
	for _, filter := range l.unsub.Filters {
		code := packet.NoSubscriptionExisted
		if name := string(filter); cl.number != 0 && l.s.tree.Unsubscribe(name, cl.number) {
			cl.filters.remove(name)
			code = packet.Success
		}
		l.codes = append(l.codes, code)
	}
	return c.suback(&packet.Suback{Unsub: true, ID: l.unsub.ID, Codes: l.codes})
}

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

// forgetRetained removes an expired message, [v5 3.3.2.3.3], unless a new one has just taken its place.
// (Between the look and the deletion another may: then that one is lost to later subscribers. To close the gap the store would
// have to compare; put it back instead.)
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

// sendRetained0Locked sends one retained message with QoS 0, or has it wait: a subscriber
// is owed all of them, however small its outbox is.
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

// pumpBacklogLocked sends retained messages of QoS 0 that have waited for room. The last one lifts the barrier.
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
