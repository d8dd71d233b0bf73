package broker

import (
	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

// aliases are the Topic Aliases that a client has set on this Network
// Connection, [v5 3.3.2.3.4].
type aliases struct {
	names [][]byte // By alias, less one. Empty: not set.
}

// publish takes a PUBLISH from the client.
func (c *conn) publish(f packet.Frame) error {
	l := c.loop
	p := &l.in
	if err := p.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	if tooDeep(p.Topic, l.s.o.MaxTopicLevels) {
		return errTopicLevels
	}
	if c.version == packet.V5 {
		if err := c.resolveAlias(p); err != nil {
			return err
		}
	}
	if p.Retain && l.s.o.NoRetain {
		if c.version == packet.V5 {
			return errRetain
		}
		p.Retain = false // 3.1.1 has no word for it.
		l.n.refused.RetainDisabled++
	}
	scarce := l.ledger.isScarce() && (p.QoS > 0 || p.Retain)
	if scarce && p.QoS < 2 {
		return c.refuseScarce(p)
	}
	switch p.QoS {
	case 0:
		c.forward(p)
	case 1:
		code := c.forward(p)
		c.answerPublish(packet.PUBACK, p.ID, code)
	case 2:
		return c.publish2(p, scarce)
	}
	return nil
}

// refuseScarce refuses a message because the disk is nearly full. What 3.1.1 knows for an error that passes is
// the end of the connection, [v3.1.1 MQTT-4.8.0-2]; the client has the message still. One of QoS 0 is dropped.
func (c *conn) refuseScarce(p *packet.Publish) error {
	l := c.loop
	l.n.refused.MinFree++
	l.tellRefused(c, packet.PUBLISH, p.Topic, packet.QuotaExceeded, errScarce.(*packet.Error).Text)
	switch {
	case p.QoS == 0:
	case c.version != packet.V5:
		return errScarce
	case p.QoS == 1:
		c.answer(packet.PUBACK, p.ID, packet.QuotaExceeded)
	default:
		c.answer(packet.PUBREC, p.ID, packet.QuotaExceeded)
	}
	return nil
}

var errScarce = refusal(packet.QuotaExceeded, "v3.1.1 MQTT-4.8.0-2", "the disk is nearly full")

// publish2 hands an incoming QoS 2 message on when it comes for the first time:
// "method B" of [v5 figure 4.3]. Until PUBREL its Packet Identifier is remembered,
// and whatever comes with it is the same message again, [v5 MQTT-4.3.3-10].
// scarce: what has not come before is refused.
func (c *conn) publish2(p *packet.Publish, scarce bool) error {
	l, cl := c.loop, c.client
	cl.mu.Lock()
	if cl.conn.Load() != c {
		cl.mu.Unlock()
		return errTakenOver
	}
	first := cl.sess.Receive(p.ID)
	// Only QoS 2 can be overrun: QoS 1 is acknowledged before the next packet is looked at.
	if first && c.version == packet.V5 && cl.sess.Incoming() > int(l.s.o.ReceiveMaximum) {
		cl.sess.Forget(p.ID) // Nobody was given the message: when it comes again it is not a duplicate.
		cl.mu.Unlock()
		return refusal(packet.ReceiveMaximumExceeded, "v5 MQTT-3.3.4-7", "more messages than the Receive Maximum")
	}
	if first && scarce {
		cl.sess.Forget(p.ID)
		cl.mu.Unlock()
		return c.refuseScarce(p)
	}
	if first {
		l.ledger.receivedLocked(cl, p.ID)
	}
	kept := cl.kept.keeps()
	cl.mu.Unlock()

	code := packet.Success
	l.why = ""
	if first {
		code = c.forward2(p, kept)
	}
	if code.Failed() && c.version == packet.V5 {
		cl.mu.Lock()
		cl.sess.Forget(p.ID) // A PUBREC that refuses ends the exchange, [v5 MQTT-4.3.3-9].
		l.ledger.releasedLocked(cl, p.ID)
		cl.mu.Unlock()
	}
	c.answerPublish(packet.PUBREC, p.ID, code)
	return nil
}

// answerPublish is answer, with a Reason String where forward has left one.
func (c *conn) answerPublish(t packet.Type, id packet.ID, code packet.ReasonCode) {
	l := c.loop
	if l.why == "" {
		c.answer(t, id, code)
		return
	}
	a := packet.Ack{Type: t, ID: id, Reason: code, Props: packet.AppendProp(nil, packet.Prop{ID: packet.PropReasonString, B: []byte(l.why)})}
	l.control = a.Append(keep(l.control), c.version)
	if c.maxPacket != 0 && len(l.control) > int(c.maxPacket) { // [v5 MQTT-3.4.2-2, MQTT-3.5.2-2]
		c.answer(t, id, code)
		return
	}
	l.acks = append(l.acks, l.control...)
	l.n.controlOut++
}

// forward2 is forward for QoS 2. Where the identifier is kept for a broker to come, nobody
// sees the message before that is durable: else the client would send it to that one
// again, and it would be seen twice.
func (c *conn) forward2(p *packet.Publish, kept bool) packet.ReasonCode {
	l := c.loop
	if !kept {
		return c.forward(p)
	}
	l.gate = l.ledger.current()
	code := c.forward(p)
	l.gate = 0
	return code
}

// forward publishes what the client sent and returns how to answer.
func (c *conn) forward(p *packet.Publish) packet.ReasonCode {
	l := c.loop
	l.why = ""
	l.n.received[p.QoS]++
	l.n.payloadIn[p.QoS] += uint64(len(p.Payload))
	if isSys(p.Topic) {
		l.n.dropped.NotAuthorized++
		l.tellRefused(c, packet.PUBLISH, p.Topic, packet.NotAuthorized, "$SYS is the broker's own")
		return packet.NotAuthorized
	}
	if allow := l.s.o.AllowPublish; allow != nil && !allow(c.client.id, p.Topic) || l.s.guarded && !l.may(c, auth.Write, p.Topic) {
		// 3.1.1 has no way to say so, and the answer must be positive, [v3.1.1 MQTT-3.3.5-2].
		l.n.dropped.NotAuthorized++
		l.tellRefused(c, packet.PUBLISH, p.Topic, packet.NotAuthorized, "not authorized")
		return packet.NotAuthorized
	}
	if l.s.o.badPayload(p.UTF8, p.Payload) {
		l.n.dropped.PayloadFormat++
		l.tellRefused(c, packet.PUBLISH, p.Topic, packet.PayloadFormatInvalid, "the payload is not UTF-8")
		return packet.PayloadFormatInvalid
	}
	l.pub = publication{
		name: p.Topic, props: l.forwardedProps(p), payload: p.Payload,
		from: c.client, expiry: p.Expiry, hasExpiry: p.HasExpiry,
		qos: p.QoS, retain: p.Retain,
	}
	o := l.publish(&l.pub)
	if o.refused > 0 || o.lost {
		if c.version == packet.V5 && c.problemInfo {
			l.why = o.why()
		}
		l.tellRefused(c, packet.PUBLISH, p.Topic, o.reason(p.QoS), o.rule())
	}
	return o.reason(p.QoS)
}

// forwardedProps is what subscribers get to see of a PUBLISH's properties: all in
// their order, [v5 MQTT-3.3.2-18], but those that hold for one connection or are
// computed anew.
func (l *loop) forwardedProps(p *packet.Publish) packet.Props {
	switch {
	case !p.HasProps:
		return nil
	case p.Alias == 0 && !p.HasExpiry:
		return p.Props
	}
	l.props = forwarded(l.props[:0], p.Props)
	return l.props
}

func forwarded(dst []byte, props packet.Props) packet.Props {
	for p := range props.All() {
		switch p.ID {
		case packet.PropTopicAlias, packet.PropMessageExpiryInterval, packet.PropWillDelayInterval:
		default:
			dst = packet.AppendProp(dst, p)
		}
	}
	return dst
}

// resolveAlias replaces a Topic Alias by the Topic Name that it stands for, or notes
// what it is to stand for.
func (c *conn) resolveAlias(p *packet.Publish) error {
	if p.HasSubID {
		return protocolError("v5 MQTT-3.3.4-6", "a Subscription Identifier from a client")
	}
	if p.Alias == 0 {
		return nil
	}
	if int(p.Alias) > c.loop.s.o.TopicAliasMaximum {
		return refusal(packet.TopicAliasInvalid, "v5 MQTT-3.3.2-9", "a Topic Alias above the Topic Alias Maximum")
	}
	known := &c.rareOnes().aliases
	if len(p.Topic) > 0 {
		known.set(p.Alias, p.Topic)
		return nil
	}
	if p.Topic = known.get(p.Alias); len(p.Topic) == 0 {
		return protocolError("v5 3.3.4", "a Topic Alias that was never set")
	}
	return nil
}

func (a *aliases) set(alias uint16, name []byte) {
	for len(a.names) < int(alias) {
		a.names = append(a.names, nil)
	}
	a.names[alias-1] = append(a.names[alias-1][:0], name...)
}

func (a *aliases) get(alias uint16) []byte {
	if int(alias) > len(a.names) {
		return nil
	}
	return a.names[alias-1]
}
