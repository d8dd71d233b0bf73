package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
	"mqttbench/broker/transport"
)

// durableEnv makes the test binary a broker with a data directory: see TestMain. It holds the level
// of sync, the driver, the URL to listen on and the directory.
const (
	durableEnv   = "MQTTBENCH_TEST_DURABLE"
	fileLimitEnv = "MQTTBENCH_TEST_FILE_LIMIT" // The largest file that such a broker can write, bytes.

	failingDiskEnv = "MQTTBENCH_TEST_FAILING_DISK" // Its disk fails when its standard input says so.
)

func runDurable(spec string) error {
	parts := strings.SplitN(spec, " ", 4)
	level, err := store.ParseSync(parts[0])
	if err != nil {
		return err
	}
	o := Options{Sync: level, Listen: parts[2:3], DataDir: parts[3], Loops: 3}
	// Who is away for long has more waiting than a session takes by default, and what it does not take is dropped.
	o.SessionLimits = session.Limits{MaxQueued: 100_000_000, MaxQueuedBytes: 1 << 40}
	if parts[1] == "goroutine" {
		o.Driver = transport.Goroutine
	}
	s, err := New(o)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return err
	}
	if limit := os.Getenv(fileLimitEnv); limit != "" {
		if err := limitFiles(limit); err != nil {
			return err
		}
	}
	fmt.Println(s.Addrs()[0])
	if os.Getenv(failingDiskEnv) != "" {
		go obeyFailing(os.Stdin)
	}
	return s.Run(context.Background())
}

// obeyFailing waits for a line and has the disk fail then, for this process and for good.
func obeyFailing(orders io.Reader) {
	if _, err := bufio.NewReader(orders).ReadString('\n'); err != nil {
		return
	}
	if err := failSyncs(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("failing")
}

// TestKilled kills a broker under load, again and again, and starts it on the same directory.
// Now and then it is killed while it starts. What was acknowledged must be delivered, QoS 2 exactly once, all in
// order, each CONNECT must find its session, and the newest retained message must be the newest.
//
// MQTTBENCH_KILLS sets the number of rounds of each of the four tests, MQTTBENCH_SEED the instants:
//
//	MQTTBENCH_KILLS=200 go test ./broker -run 'TestKilled$' -v -timeout 1h
func TestKilled(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	if n, err := strconv.Atoi(os.Getenv("MQTTBENCH_KILLS")); err == nil {
		rounds = n
	}
	for _, level := range []store.Sync{store.OS, store.Fsync} {
		for _, d := range drivers {
			t.Run(level.String()+"/"+d.name, func(t *testing.T) {
				newVictim(t, level, d.name).run(rounds)
			})
		}
	}
}

// A victim is a broker that is killed, and its clients.
type victim struct {
	t       testing.TB
	spec    string
	dir     string
	url     string
	cmd     *exec.Cmd
	pubs    []*author
	subs    []*reader
	random  *rand.Rand
	early   int           // How often it was killed while it started.
	restart time.Duration // All of them together.
}

func newVictim(t testing.TB, level store.Sync, driver string) *victim {
	seed := rand.Uint64()
	if n, err := strconv.ParseUint(os.Getenv("MQTTBENCH_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("MQTTBENCH_SEED=%d", seed)
	v := &victim{
		t: t, spec: level.String() + " " + driver, dir: t.TempDir(), url: "tcp://127.0.0.1:" + freePort(t),
		random: rand.New(rand.NewPCG(seed, 0)),
	}
	v.pubs = []*author{
		{wire: wire{id: "one", version: packet.V311}, qos: 1},
		{wire: wire{id: "two", version: packet.V5}, qos: 2},
		{wire: wire{id: "kept", version: packet.V311}, qos: 2, retain: true},
	}
	v.subs = []*reader{
		{wire: wire{id: "first", version: packet.V311}, qos: 1, every: 1},
		{wire: wire{id: "second", version: packet.V5}, qos: 2, every: 1},
		{wire: wire{id: "often away", version: packet.V5, window: 20}, qos: 2, every: 3},
	}
	return v
}

// freePort is a port for a process that listens later, or again. It is below those that systems give to who dials, so that nobody who
// dials meanwhile gets it.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 16384+rand.IntN(16000)))
		if err != nil {
			continue
		}
		defer ln.Close()
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		return port
	}
	t.Fatal("no port is free")
	return ""
}

func (v *victim) command() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), durableEnv+"="+v.spec+" "+v.url+" "+v.dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// startInVain kills a broker while it reads what it is to remember, or has just done so.
func (v *victim) startInVain() {
	v.t.Helper()
	cmd := v.command()
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	time.Sleep(time.Duration(v.random.IntN(60_000)) * time.Microsecond)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // It was killed.
	v.early++
}

func (v *victim) start() {
	v.t.Helper()
	begin := time.Now()
	cmd := v.command()
	out, err := cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		v.t.Fatalf("the broker does not start: %v", cmd.Wait())
	}
	v.url, v.cmd = strings.TrimSpace(line), cmd
	v.restart += time.Since(begin)
}

func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait() // It was killed.
}

func (v *victim) run(rounds int) {
	v.start()
	v.t.Cleanup(func() { v.kill() })
	for _, r := range v.subs {
		if err := r.connect(v.url); err != nil || r.present {
			v.t.Fatal(err, r.present)
		}
		if err := r.subscribe("t/#"); err != nil {
			v.t.Fatal(err)
		}
		r.conn.Close()
	}
	for _, a := range v.pubs {
		if err := a.connect(v.url); err != nil || a.present {
			v.t.Fatal(err, a.present)
		}
		a.conn.Close()
	}
	for round := range rounds {
		v.round(round, 400, func() {
			for end := time.Now().Add(patience); round == 0 && v.idle() && time.Now().Before(end); {
				time.Sleep(time.Millisecond) // Once at least it is killed at work, on the slowest machine.
			}
			time.Sleep(time.Duration(v.random.IntN(60_000)) * time.Microsecond)
			v.kill()
		})
		for v.random.IntN(4) == 0 {
			v.startInVain()
		}
		v.start()
	}
	v.round(0, 0, v.settle)
	v.check(rounds)
}

// round lets everybody work until stop has returned.
func (v *victim) round(round, quota int, stop func()) {
	v.t.Helper()
	var all sync.WaitGroup
	for _, a := range v.pubs {
		a.quota = quota
		all.Go(func() { a.failed = a.work(v.url) })
	}
	for _, r := range v.subs {
		if round%r.every == 0 {
			all.Go(func() { r.failed = r.work(v.url) })
		}
	}
	stop()
	all.Wait()
	for _, a := range v.pubs {
		if a.failed != "" {
			v.t.Errorf("round %d, %s: %s", round, a.id, a.failed)
		}
	}
	for _, r := range v.subs {
		if r.failed != "" {
			v.t.Errorf("round %d, %s: %s", round, r.id, r.failed)
		}
	}
	if v.t.Failed() {
		v.t.FailNow()
	}
}

// settle waits until all has been acknowledged and come.
func (v *victim) settle() {
	for end := time.Now().Add(3 * patience); !v.settled() && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond) // For what is too much.
	v.checkRetained()
	v.kill()
}

// checkRetained asks for the retained message of each author that publishes such.
func (v *victim) checkRetained() {
	for _, a := range v.pubs {
		if !a.retain || a.count() == 0 {
			continue
		}
		r := reader{wire: wire{id: "late", version: packet.V5}, qos: 1}
		if err := r.connect(v.url); err != nil {
			v.t.Error(err)
			return
		}
		r.conn.SetDeadline(time.Now().Add(patience))
		if err := r.subscribe("t/" + a.id); err != nil {
			v.t.Error(err)
		} else if f, err := r.read(); err != nil {
			v.t.Errorf("no retained message of %s: %v", a.id, err)
		} else if failed := r.take(f); failed != "" || r.newest(a.id) != a.count() {
			v.t.Errorf("the retained message of %s is %d, want %d %s", a.id, r.newest(a.id), a.count(), failed)
		}
		r.conn.Close()
	}
}

// idle reports whether nothing has been published yet.
func (v *victim) idle() bool {
	return !slices.ContainsFunc(v.pubs, func(a *author) bool { return a.count() > 0 })
}

func (v *victim) settled() bool {
	for _, a := range v.pubs {
		if !a.idle() {
			return false
		}
	}
	for _, r := range v.subs {
		for _, a := range v.pubs {
			if r.newest(a.id) < a.count() {
				return false
			}
		}
	}
	return true
}

func (v *victim) check(rounds int) {
	total := 0
	for _, a := range v.pubs {
		total += a.next
		if len(a.flight) > 0 {
			v.t.Errorf("%s: %d are not acknowledged", a.id, len(a.flight))
		}
	}
	for _, r := range v.subs {
		again := 0
		for _, a := range v.pubs {
			exact := min(a.qos, r.qos) == 2
			seen := 0
			for i, n := range r.got[a.id] {
				switch {
				case n == seen+1:
					seen++
				case n > seen:
					v.t.Fatalf("%s got %d of %s after %d: lost, or out of order", r.id, n, a.id, seen)
				case exact:
					v.t.Fatalf("%s got %d of %s twice, as number %d", r.id, n, a.id, i)
				default:
					again++
				}
			}
			if seen != a.next {
				v.t.Errorf("%s got %d of %s, of %d", r.id, seen, a.id, a.next)
			}
		}
		v.t.Logf("%s: %d came again with QoS 1", r.id, again)
	}
	v.t.Logf("%d rounds and %d kills during the start; %d messages were acknowledged, each is there %d times; restart takes %v",
		rounds, v.early, total, len(v.subs), v.restart/time.Duration(rounds+1))
	if rounds > 0 && total == 0 {
		v.t.Error("nothing was ever acknowledged")
	}
}

// A wire is a Network Connection of a client whose session lasts.
type wire struct {
	id      string
	version packet.Version
	window  uint16
	conn    net.Conn
	buf     []byte
	out     []byte
	present bool
	failed  string
}

func (w *wire) connect(url string) error {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
	if err != nil {
		return err
	}
	w.conn, w.buf, w.out = c, nil, nil
	p := packet.Connect{Version: w.version, ClientID: []byte(w.id)}
	if w.version == packet.V5 {
		p.Props = packet.AppendProp(p.Props, packet.Prop{ID: packet.PropSessionExpiryInterval, N: 3600})
		if w.window > 0 {
			p.Props = packet.AppendProp(p.Props, packet.Prop{ID: packet.PropReceiveMaximum, N: uint32(w.window)})
		}
	}
	w.out = p.Append(nil)
	if err := w.flush(); err != nil {
		return err
	}
	f, err := w.read()
	if err != nil {
		return err
	}
	var ack packet.Connack
	if err := ack.Decode(w.version, f.Flags, f.Body); err != nil || f.Type != packet.CONNACK || ack.Reason != 0 {
		return fmt.Errorf("%v %v: %w", f.Type, ack.Reason, err)
	}
	w.present = ack.SessionPresent
	return nil
}

func (w *wire) flush() error {
	_, err := w.conn.Write(w.out)
	w.out = w.out[:0]
	return err
}

// read returns the next packet, and writes first what is to be written if it has to wait for it.
func (w *wire) read() (packet.Frame, error) {
	for {
		f, err := packet.Next(w.buf, 0)
		if err != nil {
			return f, err
		}
		if f.Size > 0 {
			f.Body = slices.Clone(f.Body)
			w.buf = w.buf[f.Size:]
			return f, nil
		}
		if len(w.out) > 0 {
			if err := w.flush(); err != nil {
				return f, err
			}
		}
		var chunk [4 << 10]byte
		n, err := w.conn.Read(chunk[:])
		if w.buf = append(w.buf, chunk[:n]...); n == 0 {
			return f, err
		}
	}
}

func (w *wire) ack(t packet.Type, id packet.ID) {
	w.out = packet.AppendAck(w.out, w.version, t, id, packet.Success)
}

// resume connects, and fails unless the session is there. gone: there is no broker any more.
func (w *wire) resume(url string) (failed string, gone bool) {
	if err := w.connect(url); err != nil {
		return "", true
	}
	if !w.present {
		return "Session Present is 0", false
	}
	return "", false
}

// An author publishes numbers from 1 on, some at a time, each until it is acknowledged.
type author struct {
	wire
	qos    packet.QoS
	retain bool
	quota  int // How many new ones in this round.
	pad    int // Bytes behind the number.

	mu     sync.Mutex
	next   int       // Guarded by mu. How many there are.
	flight []unacked // Guarded by mu.
}

type unacked struct {
	n        int
	released bool // PUBREC has come.
}

const authorWindow = 20

func (a *author) idle() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.flight) == 0
}

func (a *author) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.next
}

// identify uses few Packet Identifiers, so that each is used again soon: one that was not let go
// of would swallow a message.
func identify(n int) packet.ID { return packet.ID(n%(2*authorWindow) + 1) }

func (a *author) publish(n int, dup bool) {
	text := strconv.Itoa(n)
	topic := "t/" + a.id
	if a.pad > 0 {
		text, topic = text+" "+strings.Repeat(".", a.pad), "t"
	}
	p := packet.Publish{
		Topic: []byte(topic), Payload: []byte(text), QoS: a.qos, ID: identify(n), Dup: dup, Retain: a.retain,
	}
	a.out = p.Append(a.out, a.version)
}

// work returns what is wrong, or "" when the connection has ended.
func (a *author) work(url string) string {
	if failed, gone := a.resume(url); gone || failed != "" {
		return failed
	}
	defer a.conn.Close()
	a.mu.Lock()
	for _, u := range a.flight {
		if u.released {
			a.ack(packet.PUBREL, identify(u.n))
		} else {
			a.publish(u.n, true)
		}
	}
	a.mu.Unlock()
	for {
		a.more()
		f, err := a.read()
		if err != nil {
			return ""
		}
		if failed := a.take(f); failed != "" {
			return failed
		}
	}
}

func (a *author) more() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.flight) < authorWindow && a.quota > 0 {
		a.quota--
		a.next++
		a.flight = append(a.flight, unacked{n: a.next})
		a.publish(a.next, false)
	}
}

func (a *author) take(f packet.Frame) string {
	var ack packet.Ack
	if err := ack.Decode(a.version, f.Type, f.Flags, f.Body); err != nil {
		return fmt.Sprint(f.Type, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.flight, func(u unacked) bool { return identify(u.n) == ack.ID })
	if i < 0 || ack.Reason.Failed() {
		return fmt.Sprintf("%v %v for %d, place %d", f.Type, ack.Reason, ack.ID, i)
	}
	if i > 0 && f.Type != packet.PUBCOMP && !a.flight[i-1].released { // [v5 MQTT-4.6.0-2, MQTT-4.6.0-3]
		return fmt.Sprintf("%v for %d came before that for %d", f.Type, a.flight[i].n, a.flight[i-1].n)
	}
	if f.Type == packet.PUBREC {
		a.flight[i].released = true
		a.ack(packet.PUBREL, ack.ID)
		return ""
	}
	a.flight = slices.Delete(a.flight, i, i+1)
	return ""
}

// A reader takes what comes.
type reader struct {
	wire
	qos   packet.QoS
	every int // It is there in each such round.

	received map[packet.ID]bool // QoS 2, and not released.

	mu  sync.Mutex
	got map[string][]int // Guarded by mu.
}

func (r *reader) newest(author string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if list := r.got[author]; len(list) > 0 {
		return slices.Max(list[max(0, len(list)-2*authorWindow):])
	}
	return 0
}

func (r *reader) subscribe(filter string) error {
	r.received, r.got = map[packet.ID]bool{}, map[string][]int{}
	s := packet.Subscribe{ID: 1, Subs: []packet.Subscription{{Filter: []byte(filter), QoS: r.qos, RetainHandling: 0}}}
	r.out = s.Append(r.out, r.version)
	f, err := r.read()
	if err == nil && f.Type != packet.SUBACK {
		err = fmt.Errorf("got %v", f.Type)
	}
	return err
}

func (r *reader) work(url string) string {
	if failed, gone := r.resume(url); gone || failed != "" {
		return failed
	}
	defer r.conn.Close()
	for {
		f, err := r.read()
		if err != nil {
			return ""
		}
		if failed := r.take(f); failed != "" {
			return failed
		}
	}
}

func (r *reader) take(f packet.Frame) string {
	if f.Type == packet.PUBREL {
		var ack packet.Ack
		if err := ack.Decode(r.version, f.Type, f.Flags, f.Body); err != nil {
			return err.Error()
		}
		delete(r.received, ack.ID)
		r.ack(packet.PUBCOMP, ack.ID)
		return ""
	}
	var p packet.Publish
	if f.Type != packet.PUBLISH {
		return fmt.Sprintf("got %v", f.Type)
	}
	if err := p.Decode(r.version, f.Flags, f.Body); err != nil {
		return err.Error()
	}
	if p.QoS == 2 {
		r.ack(packet.PUBREC, p.ID)
		if r.received[p.ID] {
			return "" // Sent again, [v5 MQTT-4.3.3-10].
		}
		r.received[p.ID] = true
	} else {
		r.ack(packet.PUBACK, p.ID)
	}
	n, err := strconv.Atoi(string(p.Payload))
	if err != nil {
		return err.Error()
	}
	author := strings.TrimPrefix(string(p.Topic), "t/")
	r.mu.Lock()
	r.got[author] = append(r.got[author], n)
	r.mu.Unlock()
	return ""
}
