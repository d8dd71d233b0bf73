package broker

import (
	"crypto/rand"
	"errors"
	"math"
	"time"

	"mqttbench/broker/packet"
)

// connect takes the CONNECT that a Network Connection begins with.
func (c *conn) connect(f packet.Frame) error {
	var p packet.Connect
	if err := p.Decode(f.Flags, f.Body); err != nil {
		return c.refuseMalformed(p.Version, err)
	}
	ready, err := c.authenticate(f, &p)
	if err != nil {
		c.loop.claimant = string(p.ClientID)
		return c.refuseConnect(p.Version, err)
	}
	if !ready {
		return nil
	}
	return c.enter(&p)
}

// enter goes on with a CONNECT when it is known whom it comes from.
func (c *conn) enter(p *packet.Connect) error {
	if err := c.admit(p); err != nil {
		c.loop.claimant = string(p.ClientID)
		return c.refuseConnect(p.Version, err)
	}
	assigned := len(p.ClientID) == 0
	if assigned {
		p.ClientID = []byte(rand.Text())
	}
	c.adopt(p)
	if err := c.attach(p, assigned); err != nil {
		c.loop.s.online.Add(-1)
		c.loop.claimant = string(p.ClientID)
		return c.refuseConnect(p.Version, err)
	}
	c.loop.n.connects++
	return nil
}

// admit decides whether the client may enter. What it takes (a place among
// MaxClients), Closed gives back.
func (c *conn) admit(p *packet.Connect) error {
	l, s := c.loop, c.loop.s
	if err := c.admitWill(p); err != nil {
		return err
	}
	if n := s.online.Add(1); s.o.MaxClients > 0 && n > int64(s.o.MaxClients) {
		s.online.Add(-1)
		l.n.refused.Clients++
		return errClients
	}
	return nil
}

// admitWill looks at what a Will Message will ask for.
func (c *conn) admitWill(p *packet.Connect) error {
	o := &c.loop.s.o
	if !p.HasWill {
		return nil
	}
	if tooDeep(p.Will.Topic, o.MaxTopicLevels) {
		return errTopicLevels
	}
	if o.badPayload(saysUTF8(p.Will.Props), p.Will.Payload) {
		return errPayload
	}
	if p.Will.Retain && o.NoRetain {
		if p.Version == packet.V5 {
			return errRetain // [v5 MQTT-3.2.2-13]
		}
		p.Will.Retain = false // 3.1.1 has no word for it.
		c.loop.n.refused.RetainDisabled++
	}
	return nil
}

// What a CONNECT is refused for, apart from whom it comes from: that is in identity.go.
var (
	errConnectRate = refusal(packet.ConnectionRateExceeded, "", "too many connections at a time")
	errClients     = refusal(packet.QuotaExceeded, "", "too many clients")
	errSessions    = refusal(packet.QuotaExceeded, "", "too many sessions")
	errTopicLevels = refusal(packet.TopicNameInvalid, "", "a Topic Name of too many levels")
	errPayload     = refusal(packet.PayloadFormatInvalid, "v5 3.1.3.2.3", "the payload of the will is not UTF-8")
	errRetain      = refusal(packet.RetainNotSupported, "v5 3.2.2.3.5", "retained messages are not offered")
)

// refuseMalformed answers a CONNECT that could not be decoded. 3.1.1 wants
// a CONNACK only where it has a code for it, [v3.1.1 MQTT-3.2.2-6].
func (c *conn) refuseMalformed(v packet.Version, err error) error {
	var e *packet.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case v >= packet.V5,
		e.Code == packet.UnsupportedProtocolVersion,
		e.Code == packet.ClientIdentifierNotValid:
		return c.refuseConnect(v, err)
	}
	return err
}

// refuseConnect answers with a CONNACK that says why not. A version to come is
// answered in the form of the latest that we know, an unknown old one in 3.1.1's.
func (c *conn) refuseConnect(v packet.Version, err error) error {
	var e *packet.Error
	if errors.As(err, &e) {
		v = min(max(v, packet.V311), packet.V5)
		c.tc.LastWords()
		ack := packet.Connack{Reason: e.Code}
		c.loop.acks = ack.Append(c.loop.acks, v)
	}
	return err
}

// adopt takes over what CONNECT says about the connection.
func (c *conn) adopt(p *packet.Connect) {
	c.version = p.Version
	c.problemInfo = p.RequestProblemInfo
	c.maxPacket = p.MaximumPacketSize
	c.window = p.ReceiveMaximum
	if limit := c.loop.s.o.SessionLimits.MaxInflight; limit > 0 {
		c.window = uint16(min(int(c.window), limit))
	}
	p.KeepAlive = c.loop.s.grantKeepAlive(p)
	if c.rare != nil && c.rare.who != nil {
		c.rare.who.clientID = string(p.ClientID)
		c.judgeWill(p)
	}
	c.offerNaming(p)
	l := c.loop
	l.wheel.remove(c)
	c.last = l.now
	c.patience = uint32(p.KeepAlive) * 1500 // [v5 MQTT-3.1.2-22]
	l.wheel.add(c)
}

func (s *Server) grantKeepAlive(p *packet.Connect) uint16 {
	limit := uint16(s.o.KeepAliveMax / time.Second)
	if p.Version == packet.V5 && limit > 0 && (p.KeepAlive == 0 || p.KeepAlive > limit) {
		return limit
	}
	return p.KeepAlive
}

func (s *Server) grantExpiry(asked uint32) uint32 {
	if s.o.SessionExpiryMax == 0 {
		return asked
	}
	return min(asked, uint32(s.o.SessionExpiryMax/time.Second))
}

// attach gives the connection its session, old or new, and ends what stood in
// its way.
func (c *conn) attach(p *packet.Connect, assigned bool) error {
	l := c.loop
	cl, fresh, superseded := l.s.directory.claim(p.ClientID, p.CleanStart, l.now)
	for superseded != nil {
		l.end(superseded)
		cl, fresh, superseded = l.s.directory.claim(p.ClientID, p.CleanStart, l.now)
	}
	if cl == nil {
		l.n.refused.Sessions++
		return errSessions
	}
	old, lastWill := c.resumeLocked(cl, p, !fresh, assigned)
	cl.mu.Unlock()
	if old != nil {
		old.kick(l, packet.SessionTakenOver, errTakenOver) // [v5 MQTT-3.1.4-3]
	}
	if lastWill != nil {
		l.publishWill(cl, lastWill)
	}
	return nil
}

// resumeLocked is the one critical section of a new Network Connection: the old
// one is cut off, then CONNACK, then everything that is unacknowledged in its old
// order, then what was queued, and only then is the client online, so that nothing
// new can come in between, [v5 MQTT-4.4.0-1]. It returns the old connection, which
// is to be closed, and its will if that is to be published.
func (c *conn) resumeLocked(cl *client, p *packet.Connect, present, assigned bool) (old *conn, lastWill *will) {
	l := c.loop
	if old = cl.conn.Load(); old != nil {
		cl.conn.Store(nil)
		cl.sess.Offline()
		l.dropBacklogLocked(cl)
		if cl.will != nil && cl.will.delay == 0 {
			lastWill, cl.will = cl.will, nil
		}
	}
	cl.will.drop() // One with a delay: this client is back in time, [v5 MQTT-3.1.3-9].
	cl.will = c.newWill(&p.Will, p.HasWill)
	asked := p.SessionExpiry
	p.SessionExpiry = l.s.grantExpiry(asked)
	cl.expiry = p.SessionExpiry
	l.s.deadlines.clear(cl)
	c.client, c.resumed = cl, present
	l.ledger.connectedLocked(l, cl, c, present)

	ack := packet.Connack{SessionPresent: present, Props: c.connackProps(p, asked, assigned)}
	l.control = ack.Append(keep(l.control), c.version)
	c.put(l, l.control)
	l.gate = 0
	l.n.controlOut++
	cl.sess.Online(int(p.ReceiveMaximum))
	l.pumpLocked(cl, c)
	cl.conn.Store(c)
	return old, lastWill
}

// connackProps says where the server differs from what the client asked for, or
// from what the specification takes for granted, [v5 3.2.2.3].
func (c *conn) connackProps(p *packet.Connect, askedExpiry uint32, assigned bool) packet.Props {
	if c.version != packet.V5 {
		return nil
	}
	o := &c.loop.s.o
	b := c.loop.props2[:0]
	number := func(say bool, id packet.PropID, n uint32) {
		if say {
			b = packet.AppendProp(b, packet.Prop{ID: id, N: n})
		}
	}
	text := func(say bool, id packet.PropID, s []byte) {
		if say {
			b = packet.AppendProp(b, packet.Prop{ID: id, B: s})
		}
	}
	number(p.SessionExpiry != askedExpiry, packet.PropSessionExpiryInterval, p.SessionExpiry)
	number(o.ReceiveMaximum < math.MaxUint16, packet.PropReceiveMaximum, uint32(o.ReceiveMaximum))
	number(o.NoRetain, packet.PropRetainAvailable, 0)
	number(true, packet.PropMaximumPacketSize, uint32(o.MaxPacket))
	text(assigned, packet.PropAssignedClientIdentifier, p.ClientID)
	number(o.TopicAliasMaximum > 0, packet.PropTopicAliasMaximum, uint32(o.TopicAliasMaximum))
	limit := uint32(o.KeepAliveMax / time.Second)
	lowered := limit > 0 && uint32(p.KeepAlive) == limit // [v5 MQTT-3.1.2-21]
	number(lowered, packet.PropServerKeepAlive, limit)
	inform := p.RequestResponseInfo && o.ResponseInformation != "" // [v5 MQTT-3.1.2-28]
	text(inform, packet.PropResponseInformation, []byte(o.ResponseInformation))
	if c.rare != nil && c.rare.method != "" {
		b = c.appendAuthProps(b, c.rare.exchange.answer) // [v5 MQTT-4.12.0-5]
		c.endExchange()
	}
	c.loop.props2 = b
	return packet.Props(b)
}
