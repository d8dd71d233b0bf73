package broker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// An honest pair publishes and subscribes while others misbehave. It notices if it is cut off, loses a
// message or waits longer than patience for one; how long the slowest took is logged and never judged, for
// a busy machine under the race detector takes what it takes.
type honest struct {
	pub, sub *peer
	end      func() // Stops the exchange, and waits for it.
	done     sync.WaitGroup
	trips    int
	worst    time.Duration
}

func (b *bench) honest(t *testing.T) *honest {
	h := &honest{pub: b.connect(packet.V5, "honest pub"), sub: b.connect(packet.V311, "honest sub")}
	stop := make(chan struct{})
	h.end = sync.OnceFunc(func() {
		close(stop)
		h.done.Wait()
	})
	t.Cleanup(h.end)
	h.sub.subscribe("honest/+", 2)
	h.done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				if i > 0 { // Once at least, however short the misbehaviour was.
					return
				}
			case <-time.After(time.Millisecond):
			}
			began := time.Now()
			h.pub.publish("honest/1", fmt.Sprint(i), packet.QoS(i%3))
			h.sub.take("honest/1", fmt.Sprint(i))
			h.worst = max(h.worst, time.Since(began))
			h.trips++
		}
	})
	return h
}

// unharmed ends the exchange and judges it.
func (h *honest) unharmed(t *testing.T) {
	t.Helper()
	h.end()
	t.Logf("%d messages, the slowest took %v", h.trips, h.worst)
	if h.trips == 0 {
		t.Error("no message of the honest clients came through")
	}
}

// halfOpen is how many connections TestHalfOpen opens: 10,000 if the limit of descriptors allows two for each.
func halfOpen() int {
	if testing.Short() {
		return 500
	}
	return min(10_000, descriptorLimit()/2-500)
}

// Connections that send nothing, or the beginning of a CONNECT byte by byte, are closed when their time is
// up, which is counted and logged.
func TestHalfOpen(t *testing.T) {
	var log syncBuffer
	o := Options{ConnectTimeout: 2 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	overDrivers(t, o, func(t *testing.T, b *bench) {
		log.Reset()
		h := b.honest(t)
		addr := strings.TrimPrefix(b.Addrs()[0], "tcp://")
		n := halfOpen()
		var all []net.Conn
		for range n {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			all = append(all, c)
		}
		connect := []byte("\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01c")
		for i := range connect[:len(connect)-1] {
			for _, c := range all[:n/2] { // A byte from each, again and again, and never the last one.
				c.Write(connect[i : i+1])
			}
		}
		for _, c := range all {
			c.SetReadDeadline(time.Now().Add(patience))
			if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("a connection without CONNECT is still open")
			}
		}
		b.await("all are counted", func() bool { return b.conns.Load() == 2 })
		h.unharmed(t)
		b.counted("connect timeout", uint64(n), func(s *Stats) uint64 { return s.Refused.ConnectTimeout })
		if said := log.String(); strings.Count(said, errNoConnect.Error()) != n {
			t.Errorf("the log does not say why %d connections were closed: %.300s", n, said)
		}
	})
}

// Floods of what is not MQTT, before CONNECT and after, with all kinds of beginnings.
func TestMalformedFlood(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		h := b.honest(t)
		var nonsense [][]byte
		for first := range 256 {
			nonsense = append(nonsense,
				bytes.Repeat([]byte{byte(first)}, 100),
				append([]byte{byte(first)}, "\xFF\xFF\xFF\xFF\x7F"...), // A length that never ends.
				append([]byte{byte(first)}, "\xFF\xFF\xFF\x7F"...),     // 256 MB to come.
			)
		}
		for i, bad := range nonsense {
			p := b.dial(packet.V311)
			p.net.Write(bad)
			p.vanish()
			if i%8 == 0 {
				q := b.connect(packet.V5, "bad")
				q.net.Write(bad)
				q.vanish()
			}
		}
		h.unharmed(t)
		if r := b.Stats().Refused; r.Malformed == 0 || r.Protocol == 0 || r.PacketSize == 0 {
			t.Errorf("%+v", r)
		}
	})
}

// Topic Names and Topic Filters as long and as deep as MQTT allows.
func TestGiantTopics(t *testing.T) {
	overDrivers(t, Options{MaxTopicLevels: -1}, func(t *testing.T, b *bench) {
		h := b.honest(t)
		p, pub := b.connect(packet.V5, "p"), b.connect(packet.V5, "pub")
		for name, wild := range map[string]string{
			strings.Repeat("/", 65535): "/#", strings.Repeat("x", 65535): "+", strings.Repeat("a/", 32767): "a/#",
		} {
			p.subscribe(name, 1)
			pub.publish(name, "x", 1, retained)
			p.take(name, "x")
			p.unsubscribe(name)
			p.subscribe(name[:40000]+"/+/#", 1)
			p.sync2(t)
			p.subscribe(wild, 1)
			p.take(name, "x")
			p.unsubscribe(wild)
			p.unsubscribe(name[:40000] + "/+/#")
			pub.publish(name, "", 1, retained)
			p.sync2(t)
		}
		h.unharmed(t)
		if s := b.Stats(); s.Retained != 0 || s.Subscriptions != 1 {
			t.Errorf("%d retained, %d subscriptions left", s.Retained, s.Subscriptions)
		}
	})
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "p")
		deep := func(s *packet.Subscribe) {
			for i := range 30 { // 2 MB of slashes: they must leave nothing behind.
				s.Subs = append(s.Subs, packet.Subscription{Filter: append(bytes.Repeat([]byte("/"), 65000), fmt.Append(nil, "+/", i)...)})
			}
		}
		p.sendSubscribe("a", 0, deep)
		if codes := p.expectSuback(false); slices.Index(codes, packet.TopicFilterInvalid) != 1 || codes[30] != packet.TopicFilterInvalid {
			t.Errorf("SUBACK %v", codes)
		}
		if n := b.Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

// sync2 is sync for a peer that may still get messages.
func (p *peer) sync2(t *testing.T) {
	t.Helper()
	p.send(packet.AppendPing(nil, packet.PINGREQ))
	for f, ok := p.read(); f.Type != packet.PINGRESP; f, ok = p.read() {
		if !ok {
			t.Fatal("closed")
		}
	}
}

// 65,535 Topic Filters in one SUBSCRIBE, each of which asks for all retained messages, from a client that does not
// read them.
func TestHugeSubscribe(t *testing.T) {
	raceless(t)
	o := Options{MaxSubscriptions: -1, MaxFilterBytes: -1, Outbox: 64 << 10, SessionLimits: session.Limits{MaxQueued: 1000}}
	overDrivers(t, o, func(t *testing.T, b *bench) {
		pub := b.connect(packet.V311, "pub")
		for i := range 2000 {
			pub.sendPublish(fmt.Sprint("r/", i), "x", packet.QoS(i%2), retained)
			if i%2 == 1 {
				pub.next(packet.PUBACK)
			}
		}
		pub.sync()
		h := b.honest(t)
		for i, filter := range []string{"r/#", "+/%d", "%d"} {
			p := b.connect(packet.V5, fmt.Sprint("p", i))
			s := packet.Subscribe{ID: 1}
			for k := range 65535 {
				f := filter
				if strings.Contains(f, "%") {
					f = fmt.Sprintf(f, k)
				}
				s.Subs = append(s.Subs, packet.Subscription{Filter: []byte(f), QoS: 1})
			}
			p.send(s.Append(nil, packet.V5))
			if codes := p.next(packet.SUBACK).Body[3:]; len(codes) != 65535 || codes[65534] != 1 {
				t.Errorf("%s: %d codes", filter, len(codes))
			}
			time.Sleep(100 * time.Millisecond)
			p.vanish()
		}
		b.gone(3)
		h.unharmed(t)
		if n := b.Stats().Subscriptions; n != 1 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
	overDrivers(t, Options{}, func(t *testing.T, b *bench) { // With the limits as they are.
		p := b.connect(packet.V5, "p")
		s := packet.Subscribe{ID: 1}
		for k := range 65535 {
			s.Subs = append(s.Subs, packet.Subscription{Filter: fmt.Append(nil, k)})
		}
		p.send(s.Append(nil, packet.V5))
		codes := p.next(packet.SUBACK).Body[3:]
		if i := bytes.IndexByte(codes, byte(packet.QuotaExceeded)); i != 10_000 {
			t.Errorf("the first is refused at %d", i)
		}
	})
}

// A client that asks for the same retained messages over and over gets them all, and the list of what it is owed does not
// grow with its asking.
func TestRetainedAskedForAgain(t *testing.T) {
	overDrivers(t, Options{Outbox: 16 << 10}, func(t *testing.T, b *bench) {
		const n = 500
		p := b.connect(packet.V5, "p")
		for i := range n {
			p.sendPublish(fmt.Sprint("r/", i), strings.Repeat("x", 200), 0, retained)
		}
		p.sync()
		for range 100 {
			p.sendSubscribe("r/#", 0)
		}
		got, acks := 0, 0
		count := func() {
			p.send(packet.AppendPing(nil, packet.PINGREQ))
			for f, ok := p.read(); f.Type != packet.PINGRESP; f, ok = p.read() {
				switch {
				case !ok:
					t.Fatal("closed")
				case f.Type == packet.SUBACK:
					acks++
				case f.Type == packet.PUBLISH:
					got++
				}
			}
		}
		b.await("nothing is owed any more", func() bool {
			count() // What there is no room for in the outbox comes behind the PINGRESP.
			sh := b.own[0].s.directory.shard([]byte("p"))
			sh.mu.Lock()
			cl := sh.by["p"]
			sh.mu.Unlock()
			cl.mu.Lock()
			defer cl.mu.Unlock()
			return cl.backlog == nil
		})
		if count(); acks != 100 || got < n {
			t.Errorf("%d SUBACKs and %d messages", acks, got)
		}
	})
}

// All aliases at their longest, identifiers that are never released, acknowledgements of nothing.
func TestAliasAndIdentifierAbuse(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		h := b.honest(t)
		p := b.connect(packet.V5, "p")
		alias := func(n uint32) func(*packet.Publish) { return pubProps(packet.Prop{ID: packet.PropTopicAlias, N: n}) }
		for round := range 3 {
			for n := uint32(1); n <= uint32(p.connack.TopicAliasMaximum); n++ {
				p.publish(strings.Repeat(fmt.Sprint(round), 65535), "x", 0, alias(n))
				p.publish("", "x", 0, alias(n))
			}
		}
		for id := 1; id < 65536; id++ {
			m := packet.Publish{Topic: []byte("a"), QoS: 2, ID: packet.ID(id)}
			p.buf = m.Append(p.buf[:0], packet.V5)
			p.send(p.buf)
			p.buf = p.buf[:0]
			if id%1000 == 0 || id == 65535 {
				for range (id-1)%1000 + 1 {
					p.next(packet.PUBREC)
				}
			}
		}
		var acks []byte
		for id := range 65536 {
			for _, kind := range []packet.Type{packet.PUBACK, packet.PUBCOMP} {
				acks = packet.AppendAck(acks, packet.V5, kind, packet.ID(max(1, id)), 0)
			}
		}
		p.send(acks)
		p.sync()
		p.sendPublish("a", "x", 0, alias(65535))
		p.expectEnd(packet.TopicAliasInvalid)
		h.unharmed(t)
		b.counted("topic alias", 1, func(s *Stats) uint64 { return s.Refused.TopicAlias })
	})
}

// syncBuffer is a log that two goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *syncBuffer) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}
