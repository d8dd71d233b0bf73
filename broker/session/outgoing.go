package session

import "mqttbench/broker/packet"

// A Delivery is one PUBLISH (or, when Release is set, one PUBREL) to be sent to the
// client. Its slices are lent until the next call on the session.
type Delivery struct {
	Msg     *Message // Held by the session until it is acknowledged; nil when Release is set.
	ID      packet.ID
	QoS     packet.QoS // 1 or 2
	Dup     bool
	Retain  bool
	Release bool
	SubIDs  []uint32
}

// Verdict is what became of an offered message.
type Verdict uint8

const (
	Send   Verdict = iota // In flight now: send what was returned.
	Queued                // Kept, in order, behind others or until the client comes back.
	Full                  // Refused: the session's limits are reached. Nothing was kept.
)

// Offer promises a QoS 1 or 2 message to the client. It takes a reference of its own
// unless it returns Full, and copies subIDs. A message goes in flight directly only
// when the session is online, nothing is queued before it and the window is open. room
// false means that the connection cannot take more bytes now: the message is queued.
func (s *Session) Offer(m *Message, qos packet.QoS, retained bool, subIDs []uint32, room bool) (Delivery, Verdict) {
	if qos != 1 && qos != 2 {
		panic("session: only QoS 1 and 2 are promised")
	}
	if s.Inflight()+s.Queued() >= int(s.maxQueued) || charge(m, subIDs) > s.maxBytes-s.bytes {
		return Delivery{}, Full
	}
	direct := room && s.mayPublish() && s.Queued() == 0
	var e *entry
	if direct {
		e = s.flight.push()
	} else {
		e = s.wait()
	}
	m.Hold()
	e.msg, e.qos = m, qos
	if retained {
		e.flags = retain
	}
	if len(subIDs) > 0 {
		s.setSubIDs(e, subIDs)
	}
	s.bytes += charge(m, subIDs)
	if direct {
		return s.sent(e), Send
	}
	return Delivery{}, Queued
}

// wait appends to the queue of those that are not in flight.
func (s *Session) wait() *entry {
	if s.waiting == nil {
		s.waiting = new(ring)
	}
	return s.waiting.push()
}

// mayPublish reports whether a message that was not sent before may be sent now.
func (s *Session) mayPublish() bool {
	return s.phase == online && s.open < s.window && s.flight.n < maxSpan
}

// sent begins the exchange of the newest entry of flight; mayPublish has said that it
// may.
func (s *Session) sent(e *entry) Delivery {
	e.state = published
	e.flags |= live
	s.open++
	return s.delivery(s.flight.n-1, e)
}

// delivery is what is sent for entry i of flight, the first time.
func (s *Session) delivery(i uint32, e *entry) Delivery {
	return Delivery{
		Msg:    e.msg,
		ID:     s.id(i),
		QoS:    e.qos,
		Retain: e.flags&retain != 0,
		SubIDs: s.subIDs(e),
	}
}

// Next takes the next queued message in flight, if the window allows. Messages expired
// at now are dropped and counted, [v5 MQTT-3.3.2-5]. While a resume is not finished
// Next carries it on, as Resend does: nothing overtakes.
func (s *Session) Next(now int64) (Delivery, bool) {
	if s.phase == resuming {
		if d, ok := s.Resend(now); ok {
			return d, true
		}
	}
	s.Expire(now)
	if s.Queued() == 0 || !s.mayPublish() {
		return Delivery{}, false
	}
	e := *s.waiting.at(0)
	s.waiting.pop()
	p := s.flight.push()
	*p = e
	return s.sent(p), true
}

// Expire drops and counts the waiting messages that have expired at now, from the oldest on up to one that
// has not: those behind it cost a full session room until their turn comes, but nobody has to look for them.
func (s *Session) Expire(now int64) (dropped int) {
	for s.Queued() > 0 && s.waiting.at(0).expired(now) {
		s.letGo(s.waiting.at(0))
		s.waiting.pop()
		dropped++
	}
	s.expired += uint32(dropped)
	return dropped
}

// expired reports whether a waiting message is not worth sending any more. In flight
// this is not asked: an exchange that has begun is finished, [v5 MQTT-4.3.3-7].
func (e *entry) expired(now int64) bool {
	return e.msg.Expires != 0 && now >= e.msg.Expires
}

// Resend yields, in original order and with original identifiers, each unacknowledged
// PUBLISH with DUP and each owed PUBREL. It returns false when all have been sent, or
// at a PUBLISH for which the window has no room until something is acknowledged. Only
// then do messages leave that were not sent before. The time is not looked at: what
// was sent once does not expire.
func (s *Session) Resend(now int64) (Delivery, bool) {
	if s.phase != resuming {
		return Delivery{}, false
	}
	i := uint32(s.cursor)
	e := s.flight.at(i)
	if e.state == published && s.open >= s.window {
		return Delivery{}, false
	}
	e.flags |= live
	s.open++
	s.cursor++
	s.skip()
	if e.state == released {
		return Delivery{ID: s.id(i), QoS: e.qos, Release: true}, true
	}
	d := s.delivery(i, e)
	d.Dup = true // [v5 MQTT-3.3.1-1]
	return d, true
}

// skip moves the cursor over what need not be sent again: holes, and exchanges that
// the client has moved on by itself since it is back. At the end the resume is over.
func (s *Session) skip() {
	for ; uint32(s.cursor) < s.flight.n; s.cursor++ {
		if e := s.flight.at(uint32(s.cursor)); e.state != done && e.flags&live == 0 {
			return
		}
	}
	s.phase = online
}

// place is where in flight identifier id belongs.
func (s *Session) place(id packet.ID) uint32 {
	i := uint32(id) - uint32(s.base)
	if id < s.base {
		i += maxSpan // There is no identifier 0: 1 follows 65535.
	}
	return i
}

// id is the Packet Identifier of entry i of flight.
func (s *Session) id(i uint32) packet.ID {
	n := uint32(s.base) + i
	if n > maxSpan {
		n -= maxSpan
	}
	return packet.ID(n)
}

// letGo releases what an entry holds.
func (s *Session) letGo(e *entry) {
	if e.msg == nil {
		return
	}
	s.bytes -= charge(e.msg, s.subIDs(e))
	if e.flags&subList != 0 {
		s.lists.drop(e.subID[0])
		if s.lists.spent() {
			s.lists = nil
		}
	}
	e.flags &^= subList | oneSubID
	e.msg.Release()
	e.msg = nil
}
