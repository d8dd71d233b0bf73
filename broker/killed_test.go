package broker

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/store"
)

// A life is a broker in a process of its own, which is killed and comes back.
type life struct {
	*bench
	v *victim
}

// newLife skips short tests: what happens in it is one thing after the other, which the race detector need not see.
func newLife(t *testing.T) *life {
	t.Helper()
	if testing.Short() {
		t.Skip("kills processes")
	}
	v := newVictim(t, store.OS, "epoll")
	v.start()
	t.Cleanup(v.kill)
	return &life{&bench{&Server{addrs: []string{v.url}}, t}, v}
}

// killed is kill -9 and a start on the same directory, after a while.
func (f *life) killed(after time.Duration) {
	f.t.Helper()
	f.v.kill()
	time.Sleep(after)
	f.v.start()
	f.addrs = []string{f.v.url}
}

// settled waits until all the broker has done so far is durable: records become so in their order.
func (f *life) settled() {
	f.t.Helper()
	f.connect(packet.V311, "last of all", resume).leave()
}

// end ends a connection, without its session, so that its will is due, and waits until the broker has noticed.
func (p *peer) end() {
	p.t.Helper()
	d := packet.Disconnect{Reason: packet.DisconnectWithWill}
	p.send(d.Append(nil, p.version))
	p.expectEnd(0)
}

// Sessions and their subscriptions, with all that SUBSCRIBE can say, survive; what ended does not come back.
func TestKilledKeepsSessions(t *testing.T) {
	t.Parallel()
	f := newLife(t)
	sub := f.connect(packet.V5, "sub", resume, expiry(100))
	sub.subscribe("a/#", 2, subID(7), subOption(func(s *packet.Subscription) { s.NoLocal = true }))
	sub.subscribe("b", 1, subOption(func(s *packet.Subscription) { s.RetainAsPublished = true }))
	sub.subscribe("c", 1)
	sub.unsubscribe("c")
	sub.subscribe("d", 2)
	sub.subscribe("d", 1) // Replaced.
	for _, id := range []string{"one", "two"} {
		f.connect(packet.V5, id, resume, expiry(100)).subscribe("$share/group/s", 1)
	}
	f.connect(packet.V311, "old", resume).subscribe("+/x", 1)
	f.connect(packet.V5, "begun anew", resume, expiry(100)).subscribe("a/#", 1)
	f.connect(packet.V5, "begun anew", expiry(100))
	f.connect(packet.V5, "over", resume, expiry(100)).subscribe("a/#", 1)
	f.connect(packet.V5, "over").leave()
	f.connect(packet.V5, "brief").subscribe("a/#", 1)
	f.settled()
	f.killed(0)

	for id, want := range map[string]bool{
		"sub": true, "one": true, "two": true, "old": true, "begun anew": true, "over": false, "brief": false,
	} {
		version := packet.V5
		if id == "old" {
			version = packet.V311
		}
		if p := f.connect(version, id, resume, expiry(100)); p.connack.SessionPresent != want {
			t.Errorf("%s: Session Present %v", id, !want)
		}
	}
	sub = f.connect(packet.V5, "sub", resume, expiry(100))
	old := f.connect(packet.V311, "old", resume)
	pub := f.connect(packet.V5, "pub")
	sub.publish("a/own", "x", 1)
	pub.publish("a/x", "x", 2)
	if m := sub.take("a/x", "x"); m.QoS != 2 || !slices.Equal(subIDs(m), []uint32{7}) {
		t.Errorf("QoS %d, Subscription Identifiers %d", m.QoS, subIDs(m))
	}
	old.take("a/x", "x")
	pub.publish("b", "x", 2, retained)
	if m := sub.take("b", "x"); m.QoS != 1 || !m.Retain {
		t.Errorf("%+v", m)
	}
	if code := pub.publish("c", "x", 1); code != packet.NoMatchingSubscribers {
		t.Errorf("%v", code)
	}
	pub.publish("d", "x", 2)
	if m := sub.take("d", "x"); m.QoS != 1 {
		t.Errorf("QoS %d", m.QoS)
	}
	one, two := f.connect(packet.V5, "one", resume, expiry(100)), f.connect(packet.V5, "two", resume, expiry(100))
	pub.publish("s", "1", 1)
	pub.publish("s", "2", 1)
	got := []string{string(one.expectAny().Payload), string(two.expectAny().Payload)}
	if slices.Sort(got); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("the group got %q", got)
	}
	f.connect(packet.V5, "begun anew", resume, expiry(100)).sync()
	sub.sync()
	old.sync()
}

// What is queued, what is in flight, and how far each exchange has got, on the way out and on the way in, survive.
func TestKilledKeepsMessages(t *testing.T) {
	t.Parallel()
	f := newLife(t)
	sub := f.connect(packet.V5, "sub", resume, expiry(100), receiveMaximum(4))
	sub.subscribe("t", 2, subID(3), subOption(func(s *packet.Subscription) { s.RetainAsPublished = true }))
	away := f.connect(packet.V311, "away", resume)
	away.subscribe("t", 1)
	away.leave()
	pub := f.connect(packet.V5, "pub", resume, expiry(100))
	for i, qos := range []packet.QoS{2, 2, 1, 2, 1, 2} {
		pub.publish("t", fmt.Sprint(i), qos, pubProps(packet.Prop{ID: packet.PropContentType, B: []byte("text")}))
	}
	pub.publish("t", "6", 2, retained)
	var flight []packet.Publish
	for i := range 4 {
		flight = append(flight, sub.expect("t", fmt.Sprint(i)))
	}
	sub.sync() // The window is shut: the rest is queued.
	sub.sendAck(packet.PUBREC, flight[1].ID, 0)
	sub.expectAck(packet.PUBREL, flight[1].ID)
	// One exchange of the publisher stops after PUBREC, one stops before PUBCOMP can come, one is complete.
	half := pub.sendPublish("t", "7", 2)
	pub.expectAck(packet.PUBREC, half)
	pub.publish("t", "8", 2, func(p *packet.Publish) { p.ID = 1000 })
	f.settled()
	f.killed(0)

	pub = f.connect(packet.V5, "pub", resume, expiry(100))
	pub.sendPublish("t", "7", 2, func(p *packet.Publish) { p.ID, p.Dup = half, true })
	pub.expectAck(packet.PUBREC, half) // Not for the second time.
	pub.sendAck(packet.PUBREL, half, 0)
	pub.expectAck(packet.PUBCOMP, half)
	pub.publish("t", "9", 2, func(p *packet.Publish) { p.ID = 1000 }) // Not what 1000 was before.

	sub = f.connect(packet.V5, "sub", resume, expiry(100), receiveMaximum(100))
	again := func(i int) packet.Publish {
		t.Helper()
		m := sub.expect("t", fmt.Sprint(i))
		if m.ID != flight[i].ID || !m.Dup || m.QoS != flight[i].QoS {
			t.Errorf("%d came as %d, DUP %v, QoS %d, was %d, QoS %d", i, m.ID, m.Dup, m.QoS, flight[i].ID, flight[i].QoS)
		}
		return m
	}
	first := again(0)
	sub.expectAck(packet.PUBREL, flight[1].ID)
	sub.sendAck(packet.PUBCOMP, flight[1].ID, 0)
	rest := []packet.Publish{first, again(2), again(3)}
	for i := 4; i < 10; i++ {
		m := sub.expect("t", fmt.Sprint(i))
		if m.Dup || m.Retain != (i == 6) || !slices.Equal(subIDs(m), []uint32{3}) {
			t.Errorf("%d: DUP %v, RETAIN %v, Subscription Identifiers %d", i, m.Dup, m.Retain, subIDs(m))
		}
		if p, ok := m.Props.Get(packet.PropContentType); ok != (i < 6) || ok && string(p.B) != "text" {
			t.Errorf("%d: Content Type %q", i, p.B)
		}
		rest = append(rest, m)
	}
	for _, m := range rest {
		sub.complete(m)
	}
	sub.sync()
	away = f.connect(packet.V311, "away", resume)
	for i := range 10 {
		away.take("t", fmt.Sprint(i))
	}
	away.sync()
	f.settled()
	f.killed(0)
	for _, p := range []*peer{f.connect(packet.V5, "sub", resume, expiry(100)), f.connect(packet.V311, "away", resume)} {
		if p.sync(); !p.connack.SessionPresent {
			t.Error("Session Present is 0")
		}
	}
}

// Retained messages survive, the newest of each Topic Name, and those that were removed stay removed.
func TestKilledKeepsRetained(t *testing.T) {
	t.Parallel()
	f := newLife(t)
	pub := f.connect(packet.V5, "pub")
	pub.publish("r/0", "QoS 0", 0, retained, pubProps(packet.Prop{ID: packet.PropContentType, B: []byte("text")}))
	pub.publish("r/1", "old", 1, retained)
	pub.publish("r/1", "new", 1, retained)
	pub.publish("r/2", "removed", 2, retained)
	pub.publish("r/2", "", 2, retained)
	pub.publish("r/3", "QoS 2", 2, retained)
	f.settled()
	for range 2 {
		f.killed(0)
		p := f.connect(packet.V5, "late")
		p.subscribe("r/#", 2)
		got := map[string]string{}
		for range 3 {
			m := p.expectAny()
			got[string(m.Topic)] = fmt.Sprintf("%s %d %v %q", m.Payload, m.QoS, m.Retain, m.Props)
			p.complete(m)
		}
		p.sync()
		want := map[string]string{"r/0": `QoS 0 0 true "\x03\x00\x04text"`, "r/1": `new 1 true ""`, "r/3": `QoS 2 2 true ""`}
		for name, w := range want {
			if got[name] != w {
				t.Errorf("%s: %s, want %s", name, got[name], w)
			}
		}
	}
}

// Dates are kept: what falls due while there is no broker is due when there is one again, and
// what does not, later. Wills of those who were connected are in TestKilledOwesWills.
func TestKilledKeepsDates(t *testing.T) {
	t.Parallel()
	f := newLife(t)
	watcher := f.connect(packet.V5, "watcher", resume, expiry(100))
	watcher.subscribe("will/#", 1)
	delayed := func(id string, seconds uint32) *peer {
		return f.connect(packet.V5, id, resume, expiry(100),
			withWill("will/"+id, "x", 1, false, packet.Prop{ID: packet.PropWillDelayInterval, N: seconds}))
	}
	delayed("soon", 2).end()
	delayed("late", 90).end()
	delayed("back in time", 90).end()
	short := f.connect(packet.V5, "short", resume, expiry(2))
	short.subscribe("a", 1)
	short.end()
	// A will is due with the end of its session at the latest, [v5 MQTT-3.1.3-9].
	f.connect(packet.V5, "brief", resume, expiry(2),
		withWill("will/brief", "x", 1, false, packet.Prop{ID: packet.PropWillDelayInterval, N: 90})).end()
	long := f.connect(packet.V5, "long", resume, expiry(100))
	long.subscribe("a", 1)
	long.end()
	pub := f.connect(packet.V5, "pub")
	pub.publish("a", "short", 1, expiresIn(2))
	pub.publish("a", "long", 1, expiresIn(500))
	pub.publish("r/short", "x", 1, retained, expiresIn(2))
	pub.publish("r/long", "x", 1, retained, expiresIn(500))
	f.settled()
	f.killed(2100 * time.Millisecond)

	if p := f.connect(packet.V5, "back in time", resume, expiry(100)); !p.connack.SessionPresent {
		t.Error("Session Present is 0")
	}
	delayed("new", 1).end()
	watcher = f.connect(packet.V5, "watcher", resume, expiry(100))
	got := []string{string(watcher.expectAny().Topic), string(watcher.expectAny().Topic)}
	watcher.take("will/new", "x") // What was due already comes before it.
	if slices.Sort(got); !slices.Equal(got, []string{"will/brief", "will/soon"}) {
		t.Errorf("the wills of %q, want brief and soon", got)
	}
	watcher.sync()
	for id, want := range map[string]bool{"short": false, "brief": false, "late": true} {
		if p := f.connect(packet.V5, id, resume); p.connack.SessionPresent != want {
			t.Errorf("%s: Session Present %v", id, !want)
		}
	}
	long = f.connect(packet.V5, "long", resume, expiry(100))
	m := long.take("a", "long")
	if p, ok := m.Props.Get(packet.PropMessageExpiryInterval); !ok || p.N > 498 || p.N < 300 {
		t.Errorf("Message Expiry Interval %d, of 500", p.N) // [v5 MQTT-3.3.2-6]
	}
	long.subscribe("r/#", 1)
	long.take("r/long", "x")
	long.sync()
}

// A message that exceeds the Receive Maximum was given to nobody. When it comes again, to this broker or the next, it is
// not a duplicate.
func TestOverrunIsNotReceived(t *testing.T) {
	overDrivers(t, Options{ReceiveMaximum: 1, DataDir: t.TempDir(), Sync: store.OS}, func(t *testing.T, b *bench) {
		sub := b.connect(packet.V5, "sub")
		sub.subscribe("t", 2)
		pub := b.connect(packet.V5, "pub", resume, expiry(100))
		first, second := pub.sendPublish("t", "first", 2), pub.sendPublish("t", "second", 2)
		for { // PUBREC for the first may have been held back until the end.
			f, ok := pub.read()
			if !ok || f.Type == packet.DISCONNECT {
				break
			}
		}
		sub.take("t", "first")
		again := b.connect(packet.V5, "pub", resume, expiry(100))
		again.sendAck(packet.PUBREL, first, 0)
		again.expectAck(packet.PUBCOMP, first)
		again.sendPublish("t", "second", 2, func(p *packet.Publish) { p.ID, p.Dup = second, true })
		again.expectAck(packet.PUBREC, second)
		sub.take("t", "second")
		again.sendAck(packet.PUBREL, second, 0)
		again.expectAck(packet.PUBCOMP, second)
		again.connack = packet.Connack{}
		d := packet.Disconnect{HasSessionExpiry: true}
		again.send(d.Append(nil, again.version))
		again.expectEnd(0)
	})
}

// Nobody else gets in while a broker has the directory, and a broker that was killed does not keep it.
func TestKilledUnlocks(t *testing.T) {
	f := newLife(t)
	s, err := New(Options{Listen: []string{"tcp://127.0.0.1:0"}, DataDir: f.v.dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), f.v.dir) {
		t.Errorf("%v", err)
	}
	f.killed(0)
	if c, err := net.Dial("tcp", strings.TrimPrefix(f.v.url, "tcp://")); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}
