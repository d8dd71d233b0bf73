package fault

import (
	"time"

	"mqttbench/broker/packet"
)

// An answer is an acknowledgement that will come, and is told from others by the way it goes, its type and its
// Packet Identifier.
type answer struct {
	direction Direction
	typ       packet.Type
	id        packet.ID
}

// answers is what becomes of such acknowledgements: as many pass, then as many are kept from the other side, because it
// never sent what they answer.
type answers struct {
	pass, keep int
	reply      packet.Type // What the proxy itself says to one it keeps; 0: nothing.
}

// A hostage is a message that waits for its successor.
type hostage struct {
	wire  []byte
	topic string
	index int  // Of the fault.
	reuse bool // It is for a Reuse, and goes before its successor.
	frame packet.Frame
	timer *time.Timer
}

// possible reports whether a lie can be told of this packet; what befalls a wire always can.
func (c *conn) possible(f *Fault, l *line, frame *packet.Frame) bool {
	if !f.Action.lies() {
		return f.Action != Cut || frame.Size > 1
	}
	var p packet.Publish
	if p.Decode(c.version, frame.Flags, frame.Body) != nil {
		return false
	}
	switch f.Action {
	case Resend:
		return p.QoS > 0
	case Reuse:
		return p.QoS > 0 && l.held == nil
	case Corrupt:
		return f.Bytes < len(p.Payload)
	case Reorder:
		return l.held == nil
	}
	return true
}

// lie tells the lie that v decided on. The caller holds life.mu.
func (c *conn) lie(v *verdict, l *line, f *packet.Frame, wire []byte) {
	var p packet.Publish
	p.Decode(c.version, f.Flags, f.Body) // possible has seen that it can be.
	if v.fate.Action == Reorder || v.fate.Action == Reuse {
		c.hold(v, l, f, wire, &p)
		return
	}
	c.proxy.report(v.index, c, l, f)
	switch v.fate.Action {
	case Forge:
		c.forge(l, &p)
	case Duplicate:
		l.put(wire, v.manner)
		c.duplicate(l, p)
	case Resend:
		l.put(wire, v.manner)
		c.resend(l, p, v.fate.Times)
	case Corrupt:
		p.Payload[len(p.Payload)-1-v.fate.Bytes] ^= 0xFF // In wire, where p lends from.
		l.put(wire, v.manner)
	}
	if v.fate.Action != Drop && v.fate.Action != Forge {
		c.release(l, f)
	}
}

// forge answers a PUBLISH in the name of its receiver.
func (c *conn) forge(l *line, p *packet.Publish) {
	switch p.QoS {
	case 1:
		c.say(l.back(), packet.PUBACK, p.ID)
	case 2:
		c.say(l.back(), packet.PUBREC, p.ID)
		c.owe(answer{l.direction, packet.PUBREL, p.ID}).keep++
		c.owe(answer{l.direction, packet.PUBREL, p.ID}).reply = packet.PUBCOMP
	}
}

// duplicate sends a message once more as another one, and keeps from its sender what the receiver says to that.
func (c *conn) duplicate(l *line, p packet.Publish) {
	p.Dup = false
	if p.QoS > 0 {
		p.ID = c.freeID(l.direction)
	}
	l.put(p.Append(nil, c.version), manner{})
	back := l.direction.back()
	switch p.QoS {
	case 1:
		c.owe(answer{back, packet.PUBACK, p.ID}).keep++
	case 2:
		a := c.owe(answer{back, packet.PUBREC, p.ID})
		a.keep, a.reply = a.keep+1, packet.PUBREL
	}
}

// freeID is a Packet Identifier for the proxy's own use. They are taken from the top, because everybody else begins at
// the bottom; with more than 65535 of them on a connection the two could meet.
func (c *conn) freeID(d Direction) packet.ID {
	c.ownID[d]--
	if c.ownID[d] == 0 {
		c.ownID[d]--
	}
	return c.ownID[d]
}

// resend sends a message some times more as the same one. Of the acknowledgements that follow, the sender gets the first.
func (c *conn) resend(l *line, p packet.Publish, times int) {
	p.Dup = true
	for range times {
		l.put(p.Append(nil, c.version), manner{})
	}
	t := packet.PUBACK
	if p.QoS == 2 {
		t = packet.PUBREC
	}
	a := c.owe(answer{l.direction.back(), t, p.ID})
	a.pass, a.keep = a.pass+1, a.keep+times
}

// hold keeps a message back until its successor has passed.
func (c *conn) hold(v *verdict, l *line, f *packet.Frame, wire []byte, p *packet.Publish) {
	h := &hostage{
		wire: append([]byte(nil), wire...), topic: string(p.Topic), index: v.index, reuse: v.fate.Action == Reuse,
		frame: packet.Frame{Type: f.Type, Flags: f.Flags, Body: append([]byte(nil), f.Body...), Size: f.Size},
	}
	h.timer = time.AfterFunc(v.fate.For, c.locked(func() {
		if l.held == h {
			c.releaseHeld(l)
		}
	}))
	l.held = h
}

// release lets the hostage go if its successor has just passed: then, and only then, is it a reordering.
func (c *conn) release(l *line, f *packet.Frame) {
	h := l.held
	if h == nil || h.reuse || f.Type != packet.PUBLISH {
		return
	}
	var p packet.Publish
	if p.Decode(c.version, f.Flags, f.Body) != nil || string(p.Topic) != h.topic {
		return
	}
	l.held = nil
	h.timer.Stop()
	l.put(h.wire, manner{})
	c.proxy.report(h.index, c, l, &h.frame)
}

// reuse lets a hostage go and its successor right behind it, in one write and with its Packet Identifier, so that the first cannot have been
// acknowledged when the second comes. The successor's sender hears that it was acknowledged. False: there is none, or this is no successor.
func (c *conn) reuse(l *line, f *packet.Frame) bool {
	h := l.held
	if h == nil || !h.reuse || f.Type != packet.PUBLISH {
		return false
	}
	var first, next packet.Publish
	first.Decode(c.version, h.frame.Flags, h.frame.Body) // possible has seen that it can be.
	if next.Decode(c.version, f.Flags, f.Body) != nil || next.QoS != first.QoS {
		c.releaseHeld(l)
		return false
	}
	l.held = nil
	h.timer.Stop()
	c.forge(l, &next)
	next.ID = first.ID
	l.put(next.Append(h.wire, c.version), manner{})
	t := packet.PUBACK
	if first.QoS == 2 {
		t = packet.PUBREC
	}
	a := c.owe(answer{l.direction.back(), t, first.ID})
	a.pass, a.keep = a.pass+1, a.keep+1
	c.proxy.report(h.index, c, l, &h.frame)
	return true
}

// releaseHeld lets the hostage go though nothing overtook it, and gives back what it took from the fault's limit.
func (c *conn) releaseHeld(l *line) {
	if h := l.held; h != nil {
		l.held = nil
		h.timer.Stop()
		c.proxy.refund(h.index)
		l.put(h.wire, manner{})
	}
}

// owe is what becomes of an acknowledgement from now on.
func (c *conn) owe(a answer) *answers {
	if c.owed == nil {
		c.owed = map[answer]*answers{}
	}
	if c.owed[a] == nil {
		c.owed[a] = new(answers)
	}
	return c.owed[a]
}

// answered reports whether a packet answers what the proxy itself had said, and so goes no further.
func (c *conn) answered(l *line, f *packet.Frame) bool {
	if len(c.owed) == 0 || f.Type < packet.PUBACK || f.Type > packet.PUBCOMP || len(f.Body) < 2 {
		return false
	}
	key := answer{l.direction, f.Type, packet.ID(f.Body[0])<<8 | packet.ID(f.Body[1])}
	a := c.owed[key]
	switch {
	case a == nil:
		return false
	case a.pass > 0:
		a.pass--
		return false
	}
	if a.keep--; a.keep == 0 {
		delete(c.owed, key)
	}
	refused := len(f.Body) > 2 && packet.ReasonCode(f.Body[2]).Failed()
	if a.reply == 0 || refused { // A refused exchange is over, [v5 4.3.3].
		return true
	}
	c.say(l.back(), a.reply, key.id)
	if a.reply == packet.PUBREL {
		c.owe(answer{l.direction, packet.PUBCOMP, key.id}).keep++
	}
	return true
}

// say puts an acknowledgement of the proxy's own into a line.
func (c *conn) say(l *line, t packet.Type, id packet.ID) {
	l.put(packet.AppendAck(nil, c.version, t, id, packet.Success), manner{})
}
