package broker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// Each limit is reached by a client, which is told, and counted. MaxClients, the times for CONNECT
// and Keep Alive, the Receive Maximum, the packet size and what sessions and outboxes hold have
// tests of their own: TestMaxClients, TestConnectTimeout, TestKeepAlive, TestRule11, TestPacketTooLarge, TestRule24, TestRule25.

// expectRefusal expects a CONNACK that refuses, in the words of the version, and the end.
func (p *peer) expectRefusal(code packet.ReasonCode) {
	p.t.Helper()
	if got := p.expectConnack().Reason; got != code && (p.version == packet.V5 || got != packet.ServerUnavailable) {
		p.t.Errorf("CONNACK %v, want %v", got, code)
	}
	p.expectEnd(0)
}

func (b *bench) counted(what string, want uint64, of func(*Stats) uint64) {
	b.t.Helper()
	if s := b.Stats(); of(&s) != want {
		b.t.Errorf("%s: %d counted, want %d", what, of(&s), want)
	}
}

func TestLimitSessions(t *testing.T) {
	overVersions(t, Options{MaxSessions: 2}, func(t *testing.T, b *bench, v packet.Version) {
		b.connect(v, "kept", lasting).leave()
		here := b.connect(v, "here")
		p := b.dial(v)
		p.sendConnect("third")
		p.expectRefusal(packet.QuotaExceeded)
		b.connect(v, "kept", lasting).leave() // Those that exist go on,
		b.gone(1)
		if n := b.Stats().Sessions; n != 2 {
			t.Errorf("%d sessions", n)
		}
		here.leave() // and one that ends makes room.
		b.gone(0)
		b.connect(v, "third").sync()
		b.counted("sessions", 1, func(s *Stats) uint64 { return s.Refused.Sessions })
	})
}

func TestLimitClientsIsCounted(t *testing.T) {
	overVersions(t, Options{MaxClients: 1}, func(t *testing.T, b *bench, v packet.Version) {
		b.connect(v, "a")
		p := b.dial(v)
		p.sendConnect("b")
		p.expectRefusal(packet.QuotaExceeded)
		b.counted("clients", 1, func(s *Stats) uint64 { return s.Refused.Clients })
	})
}

func TestLimitConnectRate(t *testing.T) {
	overVersions(t, Options{ConnectRate: 3}, func(t *testing.T, b *bench, v packet.Version) {
		// So many at once that more come in a second than may, however slow this machine is: a third of a second makes room for one.
		const many = 40
		var all []*peer
		for range many {
			all = append(all, b.dial(v))
		}
		for i, p := range all {
			p.sendConnect(fmt.Sprint("hasty ", i))
		}
		in := 0
		for _, p := range all {
			switch code := p.expectConnack().Reason; {
			case code == packet.Success:
				in++
			case v == packet.V5 && code != packet.ConnectionRateExceeded || v != packet.V5 && code != packet.ServerUnavailable:
				t.Errorf("CONNACK %v", code)
			default:
				p.expectEnd(0)
			}
		}
		if in < 3 || in == many {
			t.Errorf("%d of %d were let in", in, many)
		}
		b.counted("connect rate", uint64(many-in), func(s *Stats) uint64 { return s.Refused.ConnectRate })
		time.Sleep(400 * time.Millisecond)
		b.connect(v, "patient").sync()
	})
}

// A gate over an hour: never more in any second than the rate and its burst, and all that are on schedule pass.
func TestGate(t *testing.T) {
	g := newGate(100)
	passed := 0
	for now := int64(0); now < 60*second; now += millisecond {
		for range 5 {
			if g.pass(now) {
				passed++
			}
		}
	}
	if passed != 100*60+99 && passed != 100*60+100 {
		t.Errorf("%d passed in a minute at 100/s", passed)
	}
	g = newGate(1000)
	for now := int64(0); now < second; now += millisecond {
		if !g.pass(now) {
			t.Fatalf("refused on schedule at %d ms", now/millisecond)
		}
	}
	all := newGate(0)
	for range 10 {
		if !all.pass(0) {
			t.Fatal("a gate without a rate is shut")
		}
	}
}

func TestLimitSubscriptions(t *testing.T) {
	overVersions(t, Options{MaxSubscriptions: 20}, func(t *testing.T, b *bench, v packet.Version) {
		p := b.connect(v, "p")
		more := func(n int) func(*packet.Subscribe) {
			return func(s *packet.Subscribe) {
				for i := range n {
					s.Subs = append(s.Subs, packet.Subscription{Filter: fmt.Append(nil, "f/", i), QoS: 1})
				}
			}
		}
		p.sendSubscribe("f", 1, more(29))
		codes := p.expectSuback(false)
		refused := slices.IndexFunc(codes, packet.ReasonCode.Failed)
		if refused != 20 || !codes[29].Failed() || v == packet.V5 && codes[20] != packet.QuotaExceeded {
			t.Errorf("SUBACK %v", codes)
		}
		p.subscribe("f/3", 0) // To replace is allowed, to add is not until one has gone.
		p.sendSubscribe("new", 0)
		if codes := p.expectSuback(false); !codes[0].Failed() {
			t.Errorf("SUBACK %v", codes)
		}
		p.unsubscribe("f/3")
		p.subscribe("new", 0)
		if n := b.Stats().Subscriptions; n != 20 {
			t.Errorf("%d subscriptions", n)
		}
		b.counted("subscriptions", 11, func(s *Stats) uint64 { return s.Refused.Subscriptions })
	})
}

func TestLimitTopicLevels(t *testing.T) {
	overVersions(t, Options{MaxTopicLevels: 5}, func(t *testing.T, b *bench, v packet.Version) {
		p := b.connect(v, "p")
		p.subscribe("1/2/3/4/+", 0)
		p.subscribe("////", 0)
		b.connect(v, "pub").publish("1/2/3/4/5", "x", 1)
		p.expect("1/2/3/4/5", "x")
		p.sendSubscribe("1/2/3/4/5/+", 0)
		if codes := p.expectSuback(false); !codes[0].Failed() || v == packet.V5 && codes[0] != packet.TopicFilterInvalid {
			t.Errorf("SUBACK %v", codes)
		}
		p.sendPublish("1/2/3/4/5/6", "x", 0)
		p.expectEnd(packet.TopicNameInvalid)
		q := b.dial(v)
		q.sendConnect("q", withWill("/////", "x", 0, false))
		q.expectRefusal(packet.TopicNameInvalid)
		b.counted("levels", 3, func(s *Stats) uint64 { return s.Refused.TopicLevels })
	})
}

// What there is no room to retain is delivered all the same; who gets to hear of it is who could do something
// about it: see outcome.reason.
func TestLimitRetained(t *testing.T) {
	size := int(retainedCost(2, 0, 100, 0))
	for name, o := range map[string]Options{
		"messages": {MaxRetained: 3},
		"bytes":    {MaxRetainedBytes: 3*size + size/2},
	} {
		t.Run(name, func(t *testing.T) {
			overVersions(t, o, func(t *testing.T, b *bench, v packet.Version) {
				pub, sub := b.connect(v, "pub"), b.connect(v, "sub")
				payload := strings.Repeat("x", 100)
				for i := range 3 {
					pub.publish(fmt.Sprint("r", i), payload, 1, retained)
				}
				want := packet.Success
				if v == packet.V5 {
					want = packet.QuotaExceeded
				}
				if code := pub.publish("r3", payload, 1, retained); code != want {
					t.Errorf("PUBACK %v, want %v", code, want)
				}
				pub.publish("r3", payload, 0, retained)
				sub.subscribe("r3", 1)
				sub.sync()
				if code := pub.publish("r3", payload, 1, retained); code != packet.Success {
					t.Errorf("PUBACK %v, though there is a subscriber", code)
				}
				sub.take("r3", payload)
				pub.publish("r0", strings.Repeat("y", 90), 1, retained) // In the place of another.
				pub.publish("r1", "", 1, retained)
				pub.publish("r3", payload, 1, retained)
				sub.take("r3", payload)
				s := b.Stats()
				if s.Retained != 3 || s.RetainedBytes != 3*size-10 || s.Refused.Retained+s.Refused.RetainedBytes != 3 {
					t.Errorf("%d messages of %d bytes retained, refused %+v", s.Retained, s.RetainedBytes, s.Refused)
				}
				for i := range 4 {
					pub.publish(fmt.Sprint("r", i), "", 0, retained)
				}
				if s := b.Stats(); s.Retained != 0 || s.RetainedBytes != 0 {
					t.Errorf("%d messages, %d bytes left", s.Retained, s.RetainedBytes)
				}
			})
		})
	}
}

// Expired retained messages give their bytes back, too.
func TestRetainedBytesAfterExpiry(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "p")
		p.publish("r", "x", 0, retained, expiresIn(0))
		p.subscribe("r", 0)
		p.sync()
		if s := b.Stats(); s.Retained != 0 || s.RetainedBytes != 0 {
			t.Errorf("%d messages, %d bytes left", s.Retained, s.RetainedBytes)
		}
	})
}

// The bytes of a session are a limit of their own.
func TestLimitQueuedBytes(t *testing.T) {
	o := Options{SessionLimits: session.Limits{MaxQueuedBytes: 10_000, MaxInflight: 1}}
	overVersions(t, o, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		sub.subscribe("a", 1)
		sub.leave()
		payload := strings.Repeat("x", 3000)
		for range 5 {
			pub.publish("a", payload, 1)
		}
		b.counted("session full", 2, func(s *Stats) uint64 { return s.Dropped.SessionFull })
		sub = b.connect(v, "sub", lasting)
		m := sub.expect("a", payload)
		sub.sync() // One in flight, as MaxInflight says.
		sub.complete(m)
		sub.take("a", payload)
		sub.take("a", payload)
		sub.sync()
	})
}

func TestOptionsOfLimits(t *testing.T) {
	o, err := Options{}.withDefaults()
	if err != nil || o.MaxSessions != 1_000_000 || o.MaxSubscriptions != 10_000 || o.MaxTopicLevels != 128 ||
		o.MaxRetained != 1_000_000 || o.MaxRetainedBytes != 1<<30 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, wrong := range []Options{{ConnectRate: -1}, {SysInterval: -1}, {SysInterval: 1500 * time.Millisecond}} {
		if _, err := New(wrong); err == nil {
			t.Errorf("%+v was accepted", wrong)
		}
	}
}
