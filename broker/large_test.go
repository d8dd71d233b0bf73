package broker

import (
	"bytes"
	"testing"

	"mqttbench/broker/packet"
)

// TestLargePackets: a packet of several reads arrives whole, with nothing behind it, at every size around what one read asks for.
func TestLargePackets(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for i, size := range []int{64 << 10, 128 << 10, 300_000, 983_040, 1_000_000, 5_000_000} {
			p := b.connect(packet.V311, "large")
			publish := packet.Publish{Topic: []byte("large"), QoS: 1, ID: packet.ID(i + 1), Payload: bytes.Repeat([]byte("x"), size)}
			p.send(publish.Append(nil, packet.V311))
			p.next(packet.PUBACK)
			p.vanish()
		}
	})
}
