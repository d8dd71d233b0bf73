package transport

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(relayEnv); spec != "" {
		os.Exit(serveRelay(spec))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come. It is reached only by a test that fails.
const patience = time.Minute

// drivers runs a test over each driver that this system has.
func drivers(t *testing.T, f func(t *testing.T, o Options)) {
	t.Helper()
	t.Run("goroutine", func(t *testing.T) { f(t, Options{Driver: Goroutine, Loops: 2}) })
	if haveEpoll {
		t.Run("epoll", func(t *testing.T) { f(t, Options{Driver: Epoll, Loops: 2}) })
		t.Run("precise", func(t *testing.T) { f(t, Options{Driver: Epoll, Loops: 2, Precise: true}) })
	}
}

func start(t testing.TB, o Options) *Loops {
	t.Helper()
	ls, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ls.Close() })
	return ls
}

// listen listens on a free port and returns the URL.
func listen(t testing.TB, ls *Loops, accept func(l *Loop, remote net.Addr) Handler) string {
	t.Helper()
	ln, err := ls.Listen("tcp://127.0.0.1:0", accept)
	if err != nil {
		t.Fatal(err)
	}
	return "tcp://" + ln.Addr().String()
}

// dialNet connects with package net: a peer that shares no code with what is tested.
func dialNet(t testing.TB, url string) *net.TCPConn {
	t.Helper()
	nc, err := net.Dial("tcp", url[len("tcp://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	return nc.(*net.TCPConn)
}

// A recorder is a Handler of functions that may be nil, and tells what has been called.
type recorder struct {
	loop    *Loop
	conn    *Conn
	receive func(h *recorder, b []byte) (int, error)
	onOpen  func(h *recorder)
	onClose func(h *recorder, err error)
	opened  chan *Conn // Holds 1.
	drained chan struct{}
	closed  chan error // Holds 1.

	mu      sync.Mutex
	inside  bool
	opens   int
	closes  int
	overlap bool
}

func record() *recorder {
	return &recorder{opened: make(chan *Conn, 1), drained: make(chan struct{}, 100), closed: make(chan error, 1)}
}

// alone notes a call that overlaps another.
func (h *recorder) alone() func() {
	h.mu.Lock()
	h.overlap = h.overlap || h.inside
	h.inside = true
	h.mu.Unlock()
	return func() { h.mu.Lock(); h.inside = false; h.mu.Unlock() }
}

func (h *recorder) Opened(c *Conn) {
	defer h.alone()()
	h.loop, h.conn = c.Loop(), c
	h.opens++
	if h.onOpen != nil {
		h.onOpen(h)
	}
	h.opened <- c
}

func (h *recorder) Receive(b []byte) (int, error) {
	defer h.alone()()
	if h.receive != nil {
		return h.receive(h, b)
	}
	return len(b), nil
}

func (h *recorder) Drained() {
	defer h.alone()()
	h.drained <- struct{}{}
}

func (h *recorder) Closed(err error) {
	defer h.alone()()
	h.closes++
	if h.onClose != nil {
		h.onClose(h, err)
	}
	h.closed <- err
}

func (h *recorder) waitOpened(t testing.TB) *Conn {
	t.Helper()
	select {
	case c := <-h.opened:
		return c
	case err := <-h.closed:
		t.Fatalf("Closed(%v) before Opened", err)
	case <-time.After(patience):
		stacks(t)
	}
	return nil
}

func (h *recorder) waitClosed(t testing.TB) error {
	t.Helper()
	select {
	case err := <-h.closed:
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.overlap {
			t.Error("two calls of one handler overlapped")
		}
		return err
	case <-time.After(patience):
		stacks(t)
	}
	return nil
}

func stacks(t testing.TB) {
	t.Helper()
	b := make([]byte, 1<<20)
	t.Fatalf("waited in vain; goroutines:\n%s", b[:runtime.Stack(b, true)])
}

func echo(h *recorder, b []byte) (int, error) {
	h.conn.Put(h.loop, b)
	return len(b), nil
}

func echoServer(*Loop, net.Addr) Handler {
	h := record()
	h.receive = echo
	return h
}

func readAll(t testing.TB, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
