package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	defaultHandshakes       = 4096
	defaultHandshakeTimeout = 10 * time.Second

	// defaultToleration is how long a client may keep an anteroom waiting that is full.
	defaultToleration = time.Second
	// evictEvery is how often a full anteroom looks for such clients.
	evictEvery = 20 * time.Millisecond
)

// An anteroom is where accepted connections are until their handshakes are done, each with a goroutine.
//
// Both the number of guests and their time are bounded. A bound alone would let a few thousand clients that never finish keep
// everybody out for as long as they are given; so when the room is full, those go that have let it wait for a second
// in all, and until there is room the others wait in the kernel's queue.
type anteroom struct {
	net.Listener // The socket.

	// Immutable.
	loops  *Loops
	accept acceptFunc
	shake  shake
	limit  int
	ctx    context.Context // Ends with the listener, and with it all handshakes.
	cancel context.CancelFunc
	left   chan struct{} // Holds a token when somebody has left.

	mu     sync.Mutex
	guests map[*guest]struct{} // Guarded by mu.
}

type guest struct {
	conn   *guardedConn
	cancel context.CancelCauseFunc
}

// errCrowded ends the handshake of a guest who had to make room.
var errCrowded = errors.New("the client took long, and others wanted its place")

func (ls *Loops) listenLayered(a address, accept acceptFunc) (net.Listener, error) {
	if a.secure() && ls.opts.ServerTLS == nil {
		return nil, fmt.Errorf("%s:// needs a certificate", a.scheme)
	}
	ln, err := listenNet(a.network, a.at)
	if err != nil {
		return nil, err
	}
	r := &anteroom{
		Listener: ln, loops: ls, accept: accept, limit: ls.opts.Handshakes,
		shake:  shake{a: a, tls: ls.opts.ServerTLS, server: true, timeout: ls.opts.HandshakeTimeout},
		left:   make(chan struct{}, 1),
		guests: map[*guest]struct{}{},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if !ls.adopt(r) || !ls.begin() {
		r.cancel()
		ln.Close()
		return nil, net.ErrClosed
	}
	go func() {
		defer ls.wg.Done()
		defer ls.forget(r)
		ls.acceptEach(ln, r.welcome)
	}()
	return r, nil
}

// Addr says the scheme, too.
func (r *anteroom) Addr() net.Addr {
	return listenerAddr{r.Listener.Addr(), r.shake.a.scheme, r.shake.a.path}
}

func (r *anteroom) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Net: r.shake.a.scheme, Addr: r.Addr(), Err: errors.ErrUnsupported}
}

// Close ends the handshakes, too.
func (r *anteroom) Close() error {
	r.cancel()
	return r.Listener.Close()
}

// welcome lets a connection in as soon as there is room. It is called by the goroutine that accepts.
func (r *anteroom) welcome(l *Loop, nc net.Conn) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	g := &guest{conn: &guardedConn{Conn: nc, gate: r.loops.gate}, cancel: cancel}
	if !r.enter(g) || !r.loops.begin() {
		cancel(nil)
		nc.Close()
		return
	}
	go func() {
		defer r.loops.wg.Done()
		defer cancel(nil)
		r.receive(ctx, l, g)
	}()
}

// receive is the guest's goroutine. It ends with the handshake: the connection gets a fresh one, whose stack has not
// grown.
func (r *anteroom) receive(ctx context.Context, l *Loop, g *guest) {
	nc, err := r.shake.do(ctx, g.conn)
	if err != nil {
		if context.Cause(ctx) == errCrowded {
			err = errCrowded
		}
		r.failed(l, g, err)
		part(g.conn, goodbye)
		r.leave(g)
		return
	}
	r.leave(g)
	l.welcome(nc, r.accept)
}

// failed reports a handshake, unless it is this side that ends, or the client had not said a word: those are port scans
// and health checks.
func (r *anteroom) failed(l *Loop, g *guest, err error) {
	l.count(Stats{HandshakeErrors: 1})
	silent := !g.conn.heard && errors.Is(err, io.EOF)
	if r.ctx.Err() != nil || silent || r.loops.opts.HandshakeFailed == nil {
		return
	}
	r.loops.opts.HandshakeFailed(g.conn.RemoteAddr(), err)
}

func (r *anteroom) enter(g *guest) bool {
	for !r.sitDown(g) {
		r.evict()
		select {
		case <-r.left:
		case <-time.After(evictEvery):
		case <-r.ctx.Done():
			return false
		}
	}
	return true
}

func (r *anteroom) sitDown(g *guest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.guests) >= r.limit {
		return false
	}
	r.guests[g] = struct{}{}
	return true
}

func (r *anteroom) leave(g *guest) {
	r.mu.Lock()
	delete(r.guests, g)
	r.mu.Unlock()
	select {
	case r.left <- struct{}{}:
	default:
	}
}

// evict has those go who let others wait.
func (r *anteroom) evict() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for g := range r.guests {
		if g.conn.delay() > int64(r.loops.opts.toleration) {
			g.cancel(errCrowded)
		}
	}
}
