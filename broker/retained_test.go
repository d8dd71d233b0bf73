package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// [v5 MQTT-3.3.1-5, 3.3.1-6, 3.3.1-8]: kept, replaced, removed; and only if the flag is set.
func TestRetained(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		large := strings.Repeat("x", byReference)
		for _, v := range versions {
			pub, sub := b.connect(v, "pub"), b.connect(v, "sub")
			for qos := range packet.QoS(3) {
				pub.publish("r/1", "first", qos, retained)
				pub.publish("r/1", "not retained", qos)
				pub.publish("r/2", large, qos, retained)
				sub.subscribe("r/1", 2)
				if m := sub.take("r/1", "first"); !m.Retain || m.QoS != qos {
					t.Errorf("%+v", m)
				}
				sub.subscribe("r/+", 1)
				for range 2 {
					m := sub.expectAny()
					if !m.Retain || m.QoS != min(qos, 1) {
						t.Errorf("%+v", m)
					}
					sub.complete(m)
				}
				// To an established subscription it is a message like any other, [v5 MQTT-3.3.1-12].
				pub.publish("r/1", "second", qos, retained)
				if m := sub.take("r/1", "second"); m.Retain {
					t.Error("RETAIN in a live message")
				}
				for _, name := range []string{"r/1", "r/2"} {
					pub.publish(name, "", qos, retained)
					if m := sub.take(name, ""); m.Retain {
						t.Error("RETAIN in a live message")
					}
				}
				sub.unsubscribe("r/1")
				sub.unsubscribe("r/+")
				sub.subscribe("r/#", 0)
				sub.sync()
				sub.unsubscribe("r/#")
			}
			if n := b.Stats().Retained; n != 0 {
				t.Errorf("%d retained, want none", n)
			}
			pub.leave()
			sub.leave()
		}
	})
}

// [v5 MQTT-3.3.1-9 to 3.3.1-11]: Retain Handling.
func TestRetainHandling(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, sub := b.connect(packet.V5, "pub"), b.connect(packet.V5, "sub", expiry(100))
		pub.publish("r", "x", 1, retained)
		handling := func(n uint8) func(*packet.Subscribe) {
			return subOption(func(s *packet.Subscription) { s.RetainHandling = n })
		}
		sub.subscribe("r", 1, handling(2))
		sub.sync()
		sub.subscribe("r", 1, handling(1))
		sub.sync()
		sub.subscribe("r", 1, handling(0))
		sub.take("r", "x")
		sub.unsubscribe("r")
		sub.subscribe("r", 1, handling(1), subID(9))
		if m := sub.take("r", "x"); len(subIDs(m)) != 1 || subIDs(m)[0] != 9 {
			t.Errorf("Subscription Identifiers %v", subIDs(m))
		}
		sub.subscribe("$share/s/r", 1) // [v5 4.8.2]
		sub.sync()
		sub.leave()
		sub = b.connect(packet.V5, "sub", resume) // A resumed session has them already.
		sub.sync()
	})
}

// [v5 MQTT-3.3.1-13]: Retain As Published, also through the queue.
func TestRetainAsPublished(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, sub := b.connect(packet.V5, "pub"), b.connect(packet.V5, "sub", expiry(100))
		asPublished := subOption(func(s *packet.Subscription) { s.RetainAsPublished = true })
		sub.subscribe("r", 2, asPublished)
		for qos := range packet.QoS(3) {
			pub.publish("r", "x", qos, retained)
			if m := sub.take("r", "x"); !m.Retain {
				t.Error("RETAIN was cleared")
			}
			pub.publish("r", "y", qos)
			if m := sub.take("r", "y"); m.Retain {
				t.Error("RETAIN was set")
			}
		}
		sub.leave()
		pub.publish("r", "x", 1, retained)
		pub.publish("r", "y", 1)
		sub = b.connect(packet.V5, "sub", resume)
		if x, y := sub.take("r", "x"), sub.take("r", "y"); !x.Retain || y.Retain {
			t.Errorf("RETAIN after the queue: %v %v", x.Retain, y.Retain)
		}
	})
}

// [v5 3.3.2.3.3]: a retained message expires.
func TestRetainedExpiry(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub, sub := b.connect(packet.V5, "pub"), b.connect(packet.V5, "sub")
		expires := func(n uint32) func(*packet.Publish) {
			return pubProps(packet.Prop{ID: packet.PropMessageExpiryInterval, N: n})
		}
		pub.publish("r/gone", "x", 0, retained, expires(0))
		pub.publish("r/there", "x", 0, retained, expires(100))
		sub.subscribe("r/#", 0)
		if m := sub.expect("r/there", "x"); m.Expiry < 90 || m.Expiry > 100 {
			t.Errorf("expiry %d", m.Expiry)
		}
		sub.sync()
		if n := b.Stats().Retained; n != 1 {
			t.Errorf("%d retained, want 1", n)
		}
	})
}

// All retained messages come, however many and however small the outbox; and what is published
// meanwhile comes after those of its topic.
func TestManyRetained(t *testing.T) {
	overDrivers(t, Options{Outbox: 32 << 10}, func(t *testing.T, b *bench) {
		const n = 3000
		pad := strings.Repeat(".", 3000)
		pub, sub := b.connect(packet.V311, "pub"), b.connect(packet.V311, "sub")
		for i := range n {
			pub.sendPublish(fmt.Sprint("r/", i), "old"+pad, packet.QoS(i%2), retained)
			if i%2 == 1 {
				pub.next(packet.PUBACK)
			}
		}
		pub.sync()
		sub.subscribe("r/#", 1)
		last := make(map[string]string)
		for i := range n / 10 {
			pub.publish(fmt.Sprint("r/", i*10), "new", 1)
		}
		seen := 0
		for seen < n {
			m := sub.expectAny()
			sub.complete(m)
			if m.Retain {
				seen++
				if was := last[string(m.Topic)]; was != "" {
					t.Fatalf("%s: the retained message after %q", m.Topic, was)
				}
			}
			last[string(m.Topic)] = string(m.Payload[:3])
		}
		pub.publish("r/0", "live", 0)
		for string(sub.expectAny().Payload) != "live" {
		}
	})
}

// [v3.1.1 MQTT-3.1.2-8] [v5 MQTT-3.1.2-8, 3.14.4-3]: when a will is published, and when not.
func TestWill(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		withReason := func(code packet.ReasonCode) func(*peer) {
			return func(p *peer) {
				d := packet.Disconnect{Reason: code}
				p.send(d.Append(nil, p.version))
			}
		}
		endings := []struct {
			name string
			end  func(p *peer)
			want bool
			v5   bool
		}{
			{"DISCONNECT", withReason(0), false, false},
			{"connection lost", (*peer).vanish, true, false},
			{"protocol error", func(p *peer) { p.send([]byte("\xC1\x00")) }, true, false},
			{"take-over", func(p *peer) { b.connect(p.version, "c").leave() }, true, false},
			{"DISCONNECT with will", withReason(packet.DisconnectWithWill), true, true},
			{"DISCONNECT with an error", withReason(packet.UnspecifiedError), true, true},
		}
		watch := b.connect(packet.V5, "watch")
		watch.subscribe("will", 2)
		for _, v := range versions {
			for _, e := range endings {
				if e.v5 && v != packet.V5 {
					continue
				}
				for _, lasting := range []bool{false, v == packet.V5} {
					p := b.connect(v, "c", withWill("will", "gone", 2, false), onlyIf(lasting, expiry(100)))
					p.sync()
					e.end(p)
					b.gone(1)
					if e.want {
						if m := watch.take("will", "gone"); m.QoS != 2 || m.Retain {
							t.Errorf("%s: %+v", e.name, m)
						}
					}
					watch.sync()
				}
			}
		}
	})
}

// The will is a message like any other: retained, with its properties, but not its delay.
func TestWillProperties(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		b.connect(packet.V5, "c", withWill("will", "gone", 1, true,
			packet.Prop{ID: packet.PropContentType, B: []byte("text")},
			packet.Prop{ID: packet.PropWillDelayInterval, N: 1},
			packet.Prop{ID: packet.PropMessageExpiryInterval, N: 0x4DFF},
			packet.Prop{ID: packet.PropUserProperty, Key: []byte("k"), B: []byte("v")},
		)).vanish()
		b.await("the will is retained", func() bool { return b.Stats().Retained == 1 })
		p := b.connect(packet.V5, "p")
		p.subscribe("will", 1)
		m := p.take("will", "gone")
		// The last byte of the expiry is what the time since has left of it.
		const expiry, others = "\x02\x00\x00\x4D", "\x03\x00\x04text" + "\x26\x00\x01k\x00\x01v"
		want := expiry + "\xFF" + others
		if len(m.Props) != len(want) || string(m.Props[:4]) != expiry || string(m.Props[5:]) != others || !m.Retain || m.QoS != 1 {
			t.Errorf("properties % x, want % x", m.Props, want)
		}
	})
}

// [v5 MQTT-3.1.3-9]: Will Delay. The will waits; the client that is back in time takes it back; the end of
// the session ends the wait.
func TestWillDelay(t *testing.T) {
	waits(t)
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		delay := func(n uint32) packet.Prop { return packet.Prop{ID: packet.PropWillDelayInterval, N: n} }
		watch := b.connect(packet.V5, "watch")
		watch.subscribe("will", 1)
		lost := func(payload string, wait uint32, opts ...option) {
			b.connect(packet.V5, "c", append(opts, withWill("will", payload, 1, false, delay(wait)))...).vanish()
			b.gone(1)
		}

		lost("back in time", 1000, expiry(2000))
		b.connect(packet.V5, "c", resume).leave()
		b.gone(1)
		watch.sync()

		lost("taken over", 1000, expiry(2000))
		p := b.connect(packet.V5, "c", resume, expiry(2000), withWill("will", "x", 1, false, delay(1000)))
		q := b.connect(packet.V5, "c", resume)
		p.expectEnd(packet.SessionTakenOver)
		watch.sync()
		q.leave()
		b.gone(1)

		lost("session discarded", 1000, expiry(2000))
		b.connect(packet.V5, "c", clean).leave()
		watch.take("will", "session discarded")

		lost("session without expiry", 1000)
		watch.take("will", "session without expiry")

		lost("session expired", 1000, expiry(1))
		watch.take("will", "session expired")

		began := time.Now()
		lost("waited for", 1, expiry(2000))
		watch.take("will", "waited for")
		if d := time.Since(began); d < time.Second {
			t.Errorf("after %v", d)
		}
		if b.Stats().Sessions != 2 {
			t.Error("the session ended with the will")
		}
		watch.sync()
	})
}

// What is published while a SUBSCRIBE sends what is retained comes after it, at QoS 0 too: the numbers
// of one topic never go down.
func TestRetainedBeforeLive(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		const topics = 40
		stop, stopped := make(chan struct{}), make(chan struct{})
		defer func() {
			close(stop)
			<-stopped
		}()
		pub := b.connect(packet.V311, "pub")
		go func() {
			defer close(stopped)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					pub.publish(fmt.Sprint("r/", i%topics), fmt.Sprint(i), 0, retained)
				}
			}
		}()
		sub := b.connect(packet.V311, "sub")
		for range 150 {
			var last [topics]int
			sub.sendSubscribe("r/#", 0)
			// A message that was on its way to the subscription before may still come.
			for f, _ := sub.read(); f.Type == packet.PUBLISH; f, _ = sub.read() {
			}
			u := packet.Unsubscribe{ID: sub.id(), Filters: [][]byte{[]byte("r/#")}}
			sub.send(u.Append(nil, packet.V311))
			for f, _ := sub.read(); f.Type != packet.UNSUBACK; f, _ = sub.read() {
				var m packet.Publish
				m.Decode(packet.V311, f.Flags, f.Body)
				var topic, n int
				fmt.Sscanf(string(m.Topic), "r/%d", &topic)
				fmt.Sscan(string(m.Payload), &n)
				if n < last[topic] {
					t.Fatalf("topic %d: %d (RETAIN %v) after %d", topic, n, m.Retain, last[topic])
				}
				last[topic] = n
			}
		}
	})
}
