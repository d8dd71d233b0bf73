package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
	"mqttbench/broker/transport"
)

// Options of New. The zero value is a broker for one machine: it listens on the
// loopback interface, lets everybody in, and offers all of MQTT 3.1, 3.1.1 and 5.0.
type Options struct {
	// Listen holds the URLs to accept on, as in tcp://127.0.0.1:1883; port 0
	// takes a free one. There are tcp, tls, ws, wss and unix: see transport.Loops.Listen.
	// Default: tcp://127.0.0.1:1883.
	Listen []string

	TLS *tls.Config // For tls:// and wss:// in Listen, which need it.

	Driver transport.Driver // Default: the platform's best.
	Loops  int              // Default: the transport's.
	Outbox int              // Where a connection's outbox counts as full, bytes. Default: 1 MiB.

	// MaxPacket is the largest packet accepted from a client, bytes; it is the
	// Maximum Packet Size of CONNACK. Default: 16 MiB.
	MaxPacket int

	SessionLimits session.Limits // Of each session. Zero fields: its defaults.

	// ReceiveMaximum is how many QoS 1 and 2 messages one client may have
	// unacknowledged towards the broker. Default: 65535.
	ReceiveMaximum uint16

	// TopicAliasMaximum is the highest Topic Alias a client may use. Default 64;
	// negative: none.
	TopicAliasMaximum int

	// TopicAliasesOut is how many Topic Aliases the broker sets at a client that takes as many. Default 16, at most 64;
	// negative: none.
	TopicAliasesOut int

	// KeepAliveMax is the longest Keep Alive granted, rounded down to seconds. A
	// version 5 client that asks for more, or for none, is told this one; earlier
	// versions have no word for it and keep what they asked for. Default 0: whatever
	// they ask.
	KeepAliveMax time.Duration

	// SessionExpiryMax is the longest Session Expiry Interval granted, rounded
	// down to seconds. It holds for the persistent sessions of 3.1.1, too, which
	// otherwise last for ever. Default 0: whatever they ask.
	SessionExpiryMax time.Duration

	ConnectTimeout time.Duration // From accepting a connection to its CONNECT. Default: 10 s.

	MaxClients int // Network Connections that may be past CONNECT at a time. Default 0: no limit.

	// The following limit what clients may have the broker keep. Negative: no limit.
	MaxSessions      int // Sessions, connected or not. Default: 1,000,000.
	MaxSubscriptions int // Topic Filters of one client. Default: 10,000.
	MaxFilterBytes   int // Bytes of the Topic Filters of one client, an allowance for their index included. Default: 4 MiB.
	MaxTopicLevels   int // Levels of a Topic Name or Topic Filter. Default: 128.
	MaxRetained      int // Retained messages. Default: 1,000,000.
	MaxRetainedBytes int // Bytes of retained messages, an allowance for their index included. Default: 1 GiB.

	// ConnectRate is how many CONNECTs are accepted in a second, all clients together;
	// after a pause, so many at once. Default 0: no limit.
	ConnectRate int

	// NoRetain: retained messages are not offered, and CONNACK says so, [v5 3.2.2.3.5].
	// Earlier versions have no word for it: what they publish is not retained.
	NoRetain bool

	// CheckPayload refuses messages and Will Messages whose Payload Format Indicator says
	// UTF-8 and whose payload is not, with Payload format invalid, [v5 3.3.2.3.2]; those of QoS 0 are
	// dropped. Default: payloads are not looked at.
	CheckPayload bool

	// SysInterval is how often the $SYS topics are published, a whole number of
	// seconds. Default 0: never. Nobody else may publish to $SYS/, either way.
	SysInterval time.Duration

	// Version is what $SYS/broker/version says. Default: "mqttbroker".
	Version string

	// DataDir is where sessions, what they were promised, and retained messages are kept, so that
	// they survive the end of the process, however it comes. Default "": nothing is kept.
	DataDir string

	// Sync is what an acknowledgement from a broker with a DataDir survives. Default: store.Fsync.
	Sync store.Sync

	// MinFree is how many bytes of the disk of DataDir are to stay free: while there are fewer, messages of QoS 1
	// and 2, and those to be retained, are refused. 0: 256 MiB, or a tenth of the file system if that is less;
	// negative: they are taken until the disk is full, and then the broker ends.
	MinFree int

	// AcceptLoss opens a DataDir although acknowledged messages are missing from its end,
	// as when the machine went down under store.OS.
	AcceptLoss bool

	// ResponseInformation is given to clients that request it, [v5 3.2.2.3.15].
	// Default: none.
	ResponseInformation string

	free func() (free, total uint64, err error) // For tests that fill a disk; nil: the file system is asked.

	Logger *slog.Logger // Default: discards.

	// Authenticate decides on a CONNECT, on the loop of the connection: it must
	// not wait. Anything but Success is what CONNACK says. password is lent; clientID
	// is empty for a client that wants to be given one. Default: all may enter.
	Authenticate func(clientID, username string, password []byte) packet.ReasonCode

	// Guard has the password file and the ACL file. With the first, clients with a User Name need its password, and users of that
	// kind have SCRAM-SHA-256; with the second, clients may only what it grants. Default: neither.
	Guard *auth.Guard

	// Anonymous says who may come without a User Name that has been checked, a certificate that stands for one, or an
	// Authentication Method. With Authenticate that is not asked. Default: AnonymousLocal.
	Anonymous Anonymous

	// CertIdentity takes the User Name from the certificate of the client, on listeners with TLS. Who
	// shows none is refused there. Default: auth.CertNone.
	CertIdentity auth.CertIdentity

	Methods []auth.Method // Of enhanced authentication, beside SCRAM-SHA-256. Default: none.

	// AuthWorkers is how many goroutines check passwords. Default: half the processors, at least one.
	AuthWorkers int

	// AuthQueue is how many passwords may wait to be checked, and how many enhanced authentications may be
	// under way: further clients are refused. Default: 1024.
	AuthQueue int

	// AllowPublish and AllowSubscribe decide on one Topic Name or Topic Filter
	// (lent), on a loop: they must not wait. A Will Message is asked about when it is
	// published. Default: all is allowed.
	AllowPublish   func(clientID string, name []byte) bool
	AllowSubscribe func(clientID string, filter []byte) bool
}

const (
	defaultListen         = "tcp://127.0.0.1:1883"
	defaultOutbox         = 1 << 20
	defaultMaxPacket      = 16 << 20
	defaultTopicAliases   = 64
	defaultAliasesOut     = 16
	defaultConnectTimeout = 10 * time.Second

	defaultMaxSessions      = 1_000_000
	defaultMaxSubscriptions = 10_000
	defaultMaxFilterBytes   = 4 << 20
	defaultMaxTopicLevels   = 128
	defaultMaxRetained      = 1_000_000
	defaultMaxRetainedBytes = 1 << 30
	defaultVersion          = "mqttbroker"

	// largestMaxPacket leaves room for what is added to a message on its way out:
	// the properties of version 5, and a Subscription Identifier for each subscription.
	largestMaxPacket = packet.MaxSize - 1<<20

	// smallestMaxPacket leaves room for a CONNECT of ordinary length.
	smallestMaxPacket = 128
)

// withDefaults fills in what is zero. All contradictions come joined in one error.
func (o Options) withDefaults() (Options, error) {
	if len(o.Listen) == 0 {
		o.Listen = []string{defaultListen}
	}
	if o.ReceiveMaximum == 0 {
		o.ReceiveMaximum = math.MaxUint16
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	orDefault(&o.Outbox, defaultOutbox)
	orDefault(&o.MaxPacket, defaultMaxPacket)
	orDefault(&o.TopicAliasMaximum, defaultTopicAliases)
	orDefault(&o.TopicAliasesOut, defaultAliasesOut)
	orDefault(&o.ConnectTimeout, defaultConnectTimeout)
	orDefault(&o.MaxSessions, defaultMaxSessions)
	orDefault(&o.MaxSubscriptions, defaultMaxSubscriptions)
	orDefault(&o.MaxFilterBytes, defaultMaxFilterBytes)
	orDefault(&o.MaxTopicLevels, defaultMaxTopicLevels)
	orDefault(&o.MaxRetained, defaultMaxRetained)
	orDefault(&o.MaxRetainedBytes, defaultMaxRetainedBytes)
	orDefault(&o.Version, defaultVersion)
	orDefault(&o.AuthQueue, auth.DefaultJobs)
	o.TopicAliasMaximum = max(o.TopicAliasMaximum, 0)
	err := o.check()
	o.SessionLimits = o.SessionLimits.WithDefaults()
	return o, err
}

// Defaults are the options that the zero value stands for.
func Defaults() Options {
	o, err := Options{}.withDefaults()
	if err != nil {
		panic(err)
	}
	return o
}

func orDefault[T int | time.Duration | string](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (o *Options) check() error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(o.Loops < 0, "loops: %d is negative", o.Loops)
	refuse(o.Outbox < 0, "outbox: %d bytes is negative", o.Outbox)
	refuse(o.MaxPacket < smallestMaxPacket || o.MaxPacket > largestMaxPacket,
		"maximum packet size: %d is not within %d and %d bytes", o.MaxPacket, smallestMaxPacket, largestMaxPacket)
	refuse(o.TopicAliasesOut > maxNaming, "topic aliases out: %d is more than %d", o.TopicAliasesOut, maxNaming)
	refuse(o.TopicAliasMaximum > math.MaxUint16,
		"topic alias maximum: %d is more than %d", o.TopicAliasMaximum, math.MaxUint16)
	refuse(o.KeepAliveMax != 0 && (o.KeepAliveMax < time.Second || o.KeepAliveMax > math.MaxUint16*time.Second),
		"keep alive maximum: %v is not within 1s and %d s", o.KeepAliveMax, math.MaxUint16)
	refuse(o.SessionExpiryMax < 0 || o.SessionExpiryMax >= math.MaxUint32*time.Second,
		"session expiry maximum: %v cannot be said in MQTT", o.SessionExpiryMax)
	refuse(o.ConnectTimeout < time.Millisecond || o.ConnectTimeout > 24*time.Hour,
		"connect timeout: %v is not within 1ms and a day", o.ConnectTimeout)
	refuse(o.MaxClients < 0, "clients: %d is negative", o.MaxClients)
	refuse(o.DataDir == "" && (o.Sync != 0 || o.AcceptLoss || o.MinFree != 0),
		"a level of sync, the acceptance of a loss, or room to be left on the disk, without a data directory")
	refuse(o.AuthWorkers < 0 || o.AuthQueue < 0, "workers %d or queue %d of authentication are negative", o.AuthWorkers, o.AuthQueue)
	refuse(o.Authenticate != nil && o.Guard.Passwords() != nil, "a password file beside a function that checks passwords")
	refuse(o.Anonymous > AnonymousNever, "unknown Anonymous %d", o.Anonymous)
	refuse(o.ConnectRate < 0, "connect rate: %d is negative", o.ConnectRate)
	refuse(o.SysInterval < 0 || o.SysInterval%time.Second != 0,
		"interval of $SYS: %v is not a whole number of seconds", o.SysInterval)
	l := o.SessionLimits
	refuse(l.MaxQueued < 0 || l.MaxQueuedBytes < 0 || l.MaxInflight < 0,
		"session limits: %+v has negative ones", l)
	return errors.Join(errs...)
}
