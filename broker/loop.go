package broker

import (
	"sync"
	"sync/atomic"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A loop is what the broker keeps for one loop of the transport: all of it is
// used in that loop's turns only, so none of it needs a lock, and scratch memory
// is paid for once a loop and not once a connection.
type loop struct {
	// Immutable
	s       *Server
	t       *transport.Loop
	ledger  *scribe // Nil without a data directory.
	release func()  // onDurable, made once.

	// Owned by the loop
	now   int64 // The time of this turn, ns.
	dueAt int64 // When the timer wanted to be called, ns.
	began int64 // When one client's wish for retained messages was begun with, ns.
	wheel wheel
	cache matchCache
	n     counters

	decisions decisions

	final    bool        // The packet that is being handled is the last of its read.
	culprit  packet.Type // Of the packet that consume has refused.
	claimant string      // Whose CONNECT it was.
	why      string      // What forward has to say about the message beside its Reason Code; "": nothing.
	closings ration      // Of the lines about connections that ended,
	refusals ration      // and of those about clients that stay.

	// Scratch, owned by the loop. acks is empty between turns.
	acks    []byte // Answers to the packets of one read.
	out     []byte // Packets of a queue that is being drained.
	control []byte // One DISCONNECT or SUBACK.
	props   []byte // Properties of one PUBLISH on its way in.
	props2  []byte // Properties of one PUBLISH on its way out.
	single  []byte // One PUBLISH for one subscriber.
	aliased []byte // Its properties with a Topic Alias.
	frames  [4]frame
	in      packet.Publish
	pub     publication // What in becomes. Here because on the stack it would escape.
	sub     packet.Subscribe
	unsub   packet.Unsubscribe
	codes   []packet.ReasonCode
	wanted  []packet.Subscription // Those of a SUBSCRIBE that retained messages are wanted for.
	oneID   [1]uint32             // A list of one Subscription Identifier.

	gate         uint64  // What is put waits for this batch to be durable; 0: it does not.
	braked       []*conn // Not read until the store has caught up.
	holdingSpare []*conn

	holdMu  sync.Mutex
	holding []*conn // Guarded by holdMu. What was put to them waits for the store.

	waited atomic.Bool // Somebody waits for the store.
}

const (
	// keepScratch is the largest scratch buffer that a loop holds on to, bytes.
	keepScratch = 256 << 10
	// keepFilters is the longest list of Topic Filters that a loop holds on to.
	keepFilters = 4096
	// drainBatch is how many bytes of a queue are put at a time.
	drainBatch = 32 << 10
)

func newLoop(s *Server, t *transport.Loop) *loop {
	l := &loop{s: s, t: t}
	l.wheel.at = transport.Clock() / tick
	l.cache.init(s.tree, &l.n)
	if s.guarded {
		l.decisions.init()
	}
	l.ledger, l.release = s.ledger.scribe(), l.onDurable
	return l
}

// turn notes the time.
func (l *loop) turn() int64 {
	l.now = l.t.Now()
	return l.now
}

// onTimer is called by the transport; it returns when it wants to be called next.
func (l *loop) onTimer(now int64) int64 {
	l.now = now
	if l.dueAt != 0 {
		l.n.lag.observe(now - l.dueAt)
	}
	l.dueAt = now + tick
	l.enter()
	defer l.leave(nil)
	if g := l.ledger; g != nil {
		g.wrote = g.some.Load() // What nobody has waited for.
	}
	l.wheel.advance(now, (*conn).silent)
	// The offline clients belong to no loop. The first one looks after them.
	if l.t.Index() == 0 {
		for cl := l.s.deadlines.next(now); cl != nil; cl = l.s.deadlines.next(now) {
			l.due(cl)
		}
		if l.s.sys != nil {
			l.s.sys.tick(now)
		}
	}
	return l.dueAt
}

// keep empties scratch for the next use, and gives it up when it has grown too large.
func keep(b []byte) []byte {
	if cap(b) > keepScratch {
		return nil
	}
	return b[:0]
}
