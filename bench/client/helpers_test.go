package client

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mqttbench/bench/fault"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come. Nothing is measured by it.
const patience = time.Minute

// eachDriver runs a test on both drivers of the transport.
func eachDriver(t *testing.T, f func(t *testing.T, e *Native)) {
	for name, d := range map[string]transport.Driver{"auto": transport.Auto, "goroutine": transport.Goroutine} {
		t.Run(name, func(t *testing.T) { f(t, newEngine(t, NativeOptions{Driver: d})) })
	}
}

func newEngine(t testing.TB, o NativeOptions) *Native {
	e, err := NewNative(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// on runs f on the group and waits for it.
func on(t testing.TB, g Group, f func()) {
	t.Helper()
	done := make(chan struct{})
	g.Post(func() { defer close(done); f() })
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the group is stuck")
	}
}

// A recorder is an Observer that writes down what it hears, one word or line each. The hooks, if
// set, run on the group after the note.
type recorder struct {
	mu    sync.Mutex
	notes []string
	news  chan struct{}

	onConnected    func(present bool)
	onAcked        func(token uint64)
	onRecall       func(token uint64, sent int64) *Message // nil: the topic is "t", the payload the token as a letter.
	onReceived     func(r *Reception)
	onWritable     func()
	onDisconnected func(err error)
	took           [Phases]int
	lastErr        error
	quiet          bool
}

func newRecorder() *recorder { return &recorder{news: make(chan struct{}, 1)} }

func (r *recorder) note(format string, args ...any) {
	if r.quiet {
		return
	}
	r.mu.Lock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// await waits until a note that begins with prefix is there, and takes it and all before it away.
func (r *recorder) await(t testing.TB, prefix string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		i := slices.IndexFunc(r.notes, func(n string) bool { return strings.HasPrefix(n, prefix) })
		if i >= 0 {
			n := r.notes[i]
			r.notes = r.notes[i+1:]
			r.mu.Unlock()
			return n
		}
		all := strings.Join(r.notes, "; ")
		r.mu.Unlock()
		select {
		case <-r.news:
		case <-deadline:
			t.Fatalf("no %q; heard: %s", prefix, all)
		}
	}
}

func (r *recorder) Connected(present bool, now int64) {
	r.note("connected %v", present)
	if r.onConnected != nil {
		r.onConnected(present)
	}
}

func (r *recorder) Refused(reason packet.ReasonCode) { r.note("refused %v", reason) }

func (r *recorder) Subscribed(codes []packet.ReasonCode, now int64) { r.note("subscribed %d", codes) }

func (r *recorder) Unsubscribed(int64) { r.note("unsubscribed") }

func (r *recorder) Acked(token uint64, reason packet.ReasonCode, now int64) {
	r.note("acked %c %02x", rune(token), uint8(reason))
	if r.onAcked != nil {
		r.onAcked(token)
	}
}

func (r *recorder) Recall(token uint64, sent int64) *Message {
	if r.onRecall != nil {
		return r.onRecall(token, sent)
	}
	return &Message{Topic: "t", Payload: []byte{byte(token)}}
}

func (r *recorder) Received(m *Reception) {
	if !r.quiet {
		r.note("received %s", describe(m))
	}
	if r.onReceived != nil {
		r.onReceived(m)
	}
}

func describe(m *Reception) string {
	s := fmt.Sprintf("%s %s q%d id%d e%d", m.Topic, m.Payload, m.QoS, m.ID, m.Epoch)
	for i, is := range []bool{m.Dup, m.Retain, m.Again} {
		if is {
			s += []string{" dup", " retain", " again"}[i]
		}
	}
	return s
}

func (r *recorder) Took(p Phase, d time.Duration) {
	if d < 0 {
		panic("time runs backwards")
	}
	r.took[p]++
}

func (r *recorder) Writable() {
	r.note("writable")
	if r.onWritable != nil {
		r.onWritable()
	}
}

func (r *recorder) Disconnected(err error, now int64) {
	r.mu.Lock()
	r.lastErr = err
	r.mu.Unlock()
	r.note("disconnected %v", err)
	if r.onDisconnected != nil {
		r.onDisconnected(err)
	}
}

// A fake is a server that says what the test tells it to, byte by byte.
type fake struct {
	net.Listener
	t    testing.TB
	peer net.Conn
}

func newFake(t testing.TB) *fake {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{Listener: l, t: t}
	t.Cleanup(func() {
		l.Close()
		if f.peer != nil {
			f.peer.Close()
		}
	})
	return f
}

func (f *fake) url() string { return "tcp://" + f.Addr().String() }

func (f *fake) accept() {
	f.t.Helper()
	f.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := f.Accept()
	if err != nil {
		f.t.Fatal(err)
	}
	f.peer = c
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// expect reads as many bytes as want has and compares.
func (f *fake) expect(want string) {
	f.t.Helper()
	w := unhex(f.t, want)
	got := make([]byte, len(w))
	f.peer.SetReadDeadline(time.Now().Add(patience))
	n, err := io.ReadFull(f.peer, got)
	if err != nil || string(got) != string(w) {
		f.t.Fatalf("from the client: % x (%v), want % x", got[:n], err, w)
	}
}

// expectEnd: the client closes without another byte.
func (f *fake) expectEnd() {
	f.t.Helper()
	f.peer.SetReadDeadline(time.Now().Add(patience))
	rest, err := io.ReadAll(f.peer)
	var timeout net.Error
	if len(rest) > 0 || errors.As(err, &timeout) && timeout.Timeout() {
		f.t.Fatalf("from the client: % x, %v, want the end", rest, err)
	}
}

func (f *fake) send(s string) {
	f.t.Helper()
	if _, err := f.peer.Write(unhex(f.t, s)); err != nil {
		f.t.Fatal(err)
	}
}

// drop cuts the connection with a RST.
func (f *fake) drop() {
	f.peer.(*net.TCPConn).SetLinger(0)
	f.peer.Close()
}

// mosquitto starts a broker of its own for the test and returns its URL.
func mosquitto(t testing.TB) string {
	exe, err := exec.LookPath("mosquitto")
	if err != nil {
		if _, e := os.Stat("/usr/sbin/mosquitto"); e != nil {
			t.Skip("mosquitto is not installed")
		}
		exe = "/usr/sbin/mosquitto"
	}
	port, err := fault.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\n", port) +
		"max_inflight_messages 0\nmax_queued_messages 0\nlog_type none\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	addr := "127.0.0.1:" + port
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return "tcp://" + addr
		}
	}
	t.Fatal("mosquitto does not start")
	return ""
}
