// Package client is who carries out a plan: MQTT clients, thousands on a few event loops.
//
// A Group is a serial executor with clients on it. Clients are told what to do by method calls on
// their Group and report through their Observer, on their Group; nothing waits.
package client

import (
	"time"

	"mqttbench/broker/packet"
)

// Options are those of one client.
type Options struct {
	URL                      string // tcp://host:port or unix:///path
	ClientID                 string
	Version                  packet.Version // Default V311.
	CleanStart               bool           // 3.1.1: Clean Session.
	SessionExpiry            uint32         // Version 5, seconds; for 3.1.1 CleanStart decides.
	KeepAlive                time.Duration  // Rounded to seconds; default 60 s.
	Username                 string
	Password                 string
	HasUsername, HasPassword bool
	Window                   int           // QoS 1/2 messages in flight; default 20; bounded by the server's Receive Maximum.
	ConnectTimeout           time.Duration // From dialling to CONNACK; default 10 s.
}

// A Message is one PUBLISH to be made.
type Message struct {
	Topic   string
	Payload []byte // Lent: copied if it must be kept.
	QoS     packet.QoS
	Retain  bool
	Token   uint64 // The caller's own; handed back with Acked.
}

// A Reception is a PUBLISH that arrived.
type Reception struct {
	Topic   []byte // Lent.
	Payload []byte // Lent.
	QoS     packet.QoS
	Dup     bool
	Retain  bool
	ID      packet.ID
	// Again: a QoS 2 PUBLISH whose identifier had not been released. It is a resend on the wire that the
	// receiver must not, and did not, deliver to the application, [v5 MQTT-4.3.3-10].
	Again bool
	Epoch uint32 // How many times this client had been connected before this connection.
	Now   int64  // ns, transport.Clock.
}

// Phase names an exchange whose time was taken.
type Phase uint8

const (
	ConnectTCP   Phase = iota // dial to connected
	ConnectMQTT               // CONNECT to CONNACK
	SubscribeAck              // SUBSCRIBE to SUBACK
	PublishAck                // PUBLISH to PUBACK
	PublishRec                // PUBLISH to PUBREC
	ReleaseComp               // PUBREL to PUBCOMP
	Phases
)

// An Observer hears what happens to a client, one call at a time, on its Group.
type Observer interface {
	// Connected: CONNACK 0 has come; resends have been put on the wire before this call.
	Connected(sessionPresent bool, now int64)
	// Refused: the server said no (a CONNACK with a reason). Disconnected follows.
	Refused(reason packet.ReasonCode)
	// Subscribed: the SUBACK of a Subscribe, its codes lent.
	Subscribed(codes []packet.ReasonCode, now int64)
	// Acked: a message's exchange is complete (PUBACK, or PUBCOMP), or was refused with a reason >= 0x80.
	Acked(token uint64, reason packet.ReasonCode, now int64)
	// Received: a PUBLISH has come.
	Received(r *Reception)
	// Took: one exchange of a phase took d.
	Took(p Phase, d time.Duration)
	// Writable: after Publish had returned false, it may be called again.
	Writable()
	// Disconnected: the connection is over. err nil: this side closed it. The session (unacknowledged messages, QoS 2 identifiers) is kept.
	Disconnected(err error, now int64)
}

// A Client is one MQTT client with its session. All methods are called on its Group.
type Client interface {
	// Connect opens a Network Connection and, once CONNACK says that a session is present, resends what is owed: unacknowledged PUBLISH with DUP, PUBREL,
	// original identifiers, original order. If the server has lost the session, unacknowledged QoS 1/2 messages are published anew (new exchange, DUP 0), before
	// any new traffic, and incoming QoS 2 identifiers are forgotten.
	Connect()
	Subscribe(filters []string, qos packet.QoS)
	Unsubscribe(filters []string)
	// Publish puts m on the wire now and reports false when it may not: not connected, window full (QoS 1/2), or
	// the outbox is full. Then nothing happened; Writable follows.
	Publish(m *Message) bool
	// Disconnect sends DISCONNECT and closes. Cut closes with a TCP RST, saying nothing.
	Disconnect()
	Cut()
	// Inflight is the number of QoS 1/2 messages sent and not complete.
	Inflight() int
	// Pending is the number of bytes not yet taken by the kernel.
	Pending() int
}

// A Group is a serial executor that owns clients.
type Group interface {
	New(o Options, obs Observer) Client
	// Post runs f on the group soon.
	Post(f func())
	// SetTimer: as transport.Loop.SetTimer. It is what paces publishing.
	SetTimer(f func(now int64) (next int64))
	// Now is transport.Clock at the start of this turn.
	Now() int64
}

// An Engine is a set of groups.
type Engine interface {
	Groups() []Group
	// Close drops all connections and ends the groups.
	Close() error
}

// NewNative makes the native engine: groups event loops.
func NewNative(groups int, precise bool) (Engine, error) { panic("todo") }
