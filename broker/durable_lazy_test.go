package broker

import (
	"testing"

	"mqttbench/broker/packet"
)

// That an exchange has ended is recorded without a batch of its own, which the next message would have to wait for; and
// the loop's tick hands it over when no message comes. A tick may come at any time, so that one of many exchanges is enough.
func TestEndOfExchangeGoesWithTheNextBatch(t *testing.T) {
	b := startDurable(t, t.TempDir(), Options{Loops: 1})
	g := b.ledger
	next := func() uint64 {
		g.cut.Lock()
		defer g.cut.Unlock()
		return g.next
	}
	for _, qos := range []packet.QoS{1, 2} {
		sub := b.connect(packet.V311, "sub", resume)
		sub.subscribe("t", qos)
		pub := b.connect(packet.V311, "pub", resume)
		waited := false
		for range 100 {
			pub.publish("t", "x", qos)
			m := sub.expect("t", "x")
			last := packet.PUBACK
			if qos == 2 {
				sub.sendAck(packet.PUBREC, m.ID, 0)
				sub.expectAck(packet.PUBREL, m.ID)
				last = packet.PUBCOMP
			}
			before := next()
			sub.sendAck(last, m.ID, 0)
			sub.sync()
			if waited = next() == before && g.some.Load(); waited {
				break
			}
		}
		if !waited {
			t.Errorf("QoS %d: the end of each exchange was a batch of its own", qos)
		}
		b.await("a tick has handed it over", func() bool { return !g.some.Load() })
		sub.leave()
		pub.leave()
	}
}
