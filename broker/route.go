package broker

import (
	"fmt"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// An outcome counts what the subscribers said to a publication. A subscriber
// that took a message has it, or it will: with QoS 0 the attempt is enough.
type outcome struct {
	reached int  // Subscribers it was offered to, or shared subscriptions.
	refused int  // Of these, sessions at their limits.
	lost    bool // It was to be retained, and there was no room.
}

// reason is the Reason Code of PUBACK or PUBREC. Success means that everybody who is to have the message has
// it, [v5 MQTT-4.5.0-1]; so with QoS 1 one session without room is enough for Quota exceeded. The publisher
// may send the message again then, and those who have it get it twice, as QoS 1 allows.
//
// With QoS 2 that is said only when nobody has it: after a PUBREC that refuses, even one that is lost on its way, the same
// packet is a new message, [v5 MQTT-4.3.3-9], and those who have it would get it twice. To give it to nobody instead would
// let one client that stays away cut all others off. So Success is said, with a Reason String that tells of the rest.
func (o outcome) reason(qos packet.QoS) packet.ReasonCode {
	switch {
	case o.refused == o.reached && (o.reached > 0 || o.lost), o.refused > 0 && qos == 1:
		return packet.QuotaExceeded
	case o.reached == 0:
		return packet.NoMatchingSubscribers
	}
	return packet.Success
}

// rule is what was in the way of a publication.
func (o outcome) rule() string {
	if o.refused == 0 {
		return "retained messages or their bytes"
	}
	return "messages or bytes queued for one session"
}

// why tells a publisher about it.
func (o outcome) why() string {
	if o.refused == 0 {
		return "no room to retain it"
	}
	return fmt.Sprintf("no room in the sessions of %d of %d subscribers", o.refused, o.reached)
}

// publish makes p retained, if it asks for that, and brings it to its subscribers.
//
// Retained comes first: a SUBSCRIBE on another loop inserts first and then looks
// for retained messages, so it sees p at least once.
func (l *loop) publish(p *publication) outcome {
	lost := p.retain && !l.retain(p)
	o := l.route(p)
	o.lost = lost
	return o
}

func (l *loop) route(p *publication) (o outcome) {
	r := l.cache.find(p.name)
	if len(r.Targets) == 0 && len(r.Groups) == 0 {
		return o
	}
	d := delivery{publication: p, loop: l, most: len(r.Targets) + len(r.Groups)}
	for i := range l.frames {
		l.frames[i].size = 0
	}
	eager := l.final && l.t.IsLast()
	for i := range r.Targets {
		t := &r.Targets[i]
		cl := l.s.numbers.get(t.Subscriber)
		if cl == nil || t.NoLocal && cl == p.from { // [v5 MQTT-3.8.3-3]
			continue
		}
		if l.s.guarded && !l.mayReach(cl, p.name) {
			continue
		}
		o.reached++
		to := recipient{cl, minQoS(p.qos, t.QoS), p.retain && t.RetainAsPublished, r.IDs(t)}
		if !d.give(&to) {
			o.refused++
		}
		l.t.Relieve(eager)
	}
	for _, g := range r.Groups {
		if d.share(g, &o) {
			o.reached++
		}
	}
	d.end()
	return o
}

// A recipient is one client and how it is to get a message.
type recipient struct {
	client *client
	qos    packet.QoS
	retain bool
	ids    []uint32 // Subscription Identifiers, lent.
}

// minQoS is the QoS of a delivery, [v5 MQTT-3.8.4-8].
func minQoS(published packet.QoS, granted uint8) packet.QoS {
	return min(published, packet.QoS(granted))
}

// A delivery brings one publication to its recipients.
type delivery struct {
	*publication
	loop *loop
	msg  *session.Message // Made for the first recipient that needs one.

	nameHash uint64 // Valid if hashed.
	hashed   bool

	most   int            // How many recipients there can be.
	stored *storedMessage // Nil until a session needs it that is stored.
}

// message is the shared copy of the publication.
func (d *delivery) message() *session.Message {
	if d.msg == nil {
		d.msg = session.NewMessage(d.name, d.props, d.payload, d.qos, d.expires())
	}
	return d.msg
}

// shared is the message if its payload goes by reference, else nil.
func (d *delivery) shared() *session.Message {
	if len(d.payload) < byReference {
		return nil
	}
	return d.message()
}

// expires is when the message does, ns; 0: never.
func (d *delivery) expires() int64 {
	if !d.hasExpiry {
		return 0
	}
	return d.loop.now + int64(d.expiry)*second
}

func (d *delivery) end() {
	if d.msg != nil {
		d.msg.Release()
	}
	d.loop.ledger.release(d.stored)
}

// give is false when the recipient's session refused the message.
func (d *delivery) give(to *recipient) bool {
	if to.qos == 0 {
		d.send0(to)
		return true
	}
	return d.promise(to)
}

// send0 sends with QoS 0, and without the client's lock if it can.
func (d *delivery) send0(to *recipient) {
	l := d.loop
	c := to.client.conn.Load()
	switch {
	case c == nil:
		l.n.dropped.Offline++
	case c.barrier.Load():
		d.sendBehindRetained(to)
	case c.full():
		l.n.dropped.OutboxFull++
	default:
		d.send(c, to, 0)
	}
}

// sendBehindRetained is send0 to a client that is just being sent retained
// messages: this one is newer.
func (d *delivery) sendBehindRetained(to *recipient) {
	cl := to.client
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c := cl.conn.Load()
	switch {
	case c == nil:
		d.loop.n.dropped.Offline++
	case !cl.hasRoomLocked(c):
		d.loop.n.dropped.OutboxFull++
	default:
		d.send(c, to, 0)
	}
}

// promise gives the message to the client's session, QoS 1 or 2, and sends it if
// its turn has come.
func (d *delivery) promise(to *recipient) bool {
	cl := to.client
	cl.mu.Lock()
	if cl.ended {
		cl.mu.Unlock()
		return true
	}
	v := d.promiseLocked(to)
	cl.mu.Unlock()
	if v == session.Full {
		d.loop.n.dropped.SessionFull++
	}
	return v != session.Full
}

func (d *delivery) promiseLocked(to *recipient) session.Verdict {
	cl := to.client
	c := cl.conn.Load()
	if d.loop.s.guarded && c != nil && !d.loop.may(c, auth.Read, d.name) {
		return session.Send // It was another's connection when mayReach looked: this one shall not know.
	}
	if c != nil && c.maxPacket != 0 && d.tooLarge(c, to) {
		d.loop.n.dropped.TooLarge++
		return session.Send // Act as if it had been sent, [v5 MQTT-3.1.2-25].
	}
	if cl.backlog != nil && cl.backlog.promises > 0 {
		return session.Full // Retained messages wait for room in the session, and are older.
	}
	out, v := cl.sess.Offer(d.message(), to.qos, to.retain, to.ids, cl.hasRoomLocked(c))
	if v == session.Full && d.loop.expireLocked(cl) {
		out, v = cl.sess.Offer(d.message(), to.qos, to.retain, to.ids, cl.hasRoomLocked(c))
	}
	if v != session.Send {
		d.loop.countLimitLocked(cl, c, v)
	}
	if d.loop.ledger != nil && v != session.Full {
		d.recordLocked(to, out.ID)
	}
	if v == session.Send {
		gate := d.loop.gate
		d.loop.ledger.shut(d.loop, cl, to.qos)
		d.send(c, to, out.ID)
		d.loop.gate = gate
	}
	return v
}

// expireLocked makes room in a session that is full of what has expired, and reports whether there was any.
func (l *loop) expireLocked(cl *client) bool {
	n := cl.sess.Expire(l.now)
	l.ledger.nextLocked(l, cl, uint32(n), nil, false)
	l.n.dropped.Expired += uint64(n)
	return n > 0
}

// send puts the message to a connection. For QoS 1 and 2 the client's mu is held,
// which keeps the order of the session.
func (d *delivery) send(c *conn, to *recipient, id packet.ID) {
	l := d.loop
	if to.qos == 0 && l.s.guarded && !l.may(c, auth.Read, d.name) {
		return // As in promiseLocked.
	}
	if c.named {
		d.sendNamed(c, to, id)
		return
	}
	if len(to.ids) > 0 && c.version == packet.V5 {
		d.sendSingle(c, to, id)
		return
	}
	f := l.variant(d.publication, c.version, to.qos)
	if c.maxPacket != 0 && f.size > int(c.maxPacket) {
		l.n.dropped.TooLarge++
		return
	}
	l.n.delivered[to.qos]++
	l.n.payloadOut[to.qos] += uint64(len(d.payload))
	f.buf[0] = firstByte(to.qos, to.retain)
	if to.qos > 0 {
		f.patchID(id)
	}
	if f.byRef {
		m := d.message()
		c.putParts(l, f.buf, m.Payload, m)
		return
	}
	c.put(l, f.buf)
}

// sendSingle encodes for one subscriber: its Subscription Identifiers are its own.
func (d *delivery) sendSingle(c *conn, to *recipient, id packet.ID) {
	l := d.loop
	p := d.single(to)
	if c.maxPacket != 0 && p.Size(c.version) > int(c.maxPacket) {
		l.n.dropped.TooLarge++
		return
	}
	p.ID = id
	l.n.delivered[to.qos]++
	l.n.payloadOut[to.qos] += uint64(len(d.payload))
	l.putPublish(c, &p, d.shared())
}

// single is the PUBLISH with the recipient's Subscription Identifiers.
func (d *delivery) single(to *recipient) packet.Publish {
	return packet.Publish{
		Retain: to.retain, QoS: to.qos, ID: 1, Topic: d.name, Payload: d.payload,
		Props: d.loop.outgoingProps(d.props, d.hasExpiry, d.expiry, to.ids),
	}
}

// tooLarge reports whether the recipient may not be sent the message, [v5 MQTT-3.1.2-24].
func (d *delivery) tooLarge(c *conn, to *recipient) bool {
	size := 0
	if len(to.ids) > 0 && c.version == packet.V5 {
		p := d.single(to)
		size = p.Size(c.version)
	} else {
		size = d.loop.variant(d.publication, c.version, to.qos).size
	}
	return size > int(c.maxPacket)
}
