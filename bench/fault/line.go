package fault

import (
	"io"
	"net"
	"sync"
	"time"

	"mqttbench/broker/packet"
)

// A line is one direction of a connection: a reader that judges what comes, and a writer that sends on what is left
// of it, when it is due. Between them lies a queue into which the other direction puts, too, when it has forged something.
// So put never waits; the reader does, before it reads more than it could get rid of.
type line struct {
	// Immutable.
	conn      *conn
	direction Direction
	src, dst  net.Conn

	mu    sync.Mutex
	items []item        // Guarded by mu.
	size  int           // Guarded by mu. Bytes in items.
	wake  chan struct{} // To the writer: there are items.
	room  chan struct{} // To the reader: there are fewer.

	// Owned by the reader. Invariant: 0 <= start <= len(buf) <= cap(buf); buf[start:] has been read and not judged.
	buf   []byte
	start int

	// Guarded by life.mu.
	pauseUntil time.Time
	shut       bool // An end has been put; what comes after it goes nowhere.
	held       *hostage
}

// An item is bytes to be sent, and how.
type item struct {
	data []byte
	manner
	end func() // Not nil: called when the data are sent. The writer's last act.
}

// A manner is how bytes are sent.
type manner struct {
	due   time.Time     // Not before; zero: at once. As with TCP, what is late holds up all that follows.
	piece int           // Bytes of each write; 0: all.
	gap   time.Duration // Between writes.
	rate  int           // Bytes a second; 0: no limit.
}

// Limits of what a line holds, bytes. A delay must hold what arrives while it lasts.
const (
	readSize   = 32 << 10
	queueLimit = 64 << 10
	delayLimit = 4 << 20
)

func newLine(c *conn, d Direction, src, dst net.Conn) *line {
	return &line{conn: c, direction: d, src: src, dst: dst, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// back is the line of the other direction.
func (l *line) back() *line {
	if l.direction == Up {
		return l.conn.down
	}
	return l.conn.up
}

// put copies data into the queue, behind what is there. The caller holds life.mu.
func (l *line) put(data []byte, m manner) {
	if l.shut {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size += len(data)
	if n := len(l.items); n > 0 && m == l.items[n-1].manner && m.piece == 0 && m.rate == 0 {
		l.items[n-1].data = append(l.items[n-1].data, data...)
		return
	}
	l.items = append(l.items, item{data: append([]byte(nil), data...), manner: m})
	poke(l.wake)
}

// finish puts the end of the line: data, perhaps none, and then what end does. The caller holds life.mu.
func (l *line) finish(data []byte, end func()) {
	if l.shut {
		return
	}
	l.shut = true
	l.mu.Lock()
	defer l.mu.Unlock()
	l.items = append(l.items, item{data: append([]byte(nil), data...), end: end})
	poke(l.wake)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read is the reader: it judges packet after packet until the source ends.
func (l *line) read() {
	l.conn.sourceEnded(l, l.judgeAll())
}

func (l *line) judgeAll() error {
	for {
		if err := l.judgeBuffered(); err != nil {
			return err
		}
		l.makeRoom()
		n, err := l.src.Read(l.buf[len(l.buf):cap(l.buf)])
		l.buf = l.buf[:len(l.buf)+n]
		if err != nil {
			return err
		}
		if !l.awaitRoom() {
			return net.ErrClosed
		}
	}
}

// judgeBuffered judges the whole packets that have been read. What is no MQTT passes unjudged: it is for
// the peer to say so.
func (l *line) judgeBuffered() error {
	for l.start < len(l.buf) {
		rest := l.buf[l.start:]
		f, err := packet.Next(rest, 0)
		size := f.Size
		if err != nil || l.conn.raw {
			f, size = packet.Frame{}, len(rest)
		}
		if size == 0 {
			return nil
		}
		if !l.conn.judge(l, &f, rest[:size]) {
			return net.ErrClosed
		}
		l.start += size
	}
	return nil
}

// makeRoom moves what is left of a packet to the front and sees to it that there is room behind it.
func (l *line) makeRoom() {
	l.buf = l.buf[:copy(l.buf[:cap(l.buf)], l.buf[l.start:])]
	l.start = 0
	if cap(l.buf)-len(l.buf) < readSize/2 {
		l.buf = append(make([]byte, 0, 2*cap(l.buf)+readSize), l.buf...)
	}
}

// awaitRoom waits until the queue is below its limit; false: the connection is dead.
func (l *line) awaitRoom() bool {
	limit := queueLimit
	if l.conn.proxy.delays {
		limit = delayLimit
	}
	for {
		l.mu.Lock()
		full := l.size > limit
		l.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-l.room:
		case <-l.conn.dead:
			return false
		}
	}
}

// write is the writer. Bytes that the destination does not take any more are thrown away: that it has gone is for
// the line that reads from it to find out, and to tell.
func (l *line) write() {
	broken := false
	for {
		items, ok := l.take()
		if !ok {
			return
		}
		for i := range items {
			it := &items[i]
			if !l.conn.sleepUntil(it.due) {
				return
			}
			if !broken && !l.conn.hole.Load() {
				began := l.conn.proxy.age()
				broken = l.send(it) != nil
				l.heard(began)
			}
			l.sent(len(it.data))
			if it.end != nil {
				it.end()
				return
			}
		}
	}
}

// take waits for items and takes them all; false: the connection is dead.
func (l *line) take() ([]item, bool) {
	for {
		l.mu.Lock()
		items := l.items
		l.items = nil
		l.mu.Unlock()
		if len(items) > 0 {
			return items, true
		}
		select {
		case <-l.wake:
		case <-l.conn.dead:
			return nil, false
		}
	}
}

// heard notes that the broker has heard of the client, by a write that began at an age of the proxy's.
func (l *line) heard(began time.Duration) {
	if p := l.conn.proxy; p.silences && l.direction == Up {
		l.conn.heardFrom.Store(int64(began))
		l.conn.heardTo.Store(int64(p.age()))
	}
}

func (l *line) sent(n int) {
	l.mu.Lock()
	l.size -= n
	l.mu.Unlock()
	poke(l.room)
}

// send writes an item in its manner.
func (l *line) send(it *item) error {
	piece, gap := len(it.data), it.gap
	if it.piece > 0 {
		piece = it.piece
	}
	if it.rate > 0 { // A hundred pieces a second look smooth enough.
		piece = min(piece, max(1, it.rate/100))
	}
	for rest := it.data; len(rest) > 0; {
		n := min(piece, len(rest))
		if _, err := l.dst.Write(rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
		wait := time.Duration(0)
		if len(rest) > 0 {
			wait = gap
		}
		if it.rate > 0 { // Also behind the last piece, for the next packet's sake.
			wait += time.Duration(float64(n) / float64(it.rate) * float64(time.Second))
		}
		if wait > 0 && !l.conn.sleep(wait) {
			return io.ErrClosedPipe
		}
	}
	return nil
}
