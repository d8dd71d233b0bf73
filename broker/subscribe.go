package broker

import (
	"bytes"

	"mqttbench/broker/packet"
	"mqttbench/broker/topic"
	"mqttbench/broker/transport"
)

// subscribe takes a SUBSCRIBE. The subscriptions hold before SUBACK is sent, [v5
// MQTT-3.8.4-1]; retained messages follow it.
//
// While those are gathered the barrier is up and the client's mu is held, so that a
// live message, which is newer, cannot get ahead of the retained one of its topic.
// The barrier is for QoS 0, whose senders do not take mu otherwise: it goes up before
// the tree knows of the subscription, hence whoever found the subscription finds the
// barrier.
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
	l.wanted = l.wanted[:0]
	again := c.begun() != nil
	all := c.eachFilter(len(l.sub.Subs), func(i int) packet.ReasonCode {
		return c.subscribeLocked(&l.sub.Subs[i], l.sub.SubID)
	})
	if !all {
		l.oweRetainedLocked(cl)
		return errUnfinished
	}
	if err := c.suback(&packet.Suback{ID: l.sub.ID, Codes: l.codes}); err != nil {
		return err
	}
	if again && cl.backlog != nil {
		l.pumpLater(c) // What waits since an earlier turn.
	}
	l.began = transport.Clock()
	for _, s := range l.wanted {
		l.sendRetainedLocked(cl, c, s, l.sub.SubID)
	}
	l.putOut(c)
	l.gate = 0
	c.barrier.Store(cl.backlog != nil)
	l.trim()
	return nil
}

// trim gives up scratch that one huge SUBSCRIBE has made large.
func (l *loop) trim() {
	if cap(l.sub.Subs) > keepFilters {
		l.sub.Subs, l.codes, l.wanted = nil, nil, nil
	}
}

// subscribeLocked takes one Topic Filter and returns its Reason Code. Filters whose
// retained messages are wanted go to l.wanted.
func (c *conn) subscribeLocked(s *packet.Subscription, subID uint32) packet.ReasonCode {
	l, cl := c.loop, c.client
	if allow := l.s.o.AllowSubscribe; allow != nil && !allow(cl.id, s.Filter) || l.s.guarded && !l.rightsOf(c).MaySubscribe(string(s.Filter)) {
		l.tellRefused(c, packet.SUBSCRIBE, s.Filter, packet.NotAuthorized, "not authorized")
		return packet.NotAuthorized
	}
	if tooDeep(s.Filter, l.s.o.MaxTopicLevels) {
		l.n.refused.TopicLevels++
		l.tellRefused(c, packet.SUBSCRIBE, s.Filter, packet.TopicFilterInvalid, "levels of a topic")
		return packet.TopicFilterInvalid
	}
	if rule := l.roomForFilterLocked(cl, s.Filter); rule != "" {
		l.tellRefused(c, packet.SUBSCRIBE, s.Filter, packet.QuotaExceeded, rule)
		return packet.QuotaExceeded
	}
	filter := string(s.Filter)
	if cl.number == 0 {
		if cl.number = l.s.numbers.give(cl); cl.number == 0 {
			return packet.QuotaExceeded
		}
	}
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
	l.ledger.subscribedLocked(cl, s, subID)
	if wantsRetained(s, existed) {
		l.wanted = append(l.wanted, *s)
	}
	return packet.ReasonCode(s.QoS)
}

// roomForFilterLocked is "" if the client may have another Topic Filter, or has this one already; else it is the limit that is met.
func (l *loop) roomForFilterLocked(cl *client, filter []byte) string {
	o := &l.s.o
	many := o.MaxSubscriptions > 0 && cl.filters.len() >= o.MaxSubscriptions
	large := o.MaxFilterBytes > 0 && cl.filters.size()+filterCost(filter) > o.MaxFilterBytes
	if !many && !large || cl.filters.has(string(filter)) {
		return ""
	}
	if many {
		l.n.refused.Subscriptions++
		return "subscriptions of a client"
	}
	l.n.refused.FilterBytes++
	return "bytes of a client's filters"
}

// wantsRetained is Retain Handling, [v5 3.8.3.1], and that shared subscriptions get
// no retained messages, [v5 4.8.2].
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
		return refusal(packet.PacketTooLarge, "v5 MQTT-3.1.2-24", "the answer exceeds the Maximum Packet Size")
	}
	l.acks = append(l.acks, l.control...)
	l.n.controlOut++
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
	all := c.eachFilter(len(l.unsub.Filters), func(i int) packet.ReasonCode {
		name := string(l.unsub.Filters[i])
		if cl.number == 0 || !l.s.tree.Unsubscribe(name, cl.number) {
			return packet.NoSubscriptionExisted
		}
		cl.filters.remove(name)
		l.ledger.unsubscribedLocked(cl, l.unsub.Filters[i])
		return packet.Success
	})
	if !all {
		return errUnfinished
	}
	return c.suback(&packet.Suback{Unsub: true, ID: l.unsub.ID, Codes: l.codes})
}
