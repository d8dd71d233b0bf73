package broker

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

func takesAliases(n uint32) option {
	return props(packet.Prop{ID: packet.PropTopicAliasMaximum, N: n})
}

// A resolver is a client's side of the aliases that a server sets.
type resolver struct {
	t     testing.TB
	most  uint16
	names map[uint16]string
	saved int // PUBLISH packets without a Topic Name.
}

func (r *resolver) name(m *packet.Publish) string {
	r.t.Helper()
	if m.Alias > r.most {
		r.t.Fatalf("alias %d, and %d is the maximum", m.Alias, r.most)
	}
	switch {
	case m.Alias == 0:
	case len(m.Topic) > 0:
		r.names[m.Alias] = string(m.Topic)
	default:
		r.saved++
		name, ok := r.names[m.Alias]
		if !ok {
			r.t.Fatalf("alias %d was never set", m.Alias)
		}
		return name
	}
	return string(m.Topic)
}

// Messages from all loops, with all QoS, under more names than there are aliases: each can be told by its alias. A client that takes
// none gets none, and a new connection begins with none.
func TestAliasesOut(t *testing.T) {
	const topics, messages = 6, 600
	overDrivers(t, Options{TopicAliasesOut: 3}, func(t *testing.T, b *bench) {
		for most, id := range map[uint32]string{0: "takes none", 2: "takes two", 10: "takes ten"} {
			for range 2 { // The second time on a connection that resumes the session.
				sub := b.connect(packet.V5, id, takesAliases(most), resume, expiry(100))
				sub.subscribe("site/one/machine/+", 2, subID(7))
				r := &resolver{t, uint16(min(most, 3)), map[uint16]string{}, 0}
				done := make(chan struct{})
				for p := range 3 { // They live on different loops.
					pub := b.connect(packet.V5, fmt.Sprint("pub", p))
					go func() {
						defer func() { done <- struct{}{} }()
						for i := range messages / 3 {
							qos := packet.QoS(i % 3)
							machine := rand.IntN(topics)
							if i%10 > 0 {
								machine = i / 20 % 2 // Some names come all the time.
							}
							name := fmt.Sprint("site/one/machine/", machine)
							pub.publish(name, name, qos)
						}
						pub.vanish()
					}()
				}
				for range messages {
					m := sub.expectAny()
					if name := r.name(&m); name != string(m.Payload) {
						t.Fatalf("%s: got %q under %q", id, m.Payload, name)
					}
					if p, ok := m.Props.Get(packet.PropSubscriptionIdentifier); !ok || p.N != 7 {
						t.Errorf("Subscription Identifier %v", p)
					}
					sub.complete(m)
				}
				for range 3 {
					<-done
				}
				if most == 0 && r.saved > 0 || most > 0 && r.saved < messages/4 {
					t.Errorf("%s: %d of %d without a name", id, r.saved, messages)
				}
				sub.vanish()
				b.gone(0)
			}
			b.connect(packet.V5, id).leave()
			b.gone(0)
		}
	})
}

// What was queued has its whole name; the limit of a packet's size holds with the alias.
func TestAliasesOutAtLimits(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		name := strings.Repeat("n", 30)
		plain := packet.Publish{Topic: []byte(name), Payload: []byte("12345"), QoS: 1, ID: 1}
		exact := plain.Size(packet.V5)
		pub := b.connect(packet.V5, "pub")
		sub := b.connect(packet.V5, "sub", lasting, takesAliases(5), props(packet.Prop{ID: packet.PropMaximumPacketSize, N: uint32(exact)}))
		sub.subscribe(name, 1)
		sub.leave()
		pub.publish(name, "queue", 1)
		sub = b.connect(packet.V5, "sub", lasting, takesAliases(5), props(packet.Prop{ID: packet.PropMaximumPacketSize, N: uint32(exact)}))
		sub.take(name, "queue")
		for range 3 {
			pub.publish(name, "12345", 1) // With an alias it would be too large.
			if m := sub.take(name, "12345"); m.Alias != 0 {
				t.Errorf("alias %d", m.Alias)
			}
		}
		pub.publish(name, "1", 1)
		if m := sub.take(name, "1"); m.Alias != 1 {
			t.Errorf("alias %d", m.Alias)
		}
		pub.publish(name, "1", 1)
		if m := sub.take("", "1"); m.Alias != 1 {
			t.Errorf("alias %d", m.Alias)
		}
		pub.publish(name, "123456", 1)
		sub.sync()
		b.counted("too large", 1, func(s *Stats) uint64 { return s.Dropped.TooLarge })
	})
}
