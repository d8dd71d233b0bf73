package transport

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Loops is a running set of loops.
type Loops struct {
	// Immutable.
	opts     Options
	loops    []*Loop
	gate     gate
	pressing int // From how many bytes an outbox is flushed before the end of the turn.

	wg   sync.WaitGroup // Every goroutine that was started.
	next atomic.Uint32  // Where the next accepted connection goes.

	mu        sync.Mutex
	listeners map[net.Listener]struct{} // Guarded by mu.
	closed    bool                      // Guarded by mu.
	done      chan struct{}             // Closed when Close begins.
}

// acceptFunc makes the handler of an accepted connection, on the loop that it will live on. nil refuses it. remote is lent until
// it returns: who wants to keep the address has it from Conn.RemoteAddr.
type acceptFunc func(l *Loop, remote net.Addr) Handler

// New starts loops.
func New(o Options) (*Loops, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	ls := &Loops{opts: o, gate: newGate(), pressing: o.Outbox / 4, listeners: map[net.Listener]struct{}{}, done: make(chan struct{})}
	for i := range o.Loops {
		l := newLoop(ls, i)
		if o.Driver == Epoll {
			l.drv, err = newEpoll(o.Precise || o.Spin, o.Spin)
		} else {
			l.drv = newParker()
		}
		if err != nil {
			ls.abandon()
			return nil, fmt.Errorf("transport: starting loop %d: %w", i, err)
		}
		ls.loops = append(ls.loops, l)
	}
	ls.wg.Add(len(ls.loops))
	for _, l := range ls.loops {
		go l.run()
	}
	return ls, nil
}

// abandon gives back loops that never ran.
func (ls *Loops) abandon() {
	for _, l := range ls.loops {
		l.drv.end()
	}
}

// Len is the number of loops, Loop one of them, Driver what became of Auto.
func (ls *Loops) Len() int         { return len(ls.loops) }
func (ls *Loops) Loop(i int) *Loop { return ls.loops[i] }
func (ls *Loops) Driver() Driver   { return ls.opts.Driver }

// pick is the loop for the next connection.
func (ls *Loops) pick() *Loop { return ls.loops[(ls.next.Add(1)-1)%uint32(len(ls.loops))] }

// Each runs f on every loop, and returns when all have. It must not be called on a loop.
func (ls *Loops) Each(f func(l *Loop)) {
	var wg sync.WaitGroup
	for _, l := range ls.loops {
		wg.Add(1)
		if !l.Post(func() { defer wg.Done(); f(l) }) {
			wg.Done()
		}
	}
	wg.Wait()
}

// Listen accepts on a URL: tcp, tls, ws or wss://host:port, unix:///path. A WebSocket may have a path behind the port: then no other is
// served. ?proxy=v2 at the end: every client has a PROXY protocol header in front of it. Connections are spread over the loops in turn; accept makes the
// handler of each, on the loop that it will live on (nil: the connection is refused); remote is lent until accept returns. The address it listens on (port 0 resolved) is
// returned by the listener's Addr; its Accept is not to be used.
func (ls *Loops) Listen(url string, accept func(l *Loop, remote net.Addr) Handler) (net.Listener, error) {
	a, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	var ln net.Listener
	if a.plain() {
		home := ls.pickHome()
		ln, err = home.drv.listen(home, a.network, a.at, accept)
	} else {
		ln, err = ls.listenLayered(a, accept)
	}
	if err != nil {
		return nil, fmt.Errorf("transport: %w", err)
	}
	return ln, nil
}

// pickHome is the loop for another listener: they are spread, too.
func (ls *Loops) pickHome() *Loop {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.loops[len(ls.listeners)%len(ls.loops)]
}

// adopt keeps ln so that Close closes it; false: too late.
func (ls *Loops) adopt(ln net.Listener) bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return false
	}
	ls.listeners[ln] = struct{}{}
	return true
}

func (ls *Loops) forget(ln net.Listener) {
	ls.mu.Lock()
	delete(ls.listeners, ln)
	ls.mu.Unlock()
}

// begin counts a goroutine that is to be started, and that Close has to wait for; false: too late.
func (ls *Loops) begin() bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return false
	}
	ls.wg.Add(1)
	return true
}

func (ls *Loops) open() bool {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return !ls.closed
}

// Close closes all listeners and connections (Closed is called for each), ends the loops and waits for them. What has been put
// is still written where the socket takes it within 100 ms. It must not be called on a loop.
func (ls *Loops) Close() error {
	ls.mu.Lock()
	if !ls.closed {
		ls.closed = true
		close(ls.done)
	}
	var listeners []net.Listener
	for ln := range ls.listeners {
		listeners = append(listeners, ln)
	}
	ls.mu.Unlock()

	var errs []error
	for _, ln := range listeners {
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	for _, l := range ls.loops {
		l.Post(l.stop)
	}
	ls.wg.Wait()
	return errors.Join(errs...)
}
