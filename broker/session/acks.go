package session

import "mqttbench/broker/packet"

// Puback, Pubrec and Pubcomp take the client's acknowledgements. known is false when
// no such exchange is in the state that the packet belongs to (answer a PUBREC then
// with PUBREL 0x92). A PUBREC with a reason >= 0x80 ends the exchange; otherwise
// release is true and a PUBREL is owed (also for a repeated PUBREC).
//
// When one of them has made room, Next has something to send.
func (s *Session) Puback(id packet.ID) (known bool) {
	i, e := s.find(id)
	if e == nil || e.qos != 1 {
		return false
	}
	s.finish(i, e)
	return true
}

func (s *Session) Pubrec(id packet.ID, reason packet.ReasonCode) (known, release bool) {
	i, e := s.find(id)
	switch {
	case e == nil || e.qos != 2:
		return false, false
	case reason >= 0x80:
		s.finish(i, e)
		return true, false
	}
	s.letGo(e)
	e.state = released
	s.enliven(e)
	return true, true
}

func (s *Session) Pubcomp(id packet.ID) (known bool) {
	i, e := s.find(id)
	if e == nil || e.state != released {
		return false
	}
	s.finish(i, e)
	return true
}

// enliven counts an exchange whose PUBREL answers a PUBREC that came before the resume
// reached it. Otherwise the resume would send the PUBREL twice.
func (s *Session) enliven(e *entry) {
	if e.flags&live == 0 {
		e.flags |= live
		s.open++
		if s.phase == resuming {
			s.skip()
		}
	}
}

// find returns the exchange in flight with an identifier, and its place, or nil.
func (s *Session) find(id packet.ID) (uint32, *entry) {
	i := s.place(id)
	if id == 0 || i >= s.flight.n {
		return 0, nil
	}
	e := s.flight.at(i)
	if e.state == done {
		return 0, nil
	}
	return i, e
}

// finish ends the exchange at place i of flight.
func (s *Session) finish(i uint32, e *entry) {
	s.letGo(e)
	if e.flags&live != 0 {
		s.open--
	}
	e.state = done
	s.holes++
	if i == 0 {
		s.closeHoles()
	}
	if s.phase == resuming {
		s.skip()
	}
}

// closeHoles moves the front of flight to the oldest exchange that is not complete.
func (s *Session) closeHoles() {
	for s.flight.n > 0 && s.flight.at(0).state == done {
		s.flight.pop()
		s.holes--
		s.base = s.id(1)
		if s.cursor > 0 {
			s.cursor--
		}
	}
}
