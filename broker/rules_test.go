package broker

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// TestRule01 to TestRule26 are the rules that brokers most often break, each at the wire,
// over both drivers and in both versions that are in use. conformance.md says of all
// normative statements which test shows them; these are the ones that were paid for in
// lost, doubled and reordered messages elsewhere.

// overVersions runs a test against a fresh broker for each driver and version.
func overVersions(t *testing.T, o Options, test func(t *testing.T, b *bench, v packet.Version)) {
	t.Helper()
	parent := t
	for _, d := range drivers {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			t.Run(fmt.Sprint(d.name, "/", v), func(t *testing.T) {
				besideIfWaiting(parent, t)
				o := o
				o.Driver = d.driver
				test(t, startBroker(t, o), v)
			})
		}
	}
}

// lasting is a session that outlives its connection, in either version.
func lasting(c *packet.Connect) {
	resume(c)
	if c.Version == packet.V5 {
		expiry(1000)(c)
	}
}

func withID(id packet.ID) func(*packet.Publish) { return func(m *packet.Publish) { m.ID = id } }

func dup(m *packet.Publish) { m.Dup = true }

func expiresIn(seconds uint32) func(*packet.Publish) {
	return pubProps(packet.Prop{ID: packet.PropMessageExpiryInterval, N: seconds})
}

// Rule 1: client and server number their messages independently of each other,
// [v5 2.2.1] [v3.1.1 2.3.1]. The same identifier is in use in both directions, at every step.
func TestRule01IndependentIdentifiers(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		p, other := b.connect(v, "p", lasting), b.connect(v, "other")
		other.subscribe("out", 2)
		p.subscribe("in", 2)
		for qos := packet.QoS(1); qos <= 2; qos++ {
			other.publish("in", "from the server", qos)
			in := p.expect("in", "from the server")
			p.sendPublish("out", "from the client", qos, withID(in.ID))
			if qos == 1 {
				p.expectAck(packet.PUBACK, in.ID)
				p.vanish()
				b.gone(1)
				p = b.connect(v, "p", lasting)
				if again := p.expect("in", "from the server"); again.ID != in.ID || !again.Dup {
					t.Errorf("PUBACK of the one ended the other: %+v", again)
				}
				p.sendAck(packet.PUBACK, in.ID, 0)
			} else {
				p.expectAck(packet.PUBREC, in.ID)
				p.sendAck(packet.PUBREC, in.ID, 0)
				p.expectAck(packet.PUBREL, in.ID)
				p.sendPublish("out", "from the client", 2, withID(in.ID), dup) // Still the same one.
				p.expectAck(packet.PUBREC, in.ID)
				p.sendAck(packet.PUBREL, in.ID, 0)
				if code := p.expectAck(packet.PUBCOMP, in.ID); code != 0 {
					t.Errorf("PUBCOMP %v", code)
				}
				p.sendAck(packet.PUBCOMP, in.ID, 0)
			}
			other.take("out", "from the client")
			other.sync()
			p.sync()
		}
	})
}

// Rule 2: a new message gets an identifier that is not in use, [v5 MQTT-2.2.1-4] [v3.1.1
// MQTT-2.3.1-4]; also when all others have come round while one stays unacknowledged.
func TestRule02UnusedIdentifier(t *testing.T) {
	sideBySide(t)
	raceless(t)
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		const n = 65535 + 200
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		sub.subscribe("a", 1)
		go func() { io.Copy(io.Discard, pub.net) }()
		var all []byte
		for i := range n {
			p := packet.Publish{Topic: []byte("a"), QoS: 1, ID: packet.ID(i%60000 + 1), Payload: []byte("x")}
			all = p.Append(all, v)
		}
		go pub.net.Write(all)
		held := sub.expectAny()
		inUse := map[packet.ID]bool{held.ID: true}
		for i := 1; i < n; i++ {
			if i == 65535 {
				sub.sendAck(packet.PUBACK, held.ID, 0) // Not all identifiers may be taken for ever.
				delete(inUse, held.ID)
			}
			m := sub.expectAny()
			if inUse[m.ID] || m.ID == 0 || m.Dup {
				t.Fatalf("message %d has the identifier %d, which is in use", i, m.ID)
			}
			sub.sendAck(packet.PUBACK, m.ID, 0)
		}
	})
}

// Rule 3: what is unacknowledged is sent again when the client is back and at no other time,
// with its identifier, with DUP and in its order, [v5 MQTT-4.4.0-1, 3.3.1-1] [v3.1.1 MQTT-4.6.0-1].
func TestRule03ResendOnReconnect(t *testing.T) {
	waits(t)
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		const n = 30
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		sub.subscribe("a", 2)
		var sent []packet.Publish
		for i := range n {
			pub.publish("a", fmt.Sprint(i), packet.QoS(1+i%2))
			m := sub.expect("a", fmt.Sprint(i))
			if m.Dup {
				t.Errorf("%d: DUP the first time", i)
			}
			sent = append(sent, m)
		}
		time.Sleep(4 * time.Duration(tick)) // Nothing is sent again because time passes.
		sub.sync()
		for range 2 { // The second time the session is taken over.
			sub = b.connect(v, "sub", lasting)
			for i, m := range sent {
				if again := sub.expect("a", fmt.Sprint(i)); again.ID != m.ID || !again.Dup || again.QoS != m.QoS {
					t.Fatalf("%+v came again as %+v", m, again)
				}
			}
			sub.sync()
		}
	})
}

// Rule 4: while an identifier is not released, what comes with it is the same message, on
// this connection and the next ones, however often, [v5 MQTT-4.3.3-10] [v3.1.1 MQTT-4.3.3-2].
func TestRule04IncomingOnce(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub", lasting)
		sub.subscribe("a", 2)
		pub.expectAck(packet.PUBREC, pub.sendPublish("a", "once", 2, withID(7)))
		for range 3 {
			for range 3 {
				pub.sendPublish("a", "once", 2, withID(7), dup)
				if code := pub.expectAck(packet.PUBREC, 7); code != 0 {
					t.Fatalf("a legal retry is answered with %v", code)
				}
			}
			pub.vanish()
			b.gone(1)
			if pub = b.connect(v, "pub", lasting); !pub.connack.SessionPresent {
				t.Fatal("no session")
			}
		}
		pub.sendAck(packet.PUBREL, 7, 0)
		pub.expectAck(packet.PUBCOMP, 7)
		sub.take("a", "once")
		sub.sync()
		pub.sendPublish("a", "new", 2, withID(7)) // [v5 MQTT-4.3.3-12]
		pub.expectAck(packet.PUBREC, 7)
		sub.take("a", "new")
	})
}

// Rule 5: after PUBREL the PUBLISH is not sent any more, and the PUBREL is owed until PUBCOMP, on
// each connection, [v5 MQTT-4.3.3-6, 4.4.0-1] [v3.1.1 MQTT-4.3.3-1].
func TestRule05OwedPubrel(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		sub.subscribe("a", 2)
		pub.publish("a", "x", 2)
		m := sub.expect("a", "x")
		sub.sendAck(packet.PUBREC, m.ID, 0)
		sub.expectAck(packet.PUBREL, m.ID)
		for range 3 {
			sub.vanish()
			b.gone(1)
			sub = b.connect(v, "sub", lasting)
			sub.expectAck(packet.PUBREL, m.ID)
			sub.sync()
		}
		sub.sendAck(packet.PUBREC, m.ID, 0) // A client that has missed the PUBREL may ask again.
		sub.expectAck(packet.PUBREL, m.ID)
		sub.sendAck(packet.PUBCOMP, m.ID, 0)
		sub.sync()
		sub = b.connect(v, "sub", lasting)
		sub.sync()
	})
}

// Rule 6: a PUBREL that comes again after a reconnect is answered with success, whether the first was
// seen or not, [v5 MQTT-4.3.3-11, 3.7.2.1] [v3.1.1 MQTT-4.3.3-2].
func TestRule06PubrelAgain(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		pub := b.connect(v, "pub", lasting)
		pub.expectAck(packet.PUBREC, pub.sendPublish("a", "x", 2, withID(9)))
		for what, before := range map[string]func(){
			"PUBREL was lost":  func() {},
			"PUBCOMP was lost": func() { pub.sendAck(packet.PUBREL, 9, 0) },
		} {
			before()
			pub.vanish()
			b.gone(0)
			pub = b.connect(v, "pub", lasting)
			pub.sendAck(packet.PUBREL, 9, 0)
			if code := pub.expectAck(packet.PUBCOMP, 9); code != packet.Success {
				t.Errorf("%s: PUBCOMP %v", what, code)
			}
		}
		// Without a session to resume there is nothing that it could be about.
		fresh := b.connect(v, "fresh")
		fresh.sendAck(packet.PUBREL, 9, 0)
		want := packet.Success
		if v == packet.V5 {
			want = packet.PacketIdentifierNotFound
		}
		if code := fresh.expectAck(packet.PUBCOMP, 9); code != want {
			t.Errorf("PUBCOMP %v, want %v", code, want)
		}
	})
}

// Rule 7: what was sent once does not expire, [v5 MQTT-4.3.3-7]; what is only queued does, [v5 MQTT-3.3.2-5].
func TestRule07NoExpiryOnceSent(t *testing.T) {
	waits(t)
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		sub, pub := b.connect(packet.V5, "sub", lasting, receiveMaximum(3)), b.connect(packet.V5, "pub")
		sub.subscribe("a", 2)
		pub.publish("a", "QoS 1", 1, expiresIn(1))
		pub.publish("a", "QoS 2", 2, expiresIn(1))
		pub.publish("a", "to be released", 2, expiresIn(1))
		one, two, three := sub.expect("a", "QoS 1"), sub.expect("a", "QoS 2"), sub.expect("a", "to be released")
		sub.sendAck(packet.PUBREC, three.ID, 0)
		sub.expectAck(packet.PUBREL, three.ID)
		pub.publish("a", "queued", 1, expiresIn(1))
		sub.vanish()
		b.gone(1)
		time.Sleep(1100 * time.Millisecond)
		sub = b.connect(packet.V5, "sub", lasting, receiveMaximum(3))
		if m := sub.expect("a", "QoS 1"); m.ID != one.ID || !m.Dup {
			t.Errorf("%+v", m)
		}
		if m := sub.expect("a", "QoS 2"); m.ID != two.ID || !m.Dup {
			t.Errorf("%+v", m)
		}
		sub.expectAck(packet.PUBREL, three.ID)
		sub.sendAck(packet.PUBCOMP, three.ID, 0)
		sub.complete(one)
		sub.sync() // "queued" is gone although there is room now.
		if n := b.Stats().Dropped.Expired; n != 1 {
			t.Errorf("%d counted as expired, want 1", n)
		}
	})
}

// Rule 8: the Message Expiry Interval that leaves is the one that came less the time waited, [v5 MQTT-3.3.2-6].
func TestRule08ExpiryCountsDown(t *testing.T) {
	waits(t)
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		sub, pub := b.connect(packet.V5, "sub", lasting), b.connect(packet.V5, "pub")
		sub.subscribe("a", 1)
		pub.publish("a", "at once", 1, expiresIn(100))
		if m := sub.take("a", "at once"); m.Expiry != 100 {
			t.Errorf("expiry %d without waiting, want 100", m.Expiry)
		}
		sub.leave()
		began := time.Now()
		pub.publish("a", "queued", 1, expiresIn(1000))
		pub.publish("r", "kept", 0, retained, expiresIn(1000))
		time.Sleep(1100 * time.Millisecond)
		sub = b.connect(packet.V5, "sub", lasting)
		waited := func(name, payload string) {
			m := sub.take(name, payload)
			if least := 998 - uint32(time.Since(began).Seconds()); m.Expiry > 999 || m.Expiry < least {
				t.Errorf("%s: expiry %d after more than a second, want from %d to 999", payload, m.Expiry, least)
			}
		}
		waited("a", "queued")
		sub.subscribe("r", 0)
		waited("r", "kept")
	})
}

// Rule 9: the messages of one publisher on one topic come in their order, QoS by QoS, while the
// subscriber's window is shut, its session is offline, resumes and is taken over, [v5 MQTT-4.6.0-5, 4.6.0-6]
// [v3.1.1 MQTT-4.6.0-5, 4.6.0-6].
func TestRule09Order(t *testing.T) {
	sideBySide(t)
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		narrow := onlyIf(v == packet.V5, receiveMaximum(7))
		b.connect(v, "sub", lasting, narrow).subscribe("a/#", 2)
		n := lessIfShort(1500, 300)
		var done sync.WaitGroup
		for qos := range packet.QoS(3) {
			pub := b.connect(v, fmt.Sprint("pub", qos))
			done.Go(func() {
				for i := range n {
					pub.publish(fmt.Sprintf("a/%d", qos), fmt.Sprint(i), qos)
				}
			})
		}
		finished := make(chan struct{})
		go func() {
			done.Wait()
			close(finished)
		}()
		next := [3]int{}
		inside := map[packet.ID]bool{} // QoS 2 identifiers that were not released.
		take := func(sub *peer, f packet.Frame) {
			switch f.Type {
			case packet.PUBREL:
				id := packet.ID(f.Body[0])<<8 | packet.ID(f.Body[1])
				delete(inside, id)
				sub.sendAck(packet.PUBCOMP, id, 0)
			case packet.PUBLISH:
				var m packet.Publish
				if err := m.Decode(v, f.Flags, f.Body); err != nil {
					t.Fatal(err)
				}
				if m.QoS > 0 {
					sub.sendAck(packet.PUBACK+packet.Type(m.QoS-1), m.ID, 0)
				}
				var q, i int
				fmt.Sscanf(string(m.Topic), "a/%d", &q)
				fmt.Sscan(string(m.Payload), &i)
				if q == 2 && inside[m.ID] || q == 1 && m.Dup && i < next[1] {
					return // The same once more.
				}
				if q == 2 {
					inside[m.ID] = true
				}
				if i < next[q] || q > 0 && i != next[q] {
					t.Fatalf("QoS %d: %d (DUP %v), want %d", q, i, m.Dup, next[q])
				}
				next[q] = i + 1
			}
		}
		for round := 0; next[1] < n || next[2] < n; round++ {
			sub := b.connect(v, "sub", lasting, narrow)
			for range 20 + round*7%90 {
				if next[1] == n && next[2] == n {
					break
				}
				f, ok := sub.read()
				if !ok {
					t.Fatal("closed")
				}
				take(sub, f)
			}
			if round%2 == 0 {
				sub.vanish()
			}
		}
		<-finished
	})
}

// Rule 9, too: CONNACK is the first packet, whatever is published meanwhile, [v5 MQTT-3.2.0-1] [v3.1.1
// MQTT-3.2.0-1]. The QoS 0 message takes no lock, so it is the one that would get ahead.
func TestRule09ConnackFirst(t *testing.T) {
	sideBySide(t)
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		first := b.connect(v, "sub", lasting)
		first.subscribe("a", 0)
		first.leave()
		var stop atomic.Bool
		var done sync.WaitGroup
		for i := range 2 { // One on each loop.
			pub := b.connect(v, fmt.Sprint("pub", i))
			p := packet.Publish{Topic: []byte("a"), Payload: []byte("x")}
			var burst []byte
			for range 500 {
				burst = p.Append(burst, v)
			}
			done.Go(func() {
				for !stop.Load() {
					pub.send(burst)
					pub.sync()
				}
			})
		}
		defer done.Wait()
		defer stop.Store(true)
		for range lessIfShort(300, 60) {
			p := b.dial(v)
			p.sendConnect("sub", lasting)
			if f, ok := p.read(); !ok || f.Type != packet.CONNACK {
				t.Fatalf("%s came before CONNACK", p.describe(f))
			}
			p.next(packet.PUBLISH) // It is in the crowd.
			p.vanish()
		}
	})
}

// Rule 10: the quota of messages in flight is that of the present connection, full at its
// beginning and never exceeded, and a smaller one loses nothing, [v5 MQTT-4.9.0-1, 4.9.0-2, 3.3.4-9].
func TestRule10QuotaPerConnection(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		const n = 12
		sub, pub := b.connect(packet.V5, "sub", lasting, receiveMaximum(5)), b.connect(packet.V5, "pub")
		sub.subscribe("a", 2)
		for i := range n {
			pub.publish("a", fmt.Sprint(i), packet.QoS(1+i%2))
		}
		for i := range 5 {
			sub.expect("a", fmt.Sprint(i))
		}
		sub.sync()
		for _, window := range []int{2, 8, 3} {
			sub.vanish()
			b.gone(1)
			sub = b.connect(packet.V5, "sub", lasting, receiveMaximum(uint32(window)))
			for i := range window {
				sub.expect("a", fmt.Sprint(i))
			}
			sub.sync()
		}
		sub.vanish()
		b.gone(1)
		sub = b.connect(packet.V5, "sub", lasting, receiveMaximum(2))
		for i := range n {
			sub.take("a", fmt.Sprint(i))
		}
		sub.sync()
		// A PUBREC that refuses gives quota back, as PUBACK and PUBCOMP do; PUBREC alone does not.
		pub.publish("a", "1", 2)
		pub.publish("a", "2", 2)
		pub.publish("a", "3", 2)
		m := sub.expect("a", "1")
		sub.expect("a", "2")
		sub.sendAck(packet.PUBREC, m.ID, 0)
		sub.expectAck(packet.PUBREL, m.ID)
		sub.sync()
		sub.sendAck(packet.PUBCOMP, m.ID, 0)
		sub.take("a", "3")
	})
}

// Rule 11: a client that has more unfinished messages than the server's Receive Maximum is told so with
// 0x93, [v5 3.3.4, 4.9].
func TestRule11ReceiveMaximumExceeded(t *testing.T) {
	overDrivers(t, Options{ReceiveMaximum: 3}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "p")
		if p.connack.ReceiveMaximum != 3 {
			t.Fatalf("CONNACK says %d", p.connack.ReceiveMaximum)
		}
		var last packet.ID
		for range 3 {
			last = p.sendPublish("a", "x", 2)
			p.expectAck(packet.PUBREC, last)
		}
		p.sendAck(packet.PUBREL, last, 0) // Makes room for one.
		p.expectAck(packet.PUBCOMP, last)
		p.expectAck(packet.PUBREC, p.sendPublish("a", "x", 2))
		p.sendPublish("a", "x", 2)
		p.expectEnd(packet.ReceiveMaximumExceeded)
		if n := b.Stats().Refused.ReceiveMaximum; n != 1 {
			t.Errorf("%d counted, want 1", n)
		}
	})
}

// Rule 12: Session Present is 1 if there is a session and 0 if not, [v5 MQTT-3.2.2-2, 3.2.2-3] [v3.1.1
// MQTT-3.2.2-2, 3.2.2-3]; and what it says is true: subscriptions and messages are there, or are not. A
// broker that was started anew and has kept nothing says so.
func TestRule12SessionPresent(t *testing.T) {
	for _, d := range drivers {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			t.Run(fmt.Sprint(d.name, "/", v), func(t *testing.T) {
				b := startBroker(t, Options{Driver: d.driver})
				truth := func(want bool) {
					t.Helper()
					sub := b.connect(v, "sub", lasting)
					if sub.connack.SessionPresent != want {
						t.Fatalf("Session Present %v, want %v", sub.connack.SessionPresent, want)
					}
					if want {
						sub.take("a", "missed")
					}
					pub := b.connect(v, "pub")
					pub.publish("a", "live", 1)
					if want {
						sub.take("a", "live")
					}
					sub.sync()
					pub.leave()
					sub.leave()
				}
				truth(false)
				prepare := func() {
					sub := b.connect(v, "sub", lasting)
					sub.subscribe("a", 1)
					sub.leave()
					pub := b.connect(v, "pub")
					pub.publish("a", "missed", 1)
					pub.leave()
				}
				prepare()
				truth(true)
				prepare()
				b.connect(v, "sub", clean).leave()
				truth(false)
				prepare()
				b.Close()
				b = startBroker(t, Options{Driver: d.driver})
				truth(false)
			})
		}
	}
}

// Rule 13: a session ends when the interval that was granted has passed, not the one that was asked
// for, [v5 MQTT-4.1.0-2, 3.1.2-23].
func TestRule13GrantedExpiry(t *testing.T) {
	waits(t)
	overVersions(t, Options{SessionExpiryMax: time.Second}, func(t *testing.T, b *bench, v packet.Version) {
		p := b.connect(v, "p", lasting)
		if v == packet.V5 && (!p.connack.HasSessionExpiry || p.connack.SessionExpiry != 1) {
			t.Errorf("CONNACK grants %v %d", p.connack.HasSessionExpiry, p.connack.SessionExpiry)
		}
		p.subscribe("a", 1)
		time.Sleep(1200 * time.Millisecond) // It does not run while the client is there.
		old := p
		p = b.connect(v, "p", lasting) // It takes the session over: there is no time between in which it could end.
		old.expectEnd(packet.SessionTakenOver)
		if !p.connack.SessionPresent {
			t.Error("the session ended while its client was there")
		}
		p.vanish()
		b.await("the session has ended", func() bool { return b.Stats().Sessions == 0 })
		if s := b.Stats(); s.Subscriptions != 0 || s.SessionsExpired != 1 {
			t.Errorf("%+v", s)
		}
		if p = b.connect(v, "p", lasting); p.connack.SessionPresent {
			t.Error("a session that has ended was resumed")
		}
	})
}

// Rule 14: a message is delivered with the lower of its own and the granted QoS, [v5 MQTT-3.8.4-8] [v3.1.1
// MQTT-3.8.4-6]; live, from the queue and retained.
func TestRule14LowerQoS(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		pub := b.connect(v, "pub")
		for granted := range packet.QoS(3) {
			for published := range packet.QoS(3) {
				name, want := fmt.Sprint(granted, published), min(granted, published)
				check := func(how string, m packet.Publish) {
					if m.QoS != want {
						t.Errorf("%s, published %d, granted %d: QoS %d", how, published, granted, m.QoS)
					}
				}
				sub := b.connect(v, "sub"+name, lasting)
				sub.subscribe(name, granted)
				pub.publish(name, "x", published)
				check("live", sub.take(name, "x"))
				sub.leave()
				pub.publish(name, "y", published, retained)
				sub = b.connect(v, "sub"+name, lasting)
				if want > 0 {
					check("queued", sub.take(name, "y"))
				}
				sub.subscribe(name, granted)
				check("retained", sub.take(name, "y"))
				sub.leave()
			}
		}
	})
}

// Rule 15: overlapping subscriptions bring one copy, with the highest QoS of them and all Subscription
// Identifiers, [v5 MQTT-3.3.4-2 to 3.3.4-5] [v3.1.1 MQTT-3.3.5-1]; also from the queue.
func TestRule15Overlap(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		id := func(n uint32) func(*packet.Subscribe) {
			if v == packet.V5 {
				return subID(n)
			}
			return func(*packet.Subscribe) {}
		}
		sub.subscribe("a/#", 0, id(3))
		sub.subscribe("a/+", 2, id(5))
		sub.subscribe("a/b", 1, id(7))
		sub.subscribe("+/b", 1)
		one := func() {
			t.Helper()
			m := sub.take("a/b", "x")
			ids := map[uint32]bool{}
			for _, n := range subIDs(m) {
				ids[n] = true
			}
			if m.QoS != 2 || v == packet.V5 && (len(ids) != 3 || !ids[3] || !ids[5] || !ids[7]) {
				t.Errorf("QoS %d, identifiers %v", m.QoS, ids)
			}
			sub.sync()
		}
		pub.publish("a/b", "x", 2)
		one()
		sub.leave()
		pub.publish("a/b", "x", 2)
		sub = b.connect(v, "sub", lasting)
		one()
	})
}

// Rule 16: when SUBACK has come the subscription holds, for publishers on every loop, [v5 MQTT-4.5.0-1, 3.8.4-1]
// [v3.1.1 MQTT-4.5.0-1, 3.8.4-1]; and so do its replacement and its end.
func TestRule16SubackIsEffective(t *testing.T) {
	sideBySide(t)
	overVersions(t, Options{Loops: 3}, func(t *testing.T, b *bench, v packet.Version) {
		var pubs []*peer
		for i := range 3 {
			pubs = append(pubs, b.connect(v, fmt.Sprint("pub", i)))
		}
		sub := b.connect(v, "sub")
		for i := range 300 {
			name := fmt.Sprint("t/", i)
			filter := []string{name, "+/" + fmt.Sprint(i), name + "/#", "$share/g/" + name}[i%4]
			pub := pubs[i%3]
			pub.publish(name, "before", 1) // So that the answer is in the publisher's cache.
			sub.subscribe(filter, 1)
			if code := pub.publish(name, "x", 1); code != packet.Success {
				t.Fatalf("%s: PUBACK %v right after SUBACK", filter, code)
			}
			sub.take(name, "x")
			sub.unsubscribe(filter)
			pub.publish(name, "after", 1)
			sub.sync()
		}
	})
}

// Rule 17: Retain As Published holds for what waits in the queue, [v5 MQTT-3.3.1-12, 3.3.1-13].
func TestRule17RetainAsPublished(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, sub := b.connect(packet.V5, "pub"), b.connect(packet.V5, "sub", lasting)
		asPublished := subOption(func(s *packet.Subscription) { s.RetainAsPublished = true })
		sub.subscribe("kept/+", 2, asPublished)
		sub.subscribe("cleared/+", 2)
		both := func(change ...func(*packet.Publish)) {
			for qos := packet.QoS(1); qos <= 2; qos++ {
				pub.publish("kept/1", "x", qos, change...)
				pub.publish("cleared/1", "x", qos, change...)
			}
		}
		check := func(how string, kept bool) {
			for range 2 {
				if m := sub.take("kept/1", "x"); m.Retain != kept {
					t.Errorf("%s: RETAIN %v, published %v", how, m.Retain, kept)
				}
				if m := sub.take("cleared/1", "x"); m.Retain {
					t.Errorf("%s: RETAIN was not cleared", how)
				}
			}
		}
		both(retained)
		check("live", true)
		both()
		check("live", false)
		sub.leave()
		both(retained)
		both()
		sub = b.connect(packet.V5, "sub", lasting)
		check("queued", true)
		check("queued", false)
	})
}

// Rule 18: retained messages are sent all, however full queue and outbox are; and the store has a
// budget in bytes.
func TestRule18RetainedIsNotClipped(t *testing.T) {
	sideBySide(t)
	o := Options{SessionLimits: session.Limits{MaxQueued: 10}, Outbox: 32 << 10, MaxRetainedBytes: 2 << 20}
	overVersions(t, o, func(t *testing.T, b *bench, v packet.Version) {
		const n = 300
		pub := b.connect(v, "pub")
		pad := strings.Repeat(".", 1000)
		for i := range n {
			pub.publish(fmt.Sprint("r/", i), pad, packet.QoS(i%3), retained)
		}
		sub := b.connect(v, "sub")
		sub.sendSubscribe("r/+", 2)
		sub.sendSubscribe("r/#", 2) // Before the first is through.
		sub.next(packet.SUBACK)
		seen := map[string]int{}
		var qos [3]int
		for got, released := 0, 0; got < 2*n || released < 2*n/3; {
			f, _ := sub.read()
			switch f.Type {
			case packet.SUBACK:
				continue
			case packet.PUBREL:
				sub.sendAck(packet.PUBCOMP, packet.ID(f.Body[0])<<8|packet.ID(f.Body[1]), 0)
				released++
				continue
			case packet.PUBLISH:
			default:
				t.Fatalf("got %s after %d", sub.describe(f), got)
			}
			var m packet.Publish
			m.Decode(v, f.Flags, f.Body)
			if !m.Retain {
				t.Errorf("%s without RETAIN", m.Topic)
			}
			got++
			seen[string(m.Topic)]++
			qos[m.QoS]++
			if m.QoS > 0 {
				sub.sendAck(packet.PUBACK+packet.Type(m.QoS-1), m.ID, 0)
			}
		}
		if len(seen) != n || qos != [3]int{2 * n / 3, 2 * n / 3, 2 * n / 3} {
			t.Errorf("%d names, by QoS %v", len(seen), qos)
		}
		sub.sync()
		if d := b.Stats().Dropped; d != (Dropped{}) {
			t.Errorf("dropped %+v", d)
		}
		pub.publish("live", "x", 1)
		sub.subscribe("live", 1)
		pub.publish("live", "y", 1)
		sub.take("live", "y")

		for i := 0; b.Stats().Refused.RetainedBytes == 0; i++ {
			if i > 4*(2<<20)/1000 {
				t.Fatal("the store takes everything")
			}
			pub.publish(fmt.Sprint("more/", i), pad, 0, retained)
		}
	})
}

// Rule 19: retained messages are not sent again when a session resumes, and they carry the Subscription
// Identifier, [v5 MQTT-3.3.4-3] and section 3.8.4.
func TestRule19RetainedOncePerSubscribe(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		pub, sub := b.connect(v, "pub"), b.connect(v, "sub", lasting)
		for qos := range packet.QoS(3) {
			pub.publish(fmt.Sprint("r/", qos), "x", qos, retained)
		}
		var id []func(*packet.Subscribe)
		if v == packet.V5 {
			id = append(id, subID(12))
		}
		sub.subscribe("r/#", 2, id...)
		for range 3 {
			m := sub.expectAny()
			sub.complete(m)
			if ids := subIDs(m); v == packet.V5 && (len(ids) != 1 || ids[0] != 12) {
				t.Errorf("%s: identifiers %v", m.Topic, ids)
			}
		}
		sub.sync()
		for range 2 {
			sub.vanish()
			b.gone(1)
			sub = b.connect(v, "sub", lasting)
			sub.sync()
		}
	})
}

// Rule 20: what a client must not send is a Protocol Error: a PUBLISH with a Subscription Identifier [v5
// MQTT-3.3.4-6], No Local on a shared subscription [v5 MQTT-3.8.3-4], a property twice. Bytes typed by hand.
func TestRule20ProtocolErrors(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		tests := []struct{ name, bytes string }{
			{"Subscription Identifier in PUBLISH", "\x30\x07\x00\x01a\x02\x0B\x01x"},
			{"No Local on a shared subscription", "\x82\x10\x00\x01\x00\x00\x0A$share/s/a\x04"},
			{"Payload Format Indicator twice", "\x30\x09\x00\x01a\x04\x01\x00\x01\x00x"},
			{"Message Expiry Interval twice", "\x30\x0F\x00\x01a\x0A\x02\x00\x00\x00\x09\x02\x00\x00\x00\x09x"},
			{"Topic Alias twice", "\x30\x0B\x00\x01a\x06\x23\x00\x01\x23\x00\x01x"},
			{"Content Type twice", "\x30\x0D\x00\x01a\x08\x03\x00\x01t\x03\x00\x01tx"},
			{"Response Topic twice", "\x30\x0D\x00\x01a\x08\x08\x00\x01t\x08\x00\x01tx"},
			{"Correlation Data twice", "\x30\x0D\x00\x01a\x08\x09\x00\x01t\x09\x00\x01tx"},
			{"Subscription Identifier twice", "\x82\x0B\x00\x01\x04\x0B\x01\x0B\x02\x00\x01a\x00"},
			{"Subscription Identifier 0", "\x82\x09\x00\x01\x02\x0B\x00\x00\x01a\x00"},
			{"Session Expiry Interval twice", "\xE0\x0C\x00\x0A\x11\x00\x00\x00\x00\x11\x00\x00\x00\x00"},
			{"Reason String twice in PUBACK", "\x40\x0C\x00\x01\x00\x08\x1F\x00\x01r\x1F\x00\x01r"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				b := &bench{b.Server, t}
				p := b.connect(packet.V5, "p")
				p.send([]byte(tt.bytes))
				p.expectEnd(packet.ProtocolError)
			})
		}
		if n := b.Stats().Refused.Protocol; n != uint64(len(tests)) {
			t.Errorf("%d counted, want %d", n, len(tests))
		}
	})
}

// Rule 21: any end but DISCONNECT 0 publishes the will, after its delay or with the session, whichever
// is first, and not if the client is back by then, [v5 MQTT-3.1.3-9, 3.14.4-3, 3.1.2-8] [v3.1.1 MQTT-3.1.2-8]. A will to be
// retained where nothing is retained is refused, [v5 MQTT-3.2.2-13]. The delay does not leak.
func TestRule21Will(t *testing.T) {
	waits(t)
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		watch := b.connect(v, "watch")
		watch.subscribe("will", 1)
		end := func(what string, published bool, f func(p *peer), opts ...option) {
			t.Helper()
			f(b.connect(v, "c", append(opts, withWill("will", what, 1, false))...))
			b.gone(1)
			if published {
				watch.take("will", what)
			}
			watch.sync()
		}
		end("DISCONNECT", false, (*peer).leave)
		end("reset", true, func(p *peer) {
			p.net.(interface{ SetLinger(int) error }).SetLinger(0)
			p.vanish()
		})
		end("half a packet", true, func(p *peer) {
			p.send([]byte("\x30\x20\x00"))
			p.vanish()
		})
		end("not a packet", true, func(p *peer) { p.send([]byte("\x00\x00")) })
		end("silence", true, func(p *peer) { p.expectEnd(packet.KeepAliveTimeout) }, keepAlive(1))
		if v != packet.V5 {
			return
		}
		end("0x04", true, func(p *peer) {
			p.send([]byte("\xE0\x01\x04"))
			p.expectEnd(0)
		})
		delayed := func(payload string, delay uint32, opts ...option) (ended time.Time) {
			p := packet.Prop{ID: packet.PropWillDelayInterval, N: delay}
			c := b.connect(v, "c", append(opts, withWill("will", payload, 1, false, p))...)
			ended = time.Now()
			c.vanish()
			b.gone(1)
			return ended
		}
		ended := delayed("capped by the session", 1000, resume, expiry(1))
		if m := watch.take("will", "capped by the session"); len(m.Props) != 0 {
			t.Errorf("properties % x", m.Props)
		}
		if d := time.Since(ended); d < 900*time.Millisecond {
			t.Errorf("the will came after %v", d)
		}
		for late := true; late; {
			ended := delayed("not any more", 1, resume, expiry(1000))
			b.connect(v, "c", lasting).leave()
			b.gone(1)
			late = time.Since(ended) >= time.Second // This machine was slow, and the will was due: once more.
			time.Sleep(1500 * time.Millisecond)
			if late {
				watch.sync2(t)
			} else {
				watch.sync()
			}
		}
	})
	overDrivers(t, Options{NoRetain: true}, func(t *testing.T, b *bench) {
		p := b.dial(packet.V5)
		p.sendConnect("p", withWill("will", "x", 0, true))
		if c := p.expectConnack(); c.Reason != packet.RetainNotSupported {
			t.Errorf("CONNACK %v", c.Reason)
		}
		p.expectEnd(0)
		p = b.connect(packet.V5, "p", withWill("will", "x", 0, false))
		if p.connack.RetainAvailable {
			t.Error("CONNACK does not say it")
		}
		p.sendPublish("a", "x", 1, retained)
		p.expectEnd(packet.RetainNotSupported)
		old := b.connect(packet.V311, "old", withWill("will", "x", 0, true))
		old.publish("a", "x", 1, retained)
		old.vanish()
		b.gone(0)
		if s := b.Stats(); s.Retained != 0 || s.Refused.RetainDisabled != 4 {
			t.Errorf("%d retained, %d refused", s.Retained, s.Refused.RetainDisabled)
		}
	})
}

// Rule 22: what is larger than the client takes is not sent, and the exchange goes on as if it had been,
// [v5 MQTT-3.1.2-24, 3.1.2-25]: the window stays open, order and identifiers are in step, others get it.
func TestRule22MaximumPacketSize(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		large := strings.Repeat("x", 300)
		narrow := []option{lasting, maxPacketSize(100), receiveMaximum(1)}
		sub, pub, wide := b.connect(packet.V5, "sub", narrow...), b.connect(packet.V5, "pub"), b.connect(packet.V5, "wide")
		sub.subscribe("a", 2)
		wide.subscribe("a", 2)
		mixed := func() {
			for qos := range packet.QoS(3) {
				if code := pub.publish("a", large, qos); code != packet.Success {
					t.Errorf("Reason Code %v", code)
				}
				wide.take("a", large)
			}
			pub.publish("a", "small", 2)
			wide.take("a", "small")
		}
		for range 3 {
			mixed()
			sub.take("a", "small")
			sub.sync()
			sub.leave()
			mixed() // Through the queue.
			sub = b.connect(packet.V5, "sub", narrow...)
			sub.take("a", "small")
			sub.sync()
		}
		sub.leave()
		pub.publish("a", large, 1)
		sub = b.connect(packet.V5, "sub", lasting) // Who has become larger by now gets it.
		sub.take("a", large)
		pub.publish("r", large, 1, retained)
		sub.leave()
		sub = b.connect(packet.V5, "sub", narrow...)
		sub.subscribe("r", 1)
		sub.sync()
	})
}

// Rule 23: an exchange of a shared subscription is finished with the member that it was begun with, [v5
// MQTT-4.8.2-4]; a refusal is final, [v5 MQTT-4.8.2-6]; the end of the session is, too, [v5 MQTT-4.8.2-5]; and
// members that have no room are passed over.
func TestRule23SharedFinishes(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub := b.connect(packet.V5, "pub")
		join := func(id string, opts ...option) *peer {
			p := b.connect(packet.V5, id, opts...)
			p.subscribe("$share/g/a", 2)
			return p
		}
		one, two := join("one", lasting), join("two", lasting)
		// whose finds the member that got the message.
		whose := func(payload string) (has, hasNot *peer, m packet.Publish) {
			pub.publish("a", payload, 2)
			one.send(packet.AppendPing(nil, packet.PINGREQ))
			if f, _ := one.read(); f.Type == packet.PUBLISH {
				m.Decode(packet.V5, f.Flags, f.Body)
				one.next(packet.PINGRESP)
				return one, two, m
			}
			return two, one, two.expect("a", payload)
		}
		has, hasNot, m := whose("stays")
		id := "one"
		if has == two {
			id = "two"
		}
		has.vanish()
		b.gone(2)
		hasNot.sync() // It is not given to the other one while its owner is away.
		has = b.connect(packet.V5, id, lasting)
		if again := has.take("a", "stays"); !again.Dup || again.ID != m.ID {
			t.Errorf("%+v", again)
		}
		if one, two = has, hasNot; id == "two" {
			one, two = hasNot, has
		}

		has, hasNot, m = whose("refused")
		has.sendAck(packet.PUBREC, m.ID, packet.UnspecifiedError)
		has.sync()
		hasNot.sync()

		has, hasNot, _ = whose("lost with its session")
		id = "one"
		if has == two {
			id = "two"
		}
		has.vanish()
		b.gone(2)
		b.connect(packet.V5, id).leave()
		hasNot.sync()
		one, two = hasNot, nil

		// One that does not acknowledge holds up its window and no more.
		stuck := join("stuck", receiveMaximum(1))
		for i := range 50 {
			pub.publish("a", fmt.Sprint(i), 1)
		}
		stuck.expectAny()
		stuck.sync()
		for range 49 {
			one.complete(one.expectAny())
		}
		one.sync()
	})
}

// Rule 24: an acknowledgement means that the message is the server's, [v5 MQTT-4.3.2-4, 4.3.3-8, 4.5.0-1] [v3.1.1
// MQTT-4.3.2-2, 4.5.0-1]: every message that was acknowledged is delivered, though its publisher is gone at once
// and its subscriber is away, slow or taken over; and what is refused is not delivered.
func TestRule24AckIsOwnership(t *testing.T) {
	sideBySide(t)
	o := Options{SessionLimits: session.Limits{MaxQueued: 40}, Outbox: 4 << 10}
	overVersions(t, o, func(t *testing.T, b *bench, v packet.Version) {
		for qos := packet.QoS(1); qos <= 2; qos++ {
			name := fmt.Sprint("a/", qos)
			sub := b.connect(v, "sub", lasting)
			sub.subscribe(name, qos)
			sub.leave()
			var owned []string
			for i := range 60 {
				pub := b.connect(v, "pub", lasting)
				id := pub.sendPublish(name, fmt.Sprint(i), qos)
				code := pub.expectAck(packet.PUBACK+packet.Type(qos-1), id)
				pub.vanish() // For QoS 2 without PUBREL: the message was the server's before.
				b.gone(0)
				b.connect(v, "pub").leave()
				switch {
				case !code.Failed():
					owned = append(owned, fmt.Sprint(i))
				case v != packet.V5 || code != packet.QuotaExceeded:
					t.Errorf("%v", code)
				}
			}
			if v == packet.V5 && len(owned) != 40 {
				t.Errorf("%d of 60 were acknowledged with room for 40", len(owned))
			}
			// 3.1.1 has no negative acknowledgement. What did not fit is counted.
			lost := int(b.Stats().Dropped.SessionFull) - int(qos-1)*20
			if lost != 20 {
				t.Errorf("%d counted as dropped, want 20", lost)
			}
			sub = b.connect(v, "sub", lasting)
			for _, payload := range owned[:40] {
				sub.take(name, payload)
			}
			sub.sync()
			b.connect(v, "sub").leave()
			b.gone(0)
		}
	})
}

// Rule 25: a subscriber that does not read, at any QoS, slows nobody down, and what the broker holds for
// it is bounded in messages and bytes.
func TestRule25SlowConsumer(t *testing.T) {
	sideBySide(t)
	limits := session.Limits{MaxQueued: 200, MaxQueuedBytes: 400 << 10}
	overVersions(t, Options{SessionLimits: limits, Outbox: 64 << 10}, func(t *testing.T, b *bench, v packet.Version) {
		payload := strings.Repeat("x", 4000)
		var stuck []*peer
		for i := range 3 {
			p := b.connect(v, fmt.Sprint("stuck", i))
			p.net.(interface{ SetReadBuffer(int) error }).SetReadBuffer(4 << 10)
			p.subscribe("a/+", packet.QoS(i))
			stuck = append(stuck, p)
		}
		honest, pub := b.connect(v, "honest"), b.connect(v, "pub")
		honest.subscribe("a/+", 2)
		const n = 2000
		for i := range n {
			qos := packet.QoS(i % 3)
			pub.publish(fmt.Sprint("a/", i%3), payload, qos)
			if m := honest.take(fmt.Sprint("a/", i%3), payload); m.QoS != qos {
				t.Fatalf("QoS %d", m.QoS)
			}
		}
		held, waits := 0, 0
		for i := range stuck {
			id := fmt.Sprint("stuck", i)
			sh := b.directory.shard([]byte(id))
			sh.mu.Lock()
			cl := sh.by[id]
			sh.mu.Unlock()
			cl.mu.Lock()
			held = max(held, cl.sess.Bytes())
			waits = max(waits, cl.conn.Load().tc.Pending())
			cl.mu.Unlock()
		}
		if held > limits.MaxQueuedBytes {
			t.Errorf("a session holds %d bytes, more than %d", held, limits.MaxQueuedBytes)
		}
		if most := 64<<10 + 64<<10; waits > most {
			t.Errorf("%d bytes wait for one client, more than %d", waits, most)
		}
		d := b.Stats().Dropped
		if d.OutboxFull == 0 || d.SessionFull == 0 {
			t.Errorf("dropped %+v: the test is too small to reach the limits", d)
		}
	})
}

// Rule 26: a client is known by its whole Client Identifier, and by nothing shorter: identifiers that
// share their first 23 or 255 bytes, differ in case, or collide in well-known hashes are different clients.
func TestRule26WholeIdentifier(t *testing.T) {
	sideBySide(t)
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		long := strings.Repeat("c", 255)
		ids := []string{
			"client", "Client", "client ", "client/", "client\u0301", "cliént", "clie\u0301nt",
			strings.Repeat("c", 23), strings.Repeat("c", 24), long, long + "1", long + "2",
			strings.Repeat("c", 65000), strings.Repeat("c", 64999) + "d",
		}
		for i := range lessIfShort(256, 32) { // "Ez" and "FY" are one to DJB2, "Aa" and "BB" to Java's hash: and so is every sequence of them.
			var djb, java strings.Builder
			for bit := range 8 {
				djb.WriteString([]string{"Ez", "FY"}[i>>bit&1])
				java.WriteString([]string{"Aa", "BB"}[i>>bit&1])
			}
			ids = append(ids, djb.String(), java.String())
		}
		var all []*peer
		for i, id := range ids {
			p := b.connect(v, id, lasting)
			if p.connack.SessionPresent {
				t.Fatalf("%.40q was taken for another client", id)
			}
			p.subscribe(fmt.Sprint("to/", i), 1)
			all = append(all, p)
		}
		pub := b.connect(v, "pub")
		for i := range ids {
			pub.publish(fmt.Sprint("to/", i), "x", 1)
		}
		for i, p := range all {
			p.take(fmt.Sprint("to/", i), "x")
			p.sync()
		}
		if n := b.Stats().Sessions; n != len(ids)+1 {
			t.Errorf("%d sessions, want %d", n, len(ids)+1)
		}
	})
}
