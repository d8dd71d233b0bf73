package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"time"
)

// A Handler is the protocol of one connection. Its methods are called one at a time, on the connection's Loop.
type Handler interface {
	// Opened is called once, first, when the connection stands (accepted, or dialled).
	Opened(c *Conn)
	// Receive is handed all bytes that have arrived and were not consumed, lent until it returns, and
	// returns how many it consumed. What is left is presented again with more behind it. An error closes the connection
	// after what was put is flushed (best effort).
	Receive(b []byte) (n int, err error)
	// Drained is called when the outbox has become empty after Put had returned false.
	Drained()
	// Closed is called once, last, also when dialling failed (then Opened was not called). err is nil after Close by this side, io.EOF
	// when the peer closed, else what went wrong.
	Closed(err error)
}

// Ref is a counted owner of bytes. Release may be called on any goroutine, and must not call into this package.
type Ref interface {
	Hold()
	Release()
}

// Driver chooses how sockets are served.
type Driver uint8

const (
	Auto      Driver = iota // Epoll where it exists, else Goroutine.
	Epoll                   // Linux: own epoll loops, non-blocking sockets.
	Goroutine               // Everywhere: a goroutine per connection on net.Conn.
)

func (d Driver) String() string {
	switch d {
	case Epoll:
		return "epoll"
	case Goroutine:
		return "goroutine"
	}
	return "auto"
}

// Options of New. The zero value works.
type Options struct {
	Loops      int // Default: max(1, GOMAXPROCS/2).
	Driver     Driver
	Outbox     int  // High-water mark of one connection's outbox, bytes; default 1 MiB.
	ReadBuffer int  // One for each loop, bytes; default 512 KiB.
	Precise    bool // The loop's turns are timed to about 60 µs instead of 1 ms (epoll: a locked thread in epoll_pwait2), for pacing. Ignored by Goroutine.
	Spin       bool // The loops never sleep: each keeps a CPU busy, and nobody pays for waking it. For measuring a peer at its limit. Implies Precise.

	ServerTLS *tls.Config // For listeners of tls:// and wss://, which need it.
	ClientTLS *tls.Config // For Dial of tls:// and wss://; nil: verified by the system's roots. Without a ServerName it is the URL's host.

	Handshakes       int           // TLS, WebSocket and PROXY protocol handshakes of one listener at a time; default 4096.
	HandshakeTimeout time.Duration // Of each of them; default 10 s. (When dialling, the timeout of Dial includes it.)
	// HandshakeFailed, if not nil, is told why a client that had said something came to nothing. Any goroutine calls it.
	HandshakeFailed func(remote net.Addr, err error)

	toleration time.Duration // Of clients in the way of others; shorter in tests only.
}

const (
	defaultOutbox     = 1 << 20
	defaultReadBuffer = 512 << 10 // A message of 256 KiB is collected in it without being copied; small ones touch no more of it than they fill.
	minReadBuffer     = 512
)

func (o Options) withDefaults() (Options, error) {
	var errs []error
	if o.Loops < 0 || o.Outbox < 0 || o.ReadBuffer < 0 {
		errs = append(errs, errors.New("transport: Loops, Outbox and ReadBuffer must not be negative"))
	}
	if o.ReadBuffer > 0 && o.ReadBuffer < minReadBuffer {
		errs = append(errs, errors.New("transport: ReadBuffer must be 512 bytes or more"))
	}
	if o.Driver > Goroutine {
		errs = append(errs, errors.New("transport: unknown Driver"))
	}
	if o.Loops == 0 {
		o.Loops = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Driver == Auto {
		o.Driver = Goroutine
		if haveEpoll {
			o.Driver = Epoll
		}
	}
	if o.Outbox == 0 {
		o.Outbox = defaultOutbox
	}
	if o.ReadBuffer == 0 {
		o.ReadBuffer = defaultReadBuffer
	}
	if o.Handshakes < 0 || o.HandshakeTimeout < 0 {
		errs = append(errs, errors.New("transport: Handshakes and HandshakeTimeout must not be negative"))
	}
	if o.Handshakes == 0 {
		o.Handshakes = defaultHandshakes
	}
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = defaultHandshakeTimeout
	}
	if o.toleration == 0 {
		o.toleration = defaultToleration
	}
	if o.ClientTLS == nil {
		o.ClientTLS = &tls.Config{}
	}
	return o, errors.Join(errs...)
}
