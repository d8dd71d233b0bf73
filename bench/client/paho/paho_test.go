package paho

import (
	"encoding/binary"
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

	"mqttbench/bench/client"
	"mqttbench/bench/fault"
	"mqttbench/broker/packet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// A recorder is an Observer that writes down what it hears. The hooks run on the group.
type recorder struct {
	mu    sync.Mutex
	notes []string
	news  chan struct{}

	onConnected func(present bool)
	onAcked     func(token uint64)
	onReceived  func(r *client.Reception)
	onWritable  func()
	lastErr     error
	quiet       bool
}

func newRecorder() *recorder { return &recorder{news: make(chan struct{}, 1)} }

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.quiet {
		return
	}
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// await takes the first note that begins with prefix, and all before it.
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
func (r *recorder) Refused(reason packet.ReasonCode)                { r.note("refused %v", reason) }
func (r *recorder) Subscribed(codes []packet.ReasonCode, now int64) { r.note("subscribed %d", codes) }
func (r *recorder) Unsubscribed(int64)                              { r.note("unsubscribed") }
func (r *recorder) Took(p client.Phase, d time.Duration)            { r.note("took %d", p) }
func (r *recorder) Acked(tok uint64, reason packet.ReasonCode, _ int64) {
	r.note("acked %c %02x", rune(tok), uint8(reason))
	if r.onAcked != nil {
		r.onAcked(tok)
	}
}
func (r *recorder) Recall(uint64, int64) *client.Message { panic("Paho keeps its messages") }

func (r *recorder) Received(m *client.Reception) {
	r.note("received %s %s q%d id%d e%d dup=%v again=%v", m.Topic, m.Payload, m.QoS, m.ID, m.Epoch, m.Dup, m.Again)
	if r.onReceived != nil {
		r.onReceived(m)
	}
}
func (r *recorder) Writable() {
	r.note("writable")
	if r.onWritable != nil {
		r.onWritable()
	}
}
func (r *recorder) Disconnected(err error, now int64) {
	r.lastErr = err // Before the note, which is what the test waits for.
	r.note("disconnected %v", err)
}

// on runs f on the group and waits for it.
func on(t testing.TB, g client.Group, f func()) {
	t.Helper()
	done := make(chan struct{})
	g.Post(func() { defer close(done); f() })
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the group is stuck")
	}
}

func newGroup(t testing.TB) client.Group {
	e := New(1)
	t.Cleanup(func() { e.Close() })
	return e.Groups()[0]
}

// A fake is a server that says what the test tells it to.
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

func (f *fake) accept(connect, connack string) {
	f.t.Helper()
	f.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	c, err := f.Accept()
	if err != nil {
		f.t.Fatal(err)
	}
	f.peer = c
	f.expect(connect)
	f.send(connack)
}

func (f *fake) expect(want string) {
	f.t.Helper()
	w := unhex(want)
	got := make([]byte, len(w))
	f.peer.SetReadDeadline(time.Now().Add(patience))
	n, err := io.ReadFull(f.peer, got)
	if err != nil || string(got) != string(w) {
		f.t.Fatalf("from the client: % x (%v), want % x", got[:n], err, w)
	}
}

func (f *fake) send(s string) { f.peer.Write(unhex(s)) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

const (
	connect      = "10 0D 0004 4D515454 04 00 003C 0001 63"
	connectClean = "10 0D 0004 4D515454 04 02 003C 0001 63"
)

func publish(t testing.TB, g client.Group, c client.Client, q packet.QoS, x string) {
	t.Helper()
	on(t, g, func() {
		if !c.Publish(&client.Message{Topic: "t", Payload: []byte(x), QoS: q, Token: uint64(x[0])}) {
			t.Errorf("Publish %s: false", x)
		}
	})
}

// TestResume: what was not acknowledged is sent again in order, with DUP and its own identifiers, and is not
// taken for acknowledged by that. The PUBLISH of "b" after its PUBREC is the fault of Paho's that the
// package's doc names: should this fail one day, rewrite both.
func TestResume(t *testing.T) {
	s, r, g := newFake(t), newRecorder(), newGroup(t)
	c := g.New(client.Options{URL: s.url(), ClientID: "c"}, r)
	on(t, g, c.Connect)
	s.accept(connect, "20 02 00 00")
	r.await(t, "connected false")
	publish(t, g, c, 1, "a")
	publish(t, g, c, 2, "b")
	publish(t, g, c, 2, "c")
	publish(t, g, c, 1, "d")
	s.expect("32 06 0001 74 0001 61 34 06 0001 74 0002 62 34 06 0001 74 0003 63 32 06 0001 74 0004 64")
	s.send("40 02 0001 50 02 0002")
	s.expect("62 02 0002")
	r.await(t, "acked a 00")
	s.peer.(*net.TCPConn).SetLinger(0)
	s.peer.Close()
	r.await(t, "disconnected")
	on(t, g, func() {
		if n := c.Inflight(); n != 3 {
			t.Errorf("%d in flight", n)
		}
		if c.Publish(&client.Message{Topic: "t", QoS: 1}) {
			t.Error("Publish while offline: true")
		}
	})

	on(t, g, c.Connect)
	s.accept(connect, "20 02 01 00")
	r.await(t, "connected true")
	r.await(t, "writable")
	publish(t, g, c, 1, "e")
	s.expect("3C 06 0001 74 0002 62 3C 06 0001 74 0003 63 3A 06 0001 74 0004 64 32 06 0001 74 0005 65")
	on(t, g, func() {
		if n := c.Inflight(); n != 4 {
			t.Errorf("%d in flight: a resend was taken for an acknowledgement", n)
		}
	})
	s.send("40 02 0004 40 02 0004")
	r.await(t, "acked d 00")
	s.send("50 02 0002")
	s.expect("62 02 0002")
	s.send("70 02 0002")
	r.await(t, "acked b 00")
	s.send("40 02 0005")
	r.await(t, "acked e 00")
	on(t, g, func() {
		if n := c.Inflight(); n != 1 {
			t.Errorf("%d in flight: the second PUBACK of d counted", n)
		}
	})

	// A DISCONNECT ends the connection, not the session; and what was published before goes first.
	on(t, g, func() {
		c.Publish(&client.Message{Topic: "t", Payload: []byte("f")})
		c.Disconnect()
	})
	s.expect("30 04 0001 74 66 E0 00")
	r.await(t, "disconnected <nil>")
	on(t, g, c.Connect)
	s.accept(connect, "20 02 01 00")
	s.expect("3C 06 0001 74 0003 63")
	s.send("50 02 0003 70 02 0003")
	r.await(t, "acked c 00")
}

// TestFull: a server that does not read makes Publish say false before memory is full of messages.
func TestFull(t *testing.T) {
	s, r, g := newFake(t), newRecorder(), newGroup(t)
	c := g.New(client.Options{URL: s.url(), ClientID: "c"}, r)
	on(t, g, c.Connect)
	s.accept(connect, "20 02 00 00")
	r.await(t, "connected")
	on(t, g, func() {
		m, n := client.Message{Topic: "t", Payload: make([]byte, 64<<10)}, 0
		for c.Publish(&m) && n < 1000 {
			n++
		}
		if n < 10 || n > 100 || c.Pending() < 1<<19 {
			t.Errorf("%d messages, %d bytes pending", n, c.Pending())
		}
	})
	go io.Copy(io.Discard, s.peer)
	r.await(t, "writable")
}

// TestCleanStart: what Paho forgets is published anew, before new messages.
func TestCleanStart(t *testing.T) {
	s, r, g := newFake(t), newRecorder(), newGroup(t)
	c := g.New(client.Options{URL: s.url(), ClientID: "c", CleanStart: true}, r)
	on(t, g, c.Connect)
	s.accept(connectClean, "20 02 00 00")
	r.await(t, "connected")
	publish(t, g, c, 1, "a")
	publish(t, g, c, 2, "b")
	s.expect("32 06 0001 74 0001 61 34 06 0001 74 0002 62")
	on(t, g, func() { c.Cut(); c.Connect() })
	r.await(t, "disconnected <nil>")
	s.accept(connectClean, "20 02 00 00")
	s.expect("32 06 0001 74 0001 61 34 06 0001 74 0002 62")
	s.send("40 02 0001")
	r.await(t, "acked a 00")
}

// TestReceive: duplicates of QoS 2 are told from new messages, across connections too.
func TestReceive(t *testing.T) {
	s, r, g := newFake(t), newRecorder(), newGroup(t)
	c := g.New(client.Options{URL: s.url(), ClientID: "c"}, r)
	on(t, g, c.Connect)
	s.accept(connect, "20 02 00 00 34 06 0001 74 0007 61 3C 06 0001 74 0007 61")
	s.expect("50 02 0007 50 02 0007")
	r.await(t, "connected false")
	r.await(t, "received t a q2 id7 e0 dup=false again=false")
	r.await(t, "received t a q2 id7 e0 dup=true again=true")
	s.peer.Close()
	r.await(t, "disconnected")
	on(t, g, c.Connect)
	s.accept(connect, "20 02 01 00 3C 06 0001 74 0007 61")
	s.expect("50 02 0007")
	r.await(t, "received t a q2 id7 e1 dup=true again=true")
	s.send("62 02 0007")
	s.expect("70 02 0007")
	s.send("34 06 0001 74 0007 62")
	s.expect("50 02 0007")
	r.await(t, "received t b q2 id7 e1 dup=false again=false")
	s.send("32 06 0001 74 0008 62")
	s.expect("40 02 0008")
	s.peer.Close()
	r.await(t, "disconnected")
	on(t, g, c.Connect)
	s.accept(connect, "20 02 00 00 34 06 0001 74 0007 63") // The server has forgotten, and so have we.
	s.expect("50 02 0007")
	r.await(t, "received t c q2 id7 e2 dup=false again=false")
	on(t, g, func() { c.Subscribe([]string{"x", "y"}, 1) })
	sub := make([]byte, 12)
	if _, err := io.ReadFull(s.peer, sub); err != nil || sub[0] != 0x82 {
		t.Fatalf("% x, %v", sub, err)
	}
	// Paho sends the filters in random order.
	codes := map[byte]string{'x': "01", 'y': "80"}
	s.send("90 04 " + hex.EncodeToString(sub[2:4]) + codes[sub[6]] + codes[sub[10]])
	r.await(t, "subscribed [1 128]")
	on(t, g, c.Disconnect)
	s.expect("E0 00")
	r.await(t, "disconnected <nil>")
}

func TestEndings(t *testing.T) {
	for _, c := range []struct{ connack, hear string }{
		{"20 02 00 05", "disconnected connection refused by the server: Not authorized (CONNACK 0x87)"},
		{"20 02 00 02", "disconnected connection refused by the server: Client Identifier not valid (CONNACK 0x85)"},
		{"48545450", `disconnected the peer is no MQTT server: it answered CONNECT with "H`},
		{"", "disconnected connect to tcp://"},
	} {
		t.Run(c.connack, func(t *testing.T) {
			s, r, g := newFake(t), newRecorder(), newGroup(t)
			cl := g.New(client.Options{URL: s.url(), ClientID: "c"}, r)
			on(t, g, cl.Connect)
			s.accept(connect, c.connack)
			s.peer.Close()
			r.await(t, c.hear)
			if strings.HasPrefix(c.connack, "20") {
				var e *client.RefusedError
				if !errors.As(r.lastErr, &e) {
					t.Errorf("%T", r.lastErr)
				}
			}
		})
	}
}

func TestVersion5(t *testing.T) {
	r, g := newRecorder(), newGroup(t)
	c := g.New(client.Options{URL: "tcp://127.0.0.1:1", Version: packet.V5}, r)
	on(t, g, c.Connect)
	r.await(t, "disconnected paho speaks MQTT 3.1 and 3.1.1 only")
	if !errors.Is(r.lastErr, errVersion) {
		t.Error(r.lastErr)
	}
}

// TestCutIsAReset: the server sees a RST, not an end.
func TestCutIsAReset(t *testing.T) {
	s, r, g := newFake(t), newRecorder(), newGroup(t)
	c := g.New(client.Options{URL: s.url(), ClientID: "c"}, r)
	on(t, g, c.Connect)
	s.accept(connect, "20 02 00 00")
	r.await(t, "connected")
	on(t, g, c.Cut)
	r.await(t, "disconnected <nil>")
	s.peer.SetReadDeadline(time.Now().Add(patience))
	if _, err := s.peer.Read(make([]byte, 1)); err == nil || err == io.EOF || !strings.Contains(err.Error(), "reset") {
		t.Errorf("the server read: %v", err)
	}
	// Before CONNACK, too.
	on(t, g, c.Connect)
	p, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	io.ReadFull(p, make([]byte, 15))
	on(t, g, c.Cut)
	r.await(t, "disconnected <nil>")
}

func TestTimer(t *testing.T) {
	g := newGroup(t)
	done, n := make(chan bool), 0
	on(t, g, func() {
		g.SetTimer(func(now int64) int64 {
			if n++; n == 3 {
				close(done)
				g.SetTimer(nil)
			}
			return now + 1e6
		})
	})
	<-done
	on(t, g, func() {
		if n != 3 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestAgainstMosquitto: numbered messages through a real broker with cuts. The publisher is not cut at QoS 2,
// where Paho makes duplicates.
func TestAgainstMosquitto(t *testing.T) {
	url := mosquitto(t)
	for q := range packet.QoS(3) {
		t.Run(fmt.Sprint("QoS ", q), func(t *testing.T) {
			const n = 1000
			g, pr, sr := newGroup(t), newRecorder(), newRecorder()
			topic := t.Name()
			pub := g.New(client.Options{URL: url, ClientID: "p" + t.Name()}, pr)
			sub := g.New(client.Options{URL: url, ClientID: "s" + t.Name()}, sr)
			var next, cuts uint64
			acked, seen, high := map[uint64]int{}, map[uint64]int{}, int64(-1)
			done := make(chan struct{})
			check := func() {
				if len(seen) == n && (q == 0 || len(acked) == n) {
					select {
					case <-done:
					default:
						close(done)
					}
				}
			}
			pump := func() {
				for next < n {
					if !pub.Publish(&client.Message{
						Topic: topic, Payload: binary.BigEndian.AppendUint64(nil, next), QoS: q, Token: next,
					}) {
						return
					}
					next++
				}
			}
			pr.quiet = true
			pr.onConnected = func(bool) { pump() }
			pr.onWritable = pump
			pr.onAcked = func(k uint64) {
				if acked[k]++; q == 1 && k%300 == 100 && acked[k] == 1 {
					pub.Cut()
					pub.Connect()
				}
				check()
			}
			sr.onReceived = func(m *client.Reception) {
				if m.Again {
					return
				}
				k := binary.BigEndian.Uint64(m.Payload)
				if int64(k) > high+1 {
					t.Errorf("%d came after %d", k, high)
				}
				high = max(high, int64(k))
				if seen[k]++; q > 0 && k%300 == 200 && seen[k] == 1 {
					cuts++
					sub.Cut()
					sub.Connect()
				}
				check()
			}
			on(t, g, sub.Connect)
			sr.await(t, "connected")
			on(t, g, func() { sub.Subscribe([]string{topic}, q) })
			sr.await(t, fmt.Sprintf("subscribed [%d]", q))
			sr.mu.Lock()
			sr.quiet = true
			sr.mu.Unlock()
			on(t, g, pub.Connect)
			select {
			case <-done:
			case <-time.After(patience):
				t.Error("stuck")
			}
			on(t, g, func() {
				if len(seen) != n || q > 0 && len(acked) != n || pub.Inflight() != 0 {
					t.Errorf("%d of %d seen, %d acknowledged, %d in flight", len(seen), n, len(acked), pub.Inflight())
				}
				for k, times := range seen {
					if times != 1 && q != 1 {
						t.Errorf("%d was delivered %d times", k, times)
					}
				}
				if q > 0 && cuts < 3 {
					t.Errorf("%d cuts", cuts)
				}
			})
		})
	}
}

// mosquitto starts a broker of its own for the test and returns its URL.
func mosquitto(t testing.TB) string {
	exe := "/usr/sbin/mosquitto"
	if p, err := exec.LookPath("mosquitto"); err == nil {
		exe = p
	} else if _, err := os.Stat(exe); err != nil {
		t.Skip("mosquitto is not installed")
	}
	port, err := fault.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + port
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := "listener " + port + " 127.0.0.1\nallow_anonymous true\n" +
		"max_inflight_messages 0\nmax_queued_messages 0\nlog_type none\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-c", conf)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return "tcp://" + addr
		}
	}
	t.Fatal("mosquitto does not start")
	return ""
}
