package broker

import (
	"encoding/binary"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// A publication is an Application Message on its way through one loop's turn.
// Its slices are lent.
type publication struct {
	name      []byte
	props     packet.Props // What is forwarded, see session.Message.
	payload   []byte
	from      *client
	expiry    uint32 // Message Expiry Interval, seconds.
	hasExpiry bool
	qos       packet.QoS
	retain    bool
}

// A frame is one publication as it is encoded for all subscribers that speak
// the same version and get it with or without a Packet Identifier: there are
// at most four. For each subscriber the first byte and the identifier are patched in
// place, and the frame is copied to the outbox. The frame belongs to the loop, so the
// patches of two subscribers cannot meet.
//
//	buf[0]          type and flags, patched
//	buf[idAt:+2]    Packet Identifier, patched; with QoS > 0 only
//	buf             the whole packet, or without the payload, when that goes by reference
type frame struct {
	buf   []byte
	idAt  int
	size  int // Of the whole packet, bytes; 0: not made yet.
	byRef bool
}

// byReference is the payload size from which it is cheaper to share one copy than
// to copy it to each outbox, bytes. (The transport copies less than this in any case.)
const byReference = 8 << 10

// variant finds the frame for a subscriber, making it first if need be.
func (l *loop) variant(p *publication, v packet.Version, qos packet.QoS) *frame {
	i := 0
	if v == packet.V5 {
		i = 2
	}
	if qos > 0 {
		i++
	}
	f := &l.frames[i]
	if f.size == 0 {
		f.encode(l, p, v, qos)
	}
	return f
}

func (f *frame) encode(l *loop, p *publication, v packet.Version, qos packet.QoS) {
	out := packet.Publish{QoS: qos, ID: 1, Topic: p.name, Payload: p.payload}
	if v == packet.V5 {
		out.Props = l.outgoingProps(p.props, p.hasExpiry, p.expiry, nil)
	}
	if f.byRef = len(p.payload) >= byReference; f.byRef {
		f.buf = out.AppendHead(keep(f.buf), v)
		f.size = len(f.buf) + len(p.payload)
	} else {
		f.buf = out.Append(keep(f.buf), v)
		f.size = len(f.buf)
	}
	f.idAt = identifierAt(f.buf, len(p.name))
}

// identifierAt is where the Packet Identifier of an encoded PUBLISH lies: behind
// the first byte, the Remaining Length and the Topic Name.
func identifierAt(b []byte, name int) int {
	i := 1
	for b[i] >= 0x80 {
		i++
	}
	return i + 1 + 2 + name
}

// firstByte of a PUBLISH, [v5 3.3.1].
func firstByte(qos packet.QoS, retain bool) byte {
	b := byte(packet.PUBLISH)<<4 | byte(qos)<<1
	if retain {
		b |= 1
	}
	return b
}

// outgoingProps puts what the server adds in front of what is forwarded. The
// result is valid until the next call.
func (l *loop) outgoingProps(
	forward packet.Props, hasExpiry bool, expiry uint32, ids []uint32,
) packet.Props {
	if !hasExpiry && len(ids) == 0 {
		return forward
	}
	b := l.props2[:0]
	if hasExpiry {
		b = packet.AppendProp(b, packet.Prop{ID: packet.PropMessageExpiryInterval, N: expiry})
	}
	for _, id := range ids {
		b = packet.AppendProp(b, packet.Prop{ID: packet.PropSubscriptionIdentifier, N: id})
	}
	l.props2 = append(b, forward...)
	return l.props2
}

// outgoing makes the PUBLISH for a message that has waited, or is retained. It is
// valid until the next call.
func (l *loop) outgoing(v packet.Version, m *session.Message, ids []uint32) packet.Publish {
	p := packet.Publish{Topic: m.Topic, Payload: m.Payload}
	if v == packet.V5 {
		p.Props = l.outgoingProps(m.Props, m.Expires != 0, remaining(m.Expires, l.now), ids)
	}
	return p
}

// remaining is the Message Expiry Interval that is left: what was received minus
// the whole seconds that the message has waited, [v5 MQTT-3.3.2-6].
func remaining(expires, now int64) uint32 {
	return uint32(max(0, (expires-now+second-1)/second))
}

// patchID writes a Packet Identifier.
func (f *frame) patchID(id packet.ID) {
	binary.BigEndian.PutUint16(f.buf[f.idAt:], uint16(id))
}

// putPublish encodes p for one connection. m, with the same payload, is needed only
// when that goes by reference.
func (l *loop) putPublish(c *conn, p *packet.Publish, m *session.Message) {
	if len(p.Payload) < byReference {
		l.single = p.Append(keep(l.single), c.version)
		c.put(l, l.single)
		return
	}
	l.single = p.AppendHead(keep(l.single), c.version)
	c.putParts(l, l.single, m.Payload, m)
}
