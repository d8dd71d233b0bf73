package broker

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"mqttbench/broker/session"
	"mqttbench/broker/topic"
)

// A client is one Client Identifier and its session. It lives as long as the
// session does; its Network Connections come and go.
//
// A broker holds one for each client, so it is kept small: what few clients have
// is behind a pointer.
type client struct {
	// Immutable
	id string

	// Atomic. Stored only with mu held. nil: offline.
	conn atomic.Pointer[conn]

	// Guarded by deadlines.mu
	due    int64 // When to look at an offline client again, ns.
	heapAt int32 // One more than the place in the heap; 0: not there.

	mu sync.Mutex

	// Guarded by mu
	number  topic.Subscriber // 0 before the first subscription.
	sess    session.Session
	will    *will
	filters *filters // Nil before the first subscription.
	backlog *backlog // Retained messages that there was no room for.
	since   int64    // When the last Network Connection ended, ns.
	expiry  uint32   // Session Expiry Interval, seconds; neverExpires.
	ended   bool     // The session is over; all that is left is to let go of the client.

	kept *kept // Nil without a ledger. Stored with mu held, before conn, and never changed.
}

const neverExpires = math.MaxUint32

// A will is a Will Message and when to publish it, [v5 3.1.2.5].
type will struct {
	msg       *session.Message // Expires is not set: its interval begins when it is published.
	retain    bool
	delay     uint32 // Will Delay Interval, seconds.
	expiry    uint32 // Message Expiry Interval, seconds.
	hasExpiry bool
	who       *identity // Whose it is; nil: it was stored, and allowed when it came, or there is no Guard.
}

// resumableLocked reports whether the next CONNECT without Clean Start gets this session.
func (cl *client) resumableLocked(now int64) bool {
	switch {
	case cl.ended, cl.expiry == 0:
		return false
	case cl.conn.Load() != nil, cl.expiry == neverExpires:
		return true
	}
	return now < cl.endsAtLocked()
}

// endsAtLocked is when an offline session expires, ns.
func (cl *client) endsAtLocked() int64 {
	if cl.expiry == neverExpires {
		return math.MaxInt64
	}
	return cl.since + int64(cl.expiry)*second
}

// hasRoomLocked reports whether c, the client's connection, may be put more.
func (cl *client) hasRoomLocked(c *conn) bool {
	return c != nil && cl.backlog == nil && !c.full()
}

// maySendQueuedLocked reports whether c may be sent what the session has queued. A backlog whose next message
// is to be promised stands behind all of that; and if the session is full, only that makes room for it.
func (cl *client) maySendQueuedLocked(c *conn) bool {
	return cl.hasRoomLocked(c) || cl.backlog.promisesNext() && !c.full()
}

// acceptsLocked reports whether a message would be sent at once: what a shared
// subscription looks for in a member.
func (cl *client) acceptsLocked(c *conn) bool {
	return cl.hasRoomLocked(c) && cl.sess.Queued() == 0 && cl.sess.Inflight() < int(c.window)
}

// filters remembers what a client has subscribed to, for the day its session ends.
// Most clients have a few; a map only pays for those with many.
type filters struct {
	few   []string
	many  map[string]struct{}
	bytes int // Of all of them together, with filterOverhead for each.
}

const fewFilters = 16

// add expects a filter that is not there.
func (f *filters) add(filter string) {
	f.bytes += filterCost(filter)
	switch {
	case f.many != nil:
		f.many[filter] = struct{}{}
	case len(f.few) < fewFilters:
		f.few = append(f.few, filter)
	default:
		f.many = make(map[string]struct{}, 2*fewFilters)
		for _, s := range f.few {
			f.many[s] = struct{}{}
		}
		f.many[filter] = struct{}{}
		f.few = nil
	}
}

// len is how many there are. A nil f has none, and has nothing.
func (f *filters) len() int {
	if f == nil {
		return 0
	}
	return len(f.few) + len(f.many)
}

// size is what they count against Options.MaxFilterBytes. A nil f has none.
func (f *filters) size() int {
	if f == nil {
		return 0
	}
	return f.bytes
}

func (f *filters) has(filter string) bool {
	if f == nil {
		return false
	}
	_, ok := f.many[filter]
	return ok || slices.Contains(f.few, filter)
}

func (f *filters) remove(filter string) {
	if f.has(filter) {
		f.bytes -= filterCost(filter)
	}
	delete(f.many, filter)
	if i := slices.Index(f.few, filter); i >= 0 {
		f.few = slices.Delete(f.few, i, i+1)
	}
}

// each calls do for all. A nil f has none.
func (f *filters) each(do func(filter string)) {
	if f == nil {
		return
	}
	for _, s := range f.few {
		do(s)
	}
	for s := range f.many {
		do(s)
	}
}
