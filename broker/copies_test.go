package broker

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// TestLargePayloadsAreNotCopied: from 8 KiB on a payload leaves for all its subscribers from where it lies, and what is copied for each is the
// head of its PUBLISH. Below, it is copied, which is cheaper.
func TestLargePayloadsAreNotCopied(t *testing.T) {
	const subscribers, messages = 50, 4
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for qos := range packet.QoS(3) {
			for _, c := range []struct {
				payload int
				most    uint64 // Bytes copied for one delivery: the head, and what is answered.
			}{{byReference, 64}, {10 * byReference, 64}, {byReference - 1, byReference + 64}} {
				t.Run(fmt.Sprintf("qos=%d/payload=%d", qos, c.payload), func(t *testing.T) {
					copied := copyOut(&bench{b.Server, t}, qos, subscribers, messages, c.payload)
					if most := c.most * subscribers * messages; copied > most {
						t.Errorf("%d bytes were copied for %d deliveries, want %d at most", copied, subscribers*messages, most)
					}
					if c.payload < byReference && copied < uint64(c.payload*subscribers*messages) {
						t.Errorf("%d bytes were copied: does the count count?", copied)
					}
					for _, l := range b.own {
						scratch := make(chan int)
						l.t.Post(func() {
							n := cap(l.single)
							for i := range l.frames {
								n = max(n, cap(l.frames[i].buf))
							}
							scratch <- n
						})
						if n := <-scratch; n >= 10*byReference {
							t.Errorf("a payload was copied into a frame: it holds %d bytes", n)
						}
					}
				})
			}
		}
	})
}

// copyOut publishes messages to subscribers, at QoS 1 at most, and returns how many bytes the transport copied for that.
func copyOut(b *bench, qos packet.QoS, subscribers, messages, payload int) uint64 {
	var subs []*peer
	for i := range subscribers {
		s := b.connect(packet.V311, fmt.Sprint("sub", i))
		s.subscribe("large", min(qos, 1))
		subs = append(subs, s)
	}
	pub := b.connect(packet.V311, "pub")
	count := func() transport.Stats {
		for range 2 { // The counts of a turn are published at its end.
			b.loops.Each(func(*transport.Loop) {})
		}
		return b.loops.Stats()
	}
	before := count()
	in := make([]byte, payload+100)
	for i := range messages {
		p := packet.Publish{Topic: []byte("large"), QoS: qos, Payload: bytes.Repeat([]byte{'x'}, payload)}
		if qos > 0 {
			p.ID = packet.ID(i + 1)
		}
		sent := p.Append(nil, packet.V311)
		pub.send(sent)
		for _, s := range subs {
			if _, err := io.ReadFull(s.net, in[:len(sent)]); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	after := count()
	for _, p := range append(subs, pub) {
		p.net.Close()
	}
	return after.BytesCopied - before.BytesCopied
}
