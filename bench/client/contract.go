package client

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/scram"
)

// Options are those of one client.
type Options struct {
	URL                      string         // tcp, tls, ws or wss://host:port, with a path behind that for WebSockets; or unix:///path
	TLS                      *tls.Config    // For tls:// and wss://; not to be changed. nil: the system's roots are trusted. Best with its ServerName, or each connection copies it.
	ClientID                 string         // Empty with version 5: the server's choice, kept for all later connections.
	Version                  packet.Version // Default V311.
	CleanStart               bool           // 3.1.1: Clean Session.
	HasUsername, HasPassword bool
	SessionExpiry            uint32        // Version 5, seconds; for 3.1.1 CleanStart decides.
	KeepAlive                time.Duration // Rounded to seconds; default 60 s; negative: off.
	Username                 string
	Password                 string
	Window                   int           // QoS 1/2 messages in flight; default 20; bounded by the server's Receive Maximum.
	ConnectTimeout           time.Duration // From dialling to CONNACK; default 10 s.
	Local                    net.Addr      // Where to dial from; nil: the system's choice.
	Auth                     *scram.Client // Version 5: who the client is, by SCRAM-SHA-256; then Username and Password are not sent. nil: by those.
	Extra                    *Extra        // What few clients need; nil: none of it. Best shared by many.
}

// Extra are options that most clients leave alone. They are not changed once a client has them.
type Extra struct {
	Will    *Will
	Connect packet.Props // Version 5: further properties of the CONNECT, encoded; none of those that have an option of their own.
	// ReceiveMaximum, with version 5, is how many QoS 1 and 2 messages the server may have unacknowledged; 0: 65,535. A server that does not
	// keep to it has broken the protocol.
	ReceiveMaximum uint16
	// TopicAlias, with version 5, has PUBLISH carry a Topic Alias in place of a Topic Name that this connection has had already, as far as
	// the server's Topic Alias Maximum goes. TopicAliasMaximum is how many it may use towards this client.
	TopicAlias        bool
	TopicAliasMaximum uint16
	Header            http.Header // Further lines of the HTTP request that begins a WebSocket.
}

// A Will is what the server is to publish when the connection ends without a DISCONNECT.
type Will struct {
	Topic   string
	Payload []byte
	QoS     packet.QoS
	Retain  bool
	Props   packet.Props // Version 5, encoded.
}

// A Subscription is one of a SUBSCRIBE. The last three are version 5's.
type Subscription struct {
	Filter            string
	QoS               packet.QoS
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    uint8 // 0, 1 or 2.
}

// A Message is one PUBLISH to be made.
type Message struct {
	Topic   string
	Payload []byte // Lent.
	QoS     packet.QoS
	Retain  bool
	Token   uint64       // The caller's own; handed back with Acked and Recall.
	Sent    int64        // ns, transport.Clock: now. Handed back with Recall.
	ID      packet.ID    // Set by Publish: the Packet Identifier, if it has one and the engine knows it.
	Props   packet.Props // Version 5, encoded; no Topic Alias.
}

// A Reception is a PUBLISH that arrived.
type Reception struct {
	Topic   []byte       // Lent.
	Payload []byte       // Lent.
	Props   packet.Props // Lent. Version 5.
	QoS     packet.QoS
	Dup     bool
	Retain  bool
	ID      packet.ID
	// Again: a QoS 2 PUBLISH whose identifier had not been released. It is a resend on the wire that the
	// receiver must not, and did not, deliver to the application, [v5 MQTT-4.3.3-10].
	Again bool
	// InUse: the server had used the identifier in an exchange that is not over. It is the same message, or the server must not have used it.
	InUse bool
	Epoch uint32 // How many times this client had been connected before this connection.
	Now   int64  // ns, transport.Clock.
}

// Phase names an exchange whose time was taken.
type Phase uint8

const (
	ConnectTCP     Phase = iota // dial to connected
	ConnectMQTT                 // CONNECT to CONNACK
	SubscribeAck                // SUBSCRIBE to SUBACK
	UnsubscribeAck              // UNSUBSCRIBE to UNSUBACK
	PublishAck                  // PUBLISH to PUBACK
	PublishRec                  // PUBLISH to PUBREC
	ReleaseComp                 // PUBREL to PUBCOMP
	AuthContinue                // CONNECT to AUTH; ConnectMQTT goes on
	Phases
)

// An Observer hears what happens to a client, one call at a time, on its Group. Every method of every Client of the
// Group may be called from within.
type Observer interface {
	// Connected: CONNACK 0 has come; resends have been put on the wire before this call.
	Connected(sessionPresent bool, now int64)
	// Refused: the server said no (a CONNACK with a reason). Disconnected follows.
	Refused(reason packet.ReasonCode)
	// Subscribed: the SUBACK of a Subscribe, its codes lent.
	Subscribed(codes []packet.ReasonCode, now int64)
	// Unsubscribed: the UNSUBACK of an Unsubscribe.
	Unsubscribed(now int64)
	// Acked: a message's exchange is complete (PUBACK, or PUBCOMP), or was refused with a reason >= 0x80: by the
	// server, or by this client because the server had forbidden such messages in its CONNACK (any QoS then).
	Acked(token uint64, reason packet.ReasonCode, now int64)
	// Recall makes the message again that was published with a token at a time, byte for byte: it has to be sent once more. Who publishes
	// knows how its messages are made, and what an engine kept of them until they are acknowledged would be most of its memory. The message is lent until
	// the next call of a method of the client or the observer. An engine that keeps messages does not ask.
	Recall(token uint64, sent int64) *Message
	// Received: a PUBLISH has come. It is acknowledged after the return.
	Received(r *Reception)
	// Took: one exchange of a phase took d.
	Took(p Phase, d time.Duration)
	// Writable: after Publish had returned false, it may be called again.
	Writable()
	// Disconnected: the connection is over. err nil: this side closed it. The session (unacknowledged
	// messages, QoS 2 identifiers) is kept.
	Disconnected(err error, now int64)
}

// A Client is one MQTT client with its session. All methods are called on its Group.
type Client interface {
	// Connect opens a Network Connection and, once CONNACK says that a session is present, resends what is
	// owed: unacknowledged PUBLISH with DUP, PUBREL, original identifiers, original order. If the server has
	// lost the session, unacknowledged QoS 1/2 messages are published anew (new exchange, DUP 0), before any
	// new traffic, and incoming QoS 2 identifiers are forgotten. While connecting or connected it does
	// nothing; while closing, it takes effect after Disconnected.
	Connect()
	// Subscribe and Unsubscribe do nothing unless connected, and are not repeated after a connection is lost.
	Subscribe(filters []string, qos packet.QoS)
	// SubscribeTo is Subscribe with all that can be said; props are those of the SUBSCRIBE, for version 5.
	SubscribeTo(subs []Subscription, props packet.Props)
	Unsubscribe(filters []string)
	// Publish puts m on the wire now and reports false when it may not: not connected, window full (QoS 1/2),
	// resends still waiting for the server's Receive Maximum, or the outbox is full. Then nothing happened;
	// Writable follows.
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
	// New makes a client. Any goroutine may call it; the client's methods belong on the Group.
	New(o Options, obs Observer) Client
	// Post runs f on the group soon. Any goroutine may call it.
	Post(f func())
	// SetTimer: as transport.Loop.SetTimer. It is what paces publishing. nil ends it. Call it on the group.
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

// DefaultKeepAlive is that of Options.
const DefaultKeepAlive = 60 * time.Second

// withDefaults fills in what zero stands for.
func (o Options) withDefaults() Options {
	if o.Version == 0 {
		o.Version = packet.V311
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = DefaultKeepAlive
	}
	if o.Window <= 0 {
		o.Window = 20
	}
	o.Window = min(o.Window, maxInflight)
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	return o
}

// keepAliveSeconds is the Keep Alive of the CONNECT: 0 is off, and what is on is at least a second.
func (o *Options) keepAliveSeconds() uint16 {
	if o.KeepAlive < 0 {
		return 0
	}
	s := o.KeepAlive.Round(time.Second) / time.Second
	return uint16(min(max(s, 1), 65535))
}
