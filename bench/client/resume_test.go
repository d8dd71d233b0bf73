package client

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// A play is a conversation between a client and a scripted server. Its lines:
//
//	open HEX         the client connects, the server answers its CONNECT with HEX
//	publish Q X...   the client publishes each X at QoS Q; the payload X is the token, too
//	denied Q X       Publish says false; retain Q X: with RETAIN
//	C HEX            the client sends exactly this next
//	S HEX            the server sends this
//	sync             nothing else was sent by the client: it answers a QoS 1 PUBLISH next
//	drop             the server cuts; cut, disconnect: the client does
//	end, reset       the server sees the end of the connection, or a RST
//	hear TEXT        the observer hears TEXT...
//	inflight N       and the client says that so many messages are not complete
//
// All wire bytes are typed from the specification. The topic is "t", the payload a letter:
//
//	3.1.1  32 06 0001 74 0001 61       QoS 1, id 1, "a"    (3A: with DUP; 34, 3C: QoS 2)
//	5      32 07 0001 74 0001 00 61    with an empty Property Length
type play struct {
	name    string
	version packet.Version
	clean   bool
	window  int
	script  string
}

const (
	connect311      = "10 0D 0004 4D515454 04 00 003C 0001 63"
	connect311Clean = "10 0D 0004 4D515454 04 02 003C 0001 63"
	connect31       = "10 0F 0006 4D5149736470 03 00 003C 0001 63"
	connect5        = "10 0E 0004 4D515454 05 00 003C 00 0001 63"
)

var plays = []play{
	{name: "QoS 1 cut before PUBACK", script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		drop
		open 20 02 01 00
		C 3A 06 0001 74 0001 61
		sync
		S 40 02 0001
		hear acked a 00
		inflight 0`},
	{name: "QoS 1 cut after PUBACK", script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		S 40 02 0001
		hear acked a 00
		drop
		open 20 02 01 00
		sync
		inflight 0`},
	{name: "QoS 1 session lost", script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		drop
		open 20 02 00 00
		C 32 06 0001 74 0001 61
		sync
		S 40 02 0001
		hear acked a 00`},
	{name: "QoS 1 lost, then kept: DUP only from the second time on", script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		drop
		open 20 02 01 00
		C 3A 06 0001 74 0001 61
		drop
		open 20 02 00 00
		C 32 06 0001 74 0001 61
		drop
		open 20 02 01 00
		C 3A 06 0001 74 0001 61`},
	{name: "half a PUBACK is none", script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		S 40 02 00
		drop
		open 20 02 01 00
		C 3A 06 0001 74 0001 61
		inflight 1`},
	{name: "QoS 2 cut before PUBREC", script: `
		open 20 02 00 00
		publish 2 a
		C 34 06 0001 74 0001 61
		drop
		open 20 02 01 00
		C 3C 06 0001 74 0001 61
		sync
		S 50 02 0001
		C 62 02 0001
		S 70 02 0001
		hear acked a 00
		inflight 0`},
	{name: "QoS 2 cut after PUBREC: PUBREL, never PUBLISH", script: `
		open 20 02 00 00
		publish 2 a
		C 34 06 0001 74 0001 61
		S 50 02 0001
		C 62 02 0001
		drop
		open 20 02 01 00
		C 62 02 0001
		sync
		drop
		open 20 02 01 00
		C 62 02 0001
		S 70 02 0001
		hear acked a 00
		inflight 0`},
	{name: "QoS 2 cut after PUBCOMP", script: `
		open 20 02 00 00
		publish 2 a
		C 34 06 0001 74 0001 61
		S 50 02 0001
		C 62 02 0001
		S 70 02 0001
		hear acked a 00
		drop
		open 20 02 01 00
		sync
		inflight 0`},
	{name: "QoS 2 session lost before PUBREC", script: `
		open 20 02 00 00
		publish 2 a
		C 34 06 0001 74 0001 61
		drop
		open 20 02 00 00
		C 34 06 0001 74 0001 61
		sync
		inflight 1`},
	{name: "QoS 2 session lost after PUBREC: the server had it", script: `
		open 20 02 00 00
		publish 2 a b
		C 34 06 0001 74 0001 61
		C 34 06 0001 74 0002 62
		S 50 02 0001
		C 62 02 0001
		drop
		open 20 02 00 00
		C 34 06 0001 74 0002 62
		sync
		hear acked a 00
		inflight 1`},
	{name: "order: PUBREL as their PUBREC came, then PUBLISH as first sent, then new", script: `
		open 20 02 00 00
		publish 2 a b c
		publish 1 d
		C 34 06 0001 74 0001 61
		C 34 06 0001 74 0002 62
		C 34 06 0001 74 0003 63
		C 32 06 0001 74 0004 64
		S 50 02 0003 50 02 0001
		C 62 02 0003 62 02 0001
		drop
		open 20 02 01 00
		publish 1 e
		C 62 02 0003
		C 62 02 0001
		C 3C 06 0001 74 0002 62
		C 3A 06 0001 74 0004 64
		C 32 06 0001 74 0005 65
		inflight 5
		S 40 02 0005 40 02 0004 50 02 0002
		hear acked e 00
		hear acked d 00
		C 62 02 0002
		S 70 02 0003 70 02 0001 70 02 0002
		hear acked c 00
		hear acked a 00
		hear acked b 00
		inflight 0`},
	{name: "identifiers in use are not given out again", window: 2, script: `
		open 20 02 00 00
		publish 1 a b
		C 32 06 0001 74 0001 61
		C 32 06 0001 74 0002 62
		denied 1 c
		S 40 02 0002
		hear acked b 00
		hear writable
		publish 1 c
		C 32 06 0001 74 0003 63
		S 40 02 0003
		hear acked c 00
		publish 1 d
		C 32 06 0001 74 0004 64
		S 40 02 0004
		hear acked d 00
		drop
		open 20 02 01 00
		C 3A 06 0001 74 0001 61
		sync`},
	{name: "a clean session loses nothing of ours", clean: true, script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		publish 2 b
		C 34 06 0001 74 0002 62
		drop
		open 20 02 00 00
		C 32 06 0001 74 0001 61
		C 34 06 0001 74 0002 62
		inflight 2`},
	{name: "Session Present after Clean Session", clean: true, script: `
		open! 20 02 01 00
		hear disconnected protocol error by the server`},
	{name: "cut and disconnect by the client keep the session", script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		cut
		reset
		hear disconnected <nil>
		open 20 02 01 00
		C 3A 06 0001 74 0001 61
		disconnect
		C E0 00
		end
		hear disconnected <nil>
		open 20 02 01 00
		C 3A 06 0001 74 0001 61
		inflight 1`},
	{name: "MQTT 3.1 cannot say that a session is present", version: packet.V31, script: `
		open 20 02 00 00
		publish 2 a b
		C 34 06 0001 74 0001 61
		C 34 06 0001 74 0002 62
		S 50 02 0001
		C 62 02 0001
		drop
		open 20 02 00 00
		C 62 02 0001
		C 3C 06 0001 74 0002 62`},
	{name: "version 5 resume", version: packet.V5, script: `
		open 20 03 00 00 00
		publish 1 a
		publish 2 b c
		C 32 07 0001 74 0001 00 61
		C 34 07 0001 74 0002 00 62
		C 34 07 0001 74 0003 00 63
		S 50 02 0003
		C 62 02 0003
		drop
		open 20 03 01 00 00
		C 62 02 0003
		C 3A 07 0001 74 0001 00 61
		C 3C 07 0001 74 0002 00 62
		S 70 03 0003 92
		hear acked c 00
		inflight 2`},
	{name: "Receive Maximum of the new connection bounds the resend", version: packet.V5, script: `
		open 20 03 00 00 00
		publish 1 a b
		publish 2 c
		C 32 07 0001 74 0001 00 61
		C 32 07 0001 74 0002 00 62
		C 34 07 0001 74 0003 00 63
		drop
		open 20 06 01 00 03 21 0001
		C 3A 07 0001 74 0001 00 61
		sync
		denied 1 d
		denied 0 d
		S 40 02 0001
		hear acked a 00
		C 3A 07 0001 74 0002 00 62
		sync
		S 40 02 0002
		hear acked b 00
		C 3C 07 0001 74 0003 00 63
		hear writable
		denied 1 d
		S 50 02 0003
		C 62 02 0003
		S 70 02 0003
		hear acked c 00
		hear writable
		publish 1 d
		C 32 07 0001 74 0004 00 64`},
	{name: "Receive Maximum does not hold up PUBREL", version: packet.V5, script: `
		open 20 03 00 00 00
		publish 2 a b c
		C 34 07 0001 74 0001 00 61
		C 34 07 0001 74 0002 00 62
		C 34 07 0001 74 0003 00 63
		S 50 02 0002 50 02 0003
		C 62 02 0002 62 02 0003
		drop
		open 20 06 01 00 03 21 0001
		C 62 02 0002 62 02 0003
		sync
		S 70 02 0002
		hear acked b 00
		sync
		S 70 02 0003
		C 3C 07 0001 74 0001 00 61`},
	{name: "an early answer to the first sending", version: packet.V5, script: `
		open 20 03 00 00 00
		publish 1 a b
		publish 2 c
		C 32 07 0001 74 0001 00 61
		C 32 07 0001 74 0002 00 62
		C 34 07 0001 74 0003 00 63
		drop
		open 20 06 01 00 03 21 0001
		C 3A 07 0001 74 0001 00 61
		S 50 02 0003
		C 62 02 0003
		S 40 02 0002
		hear acked b 00
		S 40 02 0001 70 02 0003
		hear acked a 00
		hear acked c 00
		publish 1 d
		C 32 07 0001 74 0004 00 64
		denied 1 e
		inflight 1`},
	{name: "Maximum Packet Size of the new connection", version: packet.V5, script: `
		open 20 03 00 00 00
		publish 1 a
		C 32 07 0001 74 0001 00 61
		drop
		open 20 08 01 00 05 27 00000008
		hear acked a 95
		sync
		publish 1 b
		hear acked b 95
		sync
		inflight 0`},
	{name: "Maximum QoS 1 and no RETAIN", version: packet.V5, script: `
		open 20 07 00 00 04 24 01 25 00
		publish 2 a
		hear acked a 9b
		retain 0 c
		hear acked c 9a
		publish 1 b
		C 32 07 0001 74 0001 00 62`},
	{name: "refused with a reason", version: packet.V5, script: `
		open 20 03 00 00 00
		publish 1 a
		publish 2 b
		C 32 07 0001 74 0001 00 61
		C 34 07 0001 74 0002 00 62
		S 40 03 0001 97
		hear acked a 97
		S 50 03 0002 87
		hear acked b 87
		inflight 0
		sync`},
	{name: "no matching subscribers is not a refusal", version: packet.V5, script: `
		open 20 03 00 00 00
		publish 2 b
		C 34 07 0001 74 0001 00 62
		S 50 03 0001 10
		C 62 02 0001
		S 70 02 0001
		hear acked b 00`},
	{name: "an assigned Client Identifier is used again", version: packet.V5, script: `
		noid
		open 20 07 00 00 04 12 0001 63
		drop
		open 20 03 01 00 00`},
	{name: "strays are answered and complete nothing", script: `
		open 20 02 00 00
		publish 1 a
		C 32 06 0001 74 0001 61
		S 40 02 0009 70 02 0009 90 03 0009 00 B0 02 0009
		sync
		S 50 02 0009
		C 62 02 0009
		S 50 02 0001
		C 62 02 0001
		S 70 02 0001
		sync
		publish 2 b
		C 34 06 0001 74 0002 62
		S 40 02 0002 70 02 0002
		sync
		inflight 2`},
	{name: "strays in version 5", version: packet.V5, script: `
		open 20 03 00 00 00
		S 50 02 0009
		C 62 03 0009 92
		S 62 02 0009
		C 70 03 0009 92`},
	{name: "PUBREC twice", script: `
		open 20 02 00 00
		publish 2 a
		C 34 06 0001 74 0001 61
		S 50 02 0001 50 02 0001
		C 62 02 0001 62 02 0001
		S 70 02 0001
		hear acked a 00
		inflight 0`},
	{name: "QoS 2 received twice, delivered once, answered twice", script: `
		open 20 02 00 00
		S 34 06 0001 74 0007 61
		C 50 02 0007
		S 3C 06 0001 74 0007 61
		C 50 02 0007
		hear received t a q2 id7 e0
		hear received t a q2 id7 e0 dup again
		drop
		open 20 02 01 00
		S 3C 06 0001 74 0007 61
		C 50 02 0007
		hear received t a q2 id7 e1 dup again
		S 62 02 0007
		C 70 02 0007
		S 34 06 0001 74 0007 62
		C 50 02 0007
		hear received t b q2 id7 e1
		S 62 02 0007 62 02 0007
		C 70 02 0007 70 02 0007`},
	{name: "a lost session forgets received identifiers", script: `
		open 20 02 00 00
		S 34 06 0001 74 0007 61
		C 50 02 0007
		drop
		open 20 02 00 00
		S 34 06 0001 74 0007 62
		C 50 02 0007
		hear received t b q2 id7 e1`},
	{name: "acknowledgements of one read, in order, in one piece", script: `
		open 20 02 00 00
		S 32 06 0001 74 0001 61 34 06 0001 74 0002 62 30 04 0001 74 63 33 06 0001 74 0003 64 62 02 0002
		C 40 02 0001 50 02 0002 40 02 0003 70 02 0002
		hear received t a q1 id1 e0
		hear received t b q2 id2 e0
		hear received t c q0 id0 e0
		hear received t d q1 id3 e0 retain`},
	{name: "half packets", script: `
		open 20 02 00 00
		S 32
		S 06 0001
		S 74 0001 61 32 06
		C 40 02 0001
		S 0001 74 0002 62
		C 40 02 0002`},
	{name: "subscribe", script: `
		open 20 02 00 00
		subscribe
		C 82 0A 0001 0001 74 02 0001 75 02
		S 90 04 0001 02 80
		hear subscribed [2 128]
		unsubscribe
		C A2 05 0002 0001 74
		S B0 02 0002
		subscribe
		C 82 0A 0003 0001 74 02 0001 75 02
		drop
		open 20 02 01 00
		sync
		S 90 04 0003 02 02
		sync`},
}

func TestPlays(t *testing.T) {
	for _, p := range plays {
		t.Run(p.name, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, e *Native) { p.run(t, e) })
		})
	}
}

// A stage of a play.
type actor struct {
	play
	t  *testing.T
	g  Group
	s  *fake
	c  Client
	r  *recorder
	id string
}

func (p play) run(t *testing.T, e *Native) {
	a := &actor{play: p, t: t, g: e.Groups()[0], s: newFake(t), r: newRecorder(), id: "c"}
	if strings.Contains(p.script, "noid") {
		a.id = ""
	}
	a.c = a.g.New(Options{URL: a.s.url(), ClientID: a.id, Version: p.version, CleanStart: p.clean, Window: p.window}, a.r)
	for i, line := range strings.Split(strings.TrimSpace(p.script), "\n") {
		line = strings.TrimSpace(line)
		t.Logf("%2d %s", i, line)
		verb, rest, _ := strings.Cut(line, " ")
		a.do(verb, rest)
	}
}

func (a *actor) do(verb, rest string) {
	a.t.Helper()
	switch verb {
	case "noid":
	case "open", "open!":
		on(a.t, a.g, a.c.Connect)
		a.s.accept()
		a.s.expect(a.connect())
		a.s.send(rest)
		if verb == "open" {
			a.r.await(a.t, "connected")
		}
	case "publish", "denied", "retain":
		q := packet.QoS(rest[0] - '0')
		for _, x := range strings.Fields(rest[1:]) {
			a.publish(q, x, verb == "retain", verb != "denied")
		}
	case "C":
		a.s.expect(rest)
	case "S":
		a.s.send(rest)
	case "sync":
		a.sync()
	case "drop":
		a.s.drop()
		a.r.await(a.t, "disconnected connection lost")
	case "cut":
		on(a.t, a.g, a.c.Cut)
	case "disconnect":
		on(a.t, a.g, a.c.Disconnect)
	case "reset":
		a.s.peer.SetReadDeadline(time.Now().Add(patience))
		if _, err := a.s.peer.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			a.t.Errorf("the server read: %v, want a RST", err)
		}
	case "end":
		a.s.expectEnd()
	case "subscribe":
		on(a.t, a.g, func() { a.c.Subscribe([]string{"t", "u"}, 2) })
	case "unsubscribe":
		on(a.t, a.g, func() { a.c.Unsubscribe([]string{"t"}) })
	case "hear":
		if got := a.r.await(a.t, rest); !strings.HasPrefix(rest, "disconnected") && got != rest {
			a.t.Fatalf("heard %q, want %q", got, rest)
		}
	case "inflight":
		on(a.t, a.g, func() {
			if got := fmt.Sprint(a.c.Inflight()); got != rest {
				a.t.Errorf("Inflight %s, want %s", got, rest)
			}
		})
	default:
		a.t.Fatalf("no such verb: %s", verb)
	}
}

// connect is the CONNECT that the client is to send.
func (a *actor) connect() string {
	switch {
	case a.id == "":
		a.id = "c" // The next time it has one.
		return "10 0D 0004 4D515454 05 00 003C 00 0000"
	case a.version == packet.V31:
		return connect31
	case a.version == packet.V5:
		return connect5
	case a.clean:
		return connect311Clean
	}
	return connect311
}

func (a *actor) publish(q packet.QoS, x string, retain, want bool) {
	a.t.Helper()
	on(a.t, a.g, func() {
		m := Message{Topic: "t", Payload: []byte(x), QoS: q, Retain: retain, Token: uint64(x[0])}
		if got := a.c.Publish(&m); got != want {
			a.t.Errorf("Publish %s: %v, want %v", x, got, want)
		}
		m.Payload[0] = '!' // It was lent only.
	})
}

// sync: whatever the client had to send before this PUBLISH would come before its PUBACK.
func (a *actor) sync() {
	a.t.Helper()
	if a.version == packet.V5 {
		a.s.send("32 07 0001 74 00FF 00 7A")
	} else {
		a.s.send("32 06 0001 74 00FF 7A")
	}
	a.s.expect("40 02 00FF")
}

// TestRecall: what is sent again is made again, from the token and the time that it was published with, RETAIN and properties
// included; the QoS and the Packet Identifier are those of the exchange. A second time it is the same.
func TestRecall(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		s, r, g := newFake(t), newRecorder(), e.Groups()[0]
		c := g.New(Options{URL: s.url(), ClientID: "c", Version: packet.V5}, r)
		message := func(token uint64, sent int64) *Message {
			expiry := packet.AppendProp(nil, packet.Prop{ID: packet.PropMessageExpiryInterval, N: uint32(sent)})
			return &Message{Topic: "t", Payload: []byte{byte(token)}, QoS: 2, Retain: true, Token: token, Sent: sent, Props: expiry}
		}
		r.onRecall = message
		for i, connack := range []string{"20 03 00 00 00", "20 03 01 00 00", "20 03 01 00 00"} {
			on(t, g, c.Connect)
			s.accept()
			s.expect(connect5)
			s.send(connack)
			r.await(t, "connected")
			if i == 0 {
				on(t, g, func() { c.Publish(message('a', 7)) })
			}
			s.expect([]string{"35", "3D", "3D"}[i] + "0C 0001 74 0001 05 02 00000007 61")
			s.drop()
			r.await(t, "disconnected")
		}
	})
}
