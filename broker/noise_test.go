package broker

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// TestNoise sends what no client would: valid packets in any order, with identifiers, sessions and
// topics in common, cut and damaged now and then. Whatever it answers, the broker must go on, and be
// empty when all have gone.
func TestNoise(t *testing.T) {
	overDrivers(t, Options{ReceiveMaximum: 10, Outbox: 4 << 10, MaxPacket: 32 << 10}, func(t *testing.T, b *bench) {
		addr := strings.TrimPrefix(b.Addrs()[0], "tcp://")
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		var wg sync.WaitGroup
		for g := range 6 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(seed, uint64(g)))
				for range 60 {
					noisyConnection(t, addr, r)
				}
			})
		}
		wg.Wait()
		// Connections that the kernel still holds for the broker come after all others, so
		// what is left is cleaned away until nothing comes any more.
		var s Stats
		defer func() {
			if t.Failed() {
				t.Logf("left: %+v", s)
			}
		}()
		b.await("nothing is left", func() bool {
			for i := range noisyIDs {
				discardSession(t, addr, fmt.Sprint("noise", i))
			}
			s = b.Stats()
			return s.Clients == 0 && s.Sessions == 0 && s.Subscriptions == 0
		})
		p := b.connect(packet.V5, "p")
		p.subscribe("quiet", 2)
		p.sendPublish("quiet", "x", 0)
		p.expect("quiet", "x")
	})
}

// discardSession connects with Clean Start and leaves, whatever the answers are.
func discardSession(t *testing.T, addr, id string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	p := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte(id)}
	d := packet.Disconnect{}
	c.Write(d.Append(p.Append(nil), packet.V311))
	c.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection that sent DISCONNECT is still open")
	}
}

const noisyIDs = 4

func noisyConnection(t *testing.T, addr string, r *rand.Rand) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	reads := r.IntN(50)
	go func() { // Reads a while, or does not.
		buf := make([]byte, 1000)
		for range reads {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}()
	v := versions[r.IntN(len(versions))]
	b := noisyConnect(r, v)
	sound := len(b) // A damaged CONNECT could leave a session under a name that nobody knows.
	for range r.IntN(60) {
		b = noisyPacket(b, r, v)
		if r.IntN(10) == 0 {
			c.SetWriteDeadline(time.Now().Add(time.Second)) // A full outbox stops the broker from reading.
			if _, err := c.Write(b); err != nil {
				return
			}
			b, sound = b[:0], 0
		}
	}
	if n := len(b) - sound; r.IntN(3) == 0 && n > 0 {
		b[sound+r.IntN(n)] ^= byte(1 << r.IntN(8))
		b = b[:sound+r.IntN(n+1)]
	}
	c.SetWriteDeadline(time.Now().Add(time.Second))
	c.Write(b)
}

func noisyConnect(r *rand.Rand, v packet.Version) []byte {
	p := packet.Connect{
		Version: v, CleanStart: r.IntN(2) == 0, ClientID: fmt.Append(nil, "noise", r.IntN(noisyIDs)), KeepAlive: uint16(r.IntN(3)),
	}
	if r.IntN(2) == 0 {
		withWill(noisyTopic(r), "will", packet.QoS(r.IntN(3)), r.IntN(2) == 0)(&p)
	}
	if r.IntN(2) == 0 {
		props(packet.Prop{ID: packet.PropSessionExpiryInterval, N: r.Uint32N(3)},
			packet.Prop{ID: packet.PropReceiveMaximum, N: 1 + r.Uint32N(5)},
			packet.Prop{ID: packet.PropMaximumPacketSize, N: 20 + r.Uint32N(1000)})(&p)
	}
	return p.Append(nil)
}

func noisyTopic(r *rand.Rand) string { return fmt.Sprint("n/", r.IntN(3)) }

func noisyPacket(b []byte, r *rand.Rand, v packet.Version) []byte {
	id := packet.ID(1 + r.IntN(20))
	switch r.IntN(8) {
	case 0:
		filters := []string{"n/#", "+/0", "n/1", "$share/g/n/#", "$share/g/n/2"}
		s := packet.Subscribe{ID: id, Subs: []packet.Subscription{{Filter: []byte(filters[r.IntN(len(filters))]), QoS: packet.QoS(r.IntN(3))}}}
		if r.IntN(2) == 0 {
			subID(1 + r.Uint32N(9))(&s)
		}
		return s.Append(b, v)
	case 1:
		u := packet.Unsubscribe{ID: id, Filters: [][]byte{[]byte("n/#"), []byte("$share/g/n/#")}}
		return u.Append(b, v)
	case 2, 3, 4:
		p := packet.Publish{Topic: []byte(noisyTopic(r)), QoS: packet.QoS(r.IntN(3)), Retain: r.IntN(4) == 0}
		p.Payload = make([]byte, r.IntN(2)*r.IntN(20<<10))
		if p.QoS > 0 {
			p.ID = id
		}
		if r.IntN(2) == 0 {
			pubProps(packet.Prop{ID: packet.PropMessageExpiryInterval, N: r.Uint32N(3)},
				packet.Prop{ID: packet.PropTopicAlias, N: 1 + r.Uint32N(60)},
				packet.Prop{ID: packet.PropUserProperty, Key: []byte("k"), B: []byte("v")})(&p)
		}
		return p.Append(b, v)
	case 5:
		return packet.AppendPing(b, packet.PINGREQ)
	}
	acks := []packet.Type{packet.PUBACK, packet.PUBREC, packet.PUBREL, packet.PUBCOMP}
	return packet.AppendAck(b, v, acks[r.IntN(4)], id, 0)
}
