package broker

import (
	"fmt"
	"testing"

	"mqttbench/broker/packet"
)

// [v5 4.8.2]: each message goes to one member, in turn.
func TestSharedRoundRobin(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub := b.connect(packet.V5, "pub")
		members := []*peer{b.connect(packet.V5, "0"), b.connect(packet.V5, "1"), b.connect(packet.V311, "2")}
		for i, m := range members {
			m.subscribe("$share/s/a/+", packet.QoS(i))
		}
		all := b.connect(packet.V5, "all")
		all.subscribe("a/#", 0)
		const rounds = 10
		for range 3 * rounds {
			for qos := range packet.QoS(3) {
				pub.publish("a/b", "x", qos)
				all.expect("a/b", "x")
			}
		}
		total := 0
		for i, m := range members {
			n := 0
			m.send(packet.AppendPing(nil, packet.PINGREQ))
			for f, _ := m.read(); f.Type != packet.PINGRESP; f, _ = m.read() {
				if f.Type == packet.PUBLISH {
					n++
				}
			}
			if n != 3*rounds {
				t.Errorf("member %d got %d, want %d", i, n, 3*rounds)
			}
			total += n
		}
		all.sync()
	})
}

// A member with an open window is preferred; what one has in its queue stays there; a member that
// is away is asked only when nobody is there.
func TestSharedPreference(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		pub := b.connect(packet.V5, "pub")
		stuck := b.connect(packet.V5, "stuck", receiveMaximum(1))
		free := b.connect(packet.V5, "free")
		away := b.connect(packet.V5, "away", expiry(100))
		for _, m := range []*peer{stuck, free, away} {
			m.subscribe("$share/s/a", 1, subID(5))
		}
		away.leave()
		for i := range 10 {
			pub.publish("a", fmt.Sprint(i), 1)
		}
		first := stuck.expectAny()
		stuck.sync() // One, and then its window was shut.
		for range 9 {
			m := free.expectAny()
			if ids := subIDs(m); len(ids) != 1 || ids[0] != 5 {
				t.Errorf("Subscription Identifiers %v", ids)
			}
			free.complete(m)
		}
		free.sync()
		free.leave()

		pub.publish("a", "queued", 1) // Only a busy one is left: it waits there.
		away = b.connect(packet.V5, "away", resume, expiry(100))
		away.sync()
		stuck.complete(first)
		stuck.take("a", "queued")
		away.leave()
		stuck.leave()
		b.gone(1)

		if code := pub.publish("a", "for who comes back", 1); code != packet.Success {
			t.Errorf("Reason Code %v", code)
		}
		pub.publish("a", "QoS 0 is not kept", 0)
		away = b.connect(packet.V5, "away", resume)
		away.take("a", "for who comes back")
		away.sync()
		away.leave()
		if code := pub.publish("a", "nobody", 1); code != packet.NoMatchingSubscribers {
			t.Errorf("Reason Code %v", code)
		}
	})
}
