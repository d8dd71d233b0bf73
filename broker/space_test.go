package broker

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/store"
)

// TestDiskNearlyFull has the disk of a data directory fill and empty: what can be refused is, what was promised is kept,
// who watches over the broker is told, and all goes on when there is room again.
func TestDiskNearlyFull(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			const mib = 1 << 20
			var free atomic.Int64
			free.Store(1000 * mib)
			b := startDurable(t, t.TempDir(), Options{Driver: d.driver, free: func() (uint64, uint64, error) {
				return uint64(free.Load()), 10_000 * mib, nil
			}})
			sub := b.connect(packet.V5, "sub", resume, expiry(100))
			sub.subscribe("t", 2)
			pub := b.connect(packet.V5, "pub", resume, expiry(100))
			old := b.connect(packet.V311, "old", resume)
			oldQoS2 := b.connect(packet.V311, "old, QoS 2", resume)
			half := pub.sendPublish("t", "begun before", 2)
			pub.expectAck(packet.PUBREC, half)
			pub.publish("t", "in flight", 1)
			begun, inFlight := sub.expect("t", "begun before"), sub.expect("t", "in flight")
			if err := b.StoreError(); err != nil {
				t.Fatal(err)
			}

			free.Store(100 * mib)
			b.await("it is noticed", func() bool { return b.StoreError() != nil })
			var scarce *store.ScarceError
			if err := b.StoreError(); !errors.As(err, &scarce) || scarce.Free != 100*mib {
				t.Errorf("%v", err)
			}
			refused := func(version packet.Version, ack packet.Type, f packet.Frame, id packet.ID) {
				t.Helper()
				var a packet.Ack
				if err := a.Decode(version, f.Type, f.Flags, f.Body); err != nil || f.Type != ack || a.ID != id || a.Reason != packet.QuotaExceeded {
					t.Errorf("%v %v for %d, want %v 0x97 for %d: %v", f.Type, a.Reason, a.ID, ack, id, err)
				}
			}
			id := pub.sendPublish("t", "refused", 1)
			refused(packet.V5, packet.PUBACK, pub.next(packet.PUBACK), id)
			id = pub.sendPublish("t", "refused", 2)
			refused(packet.V5, packet.PUBREC, pub.next(packet.PUBREC), id)
			pub.publish("r", "not retained", 0, retained)
			pub.publish("t", "QoS 0 asks for nothing", 0)
			sub.expect("t", "QoS 0 asks for nothing")
			// Version 3.1.1 has no word for it: the end of the connection says that nothing was taken.
			oldID := old.sendPublish("t", "again", 1)
			old.expectEnd(0)
			oldQoS2ID := oldQoS2.sendPublish("t", "again, QoS 2", 2)
			oldQoS2.expectEnd(0)

			// What has begun goes on, and makes room.
			pub.sendPublish("t", "begun before", 2, func(p *packet.Publish) { p.ID, p.Dup = half, true })
			pub.expectAck(packet.PUBREC, half)
			pub.sendAck(packet.PUBREL, half, 0)
			pub.expectAck(packet.PUBCOMP, half)
			sub.complete(begun)
			sub.sendAck(packet.PUBACK, inFlight.ID, 0)
			sub.sync()

			free.Store(1000 * mib)
			b.await("there is room again", func() bool { return b.StoreError() == nil })
			pub.publish("t", "taken", 2)
			sub.take("t", "taken")
			for _, w := range []struct {
				name, text string
				qos        packet.QoS
				id         packet.ID
			}{{"old", "again", 1, oldID}, {"old, QoS 2", "again, QoS 2", 2, oldQoS2ID}} {
				p := b.connect(packet.V311, w.name, resume)
				p.sendPublish("t", w.text, w.qos, func(p *packet.Publish) { p.ID, p.Dup = w.id, true })
				if w.qos == 1 {
					p.expectAck(packet.PUBACK, w.id)
				} else {
					p.expectAck(packet.PUBREC, w.id)
				}
				sub.take("t", w.text)
			}
			sub.subscribe("r", 1)
			sub.sync()
			if n := b.Stats().Refused.MinFree; n != 5 {
				t.Errorf("%d were refused, want 5", n)
			}
		})
	}
}

// TestPressure has producers that are faster than the disk, which stands still: what waits for it stays within
// the limit of the store and what was read before that was reached, clients that store nothing do not notice, and
// nobody is acknowledged what is not stored.
func TestPressure(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			b := startDurable(t, t.TempDir(), Options{Driver: d.driver})
			b.connect(packet.V311, "sub", resume).subscribe("t", 1)
			b.client("sub").conn.Load().tc.Close(errGone)
			honest, friend := b.connect(packet.V5, "honest"), b.connect(packet.V5, "friend")
			friend.subscribe("live", 1)
			const producers, each, size = 3, 250, 60_000 // 45 MB, and the store lets 16 MiB wait.
			all := make([]*peer, producers)
			for i := range all {
				all[i] = b.connect(packet.V5, "producer "+string(rune('a'+i)))
			}
			// The committer waits in the call of a subscriber.
			hold, held := make(chan struct{}), make(chan struct{})
			var once sync.Once
			cancel := b.ledger.store.Subscribe(func(uint64, error) {
				once.Do(func() { close(held) })
				<-hold
			})
			release := sync.OnceFunc(func() { close(hold) })
			defer release()
			all[0].sendPublish("t", "first", 1)
			<-held

			var writers sync.WaitGroup
			for _, p := range all {
				writers.Go(func() {
					for i := range each {
						m := packet.Publish{Topic: []byte("t"), Payload: make([]byte, size), QoS: 1, ID: packet.ID(i + 2)}
						if _, err := p.net.Write(m.Append(nil, p.version)); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			braked := func() bool {
				for i := range all {
					cl := b.client("producer " + string(rune('a'+i)))
					cl.mu.Lock()
					k := cl.kept
					cl.mu.Unlock()
					k.mu.Lock()
					paused := k.paused
					k.mu.Unlock()
					if !paused {
						return false
					}
				}
				return true
			}
			b.await("no producer is read", braked)
			// What had been read before the batch was ended comes on top, and how much that is depends on who had the CPU: half of
			// it as a rule. Without the brake all 45 MB wait.
			if n, all := b.ledger.store.Stats().Waiting, producers*each*size; n >= all || n < 16<<20 {
				t.Errorf("%d bytes wait, want from %d to less than %d", n, 16<<20, all)
			}
			for range 10 {
				honest.publish("live", "x", 1)
				friend.take("live", "x")
			}
			if n := b.Stats().Received[1]; n >= producers*each {
				t.Errorf("all %d messages were read", n)
			}
			all[1].silent()
			release()
			cancel()
			for i, p := range all {
				for id := range each + 1 {
					if i == 0 || id > 0 {
						p.expectAck(packet.PUBACK, packet.ID(id+1))
					}
				}
			}
			writers.Wait()
			b.await("the brake is off", func() bool { return !b.ledger.store.Pressure() && !braked() })
		})
	}
}

// TestRealDiskFillsUp fills a real, small file system under a broker, with a publisher that does not stop. It needs the right to
// mount one. No message is acknowledged that is not there after kill -9, and when there is room again it goes on.
func TestRealDiskFillsUp(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a disk")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %s", out)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 28<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &life{&bench{&Server{}, t}, newVictim(t, store.OS, "epoll")}
	f.v.dir = filepath.Join(dir, "data")
	f.v.start()
	t.Cleanup(func() { f.v.kill() })
	f.addrs = []string{f.v.url}
	f.connect(packet.V311, "sub", resume).subscribe("t", 1)
	f.connect(packet.V311, "sub", resume).leave()
	pub := f.connect(packet.V5, "pub")
	acked, refused := 0, 0
	publish := func() packet.ReasonCode {
		return pub.publish("t", fmt.Sprint(acked, " ", strings.Repeat(".", 20_000)), 1)
	}
	for refused == 0 { // The disk has 36 MB, of which a tenth of 64 is to stay free.
		switch code := publish(); code {
		case packet.Success:
			acked++
		case packet.QuotaExceeded:
			refused++
		default:
			t.Fatal(code)
		}
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for before := acked; acked < before+10; {
		switch code := publish(); code {
		case packet.Success:
			acked++
		case packet.QuotaExceeded:
			refused++
			time.Sleep(10 * time.Millisecond)
		default:
			t.Fatal(code)
		}
	}
	t.Logf("%d were acknowledged, %d refused", acked, refused)
	f.killed(0)
	sub := f.connect(packet.V311, "sub", resume)
	for i := range acked {
		m := sub.expectAny()
		if !strings.HasPrefix(string(m.Payload), fmt.Sprint(i, " ")) {
			t.Fatalf("got %.10q, want %d", m.Payload, i)
		}
		sub.complete(m)
	}
	sub.sync()
}
