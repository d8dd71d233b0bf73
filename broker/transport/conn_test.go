package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestEcho sends random bytes in random pieces and reads them back in others. The server consumes only whole
// packets of random size, so that it leaves something unconsumed most of the time, sometimes much.
func TestEcho(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o.ReadBuffer = 4 << 10 // Packets are often larger than the buffer.
		ls := start(t, o)
		url := listen(t, ls, func(l *Loop, _ net.Addr) Handler {
			h := record()
			h.receive = func(h *recorder, b []byte) (int, error) {
				n := 0
				for {
					size := packetSize(b[n:])
					if size == 0 || len(b)-n < size {
						return n, nil
					}
					h.conn.PutParts(h.loop, b[n:n+2], b[n+2:n+size], nil)
					n += size
				}
			}
			return h
		})
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 1))
		want := randomPackets(rng, 1<<20)
		nc := dialNet(t, url)
		go func() {
			rng := rand.New(rand.NewPCG(seed, 2))
			for rest := want; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(1<<rng.IntN(16)))
				nc.Write(rest[:n])
				rest = rest[n:]
			}
			nc.CloseWrite()
		}()
		got, err := io.ReadAll(nc)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("seed %d: %d bytes came back of %d, or others", seed, len(got), len(want))
		}
	})
}

// packetSize is the size that the first two bytes tell, those two with it; 0: not known yet.
func packetSize(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	return 2 + int(b[0])<<8 + int(b[1])
}

func randomPackets(rng *rand.Rand, size int) []byte {
	var b []byte
	for len(b) < size {
		n := rng.IntN(1 << rng.IntN(17))
		b = append(b, byte(n>>8), byte(n))
		for range n {
			b = append(b, byte(rng.Uint32()))
		}
	}
	return b
}

// dialLoop dials on loop i.
func dialLoop(t testing.TB, ls *Loops, i int, url string, h *recorder) {
	t.Helper()
	l := ls.Loop(i % ls.Len())
	l.Post(func() { l.Dial(url, nil, patience, h) })
}

// TestManyConnections has both ends on loops, and all connections talking at once.
func TestManyConnections(t *testing.T) {
	n := 2000
	if raceEnabled {
		n = 300
	}
	drivers(t, func(t *testing.T, o Options) {
		server, client := start(t, o), start(t, o)
		url := listen(t, server, echoServer)
		clients := make([]*recorder, n)
		for i := range clients {
			h := record()
			want := []byte(fmt.Sprintf("connection %d", i))
			h.onOpen = func(h *recorder) { h.conn.Put(h.loop, want) }
			h.receive = func(h *recorder, b []byte) (int, error) {
				if len(b) < len(want) {
					return 0, nil
				}
				if !bytes.Equal(b, want) {
					t.Errorf("connection %d got %q", i, b)
				}
				h.conn.Close(nil)
				return len(b), nil
			}
			clients[i] = h
			dialLoop(t, client, i, url, h)
		}
		for i, h := range clients {
			if err := h.waitClosed(t); err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			if h.opens != 1 {
				t.Errorf("connection %d: %d calls of Opened", i, h.opens)
			}
		}
		s := server.Stats()
		if s.Accepts != uint64(n) {
			t.Errorf("Stats count %d accepts of %d", s.Accepts, n)
		}
		if o.Driver == Epoll && s.AcceptErrors != 0 {
			t.Errorf("%d accept errors", s.AcceptErrors)
		}
	})
}

// TestAcceptedAreSpread: connections are dealt to the loops in turn, not by chance.
func TestAcceptedAreSpread(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o.Loops = 3
		ls := start(t, o)
		got := make(chan int, 12)
		url := listen(t, ls, func(l *Loop, remote net.Addr) Handler {
			h := record()
			h.onOpen = func(h *recorder) {
				if h.loop != l {
					t.Error("accept was called on another loop than Opened")
				}
				if h.conn.RemoteAddr().String() != remote.String() {
					t.Errorf("RemoteAddr is %v, accept was told %v", h.conn.RemoteAddr(), remote)
				}
				got <- l.Index()
			}
			return h
		})
		var count [3]int
		for range 12 {
			dialNet(t, url)
			count[<-got]++
		}
		if count != [3]int{4, 4, 4} {
			t.Errorf("connections on the loops: %v, want 4 on each", count)
		}
	})
}

// TestPutOrder has every loop put numbered records into one connection, and a peer that reads in fits and starts,
// so that records wait at every stage. Each loop's records must arrive in its order, none lost, none torn.
func TestPutOrder(t *testing.T) {
	const loops, records = 4, 20_000
	drivers(t, func(t *testing.T, o Options) {
		o.Loops = loops
		ls := start(t, o)
		server := record()
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return server })
		nc := dialNet(t, url)
		c := server.waitOpened(t)
		for i := range loops {
			l, n := ls.Loop(i), uint32(0)
			var step func()
			step = func() {
				for range 50 {
					var rec [8]byte
					binary.BigEndian.PutUint32(rec[:], uint32(i))
					binary.BigEndian.PutUint32(rec[4:], n)
					c.Put(l, rec[:])
					if n++; n == records {
						return
					}
				}
				l.Post(step)
			}
			l.Post(step)
		}
		var next [loops]uint32
		b := make([]byte, 8<<10)
		for range loops * records * 8 / len(b) {
			if _, err := io.ReadFull(nc, b); err != nil {
				t.Fatal(err)
			}
			checkRecords(t, b, next[:])
			runtime.Gosched()
		}
		if _, err := io.ReadFull(nc, b[:loops*records*8%len(b)]); err != nil {
			t.Fatal(err)
		}
		checkRecords(t, b[:loops*records*8%len(b)], next[:])
		for i, n := range next {
			if n != records {
				t.Errorf("loop %d: %d records of %d", i, n, records)
			}
		}
		ls.Each(func(*Loop) {}) // A write counts when it has returned, which the peer does not wait for.
		if p := c.Pending(); p != 0 {
			t.Errorf("%d bytes pending after all have come", p)
		}
	})
}

func checkRecords(t *testing.T, b []byte, next []uint32) {
	t.Helper()
	for ; len(b) > 0; b = b[8:] {
		i, n := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		if int(i) >= len(next) || n != next[i] {
			t.Fatalf("loop %d: record %d, want %d", i, n, next)
		}
		next[i]++
	}
}

// TestSlowReader: a peer that does not read makes Put say so, takes no more memory than the mark, is not read
// itself, and disturbs nobody. When it reads, everything comes and Drained is called.
func TestSlowReader(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o.Outbox = 256 << 10
		ls := start(t, o)
		slow := record()
		var heard atomic.Int64
		slow.receive = func(_ *recorder, b []byte) (int, error) { heard.Add(int64(len(b))); return len(b), nil }
		first := make(chan Handler, 1)
		first <- slow
		url := listen(t, ls, func(l *Loop, a net.Addr) Handler {
			select {
			case h := <-first:
				return h
			default:
				return echoServer(l, a)
			}
		})
		nc := dialNet(t, url)
		nc.SetReadBuffer(16 << 10)
		c := slow.waitOpened(t)
		other := ls.Loop(1 - c.Loop().Index()) // Not the one that will see the socket writable.

		put := 0
		full := make(chan struct{})
		var fill func()
		fill = func() {
			for range 16 {
				b := bytes.Repeat([]byte{byte(put >> 12)}, 4<<10)
				put += len(b)
				if !c.Put(other, b) {
					if c.Put(other, nil) {
						t.Error("Put says more after it had said no, and before Drained")
					}
					close(full)
					return
				}
			}
			other.Post(fill)
		}
		other.Post(fill)
		<-full
		if p := c.Pending(); p > o.Outbox+4<<10 {
			t.Errorf("%d bytes pending, the mark is %d", p, o.Outbox)
		}

		before := heard.Load()
		nc.Write(make([]byte, 1000))
		echoes := dialNet(t, url)
		echoes.Write([]byte("hello"))
		if _, err := io.ReadFull(echoes, make([]byte, 5)); err != nil {
			t.Errorf("the slow connection stopped another: %v", err)
		}
		ls.Each(func(*Loop) {}) // One more turn of each.
		if heard.Load() != before {
			t.Error("a connection was read while its outbox was full")
		}

		b := make([]byte, put)
		if _, err := io.ReadFull(nc, b); err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if b[i] != byte(i>>12) {
				t.Fatalf("byte %d is %d, want %d", i, b[i], byte(i>>12))
			}
		}
		select {
		case <-slow.drained:
		case <-time.After(patience):
			stacks(t)
		}
		for heard.Load() != before+1000 { // What it said meanwhile is read now.
			runtime.Gosched()
		}
		done := make(chan bool)
		other.Post(func() { done <- c.Put(other, []byte("x")) })
		if !<-done {
			t.Error("Put says no after Drained")
		}
	})
}

// TestSlowReaderIsClosed: to close a connection whose peer does not read takes a second, not for ever; to reset it
// takes none.
func TestSlowReaderIsClosed(t *testing.T) {
	t.Parallel() // It waits most of the time.
	drivers(t, func(t *testing.T, o Options) {
		t.Parallel()
		for _, end := range []func(c *Conn){
			func(c *Conn) { c.Close(nil) },
			func(c *Conn) { c.Close(nil); c.Reset(nil) },
		} {
			ls := start(t, o)
			h := record()
			url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
			dialNet(t, url)
			c := h.waitOpened(t)
			c.Loop().Post(func() {
				for c.Put(c.Loop(), make([]byte, 64<<10)) {
				}
				for range 100 { // More than any socket takes.
					c.Put(c.Loop(), make([]byte, 64<<10))
				}
				end(c)
			})
			if err := h.waitClosed(t); err != nil {
				t.Errorf("Closed(%v), want nil", err)
			}
		}
	})
}

func TestCloseFlushes(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		want := bytes.Repeat([]byte("0123456789abcdef"), 256<<10) // 4 MiB: no socket takes it at once.
		reason := errors.New("enough")
		h.onOpen = func(h *recorder) {
			h.conn.Put(h.loop, want)
			h.conn.Close(reason)
			if h.conn.Put(h.loop, []byte("too late")) {
				t.Error("Put after Close says more")
			}
		}
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
		nc := dialNet(t, url)
		nc.Write([]byte("unread: closing must not become a reset for it"))
		if got := readAll(t, nc); !bytes.Equal(got, want) {
			t.Errorf("%d bytes came of %d, or others", len(got), len(want))
		}
		if err := h.waitClosed(t); err != reason {
			t.Errorf("Closed(%v), want the reason given", err)
		}
	})
}

func TestReset(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
		nc := dialNet(t, url)
		h.waitOpened(t).Reset(nil)
		if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer of a reset reads %v, want ECONNRESET", err)
		}
		if err := h.waitClosed(t); err != nil {
			t.Errorf("Closed(%v), want nil", err)
		}
	})
}

func TestPeerResets(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
		nc := dialNet(t, url)
		h.waitOpened(t)
		nc.SetLinger(0)
		nc.Close()
		if err := h.waitClosed(t); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Closed(%v), want ECONNRESET", err)
		}
	})
}

// TestPeerCloses: io.EOF comes after all that was sent before it, and what is put in answer still arrives.
func TestPeerCloses(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		for _, size := range []int{0, 1, 1000, 64 << 10, 1 << 20} {
			h := record()
			n := 0
			h.receive = func(h *recorder, b []byte) (int, error) {
				if n += len(b); n == size {
					h.conn.Put(h.loop, []byte("all"))
				}
				return len(b), nil
			}
			url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
			nc := dialNet(t, url)
			nc.Write(make([]byte, size))
			nc.CloseWrite()
			if got := readAll(t, nc); size > 0 && string(got) != "all" {
				t.Errorf("%d bytes: the answer was %q", size, got)
			}
			if err := h.waitClosed(t); err != io.EOF {
				t.Errorf("%d bytes: Closed(%v), want EOF", size, err)
			}
			if n != size {
				t.Errorf("%d bytes received of %d before EOF", n, size)
			}
		}
	})
}

// TestLastWords: a peer says something and goes away without listening. What it said is received although
// writing to it fails.
func TestLastWords(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		for range 20 {
			h := record()
			n := 0
			h.receive = func(h *recorder, b []byte) (int, error) { n += len(b); return len(b), nil }
			block, blocked := make(chan struct{}), make(chan struct{})
			h.onOpen = func(h *recorder) {
				close(blocked)
				<-block // The loop sees nothing until the peer has gone.
			}
			url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
			nc := dialNet(t, url)
			<-blocked
			nc.Write([]byte("goodbye"))
			nc.Close()
			// The first write is answered with a RST, and the next fails, before anything has been read.
			other := ls.Loop(1 - h.loop.Index())
			for range 3 {
				other.Post(func() { h.conn.Put(other, []byte("hello?")) })
				flushed := make(chan struct{})
				other.Post(func() { other.Post(func() { close(flushed) }) })
				<-flushed
			}
			close(block)
			if err := h.waitClosed(t); err == nil {
				t.Error("Closed(nil), but the peer closed")
			}
			if n != len("goodbye") {
				t.Fatalf("%d bytes of the last words were received", n)
			}
		}
	})
}

func TestHandlerError(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		bad := errors.New("malformed")
		h.receive = func(h *recorder, b []byte) (int, error) {
			h.conn.Put(h.loop, []byte("no"))
			return 0, bad
		}
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
		nc := dialNet(t, url)
		nc.Write([]byte("?"))
		if got := readAll(t, nc); string(got) != "no" {
			t.Errorf("the peer got %q, want what was put before the error", got)
		}
		if err := h.waitClosed(t); err != bad {
			t.Errorf("Closed(%v), want the handler's error", err)
		}
		if h.closes != 1 {
			t.Errorf("Closed was called %d times", h.closes)
		}
	})
}

// TestRefuse: a nil Handler refuses a connection.
func TestRefuse(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return nil })
		if got := readAll(t, dialNet(t, url)); len(got) > 0 {
			t.Errorf("a refused connection got %q", got)
		}
	})
}

// A body counts who holds it.
type body struct{ held, released atomic.Int32 }

func (b *body) Hold()    { b.held.Add(1) }
func (b *body) Release() { b.released.Add(1) }

// TestPutParts sends small and large bodies, mixed, from both loops, much more than a socket takes at once.
func TestPutParts(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
		nc := dialNet(t, url)
		c := h.waitOpened(t)
		rng := rand.New(rand.NewPCG(1, 2))
		payload := make([]byte, 300<<10)
		for i := range payload {
			payload[i] = byte(rng.Uint32())
		}
		var want []byte
		var ref body
		large := int32(0)
		for i := range 200 {
			size := rng.IntN(1 << (4 + rng.IntN(15)))
			head, b := []byte{byte(i), 1, 2}[:rng.IntN(4)], payload[:size]
			want = append(append(want, head...), b...)
			if size >= byReference {
				large++
			}
			l := ls.Loop(i % 2)
			done := make(chan struct{})
			l.Post(func() { c.PutParts(l, head, b, &ref); close(done) })
			<-done
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(nc, got); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Error("other bytes came than were put")
		}
		c.Close(nil)
		h.waitClosed(t)
		if ref.held.Load() != large || ref.released.Load() != large {
			t.Errorf("held %d, released %d, want %d of both", ref.held.Load(), ref.released.Load(), large)
		}
	})
}

// TestPutPartsReleasesWhenClosed: a body is released even when it is never written.
func TestPutPartsReleasesWhenClosed(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		url := listen(t, ls, func(*Loop, net.Addr) Handler { return h })
		dialNet(t, url)
		c := h.waitOpened(t)
		var ref body
		b := make([]byte, 1<<20)
		c.Loop().Post(func() {
			for range 20 {
				c.PutParts(c.Loop(), nil, b, &ref)
			}
			c.Loop().Post(func() { c.Reset(nil) })
		})
		h.waitClosed(t)
		if ref.held.Load() != 20 || ref.released.Load() != 20 {
			t.Errorf("held %d, released %d, want 20 of both", ref.held.Load(), ref.released.Load())
		}
	})
}

// TestNoStrays closes and resets connections, from either end and from any goroutine, while every loop puts into all of them,
// closed ones as well. Each connection must see nothing but its own bytes: were a descriptor given
// back while another loop still writes to it, a later connection would get them.
func TestNoStrays(t *testing.T) {
	rounds := 600
	if raceEnabled {
		rounds = 100
	}
	drivers(t, func(t *testing.T, o Options) {
		o.Loops = 3
		ls, client := start(t, o), start(t, Options{Driver: o.Driver, Loops: 1})
		type target struct {
			c  *Conn
			id uint32
		}
		var targets [64]atomic.Pointer[target] // More than are open at a time; they are replaced, but not removed when they end.
		var next atomic.Uint32
		url := listen(t, ls, func(*Loop, net.Addr) Handler {
			h := record()
			h.onOpen = func(h *recorder) {
				id := next.Add(1)
				targets[id%uint32(len(targets))].Store(&target{h.conn, id})
			}
			return h
		})
		stop := make(chan struct{})
		var putters sync.WaitGroup
		for i := range ls.Len() {
			l := ls.Loop(i)
			rng := rand.New(rand.NewPCG(uint64(i), 0))
			putters.Add(1)
			var step func()
			step = func() {
				select {
				case <-stop:
					putters.Done()
					return
				default:
				}
				for range 20 {
					to := targets[rng.IntN(len(targets))].Load()
					if to == nil {
						continue
					}
					to.c.Put(l, binary.BigEndian.AppendUint32(nil, to.id))
					switch rng.IntN(40) {
					case 0:
						to.c.Close(nil)
					case 1:
						to.c.Reset(nil)
					}
				}
				l.Post(step)
			}
			l.Post(step)
		}
		talked := 0
		for range rounds / 50 {
			var hs []*recorder
			for i := range 50 {
				h := record()
				id, known := uint32(0), false
				h.receive = func(h *recorder, b []byte) (int, error) {
					n := 0
					for ; len(b)-n >= 4; n += 4 {
						got := binary.BigEndian.Uint32(b[n:])
						if !known {
							id, known = got, true
							talked++
						}
						if got != id {
							t.Errorf("a connection got bytes of %d and of %d", id, got)
						}
					}
					if i%2 == 0 && n > 64 {
						h.conn.Reset(nil)
					}
					return n, nil
				}
				if i%3 == 0 {
					h.onOpen = func(h *recorder) { go h.conn.Close(nil) } // From no loop at all.
				}
				hs = append(hs, h)
				dialLoop(t, client, 0, url, h)
			}
			for _, h := range hs {
				h.waitClosed(t) // By chance, but it is one in forty.
			}
		}
		close(stop)
		putters.Wait()
		if talked == 0 {
			t.Error("no connection got anything: the test tests nothing")
		}
	})
}
