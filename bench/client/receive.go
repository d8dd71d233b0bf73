package client

import (
	"errors"
	"fmt"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// Receive implements transport.Handler. Every whole packet is dealt with before anything is answered, so that all
// acknowledgements of a read leave in one write.
func (c *client) Receive(b []byte) (n int, err error) {
	if c.state == greeting && len(b) > 0 && packet.Type(b[0]>>4) != packet.CONNACK && !c.mayChallenge(packet.Type(b[0]>>4)) {
		return c.fail(len(b), c.strange(b))
	}
	g := c.g
	g.turn, g.arrived, g.acks, g.unacked = c, transport.Clock(), g.acks[:0], 0
	g.unanswered.clear()
	for err == nil && !c.closing {
		var f packet.Frame
		if f, err = packet.Next(b[n:], 0); err != nil {
			err = broken(err)
			break
		}
		if f.Size == 0 {
			break
		}
		n += f.Size
		g.counters.In[f.Type].count(f.Size)
		err = c.handle(&f)
	}
	if c.closing { // By the observer, who wants nothing more of it.
		g.turn = nil
		return len(b), nil
	}
	c.answer()
	g.turn = nil
	if err != nil {
		return c.fail(n, err)
	}
	c.torn = n < len(b)
	c.wake()
	return n, nil
}

// mayChallenge reports whether a packet before CONNACK is one of an exchange that is under way.
func (c *client) mayChallenge(t packet.Type) bool { return t == packet.AUTH && c.g.proofs[c] != nil }

// strange is what to say of an answer to CONNECT that is not a CONNACK.
func (c *client) strange(b []byte) error {
	if c.o.Version == packet.V5 && packet.Type(b[0]>>4) == packet.AUTH {
		return violation(packet.ProtocolError, "v5 MQTT-4.12.0-6", "AUTH without an Authentication Method")
	}
	return notMQTT(b)
}

// answer sends the acknowledgements gathered in this turn, if it is c's.
func (c *client) answer() {
	if c.g.turn == c && len(c.g.acks) > 0 {
		c.send(c.g.acks)
		c.g.acks = c.g.acks[:0]
	}
}

// fail ends the connection because of err; a server of version 5 is told why, [v5 4.13.1].
func (c *client) fail(n int, err error) (int, error) {
	c.blame(err)
	var p *packet.Error
	if c.state == online && c.o.Version == packet.V5 && errors.As(err, &p) {
		d := packet.Disconnect{Reason: p.Code}
		c.put(packet.DISCONNECT, d.Append(c.g.scratch[:0], c.o.Version))
	}
	c.closing = true
	return n, err
}

func (c *client) handle(f *packet.Frame) error {
	if c.state == greeting {
		if c.mayChallenge(f.Type) {
			return c.challenged(f)
		}
		if f.Type != packet.CONNACK {
			return violation(packet.ProtocolError, "v5 MQTT-3.2.0-1", "the first packet was not CONNACK")
		}
		return c.connack(f)
	}
	switch f.Type {
	case packet.PUBLISH:
		return c.received(f)
	case packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBCOMP:
		return c.acknowledged(f)
	case packet.SUBACK, packet.UNSUBACK:
		return c.subscribed(f)
	case packet.PINGRESP:
		return c.pong(f)
	case packet.DISCONNECT:
		return c.dismissed(f)
	}
	return violation(packet.ProtocolError, "v5 2.1.2", fmt.Sprintf("packet type %d from a server", f.Type))
}

// received deals with a PUBLISH. Its acknowledgement is due only when the observer has returned; not at all
// when the observer closed the connection.
func (c *client) received(f *packet.Frame) error {
	p := &c.g.publish
	if err := p.Decode(c.o.Version, f.Flags, f.Body); err != nil {
		return broken(err)
	}
	if p.Alias != 0 {
		if err := c.resolve(p); err != nil {
			return err
		}
	}
	if err := c.withinReceiveMaximum(p.QoS); err != nil {
		return err
	}
	r := &c.g.heard
	*r = Reception{
		Topic: p.Topic, Payload: p.Payload, Props: p.Props, QoS: p.QoS, Dup: p.Dup, Retain: p.Retain, ID: p.ID,
		Epoch: c.times - 1,
		Now:   c.g.arrived,
	}
	r.InUse = c.inUse(p)
	if p.QoS == 2 {
		r.Again = c.own(p.ID)
	}
	id, qos := p.ID, p.QoS
	c.obs.Received(r)
	switch {
	case c.closing || qos == 0:
	case qos == 1:
		c.ack(packet.PUBACK, id, packet.Success)
	default:
		c.ack(packet.PUBREC, id, packet.Success)
	}
	return nil
}

// withinReceiveMaximum counts what the server has sent and cannot have had acknowledged: QoS 1 messages of this read, and QoS 2 messages
// that it has not released on this connection. There may have been more, but not fewer.
func (c *client) withinReceiveMaximum(q packet.QoS) error {
	if x := c.o.Extra; q == 0 || x == nil || x.ReceiveMaximum == 0 || c.o.Version < packet.V5 {
		return nil
	}
	if q == 1 {
		c.g.unacked++
	}
	n := c.g.unacked + int(c.unacked)
	if q == 2 {
		n++
	}
	if limit := int(c.o.Extra.ReceiveMaximum); n > limit {
		return violation(packet.ReceiveMaximumExceeded, "v5 MQTT-3.3.4-9", fmt.Sprintf("more than the %d unacknowledged messages of our Receive Maximum", limit))
	}
	return nil
}

// own takes ownership of a QoS 2 message and reports whether it was ours before.
func (c *client) own(id packet.ID) (again bool) {
	if c.in == nil {
		c.in = new(idSet)
	}
	if c.in.add(id, &c.g.idPages) {
		c.unacked++
		return false
	}
	c.g.counters.Again++
	return true
}

// ack gathers an acknowledgement for the end of the turn.
func (c *client) ack(t packet.Type, id packet.ID, r packet.ReasonCode) {
	had := len(c.g.acks)
	c.g.acks = packet.AppendAck(c.g.acks, c.o.Version, t, id, r)
	c.g.counters.Out[t].count(len(c.g.acks) - had)
}

func (c *client) acknowledged(f *packet.Frame) error {
	a := &c.g.ack
	if err := a.Decode(c.o.Version, f.Type, f.Flags, f.Body); err != nil {
		return broken(err)
	}
	if f.Type == packet.PUBREL {
		c.release(a.ID)
		return nil
	}
	x := c.out.find(a.ID)
	if x == nil || !x.stage.takes(f.Type) {
		c.stray(f.Type, a.ID)
		return nil
	}
	switch {
	case f.Type == packet.PUBREC && !a.Reason.Failed():
		c.recorded(x)
	case f.Type == packet.PUBREC:
		c.finish(x, PublishRec, a.Reason)
	case f.Type == packet.PUBACK:
		c.finish(x, PublishAck, a.Reason)
	default:
		// Whatever a PUBCOMP says, the server had taken the message with its PUBREC. In particular 0x92 is
		// how a server that completed the exchange before the connection broke answers the PUBREL that is
		// sent again, [v5 3.7.2.1].
		c.finish(x, ReleaseComp, packet.Success)
	}
	return nil
}

// takes reports whether t is what an exchange in this stage waits for. A server may answer a PUBLISH
// before it is sent again: what it answers is the first one.
func (s stage) takes(t packet.Type) bool {
	switch t {
	case packet.PUBACK:
		return s == sent1 || s == owed1
	case packet.PUBREC:
		return s == sent2 || s == owed2 || s == released
	}
	return s == released
}

// stray deals with an acknowledgement that fits no exchange. A PUBREC is answered all the same, or the server
// would wait for ever.
func (c *client) stray(t packet.Type, id packet.ID) {
	c.g.counters.Strays++
	if t == packet.PUBREC {
		c.ack(packet.PUBREL, id, packet.PacketIdentifierNotFound)
	}
}

// release answers a PUBREL. An unknown identifier is answered too: our PUBCOMP may have been lost with the last
// connection, [v5 MQTT-4.3.3-11].
func (c *client) release(id packet.ID) {
	reason := packet.Success
	if c.unacked > 0 {
		c.unacked--
	}
	if !c.in.remove(id, &c.g.idPages) {
		reason = packet.PacketIdentifierNotFound
	}
	c.ack(packet.PUBCOMP, id, reason)
}

// recorded: PUBREC has come, and the message itself must never be sent again, [v5 MQTT-4.3.3-6].
func (c *client) recorded(x *slot) {
	c.ack(packet.PUBREL, x.id, packet.Success)
	if x.stage == released {
		return // A PUBREC twice.
	}
	if x.stage == owed2 {
		c.out.active++
	}
	took := since(x.sent, c.g.arrived)
	c.out.order++
	x.stage, x.order, x.sent = released, c.out.order, c.g.arrived
	c.obs.Took(PublishRec, took)
}

// finish ends an exchange by the server's word.
func (c *client) finish(x *slot, p Phase, reason packet.ReasonCode) {
	token, took := x.token, since(x.sent, c.g.arrived)
	c.out.close(x)
	c.resend()
	c.obs.Took(p, took)
	c.obs.Acked(token, reason, c.g.arrived)
}

func (c *client) subscribed(f *packet.Frame) error {
	s := &c.g.suback
	unsub := f.Type == packet.UNSUBACK
	if err := s.Decode(c.o.Version, unsub, f.Flags, f.Body); err != nil {
		return broken(err)
	}
	wants := subscribing
	if unsub {
		wants = unsubscribing
	}
	x := c.out.find(s.ID)
	if x == nil || x.stage != wants {
		c.g.counters.Strays++
		return nil
	}
	took := since(x.sent, c.g.arrived)
	c.out.close(x)
	if c.out.used == 0 {
		c.out.slots = nil // Most who subscribe publish nothing at QoS 1 or 2.
	}
	if unsub {
		c.obs.Took(UnsubscribeAck, took)
		c.obs.Unsubscribed(c.g.arrived)
		return nil
	}
	c.obs.Took(SubscribeAck, took)
	c.obs.Subscribed(s.Codes, c.g.arrived)
	return nil
}

func (c *client) pong(f *packet.Frame) error {
	if err := packet.CheckEmpty(f.Flags, f.Body); err != nil {
		return broken(err)
	}
	if c.deadline != 0 {
		c.deadline = 0
		c.g.watch(c, c.pingAt())
	}
	return nil
}

// dismissed deals with a DISCONNECT of the server's, which only version 5 knows.
func (c *client) dismissed(f *packet.Frame) error {
	if c.o.Version != packet.V5 {
		return violation(packet.ProtocolError, "v3.1.1 3.14", "DISCONNECT from a server")
	}
	var d packet.Disconnect
	if err := d.Decode(c.o.Version, f.Flags, f.Body); err != nil {
		return broken(err)
	}
	e := &DisconnectedError{Reason: d.Reason}
	if p, ok := d.Props.Get(packet.PropReasonString); ok {
		e.Text = string(p.B)
	}
	return e
}
