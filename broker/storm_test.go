package broker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mqttbench/broker/packet"
)

// TestMain finds goroutines that outlive the tests.
func TestMain(m *testing.M) {
	if driver := os.Getenv(childEnv); driver != "" {
		if err := runChild(driver, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if spec := os.Getenv(durableEnv); spec != "" {
		if err := runDurable(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	manyBeside()
	goleak.VerifyTestMain(m)
}

// Everything is given back by Close: descriptors, and (by TestMain) goroutines.
func TestDescriptors(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(entries)
	}
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			startBroker(t, Options{Driver: d.driver}).Close() // What the runtime opens once, it keeps.
			before := count()
			b := startBroker(t, Options{Driver: d.driver})
			var ps []*peer
			for i := range 50 {
				p := b.connect(packet.V5, fmt.Sprint(i), expiry(100))
				p.subscribe("a", 1)
				ps = append(ps, p)
			}
			if count() < before+100 {
				t.Error("the count does not see connections")
			}
			for i, p := range ps {
				if i%3 > 0 { // The rest is still there when the broker closes.
					p.vanish()
				}
			}
			b.Close()
			for _, p := range ps {
				p.vanish()
			}
			if after := count(); after > before {
				t.Errorf("%d descriptors, %d before", after, before)
			}
		})
	}
}

// TestStorm publishes across loops while clients take each other's sessions over.
// Numbered messages of two publishers go at QoS 1 and 2 to subscribers that come
// and go; every subscriber must see each of them, in order per publisher; QoS 2 exactly once, and
// QoS 1 again only with DUP.
func TestStorm(t *testing.T) {
	overDrivers(t, Options{Loops: 3}, func(t *testing.T, b *bench) {
		const (
			subscribers = 6
			messages    = 300
		)
		setUp := func(id string) {
			p := b.connect(packet.V5, id, resume, expiry(1000), receiveMaximum(20))
			p.subscribe("storm/#", 2)
			p.leave()
		}
		for i := range subscribers {
			setUp(fmt.Sprint("sub", i))
		}
		var wg sync.WaitGroup
		for qos := packet.QoS(1); qos <= 2; qos++ {
			wg.Go(func() { stormPublisher(b, qos, messages) })
		}
		var noise atomic.Bool
		wg.Go(func() {
			for !noise.Load() { // Subscriptions of others change the tree, and numbers are given again.
				p := b.connect(packet.V311, "noise")
				p.subscribe("storm/1", 0)
				p.vanish()
			}
		})
		var subs sync.WaitGroup
		for i := range subscribers {
			subs.Go(func() {
				s := stormSubscriber{b: b, id: fmt.Sprint("sub", i), want: messages}
				s.run(rand.New(rand.NewPCG(uint64(i), 1)))
			})
		}
		subs.Wait()
		noise.Store(true)
		wg.Wait()
	})
}

func stormPublisher(b *bench, qos packet.QoS, n int) {
	p := b.connect(packet.V5, fmt.Sprint("pub", qos))
	for i := range n {
		p.publish(fmt.Sprint("storm/", qos), fmt.Sprint(i), qos)
	}
}

// A stormSubscriber takes messages, and every few of them connects anew, often while the
// old connection stands. It keeps the QoS 2 identifiers it has seen, as a client must.
type stormSubscriber struct {
	b      *bench
	id     string
	want   int
	next   [3]int // By QoS: the number that comes next.
	inside map[packet.ID]bool
}

func (s *stormSubscriber) run(r *rand.Rand) {
	s.inside = make(map[packet.ID]bool)
	for s.next[1] < s.want || s.next[2] < s.want {
		s.session(r.IntN(60))
	}
}

// session takes up to n packets on one connection, and leaves it standing for the next to take over, or drops it.
func (s *stormSubscriber) session(n int) {
	p := s.b.connect(packet.V5, s.id, resume, expiry(1000), receiveMaximum(20))
	if !p.connack.SessionPresent {
		s.b.t.Error("the session is gone")
	}
	for range n {
		if s.next[1] == s.want && s.next[2] == s.want && len(s.inside) == 0 {
			break
		}
		p.net.SetReadDeadline(time.Now().Add(patience))
		f, ok := p.read()
		if !ok {
			s.b.t.Error("closed by the broker")
			return
		}
		s.take(p, f)
	}
	if n%2 == 0 {
		p.vanish()
	}
}

func (s *stormSubscriber) take(p *peer, f packet.Frame) {
	switch f.Type {
	case packet.PUBREL:
		id := packet.ID(f.Body[0])<<8 | packet.ID(f.Body[1])
		delete(s.inside, id)
		p.sendAck(packet.PUBCOMP, id, 0)
	case packet.PUBLISH:
		var m packet.Publish
		if err := m.Decode(packet.V5, f.Flags, f.Body); err != nil {
			s.b.t.Error(err)
		}
		if m.QoS == 2 {
			if !s.inside[m.ID] {
				s.inside[m.ID] = true
				s.see(m)
			} else if !m.Dup {
				s.b.t.Errorf("%s: identifier %d is in use", s.id, m.ID)
			}
			p.sendAck(packet.PUBREC, m.ID, 0)
			return
		}
		s.see(m)
		p.sendAck(packet.PUBACK, m.ID, 0)
	}
}

func (s *stormSubscriber) see(m packet.Publish) {
	var n int
	fmt.Sscan(string(m.Payload), &n)
	switch want := s.next[m.QoS]; {
	case n == want:
		s.next[m.QoS]++
	case n > want || m.QoS == 2 || !m.Dup:
		s.b.t.Errorf("%s, QoS %d: got %d (DUP %v), want %d", s.id, m.QoS, n, m.Dup, want)
	}
}

// TestTakeOverStorm has many connections fight for one Client Identifier: in the end one
// has it, and nothing of the others is left.
func TestTakeOverStorm(t *testing.T) {
	overDrivers(t, Options{Loops: 3}, func(t *testing.T, b *bench) {
		addr := strings.TrimPrefix(b.Addrs()[0], "tcp://")
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 30 {
					if err := fight(addr, g, i); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		b.gone(0)
		p := b.connect(packet.V5, "one")
		p.publish("w", "x", 1)
		p.leave()
		b.await("nothing is left", func() bool {
			s := b.Stats()
			return s.Sessions == 0 && s.Subscriptions == 0 && s.Clients == 0
		})
	})
}

// fight connects as "one", subscribes, publishes, and reads until it is thrown out or has been answered.
func fight(addr string, g, i int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	connect := packet.Connect{Version: packet.V5, ClientID: []byte("one"), CleanStart: i%3 == 0}
	if i%2 == 0 {
		connect.Props = packet.AppendProp(nil, packet.Prop{ID: packet.PropSessionExpiryInterval, N: 1})
	}
	withWill("w", "will", 1, false)(&connect)
	b := connect.Append(nil)
	s := packet.Subscribe{ID: 1, Subs: []packet.Subscription{{Filter: fmt.Append(nil, "f/", g), QoS: 1}, {Filter: []byte("w"), QoS: 1}}}
	b = s.Append(b, packet.V5)
	m := packet.Publish{ID: 2, QoS: 1, Topic: fmt.Append(nil, "f/", g), Payload: []byte("x")}
	b = m.Append(b, packet.V5)
	b = packet.AppendPing(b, packet.PINGREQ)
	if _, err := c.Write(b); err != nil {
		return nil // Thrown out before it had its say.
	}
	var got []byte
	for {
		var chunk [4096]byte
		c.SetReadDeadline(time.Now().Add(patience))
		n, err := c.Read(chunk[:])
		if n == 0 {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return err
			}
			return nil // Thrown out, by an EOF or a reset.
		}
		got = append(got, chunk[:n]...)
		for {
			f, err := packet.Next(got, 0)
			if err != nil {
				return err
			}
			if f.Size == 0 {
				break
			}
			if f.Type == packet.PINGRESP {
				return nil
			}
			got = got[f.Size:]
		}
	}
}
