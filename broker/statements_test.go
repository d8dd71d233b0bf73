package broker

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"mqttbench/broker/packet"
)

// Statements that no other test shows. What shows which is in conformance.md.

// [v5 MQTT-3.1.4-6] [v3.1.1 MQTT-3.1.4-5]: what came behind a refused CONNECT is not looked at.
func TestRefusedConnectIsTheEnd(t *testing.T) {
	refuse := func(id, _ string, _ []byte) packet.ReasonCode {
		if id == "bad" {
			return packet.NotAuthorized
		}
		return packet.Success
	}
	overVersions(t, Options{Authenticate: refuse}, func(t *testing.T, b *bench, v packet.Version) {
		watch := b.connect(v, "watch")
		watch.subscribe("a", 0)
		p := b.dial(v)
		c := packet.Connect{Version: v, CleanStart: true, ClientID: []byte("bad")}
		m := packet.Publish{Topic: []byte("a"), Payload: []byte("x")}
		p.send(m.Append(c.Append(nil), v)) // In one write.
		if got := p.expectConnack().Reason; got != packet.NotAuthorized {
			t.Errorf("CONNACK %v", got)
		}
		p.expectEnd(0)
		watch.sync()
	})
}

// [v5 MQTT-3.3.1-3] [v3.1.1 MQTT-3.3.1-3]: DUP is a matter of one connection.
func TestDupIsNotForwarded(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		sub.subscribe("a", 2)
		for qos := packet.QoS(1); qos <= 2; qos++ {
			pub.publish("a", "x", qos, dup)
			if m := sub.take("a", "x"); m.Dup {
				t.Errorf("QoS %d: DUP was forwarded", qos)
			}
		}
		sub.leave()
		pub.publish("a", "y", 1, dup)
		sub = b.connect(v, "sub", lasting)
		if m := sub.take("a", "y"); m.Dup {
			t.Error("DUP was forwarded through the queue")
		}
	})
}

// [v5 MQTT-3.3.2-7]: a Topic Alias does not outlive its connection, though the session does.
func TestAliasEndsWithConnection(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		alias := pubProps(packet.Prop{ID: packet.PropTopicAlias, N: 1})
		p := b.connect(packet.V5, "p", lasting)
		p.publish("a", "x", 0, alias)
		p.publish("", "x", 0, alias)
		p.vanish()
		b.gone(0)
		p = b.connect(packet.V5, "p", lasting)
		p.sendPublish("", "x", 0, alias)
		p.expectEnd(packet.ProtocolError)
	})
}

// [v5 MQTT-3.10.4-3, 3.10.4-6, 3.11.3-1] [v3.1.1 MQTT-3.10.4-3, 3.10.4-6]: UNSUBSCRIBE lets exchanges be finished, on this
// connection and the next, and answers once for all its filters.
func TestUnsubscribeFinishes(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		sub.subscribe("a", 2)
		sub.subscribe("b", 2)
		pub.publish("a", "1", 1)
		pub.publish("a", "2", 2)
		one, two := sub.expect("a", "1"), sub.expect("a", "2")
		u := packet.Unsubscribe{ID: sub.id(), Filters: [][]byte{[]byte("a"), []byte("none"), []byte("b")}}
		sub.send(u.Append(nil, v))
		codes := sub.expectSuback(true)
		want := []packet.ReasonCode{packet.Success, packet.NoSubscriptionExisted, packet.Success}
		if v == packet.V5 && (len(codes) != 3 || codes[0] != want[0] || codes[1] != want[1] || codes[2] != want[2]) {
			t.Errorf("UNSUBACK %v, want %v", codes, want)
		}
		sub.complete(one)
		sub.vanish()
		b.gone(1)
		sub = b.connect(v, "sub", lasting)
		if again := sub.take("a", "2"); again.ID != two.ID || !again.Dup {
			t.Errorf("%+v", again)
		}
		sub.sync()
	})
}

// [v5 MQTT-4.3.2-5] [v3.1.1 MQTT-4.3.2-2]: after PUBACK an identifier stands for a new message, also with DUP.
func TestPubackFreesIdentifier(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		sub.subscribe("a", 1)
		for range 3 {
			pub.sendPublish("a", "x", 1, withID(4), dup)
			pub.expectAck(packet.PUBACK, 4)
			sub.take("a", "x")
		}
		sub.sync()
	})
}

// [v5 MQTT-4.6.0-2 to 4.6.0-4] [v3.1.1 MQTT-4.6.0-2 to 4.6.0-4]: acknowledgements leave in the order of what they answer.
func TestAcksInOrder(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		ids := []packet.ID{9, 3, 500, 1, 65535, 2}
		for qos, ack := range map[packet.QoS]packet.Type{1: packet.PUBACK, 2: packet.PUBREC} {
			for _, id := range ids {
				pub.sendPublish("nobody", "x", qos, withID(id))
			}
			for _, id := range ids {
				pub.expectAck(ack, id)
			}
		}
		sub.subscribe("a", 2)
		for range ids {
			pub.sendPublish("a", "x", 2)
		}
		var got []packet.ID
		for range ids {
			got = append(got, sub.expect("a", "x").ID)
		}
		order := []int{3, 0, 5, 1, 4, 2} // Of the PUBRECs, and so of the PUBRELs.
		for _, i := range order {
			sub.sendAck(packet.PUBREC, got[i], 0)
		}
		for _, i := range order {
			sub.expectAck(packet.PUBREL, got[i])
		}
	})
}

// [v3.1.1 MQTT-3.1.2-7]: what is retained stays when the session of its publisher, or of a subscriber, ends.
func TestRetainedOutlivesSession(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		for qos := range packet.QoS(3) {
			p := b.connect(v, "p", lasting)
			p.publish("r", fmt.Sprint(qos), qos, retained)
			p.subscribe("r", qos)
			p.take("r", fmt.Sprint(qos))
			p.leave()
			b.connect(v, "p", clean).leave()
			b.gone(0)
			q := b.connect(v, "q")
			q.subscribe("r", 2)
			if m := q.take("r", fmt.Sprint(qos)); !m.Retain || m.QoS != qos {
				t.Errorf("%+v", m)
			}
			q.leave()
		}
	})
}

// [v3.1.1 MQTT-3.1.2-12]: who has no will leaves none behind, though the session had one before.
func TestNoWillUnasked(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		watch := b.connect(v, "watch")
		watch.subscribe("#", 2)
		b.connect(v, "p", lasting, withWill("w", "x", 1, true)).leave()
		b.gone(1)
		b.connect(v, "p", lasting).vanish()
		b.gone(1)
		watch.sync()
	})
}

// [v5 MQTT-3.1.2-21, 3.2.2-21, 3.2.2-22]: the Server Keep Alive is the one that holds, for those who
// asked for more and for those who asked for none. 3.1.1 cannot say it, and keeps what was asked for.
func TestServerKeepAlive(t *testing.T) {
	waits(t)
	overDrivers(t, Options{KeepAliveMax: time.Second}, func(t *testing.T, b *bench) {
		long, none := b.connect(packet.V5, "long", keepAlive(1000)), b.connect(packet.V5, "none", keepAlive(0))
		old := b.connect(packet.V311, "old", keepAlive(1000))
		for _, p := range []*peer{long, none} {
			if c := p.connack; !c.HasServerKeepAlive || c.ServerKeepAlive != 1 {
				t.Errorf("Server Keep Alive %v %d, want 1", c.HasServerKeepAlive, c.ServerKeepAlive)
			}
			p.expectEnd(packet.KeepAliveTimeout)
		}
		old.sync()
	})
}

// [v5 MQTT-3.2.2-18]: without a Topic Alias Maximum in CONNACK there are no aliases, not even the first.
func TestNoTopicAliases(t *testing.T) {
	overDrivers(t, Options{TopicAliasMaximum: -1}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "p")
		if n := p.connack.TopicAliasMaximum; n != 0 {
			t.Errorf("Topic Alias Maximum %d", n)
		}
		p.sendPublish("a", "x", 0, pubProps(packet.Prop{ID: packet.PropTopicAlias, N: 1}))
		p.expectEnd(packet.TopicAliasInvalid)
	})
}

// [v5 MQTT-3.4.2-2, 3.4.2-3, and their like of the other answers, 3.9.2-1, 3.11.2-1, 3.2.2-19, 3.14.2-3, 3.14.2-4]: a client
// whose packets may hardly be longer than an acknowledgement gets every answer, failed ones too, and none
// carries a Reason String or User Property that would make it longer.
func TestAnswersAreBare(t *testing.T) {
	o := Options{
		AllowSubscribe: func(_ string, filter []byte) bool { return string(filter) != "secret" },
		AllowPublish:   func(_ string, name []byte) bool { return string(name) != "secret" },
	}
	overDrivers(t, o, func(t *testing.T, b *bench) {
		const largest = 20 // What CONNACK needs, and less than any text.
		p := b.connect(packet.V5, "p", maxPacketSize(largest))
		for id := range p.connack.Props.All() {
			if id.ID == packet.PropReasonString || id.ID == packet.PropUserProperty {
				t.Errorf("CONNACK has %v", id.ID)
			}
		}
		bare := func(want packet.Type, size int) {
			t.Helper()
			if f := p.next(want); f.Size > size {
				t.Errorf("%v has %d bytes, more than %d: % x", want, f.Size, size, f.Body)
			}
		}
		for _, name := range []string{"secret", "nobody"} {
			p.sendPublish(name, "x", 1)
			bare(packet.PUBACK, 5)
			p.sendPublish(name, "x", 2)
			bare(packet.PUBREC, 5)
		}
		p.sendAck(packet.PUBREL, 999, 0)
		bare(packet.PUBCOMP, 5)
		p.sendAck(packet.PUBREC, 999, 0)
		bare(packet.PUBREL, 5)
		p.sendSubscribe("secret", 1)
		bare(packet.SUBACK, 6)
		u := packet.Unsubscribe{ID: p.id(), Filters: [][]byte{[]byte("none")}}
		p.send(u.Append(nil, packet.V5))
		bare(packet.UNSUBACK, 6)
		p.sendConnect("p")
		bare(packet.DISCONNECT, largest)
		p.expectEnd(0)
	})
}

// [v5 3.14.2.2.2, MQTT-4.1.0-2]: DISCONNECT shortens and lengthens the life of a session, and forever.
func TestExpiryOfDisconnectHolds(t *testing.T) {
	waits(t)
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		leave := func(id string, asked, changed uint32) {
			p := b.connect(packet.V5, id, expiry(asked))
			p.subscribe("a", 1)
			d := packet.Disconnect{Props: packet.AppendProp(nil, packet.Prop{ID: packet.PropSessionExpiryInterval, N: changed})}
			p.send(d.Append(nil, packet.V5))
			p.expectEnd(0)
		}
		leave("shorter", 1000, 1)
		leave("longer", 1, 1000)
		leave("forever", 1, 0xFFFFFFFF)
		b.await("the shorter one has ended", func() bool { return b.Stats().Sessions == 2 })
		time.Sleep(1500 * time.Millisecond) // Past what the others had asked for first.
		for id, want := range map[string]bool{"shorter": false, "longer": true, "forever": true} {
			if p := b.connect(packet.V5, id, resume); p.connack.SessionPresent != want {
				t.Errorf("%s: Session Present %v", id, p.connack.SessionPresent)
			}
		}
	})
}

// [v5 MQTT-4.8.2-3, 3.8.4-8]: of a shared subscription each member has its own granted QoS.
func TestSharedQoS(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub := b.connect(packet.V5, "pub")
		var members []*peer
		for granted := range packet.QoS(3) {
			p := b.connect(packet.V5, fmt.Sprint("m", granted))
			p.subscribe("$share/g/a", granted)
			members = append(members, p)
		}
		const rounds = 4
		for published := range packet.QoS(3) {
			for range 3 * rounds {
				pub.publish("a", fmt.Sprint(published), published)
			}
			for granted, p := range members {
				for range rounds {
					if m := p.take("a", fmt.Sprint(published)); m.QoS != min(published, packet.QoS(granted)) {
						t.Errorf("published at %d, granted %d: QoS %d", published, granted, m.QoS)
					}
				}
				p.sync()
			}
		}
	})
}

// [v5 4.8.2]: a message goes to a member that is there, and never to one that has left or whose session has
// ended, while the group changes; the rest keeps flowing.
func TestSharedFlowsOn(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, steady := b.connect(packet.V5, "pub"), b.connect(packet.V5, "steady")
		steady.subscribe("$share/g/a", 2)
		n := 0
		publish := func(qos packet.QoS) {
			t.Helper()
			if code := pub.publish("a", fmt.Sprint(n), qos); code != packet.Success {
				t.Fatalf("message %d: Reason Code %v", n, code)
			}
			n++
		}
		for round := range 12 {
			p := b.connect(packet.V5, "comes and goes", onlyIf(round%3 == 0, expiry(1000)))
			p.subscribe("$share/g/a", 2)
			switch round % 4 {
			case 0:
				p.leave()
			case 1:
				p.vanish()
			case 2:
				p.unsubscribe("$share/g/a")
			case 3:
				b.connect(packet.V5, "comes and goes").subscribe("other", 0)
			}
			if round%4 < 2 {
				b.gone(2)
			}
			for qos := range packet.QoS(3) {
				publish(qos)
				steady.take("a", fmt.Sprint(n-1))
			}
			steady.sync()
		}
	})
}

// [v5 MQTT-6.0.0-1 to 6.0.0-4] [v3.1.1 MQTT-6.0.0-1 to 6.0.0-4]: MQTT over WebSocket. Packets come in one frame,
// a byte in each, and in fragments; the answers come in binary frames; text ends the connection, and
// with it the will is published; who does not offer the subprotocol is not let in, also over 3.1.1.
func TestWebSocket(t *testing.T) {
	o := Options{Listen: []string{"ws://127.0.0.1:0/mqtt", "tcp://127.0.0.1:0"}}
	overVersions(t, o, func(t *testing.T, b *bench, v packet.Version) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		url := b.Addrs()[0]
		dial := func(protocols ...string) (*websocket.Conn, error) {
			c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: protocols})
			if err == nil {
				t.Cleanup(func() { c.CloseNow() })
			}
			return c, err
		}
		c, err := dial("other", "mqtt")
		if err != nil {
			t.Fatal(err)
		}
		if c.Subprotocol() != "mqtt" {
			t.Errorf("the subprotocol is %q", c.Subprotocol())
		}
		connect := packet.Connect{Version: v, CleanStart: true, ClientID: []byte("ws"), HasWill: true}
		connect.Will = packet.Will{Topic: []byte("will"), Payload: []byte("x")}
		sub := packet.Subscribe{ID: 1, Subs: []packet.Subscription{{Filter: []byte("a/#")}}}
		pub := packet.Publish{Topic: []byte("a/b"), Payload: []byte(strings.Repeat("y", 300))}
		wire := packet.AppendPing(pub.Append(sub.Append(connect.Append(nil), v), v), packet.PINGREQ)
		// The first packets in one frame, then a byte in each, then one message of two fragments.
		write := func(frame []byte) {
			t.Helper()
			if err := c.Write(ctx, websocket.MessageBinary, frame); err != nil {
				t.Fatal(err)
			}
		}
		n := len(wire) - 200
		write(wire[:n-20])
		for _, octet := range wire[n-20 : n] {
			write([]byte{octet})
		}
		w, err := c.Writer(ctx, websocket.MessageBinary)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(wire[n : n+100])
		w.Write(wire[n+100:])
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for _, want := range []packet.Type{packet.CONNACK, packet.SUBACK, packet.PUBLISH, packet.PINGRESP} {
			for {
				f, err := packet.Next(got, 0)
				if err != nil {
					t.Fatal(err)
				}
				if f.Size > 0 {
					if f.Type != want {
						t.Fatalf("got %v, want %v", f.Type, want)
					}
					got = got[f.Size:]
					break
				}
				kind, more, err := c.Read(ctx)
				if err != nil || kind != websocket.MessageBinary {
					t.Fatalf("%v %v, want %v", kind, err, want)
				}
				got = append(got, more...)
			}
		}

		plain := &bench{&Server{addrs: b.Addrs()[1:]}, t} // To dial the other listener.
		watch := plain.connect(v, "watch")
		watch.subscribe("will", 0)
		if err := c.Write(ctx, websocket.MessageText, packet.AppendPing(nil, packet.PINGREQ)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
			t.Errorf("after a text frame: %v", err)
		}
		watch.take("will", "x")

		for _, protocols := range [][]string{nil, {"chat"}, {"mqttv3.1"}} {
			if _, err := dial(protocols...); err == nil {
				t.Errorf("%q was let in", protocols)
			}
		}
	})
}

// [v5 3.3.2.3.2, table 2-6]: payload format validation. What says that it is UTF-8 and is not is refused with 0x99,
// where that is asked for; all else passes, and nothing is looked at by default.
func TestCheckPayload(t *testing.T) {
	format := func(n uint32) packet.Prop { return packet.Prop{ID: packet.PropPayloadFormatIndicator, N: n} }
	for _, check := range []bool{false, true} {
		overDrivers(t, Options{CheckPayload: check}, func(t *testing.T, b *bench) {
			sub, pub, old := b.connect(packet.V5, "sub"), b.connect(packet.V5, "pub"), b.connect(packet.V311, "old")
			sub.subscribe("a", 2)
			const good, bad = "gr\xC3\xBCn", "gr\xFCn"
			for qos := range packet.QoS(3) {
				if code := pub.publish("a", bad, qos, pubProps(format(1))); qos > 0 && (code == packet.PayloadFormatInvalid) != check {
					t.Errorf("QoS %d: %v", qos, code)
				}
				if !check {
					sub.take("a", bad)
				}
				pub.publish("a", good, qos, pubProps(format(1)))
				sub.take("a", good)
				pub.publish("a", bad, qos, pubProps(format(0)))
				sub.take("a", bad)
				pub.publish("a", bad, qos)
				sub.take("a", bad)
				old.publish("a", bad, qos)
				sub.take("a", bad)
			}
			sub.sync()
			if n := b.Stats().Dropped.PayloadFormat; check && n != 3 || !check && n != 0 {
				t.Errorf("%d counted", n)
			}
			p := b.dial(packet.V5)
			p.sendConnect("will", withWill("a", bad, 1, false, format(1)))
			if c := p.expectConnack(); (c.Reason == packet.PayloadFormatInvalid) != check {
				t.Errorf("CONNACK %v", c.Reason)
			}
		})
	}
}

// [v5 4.13.2] [v3.1.1 MQTT-3.1.4-5]: a client that goes on sending still learns why its connection ends. Were the socket
// closed at once, the kernel would answer what comes with a RST, which destroys what the client has not read.
func TestLastWordsAreHeard(t *testing.T) {
	overDrivers(t, Options{ReceiveMaximum: 2}, func(t *testing.T, b *bench) {
		ping := packet.AppendPing(nil, packet.PINGREQ)
		// goOn is false if it took longer than a broker listens to those whom it has told to go.
		goOn := func(p *peer, ended time.Time) bool {
			for range 5 {
				time.Sleep(5 * time.Millisecond) // So that it comes after the end.
				_, err := p.net.Write(ping)
				if time.Since(ended) > 900*time.Millisecond {
					t.Log("this machine stood still for too long: once more")
					p.vanish()
					return false
				}
				if err != nil {
					t.Fatal("the connection was reset")
				}
			}
			return true
		}
		for {
			p, began := b.connect(packet.V5, "p"), time.Now()
			for range 3 {
				p.sendPublish("a", "x", 2)
			}
			if goOn(p, began) {
				p.next(packet.PUBREC)
				p.next(packet.PUBREC)
				p.expectEnd(packet.ReceiveMaximumExceeded)
				break
			}
		}
		for {
			old, began := b.connect(packet.V5, "taken"), time.Now()
			b.connect(packet.V5, "taken")
			if goOn(old, began) {
				old.expectEnd(packet.SessionTakenOver)
				break
			}
		}
		for {
			q, began := b.dial(packet.V311), time.Now()
			q.sendConnect("", resume)
			if goOn(q, began) {
				if c := q.expectConnack(); c.Reason != packet.ClientIdentifierNotValid {
					t.Errorf("CONNACK %v", c.Reason)
				}
				q.expectEnd(0)
				break
			}
		}
	})
}

// However many connections end with last words, the sockets that are kept for that are few, and go.
func TestLastWordsAreBounded(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	b := startBroker(t, Options{Loops: 1})
	before := open()
	var deaf []*peer
	for range 200 {
		p := b.connect(packet.V5, "same") // Each takes the last one's session over, and none closes.
		p.send([]byte("\xC0\x00"))
		deaf = append(deaf, p)
	}
	b.await("all but one connection have ended", func() bool { return b.Stats().Clients == 1 })
	if n := open() - before - len(deaf); n > 64+5 {
		t.Errorf("the broker holds %d sockets for one client", n)
	}
	b.await("the rest has gone", func() bool { return open()-before-len(deaf) < 5 })
}
