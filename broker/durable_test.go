package broker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/store"
)

func startDurable(t *testing.T, dir string, o Options) *bench {
	t.Helper()
	o.DataDir, o.Sync = dir, store.OS
	return startBroker(t, o)
}

// stall keeps from the broker what is durable, as a slow disk does. proceed tells it.
func (b *bench) stall() (proceed func()) {
	g := b.ledger
	g.cancel()
	return func() {
		b.t.Helper()
		g.cut.Lock()
		g.endBatch()
		last := g.next - 1
		g.cut.Unlock()
		b.await("the batch is durable", func() bool { return g.store.Durable() >= last })
		g.told(last)
	}
}

// silent expects that nothing comes for a while. It cannot ask with a PINGREQ: the answer would
// have to stand in line.
func (p *peer) silent() {
	p.t.Helper()
	var b [1]byte
	p.net.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := p.net.Read(b[:]); n > 0 || len(p.buf) > 0 {
		p.t.Fatalf("something came: %v %v", b, err)
	}
}

// Nothing is said before what it promises is durable: each gate of package journal, and what
// makes a session.
func TestGates(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			b := startDurable(t, t.TempDir(), Options{Driver: d.driver})
			sub := b.connect(packet.V5, "sub", resume, expiry(100))
			sub.subscribe("t", 2)
			live := b.connect(packet.V5, "live")
			live.subscribe("t", 0)
			pub := b.connect(packet.V5, "pub", resume, expiry(100))
			proceed := b.stall()

			fresh := b.dial(packet.V5)
			fresh.sendConnect("fresh", resume, expiry(100))
			fresh.silent()
			proceed()
			fresh.expectConnack()
			fresh.sendSubscribe("u", 1)
			fresh.silent()
			proceed()
			fresh.expectSuback(false)

			// Gate 1, QoS 1: PUBACK waits. The message need not, but its subscription of QoS 1 may be served.
			id := pub.sendPublish("u", "one", 1)
			one := fresh.expect("u", "one")
			pub.silent()
			proceed()
			pub.expectAck(packet.PUBACK, id)
			fresh.sendAck(packet.PUBACK, one.ID, 0)

			// Gate 1, QoS 2, and that nobody sees the message before; and gate 3.
			id = pub.sendPublish("t", "two", 2)
			pub.silent()
			sub.silent()
			live.silent()
			proceed()
			pub.expectAck(packet.PUBREC, id)
			live.expect("t", "two")
			two := sub.expect("t", "two")

			// Gate 2.
			pub.sendAck(packet.PUBREL, id, 0)
			pub.silent()
			proceed()
			pub.expectAck(packet.PUBCOMP, id)

			// Gate 4.
			sub.sendAck(packet.PUBREC, two.ID, 0)
			sub.silent()
			proceed()
			sub.expectAck(packet.PUBREL, two.ID)
			sub.sendAck(packet.PUBCOMP, two.ID, 0)

			// Gate 3 alone: the message is durable, that it is in flight is not.
			sub.leave()
			id = pub.sendPublish("t", "three", 2)
			pub.silent()
			proceed()
			pub.expectAck(packet.PUBREC, id)
			again := b.dial(packet.V5)
			again.sendConnect("sub", resume, expiry(100))
			again.silent()
			proceed()
			if ack := again.expectConnack(); !ack.SessionPresent {
				t.Error("Session Present is 0")
			}
			again.expect("t", "three")
			live.expect("t", "three")

			// A retained message, and the end of the subscription.
			id = pub.sendPublish("r", "x", 1, retained)
			pub.silent()
			proceed()
			pub.expectAck(packet.PUBACK, id)
			u := packet.Unsubscribe{ID: fresh.id(), Filters: [][]byte{[]byte("u")}}
			fresh.send(u.Append(nil, fresh.version))
			fresh.silent()
			proceed()
			fresh.expectSuback(true)

			// What nobody keeps waits for nobody.
			live.publish("v", "x", 1)
			live.publish("v", "x", 2)
		})
	}
}

// TestCutter has another callback always in the middle of something, so that none can end its batch. The cutter does,
// at once when the disk is idle, and when the batch has become large although it is not.
func TestCutter(t *testing.T) {
	b := startDurable(t, t.TempDir(), Options{})
	sub := b.connect(packet.V311, "sub", resume)
	sub.subscribe("t", 1)
	sub.leave()
	pub := b.connect(packet.V5, "pub")
	g := b.ledger
	g.cut.RLock() // As a callback does.
	id := pub.sendPublish("t", "x", 1)
	b.await("the batch is left to the cutter", func() bool { return g.late.Load() })
	pub.silent()
	g.cut.RUnlock()
	pub.expectAck(packet.PUBACK, id)

	hold, held := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	var once sync.Once
	cancel := g.store.Subscribe(func(uint64, error) {
		once.Do(func() { close(held) })
		<-hold
	})
	first := pub.sendPublish("t", "the disk is busy with this one", 1)
	<-held
	waiting := pub.sendPublish("t", "and this one waits", 1)
	b.await("it waits", func() bool { return g.store.Stats().Waiting > 0 })
	before := g.store.Stats().Waiting
	g.cut.RLock()
	second := pub.sendPublish("t", strings.Repeat("x", largeBatch), 1)
	b.await("the batch is left to the cutter", func() bool { return g.late.Load() })
	g.cut.RUnlock()
	b.await("it was handed over", func() bool { return g.store.Stats().Waiting >= before+largeBatch })
	release()
	cancel()
	for _, id := range []packet.ID{first, waiting, second} {
		pub.expectAck(packet.PUBACK, id)
	}
}

// A QoS 1 subscriber of a persistent session, and who else waits, in order: nothing overtakes.
func TestHeldInOrder(t *testing.T) {
	b := startDurable(t, t.TempDir(), Options{})
	sub := b.connect(packet.V311, "sub", resume)
	sub.subscribe("t/#", 2)
	pub := b.connect(packet.V5, "pub")
	proceed := b.stall()
	large := strings.Repeat("x", 2*byReference)
	pub.publishAll(t, []string{"a", large, "b", large, "c"})
	sub.silent()
	proceed()
	for _, want := range []string{"a", large, "b", large, "c"} {
		sub.expect("t/2", want)
		sub.expect("t/0", want)
	}
}

// TestNoDisconnectBeforeConnack ends connections whose CONNACK waits for the disk: by a take-over, and for a malformed packet. They end
// without a word, [v5 MQTT-3.14.0-1]; those that have their CONNACK are told why.
func TestNoDisconnectBeforeConnack(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			b := startDurable(t, t.TempDir(), Options{Driver: d.driver})
			proceed := b.stall()
			connect := func(id string) *peer {
				p := b.dial(packet.V5)
				p.sendConnect(id, resume, expiry(100))
				return p
			}
			malformed := []byte{0, 0}
			first := connect("taken over")
			b.await("it has its session", func() bool { return b.Stats().Sessions == 1 })
			second := connect("taken over")
			first.expectEnd(0)
			second.send(malformed)
			second.expectEnd(0)
			third := connect("greeted")
			b.await("it has its session", func() bool { return b.Stats().Sessions == 2 })
			proceed()
			third.expectConnack()
			third.send(malformed)
			third.expectEnd(packet.MalformedPacket)
		})
	}
}

// publishAll sends each text with QoS 2 and then with QoS 0.
func (p *peer) publishAll(t *testing.T, texts []string) {
	t.Helper()
	for _, s := range texts {
		p.sendPublish("t/2", s, 2)
		p.sendPublish("t/0", s, 0)
	}
}

// A disk that does not keep up stops those who cause the work, and not for ever.
func TestBrake(t *testing.T) {
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			b := startDurable(t, t.TempDir(), Options{Driver: d.driver, Outbox: 4 << 10})
			b.connect(packet.V5, "sub", resume, expiry(100)).subscribe("t", 1)
			b.connect(packet.V5, "sub", resume, expiry(100)).leave()
			pub := b.connect(packet.V5, "pub")
			proceed := b.stall()
			const messages = 5000
			go func() {
				for i := range messages {
					m := packet.Publish{Topic: []byte("t"), Payload: make([]byte, 4000), QoS: 1, ID: packet.ID(i + 1)}
					if _, err := pub.net.Write(m.Append(nil, pub.version)); err != nil {
						return
					}
				}
			}()
			braked := func() bool {
				cl := b.client("pub")
				cl.mu.Lock()
				k := cl.kept
				cl.mu.Unlock()
				k.mu.Lock()
				defer k.mu.Unlock()
				return k.paused
			}
			b.await("it is not read", braked)
			// What was read before is counted when its turn ends, whenever that is; then no more is.
			before := b.Stats().Received[1]
			b.await("nothing more is read", func() bool {
				time.Sleep(20 * time.Millisecond)
				was := before
				before = b.Stats().Received[1]
				return before == was
			})
			if before >= messages || !braked() {
				t.Errorf("%d messages of %d were read", before, messages)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := range messages {
					pub.expectAck(packet.PUBACK, packet.ID(i+1))
				}
			}()
			for waits := true; waits; {
				select {
				case <-done:
					waits = false
				default:
					proceed()
				}
			}
		})
	}
}

func (b *bench) client(id string) *client {
	sh := b.directory.shard([]byte(id))
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.by[id]
}

// TestRestart stops a broker in order and starts another.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	b := startDurable(t, dir, Options{})
	pub := b.connect(packet.V5, "pub", resume, expiry(100))
	pub.publish("r/1", "kept", 1, retained)
	pub.publish("r/2", "gone", 1, retained)
	pub.publish("r/2", "", 1, retained)
	pub.publish("r/3", "plain", 0, retained, pubProps(packet.Prop{ID: packet.PropContentType, B: []byte("text")}))

	sub := b.connect(packet.V5, "sub", resume, expiry(100))
	sub.subscribe("a/#", 2, subID(7), subOption(func(s *packet.Subscription) { s.NoLocal = true }))
	sub.subscribe("b", 1)
	sub.subscribe("c", 1)
	sub.unsubscribe("c")
	other := b.connect(packet.V5, "other", resume, expiry(100))
	other.subscribe("a/#", 1)
	other.leave()
	for i := range 3 {
		pub.publish("a/"+strconv.Itoa(i), "x", 2)
	}
	first, second, third := sub.expect("a/0", "x"), sub.expect("a/1", "x"), sub.expect("a/2", "x")
	sub.complete(first)
	sub.sendAck(packet.PUBREC, second.ID, 0)
	sub.expectAck(packet.PUBREL, second.ID)
	sub.vanish()
	// An incoming exchange that stops halfway.
	half := pub.sendPublish("b", "half", 2)
	pub.expectAck(packet.PUBREC, half)
	b.gone(1)
	b.Close()

	b = startDurable(t, dir, Options{})
	if st := b.Stats(); st.Sessions != 3 || st.Retained != 2 || st.Subscriptions != 3 {
		t.Errorf("%+v", st)
	}
	pub = b.connect(packet.V5, "pub", resume, expiry(100))
	sub = b.connect(packet.V5, "sub", resume, expiry(100))
	if !pub.connack.SessionPresent || !sub.connack.SessionPresent {
		t.Error("Session Present is 0")
	}
	// PUBREL and PUBLISH come again in their order, and under their identifiers.
	sub.expectAck(packet.PUBREL, second.ID)
	got := sub.expect("a/2", "x")
	if !got.Dup || got.ID != third.ID {
		t.Errorf("%d with DUP %v, want %d", got.ID, got.Dup, third.ID)
	}
	sub.expect("b", "half")
	pub.sendPublish("b", "half", 2, func(p *packet.Publish) { p.ID, p.Dup = half, true })
	pub.expectAck(packet.PUBREC, half)
	pub.sendAck(packet.PUBREL, half, 0)
	pub.expectAck(packet.PUBCOMP, half)
	sub.sync()

	// Subscriptions are as they were.
	sub.publish("a/own", "x", 1)
	pub.publish("a/new", "x", 1)
	if m := sub.expect("a/new", "x"); len(m.Props) == 0 {
		t.Error("without its Subscription Identifier")
	}
	pub.publish("c", "x", 1)
	sub.sync()
	other = b.connect(packet.V5, "other", resume, expiry(100))
	for i := range 3 {
		other.take("a/"+strconv.Itoa(i), "x")
	}
	other.take("a/own", "x")
	other.take("a/new", "x")
	seen := b.connect(packet.V5, "seen")
	seen.subscribe("r/#", 2)
	kept := map[string]string{}
	for range 2 {
		m := seen.expectAny()
		kept[string(m.Topic)] = fmt.Sprintf("%s %d %v %q", m.Payload, m.QoS, m.Retain, m.Props)
		seen.complete(m)
	}
	if kept["r/1"] != `kept 1 true ""` || kept["r/3"] != `plain 0 true "\x03\x00\x04text"` {
		t.Errorf("retained: %v", kept)
	}
	seen.sync()
	// Clean Start ends what was stored, too.
	b.connect(packet.V5, "other").leave()
	b.Close()
	b = startDurable(t, dir, Options{})
	if p := b.connect(packet.V5, "other", resume); p.connack.SessionPresent {
		t.Error("the session had ended")
	}
}

func TestRestartWithQueue(t *testing.T) {
	const messages = 10_000
	dir := t.TempDir()
	b := startDurable(t, dir, Options{})
	sub := b.connect(packet.V311, "sub", resume)
	sub.subscribe("t", 1)
	sub.leave()
	pub := b.connect(packet.V311, "pub")
	for i := range messages {
		pub.sendPublish("t", strconv.Itoa(i), 1)
		if i%100 == 99 {
			for j := i - 99; j <= i; j++ {
				pub.expectAck(packet.PUBACK, packet.ID(j+1))
			}
		}
	}
	for range 2 { // The second broker stores nothing new.
		b.Close()
		b = startDurable(t, dir, Options{})
	}
	sub = b.connect(packet.V311, "sub", resume)
	if !sub.connack.SessionPresent {
		t.Fatal("Session Present is 0")
	}
	for i := range messages {
		sub.take("t", strconv.Itoa(i))
	}
	sub.sync()
	sub.leave()
	b.Close()
	b = startDurable(t, dir, Options{})
	sub = b.connect(packet.V311, "sub", resume)
	sub.sync() // All is done.
}

// Time passes while there is no broker.
func TestRestartLater(t *testing.T) {
	dir := t.TempDir()
	b := startDurable(t, dir, Options{})
	watcher := b.connect(packet.V5, "watcher", resume, expiry(100))
	watcher.subscribe("will/#", 1)
	b.connect(packet.V5, "short", resume, expiry(1)).subscribe("a", 1)
	b.connect(packet.V5, "long", resume, expiry(100)).subscribe("a", 1)
	b.connect(packet.V5, "soon", resume, expiry(100),
		withWill("will/soon", "x", 1, false, packet.Prop{ID: packet.PropWillDelayInterval, N: 1})).vanish()
	b.connect(packet.V5, "late", resume, expiry(100),
		withWill("will/late", "x", 1, false, packet.Prop{ID: packet.PropWillDelayInterval, N: 90})).vanish()
	b.gone(3)
	pub := b.connect(packet.V5, "pub")
	seconds := func(n uint32) func(*packet.Publish) {
		return pubProps(packet.Prop{ID: packet.PropMessageExpiryInterval, N: n})
	}
	b.client("long").conn.Load().tc.Close(errGone)
	b.gone(3)
	pub.publish("a", "short", 1, seconds(1))
	pub.publish("a", "long", 1, seconds(5000))
	pub.publish("r/short", "x", 1, retained, seconds(1))
	pub.publish("r/long", "x", 1, retained, seconds(5000))
	b.Close()
	time.Sleep(1100 * time.Millisecond)

	b = startDurable(t, dir, Options{})
	watcher = b.connect(packet.V5, "watcher", resume, expiry(100))
	watcher.take("will/soon", "x")
	watcher.sync()
	if p := b.connect(packet.V5, "short", resume); p.connack.SessionPresent {
		t.Error("the session had expired")
	}
	long := b.connect(packet.V5, "long", resume, expiry(100))
	m := long.take("a", "long")
	if p, ok := m.Props.Get(packet.PropMessageExpiryInterval); !ok || p.N < 4000 || p.N > 4999 {
		t.Errorf("Message Expiry Interval %d, of 5000", p.N)
	}
	long.subscribe("r/#", 1)
	long.take("r/long", "x")
	long.sync()
}

// A broker that is killed owes the wills of those who were connected, also of sessions that end
// with their connection.
func TestKilledOwesWills(t *testing.T) {
	v := newVictim(t, store.OS, "epoll")
	v.start()
	dial := func() *bench {
		return &bench{&Server{addrs: []string{v.url}}, t}
	}
	b := dial()
	b.connect(packet.V5, "watcher", resume, expiry(100)).subscribe("will/#", 1)
	// Nothing answers a DISCONNECT, but the CONNACKs that follow come after it.
	b.connect(packet.V5, "polite", withWill("will/polite", "x", 1, false)).leave()
	b.connect(packet.V5, "content", resume, expiry(100), withWill("will/content", "x", 1, false)).leave()
	b.connect(packet.V5, "brief", withWill("will/brief", "x", 1, true))
	b.connect(packet.V5, "lasting", resume, expiry(100), withWill("will/lasting", "x", 2, false))
	v.kill()
	v.start()
	defer v.kill()
	b = dial()
	watcher := b.connect(packet.V5, "watcher", resume, expiry(100))
	if !watcher.connack.SessionPresent {
		t.Fatal("Session Present is 0")
	}
	got := map[string]bool{}
	for range 2 {
		m := watcher.expectAny()
		got[string(m.Topic)] = true
	}
	if !got["will/brief"] || !got["will/lasting"] {
		t.Errorf("got %v", got)
	}
	watcher.sync()
	again := b.connect(packet.V5, "again")
	again.subscribe("will/#", 0)
	again.expect("will/brief", "x")
}

// A directory that cannot be used is an error of Start, and says why.
func TestBadDataDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used := t.TempDir()
	startDurable(t, used, Options{})
	for dir, want := range map[string]string{
		filepath.Join(file, "below"): "not a directory",
		filepath.Dir(file):           "not a store",
		used:                         "in use",
	} {
		s, err := New(Options{Listen: []string{"tcp://127.0.0.1:0"}, DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		s.Close()
	}
}

// TestDiskFull has a broker run out of disk. It ends, says why, and has acknowledged nothing
// that is not there afterwards.
func TestDiskFull(t *testing.T) {
	v := newVictim(t, store.OS, "epoll")
	v.start()
	b := &bench{&Server{addrs: []string{v.url}}, t}
	sub := b.connect(packet.V311, "sub", resume)
	sub.subscribe("t", 1)
	sub.leave()
	v.kill()

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), durableEnv+"="+v.spec+" "+v.url+" "+v.dir, fileLimitEnv+"=300000")
	var errs strings.Builder
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var pub *author
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		pub = &author{wire: wire{id: "pub", version: packet.V311}, qos: 1, quota: 10_000, pad: 1000}
		if err := pub.connect(v.url); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err, errs.String())
		}
	}
	acked := 0
	for {
		pub.more()
		f, err := pub.read()
		if err != nil {
			break
		}
		if f.Type != packet.PUBACK {
			break // Of version 3.1.1, so there is none but that.
		}
		pub.take(f)
		acked++
	}
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(errs.String(), "has stopped") {
			t.Errorf("it ended with %v, and said %q", err, errs.String())
		}
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Fatalf("it goes on; %d were acknowledged", acked)
	}
	if acked == 0 || acked == 10_000 {
		t.Fatalf("%d were acknowledged", acked)
	}
	v.start()
	defer v.kill()
	b = &bench{&Server{addrs: []string{v.url}}, t}
	sub = b.connect(packet.V311, "sub", resume)
	for i := range acked {
		if m := sub.expectAny(); !strings.HasPrefix(string(m.Payload), fmt.Sprint(i+1, " ")) {
			t.Fatalf("got %.10q, want %d", m.Payload, i+1)
		}
	}
}
