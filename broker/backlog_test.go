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
