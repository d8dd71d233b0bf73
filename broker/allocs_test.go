//go:build !race

package broker

import (
	"fmt"
	"io"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// The whole way of a message, bytes in to bytes out over real sockets: nothing
// is allocated, whatever the QoS, the version and the number of subscribers.
func TestNoAllocations(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, fanOut := range []int{1, 200} {
			for _, v := range []packet.Version{packet.V311, packet.V5} {
				for qos := range packet.QoS(3) {
					for _, payload := range []int{16, 2 * byReference} {
						large := payload >= byReference
						if large && (fanOut > 1 || b.o.Driver == transport.Goroutine) {
							continue // There writev costs the net package an allocation.
						}
						t.Run(fmt.Sprintf("fan-out=%d/%v/qos=%d/payload=%d", fanOut, v, qos, payload), func(t *testing.T) {
							x := newExchange(&bench{b.Server, t}, v, qos, fanOut, payload)
							x.run()
							// Pools of entries and buffers are not perfect: amortised is meant with QoS 1 and 2.
							allowed := float64(x.batch*fanOut) / 500 * float64(min(qos, 1))
							if n := testing.AllocsPerRun(50, x.run); n > allowed {
								t.Errorf("%v allocations for %d deliveries", n, x.batch*fanOut)
							}
							x.leave()
						})
					}
				}
			}
		}
	})
}

// An exchange is a batch of messages from one publisher to its subscribers, acknowledged by
// all; in bytes that are the same each time, so that the clients allocate nothing.
type exchange struct {
	batch, fanOut int
	qos           packet.QoS
	pub           *peer
	subs          []*peer
	publish       []byte
	pubrel        []byte
	size          int // Of the batch as a subscriber gets it.
	in            []byte
	acks          []byte
}

func newExchange(b *bench, v packet.Version, qos packet.QoS, fanOut, payload int) *exchange {
	x := &exchange{batch: 20, fanOut: fanOut, qos: qos, pub: b.connect(v, "pub"), in: make([]byte, 1<<20)}
	for i := range fanOut {
		s := b.connect(v, fmt.Sprint("sub", i))
		s.subscribe("a/b", qos)
		x.subs = append(x.subs, s)
	}
	for i := range x.batch {
		p := packet.Publish{Topic: []byte("a/b"), QoS: qos, Payload: make([]byte, payload)}
		if qos > 0 {
			p.ID = packet.ID(i + 1)
		}
		x.publish = p.Append(x.publish, v)
		x.pubrel = packet.AppendAck(x.pubrel, v, packet.PUBREL, p.ID, 0)
		x.acks = append(x.acks, 0, 2, 0, 0)
	}
	x.size = len(x.publish)
	return x
}

func (x *exchange) run() {
	x.pub.net.Write(x.publish)
	if x.qos > 0 {
		io.ReadFull(x.pub.net, x.in[:4*x.batch]) // PUBACK or PUBREC
	}
	if x.qos == 2 {
		x.pub.net.Write(x.pubrel)
		io.ReadFull(x.pub.net, x.in[:4*x.batch])
	}
	for _, s := range x.subs {
		io.ReadFull(s.net, x.in[:x.size])
		if x.qos > 0 {
			x.acknowledge(s)
		}
	}
}

func (x *exchange) acknowledge(s *peer) {
	first := byte(packet.PUBACK) << 4
	if x.qos == 2 {
		first = byte(packet.PUBREC) << 4
	}
	for i, rest := 0, x.in[:x.size]; i < x.batch; i++ {
		f, _ := packet.Next(rest, 0)
		at := 2 + len("a/b")
		x.acks[4*i] = first
		copy(x.acks[4*i+2:], f.Body[at:at+2])
		rest = rest[f.Size:]
	}
	s.net.Write(x.acks)
	if x.qos == 2 {
		io.ReadFull(s.net, x.in[:4*x.batch])
		for i := range x.batch {
			x.acks[4*i] = byte(packet.PUBCOMP) << 4
		}
		s.net.Write(x.acks)
	}
}

func (x *exchange) leave() {
	for _, p := range append(x.subs, x.pub) {
		p.net.Close()
	}
}
