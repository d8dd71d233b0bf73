package transport

import (
	"io"
	"os"
	"syscall"
)

// outcome is what a read of a socket has come to.
type outcome uint8

const (
	short  outcome = iota // There was less than asked for: more will be announced.
	more                  // There may be more.
	empty                 // There was nothing.
	paused                // Not read, because the outbox is full.
	gone                  // The connection has ended, or is about to.
)

// read reads a connection that epoll has announced.
func (l *Loop) read(c *Conn) {
	switch l.receive(c, l.drv) {
	case more:
		l.readLater(c)
	case short:
		// The announcement that the peer has gone is made once: after it, only reading to the end will do.
		if c.hup {
			l.readLater(c)
		}
	}
}

type reader interface {
	read(c *Conn, p []byte) (int, error)
}

// receive makes one non-blocking read and presents the result.
func (l *Loop) receive(c *Conn, r reader) outcome {
	c.mu.Lock()
	state, full := c.state, c.full || c.paused
	c.mu.Unlock()
	if state != open {
		return gone
	}
	if full && !c.hup {
		c.stalled = true
		return paused
	}
	space, kept := l.space(c)
	into := space[kept:min(len(space), kept+maxRead)]
	n, err := r.read(c, into)
	l.stats.Reads++
	switch {
	case err == syscall.EAGAIN && !c.hup:
		l.stats.Empty++
		return empty
	case err == syscall.EAGAIN: // Writing has failed, but reading finds nothing wrong.
		c.finish(ending{found: true, now: true})
		return gone
	case err == nil && n == 0:
		c.finish(ending{reason: io.EOF, found: true})
		return gone
	case err != nil:
		c.finish(ending{reason: os.NewSyscallError("read", err), found: true, now: true})
		return gone
	}
	l.stats.BytesIn += uint64(n)
	l.present(c, space[:kept+n])
	if n < len(into) {
		return short
	}
	return more
}

// maxRead is the most that one read asks for, bytes: copying more in one system call keeps a garbage collection waiting for a time
// that can be felt. A payload of 128 KiB comes in one read, with what is around it, and one of 256 KiB in two. Whether a
// read was short is told by what was asked for, not by the room there was.
const maxRead = 144 << 10

// space is where c's next bytes are to be read to, behind what it had left. That is moved into the loop's buffer if
// it is small there. A large packet collects in a buffer of its own, which grows with it.
func (l *Loop) space(c *Conn) (space []byte, kept int) {
	if c.in == nil {
		return l.buf, 0
	}
	kept = len(c.in.b)
	if kept < l.large() {
		copy(l.buf, c.in.b)
		return l.buf, kept
	}
	if room := min(maxRead, len(l.buf)/2); cap(c.in.b)-kept < room {
		c.in = l.pool.grow(c.in, kept+room)
	}
	return c.in.b[:cap(c.in.b)], kept
}

// large is how much of a packet is not copied out of the loop's buffer and back, bytes.
func (l *Loop) large() int { return len(l.buf) / 4 }

// handOver makes the loop's buffer, which holds the beginning of a large packet, that of c, and takes another. It is
// four times as large as what is in it at most, like every buffer that is kept.
func (l *Loop) handOver(c *Conn, n int) {
	c.in = l.room
	c.in.b = c.in.b[:n]
	l.setRoom(l.pool.get(len(l.buf)))
}

func (l *Loop) setRoom(b *buffer) { l.room, l.buf = b, b.b[:l.loops.opts.ReadBuffer] }

// present lends b to the handler, and keeps what it does not consume.
func (l *Loop) present(c *Conn, b []byte) {
	n, err := c.h.Receive(b)
	if err != nil {
		l.keep(c, nil)
		c.finish(ending{reason: err})
	} else {
		l.keep(c, b[n:])
	}
	scribble(l.buf, len(b))
	if len(l.pressing) > 0 {
		l.flushPressing()
	}
}

// keep makes rest what c has left unconsumed. rest may lie in the loop's buffer or in that of c.
func (l *Loop) keep(c *Conn, rest []byte) {
	old := c.in
	switch {
	case len(rest) == 0:
		c.in = nil
	case len(rest) >= l.large() && &rest[0] == &l.buf[0]:
		l.handOver(c, len(rest))
	case old != nil && cap(old.b) >= len(rest) && cap(old.b) <= 4*max(len(rest), 1<<minClass):
		old.b = old.b[:len(rest)]
		copy(old.b, rest)
		return
	default:
		c.in = l.pool.get(len(rest))
		c.in.b = append(c.in.b, rest...)
	}
	if old != nil {
		l.pool.put(old)
	}
}
