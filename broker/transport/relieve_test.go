package transport

import (
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
)

// TestRelieve puts, in one call of Receive, what many small messages to many connections are, and asks for relief after each. What
// is held never exceeds the limit by more than one message, and all of it arrives.
func TestRelieve(t *testing.T) {
	const conns, messages, size = 200, 1500, 64 // 19 MB, 96 KB of it to each.
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		subs := make([]*recorder, conns)
		for i := range subs {
			subs[i] = record()
		}
		all, worst := make(chan []*Conn, 1), make(chan int, 1)
		pub := record()
		pub.receive = func(h *recorder, b []byte) (int, error) {
			worst <- fanOut(h.loop, <-all, messages, size)
			return len(b), nil
		}
		handlers := append(slices.Clone(subs), pub)
		var next atomic.Int32
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return handlers[next.Add(1)-1] })
		var peers []net.Conn
		var to []*Conn
		for _, h := range subs {
			peers = append(peers, dialNet(t, url))
			to = append(to, h.waitOpened(t))
		}
		all <- to
		dialNet(t, url).Write([]byte("go"))
		for _, p := range peers {
			if _, err := io.CopyN(io.Discard, p, messages*size); err != nil {
				t.Fatal(err)
			}
		}
		if held := <-worst; held > maxHeld+conns*size {
			t.Errorf("%d bytes were held, want at most %d", held, maxHeld)
		}
	})
}

// fanOut returns the most that the outboxes have held.
func fanOut(l *Loop, to []*Conn, messages, size int) (worst int) {
	message := make([]byte, size)
	for range messages {
		pending := 0
		for _, c := range to {
			c.Put(l, message)
			pending += c.Pending()
		}
		worst = max(worst, pending)
		l.Relieve(false)
	}
	return worst
}

// TestWaves has one message go to many connections in a turn in which nothing else happens: they are written wave by wave, and
// whatever is put after that can be joined by more, so it waits for the end of the turn.
func TestWaves(t *testing.T) {
	if !haveEpoll {
		t.Skip("needs epoll")
	}
	const conns = 5*wave + 1
	ls := start(t, Options{Driver: Epoll, Loops: 1})
	type turn struct {
		last, still bool // What IsLast said before and after the message.
		dirty       int  // The most connections that waited to be written.
	}
	seen := make(chan turn, 1)
	all := make(chan []*Conn, 1)
	var to []*Conn // The loop's.
	pub := record()
	pub.receive = func(h *recorder, b []byte) (int, error) {
		if to == nil {
			to = <-all
		}
		r := turn{last: h.loop.IsLast()}
		for _, c := range to {
			c.Put(h.loop, b[:1])
			r.dirty = max(r.dirty, len(h.loop.dirty))
			h.loop.Relieve(r.last)
		}
		r.still = h.loop.IsLast()
		seen <- r
		return len(b), nil
	}
	handlers := []*recorder{pub}
	for range conns {
		handlers = append(handlers, record())
	}
	var next atomic.Int32
	url := listen(t, ls, func(*Loop, net.Addr) Handler { return handlers[next.Add(1)-1] })
	var peers []net.Conn
	var subs []*Conn
	for i, h := range handlers {
		peers = append(peers, dialNet(t, url))
		if c := h.waitOpened(t); i > 0 {
			subs = append(subs, c)
		}
	}
	all <- subs
	for range 100 {
		peers[0].Write([]byte("m"))
		r := <-seen
		for _, p := range peers[1:] {
			if _, err := io.CopyN(io.Discard, p, 1); err != nil {
				t.Fatal(err)
			}
		}
		if !r.last {
			continue // Something else has happened in the turn.
		}
		if r.dirty > wave || r.still {
			t.Errorf("%d connections waited at once, want %d; the last of its turn: %v after a message", r.dirty, wave, r.still)
		}
		return
	}
	t.Error("no message was the last of its turn")
}
