package session

import (
	"iter"

	"mqttbench/broker/packet"
)

// Promises yields every outgoing promise in order, for whoever stores sessions: those
// in flight, with Release set when only a PUBREL is owed, and then those that wait,
// whose ID is 0. What is yielded is lent until the loop goes on. The session must not
// change meanwhile.
func (s *Session) Promises() iter.Seq[Delivery] {
	return func(yield func(Delivery) bool) {
		for i := range s.flight.n {
			e := s.flight.at(i)
			d := s.delivery(i, e)
			d.Release = e.state == released
			if e.state != done && !yield(d) {
				return
			}
		}
		for i := range uint32(s.Queued()) {
			d := s.delivery(0, s.waiting.at(i))
			d.ID = 0
			if !yield(d) {
				return
			}
		}
	}
}

// Restore takes a promise over from a session that was stored. It is called on a
// session that was never online, for each promise in the order of Promises; it takes a
// reference to the message, and asks no limits, for the promise has been made. It
// returns false, and keeps nothing, if no session can have yielded d there: the store
// is damaged.
func (s *Session) Restore(d Delivery) bool {
	if !d.possible() {
		return false
	}
	if d.ID == 0 {
		s.restore(s.wait(), d)
		return true
	}
	if s.flight.n == 0 {
		s.base = d.ID
	}
	i := s.place(d.ID)
	if i < s.flight.n || s.Queued() > 0 {
		return false
	}
	for s.flight.n < i { // What was complete, out of order.
		s.flight.push().state = done
		s.holes++
	}
	e := s.flight.push()
	e.state = published
	if d.Release {
		e.state = released
	}
	s.restore(e, d)
	return true
}

// possible reports whether a session can have yielded d.
func (d *Delivery) possible() bool {
	if d.Release {
		return d.Msg == nil && d.QoS == 2 && d.ID != 0
	}
	return d.Msg != nil && (d.QoS == 1 || d.QoS == 2)
}

func (s *Session) restore(e *entry, d Delivery) {
	e.qos = d.QoS
	if d.Retain {
		e.flags = retain
	}
	if d.Msg == nil {
		return
	}
	d.Msg.Hold()
	e.msg = d.Msg
	if len(d.SubIDs) > 0 {
		s.setSubIDs(e, d.SubIDs)
	}
	s.bytes += charge(d.Msg, d.SubIDs)
}

// ReceivedIDs yields the identifiers of incoming QoS 2 messages that are not released,
// in ascending order. A restored session takes them with Receive.
func (s *Session) ReceivedIDs() iter.Seq[packet.ID] {
	return func(yield func(packet.ID) bool) {
		if s.incoming != nil {
			s.incoming.all(yield)
		}
	}
}
