package session

import "mqttbench/broker/packet"

// A Session is the state of [v5 4.1]: outgoing and incoming exchanges, in two
// independent spaces of Packet Identifiers. Its subscriptions are kept by the server.
//
// Without traffic it is the struct and nothing else: 96 bytes.
type Session struct {
	flight   ring      // Sent, and not complete. Entry 0 is not done; holes may follow.
	waiting  *ring     // Not sent, and without a Packet Identifier. Nil until it is needed.
	lists    *subLists // Nil while no entry has several Subscription Identifiers.
	incoming *idSet    // QoS 2 messages received and not released. Nil until there was one.

	bytes    int // What the entries' messages count.
	maxBytes int

	maxQueued   uint32
	expired     uint32
	maxInflight uint16
	window      uint16    // Exchanges that may be open on this Network Connection.
	open        uint16    // Entries with the live flag. Above window only by PUBREL packets sent again.
	holes       uint16    // Entries of flight that are done.
	cursor      uint16    // While resuming: entries of flight before it have been sent again, or need not.
	base        packet.ID // The identifier of flight's entry 0, or of the next one if there is none.
	phase       phase
}

type phase uint8

const (
	offline  phase = iota
	resuming       // Something in flight has not been sent again yet.
	online
)

// Init makes a zero Session ready.
func (s *Session) Init(l Limits) {
	l = l.WithDefaults()
	*s = Session{
		maxQueued:   uint32(l.MaxQueued),
		maxBytes:    l.MaxQueuedBytes,
		maxInflight: uint16(l.MaxInflight),
		base:        1,
	}
}

// Online begins a Network Connection: the window is the client's Receive Maximum,
// fresh, [v5 MQTT-4.9.0-1] (0, for a client that has none, means 65535). All exchanges
// in flight are to be sent again: call Resend until it returns false, then Next until
// it returns false.
func (s *Session) Online(receiveMaximum int) {
	if receiveMaximum <= 0 {
		receiveMaximum = maxSpan
	}
	s.window = uint16(min(receiveMaximum, int(s.maxInflight)))
	s.open, s.cursor = 0, 0
	for i := range s.flight.n {
		s.flight.at(i).flags &^= live
	}
	s.phase = resuming
	s.skip()
}

// Offline ends the Network Connection; everything is kept.
func (s *Session) Offline() { s.phase = offline }

// Clear ends the session: everything is released. It is as after Init.
func (s *Session) Clear() {
	s.drop(&s.flight)
	if s.waiting != nil {
		s.drop(s.waiting)
	}
	if s.incoming != nil {
		s.incoming.clear()
	}
	s.Init(Limits{
		MaxQueued:      int(s.maxQueued),
		MaxQueuedBytes: s.maxBytes,
		MaxInflight:    int(s.maxInflight),
	})
}

func (s *Session) drop(r *ring) {
	for i := range r.n {
		s.letGo(r.at(i))
	}
	r.cut(0)
}

// Inflight, Queued and Incoming count: sent and unacknowledged, waiting, and QoS 2
// messages received but not released.
func (s *Session) Inflight() int { return int(s.flight.n) - int(s.holes) }

func (s *Session) Queued() int {
	if s.waiting == nil {
		return 0
	}
	return int(s.waiting.n)
}

func (s *Session) Incoming() int {
	if s.incoming == nil {
		return 0
	}
	return s.incoming.len()
}

// Empty reports whether the session holds nothing at all.
func (s *Session) Empty() bool {
	return s.flight.n == 0 && s.Queued() == 0 && s.Incoming() == 0
}

// Bytes is what counts against Limits.MaxQueuedBytes now.
func (s *Session) Bytes() int { return s.bytes }

// Expired counts the messages dropped because they expired before they were sent,
// modulo 2^32.
func (s *Session) Expired() uint32 { return s.expired }
