package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	randv2 "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestDialRefused(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		h := record()
		dialLoop(t, ls, 0, "tcp://127.0.0.1:1", h) // A port that nobody gets by chance.
		if err := h.waitClosed(t); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Closed(%v), want ECONNREFUSED", err)
		}
		if h.opens > 0 {
			t.Error("Opened was called")
		}
	})
}

// TestDialTimeout dials a listener whose backlog is full: the kernel drops the SYN, and nobody answers.
func TestDialTimeout(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		url := deafListener(t)
		ls := start(t, o)
		h := record()
		l := ls.Loop(0)
		l.Post(func() { l.Dial(url, nil, 20*time.Millisecond, h) })
		if err := h.waitClosed(t); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Closed(%v), want a deadline exceeded", err)
		}
		if h.opens > 0 {
			t.Error("Opened was called")
		}

		// And a dial that is given up before.
		h = record()
		reason := errors.New("never mind")
		l.Post(func() {
			c := l.Dial(url, nil, time.Hour, h)
			l.Post(func() { c.Close(reason) })
		})
		if err := h.waitClosed(t); err != reason {
			t.Errorf("Closed(%v), want the reason given", err)
		}
	})
}

// TestDialNonsense: what cannot be dialled is told by Closed, and not before Dial has returned.
func TestDialNonsense(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		for _, url := range []string{"127.0.0.1:1883", "ftp://127.0.0.1:1", "tcp://127.0.0.1:port", "tcp://", "unix:///does/not/exist"} {
			h := record()
			returned := false
			h.onClose = func(*recorder, error) {
				if !returned {
					t.Error("Closed was called within Dial")
				}
			}
			l := ls.Loop(0)
			l.Post(func() { l.Dial(url, nil, patience, h); returned = true })
			if err := h.waitClosed(t); err == nil {
				t.Errorf("%s: Closed(nil)", url)
			}
		}
	})
}

func TestDialName(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		url := listen(t, ls, echoServer)
		_, port, _ := net.SplitHostPort(url[len("tcp://"):])
		h := record()
		dialLoop(t, ls, 0, "tcp://localhost:"+port, h)
		h.waitOpened(t)
	})
}

// TestDialLocal binds the local end, and puts before the connection stands.
func TestDialLocal(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		url := listen(t, ls, echoServer)
		h := record()
		got := make(chan string, 1)
		h.receive = func(_ *recorder, b []byte) (int, error) {
			if len(b) < 5 {
				return 0, nil
			}
			got <- string(b)
			return len(b), nil
		}
		l := ls.Loop(1)
		l.Post(func() {
			c := l.Dial(url, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}, patience, h)
			c.Put(l, []byte("early"))
		})
		c := h.waitOpened(t)
		if local := c.LocalAddr().(*net.TCPAddr); !local.IP.Equal(net.IPv4(127, 0, 0, 9)) {
			t.Errorf("the local address is %v, want 127.0.0.9", local)
		}
		if remote := "tcp://" + c.RemoteAddr().String(); remote != url {
			t.Errorf("the remote address is %v, want %v", remote, url)
		}
		if s := <-got; s != "early" {
			t.Errorf("%q came back, want %q", s, "early")
		}
	})
}

func TestUnixSocket(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		path := filepath.Join(t.TempDir(), "s")
		stale, err := net.Listen("unix", path) // As a killed process leaves it.
		if err != nil {
			t.Fatal(err)
		}
		stale.(*net.UnixListener).SetUnlinkOnClose(false)
		stale.Close()
		ln, err := ls.Listen("unix://"+path, echoServer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ls.Listen("unix://"+path, echoServer); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("listening twice gives %v, want EADDRINUSE", err)
		}
		h := record()
		n := 0
		h.onOpen = func(h *recorder) { h.conn.Put(h.loop, make([]byte, 1<<20)) }
		h.receive = func(h *recorder, b []byte) (int, error) {
			if n += len(b); n == 1<<20 {
				h.conn.Close(io.ErrNoProgress)
			}
			return len(b), nil
		}
		dialLoop(t, ls, 1, "unix://"+path, h)
		if err := h.waitClosed(t); err != io.ErrNoProgress {
			t.Errorf("Closed(%v) after %d bytes", err, n)
		}
		ln.Close()
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket's file is still there: %v", err)
		}
	})
}

// TestListenerClose: the port is free when Close returns, and connections that stand are left alone.
func TestListenerClose(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		var ln net.Listener
		err := error(syscall.EADDRINUSE)
		for errors.Is(err, syscall.EADDRINUSE) { // Below the ports that systems give to who dials, so that nobody else gets it meanwhile.
			ln, err = ls.Listen(fmt.Sprint("tcp://127.0.0.1:", 16384+randv2.IntN(16000)), echoServer)
		}
		if err != nil {
			t.Fatal(err)
		}
		url := "tcp://" + ln.Addr().String()
		nc := dialNet(t, url)
		nc.Write([]byte("a"))
		io.ReadFull(nc, make([]byte, 1))
		ln.Close()
		if nc, err := net.Dial("tcp", ln.Addr().String()); err == nil {
			nc.Close()
			t.Error("a closed listener takes connections")
		}
		again, err := ls.Listen(url, echoServer)
		if err != nil {
			t.Fatalf("listening again: %v", err)
		}
		defer again.Close()
		nc.Write([]byte("b"))
		if _, err := io.ReadFull(nc, make([]byte, 1)); err != nil {
			t.Errorf("the connection that stood: %v", err)
		}
		dialNet(t, url).Write([]byte("c"))
	})
}

// TestPostOrder: functions posted by one goroutine run in order, and one at a time with all others.
func TestPostOrder(t *testing.T) {
	const posters, posts = 8, 500
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		l := ls.Loop(0)
		var next [posters]int
		inside := false // Unguarded on purpose: the race detector is a witness.
		var wg, ran sync.WaitGroup
		ran.Add(posters * posts)
		for p := range posters {
			wg.Go(func() {
				for i := range posts {
					l.Post(func() {
						if inside {
							t.Error("two functions run at once")
						}
						inside = true
						if next[p] != i {
							t.Errorf("poster %d: post %d ran when %d was due", p, i, next[p])
						}
						next[p]++
						inside = false
						ran.Done()
					})
				}
			})
		}
		wg.Wait()
		ran.Wait()
	})
}

func TestPostAfterClose(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		ls.Close()
		if ls.Loop(0).Post(func() { t.Error("ran") }) {
			t.Error("a loop that has ended takes a post")
		}
		if _, err := ls.Listen("tcp://127.0.0.1:0", echoServer); err == nil {
			t.Error("loops that have ended listen")
		}
		ls.Each(func(*Loop) { t.Error("ran") })
	})
}

// TestTimer: the timer is called at once, then never before the time it asked for, at every turn while that is past,
// and not at all until Wake when it asked for never.
func TestTimer(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		l := ls.Loop(0)
		calls := 0
		due := int64(math.MinInt64)
		slept := make(chan struct{})
		l.SetTimer(func(now int64) int64 {
			calls++
			if now < due {
				t.Errorf("call %d came %d ns early", calls, due-now)
			}
			if now != l.Now() || now > Clock() {
				t.Error("the timer's now is not the loop's")
			}
			switch {
			case calls <= 10:
				due = now + int64(calls)*100_000
			case calls <= 20:
				due = now - 1 // At the next turn, which comes by itself.
			default:
				due = math.MaxInt64
				slept <- struct{}{}
			}
			if calls == 22 {
				due = math.MinInt64
				return math.MaxInt64
			}
			if due == math.MaxInt64 {
				due = math.MinInt64
				return math.MaxInt64
			}
			return due
		})
		<-slept
		ls.Each(func(*Loop) {}) // Turns do not call it now.
		at := 0
		ls.Each(func(m *Loop) {
			if m == l {
				at = calls
			}
		})
		if at != 21 {
			t.Errorf("%d calls, want 21", at)
		}
		l.Wake()
		<-slept
		l.SetTimer(nil)
		ls.Each(func(*Loop) {})
	})
}

// TestTimerBeatsSleep: a timer set while the loop sleeps for longer is not missed, whoever sets it.
func TestTimerBeatsSleep(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		l := ls.Loop(0)
		l.SetTimer(func(now int64) int64 { return now + int64(time.Hour) })
		ls.Each(func(*Loop) {})
		fired := make(chan struct{})
		n := 0
		l.SetTimer(func(now int64) int64 {
			if n++; n == 2 {
				close(fired)
			}
			return now + int64(time.Millisecond)
		})
		select {
		case <-fired:
		case <-time.After(patience):
			stacks(t)
		}
	})
}

// TestLoopsClose: everything ends. Closed is called for each connection, goroutines and descriptors are given back.
func TestLoopsClose(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		before := descriptors()
		running := goleak.IgnoreCurrent()
		server, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		client, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		var open atomic.Int32
		url := listen(t, server, func(*Loop, net.Addr) Handler {
			open.Add(1)
			h := record()
			h.receive = echo
			h.onClose = func(*recorder, error) { open.Add(-1) }
			return h
		})
		deaf := deafListener(t)
		var clients []*recorder
		for i := range 100 {
			h := record()
			// Redialling in Closed must not keep the loops from ending.
			h.onClose = func(h *recorder, err error) {
				if h.loop != nil {
					h.loop.Dial(url, nil, patience, record())
				}
			}
			dialLoop(t, client, i, url, h)
			clients = append(clients, h)
		}
		for _, h := range clients {
			h.waitOpened(t)
		}
		never := record()
		dialLoop(t, client, 0, deaf, never)
		client.Each(func(l *Loop) {
			for _, h := range clients {
				if h.loop == l {
					h.conn.Put(l, make([]byte, 100<<10))
				}
			}
		})
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := client.Close(); err != nil {
			t.Errorf("closing twice: %v", err)
		}
		for _, h := range append(clients, never) {
			h.waitClosed(t)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections of the server were not told that they are closed", n)
		}
		if s := server.Stats(); s.Conns != 0 || s.Accepts != s.Closes {
			t.Errorf("after Close %d connections, %d accepts, %d closes", s.Conns, s.Accepts, s.Closes)
		}
		goleak.VerifyNone(t, running)
		const deafs = 4 // The listener made meanwhile, with its connections.
		if n := descriptors(); n > before+deafs {
			t.Errorf("%d descriptors, %d before", n, before)
		}
	})
}

// descriptors counts the process's open files; 0 where that cannot be.
func descriptors() int {
	d, _ := os.ReadDir("/proc/self/fd")
	return len(d)
}

// TestServeTLS runs both ends of TLS as net.Conn, next to plain connections on the same loops.
func TestServeTLS(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		plain := listen(t, ls, echoServer)
		if err := ls.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate(t)}}), echoServer); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			tc, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				t.Fatal(err)
			}
			tc.SetDeadline(time.Now().Add(patience))
			nc := dialNet(t, plain)
			want := make([]byte, 300<<10)
			rand.Read(want)
			for _, c := range []net.Conn{tc, nc} {
				go c.Write(want)
				got := make([]byte, len(want))
				if _, err := io.ReadFull(c, got); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, want) {
					t.Error("other bytes came back than were sent")
				}
			}
			tc.Close()
		}
	})
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A pipeListener accepts the far ends of net.Pipe: conns that are no sockets at all, whose writes wait for the reader.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipeListener) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// TestServeAnyConn: a net.Conn of unknown kind is echoed, blocks only itself, and ends when the loops end.
func TestServeAnyConn(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		p := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		if err := ls.Serve(p, echoServer); err != nil {
			t.Fatal(err)
		}
		stuck, far := net.Pipe()
		p.conns <- far
		stuck.Write([]byte("nobody reads the answer"))
		near, far := net.Pipe()
		p.conns <- far
		near.SetDeadline(time.Now().Add(patience))
		go near.Write([]byte("hello"))
		got := make([]byte, 5)
		if _, err := io.ReadFull(near, got); err != nil || string(got) != "hello" {
			t.Errorf("%q, %v", got, err)
		}
		near.Close()
		ls.Close()
		if _, err := io.ReadAll(stuck); err != nil {
			t.Errorf("the stuck one ends with %v", err)
		}
	})
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Loops: -1}, {Outbox: -1}, {ReadBuffer: 10}, {Driver: 9}} {
		if ls, err := New(o); err == nil {
			ls.Close()
			t.Errorf("%+v is accepted", o)
		}
	}
	ls := start(t, Options{})
	if ls.Len() < 1 || ls.Loop(0).Index() != 0 {
		t.Error("the zero Options do not work")
	}
	if haveEpoll != (ls.Driver() == Epoll) {
		t.Errorf("Auto became %v", ls.Driver())
	}
}

type numbered int

func (numbered) alarm(*Loop) {}

// TestAlarms compares the heap with a list: alarms of connections, which have one each that can be taken out, and others.
func TestAlarms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h alarms
		conns := make([]Conn, 20)
		want := map[sleeper]int64{}
		now := int64(0)
		for step := range rapid.IntRange(1, 100).Draw(t, "steps") {
			at := now + rapid.Int64Range(0, 20).Draw(t, "at")
			c := &conns[rapid.IntRange(0, len(conns)-1).Draw(t, "conn")]
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				h.add(at, numbered(step))
				want[numbered(step)] = at
			case 1, 2:
				h.add(at, c)
				want[c] = at
			case 3:
				h.remove(c)
				delete(want, c)
			default:
				now = at
				last := int64(0)
				for who := h.due(now); who != nil; who = h.due(now) {
					if at, ok := want[who]; !ok || at > now || at < last {
						t.Fatalf("at %d an alarm for %d rings after one for %d; known: %v", now, at, last, ok)
					}
					last = want[who]
					delete(want, who)
				}
				for who, at := range want {
					if at <= now {
						t.Fatalf("the alarm of %v for %d did not ring at %d", who, at, now)
					}
				}
			}
			if len(h) != len(want) {
				t.Fatalf("%d alarms, want %d", len(h), len(want))
			}
		}
	})
}

// TestBatch compares a batch, sent in pieces of any size, with plain bytes.
func TestBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pool
		var b batch
		var ref body
		var want []byte
		cuts := int32(0)
		for range rapid.IntRange(1, 10).Draw(t, "parts") {
			part := rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "part")
			if rapid.Bool().Draw(t, "by reference") {
				b.refer(&p, part, &ref)
				cuts++
			} else {
				b.append(&p, part)
			}
			want = append(want, part...)
		}
		if b.size != len(want) {
			t.Fatalf("the size is %d, want %d", b.size, len(want))
		}
		var got []byte
		for b.sent < b.size {
			room := make([][]byte, 0, rapid.IntRange(1, 5).Draw(t, "vectors"))
			var flat []byte
			for _, v := range b.vectors(room) {
				if len(v) == 0 {
					t.Fatal("an empty vector")
				}
				flat = append(flat, v...)
			}
			n := rapid.IntRange(1, len(flat)).Draw(t, "sent")
			got = append(got, flat[:n]...)
			b.sent += n
		}
		if !slices.Equal(got, want) {
			t.Fatalf("sent %x, want %x", got, want)
		}
		b.clear(&p)
		if ref.held.Load() != cuts || ref.released.Load() != cuts {
			t.Fatalf("held %d, released %d, want %d", ref.held.Load(), ref.released.Load(), cuts)
		}
	})
}

// TestPoolRefusesOversized: the pool keeps neither buffers that are too large nor too many.
func TestPoolRefusesOversized(t *testing.T) {
	var p pool
	p.put(p.get(2 << maxClass))
	if p.bytes != 0 {
		t.Errorf("an oversized buffer is kept: %d bytes", p.bytes)
	}
	for range 2 * poolBytes >> maxClass {
		p.put(&buffer{make([]byte, 0, 1<<maxClass)})
	}
	if p.bytes > poolBytes {
		t.Errorf("%d bytes are kept, the limit is %d", p.bytes, poolBytes)
	}
	for n := 1; n <= 1<<maxClass; n = n*3/2 + 1 {
		if b := p.get(n); cap(b.b) < n || len(b.b) != 0 {
			t.Errorf("get(%d) has length %d and capacity %d", n, len(b.b), cap(b.b))
		}
	}
}
