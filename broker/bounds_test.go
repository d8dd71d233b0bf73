package broker

import (
	"fmt"
	"strings"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/transport"
)

// Long Topic Filters are limited by their bytes, whatever their number.
func TestLimitFilterBytes(t *testing.T) {
	long := func(i int) string { return fmt.Sprintf("%04d/%s", i, strings.Repeat("x", 995)) }
	cost := filterCost(long(0))
	overVersions(t, Options{MaxFilterBytes: 10*cost + cost/2}, func(t *testing.T, b *bench, v packet.Version) {
		p := b.connect(v, "p")
		for i := range 10 {
			p.subscribe(long(i), 1)
		}
		p.sendSubscribe(long(10), 1)
		if codes := p.expectSuback(false); !codes[0].Failed() || v == packet.V5 && codes[0] != packet.QuotaExceeded {
			t.Errorf("SUBACK %v", codes)
		}
		p.subscribe(long(3), 0)  // To replace takes no room,
		p.subscribe("short", 1)  // what is short still fits,
		p.unsubscribe(long(3))   // and what goes
		p.unsubscribe(long(3))   // goes once,
		p.subscribe(long(10), 1) // which makes room.
		p.sendSubscribe(long(11), 1)
		if codes := p.expectSuback(false); !codes[0].Failed() {
			t.Errorf("SUBACK %v", codes)
		}
		b.counted("filter bytes", 2, func(s *Stats) uint64 { return s.Refused.FilterBytes })
		if got, want := b.Depths().FilterBytes, 10*cost+filterCost("short"); got != want {
			t.Errorf("%d bytes of filters, want %d", got, want)
		}
		p.leave()
		b.gone(0)
		if got := b.Depths().FilterBytes; got != 0 {
			t.Errorf("%d bytes of filters are left", got)
		}
	})
}

// More messages in flight than the broker allows wait, in order, and that is counted.
func TestLimitInflight(t *testing.T) {
	overVersions(t, Options{SessionLimits: session.Limits{MaxInflight: 2}}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		sub.subscribe("a", 1)
		for i := range 5 {
			pub.publish("a", fmt.Sprint(i), 1)
		}
		first, second := sub.expect("a", "0"), sub.expect("a", "1")
		sub.sync()
		if d := b.Depths(); d.Inflight != 2 || d.Queued != 3 || d.Longest != 5 || d.Bytes == 0 {
			t.Errorf("%+v", d)
		}
		b.counted("in flight", 3, func(s *Stats) uint64 { return s.Refused.Inflight })
		sub.complete(first)
		sub.complete(second)
		for i := 2; i < 5; i++ {
			sub.take("a", fmt.Sprint(i))
		}
		sub.sync()
		if d := b.Depths(); d != (Depths{FilterBytes: d.FilterBytes}) {
			t.Errorf("%+v", d)
		}
	})
}

// A thousand subscribers that do not read, a publisher that sends as fast as it can, and an honest client that gets every
// message meanwhile: what the broker keeps is bounded, in messages and bytes, and the same at the end as in the middle. Nothing is timed.
func TestThousandStalled(t *testing.T) {
	limits := session.Limits{MaxQueued: 20, MaxQueuedBytes: 32 << 10}
	const outbox, payload, messages = 64 << 10, 2500, 4000
	overDrivers(t, Options{SessionLimits: limits, Outbox: outbox}, func(t *testing.T, b *bench) {
		stalled := 1000
		if b.o.Driver != transport.Epoll {
			stalled = 100
		}
		if testing.Short() {
			stalled = 20
		}
		for i := range stalled {
			p := b.connect(versions[i%3], fmt.Sprint("stalled", i))
			p.net.(interface{ SetReadBuffer(int) error }).SetReadBuffer(1 << 10)
			// The kernel takes megabytes for each of those with QoS 0 before they stall: there are a few.
			p.subscribe("a/+", min(packet.QoS(i%20), 2))
		}
		honest, pub := b.connect(packet.V5, "honest"), b.connect(packet.V311, "pub")
		honest.subscribe("a/+", 2)
		text := strings.Repeat("x", payload)
		publish := func(n int) {
			// In windows that the honest client's own limits take: it is to lose nothing.
			for sent := 0; sent < n; sent += limits.MaxQueued / 2 {
				window := limits.MaxQueued / 2
				for i := range window {
					pub.sendPublish(fmt.Sprint("a/", i%3), text, 1)
				}
				for range window {
					honest.complete(honest.expectAny())
				}
				honest.sync() // Its session is empty again.
				for range window {
					pub.next(packet.PUBACK)
				}
			}
		}
		held := func() (messages, bytes, waiting int) {
			d := b.Depths()
			if d.Longest > limits.MaxQueued {
				t.Errorf("one session holds %d messages, more than %d", d.Longest, limits.MaxQueued)
			}
			for i := range stalled {
				id := fmt.Sprint("stalled", i)
				sh := b.directory.shard([]byte(id))
				sh.mu.Lock()
				cl := sh.by[id]
				sh.mu.Unlock()
				cl.mu.Lock()
				if n := cl.sess.Bytes(); n > limits.MaxQueuedBytes {
					t.Errorf("%s: %d bytes, more than %d", id, n, limits.MaxQueuedBytes)
				}
				pending := cl.conn.Load().tc.Pending()
				cl.mu.Unlock()
				if pending > outbox+2*payload {
					t.Errorf("%s: %d bytes wait to be sent, more than %d and a message", id, pending, outbox)
				}
				waiting += pending
			}
			return d.Queued + d.Inflight, d.Bytes, waiting
		}
		m1, b1, w1 := 0, 0, 0
		for tries := 0; w1 == 0 && tries < 20; tries++ { // How much the kernel takes first is the machine's.
			publish(messages / 2)
			m1, b1, w1 = held()
		}
		before := b.Stats()
		publish(messages / 2)
		m2, b2, w2 := held()
		after := b.Stats()
		t.Logf("%d stalled: %d messages of %d bytes in sessions, %d bytes in outboxes; then %d, %d, %d", stalled, m1, b1, w1, m2, b2, w2)
		if most := stalled * limits.MaxQueued; m2 > most || b2 > stalled*limits.MaxQueuedBytes {
			t.Errorf("%d messages of %d bytes are kept", m2, b2)
		}
		d := after.Dropped
		if d.OutboxFull == before.Dropped.OutboxFull || d.SessionFull == before.Dropped.SessionFull {
			t.Errorf("dropped %+v, then %+v: the subscribers are not stalled", before.Dropped, d)
		}
		if w1 == 0 || w2 == 0 {
			t.Error("nothing waits in outboxes")
		}
		if after.Clients != stalled+2 {
			t.Errorf("%d clients are left", after.Clients)
		}
		honest.sync()
	})
}
