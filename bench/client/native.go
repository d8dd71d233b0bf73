package client

import (
	"math"
	"sync"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/scram"
	"mqttbench/broker/transport"
)

// NativeOptions are those of a native engine. The zero value works.
type NativeOptions struct {
	Groups     int              // Event loops; default 1.
	Precise    bool             // Turns timed to about 60 µs instead of 1 ms, at 1.5 to 2 times the CPU of pacing.
	Spin       bool             // The loops never sleep: see transport.Options.
	Driver     transport.Driver // Default: epoll where it exists.
	Outbox     int              // Bytes that wait for one connection before Publish says false; default 1 MiB.
	ReadBuffer int              // Bytes for each loop; default 64 KiB.
}

// Native is the engine on the event loops of broker/transport.
type Native struct {
	loops  *transport.Loops
	groups []*group
	closed chan struct{} // Closed when the loops have ended.
	close  sync.Once
}

// NewNative makes the native engine.
func NewNative(o NativeOptions) (*Native, error) {
	ls, err := transport.New(transport.Options{
		Loops:      max(1, o.Groups),
		Driver:     o.Driver,
		Outbox:     o.Outbox,
		ReadBuffer: o.ReadBuffer,
		Precise:    o.Precise,
		Spin:       o.Spin,
	})
	if err != nil {
		return nil, err
	}
	e := &Native{loops: ls, closed: make(chan struct{})}
	for i := range ls.Len() {
		e.groups = append(e.groups, newGroup(ls.Loop(i)))
	}
	return e, nil
}

// Groups implements Engine.
func (e *Native) Groups() []Group {
	gs := make([]Group, len(e.groups))
	for i, g := range e.groups {
		gs[i] = g
	}
	return gs
}

// Close implements Engine. Every client that is connected hears Disconnected first.
func (e *Native) Close() (err error) {
	e.close.Do(func() {
		for _, g := range e.groups {
			g.Post(func() { g.closing = true })
		}
		err = e.loops.Close()
		close(e.closed)
	})
	return err
}

// Counters implements Counting.
func (e *Native) Counters() Counters {
	var sum Counters
	for _, g := range e.groups {
		got := make(chan Counters, 1)
		g.loop.Post(func() { got <- g.counters })
		select {
		case c := <-got:
			sum.Add(&c)
		case <-e.closed: // Nobody writes them any more.
			sum.Add(&g.counters)
		}
	}
	return sum
}

// A group is a Group on one event loop. What its clients would need only for the length of a
// call (decoded packets, encoded packets) is here, once.
type group struct {
	// Immutable.
	loop *transport.Loop

	optionsMu sync.Mutex
	kept      []*Options // Guarded by optionsMu.

	// Owned by the loop.
	closing  bool // No new connections: who connects again in Disconnected would never let the engine end.
	counters Counters
	idPages  idPages
	wheel    wheel
	aliases  map[*client]*aliases     // Of the connections that use any; nil: none ever has.
	proofs   map[*client]*scram.Proof // Exchanges of enhanced authentication that are under way; nil: there never was one.
	reasons  map[*client]error        // What ended the connections that are ending, where this side knows better than the transport.

	// Timers: one of the loop's for the caller's pacer and the wheel.
	pacer   func(now int64) int64
	pacerAt int64 // ns: when pacer is due.
	paced   int   // How many pacers have been set.
	armed   int64 // ns: when the loop is going to call tick.
	ticking bool

	// For the length of one Receive: the client whose turn it is, when its bytes arrived, what it answers.
	turn       *client
	arrived    int64
	acks       []byte
	unacked    int     // QoS 1 messages of this read,
	unanswered turnSet // and their identifiers.
	publish    packet.Publish
	ack        packet.Ack
	suback     packet.Suback
	heard      Reception

	// For the length of one call that sends.
	scratch []byte
	topic   []byte
	out     packet.Publish
}

func newGroup(l *transport.Loop) *group {
	g := &group{
		loop:    l,
		pacerAt: math.MaxInt64,
		armed:   math.MaxInt64,
		wheel:   wheel{next: math.MaxInt64},
		reasons: map[*client]error{},
		scratch: make([]byte, 0, 1024),
	}
	l.SetTimer(g.tick)
	return g
}

// New implements Group.
func (g *group) New(o Options, obs Observer) Client {
	c := &client{g: g, obs: obs, id: o.ClientID, bucket: -1}
	o.ClientID = ""
	c.o = g.options(o.withDefaults())
	return c
}

// keptOptions is how many different Options a group remembers: clients that dial from different addresses in turn have as many.
const keptOptions = 8

// options is a copy of o, one for all clients that have the same: a hundred bytes less for each of ten thousand.
func (g *group) options(o Options) *Options {
	g.optionsMu.Lock()
	defer g.optionsMu.Unlock()
	for _, known := range g.kept {
		if *known == o {
			return known
		}
	}
	if len(g.kept) == keptOptions {
		g.kept = g.kept[1:]
	}
	kept := o // Of its own, or o would be garbage each time.
	g.kept = append(g.kept, &kept)
	return &kept
}

// Post implements Group.
func (g *group) Post(f func()) { g.loop.Post(f) }

// Now implements Group.
func (g *group) Now() int64 { return g.loop.Now() }

// SetTimer implements Group.
func (g *group) SetTimer(f func(now int64) (next int64)) {
	g.paced++
	g.pacer, g.pacerAt = f, math.MaxInt64
	if f != nil {
		g.pacerAt = math.MinInt64
		g.arm()
	}
}

// arm has the loop call tick anew when something has become due earlier than it knows.
func (g *group) arm() {
	if due := min(g.pacerAt, g.wheel.next); due < g.armed && !g.ticking {
		g.armed = due
		g.loop.Wake()
	}
}

// tick is the loop's timer.
func (g *group) tick(now int64) (next int64) {
	g.ticking = true
	if now >= g.pacerAt {
		paced := g.paced
		if at := g.pacer(now); paced == g.paced {
			g.pacerAt = at
		}
	}
	if now >= g.wheel.next {
		g.wheel.advance(now, (*client).lookAtDeadline)
	}
	g.ticking = false
	g.armed = min(g.pacerAt, g.wheel.next)
	return g.armed
}

// watch has c's deadline looked at when at (ns) has come.
func (g *group) watch(c *client, at int64) {
	g.wheel.set(c, at, g.loop.Now())
	g.arm()
}

// maxScratch is what a group keeps between two packets, bytes.
const maxScratch = 256 << 10

// encoded keeps p, which was appended to the scratch, as the scratch of the next packet.
func (g *group) encoded(p []byte) []byte {
	if cap(p) <= maxScratch {
		g.scratch = p
	}
	return p
}

// since is the time from t to now, for Took.
func since(t, now int64) time.Duration { return time.Duration(max(0, now-t)) }
