package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/transport"
)

func TestOptions(t *testing.T) {
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if o.Listen[0] != "tcp://127.0.0.1:1883" || o.MaxPacket != 16<<20 || o.TopicAliasMaximum != 64 {
		t.Errorf("%+v", o)
	}
	_, err = New(Options{
		Loops: -1, MaxPacket: 1, TopicAliasMaximum: 1 << 16, KeepAliveMax: time.Millisecond,
		MaxClients: -1, SessionLimits: session.Limits{MaxQueued: -1},
	})
	for _, word := range []string{"loops", "packet", "alias", "keep alive", "clients", "limits"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not speak of %s", err, word)
		}
	}
}

// A wheel against a list: connections that are heard of, come and go, over minutes.
func TestWheel(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var w wheel
	now := int64(1000 * second)
	w.at = now / tick
	var live []*conn
	for range 20000 {
		now += r.Int64N(2 * second)
		switch k := r.IntN(10); {
		case k < 4:
			c := &conn{last: now, patience: r.Uint32N(300) * 1000}
			c.slot = unlinked
			w.add(c)
			live = append(live, c)
		case k < 8 && len(live) > 0:
			c := live[r.IntN(len(live))]
			c.last = now
		case len(live) > 0:
			i := r.IntN(len(live))
			w.remove(live[i])
			live = slices.Delete(live, i, i+1)
		}
		w.advance(now, func(c *conn) {
			i := slices.Index(live, c)
			if i < 0 || c.patience == 0 || c.deadline() > now {
				t.Fatalf("seed %d: expired: place %d, patience %d, deadline %d at %d", seed, i, c.patience, c.deadline(), now)
			}
			live = slices.Delete(live, i, i+1)
		})
		n := 0
		w.each(func(*conn) { n++ })
		if n != len(live) || w.n != n {
			t.Fatalf("seed %d: %d and %d in the wheel, want %d", seed, n, w.n, len(live))
		}
		for _, c := range live {
			if c.patience != 0 && c.deadline() <= now-2*tick {
				t.Fatalf("seed %d: %d s late", seed, (now-c.deadline())/second)
			}
		}
	}
}

func TestDeadlines(t *testing.T) {
	var d deadlines
	var clients []*client
	for i := range 100 {
		cl := &client{id: fmt.Sprint(i)}
		clients = append(clients, cl)
		d.set(cl, int64(i*7%100))
	}
	for i, cl := range clients {
		switch i % 4 {
		case 1:
			d.clear(cl)
			d.clear(cl) // Twice is allowed.
		case 2:
			d.set(cl, int64(200+i))
		}
	}
	var got []int64
	for cl := d.next(1000); cl != nil; cl = d.next(1000) {
		if cl.heapAt != 0 {
			t.Error("it believes to be in the heap")
		}
		got = append(got, cl.due)
	}
	if len(got) != 75 || !slices.IsSorted(got) {
		t.Errorf("%d came, in order %v: %v", len(got), slices.IsSorted(got), got)
	}
	d.set(clients[0], 10)
	if d.next(9) != nil || d.next(10) != clients[0] || d.next(10) != nil {
		t.Error("not when it is due")
	}
}

func TestFilters(t *testing.T) {
	var f filters
	want := map[string]bool{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		name := fmt.Sprint(r.IntN(40))
		if want[name] {
			f.remove(name)
			delete(want, name)
		} else {
			f.add(name)
			want[name] = true
		}
		got := map[string]bool{}
		f.each(func(s string) {
			if got[s] {
				t.Fatalf("%s twice", s)
			}
			got[s] = true
		})
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

// A number is not given again while a loop may still use what it found under it.
func TestNumbersGrace(t *testing.T) {
	var n numbers
	a, c := &client{id: "a"}, &client{id: "c"}
	one := n.give(a)
	if one != 1 || n.get(one) != a {
		t.Fatalf("number %d", one)
	}
	var pending []func()
	grace := func(done func()) { pending = append(pending, done) }
	n.retire(one, grace)
	if n.get(one) != nil {
		t.Error("the number still stands for its old client")
	}
	if two := n.give(c); two != 2 {
		t.Errorf("got %d before the grace period was over", two)
	}
	n.retire(2, grace) // Waits for the next period.
	pending[0]()
	if again := n.give(c); again != 1 {
		t.Errorf("got %d, want 1 again", again)
	}
	if again := n.give(c); again != 3 {
		t.Errorf("got %d, want a new one: 2 has had no grace period of its own", again)
	}
	pending[1]()
	if again := n.give(c); again != 2 || len(pending) != 2 {
		t.Errorf("got %d after %d periods", again, len(pending))
	}
}

func TestRemaining(t *testing.T) {
	const now = 1000 * second
	for expires, want := range map[int64]uint32{
		now + 10*second:     10,
		now + 10*second - 1: 10, // Nothing but whole seconds of waiting count.
		now + 9*second:      9,
		now:                 0,
		now - second:        0,
	} {
		if got := remaining(expires, now); got != want {
			t.Errorf("%d s: %d, want %d", (expires-now)/second, got, want)
		}
	}
}

// The Packet Identifier is patched where it lies, whatever the length of the packet.
func TestIdentifierAt(t *testing.T) {
	for _, payload := range []int{0, 100, 200, 20000, 3 << 20} {
		p := packet.Publish{Topic: []byte("a/b/c"), QoS: 1, ID: 0x1234, Payload: make([]byte, payload)}
		for _, v := range versions {
			b := p.Append(nil, v)
			if i := identifierAt(b, len(p.Topic)); b[i] != 0x12 || b[i+1] != 0x34 {
				t.Errorf("%v, payload %d: % x at %d", v, payload, b[i:i+2], i)
			}
		}
	}
}

func TestStartAndClose(t *testing.T) {
	overDrivers(t, Options{Listen: []string{"tcp://127.0.0.1:0", "tcp://127.0.0.1:0"}}, func(t *testing.T, b *bench) {
		addrs := b.Addrs()
		if len(addrs) != 2 || addrs[0] == addrs[1] || strings.HasSuffix(addrs[0], ":0") {
			t.Errorf("addresses %v", addrs)
		}
		if err := b.Start(); err == nil {
			t.Error("started twice")
		}
		taken, err := New(Options{Listen: []string{"tcp://127.0.0.1:0", addrs[0]}, Driver: b.o.Driver})
		if err != nil {
			t.Fatal(err)
		}
		if err := taken.Start(); err == nil || !strings.Contains(err.Error(), addrs[0]) {
			t.Errorf("listening on an address in use: %v", err)
		}
		if err := taken.Close(); err != nil {
			t.Error(err)
		}
	})
	never, _ := New(Options{Driver: transport.Goroutine})
	if err := never.Close(); err != nil {
		t.Error(err)
	}
}

// [v5 4.13.2, 0x8B]: on shutdown the clients are told; their wills are not published.
func TestShutdown(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		five := b.connect(packet.V5, "five", withWill("w", "x", 0, false))
		old := b.connect(packet.V311, "old")
		mute := b.dial(packet.V311)
		old.subscribe("w", 0)
		if err := b.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		five.expectEnd(packet.ServerShuttingDown)
		old.expectEnd(0)
		mute.expectEnd(0)
		if n := b.Stats().Connects; n != 2 {
			t.Errorf("%d connects counted, after the end", n)
		}
	})
}
