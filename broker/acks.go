package broker

import (
	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// isAck reports whether a packet is part of an exchange that has begun.
func isAck(t packet.Type) bool { return packet.PUBACK <= t && t <= packet.PUBCOMP }

// acknowledged takes the run of acknowledgements that begins at b[n] and returns
// where it ends. Under load they come by the hundred in one read, so the lock is
// taken and the queue looked at once for all of them.
func (c *conn) acknowledged(b []byte, n int) (int, error) {
	cl := c.client
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.conn.Load() != c {
		return n, errTakenOver
	}
	var err error
	for err == nil && n < len(b) {
		var f packet.Frame
		f, err = packet.Next(b[n:], c.loop.s.o.MaxPacket)
		if err != nil || f.Size == 0 || !isAck(f.Type) {
			break
		}
		err = c.ackLocked(f)
		n += f.Size
		c.loop.n.packetsIn++
	}
	c.loop.pumpLocked(cl, c)
	return n, err
}

func (c *conn) ackLocked(f packet.Frame) error {
	var a packet.Ack
	if err := a.Decode(c.version, f.Type, f.Flags, f.Body); err != nil {
		return err
	}
	s := &c.client.sess
	switch a.Type {
	case packet.PUBACK:
		if s.Puback(a.ID) {
			c.loop.ledger.doneLocked(c.client, a.ID)
		}
	case packet.PUBREC:
		c.pubrec(s, &a)
	case packet.PUBREL:
		code := packet.Success
		if s.Release(a.ID) {
			c.loop.ledger.releasedLocked(c.client, a.ID)
		} else if !c.resumed {
			// 3.1.1 just answers, [v3.1.1 MQTT-4.3.3-2]. After a resume the client may
			// have missed the PUBCOMP: then it is no error, [v5 3.7.2.1].
			code = packet.PacketIdentifierNotFound
		}
		c.answer(packet.PUBCOMP, a.ID, code)
	case packet.PUBCOMP:
		if s.Pubcomp(a.ID) {
			c.loop.ledger.doneLocked(c.client, a.ID)
		}
	}
	return nil
}

func (c *conn) pubrec(s *session.Session, a *packet.Ack) {
	switch known, release := s.Pubrec(a.ID, a.Reason); {
	case release:
		c.loop.ledger.pubrecLocked(c.client, a.ID)
		c.answer(packet.PUBREL, a.ID, packet.Success)
	case known:
		c.loop.ledger.doneLocked(c.client, a.ID)
	case !a.Reason.Failed():
		c.answer(packet.PUBREL, a.ID, packet.PacketIdentifierNotFound)
	}
}

// answer adds to what leaves at the end of the read.
func (c *conn) answer(t packet.Type, id packet.ID, code packet.ReasonCode) {
	c.loop.acks = packet.AppendAck(c.loop.acks, c.version, t, id, code)
	c.loop.n.controlOut++
}

// pumpLocked sends what the client's session has to send, as far as the window
// and the outbox allow. It is called when either may have got room: after
// CONNECT, after acknowledgements and when the outbox has drained.
func (l *loop) pumpLocked(cl *client, c *conn) {
	l.pumpBacklogLocked(cl, c)
	expired := cl.sess.Expired()
	for cl.maySendQueuedLocked(c) {
		before := cl.sess.Expired()
		d, ok := cl.sess.Next(l.now)
		l.ledger.nextLocked(l, cl, cl.sess.Expired()-before, &d, ok)
		if !ok {
			break
		}
		l.appendDelivery(cl, c, &d)
		if len(l.out) >= drainBatch {
			l.putOut(c)
		}
	}
	l.putOut(c)
	l.gate = 0
	l.n.dropped.Expired += uint64(cl.sess.Expired() - expired)
}

// putOut puts the packets that have been gathered in l.out.
func (l *loop) putOut(c *conn) {
	if len(l.out) > 0 {
		c.put(l, l.out)
		l.out = keep(l.out)
	}
}

// appendDelivery encodes one packet of the session to l.out.
func (l *loop) appendDelivery(cl *client, c *conn, d *session.Delivery) {
	if d.Release {
		l.out = packet.AppendAck(l.out, c.version, packet.PUBREL, d.ID, packet.Success)
		l.n.controlOut++
		return
	}
	if l.s.guarded && !d.Dup && !l.may(c, auth.Read, d.Msg.Topic) {
		l.n.dropped.NotAuthorized++ // Queued for a client that was away, before it was known who would come.
		forget(&cl.sess, d)
		l.ledger.doneLocked(cl, d.ID)
		return
	}
	p := l.outgoing(c.version, d.Msg, d.SubIDs)
	p.QoS, p.ID, p.Dup, p.Retain = d.QoS, d.ID, d.Dup, d.Retain
	if c.maxPacket != 0 && p.Size(c.version) > int(c.maxPacket) {
		l.n.dropped.TooLarge++
		forget(&cl.sess, d)
		l.ledger.doneLocked(cl, d.ID)
		return
	}
	l.n.delivered[d.QoS]++
	l.n.payloadOut[d.QoS] += uint64(len(d.Msg.Payload))
	l.appendPublish(c, &p, d.Msg)
}

// appendPublish gathers p in l.out, unless it is large: then its payload goes by
// reference, from m.
func (l *loop) appendPublish(c *conn, p *packet.Publish, m *session.Message) {
	if len(p.Payload) < byReference {
		l.out = p.Append(l.out, c.version)
		return
	}
	l.putOut(c)
	l.putPublish(c, p, m)
}

// forget completes an exchange as if the client had: what is larger than it
// takes is not sent, [v5 MQTT-3.1.2-25].
func forget(s *session.Session, d *session.Delivery) {
	if d.QoS == 1 {
		s.Puback(d.ID)
	} else {
		s.Pubrec(d.ID, packet.PacketTooLarge)
	}
}
