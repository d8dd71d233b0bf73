package broker

import (
	"fmt"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// More retained messages than the session holds, for a client that takes two at a time: what the session has queued
// goes out although more wait behind it, or nothing would ever again.
func TestRetainedBeyondTheQueue(t *testing.T) {
	sideBySide(t)
	overDrivers(t, Options{SessionLimits: session.Limits{MaxQueued: 10}}, func(t *testing.T, b *bench) {
		const n = 60
		pub, sub := b.connect(packet.V5, "pub"), b.connect(packet.V5, "sub", receiveMaximum(2))
		for i := range n {
			pub.publish(fmt.Sprint("r/", i), "x", packet.QoS(i%3), retained)
		}
		sub.subscribe("r/#", 2)
		seen := make(map[string]bool)
		for range n {
			m := sub.expectAny()
			sub.complete(m)
			seen[string(m.Topic)] = true
		}
		if len(seen) != n {
			t.Errorf("%d names of %d", len(seen), n)
		}
		sub.sync()
		if d := b.Stats().Dropped; d != (Dropped{}) {
			t.Errorf("dropped %+v", d)
		}
	})
}

// A session that is full of messages that have expired has room, [v5 MQTT-3.3.2-5]: in memory, and where they are stored.
func TestExpiredMakeRoom(t *testing.T) {
	sideBySide(t)
	for _, dir := range []string{"", t.TempDir()} {
		b := startBroker(t, Options{SessionLimits: session.Limits{MaxQueued: 3}, DataDir: dir})
		b.connect(packet.V5, "sub", expiry(1000)).subscribe("a", 2)
		again := func() *peer { return b.connect(packet.V5, "sub", resume, expiry(1000)) }
		again().leave()
		pub := b.connect(packet.V5, "pub")
		at := func(seconds uint32) func(*packet.Publish) {
			return pubProps(packet.Prop{ID: packet.PropMessageExpiryInterval, N: seconds})
		}
		for range 3 {
			pub.publish("a", "old", 1, at(0)) // It has expired when it is queued.
		}
		for i, want := range []packet.ReasonCode{0, 0, 0, packet.QuotaExceeded} {
			if code := pub.publish("a", fmt.Sprint("new", i), 1, at(1000)); code != want {
				t.Errorf("message %d: %v, want %v", i, code, want)
			}
		}
		if d := b.Stats().Dropped; d.Expired != 3 || d.SessionFull != 1 {
			t.Errorf("dropped %+v", d)
		}
		sub := again()
		for i := range 3 {
			sub.take("a", fmt.Sprint("new", i))
		}
		sub.sync()
	}
}
