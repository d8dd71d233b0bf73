package broker

import (
	"errors"
	"math"
	"sync/atomic"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A conn is one Network Connection. The transport calls its methods on the loop
// it belongs to; other loops only put to it.
//
// There is one for each client that is connected, mostly idle, so it is kept small.
type conn struct {
	// Immutable once Opened
	tc   *transport.Conn
	loop *loop

	// Immutable once CONNECT was accepted. (client.conn publishes them to other loops.)
	client      *client
	maxPacket   uint32 // The client's Maximum Packet Size; 0: none.
	window      uint16 // The client's Receive Maximum, or the broker's limit.
	version     packet.Version
	problemInfo bool // Reason Strings are welcome everywhere, [v5 MQTT-3.1.2-29].

	// Owned by the loop
	link
	last     int64  // When the last packet arrived, ns.
	patience uint32 // How long the client may be silent, ms; 0: for ever.
	owed     uint32 // What the outbox held when the client was last given more time, bytes; 0: it was not.
	rare     *rare  // Nil for most; to be had from rareOnes. What other loops see of it does not change.

	// Atomic
	//
	// barrier: a SUBSCRIBE is sending retained messages, so QoS 0 has to take
	// client.mu, too.
	//
	// drains counts calls of Drained. fullAt is one more than drains was before the
	// Put that found the outbox full; so the outbox is full while fullAt ==
	// drains+1. Not a flag, because Drained may come between a Put that returns false
	// and the store of the flag, which then would never be cleared again.
	barrier atomic.Bool
	drains  atomic.Uint32
	fullAt  atomic.Uint32

	// Immutable once CONNECT was accepted. Down here it costs nothing: 96 bytes are a size class of the
	// allocator, the next is 112.
	resumed bool // Session Present was 1.
	named   bool // There is rare.naming. (rare itself may still come, so other loops must not look whether it has.)
	origin  origin
	greeted bool // CONNACK has been put. Guarded by client.kept.mu; without a ledger it means nothing.
}

// Why connections end, apart from errors of the peer and the network.
var (
	errGone         = errors.New("client disconnected")
	errTakenOver    = errors.New("session taken over by another connection")
	errSilent       = errors.New("keep alive timeout")
	errNoConnect    = errors.New("no CONNECT in time")
	errShuttingDown = errors.New("server shutting down")
	errRevoked      = errors.New("the user's entry in the password file has gone or changed")
)

func (c *conn) Opened(tc *transport.Conn) {
	c.tc = tc
	c.last = c.loop.turn()
	c.patience = uint32(c.loop.s.o.ConnectTimeout.Milliseconds())
	c.loop.wheel.add(c)
	if c.loop.s.opened(); c.loop.s.closing.Load() {
		tc.Close(errShuttingDown)
	}
}

// Receive takes all whole packets in b. What answers them leaves in one write, after the last.
func (c *conn) Receive(b []byte) (int, error) {
	l := c.loop
	l.turn()
	l.enter()
	defer l.leave(c)
	n, err := c.consume(b)
	if err != nil {
		l.n.refused.count(err)
		c.refuse(err)
		err = l.note(err)
	}
	c.flush()
	l.n.bytesIn += uint64(n)
	return n, err
}

func (c *conn) consume(b []byte) (n int, err error) {
	for c.client == nil {
		k, err := c.first(b[n:])
		if n += k; err != nil || k == 0 || n == len(b) && c.client == nil {
			return n, err
		}
	}
	if c.client.conn.Load() != c {
		return len(b), errTakenOver
	}
	start := n
	for err == nil && n < len(b) {
		var f packet.Frame
		if f, err = packet.Next(b[n:], c.loop.s.o.MaxPacket); err != nil || f.Size == 0 {
			c.loop.culprit = packet.Type(b[n] >> 4)
			break
		}
		if isAck(f.Type) {
			if n, err = c.acknowledged(b, n); err != nil {
				c.loop.culprit = f.Type
			}
			continue
		}
		c.loop.final = n+f.Size == len(b)
		if err = c.handle(f); err == errUnfinished {
			err = nil
			break
		} else if err != nil {
			c.loop.culprit = f.Type
		}
		n += f.Size
		c.loop.n.packetsIn++
	}
	c.loop.final = false
	if n > start {
		c.last = c.loop.now
	}
	return n, err
}

// maxConnect is the largest CONNECT, bytes: whoever is not known yet shall not fill memory.
// Its five long fields may be 64 KiB each, and properties come on top.
const maxConnect = 512 << 10

// first expects the CONNECT that everything begins with, [v5 MQTT-3.1.0-1].
func (c *conn) first(b []byte) (int, error) {
	if c.isWaiting() {
		return 0, nil
	}
	c.loop.culprit = packet.Type(b[0] >> 4)
	f, err := packet.Next(b, min(c.loop.s.o.MaxPacket, maxConnect))
	if err != nil || f.Size == 0 {
		return 0, err
	}
	if c.exchanging() {
		c.loop.n.packetsIn++
		return f.Size, c.proceed(f)
	}
	if f.Type != packet.CONNECT {
		return f.Size, protocolError("v5 MQTT-3.1.0-1", "the first packet is not CONNECT")
	}
	if err = c.connect(f); err == nil && c.isWaiting() {
		return 0, nil // It is looked at again when its password has been checked.
	}
	c.loop.n.packetsIn++
	return f.Size, err
}

func (c *conn) handle(f packet.Frame) error {
	switch f.Type {
	case packet.PUBLISH:
		return c.publish(f)
	case packet.SUBSCRIBE:
		return c.subscribe(f)
	case packet.UNSUBSCRIBE:
		return c.unsubscribe(f)
	case packet.PINGREQ:
		return c.ping(f)
	case packet.DISCONNECT:
		return c.disconnect(f)
	case packet.CONNECT:
		return protocolError("v5 MQTT-3.1.0-2", "a second CONNECT")
	case packet.AUTH:
		return c.authAgain(f)
	}
	return protocolError("v5 2.1.2", "a packet that only servers send")
}

func (c *conn) ping(f packet.Frame) error {
	if err := packet.CheckEmpty(f.Flags, f.Body); err != nil {
		return err
	}
	c.loop.acks = packet.AppendPing(c.loop.acks, packet.PINGRESP)
	c.loop.n.controlOut++
	return nil
}

// Drained sends what waited for room in the outbox.
func (c *conn) Drained() {
	c.drains.Add(1)
	c.owed = 0
	if c.client == nil {
		return
	}
	c.loop.turn()
	c.loop.enter()
	defer c.loop.leave(c)
	cl := c.client
	cl.mu.Lock()
	if cl.conn.Load() == c {
		c.loop.pumpLocked(cl, c)
	}
	cl.mu.Unlock()
}

func (c *conn) Closed(err error) {
	l := c.loop
	l.turn()
	l.wheel.remove(c)
	l.enter()
	defer l.leave(nil)
	c.abandon()
	if c.client != nil {
		c.detach()
		l.ledger.closed(c)
		l.s.online.Add(-1)
	}
	if c.tc != nil {
		l.tellClosed(c, err)
		l.s.closed()
	}
}

// full reports whether the outbox had no room at the last Put.
func (c *conn) full() bool {
	return c.fullAt.Load() == c.drains.Load()+1 || c.loop.ledger != nil && c.loop.ledger.isHolding(c)
}

// put appends one or more packets to the outbox, from l's turn.
func (c *conn) put(l *loop, b []byte) {
	l.n.bytesOut += uint64(len(b))
	if l.ledger == nil || !l.ledger.hold(l, c, b, nil, nil) {
		c.putNow(l, b, nil, nil)
	}
}

// putParts is put for a packet whose payload is not copied.
func (c *conn) putParts(l *loop, head, body []byte, r transport.Ref) {
	l.n.bytesOut += uint64(len(head) + len(body))
	if l.ledger == nil || !l.ledger.hold(l, c, head, body, r) {
		c.putNow(l, head, body, r)
	}
}

// putNow is put without regard to what waits for the disk.
func (c *conn) putNow(l *loop, head, body []byte, r transport.Ref) {
	drains := c.drains.Load()
	more := false
	if r == nil {
		more = c.tc.Put(l.t, head)
	} else {
		more = c.tc.PutParts(l.t, head, body, r)
	}
	if !more {
		c.fullAt.Store(drains + 1)
	}
}

// flush puts the acknowledgements that have been gathered.
func (c *conn) flush() {
	if l := c.loop; len(l.acks) > 0 {
		if g := l.ledger; g != nil && g.waits {
			l.gate = max(l.gate, g.current())
		}
		c.put(l, l.acks)
		l.gate = 0
		l.acks = keep(l.acks)
	}
}

// deadline is when the client will have been silent for too long, ns.
func (c *conn) deadline() int64 { return c.last + int64(c.patience)*millisecond }

// silent closes a connection that has passed its deadline.
func (c *conn) silent() {
	if c.client == nil {
		c.loop.n.refused.ConnectTimeout++
		c.tc.Close(errNoConnect)
		return
	}
	if c.isReading() || c.loop.ledger.isBraked(c) {
		c.last = c.loop.now
		c.loop.wheel.add(c)
		return
	}
	c.loop.n.refused.KeepAlive++
	c.kick(c.loop, packet.KeepAliveTimeout, errSilent) // [v5 MQTT-3.1.2-22]
}

// isReading reports whether a client that is not heard of is at least seen to read. While
// its outbox is full it is not read itself, so it cannot be heard.
func (c *conn) isReading() bool {
	if !c.full() {
		return false
	}
	owed := uint32(min(c.tc.Pending(), math.MaxUint32))
	before := c.owed
	c.owed = owed
	return before == 0 || owed < before
}

// kick ends the connection from any loop's turn. A version 5 client is told why, [v5 4.13].
func (c *conn) kick(l *loop, code packet.ReasonCode, why error) {
	if c.client != nil && c.version == packet.V5 && c.isGreeted() {
		d := packet.Disconnect{Reason: code}
		c.tc.LastWords()
		c.putNow(l, d.Append(l.control[:0], c.version), nil, nil) // What waits is not sent any more.
		l.n.controlOut++
	}
	c.tc.Close(why)
}

// refuse answers an error of the peer: version 5 has a DISCONNECT for it, [v5
// MQTT-4.13.1-1]; earlier ones have only the end of the connection, [v3.1.1 MQTT-4.8.0-1].
func (c *conn) refuse(err error) {
	var e *packet.Error
	if c.client == nil || c.version != packet.V5 || !errors.As(err, &e) || !c.isGreeted() {
		return
	}
	c.tc.LastWords() // The client may have sent more, as is likely when it has sent too much.
	d := packet.Disconnect{Reason: e.Code, Props: c.reasonString(e)}
	b := d.Append(c.loop.control[:0], c.version)
	if c.maxPacket != 0 && len(b) > int(c.maxPacket) {
		d.Props = nil // [v5 MQTT-3.14.2-3]
		b = d.Append(b[:0], c.version)
	}
	c.loop.n.controlOut++
	if c.loop.ledger != nil {
		// The connection ends before what waits for the disk can be sent.
		c.flush()
		c.putNow(c.loop, b, nil, nil)
		return
	}
	c.loop.acks = append(c.loop.acks, b...)
}

// reasonString is a property that helps whoever debugs the client.
func (c *conn) reasonString(e *packet.Error) packet.Props {
	if !c.problemInfo || e.Text == "" {
		return nil
	}
	text := e.Text
	if e.Clause != "" {
		text += " [" + e.Clause + "]"
	}
	return packet.AppendProp(nil, packet.Prop{ID: packet.PropReasonString, B: []byte(text)})
}

// refusal is the error that ends a connection with a Reason Code.
func refusal(code packet.ReasonCode, clause, text string) error {
	return &packet.Error{Code: code, Clause: clause, Text: text}
}

func protocolError(clause, text string) error {
	return refusal(packet.ProtocolError, clause, text)
}
