package fault_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mqttbench/bench"
	"mqttbench/bench/client"
	"mqttbench/bench/fault"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/packet"
)

// An experiment is a short run through the proxy.
type experiment struct {
	qos     packet.QoS
	version packet.Version
	session plan.Session
	faults  []fault.Fault
	seed    uint64
	alive   time.Duration // Keep Alive.

	// enough: the faults without a limit go on until so many have been committed, if the measured part is over before. The others end by themselves.
	enough int64

	begin, halfway, end func() // Called before the first message, in the middle of the measured part and at its end, if not nil.
}

// publishers and subscribers are the patterns of the Client Identifiers of a run named "e".
const (
	publishers  = "mbep*"
	subscribers = "mbes*"
)

// A finding is what the ledger found, and what had been done.
type finding struct {
	classes   map[result.Class]int64
	contract  result.Contract
	summary   result.Summary
	committed []int64
	events    []fault.Event
}

// carryOut runs an experiment against a broker: two pairs, 300 messages in a second. The faults begin with the measured part, so
// that none befalls a probe.
func (x experiment) carryOut(t *testing.T, url string) finding {
	t.Helper()
	var f finding
	var mu sync.Mutex
	proxy, err := fault.NewProxy(fault.Options{Broker: url, Plan: fault.Plan{Seed: x.seed, Faults: x.faults}, Applied: func(e fault.Event) {
		mu.Lock()
		f.events = append(f.events, e)
		mu.Unlock()
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	engine, err := client.NewNative(client.NativeOptions{Groups: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	over := make(chan struct{})
	var beside sync.WaitGroup
	defer beside.Wait()
	defer close(over)
	p := plan.Plan{
		Seed: 1, RunID: 14, Run: "e", Publishers: 2, Subscribers: 2, Topic: fmt.Sprintf("%s/%%i", filepath.Base(t.Name())),
		Version: x.version, PubQoS: x.qos, SubQoS: x.qos, PublisherSession: x.session, SubscriberSession: x.session,
		Payload: 64, Rate: 300, Duration: plan.Duration(time.Second),
	}.WithDefaults()
	res, err := bench.Run(t.Context(), bench.Config{
		Plan: p, Client: client.Options{URL: proxy.URL(), KeepAlive: x.alive}, Engine: engine, Dir: filepath.Join(t.TempDir(), "result"),
		ConnectFor: patience, ProbeFor: patience, DrainFor: patience,
		Measuring: func(begins bool) {
			if !begins {
				perhaps(x.end)
				if slices.ContainsFunc(x.faults, func(f fault.Fault) bool { return f.Limit == 0 }) {
					beside.Go(func() { x.disarm(proxy, over) })
				}
				return
			}
			proxy.Arm()
			perhaps(x.begin)
			if x.halfway != nil {
				beside.Go(func() {
					time.Sleep(500 * time.Millisecond)
					x.halfway()
				})
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.summary, f.contract, f.committed = res.Summary, res.Summary.Contracts[0], proxy.Counts()
	f.classes = map[result.Class]int64{}
	for _, x := range f.contract.Findings {
		f.classes[x.Class] = x.Count
	}
	return f
}

// disarm ends the faults when there have been enough, however late a busy machine sends what was due.
func (x experiment) disarm(proxy *fault.Proxy, over <-chan struct{}) {
	for proxy.Counts()[0] < x.enough {
		select {
		case <-over:
			return
		case <-time.After(time.Millisecond):
		}
	}
	proxy.Disarm()
}

func perhaps(f func()) {
	if f != nil {
		f()
	}
}

const patience = time.Minute

// reference is our own broker, in this process: what is asked here is not how fast it is.
func reference(t *testing.T) string {
	s, err := broker.New(broker.Options{Listen: []string{"tcp://127.0.0.1:0"}})
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.Addrs()[0]
}

// TestLies: whatever lie is told through an honest broker, the ledger finds it as often as it was told, calls it by its name, and
// finds nothing else.
func TestLies(t *testing.T) {
	t.Parallel()
	const told = 7
	type classes = map[result.Class]int64
	lost := func(q packet.QoS, n int64, more classes) classes {
		all := classes{result.LossQoS0: n}
		if q > 0 {
			all = classes{result.Lost: n}
		}
		for c, n := range more {
			all[c] = n
		}
		return all
	}
	for i, lie := range []struct {
		name string
		f    fault.Fault
		want func(q packet.QoS, n int64) classes
	}{
		{"none", fault.Fault{Action: fault.Drop, Client: "nobody"}, func(_ packet.QoS, n int64) classes { return classes{} }},
		{"drop to the subscriber", fault.Fault{Action: fault.Drop, Direction: fault.Down}, func(q packet.QoS, n int64) classes { return lost(q, n, nil) }},
		{"drop from the publisher", fault.Fault{Action: fault.Drop, Direction: fault.Up}, func(q packet.QoS, n int64) classes {
			if q == 0 {
				return lost(q, n, nil)
			}
			return classes{result.Stuck: n, result.LostUnknown: n} // Nobody has said that they arrived.
		}},
		{"acknowledge what is never delivered", fault.Fault{Action: fault.Forge, Direction: fault.Up}, func(q packet.QoS, n int64) classes { return lost(q, n, nil) }},
		{"acknowledge what the subscriber never saw", fault.Fault{Action: fault.Forge, Direction: fault.Down}, func(q packet.QoS, n int64) classes { return lost(q, n, nil) }},
		{"duplicate to the subscriber", fault.Fault{Action: fault.Duplicate, Direction: fault.Down}, func(_ packet.QoS, n int64) classes { return classes{result.Dup: n} }},
		{"duplicate from the publisher", fault.Fault{Action: fault.Duplicate, Direction: fault.Up}, func(_ packet.QoS, n int64) classes { return classes{result.Dup: n} }},
		{"resend to the subscriber", fault.Fault{Action: fault.Resend, Direction: fault.Down}, func(q packet.QoS, n int64) classes {
			if q == 2 { // In version 5, which says that it must not be.
				return classes{result.Resent: n}
			}
			return resent(q, n)
		}},
		{"resend from the publisher", fault.Fault{Action: fault.Resend, Direction: fault.Up}, resent},
		{"reorder to the subscriber", fault.Fault{Action: fault.Reorder, Direction: fault.Down}, func(_ packet.QoS, n int64) classes { return classes{result.Reorder: n} }},
		{"reorder from the publisher", fault.Fault{Action: fault.Reorder, Direction: fault.Up}, func(_ packet.QoS, n int64) classes { return classes{result.Reorder: n} }},
		{"corrupt to the subscriber", fault.Fault{Action: fault.Corrupt, Direction: fault.Down}, func(q packet.QoS, n int64) classes { return lost(q, n, classes{result.Corrupt: n}) }},
		{"corrupt from the publisher", fault.Fault{Action: fault.Corrupt, Direction: fault.Up}, func(q packet.QoS, n int64) classes { return lost(q, n, classes{result.Corrupt: n}) }},
	} {
		for q := range packet.QoS(3) {
			if testing.Short() && int(q) != i%3 {
				continue
			}
			v := []packet.Version{packet.V311, packet.V5}[(i+int(q))%2]
			t.Run(fmt.Sprintf("%s, version %v, QoS %d", lie.name, v, q), func(t *testing.T) {
				t.Parallel()
				f := lie.f
				f.Every, f.Limit = 5, told
				got := experiment{qos: q, version: v, faults: []fault.Fault{f}}.carryOut(t, reference(t))
				if lie.name != "none" && !(q == 0 && f.Action == fault.Resend) && got.committed[0] != told {
					t.Errorf("%v lies were told, want %d", got.committed, told)
				}
				if int64(len(got.events)) != got.committed[0] {
					t.Errorf("%d faults were reported, and %d counted", len(got.events), got.committed[0])
				}
				if diff := cmp.Diff(lie.want(q, got.committed[0]), got.classes); diff != "" {
					t.Errorf("found (+), not as told (-):\n%s", diff)
				}
			})
		}
	}
}

// resent: at QoS 2 a receiver holds the second copy back, [v5 MQTT-4.3.3-10], so that there is nothing to be found; at QoS 0 there is no
// such thing.
func resent(q packet.QoS, n int64) map[result.Class]int64 {
	if q == 1 {
		return map[result.Class]int64{result.Dup: n}
	}
	return map[result.Class]int64{}
}

// TestBrokenWires: the connection is reset at each step of the handshakes, before and after the packet, on both sides of
// the broker. QoS 2 arrives exactly once all the same, and QoS 1 at least once, twice only where that is legal.
func TestBrokenWires(t *testing.T) {
	t.Parallel()
	for name, start := range brokers {
		for q := packet.QoS(1); q <= 2; q++ {
			for _, step := range stepsOf(q) {
				for _, after := range []bool{false, true} {
					step := step
					step.After = after
					t.Run(fmt.Sprintf("%s, QoS %d, %v %v %s, after %v", name, q, step.Direction, step.Type, step.Client, after), func(t *testing.T) {
						t.Parallel()
						v := packet.V311
						if after {
							v = packet.V5
						}
						testBroken(t, experiment{qos: q, version: v, session: plan.Persistent, faults: []fault.Fault{step}, enough: 3}, start(t))
					})
				}
			}
		}
	}
}

var brokers = map[string]func(*testing.T) string{"reference": reference, "mosquitto": mosquitto}

// stepsOf are the packets at which an exchange can break, for both sides of the broker.
func stepsOf(q packet.QoS) (all []fault.Fault) {
	there, back := []packet.Type{packet.PUBLISH}, []packet.Type{packet.PUBACK}
	if q == 2 {
		there, back = []packet.Type{packet.PUBLISH, packet.PUBREL}, []packet.Type{packet.PUBREC, packet.PUBCOMP}
	}
	add := func(types []packet.Type, d fault.Direction, who string) {
		for _, typ := range types {
			all = append(all, fault.Fault{Action: fault.Reset, Type: typ, Direction: d, Client: who, Every: 13, Limit: 5})
		}
	}
	add(there, fault.Up, publishers)
	add(back, fault.Down, publishers)
	add(there, fault.Down, subscribers)
	add(back, fault.Up, subscribers)
	return all
}

// testBroken asks for what must hold whatever the wire does, and for a number of faults that were committed.
func testBroken(t *testing.T, x experiment, url string) {
	got := x.carryOut(t, url)
	c := got.contract
	if got.committed[0] < x.enough || int64(len(got.events)) != got.committed[0] {
		t.Errorf("%v faults were committed and %d reported, want %d", got.committed, len(got.events), x.enough)
	}
	if c.Delivered != c.Expected || c.Acked != c.Attempted || c.Attempted == 0 {
		t.Errorf("%d of %d delivered, %d of %d acknowledged", c.Delivered, c.Expected, c.Acked, c.Attempted)
	}
	for class, n := range got.classes {
		if class != result.DupLegal || x.qos == 2 {
			t.Errorf("%d %s", n, class)
		}
	}
	// A PUBACK that did not arrive has the message sent once more, though it had been delivered.
	if f := x.faults[0]; f.Type == packet.PUBACK && !f.After && got.classes[result.DupLegal] < got.committed[0] {
		t.Errorf("%d legal duplicates after %v lost PUBACK", got.classes[result.DupLegal], got.committed)
	}
}

// TestOtherWaysToBreak: whatever else befalls the connections, everything arrives in the end, and no more often than it may.
//
// mosquitto (2.0.11 and later) is excused where two connections in a row may break before a PUBREL that is owed has been sent again: it
// then sends the PUBLISH again, although it had sent the PUBREL, [v5 MQTT-4.3.3-6], and the message arrives twice.
func TestOtherWaysToBreak(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		f    fault.Fault
	}{
		{"PUBLISH cut from the publisher", fault.Fault{Action: fault.Cut, Type: packet.PUBLISH, Direction: fault.Up, Every: 29, Limit: 8}},
		{"PUBLISH cut to the subscriber", fault.Fault{Action: fault.Cut, Type: packet.PUBLISH, Direction: fault.Down, Every: 29, Limit: 8, Bytes: 1}},
		{"FIN", fault.Fault{Action: fault.Finish, Type: packet.PUBLISH, Every: 29, Limit: 8}},
		{"FIN to the broker only", fault.Fault{Action: fault.Finish, Side: fault.Broker, Type: packet.PUBLISH, Nth: 40, After: true}},
		{"RST to the client only, so that it takes over", fault.Fault{Action: fault.Reset, Side: fault.Client, Type: packet.PUBLISH, Every: 29, Limit: 8}},
		{"RST to the broker only", fault.Fault{Action: fault.Reset, Side: fault.Broker, Type: packet.PUBLISH, Nth: 50, Client: subscribers}},
		{"a pulled cable", fault.Fault{Action: fault.BlackHole, Type: packet.PUBLISH, Direction: fault.Down, Nth: 60}},
		{"a cable pulled for a moment", fault.Fault{Action: fault.BlackHole, For: 150 * time.Millisecond, Type: packet.PUBLISH, Every: 60, Limit: 4}},
		{"take-overs", fault.Fault{Action: fault.TakeOver, Times: 3, Type: packet.PUBLISH, Every: 47, Limit: 4}},
		{"kept out for a while", fault.Fault{Action: fault.Reset, For: 200 * time.Millisecond, Type: packet.PUBLISH, Every: 60, Limit: 4}},
		{"at a time", fault.Fault{Action: fault.Reset, At: 400 * time.Millisecond}},
		{"at random times", fault.Fault{Action: fault.Reset, MTTF: 150 * time.Millisecond, MTTR: 50 * time.Millisecond}},
		{"at random packets", fault.Fault{Action: fault.Reset, Probability: 0.02, After: true}},
		{"on connections that do not live long", fault.Fault{Action: fault.Reset, Nth: 40, PerConnection: true, Limit: 20}},
		{"pauses", fault.Fault{Action: fault.Pause, For: 50 * time.Millisecond, Every: 40}},
		{"pauses at random times", fault.Fault{Action: fault.Pause, MTTF: 200 * time.Millisecond, MTTR: 50 * time.Millisecond}},
		{"a delay and its jitter", fault.Fault{Action: fault.Delay, For: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Every: 1}},
		{"a narrow band", fault.Fault{Action: fault.Throttle, Rate: 50_000, Every: 1}},
		{"byte by byte", fault.Fault{Action: fault.Slice, Every: 3}},
	} {
		for name, start := range brokers {
			for q := packet.QoS(1); q <= 2; q++ {
				if testing.Short() && q == 1 {
					continue
				}
				t.Run(fmt.Sprintf("%s, %s, QoS %d", tc.name, name, q), func(t *testing.T) {
					t.Parallel()
					if f := tc.f; name == "mosquitto" && q == 2 && (f.Type == 0 && f.Action == fault.Reset || f.Action == fault.TakeOver) {
						t.Skip("mosquitto sends a PUBLISH again after its PUBREL")
					}
					x := experiment{qos: q, version: packet.V5, session: plan.Persistent, faults: []fault.Fault{tc.f}, alive: time.Second, enough: 1}
					testBroken(t, x, start(t))
				})
			}
		}
	}
}

// TestDelayIsSeen: a delay that is put in comes out of the measurement, whole.
func TestDelayIsSeen(t *testing.T) {
	const delay = 40 * time.Millisecond
	got := experiment{version: packet.V311, enough: 295, faults: []fault.Fault{
		{Action: fault.Delay, For: delay, Type: packet.PUBLISH, Direction: fault.Down, Every: 1},
	}}.carryOut(t, reference(t))
	for _, s := range []result.Quantiles{got.summary.Response, got.summary.Service} {
		if s.Count < 295 || s.P50 < delay.Seconds() {
			t.Errorf("a delay of %v was measured as %+v", delay, s)
		}
	}
	if len(got.classes) > 0 {
		t.Errorf("a delay is no %v", got.classes)
	}
}

// TestStoppedBroker: a broker that stands still for a time has kept its promises afterwards, and the time stands in the latency of
// what was due meanwhile.
func TestStoppedBroker(t *testing.T) {
	p := process(t)
	do := func(f func() error) func() {
		return func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		}
	}
	got := experiment{qos: 2, version: packet.V311, begin: do(p.Stop), end: do(p.Continue)}.carryOut(t, p.URL())
	if s := got.summary.Response; s.Max < 0.9 || s.P50 < 0.4 { // For the whole second in which messages were due.
		t.Errorf("a broker that stood still for a second was measured as %+v", s)
	}
	if c := got.contract; len(got.classes) > 0 || c.Delivered != c.Expected {
		t.Errorf("%d of %d delivered, %v", c.Delivered, c.Expected, got.classes)
	}
}

// TestKilledBroker: a broker without a memory is killed and started again. Every delivery that was owed is accounted for: made, or
// lost, or never promised; and what was published afterwards has arrived.
func TestKilledBroker(t *testing.T) {
	p := process(t)
	var over atomic.Bool
	inTime := false // A machine that stands still for half a second may have had it all over by then.
	got := experiment{qos: 1, version: packet.V311, session: plan.Persistent, end: func() { over.Store(true) }, halfway: func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		inTime = !over.Load()
		if err := p.Restart(context.Background()); err != nil {
			t.Error(err)
		}
	}}.carryOut(t, p.URL())
	c := got.contract
	missing := got.classes[result.Lost] + got.classes[result.LostUnknown] + got.classes[result.DroppedLegal]
	// How many that is depends on who comes back first: publishers have saved up what was due.
	if c.Expected != c.Delivered+missing || c.Delivered == 0 || c.Attempted < 295 {
		t.Errorf("%d attempted, %d expected, %d delivered: %v", c.Attempted, c.Expected, c.Delivered, got.classes)
	}
	if got.summary.Phases[len(got.summary.Phases)-1].Reconnects+got.summary.Measured.Reconnects < 4 && inTime {
		t.Errorf("not everybody came back: %+v", got.summary.Measured)
	}
}

// process is our own broker in a process of its own, which is this test's program.
func process(t *testing.T) *fault.Process {
	t.Setenv("FAULT_TEST_BROKER", "yes")
	p, err := fault.StartProcess(t.Context(), fault.ProcessOptions{Command: os.Args[0] + " honest {port}"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestNullKeepsItsPromises: little as it does, the null broker does it right at every QoS.
func TestNullKeepsItsPromises(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	url, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- fault.RunNull(ctx, fault.NullOptions{}, func(u string) { url <- u }) }()
	t.Cleanup(func() { // When all parallel runs have ended.
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	at := <-url
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for q := range packet.QoS(3) {
			t.Run(fmt.Sprintf("version %v, QoS %d", v, q), func(t *testing.T) {
				t.Parallel()
				got := experiment{qos: q, version: v}.carryOut(t, at)
				if c := got.contract; len(got.classes) > 0 || c.Delivered != c.Expected || c.Delivered < 295 {
					t.Errorf("%d of %d delivered, %v", c.Delivered, c.Expected, got.classes)
				}
			})
		}
	}
}

// mosquitto starts one of its own for the test.
func mosquitto(t *testing.T) string {
	if os.Getenv("FAULT_TEST_PEERS") == "" {
		t.Skip("our own broker is enough; FAULT_TEST_PEERS=yes asks mosquitto, too")
	}
	exe, err := exec.LookPath("mosquitto")
	if err != nil {
		exe = "/usr/sbin/mosquitto"
		if _, err := os.Stat(exe); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	port, err := fault.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\nlog_type none\n", port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := fault.StartProcess(context.Background(), fault.ProcessOptions{
		Command: fmt.Sprintf("%s -c '%s'", exe, conf), URL: fmt.Sprintf("tcp://127.0.0.1:%s", port),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p.URL()
}
