// Package transport carries bytes between connections and the code that understands them, on a few loops.
// It knows no MQTT. Both the broker and the load generator stand on it.
package transport

import (
	"net"
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

// Driver chooses how sockets are served.
type Driver uint8

const (
	Auto      Driver = iota // Epoll where it exists, else Goroutine.
	Epoll                   // Linux: own epoll loops, non-blocking sockets.
	Goroutine               // Everywhere: a goroutine per connection on net.Conn.
)

// Options of New. The zero value works.
type Options struct {
	Loops      int // Default: max(1, GOMAXPROCS/2).
	Driver     Driver
	Outbox     int  // High-water mark of one connection's outbox, bytes; default 1 MiB.
	ReadBuffer int  // One for each loop (epoll) or each busy connection (goroutine), bytes; default 64 KiB.
	Precise    bool // The loop's turns are timed to about 60 µs instead of 1 ms (epoll: a locked thread in epoll_pwait2), for pacing.
}

// Loops is a running set of loops.
type Loops struct{}

func New(o Options) (*Loops, error) { panic("todo") }
func (ls *Loops) Len() int          { panic("todo") }
func (ls *Loops) Loop(i int) *Loop  { panic("todo") }

// Listen accepts on a URL: tcp://host:port, unix:///path. Connections are spread over the loops; accept makes the
// handler of each, on the loop that it will live on. The address it listens on (port 0 resolved) is returned.
func (ls *Loops) Listen(url string, accept func(l *Loop, remote net.Addr) Handler) (net.Listener, error) {
	panic("todo")
}

// Close closes all listeners and connections (Closed is called for each), ends the loops and waits for them.
func (ls *Loops) Close() error { panic("todo") }

// A Loop is a serial executor: the handlers of its connections, its hooks and posted functions run one at a time.
type Loop struct {
	// Data is the user's own, set before the first connection (see Each).
	Data any
}

func (l *Loop) Index() int { panic("todo") }

// Now is a monotonic clock in nanoseconds, read once at the start of each turn; Clock reads it anew. All loops of the process share its origin.
func (l *Loop) Now() int64 { panic("todo") }
func Clock() int64         { panic("todo") }

// Post runs f on the loop, soon; any goroutine may call it. False: the loop has ended.
func (l *Loop) Post(f func()) bool { panic("todo") }

// SetTimer has f called on the loop at each turn when now >= the time that f last returned (ns, as of Clock), first at once. It returns
// when it wants to be called next (a time in the past: at the next turn; math.MaxInt64: not until Wake).
func (l *Loop) SetTimer(f func(now int64) (next int64)) { panic("todo") }

// Dial opens a connection to a URL, asynchronously; h is told by Opened or Closed. local may be nil.
// Call it on the loop.
func (l *Loop) Dial(url string, local net.Addr, timeout time.Duration, h Handler) *Conn {
	panic("todo")
}

// A Conn is one connection.
type Conn struct{}

// Put appends p to the outbox. It never waits and never fails; after a connection is closed it does nothing. It may be
// called from any loop, which names itself by l: that loop flushes the connection at the end of its turn. more is false
// when the outbox has reached its high-water mark: the caller should stop sending what it can keep elsewhere
// until Drained. While its own outbox is over the mark, a connection is not read.
func (c *Conn) Put(l *Loop, p []byte) (more bool) { panic("todo") }

// PutParts is Put of head followed by body. A body of 8 KiB or more is not copied: hold is called and the body must stay unchanged until
// release is called. (A shared payload that goes to many connections.)
func (c *Conn) PutParts(l *Loop, head, body []byte, r Ref) (more bool) { panic("todo") }

// Ref is a counted owner of bytes.
type Ref interface {
	Hold()
	Release()
}

// Pending is the number of bytes put and not yet taken by the kernel.
func (c *Conn) Pending() int { panic("todo") }

// Close flushes (best effort, without waiting longer than a second) and closes; Reset closes at once with a TCP RST. Any goroutine may
// call them; Closed follows on the loop with reason.
func (c *Conn) Close(reason error) { panic("todo") }
func (c *Conn) Reset(reason error) { panic("todo") }

// Loop is the connection's own loop.
func (c *Conn) Loop() *Loop          { panic("todo") }
func (c *Conn) RemoteAddr() net.Addr { panic("todo") }
func (c *Conn) LocalAddr() net.Addr  { panic("todo") }
