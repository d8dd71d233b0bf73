package journal

import (
	"encoding/binary"
	"math"

	"mqttbench/broker/packet"
)

// A Message is what is kept of an Application Message. What is decoded lies in the bytes it was decoded from.
type Message struct {
	Topic   []byte
	Props   packet.Props // As in session.Message.
	Payload []byte
	QoS     packet.QoS // As published.
	Expires int64      // Wall time, ns; 0: never.
}

// A Promise is a message that one session is to get.
type Promise struct {
	ID      MessageID // 0: Message holds it.
	Message Message
	QoS     packet.QoS // Of the delivery, 1 or 2.
	Retain  bool
	SubIDs  []uint32
}

// A Head is what a session is apart from what it holds.
type Head struct {
	ClientID []byte
	Expiry   uint32 // Session Expiry Interval, seconds; NeverExpires.
	Since    int64  // When the last Network Connection ended, wall time, ns; 0: there is one.
}

// NeverExpires is [v5 3.1.2.11.2].
const NeverExpires = math.MaxUint32

// A Will is a Will Message, [v5 3.1.2.5]. Its message does not expire: the interval begins when it is published.
type Will struct {
	Message   Message
	Retain    bool
	HasExpiry bool
	Delay     uint32 // Will Delay Interval, seconds.
	Expiry    uint32 // Message Expiry Interval, seconds.
}

// A Subscription is one Topic Filter with its options and Subscription Identifier (0: none).
type Subscription struct {
	Filter            []byte
	SubID             uint32
	QoS               packet.QoS
	NoLocal           bool
	RetainAsPublished bool
}

// The first byte of a value: a QoS and flags.
const (
	qosBits = 0x03

	expires   = 0x04 // Message.
	retain    = 0x04 // Promise, Will.
	inline    = 0x08 // Promise.
	subIDs    = 0x10 // Promise.
	hasExpiry = 0x08 // Will.
	noLocal   = 0x04 // Subscription.
	asIs      = 0x08 // Subscription: Retain As Published.
)

// flag is f if set.
func flag(f byte, set bool) byte {
	if set {
		return f
	}
	return 0
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// appendMessage: QoS and flags; Expires if there is one; Topic Name; properties; the rest is payload.
func appendMessage(dst []byte, m *Message) []byte {
	dst = append(dst, byte(m.QoS)|flag(expires, m.Expires != 0))
	if m.Expires != 0 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(m.Expires))
	}
	dst = appendBytes(dst, m.Topic)
	dst = appendBytes(dst, m.Props)
	return append(dst, m.Payload...)
}

func (c *cursor) message(m *Message) {
	first := c.byte(qosBits | expires)
	*m = Message{QoS: c.qos(first, 0)}
	if first&expires != 0 {
		m.Expires = int64(c.uint64())
		c.check(m.Expires != 0)
	}
	m.Topic = c.bytes()
	m.Props = packet.Props(c.bytes())
	m.Payload = c.rest()
}

// appendPromise: QoS and flags; Subscription Identifiers; the message, or its number.
func appendPromise(dst []byte, p *Promise) []byte {
	dst = append(dst, byte(p.QoS)|flag(retain, p.Retain)|flag(inline, p.ID == 0)|flag(subIDs, len(p.SubIDs) > 0))
	if len(p.SubIDs) > 0 {
		dst = binary.AppendUvarint(dst, uint64(len(p.SubIDs)))
		for _, id := range p.SubIDs {
			dst = binary.AppendUvarint(dst, uint64(id))
		}
	}
	if p.ID == 0 {
		return appendMessage(dst, &p.Message)
	}
	return binary.AppendUvarint(dst, uint64(p.ID))
}

// promise uses p.SubIDs again.
func (c *cursor) promise(p *Promise) {
	first := c.byte(qosBits | retain | inline | subIDs)
	*p = Promise{QoS: c.qos(first, 1), Retain: first&retain != 0, SubIDs: p.SubIDs[:0]}
	if first&subIDs != 0 {
		n := c.uvarint(uint64(len(c.b)))
		c.check(n > 0)
		for range n {
			p.SubIDs = append(p.SubIDs, uint32(c.uvarint(math.MaxUint32)))
		}
	}
	if first&inline != 0 {
		c.message(&p.Message)
		return
	}
	p.ID = MessageID(c.uvarint(math.MaxUint64))
	c.check(p.ID != 0)
	c.end()
}

// appendHead: expiry; since; the rest is the Client Identifier.
func appendHead(dst []byte, h *Head) []byte {
	dst = binary.BigEndian.AppendUint32(dst, h.Expiry)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.Since))
	return append(dst, h.ClientID...)
}

func (c *cursor) head(h *Head) {
	h.Expiry = c.uint32()
	h.Since = int64(c.uint64())
	h.ClientID = c.rest()
}

// appendWill: flags; delay; expiry; the rest is the message.
func appendWill(dst []byte, w *Will) []byte {
	dst = append(dst, flag(retain, w.Retain)|flag(hasExpiry, w.HasExpiry))
	dst = binary.AppendUvarint(dst, uint64(w.Delay))
	dst = binary.AppendUvarint(dst, uint64(w.Expiry))
	return appendMessage(dst, &w.Message)
}

func (c *cursor) will(w *Will) {
	first := c.byte(retain | hasExpiry)
	w.Retain, w.HasExpiry = first&retain != 0, first&hasExpiry != 0
	w.Delay = uint32(c.uvarint(math.MaxUint32))
	w.Expiry = uint32(c.uvarint(math.MaxUint32))
	c.message(&w.Message)
}

// appendSubscription: QoS and flags; Subscription Identifier.
func appendSubscription(dst []byte, s *Subscription) []byte {
	dst = append(dst, byte(s.QoS)|flag(noLocal, s.NoLocal)|flag(asIs, s.RetainAsPublished))
	return binary.AppendUvarint(dst, uint64(s.SubID))
}

func (c *cursor) subscription(s *Subscription) {
	first := c.byte(qosBits | noLocal | asIs)
	s.QoS, s.NoLocal, s.RetainAsPublished = c.qos(first, 0), first&noLocal != 0, first&asIs != 0
	s.SubID = uint32(c.uvarint(math.MaxUint32))
	c.end()
}

// A cursor takes values apart. After the first mistake it is bad, and yields zeros.
type cursor struct {
	b   []byte
	bad bool
}

// check notes a mistake.
func (c *cursor) check(ok bool) {
	if !ok {
		c.bad, c.b = true, nil
	}
}

// take lends the next n bytes.
func (c *cursor) take(n uint64) []byte {
	if c.check(n <= uint64(len(c.b))); c.bad {
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

// byte allows only the bits of allowed.
func (c *cursor) byte(allowed byte) byte {
	b := c.take(1)
	if c.bad {
		return 0
	}
	c.check(b[0]&^allowed == 0)
	return b[0] & allowed
}

func (c *cursor) qos(first byte, least packet.QoS) packet.QoS {
	q := packet.QoS(first & qosBits)
	c.check(least <= q && q <= 2)
	return q
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); !c.bad {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); !c.bad {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); !c.bad {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(c.b)
	if c.check(n > 0 && v <= most); c.bad {
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes() []byte { return c.take(c.uvarint(math.MaxUint32)) }
func (c *cursor) rest() []byte  { return c.take(uint64(len(c.b))) }
func (c *cursor) end()          { c.check(len(c.b) == 0) }
