package transport

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// goodbye is how long it may take to tell the peer that this is the end.
	goodbye = 100 * time.Millisecond
	// maxDrained is how much of what nobody wants any more is read before closing, bytes.
	maxDrained = 64 << 10
)

// A gate lets so many handshakes compute at a time. A thousand that are runnable at once would each get a slice of the
// processors, and the loops would wait for a thousand slices until their next turn.
type gate chan struct{}

func newGate() gate { return make(gate, max(1, runtime.GOMAXPROCS(0)/2)) }

func (g gate) enter() { g <- struct{}{} }
func (g gate) leave() { <-g }

// A guardedConn is a socket during its handshake, and after it. Whoever waits for the peer is not in the gate, so that
// peers who never answer hold up nobody.
type guardedConn struct {
	net.Conn
	gate   gate         // nil: the handshake is over. Set before anybody else knows of the connection.
	awaits atomic.Int64 // Since when the peer is being waited for, Clock; 0: it is not.
	waited atomic.Int64 // For how long it has been before, ns.
	heard  bool         // It has sent something. Owned by the handshake.
}

func (c *guardedConn) NetConn() net.Conn { return c.Conn }

func (c *guardedConn) Read(b []byte) (int, error) {
	if c.gate == nil {
		return c.Conn.Read(b)
	}
	c.pause()
	defer c.proceed()
	n, err := c.Conn.Read(b)
	c.heard = c.heard || n > 0
	return n, err
}

func (c *guardedConn) Write(b []byte) (int, error) {
	if c.gate == nil {
		return c.Conn.Write(b)
	}
	c.pause()
	defer c.proceed()
	return c.Conn.Write(b)
}

func (c *guardedConn) pause() {
	c.awaits.Store(Clock())
	c.gate.leave()
}

func (c *guardedConn) proceed() {
	c.waited.Add(Clock() - c.awaits.Swap(0))
	c.gate.enter()
}

// delay is how long the peer has let this side wait in all, ns; 0: now it is this side's turn. Any goroutine may ask.
func (c *guardedConn) delay() int64 {
	since := c.awaits.Load()
	if since == 0 {
		return 0
	}
	return c.waited.Load() + Clock() - since
}

// SetWriteDeadline is what crypto/tls calls before it says goodbye, and grants that five seconds, which the end of a
// program would have to wait for.
func (c *guardedConn) SetWriteDeadline(t time.Time) error {
	if latest := time.Now().Add(goodbye); c.gate == nil && t.After(latest) {
		t = latest
	}
	return c.Conn.SetWriteDeadline(t)
}

// A tlsConn is a tls.Conn that closes politely.
type tlsConn struct {
	*tls.Conn
}

func (c tlsConn) Close() error { return part(c.Conn, goodbye) }

// bottom is the socket under all layers.
func bottom(nc net.Conn) net.Conn {
	for {
		w, ok := nc.(interface{ NetConn() net.Conn })
		if !ok {
			return nc
		}
		nc = w.NetConn()
	}
}

// part closes in such a way that the peer can read what it was told last: closing a socket that has unread bytes resets
// the connection, and the peer may lose the alert, or the CONNACK, that says why. It waits for the peer to end, but no longer than wait.
func part(nc net.Conn, wait time.Duration) error {
	defer nc.Close()
	if w, ok := nc.(interface{ CloseWrite() error }); ok {
		w.CloseWrite()
	}
	under := bottom(nc)
	t, ok := under.(*net.TCPConn)
	if !ok {
		return nil
	}
	t.CloseWrite()
	t.SetReadDeadline(time.Now().Add(wait))
	io.CopyN(io.Discard, onlyReader{t}, maxDrained)
	return nil
}

// onlyReader keeps io.Copy from splicing, for which there would be one more pipe.
type onlyReader struct{ io.Reader }

// A shake is one handshake: what is spoken on a before MQTT, from this side.
type shake struct {
	a       address
	tls     *tls.Config
	server  bool
	timeout time.Duration
	header  http.Header // Of a client's request, further ones.
}

// do makes the layers on nc. It takes its time, and belongs on a goroutine of its own. When ctx ends, so does it.
// On an error nc is still to be parted from.
func (s *shake) do(ctx context.Context, g *guardedConn) (nc net.Conn, err error) {
	socket := g.Conn
	socket.SetDeadline(time.Now().Add(s.timeout))
	stop := context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	g.gate.enter()
	nc, err = s.layers(g)
	g.gate.leave()
	if !stop() {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	g.gate = nil
	return nc, socket.SetDeadline(time.Time{})
}

func (s *shake) layers(g *guardedConn) (nc net.Conn, err error) {
	nc = g
	if s.a.proxy {
		remote, err := readProxy(g)
		if err != nil {
			return nil, err
		}
		if remote != nil {
			g.Conn = &proxiedConn{g.Conn, remote}
		}
		if !s.a.secure() && !s.a.webSocket() {
			return g.Conn, nil // Nothing is in the way of reading the socket itself.
		}
	}
	if s.a.secure() {
		if nc, err = s.secure(nc); err != nil {
			return nil, err
		}
	}
	if s.a.webSocket() {
		return s.upgrade(nc)
	}
	return nc, nil
}

func (s *shake) secure(nc net.Conn) (net.Conn, error) {
	if s.server {
		c := tls.Server(nc, s.tls)
		if err := c.Handshake(); err != nil {
			return nil, s.clientFault(c, err)
		}
		return tlsConn{c}, nil
	}
	config := s.tls
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = s.a.host()
	}
	c := tls.Client(nc, config)
	if err := c.Handshake(); err != nil {
		return nil, s.serverFault(err)
	}
	return tlsConn{c}, nil
}
