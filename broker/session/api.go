// Package session keeps what a client has been promised: the messages in flight to it,
// the messages queued for it, and the QoS 2 messages of its own that are not complete.
//
// It is pure: it starts no goroutine, reads no clock, opens no socket and stores nothing.
// Times come in as nanoseconds. Nothing here is safe for concurrent use; the
// server holds the session's lock.
package session

import "mqttbench/broker/packet"

// A Message is one Application Message, shared by all sessions it is promised to, and
// counted, so that its memory is used again. All fields are immutable while it is held.
type Message struct {
	Topic   []byte
	Props   packet.Props // What is forwarded: without Topic Alias, Message Expiry Interval, Subscription Identifier.
	Payload []byte
	QoS     packet.QoS // As published.
	Expires int64      // When it expires, ns; 0: never.
}

// NewMessage copies its arguments into a pooled message with one reference.
func NewMessage(topic []byte, props packet.Props, payload []byte, qos packet.QoS, expires int64) *Message {
	panic("todo")
}
func (m *Message) Hold()    { panic("todo") }
func (m *Message) Release() { panic("todo") }

// Size is what the message counts in limits, bytes.
func (m *Message) Size() int { panic("todo") }

// Limits bound one session. Zero fields mean the defaults.
type Limits struct {
	MaxQueued      int // Messages waiting or in flight; default 100,000.
	MaxQueuedBytes int // Their bytes; default 64 MiB.
	MaxInflight    int // Messages in flight; default 65535; the client's Receive Maximum bounds it further.
}

// A Delivery is one PUBLISH (or, when Release is set, one PUBREL) to be sent to the client.
type Delivery struct {
	Msg     *Message // Held by the session until it is acknowledged; nil when Release is set.
	ID      packet.ID
	QoS     packet.QoS // 1 or 2
	Dup     bool
	Retain  bool
	Release bool
	SubIDs  []uint32
}

// A Session is the state of [v5 4.1]: outgoing and incoming exchanges, in two independent spaces of
// Packet Identifiers. Its subscriptions are kept by the server.
type Session struct{}

// Init makes a zero Session ready.
func (s *Session) Init(l Limits) { panic("todo") }

// Verdict is what became of an offered message.
type Verdict uint8

const (
	Send   Verdict = iota // In flight now: send what was returned.
	Queued                // Kept, in order, behind others or until the client comes back.
	Full                  // Refused: the session's limits are reached. Nothing was kept.
)

// Offer promises a QoS 1 or 2 message to the client. It takes a reference of its own unless it returns Full. A message
// goes in flight directly only when the session is online, nothing is queued before it and the window is open.
// room false means that the connection cannot take more bytes now: the message is queued.
func (s *Session) Offer(m *Message, qos packet.QoS, retain bool, subIDs []uint32, room bool) (Delivery, Verdict) {
	panic("todo")
}

// Next takes the next queued message in flight, if the window allows. Messages expired at now are dropped and counted.
func (s *Session) Next(now int64) (Delivery, bool) { panic("todo") }

// Puback, Pubrec and Pubcomp take the client's acknowledgements. known is false when no such exchange is
// in the state that the packet belongs to (answer a PUBREC then with PUBREL 0x92). A PUBREC with a reason >= 0x80 ends the exchange;
// otherwise release is true and a PUBREL is owed (also for a repeated PUBREC).
func (s *Session) Puback(id packet.ID) (known bool)                                    { panic("todo") }
func (s *Session) Pubrec(id packet.ID, reason packet.ReasonCode) (known, release bool) { panic("todo") }
func (s *Session) Pubcomp(id packet.ID) (known bool)                                   { panic("todo") }

// Online begins a Network Connection: the window is the client's Receive Maximum, fresh. All exchanges in
// flight are to be sent again: call Resend until it returns false, then Next until it returns false.
func (s *Session) Online(receiveMaximum int) { panic("todo") }

// Resend yields, in original order and with original identifiers, each unacknowledged PUBLISH with DUP and each owed PUBREL.
// While Resend has more to yield, Offer queues and Next yields nothing.
func (s *Session) Resend(now int64) (Delivery, bool) { panic("todo") }

// Offline ends the Network Connection; everything is kept.
func (s *Session) Offline() { panic("todo") }

// Receive takes an incoming QoS 2 PUBLISH; first is false for one whose identifier is in use (a resend: answer PUBREC, deliver nothing).
func (s *Session) Receive(id packet.ID) (first bool) { panic("todo") }

// Forget takes back a Receive whose message was refused (PUBREC >= 0x80).
func (s *Session) Forget(id packet.ID) { panic("todo") }

// Release takes an incoming PUBREL; known is false for an identifier not in use (PUBCOMP 0x92 in version 5, plain PUBCOMP in 3.1.1).
func (s *Session) Release(id packet.ID) (known bool) { panic("todo") }

// Inflight, Queued and Incoming count: sent and unacknowledged, waiting, and QoS 2 messages received but not released.
func (s *Session) Inflight() int { panic("todo") }
func (s *Session) Queued() int   { panic("todo") }
func (s *Session) Incoming() int { panic("todo") }

// Clear ends the session: everything is released. It is as after Init.
func (s *Session) Clear() { panic("todo") }
