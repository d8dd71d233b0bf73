package broker

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// Every QoS of publisher and subscriber, between all versions: the lower one
// counts, [v5 MQTT-3.8.4-8]; small payloads and such that go by reference.
func TestDeliver(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		large := strings.Repeat("payload ", 2*byReference/8)
		for _, from := range versions {
			for _, to := range versions {
				pub, sub := b.connect(from, "pub"), b.connect(to, "sub")
				for granted := range packet.QoS(3) {
					sub.subscribe("a/+", granted)
					for qos := range packet.QoS(3) {
						for _, payload := range []string{"", "x", large} {
							want := packet.Success
							if got := pub.publish("a/b", payload, qos); got != want {
								t.Fatalf("Reason Code %v", got)
							}
							m := sub.take("a/b", payload)
							if m.QoS != min(qos, granted) || m.Dup || m.Retain {
								t.Errorf("%v to %v, QoS %d to %d: %+v", from, to, qos, granted, m)
							}
						}
					}
				}
				sub.sync()
				pub.leave()
				sub.leave()
			}
		}
		s := b.Stats()
		if s.Received != [3]uint64{81, 81, 81} || s.Delivered != [3]uint64{27 * 5, 27 * 3, 27} {
			t.Errorf("received %v, delivered %v", s.Received, s.Delivered)
		}
		if s.Dropped != (Dropped{}) {
			t.Errorf("dropped %+v", s.Dropped)
		}
	})
}

// A publisher that subscribes gets its own, unless No Local, [v5 MQTT-3.8.3-3].
func TestNoLocal(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p, q := b.connect(packet.V5, "p"), b.connect(packet.V5, "q")
		noLocal := subOption(func(s *packet.Subscription) { s.NoLocal = true })
		p.subscribe("a", 0)
		p.subscribe("b", 0, noLocal)
		p.sendPublish("b", "own", 0)
		p.sendPublish("a", "own", 0)
		p.expect("a", "own")
		p.sync()
		q.publish("b", "other's", 0)
		p.expect("b", "other's")
		// An overlapping subscription without it still gets the message.
		p.subscribe("#", 0)
		p.sendPublish("b", "own", 0)
		p.expect("b", "own")
		p.sync()
	})
}

// Overlapping subscriptions: one copy with the highest QoS, [v3.1.1 MQTT-3.3.5-1], and in version 5
// all Subscription Identifiers, [v5 MQTT-3.3.4-4].
func TestOverlap(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, sub, old := b.connect(packet.V311, "pub"), b.connect(packet.V5, "sub"), b.connect(packet.V311, "old")
		sub.subscribe("a/#", 0, subID(1))
		sub.subscribe("a/+", 1, subID(300))
		sub.subscribe("a/b", 0)
		old.subscribe("a/#", 0)
		old.subscribe("a/b", 2)
		for _, payload := range []string{"x", strings.Repeat("y", byReference)} {
			for qos := range packet.QoS(3) {
				pub.publish("a/b", payload, qos)
				m := sub.take("a/b", payload)
				if ids := subIDs(m); m.QoS != min(qos, 1) || len(ids) != 2 || ids[0]+ids[1] != 301 {
					t.Errorf("QoS %d with identifiers %v", m.QoS, ids)
				}
				if m := old.take("a/b", payload); m.QoS != qos {
					t.Errorf("3.1.1 got QoS %d, want %d", m.QoS, qos)
				}
			}
		}
		sub.sync()
		old.sync()
	})
}

func subIDs(m packet.Publish) (ids []uint32) {
	for p := range m.Props.All() {
		if p.ID == packet.PropSubscriptionIdentifier {
			ids = append(ids, p.N)
		}
	}
	return ids
}

// A repeated SUBSCRIBE replaces, [v5 MQTT-3.8.4-3]; UNSUBSCRIBE ends it, [v5 MQTT-3.10.4-1].
func TestResubscribeAndUnsubscribe(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, sub := b.connect(packet.V5, "pub"), b.connect(packet.V5, "sub")
		sub.subscribe("a", 2)
		sub.subscribe("a", 0)
		pub.publish("a", "1", 2)
		if m := sub.expect("a", "1"); m.QoS != 0 {
			t.Errorf("QoS %d after it was lowered", m.QoS)
		}
		if n := b.Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions, want 1", n)
		}
		if code := sub.unsubscribe("a"); code != packet.Success {
			t.Errorf("UNSUBACK %v", code)
		}
		if code := sub.unsubscribe("a"); code != packet.NoSubscriptionExisted {
			t.Errorf("second UNSUBACK %v", code)
		}
		if code := pub.publish("a", "2", 1); code != packet.NoMatchingSubscribers {
			t.Errorf("PUBACK %v", code)
		}
		sub.sync()
	})
}

// One SUBSCRIBE with several filters is answered for each, [v5 MQTT-3.8.4-6], also by those who may forbid.
func TestSubackCodes(t *testing.T) {
	overDrivers(t, Options{
		AllowSubscribe: func(_ string, filter []byte) bool { return string(filter) != "secret" },
		AllowPublish:   func(_ string, name []byte) bool { return string(name) != "secret" },
	}, func(t *testing.T, b *bench) {
		several := func(s *packet.Subscribe) {
			s.Subs = append(s.Subs, packet.Subscription{Filter: []byte("secret"), QoS: 1}, packet.Subscription{Filter: []byte("b"), QoS: 2})
		}
		for v, want := range map[packet.Version]string{
			packet.V5:   "[Success Not authorized Granted QoS 2]",
			packet.V311: "[Success Unspecified error Granted QoS 2]",
		} {
			p := b.connect(v, "c")
			p.sendSubscribe("a", 0, several)
			if got := fmt.Sprint(p.expectSuback(false)); got != want {
				t.Errorf("%v: SUBACK %s, want %s", v, got, want)
			}
			wantCode := packet.NotAuthorized
			if v != packet.V5 {
				wantCode = packet.Success // [v3.1.1 MQTT-3.3.5-2]
			}
			for qos := packet.QoS(1); qos <= 2; qos++ {
				if got := p.publish("secret", "x", qos); got != wantCode {
					t.Errorf("%v: publishing what is forbidden: %v", v, got)
				}
			}
			p.publish("secret", "x", 0)
		}
		if n := b.Stats().Dropped.NotAuthorized; n != 6 {
			t.Errorf("%d counted as not authorised, want 6", n)
		}
	})
}

// [v5 MQTT-3.3.2-17, 3.3.2-18 and others]: properties are forwarded as they came, in
// their order; a Topic Alias is not, and an expiry is counted down.
func TestPropertiesForwarded(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, sub := b.connect(packet.V5, "pub"), b.connect(packet.V5, "sub", expiry(100))
		user := func(k, v string) packet.Prop {
			return packet.Prop{ID: packet.PropUserProperty, Key: []byte(k), B: []byte(v)}
		}
		forward := []packet.Prop{
			user("b", "1"), {ID: packet.PropPayloadFormatIndicator, N: 1},
			{ID: packet.PropContentType, B: []byte("text")}, user("a", "2"),
			{ID: packet.PropResponseTopic, B: []byte("r/t")}, user("b", "1"),
			{ID: packet.PropCorrelationData, B: []byte{0, 1}},
		}
		var want []byte
		for _, p := range forward {
			want = packet.AppendProp(want, p)
		}
		expires := packet.Prop{ID: packet.PropMessageExpiryInterval, N: 5000}
		for qos := range packet.QoS(3) {
			sub.subscribe("a", qos)
			pub.publish("a", "1", qos, pubProps(forward...))
			if m := sub.take("a", "1"); string(m.Props) != string(want) {
				t.Errorf("QoS %d: forwarded % x\nwant % x", qos, m.Props, want)
			}
			alias := packet.Prop{ID: packet.PropTopicAlias, N: 1}
			mixed := append(append([]packet.Prop{alias}, forward[:3]...), append([]packet.Prop{expires}, forward[3:]...)...)
			pub.publish("a", "2", qos, pubProps(mixed...))
			pub.publish("", "3", qos, pubProps(mixed...))
			for _, payload := range []string{"2", "3"} {
				m := sub.take("a", payload)
				if string(m.Props) != string(packet.AppendProp(nil, expires))+string(want) {
					t.Errorf("QoS %d with alias and expiry: % x", qos, m.Props)
				}
			}
		}
		sub.leave()
		pub.publish("a", "4", 1, pubProps(append(forward, expires)...))
		sub = b.connect(packet.V5, "sub", resume)
		if m := sub.take("a", "4"); m.Expiry > 5000 || m.Expiry < 4000 || string(m.Props[5:]) != string(want) {
			t.Errorf("from the queue: expiry %d, % x", m.Expiry, m.Props)
		}
	})
}

// A persistent session gets in order what it missed, QoS 0 excepted, for all versions;
// with a payload small and large.
func TestOfflineQueue(t *testing.T) {
	sideBySide(t)
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		const n = 300
		for _, v := range versions {
			for qos := packet.QoS(1); qos <= 2; qos++ {
				sub := b.connect(v, "sub", resume, onlyIf(v == packet.V5, expiry(1000)))
				sub.subscribe("a", 2)
				sub.leave()
				pub := b.connect(v, "pub")
				payload := func(i int) string { return fmt.Sprint(i, strings.Repeat(".", i%2*byReference)) }
				for i := range n {
					pub.publish("a", "not kept", 0)
					pub.publish("a", payload(i), qos)
				}
				sub = b.connect(v, "sub", resume)
				if !sub.connack.SessionPresent && v != packet.V31 {
					t.Fatal("no session")
				}
				for i := range n {
					if m := sub.take("a", payload(i)); m.QoS != qos || m.Dup {
						t.Fatalf("%v QoS %d: %+v", v, qos, m)
					}
				}
				sub.sync()
				b.connect(v, "sub").leave()
				b.gone(1)
				pub.leave()
			}
		}
		if got := b.Stats().Dropped; got != (Dropped{Offline: 6 * n}) {
			t.Errorf("dropped %+v", got)
		}
	})
}

func onlyIf(yes bool, o option) option {
	if yes {
		return o
	}
	return func(*packet.Connect) {}
}

// [v5 MQTT-4.4.0-1, 3.3.1-1]: on resume what is unacknowledged is sent again, in its order,
// with DUP and the original identifiers; an owed PUBREL as such; then what waited; then what is new.
func TestResend(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			keep := []option{resume, onlyIf(v == packet.V5, expiry(1000))}
			sub, pub := b.connect(v, "sub", keep...), b.connect(v, "pub")
			sub.subscribe("a", 2)
			pub.publish("a", "1", 1)
			pub.publish("a", "2", 2)
			pub.publish("a", "3", 2)
			pub.publish("a", "4", 1)
			m1, m2, m3, m4 := sub.expect("a", "1"), sub.expect("a", "2"), sub.expect("a", "3"), sub.expect("a", "4")
			sub.sendAck(packet.PUBREC, m2.ID, 0)
			sub.expectAck(packet.PUBREL, m2.ID)
			sub.sendAck(packet.PUBACK, m4.ID, 0)
			sub.sync()
			sub.vanish()
			b.gone(1)
			pub.publish("a", "5", 1)

			sub = b.connect(v, "sub", keep...)
			if m := sub.expect("a", "1"); m.ID != m1.ID || !m.Dup {
				t.Errorf("first: %+v", m)
			}
			sub.expectAck(packet.PUBREL, m2.ID)
			if m := sub.expect("a", "3"); m.ID != m3.ID || !m.Dup || m.QoS != 2 {
				t.Errorf("third: %+v", m)
			}
			if m := sub.expect("a", "5"); m.Dup {
				t.Errorf("queued: %+v", m)
			}
			pub.publish("a", "6", 1)
			sub.expect("a", "6")
			sub.sendAck(packet.PUBCOMP, m2.ID, 0)
			sub.sync()
			b.connect(v, "sub").leave()
			b.gone(1)
			pub.leave()
		}
	})
}

// [v5 MQTT-4.3.3-10]: an incoming QoS 2 message is published once, also across connections.
func TestQoS2Once(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			keep := []option{resume, onlyIf(v == packet.V5, expiry(1000))}
			sub, pub := b.connect(v, "sub"), b.connect(v, "pub", keep...)
			sub.subscribe("a", 2)
			id := pub.sendPublish("a", "1", 2)
			pub.expectAck(packet.PUBREC, id)
			dup := func(m *packet.Publish) { m.Dup, m.ID = true, id }
			pub.sendPublish("a", "1", 2, dup)
			pub.expectAck(packet.PUBREC, id)
			pub.vanish()
			b.gone(1)
			pub = b.connect(v, "pub", keep...)
			pub.sendPublish("a", "1", 2, dup)
			pub.expectAck(packet.PUBREC, id)
			pub.sendAck(packet.PUBREL, id, 0)
			if code := pub.expectAck(packet.PUBCOMP, id); code != packet.Success {
				t.Errorf("PUBCOMP %v", code)
			}
			// Released, the identifier stands for a new message.
			pub.sendPublish("a", "2", 2, func(m *packet.Publish) { m.ID = id })
			pub.expectAck(packet.PUBREC, id)
			sub.take("a", "1")
			sub.take("a", "2")
			sub.sync()
			b.connect(v, "pub").leave()
			b.gone(1)
			sub.leave()
		}
	})
}

// Answers about identifiers that stand for nothing, [v5 4.3.3, table 2.6].
func TestUnknownIdentifiers(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for v, want := range map[packet.Version]packet.ReasonCode{
			packet.V5: packet.PacketIdentifierNotFound, packet.V311: packet.Success,
		} {
			p := b.connect(v, "c")
			p.sendAck(packet.PUBREL, 7, 0)
			if got := p.expectAck(packet.PUBCOMP, 7); got != want {
				t.Errorf("%v: PUBCOMP %v, want %v", v, got, want)
			}
			p.sendAck(packet.PUBREC, 7, 0)
			if got := p.expectAck(packet.PUBREL, 7); got != want {
				t.Errorf("%v: PUBREL %v, want %v", v, got, want)
			}
			p.sendAck(packet.PUBACK, 7, 0)
			p.sendAck(packet.PUBCOMP, 7, 0)
			p.sync()
		}
	})
}

// [v5 MQTT-4.3.3-4]: a PUBREC that refuses ends the exchange, without PUBREL.
func TestPubrecRefuses(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		sub, pub := b.connect(packet.V5, "sub", receiveMaximum(1)), b.connect(packet.V5, "pub")
		sub.subscribe("a", 2)
		pub.publish("a", "1", 2)
		pub.publish("a", "2", 2)
		m := sub.expect("a", "1")
		sub.sendAck(packet.PUBREC, m.ID, packet.UnspecifiedError)
		sub.take("a", "2") // The window is open again.
	})
}

func receiveMaximum(n uint32) option {
	return props(packet.Prop{ID: packet.PropReceiveMaximum, N: n})
}

func maxPacketSize(n uint32) option {
	return props(packet.Prop{ID: packet.PropMaximumPacketSize, N: n})
}

// [v5 MQTT-3.3.4-9]: never more in flight than the client's Receive Maximum.
func TestReceiveMaximumOfClient(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for qos := packet.QoS(1); qos <= 2; qos++ {
			sub, pub := b.connect(packet.V5, "sub", receiveMaximum(2)), b.connect(packet.V5, "pub")
			sub.subscribe("a", 2)
			for i := range 6 {
				pub.publish("a", fmt.Sprint(i), qos)
			}
			pub.publish("a", "QoS 0", 0)
			m0, m1 := sub.expect("a", "0"), sub.expect("a", "1")
			sub.expect("a", "QoS 0") // Is not held back.
			sub.sync()
			sub.complete(m1)
			m2 := sub.expect("a", "2")
			sub.sync()
			sub.complete(m0)
			m3 := sub.expect("a", "3")
			sub.complete(m2)
			sub.take("a", "4")
			sub.complete(m3)
			sub.take("a", "5")
			sub.leave()
			pub.leave()
		}
	})
}

// [v5 3.3.4]: more unfinished messages than the broker's Receive Maximum.
func TestReceiveMaximumOfServer(t *testing.T) {
	overDrivers(t, Options{ReceiveMaximum: 2}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "c")
		for range 2 {
			p.expectAck(packet.PUBREC, p.sendPublish("a", "x", 2))
		}
		p.publish("a", "x", 1) // Is acknowledged at once, so it never overruns.
		p.sendPublish("a", "x", 2)
		p.expectEnd(packet.ReceiveMaximumExceeded)

		p = b.connect(packet.V311, "c") // Knows no such limit.
		for range 5 {
			p.expectAck(packet.PUBREC, p.sendPublish("a", "x", 2))
		}
	})
}

// [v5 MQTT-3.1.2-24, 3.1.2-25]: what is too large for a client is not sent to it, as if it had been;
// online and from the queue.
func TestMaximumPacketSizeOfClient(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		large := strings.Repeat("x", 200)
		pub := b.connect(packet.V5, "pub")
		sub := b.connect(packet.V5, "sub", expiry(100), maxPacketSize(100), receiveMaximum(2))
		sub.subscribe("a/#", 2)
		sub.subscribe("a/id", 2, subID(1))
		for qos := range packet.QoS(3) {
			for _, name := range []string{"a/b", "a/id"} {
				if code := pub.publish(name, large, qos); code != packet.Success {
					t.Errorf("Reason Code %v", code)
				}
				pub.publish(name, "small", qos)
				sub.take(name, "small")
			}
		}
		sub.sync()
		sub.leave()
		for range 3 { // More than the window: they must not stay in it.
			pub.publish("a/b", large, 1)
			pub.publish("a/b", large, 2)
		}
		pub.publish("a/b", "small", 2)
		sub = b.connect(packet.V5, "sub", resume, maxPacketSize(100), receiveMaximum(2))
		sub.take("a/b", "small")
		if n := b.Stats().Dropped.TooLarge; n != 12 {
			t.Errorf("%d counted as too large, want 12", n)
		}
		// An answer that is too large is an error, there is no other way.
		many := func(s *packet.Subscribe) {
			for range 100 {
				s.Subs = append(s.Subs, packet.Subscription{Filter: []byte("f")})
			}
		}
		sub.sendSubscribe("f", 0, many)
		sub.expectEnd(packet.PacketTooLarge)
	})
}

// [v5 MQTT-3.3.2-5]: what expired while it waited is not sent.
func TestMessageExpiry(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		sub, pub := b.connect(packet.V5, "sub", expiry(100)), b.connect(packet.V5, "pub")
		sub.subscribe("a", 1)
		sub.leave()
		expires := func(n uint32) func(*packet.Publish) {
			return pubProps(packet.Prop{ID: packet.PropMessageExpiryInterval, N: n})
		}
		pub.publish("a", "expired", 1, expires(0))
		pub.publish("a", "fresh", 1, expires(1000))
		pub.publish("a", "eternal", 1)
		sub = b.connect(packet.V5, "sub", resume)
		if m := sub.take("a", "fresh"); m.Expiry < 900 || m.Expiry > 1000 {
			t.Errorf("expiry %d", m.Expiry)
		}
		if m := sub.take("a", "eternal"); m.HasExpiry {
			t.Error("an expiry out of nothing")
		}
		sub.sync()
		if n := b.Stats().Dropped.Expired; n != 1 {
			t.Errorf("%d counted as expired, want 1", n)
		}
	})
}

// A session at its limits refuses. At QoS 2 a publisher is refused only if nobody has the message; TestRule24PartlyFull
// has QoS 1.
func TestSessionFull(t *testing.T) {
	overDrivers(t, Options{SessionLimits: session.Limits{MaxQueued: 2}}, func(t *testing.T, b *bench) {
		sub, pub := b.connect(packet.V5, "sub", expiry(100)), b.connect(packet.V5, "pub")
		sub.subscribe("a", 2)
		sub.leave()
		pub.publish("a", "1", 1)
		pub.publish("a", "2", 2)
		for qos := packet.QoS(1); qos <= 2; qos++ {
			if code := pub.publish("a", "3", qos); code != packet.QuotaExceeded {
				t.Errorf("QoS %d: %v, want Quota exceeded", qos, code)
			}
		}
		old := b.connect(packet.V311, "old")
		old.publish("a", "4", 1)
		old.publish("a", "5", 2)
		other := b.connect(packet.V5, "other")
		other.subscribe("a", 2)
		if code := pub.publish("a", "6", 2); code != packet.Success {
			t.Errorf("%v, though one subscriber has it", code)
		}
		other.take("a", "6")
		if n := b.Stats().Dropped.SessionFull; n != 5 {
			t.Errorf("%d counted, want 5", n)
		}
		sub = b.connect(packet.V5, "sub", resume)
		sub.take("a", "1")
		sub.take("a", "2")
		sub.sync()
	})
}

// A client that reads nothing loses QoS 0 messages once its outbox is full, loses nothing of QoS
// 1, and holds nobody up.
func TestSlowConsumer(t *testing.T) {
	overDrivers(t, Options{Outbox: 64 << 10}, func(t *testing.T, b *bench) {
		const n = 2000
		payload := strings.Repeat("x", 4000)
		slow, quick, pub := b.connect(packet.V311, "slow"), b.connect(packet.V311, "quick"), b.connect(packet.V311, "pub")
		for _, p := range []*peer{slow, quick} {
			p.subscribe("0", 0)
			p.subscribe("1", 1)
		}
		for i := range n {
			pub.publish("0", payload, 0)
			quick.take("0", payload)
			if i%10 == 0 {
				pub.publish("1", fmt.Sprint(i), 1)
				quick.take("1", fmt.Sprint(i))
			}
		}
		if b.Stats().Dropped.OutboxFull == 0 {
			t.Error("nothing was dropped: the test is too small to fill what the kernel takes")
		}
		got := 0
		for i := 0; i < n; i += 10 {
			for {
				m := slow.expectAny()
				if slow.complete(m); string(m.Topic) == "1" {
					if string(m.Payload) != fmt.Sprint(i) {
						t.Fatalf("got %s, want %d", m.Payload, i)
					}
					break
				}
				got++
			}
		}
		slow.sync()
		if lost := int(b.Stats().Dropped.OutboxFull); got+lost != n {
			t.Errorf("QoS 0: %d came and %d were counted as dropped, of %d", got, lost, n)
		}
		pub.publish("0", "again", 0)
		slow.expect("0", "again")
	})
}

// [v5 MQTT-4.7.2-1]: wildcards do not reach names that begin with $.
func TestDollarTopics(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V311, "p")
		p.subscribe("#", 0)
		p.subscribe("+/x", 0)
		p.publish("$own/x", "1", 1)
		p.subscribe("$own/#", 0)
		p.sendPublish("$own/x", "2", 0)
		p.expect("$own/x", "2")
		p.sync()
	})
}

// While the outbox of a client is full the broker does not read it, and so cannot hear it: as
// long as it takes bytes it is alive, [v5 MQTT-3.1.2-22] notwithstanding; not when it stops.
func TestSlowReaderIsAlive(t *testing.T) {
	waits(t)
	b := startBroker(t, Options{})
	sub, pub := b.connect(packet.V311, "sub", lasting), b.connect(packet.V311, "pub")
	sub.subscribe("a", 1)
	sub.leave()
	payload := strings.Repeat("x", 64<<10)
	for range 500 {
		pub.publish("a", payload, 1)
	}
	for !readsSlowly(t, b) {
		t.Log("this machine stood still for too long: once more")
	}
	b.gone(1)
}

// readsSlowly is false if the client did not read for longer than it should have.
func readsSlowly(t *testing.T, b *bench) bool {
	t.Helper()
	sub := b.connect(packet.V311, "sub", lasting, keepAlive(1)) // And its outbox is full.
	chunk := make([]byte, 512<<10)
	longest, last := time.Duration(0), time.Now()
	for range 24 {
		_, err := io.ReadFull(sub.net, chunk)
		longest, last = max(longest, time.Since(last)), time.Now()
		if err == nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if longest < time.Second {
			t.Fatalf("a client that reads was closed: %v", err)
		}
		b.gone(1)
		return false
	}
	if n := b.Stats().Clients; n != 2 && time.Since(last) < time.Second {
		t.Fatal("a client that reads was closed")
	}
	return true
}

// Many publishers that are read in one turn do not fill the outbox of a subscriber whose
// socket takes it all: it is flushed before.
func TestBurstInOneTurn(t *testing.T) {
	overDrivers(t, Options{Loops: 1, Outbox: 32 << 10}, func(t *testing.T, b *bench) {
		const publishers, messages = 20, 80
		sub := b.connect(packet.V311, "sub")
		sub.subscribe("a", 0)
		var burst []byte
		for range messages {
			p := packet.Publish{Topic: []byte("a"), Payload: make([]byte, 95)}
			burst = p.Append(burst, packet.V311)
		}
		var pubs []*peer
		for i := range publishers {
			pubs = append(pubs, b.connect(packet.V311, fmt.Sprint("pub", i)))
		}
		gate, inside := make(chan struct{}), make(chan struct{})
		b.own[0].t.Post(func() {
			close(inside)
			<-gate
		})
		<-inside
		for _, p := range pubs {
			p.send(burst)
		}
		close(gate)
		for range publishers * messages {
			sub.expect("a", string(make([]byte, 95)))
		}
		if n := b.Stats().Dropped.OutboxFull; n != 0 {
			t.Errorf("%d were dropped", n)
		}
	})
}
