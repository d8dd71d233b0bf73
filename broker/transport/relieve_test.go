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
		l.Relieve()
	}
	return worst
}
