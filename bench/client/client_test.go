package client

import (
	"errors"
	"io"
	"math"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mqttbench/broker/packet"
)

// TestEndings is about how a connection may come to nothing, and what is said about it.
func TestEndings(t *testing.T) {
	for _, c := range []struct {
		name     string
		version  packet.Version
		connack  string // The server's answer; then it closes.
		then     string // What it sends once the client is connected.
		farewell string // What the client says last.
		hear     string
		is       error
	}{
		{name: "not authorized", connack: "20 02 00 05",
			hear: "connection refused by the server: Not authorized (CONNACK 0x87)"},
		{name: "bad user name", connack: "20 02 00 04",
			hear: "connection refused by the server: Bad User Name or Password (CONNACK 0x86)"},
		{name: "not authorized, 5", version: packet.V5, connack: "20 03 00 87 00",
			hear: "connection refused by the server: Not authorized (CONNACK 0x87)"},
		{name: "server busy, 5", version: packet.V5, connack: "20 03 00 89 00",
			hear: "connection refused by the server: Server busy (CONNACK 0x89)"},
		{name: "HTTP", connack: "485454502F312E31203430302042616420526571756573740D0A",
			hear: `the peer is no MQTT server: it answered CONNECT with "HTTP/1.1 400 Bad Request\r\n"; it speaks HTTP: try ws://`},
		{name: "a TLS alert", connack: "15 03 03 00 02 02 0A",
			hear: `the peer is no MQTT server: it answered CONNECT with "\x15\x03\x03\x00\x02\x02\n"; it speaks TLS: try tls://`},
		{name: "one strange byte", connack: "00",
			hear: `the peer is no MQTT server: it answered CONNECT with "\x00"`},
		{name: "AUTH, 5", version: packet.V5, connack: "F0 00", is: ErrProtocol},
		{name: "a CONNACK that is too short", connack: "20 01 00", is: ErrProtocol},
		{name: "half a CONNACK", connack: "20 02", is: io.EOF,
			hear: "the server closed the connection without a CONNACK: EOF"},
		{name: "nothing", connack: "", is: io.EOF,
			hear: "the server closed the connection without a CONNACK: EOF"},
		{name: "closes", connack: "20 02 00 00", is: io.EOF,
			hear: "the server closed the connection: EOF"},
		{name: "closes in the middle of a packet", connack: "20 02 00 00", then: "30 09 00", is: io.EOF,
			hear: "the server closed the connection in the middle of a packet: EOF"},
		{name: "a second CONNACK", connack: "20 02 00 00", then: "20 02 00 00", is: ErrProtocol},
		{name: "a SUBSCRIBE", connack: "20 02 00 00", then: "82 06 0001 0001 74 00", is: ErrProtocol},
		{name: "QoS 3", connack: "20 02 00 00", then: "36 06 0001 74 0001 61", is: ErrProtocol},
		{name: "a length that does not end", connack: "20 02 00 00", then: "30 FF FF FF FF", is: ErrProtocol},
		{name: "QoS 3, 5", version: packet.V5, connack: "20 03 00 00 00", then: "36 07 0001 74 0001 00 61",
			farewell: "E0 01 81", is: ErrProtocol},
		{name: "a Topic Alias, 5", version: packet.V5, connack: "20 03 00 00 00", then: "30 06 0000 03 23 0001",
			farewell: "E0 01 94", is: ErrProtocol},
		{name: "DISCONNECT of a 3.1.1 server", connack: "20 02 00 00", then: "E0 00", is: ErrProtocol},
		{name: "session taken over", version: packet.V5, connack: "20 03 00 00 00", then: "E0 01 8E",
			hear: "disconnected by the server: Session taken over (DISCONNECT 0x8E)"},
		{name: "quota, with a Reason String", version: packet.V5, connack: "20 03 00 00 00", then: "E0 07 97 05 1F 0002 6E6F",
			hear: "disconnected by the server: Quota exceeded (DISCONNECT 0x97): no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, e *Native) {
				s, r, g := newFake(t), newRecorder(), e.Groups()[0]
				cl := g.New(Options{URL: s.url(), ClientID: "c", Version: c.version}, r)
				on(t, g, cl.Connect)
				s.accept()
				a := actor{play: play{version: c.version}, id: "c"}
				s.expect(a.connect())
				s.send(c.connack + c.then)
				if c.farewell != "" {
					s.expect(c.farewell)
					s.expectEnd()
				}
				s.peer.Close()
				got := strings.TrimPrefix(r.await(t, "disconnected"), "disconnected ")
				if c.hear != "" && got != c.hear {
					t.Errorf("disconnected: %s\nwant: %s", got, c.hear)
				}
				if c.is != nil && !errors.Is(r.lastErr, c.is) {
					t.Errorf("%v is no %v", r.lastErr, c.is)
				}
				if strings.Contains(got, "connect to") {
					t.Errorf("%q blames the dialling", got)
				}
			})
		})
	}
}

func TestNobodyListens(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		r, g := newRecorder(), e.Groups()[0]
		const nobody = "tcp://127.0.0.1:1" // A port that nobody gets by chance.
		c := g.New(Options{URL: nobody}, r)
		on(t, g, c.Connect)
		r.await(t, "disconnected connect to "+nobody+": ")
		if !errors.Is(r.lastErr, syscall.ECONNREFUSED) {
			t.Error(r.lastErr)
		}
		on(t, g, c.Connect)
		r.await(t, "disconnected connect to")

		// Who connects again and again does not keep the engine from closing.
		on(t, g, func() {
			r.onDisconnected = func(error) { c.Connect() }
			c.Connect()
		})
		r.await(t, "disconnected connect to")
		e.Close()
	})
}

func TestNoConnack(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		s, r, g := newFake(t), newRecorder(), e.Groups()[0]
		c := g.New(Options{URL: s.url(), ConnectTimeout: 100 * time.Millisecond}, r)
		on(t, g, c.Connect)
		if got := r.await(t, "disconnected"); got != "disconnected the server is silent: no CONNACK within 100ms" {
			t.Error(got)
		}
	})
}

// TestKeepAlive: PINGREQ while nothing else is sent, and the end when it has no answer.
func TestKeepAlive(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		t.Parallel()
		for {
			s, r, g := newFake(t), newRecorder(), e.Groups()[0]
			c := g.New(Options{URL: s.url(), ClientID: "c", KeepAlive: time.Second}, r)
			on(t, g, c.Connect)
			s.accept()
			s.expect("10 0D 0004 4D515454 04 00 0001 0001 63")
			s.send("20 02 00 00")
			connected := time.Now()
			s.expect("C0 00")
			s.peer.Write(unhex(t, "D0 00"))
			if time.Since(connected) > 1800*time.Millisecond {
				t.Log("this machine stood still for too long: once more")
				continue
			}
			s.expect("C0 00")
			if got := r.await(t, "disconnected"); got != "disconnected the server is silent: no PINGRESP within 1s" {
				t.Error(got)
			}
			return
		}
	})
}

// TestServerKeepAlive: the server's word counts, [v5 MQTT-3.2.2-21], zero included.
func TestServerKeepAlive(t *testing.T) {
	e := newEngine(t, NativeOptions{})
	s, r, g := newFake(t), newRecorder(), e.Groups()[0]
	c := g.New(Options{URL: s.url(), ClientID: "c", Version: packet.V5}, r)
	on(t, g, c.Connect)
	s.accept()
	s.expect(connect5)
	s.send("20 06 00 00 03 13 0001")
	s.expect("C0 00")
	s.drop()
	r.await(t, "disconnected")
	on(t, g, c.Connect)
	s.accept()
	s.send("20 06 00 00 03 13 0000")
	r.await(t, "connected")
	on(t, g, func() {
		if n := e.groups[0].wheel.n; n != 0 {
			t.Errorf("%d deadlines, though Keep Alive is off", n)
		}
	})
}

// TestReentrancy calls everything from within everything.
func TestReentrancy(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		s, r, g := newFake(t), newRecorder(), e.Groups()[0]
		c := g.New(Options{URL: s.url(), ClientID: "c", Window: 1}, r)
		publish := func(q packet.QoS, x string) bool {
			return c.Publish(&Message{Topic: "t", Payload: []byte(x), QoS: q, Token: uint64(x[0])})
		}
		r.onConnected = func(bool) { publish(1, "a") }
		r.onAcked = func(tok uint64) {
			switch tok {
			case 'a':
				publish(2, "b")
			case 'b':
				for range 40 { // More than there are slots: they move.
					c.Subscribe([]string{"t"}, 0)
				}
				if !publish(1, "c") || publish(1, "d") {
					t.Error("the window is not 1")
				}
			}
		}
		r.onWritable = func() { publish(1, "d") }
		on(t, g, c.Connect)
		s.accept()
		s.expect(connect311)
		s.send("20 02 00 00")
		s.expect("32 06 0001 74 0001 61")
		s.send("40 02 0001")
		s.expect("34 06 0001 74 0002 62")
		s.send("50 02 0002")
		s.expect("62 02 0002")
		s.send("70 02 0002")
		for i := range byte(40) {
			s.expect("82 06 00" + string("0123456789ABCDEF"[(i+3)>>4]) + string("0123456789ABCDEF"[(i+3)&15]) + " 0001 74 00")
		}
		s.expect("32 06 0001 74 002B 63")
		s.send("40 02 002B")
		s.expect("32 06 0001 74 002C 64")

		// Disconnect from Received: what was received before is acknowledged, this message is not, and
		// what came behind it is not looked at.
		on(t, g, func() {
			r.onReceived = func(m *Reception) {
				if m.ID > 2 {
					t.Error("Received after Disconnect")
				}
				if m.ID == 2 {
					c.Disconnect()
				}
			}
		})
		s.send("32 06 0001 74 0001 61 32 06 0001 74 0002 62 32 06 0001 74 0003 63")
		s.expect("40 02 0001 E0 00")
		s.expectEnd()
		s.peer.Close()
		if r.await(t, "received t b"); r.await(t, "disconnected") != "disconnected <nil>" {
			t.Error(r.lastErr)
		}

		// Connect from Disconnected, Cut from Received.
		on(t, g, func() {
			r.onConnected, r.onReceived = nil, func(*Reception) { c.Cut() }
			r.onDisconnected = func(error) { r.onDisconnected = nil; c.Connect() }
			c.Connect()
		})
		s.accept()
		s.send("20 02 01 00 32 06 0001 74 0002 62")
		r.await(t, "received")
		r.await(t, "disconnected <nil>")
		s.peer.Close()
		s.accept()
		s.expect(connect311)
		s.send("20 02 01 00")
		s.expect("3A 06 0001 74 002C 64")

		// Connect while closing waits for the end. What Connected publishes follows the resend.
		on(t, g, func() {
			r.onConnected = func(bool) { publish(0, "z") }
			c.Cut()
			c.Connect()
		})
		r.await(t, "disconnected <nil>")
		s.peer.Close()
		s.accept()
		s.expect(connect311)
		s.send("20 02 01 00")
		s.expect("3A 06 0001 74 002C 64 30 04 0001 74 7A")
		r.await(t, "connected true")
		e.Close()
		r.await(t, "disconnected <nil>")
		want := [Phases]int{ConnectTCP: 4, ConnectMQTT: 4, PublishAck: 2, PublishRec: 1, ReleaseComp: 1}
		if r.took != want {
			t.Errorf("phases %v, want %v", r.took, want)
		}
		if got := e.Counters().Out[packet.PUBACK]; got != (Traffic{1, 4}) {
			t.Errorf("%+v PUBACK counted, one was sent", got)
		}
	})
}

// TestOutboxFull: a server that does not read makes Publish say false, and Writable follows when it reads again.
func TestOutboxFull(t *testing.T) {
	for name, q := range map[string]packet.QoS{"QoS 0": 0, "QoS 1": 1} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, NativeOptions{Outbox: 64 << 10})
			s, r, g := newFake(t), newRecorder(), e.Groups()[0]
			c := g.New(Options{URL: s.url(), ClientID: "c", Window: 65535}, r)
			on(t, g, c.Connect)
			s.accept()
			s.send("20 02 00 00")
			r.await(t, "connected")
			sent := 0
			m := Message{Topic: "t", Payload: make([]byte, 16<<10), QoS: q}
			on(t, g, func() {
				for c.Publish(&m) {
					sent++
				}
				if c.Pending() < 64<<10 || c.Pending() > 128<<10 {
					t.Errorf("pending %d", c.Pending())
				}
			})
			go io.Copy(io.Discard, s.peer)
			r.await(t, "writable")
			on(t, g, func() {
				if !c.Publish(&m) {
					t.Error("Writable was not true")
				}
			})
			if sent < 4 {
				t.Errorf("%d messages fitted", sent)
			}
		})
	}
}

// TestPacer: the caller's timer and the engine's own deadlines share the one timer of the loop.
func TestPacer(t *testing.T) {
	eachDriver(t, testPacer)
	t.Run("precise", func(t *testing.T) { testPacer(t, newEngine(t, NativeOptions{Precise: true})) })
}

func testPacer(t *testing.T, e *Native) {
	s, r, g := newFake(t), newRecorder(), e.Groups()[0]
	c := g.New(Options{URL: s.url(), ConnectTimeout: 50 * time.Millisecond}, r)
	on(t, g, c.Connect)
	r.await(t, "disconnected the server is silent")

	turns, second := 0, make(chan bool, 1)
	on(t, g, func() {
		g.SetTimer(func(now int64) int64 {
			if turns++; turns < 5 {
				return now + 1e6
			}
			g.SetTimer(func(now int64) int64 { second <- true; return math.MaxInt64 })
			return math.MaxInt64 // Of a timer that has been replaced: without effect.
		})
	})
	select {
	case <-second:
	case <-time.After(patience):
		t.Fatal("the second timer was not called")
	}
	on(t, g, func() {
		if turns != 5 {
			t.Errorf("%d turns", turns)
		}
		g.SetTimer(nil)
	})
	on(t, g, c.Connect)
	r.await(t, "disconnected the server is silent")
}

// TestAnyBytes: whatever a server sends, the client lives on to say what became of it, and its counts add up.
func TestAnyBytes(t *testing.T) {
	e := newEngine(t, NativeOptions{})
	g := e.Groups()[0]
	packets := []string{
		"30 04 0001 74 63", "32 06 0001 74 0001 61", "34 06 0001 74 0002 62", "3D 06 0001 74 0002 62",
		"40 02 0001", "50 02 0002", "62 02 0002", "70 02 0002", "90 03 0003 01", "B0 02 0004", "D0 00",
		"32 07 0001 74 0001 00 61", "40 03 0001 97", "50 04 0002 00 00", "E0 00", "E0 01 8E", "20 02 00 00", "F0 00",
	}
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.SampledFrom([]packet.Version{packet.V311, packet.V5}).Draw(rt, "version")
		var stream []byte
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(packets), 1, 12).Draw(rt, "packets") {
			stream = append(stream, unhex(t, p)...)
		}
		for range rapid.IntRange(0, 3).Draw(rt, "faults") {
			stream[rapid.IntRange(0, len(stream)-1).Draw(rt, "at")] = rapid.Byte().Draw(rt, "byte")
		}
		stream = stream[:rapid.IntRange(0, len(stream)).Draw(rt, "length")]

		s, r := newFake(t), newRecorder()
		defer s.Close()
		c := g.New(Options{URL: s.url(), ClientID: "c", Version: v}, r)
		r.onConnected = func(bool) {
			for q := range packet.QoS(3) {
				c.Publish(&Message{Topic: "t", Payload: []byte("a"), QoS: q})
			}
			c.Subscribe([]string{"t"}, 1)
			c.Unsubscribe([]string{"t"})
		}
		on(t, g, c.Connect)
		s.accept()
		defer s.peer.Close()
		s.send(map[packet.Version]string{packet.V311: "20 02 00 00", packet.V5: "20 03 00 00 00"}[v])
		r.await(t, "connected")
		s.peer.Write(stream)
		s.peer.(*net.TCPConn).CloseWrite()
		r.await(t, "disconnected")
		on(t, g, func() {
			o := c.(*client).out
			used := 0
			for _, x := range o.slots {
				if x.stage != free {
					used++
				}
			}
			if used != int(o.used) || o.inflight != o.active || o.inflight > 2 {
				rt.Errorf("%d slots: %+v", used, o)
			}
		})
	})
}

// TestUnix: the engine dials what the transport can carry.
func TestUnix(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	e := newEngine(t, NativeOptions{})
	s, r, g := &fake{t: t}, newRecorder(), e.Groups()[0]
	c := g.New(Options{URL: "unix://" + path, ClientID: "c"}, r)
	on(t, g, c.Connect)
	if s.peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	defer s.peer.Close()
	s.expect(connect311)
	s.send("20 02 00 00")
	r.await(t, "connected")
}

// TestConnectBytes: every field of Options that goes into CONNECT.
func TestConnectBytes(t *testing.T) {
	e := newEngine(t, NativeOptions{})
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Version: packet.V31, ClientID: "c", CleanStart: true, KeepAlive: 90 * time.Second},
			"10 0F 0006 4D5149736470 03 02 005A 0001 63"},
		{Options{ClientID: "c", Username: "u", HasUsername: true, Password: "pw", HasPassword: true, KeepAlive: -1},
			"10 14 0004 4D515454 04 C0 0000 0001 63 0001 75 0002 7077"},
		{Options{Version: packet.V5, ClientID: "c", SessionExpiry: 0x01020304, KeepAlive: time.Millisecond},
			"10 13 0004 4D515454 05 00 0001 05 11 01020304 0001 63"},
		{Options{Version: packet.V5, ClientID: "c", HasUsername: true, KeepAlive: 100 * time.Hour},
			"10 10 0004 4D515454 05 80 FFFF 00 0001 63 0000"},
	} {
		s, r, g := newFake(t), newRecorder(), e.Groups()[0]
		c.o.URL = s.url()
		cl := g.New(c.o, r)
		on(t, g, cl.Connect)
		s.accept()
		s.expect(c.want)
		on(t, g, cl.Disconnect) // Before CONNACK: there is nothing to disconnect from.
		s.expectEnd()
		r.await(t, "disconnected <nil>")
	}
}

func TestCounters(t *testing.T) {
	e := newEngine(t, NativeOptions{Groups: 2})
	s, r, g := newFake(t), newRecorder(), e.Groups()[1]
	c := g.New(Options{URL: s.url(), ClientID: "c"}, r)
	on(t, g, c.Connect)
	s.accept()
	s.send("20 02 00 00 34 06 0001 74 0007 61 3C 06 0001 74 0007 61 40 02 0009")
	r.await(t, "received t a q2 id7 e0 dup again")
	want := Counters{Again: 1, Strays: 1, Connects: 1}
	want.Out[packet.CONNECT] = Traffic{1, 15}
	want.Out[packet.PUBREC] = Traffic{2, 8}
	want.In[packet.CONNACK] = Traffic{1, 4}
	want.In[packet.PUBLISH] = Traffic{2, 16}
	want.In[packet.PUBACK] = Traffic{1, 4}
	if got := e.Counters(); got != want {
		t.Errorf("counters %+v, want %+v", got, want)
	}
	e.Close()
	if got := e.Counters(); got.Connects != 1 {
		t.Errorf("after Close: %+v", got)
	}
	r.await(t, "disconnected")
}
