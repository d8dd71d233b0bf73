//go:build !race

package transport

import (
	"io"
	"net"
	"runtime"
	"testing"
)

// A forwarder puts what comes in at one connection out at another.
type forwarder struct {
	to     *forwarder
	conn   *Conn
	opened chan *Conn
}

func (f *forwarder) Opened(c *Conn) { f.conn = c; f.opened <- c }
func (f *forwarder) Drained()       {}
func (f *forwarder) Closed(error)   {}
func (f *forwarder) Receive(b []byte) (int, error) {
	f.to.conn.Put(f.conn.Loop(), b)
	return len(b), nil
}

// TestNoAllocations: in steady state a message costs no allocation, whatever the driver, and whichever loop puts it.
// Under the race detector the runtime itself allocates.
func TestNoAllocations(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		hs := [2]*forwarder{{opened: make(chan *Conn)}, {opened: make(chan *Conn)}}
		hs[0].to, hs[1].to = hs[1], hs[0]
		next := 0
		url := listen(t, ls, func(*Loop, net.Addr) Handler { next++; return hs[next-1] })
		a := dialNet(t, url)
		ca := <-hs[0].opened
		b := dialNet(t, url)
		cb := <-hs[1].opened
		if ca.Loop() == cb.Loop() {
			t.Fatal("both connections are on one loop")
		}
		message := make([]byte, 100)
		trip := func() {
			a.Write(message)
			io.ReadFull(b, message)
			b.Write(message)
			io.ReadFull(a, message)
		}
		for range 100 {
			trip()
		}
		if n := testing.AllocsPerRun(1000, trip); n > 0 {
			t.Errorf("%v allocations for two messages", n)
		}
	})
}

// TestIdleHoldsNothing: a connection that has talked holds no buffer and no outbox afterwards.
func TestIdleHoldsNothing(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		h.receive = echo
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
		nc := dialNet(t, url)
		b := make([]byte, 10_000)
		nc.Write(b)
		io.ReadFull(nc, b)
		for idle := false; !idle; runtime.Gosched() {
			ls.Each(func(l *Loop) {
				if l == h.loop {
					h.conn.mu.Lock()
					idle = h.conn.out == nil && h.conn.in == nil
					h.conn.mu.Unlock()
				}
			})
		}
	})
}
