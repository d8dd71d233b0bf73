package broker

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"mqttbench/broker/packet"
)

// many is n Topic Filters of one packet.
func many(n int) []packet.Subscription {
	var subs []packet.Subscription
	for i := range n {
		subs = append(subs, packet.Subscription{Filter: fmt.Append(nil, "s/", i), QoS: 1})
	}
	return subs
}

func manyUnsubscribe(n int) *packet.Unsubscribe {
	u := &packet.Unsubscribe{ID: 2}
	for _, s := range many(n) {
		u.Filters = append(u.Filters, s.Filter)
	}
	return u
}

// servesBetween counts the turns that a loop has for others while a packet is worked on, until it is told to stop. A posted
// function is such a turn.
func (b *bench) servesBetween(working func() bool) (count func() int) {
	var n int
	stop, done := make(chan struct{}), make(chan struct{})
	l := b.own[0]
	var look func()
	look = func() {
		select {
		case <-stop:
			close(done)
			return
		default:
		}
		if working() {
			n++
		}
		l.t.Post(look)
	}
	l.t.Post(look)
	end := sync.OnceFunc(func() { // In any case: the loop does not end while somebody posts.
		close(stop)
		<-done
	})
	b.t.Cleanup(end)
	return func() int {
		end()
		return n
	}
}

// working reports, on its loop, whether a packet of a client is worked on over several turns.
func (b *bench) working(id string) func() bool {
	return func() bool {
		sh := b.directory.shard([]byte(id))
		sh.mu.Lock()
		cl := sh.by[id]
		sh.mu.Unlock()
		if cl == nil {
			return false
		}
		c := cl.conn.Load()
		return c != nil && c.begun() != nil
	}
}

// A SUBSCRIBE with 65,535 Topic Filters, and the UNSUBSCRIBE that undoes it, are worked on in slices: the loop serves others in
// between. What the client sent behind them waits, answers come in order, and each filter has its Reason Code.
func TestSlices(t *testing.T) {
	const n = 65535
	overDrivers(t, Options{Loops: 1, MaxSubscriptions: n - 5, MaxFilterBytes: -1}, func(t *testing.T, b *bench) {
		pub := b.connect(packet.V5, "pub")
		const kept = 300
		for i := range kept {
			pub.publish(fmt.Sprint("s/", i*200), "old", packet.QoS(i%3), retained)
		}
		p := b.connect(packet.V5, "p")
		between := b.servesBetween(b.working("p"))
		sub := packet.Subscribe{ID: 1, Subs: many(n)}
		all := sub.Append(nil, packet.V5)
		all = packet.AppendPing(all, packet.PINGREQ)
		go p.net.Write(all)
		codes := p.next(packet.SUBACK).Body[3:]
		if turns := between(); turns < 2 {
			t.Errorf("the loop had %d turns for others", turns)
		}
		if len(codes) != n || slices.ContainsFunc(codes[:n-5], func(c byte) bool { return c != 1 }) || codes[n-5] != byte(packet.QuotaExceeded) {
			t.Errorf("%d codes", len(codes))
		}
		if got := b.Stats().Subscriptions; got != n-5 {
			t.Errorf("%d subscriptions", got)
		}
		found := map[string]bool{}
		ponged := false
		for len(found) < kept || !ponged {
			f, ok := p.read()
			switch {
			case !ok:
				t.Fatal("closed")
			case f.Type == packet.PINGRESP:
				ponged = true
			case f.Type == packet.PUBLISH:
				var m packet.Publish
				if err := m.Decode(p.version, f.Flags, f.Body); err != nil || !m.Retain || string(m.Payload) != "old" || found[string(m.Topic)] {
					t.Fatalf("%s %q, %v", m.Topic, m.Payload, err)
				}
				found[string(m.Topic)] = true
				if m.QoS == 1 {
					p.sendAck(packet.PUBACK, m.ID, 0)
				}
			}
		}
		p.sync()
		between = b.servesBetween(b.working("p"))
		all = manyUnsubscribe(n).Append(nil, packet.V5)
		all = packet.AppendPing(all, packet.PINGREQ)
		go p.net.Write(all)
		codes = p.next(packet.UNSUBACK).Body[3:]
		p.next(packet.PINGRESP)
		if turns := between(); turns < 2 {
			t.Errorf("the loop had %d turns for others", turns)
		}
		if len(codes) != n || codes[0] != 0 || codes[n-6] != 0 || codes[n-5] != byte(packet.NoSubscriptionExisted) {
			t.Errorf("%d codes", len(codes))
		}
		if got := b.Stats().Subscriptions; got != 0 {
			t.Errorf("%d subscriptions are left", got)
		}
	})
}

// While a SUBSCRIBE is worked on messages are published that it matches: for no topic does an older one come after a newer one.
func TestSlicesKeepOrder(t *testing.T) {
	const n = 20000
	overDrivers(t, Options{Loops: 2, MaxSubscriptions: -1, MaxFilterBytes: -1}, func(t *testing.T, b *bench) {
		pub, p := b.connect(packet.V311, "pub"), b.connect(packet.V5, "p")
		stop, done := make(chan struct{}), make(chan struct{})
		pub.publish("s/1", "0", 1, retained)
		go func() {
			defer close(done)
			for i := 1; ; i++ {
				select {
				case <-stop:
					pub.publish("s/1", "last", 1, retained)
					return
				default:
				}
				pub.publish("s/1", strconv.Itoa(i), 1, retained)
			}
		}()
		sub := packet.Subscribe{ID: 1, Subs: many(n)}
		p.send(sub.Append(nil, packet.V5))
		newest, acks := -1, 0
		for end := false; !end; {
			f, ok := p.read()
			switch {
			case !ok:
				t.Fatal("closed")
			case f.Type == packet.SUBACK:
				acks++
				close(stop)
			case f.Type == packet.PUBLISH:
				var m packet.Publish
				if err := m.Decode(p.version, f.Flags, f.Body); err != nil {
					t.Fatal(err)
				}
				p.sendAck(packet.PUBACK, m.ID, 0)
				i, err := strconv.Atoi(string(m.Payload))
				if end = err != nil; end {
					break
				}
				if i < newest {
					t.Errorf("%d after %d", i, newest)
				}
				newest = i
			}
		}
		<-done
		if acks != 1 || newest < 0 {
			t.Errorf("%d SUBACKs, message %d", acks, newest)
		}
	})
}

// A client that goes away, or comes again, while its packet is worked on leaves nothing behind.
func TestSlicesAndTheEnd(t *testing.T) {
	overDrivers(t, Options{Loops: 1, MaxSubscriptions: -1, MaxFilterBytes: -1}, func(t *testing.T, b *bench) {
		for i := range 6 {
			p := b.connect(packet.V311, "p")
			sub := packet.Subscribe{ID: 1, Subs: many(65535)}
			p.send(sub.Append(nil, packet.V311))
			if i%2 == 0 {
				p.vanish()
				continue
			}
			q := b.connect(packet.V5, "p")
			q.sync()
			q.leave()
		}
		b.gone(0)
		b.await("nothing is left", func() bool { s := b.Stats(); return s.Subscriptions == 0 && s.Sessions == 0 })
	})
}

// With a data directory a SUBACK means that all slices survive.
func TestSlicesAreDurable(t *testing.T) {
	const n = 20000
	dir := t.TempDir()
	o := Options{MaxSubscriptions: -1, MaxFilterBytes: -1, DataDir: dir}
	b := startBroker(t, o)
	p := b.connect(packet.V5, "p", lasting)
	sub := packet.Subscribe{ID: 1, Subs: many(n)}
	p.send(sub.Append(nil, packet.V5))
	if codes := p.next(packet.SUBACK).Body[3:]; len(codes) != n {
		t.Errorf("%d codes", len(codes))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if got := startBroker(t, o).Stats().Subscriptions; got != n {
		t.Errorf("%d subscriptions after a restart", got)
	}
}
