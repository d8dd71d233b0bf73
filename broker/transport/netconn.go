package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// smallBuffer is what a connection reads into that cannot say whether it is readable, bytes.
const smallBuffer = 4 << 10

// A netConn is the part of a Conn that stands on a net.Conn, of any kind. It has one goroutine, which reads, and takes
// the loop's turn to call the handler. Plain sockets are read into the loop's buffer, when they are readable, and hold none
// while they wait; others (TLS) hold a small one.
//
// Plain sockets are written by whoever flushes, as far as they take it. The rest, and all that goes to other
// kinds of net.Conn, is written by a goroutine that ends when there is nothing left: a slow peer blocks only that.
type netConn struct {
	// Immutable once the connection stands.
	nc       net.Conn
	raw      syscall.RawConn // nil: not a plain socket.
	tryWrite func(fd uintptr) bool
	tryRead  func(fd uintptr) bool

	cancel  context.CancelFunc // Ends dialling; nil when accepted.
	resumed chan struct{}      // Holds one: reading may go on.
	once    sync.Once
	hung    chan struct{} // Closed by hangup.
	last    net.Conn      // What to close then; set before.
	parts   bool          // And to do so by part; set before.

	// Owned by the flusher.
	rest    []byte
	written int
	err     error

	// Owned by the reader.
	fd int
}

func newNetConn(cancel context.CancelFunc) *netConn {
	return &netConn{cancel: cancel, resumed: make(chan struct{}, 1), hung: make(chan struct{})}
}

// stand is called on the loop when nc stands; false: too late, c has been closed.
func (l *Loop) stand(c *Conn, nc net.Conn) bool {
	c.mu.Lock()
	if c.state != connecting {
		c.mu.Unlock()
		nc.Close()
		return false
	}
	c.net.nc = nc
	c.net.bind(c)
	c.mu.Unlock()
	l.opened(c)
	return true
}

// bind finds out whether nc is a plain socket. Only these types are known to be: a wrapper that promotes SyscallConn
// must not have its bytes read from behind its back.
func (n *netConn) bind(c *Conn) {
	var sc syscall.Conn
	of := n.nc
	if p, ok := of.(*proxiedConn); ok {
		of = p.Conn
	}
	switch nc := of.(type) {
	case *net.TCPConn:
		sc = nc
	case *net.UnixConn:
		sc = nc
	}
	if sc == nil || !haveRaw {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	n.raw = raw
	n.tryWrite = func(fd uintptr) bool {
		n.written, n.err = sysWrite(int(fd), n.rest)
		return true // Whatever came of it: this never waits.
	}
	n.tryRead = func(fd uintptr) bool {
		n.fd = int(fd)
		return c.readable()
	}
}

// serve is the connection's goroutine.
func (c *Conn) serve() {
	var err error
	if c.net.raw != nil {
		err = c.net.raw.Read(c.net.tryRead)
	} else {
		err = c.readBlocking()
	}
	if err != nil {
		c.finish(ending{reason: err, found: true, now: true})
	}
	<-c.net.hung // Until then there may be something to flush.
	if c.net.parts {
		part(c.net.last, linger)
		return
	}
	c.net.last.Close()
}

// readable reads until there is nothing left; true: the connection is over. It is called by the runtime's poller, and its caller
// is never left in between: that would cost a reset of the poller for each read.
func (c *Conn) readable() (over bool) {
	l := c.loop
	for {
		l.take()
		o := l.receive(c, c.net)
		l.leave()
		switch o {
		case empty:
			return false
		case gone:
			return true
		case paused:
			<-c.net.resumed
		}
	}
}

// read is called under the reader's turn.
func (n *netConn) read(_ *Conn, b []byte) (int, error) { return sysRead(n.fd, b) }

// readBlocking reads a net.Conn of which nothing is known.
func (c *Conn) readBlocking() error {
	l, b := c.loop, make([]byte, smallBuffer)
	for {
		n, err := c.net.nc.Read(b)
		l.take()
		o := l.received(c, b[:n], err)
		l.leave()
		switch o {
		case gone:
			return nil
		case paused:
			<-c.net.resumed
		}
	}
}

// received presents what a blocking read has brought.
func (l *Loop) received(c *Conn, b []byte, err error) outcome {
	l.stats.Reads++
	l.stats.BytesIn += uint64(len(b))
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	if state != open {
		return gone
	}
	for len(b) > 0 {
		space, kept := l.space(c)
		n := copy(space[kept:], b)
		b = b[n:]
		l.present(c, space[:kept+n])
	}
	if err != nil {
		e := ending{reason: err, found: true, now: true}
		if errors.Is(err, io.EOF) {
			e.reason, e.now = io.EOF, false
		}
		c.finish(e)
		return gone
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full || c.paused {
		c.stalled = true
		return paused
	}
	return short
}

func (n *netConn) proceed() {
	select {
	case n.resumed <- struct{}{}:
	default:
	}
}

// write makes one non-blocking write, for the flusher. EAGAIN: only a goroutine can do it.
func (n *netConn) write(b *batch) (int, error) {
	if n.raw == nil || len(b.cuts) > 0 {
		return 0, errAgain
	}
	n.rest = b.rest()
	err := n.raw.Write(n.tryWrite)
	n.rest = nil
	if err != nil {
		return 0, err
	}
	return n.written, n.err
}

// drain is the goroutine that writes what could not be written without waiting. It has Conn.flushing.
func (c *Conn) drain() {
	l := c.loop
	defer l.loops.wg.Done()
	var s Stats
	c.mu.Lock()
	for !(c.state == closing && c.end.now) {
		b := c.out.next()
		if b == nil {
			break
		}
		c.mu.Unlock()
		n, err := c.net.writeAll(b)
		s.Writes++
		s.BytesOut += uint64(n)
		c.mu.Lock()
		b.sent += n
		c.out.size -= n
		if err != nil {
			c.breakLocked(err)
			break
		}
	}
	c.settle(&l.pool)
	l.count(s)
}

// writeAll writes what is left of b, and waits as long as that takes.
func (n *netConn) writeAll(b *batch) (int, error) {
	if len(b.cuts) == 0 {
		return n.nc.Write(b.rest())
	}
	bufs := net.Buffers(b.vectors(make([][]byte, 0, 2*len(b.cuts)+1)))
	m, err := bufs.WriteTo(n.nc)
	return int(m), err
}

// hangup ends everything that waits, and the reader then closes: to close here, in the loop's turn, could wait for the reader,
// which waits for the turn; and a TLS connection takes its time to say goodbye.
func (n *netConn) hangup(l *Loop, reset, parts bool) {
	n.once.Do(func() {
		if n.cancel != nil {
			n.cancel()
		}
		n.proceed()
		defer close(n.hung)
		if n.nc == nil {
			return
		}
		n.last, n.parts = n.nc, parts && !reset && !l.stopping
		under := bottom(n.nc)
		if t, ok := under.(*net.TCPConn); ok && reset {
			t.SetLinger(0)
			n.last = t // Without goodbye.
		}
		if n.raw != nil && !reset {
			n.raw.Control(discard)
		}
		if under.SetDeadline(time.Unix(1, 0)) != nil {
			l.loops.wg.Add(1)
			go func() { defer l.loops.wg.Done(); under.Close() }()
		}
	})
}

// discard reads what nobody wants any more, because closing would answer it with a RST; but no more than maxDrained, for
// the loop waits meanwhile, and the peer may send as fast as that.
func discard(fd uintptr) {
	var b [smallBuffer]byte
	for range maxDrained / smallBuffer {
		if n, err := sysRead(int(fd), b[:]); n < len(b) || err != nil {
			return
		}
	}
}

func (n *netConn) remoteAddr() net.Addr {
	if n.nc == nil {
		return nil
	}
	return n.nc.RemoteAddr()
}

func (n *netConn) localAddr() net.Addr {
	if n.nc == nil {
		return nil
	}
	return n.nc.LocalAddr()
}

// errAgain is EAGAIN as an error, made once: the conversion would allocate.
var errAgain error = syscall.EAGAIN

// acceptPause is the wait after EMFILE and its like.
const acceptPause = 100 * time.Millisecond

// Serve accepts from ln, whatever its connections are made of (TLS, WebSocket), with either driver, until ln or
// the loops are closed. It returns at once; ln belongs to the loops from here. The rest is as with Listen.
func (ls *Loops) Serve(ln net.Listener, accept func(l *Loop, remote net.Addr) Handler) error {
	if !ls.adopt(ln) || !ls.begin() {
		return net.ErrClosed
	}
	go func() {
		defer ls.wg.Done()
		defer ls.forget(ln)
		ls.acceptEach(ln, func(l *Loop, nc net.Conn) { l.welcome(nc, accept) })
	}()
	return nil
}

// acceptEach has welcome called for each connection, with the loop that it is for.
func (ls *Loops) acceptEach(ln net.Listener, welcome func(l *Loop, nc net.Conn)) {
	for {
		nc, err := ln.Accept()
		l := ls.pick()
		switch {
		case err == nil:
			l.count(Stats{Accepts: 1})
			welcome(l, nc)
		case errors.Is(err, net.ErrClosed) || !ls.open():
			return
		case permanent(err):
			l.count(Stats{AcceptErrors: 1})
			return
		default:
			l.count(Stats{AcceptErrors: 1})
			select {
			case <-ls.done:
				return
			case <-time.After(acceptPause):
			}
		}
	}
}

// permanent tells errors that a listener will not recover from, from those for want of descriptors and the like.
func permanent(err error) bool {
	var t interface{ Temporary() bool }
	return !errors.As(err, &t) || !t.Temporary()
}

func (l *Loop) welcome(nc net.Conn, accept acceptFunc) {
	if !l.loops.begin() {
		nc.Close()
		return
	}
	l.take()
	stands := l.welcomed(nc, accept)
	l.leave()
	if stands == nil {
		nc.Close()
		l.loops.wg.Done()
		return
	}
	go func() {
		defer l.loops.wg.Done()
		stands.serve()
	}()
}

// welcomed makes the connection; nil: it is refused.
func (l *Loop) welcomed(nc net.Conn, accept acceptFunc) *Conn {
	if l.stopping {
		return nil
	}
	h := accept(l, nc.RemoteAddr())
	if h == nil {
		return nil
	}
	c := &Conn{loop: l, h: h, fd: -1, net: newNetConn(nil)}
	l.enter(c)
	l.stand(c, nc)
	return c
}

// listenNet listens with package net. The file that a unix socket has left behind when its process was killed is
// removed, if nobody answers there.
func listenNet(network, address string) (net.Listener, error) {
	// No TCP keep-alive: the protocol above has its own, and setting it costs a call for each connection.
	lc := net.ListenConfig{KeepAlive: -1}
	ln, err := lc.Listen(context.Background(), network, address)
	if network != "unix" || !errors.Is(err, syscall.EADDRINUSE) {
		return ln, err
	}
	if nc, derr := net.Dial(network, address); derr == nil {
		nc.Close()
		return nil, err
	} else if !errors.Is(derr, syscall.ECONNREFUSED) {
		return nil, err
	}
	if os.Remove(address) != nil {
		return nil, err
	}
	return lc.Listen(context.Background(), network, address)
}
