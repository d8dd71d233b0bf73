package journal

import (
	"fmt"
	"slices"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// Recovered is the state of a broker as its journal has it.
type Recovered struct {
	Sessions []*Session // In the order of their numbers.
	Retained []*session.Message
	Messages map[MessageID]*Shared // Those that promises refer to.
	Orphans  []MessageID           // Nothing refers to them: to be deleted.

	// The least numbers that are free, and were never used.
	NextSession SessionID
	NextMessage MessageID
}

// A Shared is a message and how many promises refer to it.
type Shared struct {
	Message *session.Message // Held by the sessions.
	Refs    int
}

// A Session is everything of one session. Times are still wall time.
type Session struct {
	ID            SessionID
	ClientID      string
	Expiry        uint32
	Since         int64 // When its last connection ended, at the latest when the broker did; never 0.
	WasConnected  bool  // Since is when the broker was started again, and is to be stored.
	Subscriptions []Subscription
	Will          *Will
	State         session.Session
	Places        []Place // One for each of State.Promises, in order.
}

// NextPosition is the least position that is free.
func (s *Session) NextPosition() Position {
	if len(s.Places) == 0 {
		return 1
	}
	return s.Places[len(s.Places)-1].At + 1
}

// A Place says where in the journal a promise stands.
type Place struct {
	At       Position
	Message  MessageID // 0: it has its message to itself.
	Progress Progress
}

// A DamageError is a record that cannot be, or not beside the others: a mistake in this program, or in
// what it is given to read, for the store has checked every byte.
type DamageError struct {
	Key  []byte
	Text string
}

func (e *DamageError) Error() string { return fmt.Sprintf("journal: record %q: %s", e.Key, e.Text) }

// A Recovery takes the records of a journal in the order of their keys.
type Recovery struct {
	// Immutable
	limits session.Limits
	wall   int64 // Now, wall time.
	shift  int64 // From wall time to the server's clock, ns.

	out     Recovered
	shared  map[MessageID]*sharedState
	current *Session
	last    []byte // The previous key.
	pending pending
	promise Promise // Used again.
}

type sharedState struct {
	Shared
	targets uint64
}

// pending is a promise whose records have not all been seen.
type pending struct {
	at   Position // 0: there is none.
	d    session.Delivery
	id   MessageID
	step Progress
	own  bool     // d.Msg is ours to let go of.
	subs []uint32 // Behind d.SubIDs.
}

// NewRecovery begins one. wall is the time, ns since 1970, and clock the same instant on the clock by
// which messages of the sessions expire. Sessions keep what they were promised, whatever the limits
// are now.
func NewRecovery(limits session.Limits, wall, clock int64) *Recovery {
	return &Recovery{
		limits: limits,
		wall:   wall,
		shift:  clock - wall,
		out:    Recovered{Messages: map[MessageID]*Shared{}, NextSession: 1, NextMessage: 1},
		shared: map[MessageID]*sharedState{},
	}
}

// Add takes the next record. It copies what it keeps.
func (r *Recovery) Add(key, value []byte) error {
	if err := r.add(key, value); err != "" {
		return &DamageError{append([]byte(nil), key...), err}
	}
	return nil
}

// add returns what is wrong.
func (r *Recovery) add(key, value []byte) string {
	if len(key) == 0 || string(key) <= string(r.last) {
		return "not in order"
	}
	r.last = append(r.last[:0], key...)
	k, v := cursor{b: key[1:]}, cursor{b: value}
	var wrong string
	switch key[0] {
	case reserveKey:
		r.reserve(&k, &v)
	case messageKey:
		wrong = r.message(&k, &v)
	case retainedKey:
		r.retained(&k, &v)
	case sessionKey:
		wrong = r.session(&k, &v)
	default:
		return "of no known kind"
	}
	switch {
	case wrong != "":
		return wrong
	case k.bad:
		return "the key is malformed"
	case v.bad:
		return "the value is malformed"
	}
	return ""
}

func (r *Recovery) reserve(k, v *cursor) {
	k.end()
	r.out.NextSession, r.out.NextMessage = SessionID(v.uint64()), MessageID(v.uint64())
	v.end()
	v.check(r.out.NextSession != 0 && r.out.NextMessage != 0)
}

// message expects a number below the reserve: the first thing that was not free.
func (r *Recovery) message(k, v *cursor) string {
	id := MessageID(k.uint64())
	k.end()
	k.check(id != 0)
	targets := v.uvarint(1 << 32)
	var m Message
	v.message(&m)
	if k.bad || v.bad {
		return ""
	}
	r.shared[id] = &sharedState{Shared{Message: r.make(&m)}, targets}
	if id >= r.out.NextMessage {
		return "the number was not reserved"
	}
	return ""
}

// make copies a message for the server. It is held once.
func (r *Recovery) make(m *Message) *session.Message {
	return session.NewMessage(m.Topic, m.Props, m.Payload, m.QoS, r.at(m.Expires))
}

// at translates wall time to the server's clock; 0 stays 0, and nothing else becomes 0.
func (r *Recovery) at(wall int64) int64 {
	if wall == 0 {
		return 0
	}
	if t := wall + r.shift; t != 0 {
		return t
	}
	return -1
}

func (r *Recovery) retained(k, v *cursor) {
	topic := k.rest()
	k.check(len(topic) > 0)
	var m Message
	v.message(&m)
	v.check(len(m.Topic) == 0)
	if !k.bad && !v.bad {
		m.Topic = topic
		r.out.Retained = append(r.out.Retained, r.make(&m))
	}
}

func (r *Recovery) session(k, v *cursor) string {
	id := SessionID(k.uint64())
	part := k.byte(0xFF)
	k.check(id != 0)
	if k.bad {
		return ""
	}
	if r.current == nil || r.current.ID != id {
		if wrong := r.endSession(); wrong != "" {
			return wrong
		}
		if part != headPart {
			return "of a session without a head"
		}
		r.current = &Session{ID: id}
		r.current.State.Init(r.limits)
		if id >= r.out.NextSession {
			return "the number was not reserved"
		}
	}
	switch part {
	case headPart:
		r.head(k, v)
	case filterPart:
		r.subscription(k, v)
	case receivedPart:
		r.received(k, v)
	case willPart:
		r.will(k, v)
	case promisePart:
		return r.promised(k, v)
	default:
		k.check(false)
	}
	return ""
}

func (r *Recovery) head(k, v *cursor) {
	k.end()
	var h Head
	v.head(&h)
	s := r.current
	s.ClientID, s.Expiry, s.Since = string(h.ClientID), h.Expiry, h.Since
	if s.Since == 0 {
		// Its connection ended when the broker was killed. Nobody knows when that was, and a client has not
		// stayed away while there was nothing to come back to.
		s.Since, s.WasConnected = r.wall, true
	}
}

func (r *Recovery) subscription(k, v *cursor) {
	s := Subscription{Filter: append([]byte(nil), k.rest()...)}
	k.check(len(s.Filter) > 0)
	v.subscription(&s)
	r.current.Subscriptions = append(r.current.Subscriptions, s)
}

func (r *Recovery) received(k, v *cursor) {
	id := k.uint16()
	k.check(id != 0)
	k.end()
	v.end()
	if !k.bad {
		r.current.State.Receive(packet.ID(id))
	}
}

func (r *Recovery) will(k, v *cursor) {
	k.end()
	w := new(Will)
	// It is kept, and v is not.
	v.b = append([]byte(nil), v.b...)
	v.will(w)
	r.current.Will = w
}

// promised takes one of the records of a promise.
func (r *Recovery) promised(k, v *cursor) string {
	at := Position(k.uint64())
	state := k.byte(0xFF)
	k.end()
	k.check(at != 0 && state <= released)
	if k.bad {
		return ""
	}
	if at != r.pending.at {
		if wrong := r.endPromise(); wrong != "" {
			return wrong
		}
	}
	p := &r.pending
	fresh := p.at == 0
	p.at, p.step = at, Progress(state)
	if state == promised {
		return r.offer(p, v)
	}
	p.d.ID = packet.ID(v.uint16())
	v.check(p.d.ID != 0)
	v.end()
	if fresh == (state == sent) {
		return "the records of this promise do not belong together"
	}
	if state == released {
		p.d.QoS, p.d.Release = 2, true
	}
	return ""
}

// offer takes the message of a promise.
func (r *Recovery) offer(p *pending, v *cursor) string {
	in := &r.promise
	if v.promise(in); v.bad {
		return ""
	}
	p.subs = append(p.subs[:0], in.SubIDs...)
	p.d = session.Delivery{QoS: in.QoS, Retain: in.Retain, SubIDs: p.subs}
	p.id = in.ID
	if in.ID == 0 {
		p.d.Msg, p.own = r.make(&in.Message), true
		return ""
	}
	sh := r.shared[in.ID]
	if sh == nil {
		return fmt.Sprintf("message %d is missing", in.ID)
	}
	sh.Refs++
	if uint64(sh.Refs) > sh.targets {
		return fmt.Sprintf("message %d was promised %d times, not more", in.ID, sh.targets)
	}
	p.d.Msg = sh.Message
	return ""
}

// endPromise gives the session the promise whose records have all been seen.
func (r *Recovery) endPromise() string {
	p := &r.pending
	if p.at == 0 {
		return ""
	}
	ok := r.current.State.Restore(p.d)
	r.current.Places = append(r.current.Places, Place{p.at, p.id, p.step})
	at, id := p.at, p.d.ID
	if p.own {
		p.d.Msg.Release()
	}
	*p = pending{subs: p.subs}
	if !ok {
		return fmt.Sprintf("the promise before, at %d with Packet Identifier %d, does not follow those before it", at, id)
	}
	return ""
}

func (r *Recovery) endSession() string {
	if r.current == nil {
		return ""
	}
	wrong := r.endPromise()
	r.out.Sessions = append(r.out.Sessions, r.current)
	r.current = nil
	return wrong
}

// Finish returns the state. The Recovery is over.
func (r *Recovery) Finish() (*Recovered, error) {
	if wrong := r.endSession(); wrong != "" {
		return nil, &DamageError{r.last, wrong}
	}
	for id, sh := range r.shared {
		if sh.Refs == 0 {
			r.out.Orphans = append(r.out.Orphans, id)
		} else {
			r.out.Messages[id] = &sh.Shared
		}
		sh.Message.Release()
	}
	slices.Sort(r.out.Orphans)
	r.shared = nil
	return &r.out, nil
}
