package plan

// A Message is one message that the plan wants sent.
type Message struct {
	Pub int
	Seq uint32
	Due int64 // ns since the start of publishing.
}

// A Schedule hands out the messages of a set of publishers in the order in which they are due.
//
// No message is ever skipped. A publisher that cannot send (not connected, window full) is taken out with
// Block; its messages go on falling due and keep their due times. When it can send again, whoever runs the schedule
// sends what Late gives until Late gives nothing more: by then the publisher has caught up and is back in
// the schedule. One turn of a pacer:
//
//	for {
//		m, ok := s.Peek(now)
//		if !ok {
//			return m.Due // when to look again
//		}
//		if send(m) {
//			s.Pop()
//		} else {
//			s.Block(m.Pub)
//		}
//	}
//
// and when publisher pub is writable again:
//
//	for {
//		m, ok := s.Late(pub, now)
//		if !ok {
//			return // caught up, and no longer blocked
//		}
//		if !send(m) {
//			return // still blocked
//		}
//		s.PopLate(pub)
//	}
//
// A Schedule is owned by one group. Its methods allocate nothing.
type Schedule struct{ plan *Plan }

// NewSchedule makes the schedule of some publishers of a valid plan with a Rate, not Closed. pubs is copied.
func NewSchedule(p *Plan, pubs []int) *Schedule { panic("todo") }

// Peek returns the earliest message that is due by now, of the publishers that are not blocked.
// If there is none, ok is false and m.Due is when to ask again: no later than the next due time,
// math.MaxInt64 if nothing more will fall due. now must not go backwards.
func (s *Schedule) Peek(now int64) (m Message, ok bool) { panic("todo") }

// Pop: the message that Peek returned has been sent.
func (s *Schedule) Pop() { panic("todo") }

// Block takes a publisher out: Peek returns it no more. The message that Peek returned, if it was
// this publisher's, stays to be sent. Blocking twice is blocking once.
func (s *Schedule) Block(pub int) { panic("todo") }

// Blocked reports whether a publisher is blocked.
func (s *Schedule) Blocked(pub int) bool { panic("todo") }

// Late returns the next message of a blocked publisher if it is due by now. ok false: there is
// none, and the publisher is in the schedule again. Of a publisher that is not blocked, none.
func (s *Schedule) Late(pub int, now int64) (m Message, ok bool) { panic("todo") }

// PopLate: the message that Late returned has been sent.
func (s *Schedule) PopLate(pub int) { panic("todo") }

// Unsent is how many messages that are due by now have not been popped: the backlog of the blocked
// publishers. After the end of the plan it is how many were missed. It costs a pass over the blocked publishers.
func (s *Schedule) Unsent(now int64) int64 { panic("todo") }
