package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Conn is one connection.
//
// Any loop may put bytes into it, and flushes at the end of its turn what it has put: handing the bytes to the
// connection's own loop was measured at 1.3 times the cost. Only one flushes at a time, so that order is kept; a second
// leaves its bytes to the first, which looks again after its write. What the socket does not take waits until the own
// loop sees it writable.
//
// An idle connection is this struct and no buffer.
type Conn struct {
	// Immutable.
	loop *Loop
	h    Handler

	// Owned by the loop.
	in      *buffer // What the handler left unconsumed; nil: nothing.
	slot    int32
	alarmAt int32 // One more than the place in Loop.alarms; 0: not there.
	hup     bool  // The socket's end has been announced: read until it is found.
	stalled bool  // There may be something to read, but the outbox is full, or the user has paused it.
	queued  bool  // On Loop.readable.

	mu sync.Mutex

	// Guarded by mu. A flusher keeps using fd, net and out.flight without the lock while flushing is set.
	fd       int32 // -1: none, or one of net.
	peer4    addr4 // The peer's address, if it is IPv4.
	state    state
	dirty    bool            // On the dirty list of some loop.
	pressing bool            // On the pressing list of some loop.
	flushing bool            // Someone is writing.
	blocked  bool            // The socket was full: wait until it is writable.
	again    bool            // It became writable while someone was writing.
	full     bool            // Put has returned false, and the outbox has not been empty since.
	paused   bool            // The user wants nothing to be read.
	drained  bool            // Drained is owed.
	broken   bool            // Writing has failed. Nothing is put any more, but there may be something to read.
	parts    bool            // The peer is to have time to read what was put last: see LastWords.
	out      *outbox         // nil: nothing waits.
	net      *netConn        // nil: the socket is fd, and epoll's.
	end      *ending         // nil until something went wrong or someone closed.
	peer     *netip.AddrPort // The peer's address, if it is IPv6; else nil.
}

// An addr4 is an IPv4 address and port; port 0: none. In a Conn because a netip.AddrPort is five times the size.
type addr4 struct {
	ip   [4]byte
	port uint16
}

// state is where a connection is in its life; it only goes forward.
type state uint8

const (
	connecting state = iota
	open
	closing // Nothing is received or put any more; what was put is still flushed.
	closed
)

// An ending is why and how a connection ends. Guarded by Conn.mu.
type ending struct {
	reason   error
	write    error // What writing failed with.
	found    bool  // This package found the reason; else the user gave it.
	reset    bool  // End with a RST.
	now      bool  // Do not flush.
	lingered bool  // The time to flush has been set.
}

// cause is the reason, seen together with what writing failed with: a socket tells of its error only once, and if
// the write was told of a reset, the read sees a mere end of file.
func (e *ending) cause() error {
	if e.found && e.write != nil && (e.reason == nil || e.reason == io.EOF && !errors.Is(e.write, syscall.EPIPE)) {
		return e.write
	}
	return e.reason
}

// linger is how long a closed connection may take to write what was put; lingerStop when the whole loop ends.
const (
	linger     = time.Second
	lingerStop = 100 * time.Millisecond
)

// maxWrites is how many times a turn writes to one connection before it sees to the others.
const maxWrites = 4

// Put appends p to the outbox. It never waits and never fails; after the connection is closed it does nothing and returns false. It may be
// called from any loop, which names itself by l: that loop flushes the connection at the end of its turn. more is false
// when the outbox has reached its high-water mark: the caller should stop sending what it can keep elsewhere
// until Drained. While its own outbox is over the mark, a connection is not read.
func (c *Conn) Put(l *Loop, p []byte) (more bool) {
	c.mu.Lock()
	if !c.takesLocked() {
		c.mu.Unlock()
		return false
	}
	if c.out == nil {
		c.out = l.pool.getBox()
	}
	c.out.pending.append(&l.pool, p)
	l.copied(len(p))
	return c.putLocked(l, len(p))
}

// PutParts is Put of head followed by body. A body of 8 KiB or more is not copied: Hold is called and the body must stay unchanged until
// Release is called. (A shared payload that goes to many connections.) A nil r: the body is always copied.
func (c *Conn) PutParts(l *Loop, head, body []byte, r Ref) (more bool) {
	c.mu.Lock()
	if !c.takesLocked() {
		c.mu.Unlock()
		return false
	}
	if c.out == nil {
		c.out = l.pool.getBox()
	}
	c.out.pending.append(&l.pool, head)
	l.copied(len(head))
	if r == nil || len(body) < byReference {
		c.out.pending.append(&l.pool, body)
		l.copied(len(body))
	} else {
		c.out.pending.refer(&l.pool, body, r)
	}
	return c.putLocked(l, len(head)+len(body))
}

// copied notes what a put has copied.
func (l *Loop) copied(n int) {
	l.held += n
	l.stats.BytesCopied += uint64(n)
}

func (c *Conn) takesLocked() bool { return c.state <= open && !c.broken }

// putLocked accounts for n bytes put by l, and unlocks.
func (c *Conn) putLocked(l *Loop, n int) (more bool) {
	c.out.size += n
	if c.out.size >= c.loop.loops.opts.Outbox {
		c.full = true
	}
	more = !c.full
	mark := !c.dirty && !c.blocked && c.state == open
	if mark {
		c.dirty = true
	}
	press := !c.pressing && !c.blocked && c.out.size >= c.loop.loops.pressing
	if press {
		c.pressing = true
	}
	c.mu.Unlock()
	if mark {
		l.dirty = append(l.dirty, c)
	}
	if press {
		l.pressing = append(l.pressing, c)
	}
	return more
}

// Pending is the number of bytes put and not yet taken by the kernel.
func (c *Conn) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return 0
	}
	return c.out.size
}

// Close flushes (best effort, without waiting longer than a second) and closes; Reset closes at once with a TCP RST. Any goroutine may
// call them; Closed follows on the loop with reason.
func (c *Conn) Close(reason error) { c.finish(ending{reason: reason}) }
func (c *Conn) Reset(reason error) { c.finish(ending{reason: reason, reset: true, now: true}) }

// LastWords says that the peer is to learn what was put last, although it may go on sending: a Close that follows leaves the socket half
// open for a while. To close it would have the kernel answer what still comes with a RST, which destroys at the peer what
// it has not read yet. Closed does not wait for that. Any goroutine may call it.
func (c *Conn) LastWords() {
	c.mu.Lock()
	c.parts = true
	c.mu.Unlock()
}

// finish begins the end of the connection. A Reset overtakes a Close, but the first reason stands.
func (c *Conn) finish(e ending) {
	c.mu.Lock()
	switch {
	case c.state == closed || c.state == closing && !e.now:
		c.mu.Unlock()
		return
	case c.state == closing:
		c.end.reset, c.end.now = c.end.reset || e.reset, true
	default:
		if c.end != nil {
			e.write = c.end.write
			e.reason = e.cause()
		}
		e.now = e.now || c.state == connecting || c.broken
		c.state, c.end = closing, &e
	}
	c.mu.Unlock()
	c.loop.attend(c)
}

// Pause has the connection not read until Resume, beyond what has been read already. Call both on the
// connection's loop.
func (c *Conn) Pause() { c.setPaused(true) }

func (c *Conn) Resume() {
	c.setPaused(false)
	c.loop.resume(c)
}

func (c *Conn) setPaused(paused bool) {
	c.mu.Lock()
	c.paused = paused
	c.mu.Unlock()
}

// Loop is the connection's own loop.
func (c *Conn) Loop() *Loop { return c.loop }

// RemoteAddr is the address of the peer, also after the connection has ended. It is nil while dialling.
func (c *Conn) RemoteAddr() net.Addr { return c.loop.drv.remoteAddr(c) }

// LocalAddr is the address on this side; nil while dialling and after the connection has ended.
func (c *Conn) LocalAddr() net.Addr { return c.loop.drv.localAddr(c) }

// flush writes what there is to write, as far as the socket takes it. l is the loop whose turn it is, which need not be c's.
func (c *Conn) flush(l *Loop) {
	c.mu.Lock()
	c.dirty = false
	if c.flushing || c.blocked || c.broken || c.out == nil || c.state != open && c.state != closing {
		c.mu.Unlock()
		return
	}
	c.flushing, c.again = true, false
	for writes := 0; ; writes++ {
		b := c.out.next()
		if b == nil || c.state == closing && c.end.now {
			break
		}
		if writes == maxWrites {
			c.dirty = true
			l.dirty = append(l.dirty, c)
			break
		}
		c.mu.Unlock()
		n, err := l.write(c, b)
		c.mu.Lock()
		b.sent += n
		c.out.size -= n
		if err == syscall.EAGAIN {
			if c.net != nil {
				// The one place where a goroutine is needed to wait: it has the flushing flag from here.
				c.mu.Unlock()
				c.loop.loops.wg.Add(1)
				go c.drain()
				return
			}
			if c.again {
				c.again = false
				continue
			}
			c.blocked = true
			break
		}
		if err != nil {
			c.breakLocked(err)
			break
		}
	}
	c.settle(&l.pool)
}

// flushPressing flushes, in the middle of a turn, what would otherwise grow full before its end though the socket
// would take it: many connections that are read in one turn may all put to the same one.
func (l *Loop) flushPressing() {
	for i, c := range l.pressing {
		l.pressing[i] = nil
		c.mu.Lock()
		c.pressing = false
		c.mu.Unlock()
		c.flush(l)
	}
	l.pressing = l.pressing[:0]
}

// maxHeld is how much a turn may put before it should flush, bytes: large enough for writes of 16 KiB to a thousand connections, and small
// beside what a read of 64 KiB can become: a hundred megabytes, if it is small messages that each go to a thousand.
const maxHeld = 16 << 20

// Relieve flushes in the middle of a turn if that has put much. Whoever puts to many connections calls it in between, where
// it holds no lock, since this makes system calls. It calls no handler.
//
// eager: nobody else will be put to in this turn, so that to wait would make no write larger. Then it flushes wave by
// wave: the first of many receivers need not wait for the last, what a wave has touched is still in the caches when it is
// written, and as few buffers are needed as a wave has.
func (l *Loop) Relieve(eager bool) {
	if l.held >= maxHeld || eager && len(l.dirty) >= wave {
		l.flushAll()
	}
}

// wave is in connections.
const wave = 64

// IsLast reports that nothing has been put in this turn, and that what is being handled now is the last that there is to handle,
// as far as is known: so nothing that is put can be joined by more.
func (l *Loop) IsLast() bool { return l.last && len(l.dirty)+len(l.readable) == 0 }

// write makes one non-blocking write for the loop.
func (l *Loop) write(c *Conn, b *batch) (n int, err error) {
	if c.net != nil {
		n, err = c.net.write(b)
	} else {
		n, err = l.drv.write(c, b)
	}
	l.stats.Writes++
	l.stats.BytesOut += uint64(n)
	if err == syscall.EAGAIN {
		l.stats.Again++
	}
	return n, err
}

// breakLocked notes that writing has failed.
func (c *Conn) breakLocked(err error) {
	c.broken = true
	if c.end == nil {
		c.end = &ending{}
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError("write", errno)
	}
	c.end.write = err
}

// settle ends a flush begun with mu held, and unlocks. The own loop is told when it has something to do.
func (c *Conn) settle(p *pool) {
	c.flushing = false
	if c.broken || c.out.size == 0 {
		p.putBox(c.out)
		c.out = nil
		if c.full && !c.broken {
			c.full, c.drained = false, true
		}
	}
	tell := c.drained || c.broken || c.state == closing && (c.out == nil || c.end.now)
	c.mu.Unlock()
	if tell {
		c.loop.attend(c)
	}
}

// writable continues what the socket had not taken. On the loop.
func (c *Conn) writable() state {
	c.mu.Lock()
	state := c.state
	mark := c.blocked && !c.dirty
	if c.flushing {
		c.again = true
	} else {
		c.blocked = false
	}
	if mark {
		c.dirty = true
	}
	c.mu.Unlock()
	if mark {
		c.loop.dirty = append(c.loop.dirty, c)
	}
	return state
}

// lookAfter does what someone else has asked the loop to do for c.
func (l *Loop) lookAfter(c *Conn) {
	c.mu.Lock()
	state, drained, broken := c.state, c.drained, c.broken
	c.drained = false
	c.mu.Unlock()
	switch {
	case state == closing:
		l.tryFinish(c)
	case state == closed:
	case broken:
		l.mourn(c)
	case drained:
		c.h.Drained()
		l.resume(c)
	}
}

// mourn sees to a connection that cannot be written any more. The peer may have said something before
// it went away: reading will tell, and find the end.
func (l *Loop) mourn(c *Conn) {
	switch {
	case c.net == nil:
		c.hup = true
		l.resume(c)
		l.readLater(c)
	case c.net.raw != nil:
		// Its goroutine finds the end, however full the outbox was when writing failed.
		c.hup = true
		l.resume(c)
	default:
		c.finish(ending{found: true, now: true})
	}
}

// resume reads a connection again that was not read because its outbox was full.
func (l *Loop) resume(c *Conn) {
	if !c.stalled {
		return
	}
	c.stalled = false
	if c.net != nil {
		c.net.proceed()
		return
	}
	l.readLater(c)
}

func (l *Loop) readLater(c *Conn) {
	if !c.queued {
		c.queued = true
		l.readable = append(l.readable, c)
	}
}

// tryFinish brings a closing connection to its end if nothing is to be flushed; else it sees that it is flushed,
// in time.
func (l *Loop) tryFinish(c *Conn) {
	c.mu.Lock()
	over := !c.flushing && (c.out == nil || c.end.now)
	stuck := c.flushing && c.end.now && c.net != nil
	first := !c.end.lingered
	c.end.lingered = true
	reset := c.end.reset
	mark := !over && !c.dirty && !c.blocked && !c.flushing
	if mark {
		c.dirty = true
	}
	c.mu.Unlock()
	switch {
	case over:
		l.finishing = append(l.finishing, c)
	case stuck:
		c.net.hangup(l, reset, false)
	}
	if mark {
		l.dirty = append(l.dirty, c)
	}
	if first && !over {
		wait := linger
		if l.stopping {
			wait = lingerStop
		}
		l.alarms.add(l.now+int64(wait), c)
	}
}

// alarm: dialling, or flushing before the end, has taken too long.
func (c *Conn) alarm(*Loop) {
	c.mu.Lock()
	state := c.state
	c.mu.Unlock()
	switch state {
	case connecting:
		c.finish(ending{reason: fmt.Errorf("transport: dial: %w", os.ErrDeadlineExceeded)})
	case closing:
		c.finish(ending{now: true})
	}
}

// finish ends a connection: nobody writes to it any more, therefore its descriptor may be given back.
func (l *Loop) finish(c *Conn) {
	c.mu.Lock()
	if c.state == closed || c.flushing {
		c.mu.Unlock()
		return
	}
	c.state = closed
	out, e, parts := c.out, *c.end, c.parts
	c.out = nil
	c.mu.Unlock()
	if out != nil {
		l.pool.putBox(out)
	}
	l.keep(c, nil)
	l.alarms.remove(c)
	if c.net != nil {
		c.net.hangup(l, e.reset, parts)
	} else {
		l.drv.hangup(c, e.reset)
	}
	l.vacate(c)
	l.stats.Closes++
	c.h.Closed(e.reason)
}

// opened: the connection stands. l is its loop.
func (l *Loop) opened(c *Conn) {
	c.mu.Lock()
	if c.state != connecting {
		c.mu.Unlock()
		return
	}
	c.state = open
	mark := c.out != nil && !c.dirty
	if mark {
		c.dirty = true
	}
	c.mu.Unlock()
	l.alarms.remove(c)
	if mark {
		l.dirty = append(l.dirty, c)
	}
	c.h.Opened(c)
}
