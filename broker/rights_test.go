package broker

import (
	"fmt"
	"os"
	"testing"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

const testACL = `topic read public/#
user writer
topic write data/#
topic write secret/#
user reader
topic read data/#
topic deny data/hidden/#
topic read $SYS/#
pattern readwrite own/%c/#
pattern read for/%u
`

// fence is a broker with testACL and its users.
func fence(t *testing.T, test func(t *testing.T, b *bench, f *testFiles)) {
	f := newGuard(t, testACL, "writer", "reader", "eve")
	overDrivers(t, Options{Guard: f.guard, Anonymous: AnonymousAlways}, func(t *testing.T, b *bench) { test(t, b, f) })
}

// A publish that is denied is told so in version 5, acknowledged in earlier ones, and reaches nobody, not even what is retained.
func TestACLPublish(t *testing.T) {
	fence(t, func(t *testing.T, b *bench, f *testFiles) {
		for _, v := range versions {
			sub, pub := b.connect(v, "sub", user("reader")), b.connect(v, "pub", user("writer"))
			sub.subscribe("#", 2)
			for qos := range packet.QoS(3) {
				want := packet.Success
				if v == packet.V5 && qos > 0 {
					want = packet.NotAuthorized
				}
				for _, topic := range []string{"public/x", "dat", "data", "$SYS/x", "own/sub/x", "for/writer", "data/x"} {
					expect := want
					if topic == "data" || topic == "data/x" {
						expect = packet.Success
					}
					if got := pub.publish(topic, "m", qos, retained); got != expect {
						t.Errorf("%v, QoS %d, %s: %v", v, qos, topic, got)
					}
				}
				sub.take("data", "m")
				sub.take("data/x", "m")
				sub.sync()
			}
			if n := b.Stats().Retained; n != 2 {
				t.Errorf("%d retained", n)
			}
			sub.leave()
			pub.publish("data", "", 0, retained)
			pub.publish("data/x", "", 0, retained)
			pub.leave()
		}
		if n := b.Stats().Dropped.NotAuthorized; n != uint64(3*3*5) {
			t.Errorf("%d are counted", n)
		}
	})
}

// A SUBSCRIBE of which nothing could be delivered is refused. One that asks for more than it may have gets what it may have, live,
// retained and from a shared subscription.
func TestACLSubscribe(t *testing.T) {
	fence(t, func(t *testing.T, b *bench, f *testFiles) {
		pub := b.connect(packet.V5, "pub", user("writer"))
		for _, topic := range []string{"data/1", "data/hidden/1", "secret/1"} {
			pub.publish(topic, "kept", 1, retained)
		}
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			sub := b.connect(v, "sub", user("reader"))
			refused := packet.UnspecifiedError // All that 3.1.1 has: 0x80.
			if v == packet.V5 {
				refused = packet.NotAuthorized
			}
			for _, filter := range []string{"secret/#", "secret/1", "data/hidden/#", "data/hidden/1", "own/pub/x", "for/writer", "public/#", "$share/g/secret/1", "there/is/no/such/thing"} {
				sub.sendSubscribe(filter, 1)
				if got := sub.expectSuback(false); got[0] != refused {
					t.Errorf("%v, %s: %v", v, filter, got)
				}
			}
			sub.subscribe("#", 1)
			sub.take("data/1", "kept")
			sub.subscribe("+/hidden/+", 1) // Allowed by the look of it, and nothing comes.
			sub.subscribe("$share/g/data/+/+", 1)
			for qos := range packet.QoS(3) {
				for _, topic := range []string{"secret/1", "data/hidden/1", "data/2"} {
					pub.publish(topic, "live", qos)
				}
				sub.take("data/2", "live")
				sub.sync()
			}
			sub.leave()
		}
	})
}

// Nobody is told by a Reason Code whether others may read: who may not is no subscriber.
func TestACLNoMatchingSubscribers(t *testing.T) {
	fence(t, func(t *testing.T, b *bench, f *testFiles) {
		pub, sub := b.connect(packet.V5, "pub", user("writer")), b.connect(packet.V5, "sub", user("reader"))
		sub.subscribe("#", 1)
		if got := pub.publish("secret/1", "m", 1); got != packet.NoMatchingSubscribers {
			t.Error(got)
		}
		if got := pub.publish("data/1", "m", 1); got != packet.Success {
			t.Error(got)
		}
	})
}

// A member of a shared subscription that may not read a message is passed over; the others get all of them.
func TestACLShared(t *testing.T) {
	f := newGuard(t, "user writer\ntopic write data/#\nuser reader\ntopic read data/#\nuser eve\ntopic read data/eve\n", "writer", "reader", "eve")
	overDrivers(t, Options{Guard: f.guard}, func(t *testing.T, b *bench) {
		pub, sub, eve := b.connect(packet.V5, "pub", user("writer")), b.connect(packet.V5, "sub", user("reader")), b.connect(packet.V5, "eve", user("eve"))
		sub.subscribe("$share/g/data/+", 1)
		eve.subscribe("$share/g/data/+", 1)
		for qos := range packet.QoS(2) {
			for i := range 10 {
				text := fmt.Sprint(i)
				pub.publish("data/x", text, qos)
				sub.take("data/x", text)
			}
		}
		eve.sync()
	})
}

// Messages of clients that are away are queued before it is known who will come for them.
func TestACLQueued(t *testing.T) {
	fence(t, func(t *testing.T, b *bench, f *testFiles) {
		pub := b.connect(packet.V5, "pub", user("writer"))
		for _, who := range []string{"reader", "eve"} {
			p := b.connect(packet.V5, "sub", user("reader"), clean, expiry(100))
			p.subscribe("data/#", 2)
			p.leave()
			for qos := range packet.QoS(3) {
				pub.publish("data/1", "kept", qos)
				pub.publish("data/hidden/1", "kept", qos)
			}
			p = b.connect(packet.V5, "sub", user(who), resume, expiry(100))
			if who == "reader" {
				p.take("data/1", "kept")
				p.take("data/1", "kept")
			}
			p.sync()
			b.await("nothing is left", func() bool { return b.inflight("sub") == 0 })
			// It goes on as before for whoever it is now.
			pub.publish("data/2", "live", 1)
			if who == "reader" {
				p.take("data/2", "live")
			}
			p.sync()
			p.leave()
		}
	})
}

// A Will Message obeys as its client would have to, also when the rules have changed since CONNECT.
func TestACLWill(t *testing.T) {
	fence(t, func(t *testing.T, b *bench, f *testFiles) {
		sub := b.connect(packet.V5, "sub", user("reader"))
		sub.subscribe("#", 1)
		for _, topic := range []string{"public/x", "own/sub/will", "data/will"} {
			p := b.connect(packet.V5, "willing", user("writer"), withWill(topic, "gone", 1, true))
			cl := b.client("willing")
			cl.mu.Lock()
			if kept := cl.will != nil; kept != (topic == "data/will") { // It would be stored, and then it is not known whose it is.
				t.Errorf("%s: the will is kept: %v", topic, kept)
			}
			cl.mu.Unlock()
			p.vanish()
			b.gone(1)
			if topic == "data/will" {
				sub.take(topic, "gone")
			}
			sub.sync()
		}
		if n := b.Stats().Retained; n != 1 {
			t.Errorf("%d retained", n)
		}
		p := b.connect(packet.V5, "willing", user("writer"), withWill("data/will", "gone", 1, true))
		f.write(f.files.ACL, "user reader\ntopic read data/#\n")
		f.reload()
		p.vanish()
		b.gone(1)
		sub.sync()
		f.write(f.files.ACL, testACL)
		f.reload()
	})
}

// Rules that are read again hold at once, for those who are there. A file that is wrong changes nothing.
func TestACLReload(t *testing.T) {
	fence(t, func(t *testing.T, b *bench, f *testFiles) {
		sub, pub := b.connect(packet.V5, "sub", user("reader")), b.connect(packet.V5, "pub", user("writer"))
		sub.subscribe("#", 1)
		try := func(denied packet.ReasonCode, topics ...string) {
			t.Helper()
			for _, topic := range []string{"data/1", "secret/1"} {
				pub.publish(topic, "m", 1)
			}
			if got := pub.publish("new/1", "m", 1); got != denied {
				t.Error(got)
			}
			for _, topic := range topics {
				sub.take(topic, "m")
			}
			sub.sync()
		}
		try(packet.NotAuthorized, "data/1")
		f.write(f.files.ACL, "nonsense\n"+testACL)
		if err := f.guard.Reload(); err == nil {
			t.Error("nonsense was read")
		}
		try(packet.NotAuthorized, "data/1")
		f.write(f.files.ACL, "user writer\ntopic write #\nuser reader\ntopic read secret/#\ntopic read new/+\n")
		f.reload()
		b.Recheck()
		try(packet.Success, "secret/1", "new/1")
		if err := os.Remove(f.files.ACL); err != nil {
			t.Fatal(err)
		}
		if err := f.guard.Reload(); err == nil {
			t.Error("a file that is gone was read")
		}
		try(packet.Success, "secret/1", "new/1")
		f.write(f.files.ACL, testACL)
		f.reload()
		try(packet.NotAuthorized, "data/1")
	})
}

// Who has a name with a wildcard in it gets nothing by a pattern.
func TestACLDangerousNames(t *testing.T) {
	fence(t, func(t *testing.T, b *bench, f *testFiles) {
		for id, want := range map[string]packet.ReasonCode{"+": packet.NotAuthorized, "#": packet.NotAuthorized, "a/+": packet.NotAuthorized, "x": packet.Success} {
			p := b.connect(packet.V5, id)
			p.sendSubscribe("own/x/y", 0)
			if got := p.expectSuback(false); got[0] != want {
				t.Errorf("%s subscribes: %v", id, got)
			}
			n := p.sendPublish("own/x/y", "m", 1)
			if want == packet.Success {
				p.take("own/x/y", "m")
			}
			if got := p.expectAck(packet.PUBACK, n); got != want {
				t.Errorf("%s publishes: %v", id, got)
			}
			p.leave()
		}
	})
}

// A second of two questions is answered from memory, and the answers are not mixed up.
func TestDecisions(t *testing.T) {
	a, err := auth.ParseACL("file", []byte("topic read r/+\ntopic write w/+\npattern read own/%c"))
	if err != nil {
		t.Fatal(err)
	}
	var d decisions
	d.init()
	var all []*auth.Rights
	for i := range 3 * decisionPlaces { // Some share a place for any name.
		all = append(all, a.Rights("", false, fmt.Sprint(i)))
	}
	for range 2 {
		for j := range 10 {
			own, read, write := []byte(fmt.Sprint("own/", j)), []byte(fmt.Sprint("r/", j)), []byte(fmt.Sprint("w/", j))
			for i, r := range all {
				if d.look(r, auth.Read, own) != (i == j) || d.look(r, auth.Write, own) ||
					!d.look(r, auth.Read, read) || d.look(r, auth.Write, read) || d.look(r, auth.Read, write) || !d.look(r, auth.Write, write) {
					t.Fatalf("client %d and %s, %s, %s", i, own, read, write)
				}
			}
		}
	}
}
