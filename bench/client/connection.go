package client

import (
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A state is that of a client's Network Connection.
//
//	offline ──Connect──► dialling ──Opened──► greeting ──CONNACK──► online
//	any of these ──Closed──► offline
type state uint8

const (
	offline  state = iota
	dialling       // Until the transport says Opened.
	greeting       // CONNECT is out.
	online         // CONNACK with Success has come.
)

// A client is one MQTT client: the Handler of its Network Connection, one after the other, and its session.
// Everything in it is owned by the group's loop.
//
// An idle one is this struct of 128 bytes and what the transport needs; the two halves of the session are
// made when first used.
type client struct {
	// Immutable, but for id when the server assigns it.
	g   *group
	obs Observer
	o   *Options // Without the ClientID, and shared by clients that have the same.
	id  string

	// The session, kept across connections.
	out   *outgoing // nil until a Packet Identifier is needed.
	in    *idSet    // nil until a QoS 2 message arrives.
	times uint32    // How many times CONNACK with Success came.

	// This connection.
	maxPacket uint32
	conn      *transport.Conn
	last      int64  // ns: when dialling began, then when the last packet was put.
	deadline  int64  // ns: by when CONNACK or PINGRESP must come; 0: neither is awaited.
	unacked   uint16 // QoS 2 messages that are not released.
	quota     uint16 // The smaller of the window and the server's Receive Maximum.
	keepAlive uint16 // Seconds; 0: off.
	bucket    int16  // Of the group's wheel; here it costs nothing.
	maxQoS    packet.QoS
	state     state
	closing   bool // This side has closed it: nothing more is read or sent.
	torn      bool // The last bytes that came were not a whole packet.
	noRetain  bool // The server wants no RETAIN.

	full  bool   // The outbox is over its mark.
	wants demand // Publish said false: Writable is owed.
	again bool   // Connect was called while closing.

	// The group's wheel.
	later, sooner *client
}

// Connect implements Client.
func (c *client) Connect() {
	if c.state != offline {
		c.again = c.closing
		return
	}
	if c.g.closing {
		return
	}
	c.state, c.closing, c.torn, c.full, c.unacked = dialling, false, false, false, 0
	c.last = transport.Clock()
	c.deadline = c.last + int64(c.o.ConnectTimeout)
	c.g.watch(c, c.deadline)
	// The transport's own timeout is the later one, so that silence is reported in one way only.
	d := transport.Dialling{URL: c.o.URL, TLS: c.o.TLS, Local: c.o.Local, Timeout: c.o.ConnectTimeout + time.Second}
	if c.o.Extra != nil {
		d.Header = c.o.Extra.Header
	}
	c.conn = c.g.loop.DialWith(d, c)
}

// Opened implements transport.Handler: CONNECT goes out.
func (c *client) Opened(conn *transport.Conn) {
	c.conn = conn
	if c.closing {
		return
	}
	now := transport.Clock()
	took := since(c.last, now)
	c.state, c.keepAlive = greeting, c.o.keepAliveSeconds()
	c.put(packet.CONNECT, c.appendConnect(c.g.scratch[:0]))
	c.last = now // To the nanosecond: the time to CONNACK is measured.
	c.obs.Took(ConnectTCP, took)
}

func (c *client) appendConnect(dst []byte) []byte {
	p := packet.Connect{
		Version:     c.o.Version,
		CleanStart:  c.o.CleanStart,
		KeepAlive:   c.keepAlive,
		ClientID:    []byte(c.id),
		HasUsername: c.o.HasUsername,
		HasPassword: c.o.HasPassword,
		Username:    []byte(c.o.Username),
		Password:    []byte(c.o.Password),
	}
	if c.o.Version == packet.V5 && c.o.SessionExpiry != 0 {
		p.Props = packet.AppendProp(nil, packet.Prop{ID: packet.PropSessionExpiryInterval, N: c.o.SessionExpiry})
	}
	if c.o.Extra != nil {
		c.o.Extra.join(&p)
	}
	if c.o.authenticates() {
		c.beginProof(&p)
	}
	return p.Append(dst)
}

// connack is what ends the greeting, well or badly.
func (c *client) connack(f *packet.Frame) error {
	var p packet.Connack
	if err := p.Decode(c.o.Version, f.Flags, f.Body); err != nil {
		return broken(err)
	}
	if p.Reason != packet.Success {
		c.obs.Refused(p.Reason)
		return &RefusedError{Reason: p.Reason}
	}
	if p.SessionPresent && c.o.CleanStart {
		return violation(packet.ProtocolError, "v5 MQTT-3.2.2-2", "Session Present after Clean Start")
	}
	if err := c.proved(&p); err != nil {
		return err
	}
	c.accept(&p)
	c.greeted(c.isPresent(&p))
	return nil
}

// isPresent reports whether the server has kept the session. MQTT 3.1 has no word for it: there a session that
// should have been kept is taken to be.
func (c *client) isPresent(p *packet.Connack) bool {
	if c.o.Version == packet.V31 {
		return !c.o.CleanStart && c.times > 0
	}
	return p.SessionPresent
}

// accept takes over the server's conditions, which hold for this connection only.
func (c *client) accept(p *packet.Connack) {
	c.quota = uint16(c.o.Window)
	c.maxPacket, c.maxQoS, c.noRetain = 0, 2, false
	c.newAliases(p)
	if c.o.Version < packet.V5 {
		return
	}
	if p.ReceiveMaximum != 0 {
		c.quota = min(c.quota, p.ReceiveMaximum)
	}
	c.maxPacket, c.maxQoS, c.noRetain = p.MaximumPacketSize, p.MaximumQoS, !p.RetainAvailable
	if p.HasServerKeepAlive {
		c.keepAlive = p.ServerKeepAlive // [v5 MQTT-3.2.2-21]
	}
	if len(p.AssignedClientID) > 0 {
		c.id = string(p.AssignedClientID)
	}
}

// greeted puts on the wire what the session owes, and only then tells the observer, who may publish at once.
func (c *client) greeted(present bool) {
	now := c.g.arrived
	took := since(c.last, now)
	c.state, c.deadline = online, 0
	c.times++
	c.g.counters.Connects++
	c.g.wheel.remove(c)
	if c.keepAlive != 0 {
		c.g.watch(c, c.pingAt())
	}
	if !present && c.in != nil {
		c.in.clear(&c.g.idPages)
	}
	over := c.resume(present)
	c.obs.Took(ConnectMQTT, took)
	c.obs.Connected(present, now)
	for _, v := range over {
		c.obs.Acked(v.token, v.reason, now)
	}
}

// resume sends what is owed, as far as the quota allows.
func (c *client) resume(present bool) (over []verdict) {
	if c.out == nil {
		return nil
	}
	var tooLarge func(x *slot) bool
	if c.maxPacket != 0 {
		tooLarge = func(x *slot) bool { return uint32(c.recalled(x).Size(c.o.Version)) > c.maxPacket }
	}
	rel, over := c.out.resume(present, tooLarge)
	for _, id := range rel {
		c.g.counters.Resent++
		c.out.find(id).sent = transport.Clock()
		c.put(packet.PUBREL, packet.AppendAck(c.g.scratch[:0], c.o.Version, packet.PUBREL, id, packet.Success))
	}
	c.resend()
	return over
}

// resend sends owed PUBLISHes while the quota allows.
func (c *client) resend() {
	for len(c.out.resend) > 0 && c.out.active < c.quota {
		x := c.out.nextOwed()
		if x == nil {
			return
		}
		c.g.counters.Resent++
		x.sent = transport.Clock()
		c.putPublish(c.recalled(x))
	}
}

// put sends one packet.
func (c *client) put(t packet.Type, p []byte) {
	c.g.counters.Out[t].count(len(p))
	c.send(p)
}

// send hands bytes to the transport, which copies them, and counts nothing.
func (c *client) send(p []byte) {
	c.last = c.g.loop.Now()
	if !c.conn.Put(c.g.loop, p) {
		c.full = true
	}
}

// Drained implements transport.Handler.
func (c *client) Drained() {
	c.full = false
	c.wake()
}

// Disconnect implements Client. What was received in this turn is acknowledged first, because nothing may
// follow a DISCONNECT, [v5 MQTT-3.14.4-1].
func (c *client) Disconnect() {
	c.again = false
	if c.state == offline || c.closing {
		return
	}
	if c.state == online {
		c.answer()
		d := packet.Disconnect{Reason: packet.NormalDisconnection}
		c.put(packet.DISCONNECT, d.Append(c.g.scratch[:0], c.o.Version))
	}
	c.closing = true
	c.conn.Close(nil)
}

// Cut implements Client.
func (c *client) Cut() {
	c.again = false
	c.cut(nil)
}

// cut ends the connection with a TCP RST because of why; nil: because the caller said so.
func (c *client) cut(why error) {
	if c.state == offline || c.closing {
		return
	}
	c.closing = true
	c.blame(why)
	c.conn.Reset(why)
}

// blame notes why this side ends the connection; nil: because the caller said so.
func (c *client) blame(why error) {
	if why != nil {
		c.g.reasons[c] = why
	}
}

// Closed implements transport.Handler.
func (c *client) Closed(err error) {
	if c.state == offline {
		return
	}
	err = c.explain(err)
	c.state, c.closing, c.conn = offline, false, nil
	delete(c.g.reasons, c)
	delete(c.g.aliases, c)
	delete(c.g.proofs, c)
	c.g.wheel.remove(c)
	again := c.again
	c.again = false
	c.obs.Disconnected(err, transport.Clock())
	if again {
		c.Connect()
	}
}

// pingAt is when PINGREQ is due if nothing else is sent, ns. The Keep Alive bounds the time between two
// packets, [v5 MQTT-3.1.2-20], so a quarter of it is left for the way.
func (c *client) pingAt() int64 {
	return c.last + int64(c.keepAlive)*int64(time.Second)*3/4
}

// lookAtDeadline is the wheel's call: perhaps something is due.
func (c *client) lookAtDeadline(now int64) {
	switch {
	case c.state == offline || c.closing:
	case now < c.deadline:
		c.g.watch(c, c.deadline)
	case c.state != online:
		c.cut(noConnack(c.o.ConnectTimeout))
	case c.deadline != 0:
		c.cut(noPingresp(time.Duration(c.keepAlive) * time.Second))
	case now < c.pingAt():
		c.g.watch(c, c.pingAt())
	default:
		c.ping(now)
	}
}

func (c *client) ping(now int64) {
	c.put(packet.PINGREQ, packet.AppendPing(c.g.scratch[:0], packet.PINGREQ))
	c.deadline = now + int64(c.keepAlive)*int64(time.Second)
	c.g.watch(c, c.deadline)
}

// Inflight implements Client.
func (c *client) Inflight() int {
	if c.out == nil {
		return 0
	}
	return int(c.out.inflight)
}

// Pending implements Client.
func (c *client) Pending() int {
	if c.conn == nil {
		return 0
	}
	return c.conn.Pending()
}
