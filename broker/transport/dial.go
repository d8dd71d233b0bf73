package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// dialling is what is to be connected to.
type dialling struct {
	network, address string
	local            net.Addr // nil: the kernel chooses.
	timeout          time.Duration
	shake            shake // What comes before the protocol, unless shake.a.plain().
}

// defaultDialTimeout is used for a timeout that is not positive.
const defaultDialTimeout = 30 * time.Second

// Dial opens a connection to a URL, asynchronously; h is told by Opened or Closed, not before Dial has returned. local may be nil.
// What is put before Opened is sent then. Call it on the loop.
func (l *Loop) Dial(url string, local net.Addr, timeout time.Duration, h Handler) *Conn {
	return l.DialTLS(url, nil, local, timeout, h)
}

// DialTLS is Dial with a configuration of this connection's own; see Dialling.TLS.
func (l *Loop) DialTLS(url string, config *tls.Config, local net.Addr, timeout time.Duration, h Handler) *Conn {
	return l.DialWith(Dialling{URL: url, TLS: config, Local: local, Timeout: timeout}, h)
}

// A Dialling is a connection to be opened. Only the URL is needed.
type Dialling struct {
	URL     string
	TLS     *tls.Config // Must not change any more; nil: Options.ClientTLS. Without a ServerName it is copied, to have that of the URL.
	Local   net.Addr
	Timeout time.Duration
	Header  http.Header // Of the request that begins a WebSocket, besides what it must have. Host stands for that of the URL.
}

// DialWith is Dial with all that can be said.
func (l *Loop) DialWith(o Dialling, h Handler) *Conn {
	c := &Conn{loop: l, h: h, fd: -1}
	l.enter(c)
	l.stats.Dials++
	if o.Timeout <= 0 {
		o.Timeout = defaultDialTimeout
	}
	if o.TLS == nil {
		o.TLS = l.loops.opts.ClientTLS
	}
	a, err := parseURL(o.URL)
	d := dialling{a.network, a.at, o.Local, o.Timeout, shake{a: a, tls: o.TLS, timeout: o.Timeout, header: o.Header}}
	switch {
	case err != nil:
		c.failDial(err)
	case l.stopping:
		c.failDial(net.ErrClosed)
	case a.proxy:
		c.failDial(errDialProxy)
	case !a.plain():
		l.dialNet(c, d)
	default:
		l.drv.dial(l, c, d)
	}
	return c
}

// failDial ends a connection that never stood.
func (c *Conn) failDial(err error) {
	if !errors.Is(err, net.ErrClosed) {
		err = fmt.Errorf("transport: dial: %w", err)
	}
	c.finish(ending{reason: err, found: true, now: true})
}

// tardy is how much later than a handshake's own time its connection is given up: it can say better what was missing.
const tardy = 250 * time.Millisecond

// dialNet connects with package net on a goroutine, which then becomes the connection's reader.
func (l *Loop) dialNet(c *Conn, d dialling) {
	if !l.loops.begin() {
		c.failDial(net.ErrClosed)
		return
	}
	wait := d.timeout
	if !d.shake.a.plain() {
		wait += tardy
	}
	l.alarms.add(Clock()+int64(wait), c)
	ctx, cancel := context.WithCancel(context.Background())
	c.net = newNetConn(cancel)
	go func() {
		defer l.loops.wg.Done()
		defer cancel()
		nc, err := l.connect(ctx, d)
		l.take()
		if err != nil {
			c.failDial(err)
			l.leave()
			if nc != nil {
				part(nc, goodbye)
			}
			return
		}
		stands := l.stand(c, nc)
		l.leave()
		if stands {
			c.serve()
		}
	}()
}

// connect makes the connection, up to where its protocol begins. With an error there may be a nc, to be parted from.
func (l *Loop) connect(ctx context.Context, d dialling) (nc net.Conn, err error) {
	dialer := net.Dialer{LocalAddr: d.local, KeepAlive: -1}
	nc, err = dialer.DialContext(ctx, d.network, d.address)
	if err != nil || d.shake.a.plain() {
		return nc, err
	}
	g := &guardedConn{Conn: nc, gate: l.loops.gate}
	if nc, err = d.shake.do(ctx, g); err != nil {
		return g, err
	}
	return nc, nil
}
