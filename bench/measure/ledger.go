package measure

import (
	"slices"
	"strings"
	"sync/atomic"

	"mqttbench/bench/plan"
	"mqttbench/broker/packet"
)

// A Ledger knows what became of every message of a run: what was attempted, acknowledged, refused
// and received, by whom and how often. At the end it says whether the broker kept the promises of
// the QoS levels.
//
// It has a Publisher for every stream and a Subscriber for every subscriber, each owned by the
// group of that client. They share one number per stream, how many messages have been attempted;
// everything else that a verdict needs of both sides waits for Verify, when all groups are quiet. So
// nothing is locked, and marking a message that comes in order touches one cache line.
//
// Memory is that of the streams, the (stream, subscriber) pairs and their gaps, not of the
// messages; except that a shared subscription, where a gap is the rule, takes a bit per message and group.
type Ledger struct {
	// Check is how much of every payload is compared with what was sent; default Ends. Not to be
	// changed once messages arrive.
	Check plan.Check

	// Immutable.
	plan   *plan.Plan
	names  string // The Topic Names, one after the other,
	nameAt []int  // and where that of each stream begins; it ends where the next does.

	tallies     []*Tally // By group; each owned by its group.
	publishers  []Publisher
	subscribers []*Subscriber
	shared      [][]bits // By group and stream; nil without a shared subscription. Owned by the group.
}

// NewLedger makes the ledger of a valid plan whose clients live in a number of groups.
func NewLedger(p *plan.Plan, groups int) *Ledger {
	l := &Ledger{
		plan:        p,
		nameAt:      make([]int, p.Publishers+1),
		tallies:     make([]*Tally, groups),
		publishers:  make([]Publisher, p.Publishers),
		subscribers: make([]*Subscriber, p.Subscribers),
	}
	var names strings.Builder
	for i := range p.Publishers {
		if !p.PerMessage(i) {
			names.WriteString(p.TopicName(i))
		}
		l.nameAt[i+1] = names.Len()
	}
	l.names = names.String()
	for i := range l.tallies {
		l.tallies[i] = new(Tally)
	}
	if p.AnyShared() {
		l.shared = make([][]bits, groups)
		for i := range l.shared {
			l.shared[i] = make([]bits, p.Publishers)
		}
	}
	return l
}

// Topic is the Topic Name of stream pub; "" where every message has a name of its own.
func (l *Ledger) Topic(pub int) string { return l.names[l.nameAt[pub]:l.nameAt[pub+1]] }

// A Tally is a group's running sums, cheap enough for asking whether the drain is done. It is owned
// by its group.
type Tally struct {
	Attempted   int64 // Messages.
	Outstanding int64 // Exchanges (QoS 1 and 2) begun and not ended.
	Expected    int64 // Deliveries that the messages attempted ask for, less those refused.
	Delivered   int64 // First deliveries.
	Excused     int64 // Deliveries not made and not owed: the clean session was away.

	_ [88]byte // Two groups' tallies never lie in one cache line, nor in neighbours that are fetched together.
}

// Add adds the sums of another group.
func (t *Tally) Add(o Tally) {
	t.Attempted += o.Attempted
	t.Outstanding += o.Outstanding
	t.Expected += o.Expected
	t.Delivered += o.Delivered
	t.Excused += o.Excused
}

// Missing is how many deliveries are still to come: 0 when the drain is complete. Where messages have been
// lost it stays above 0, so a drain also ends when nothing has come for a while.
func (t *Tally) Missing() int64 { return t.Expected - t.Excused - t.Delivered }

// Tally is the running sum of a group, to be read on that group.
func (l *Ledger) Tally(group int) *Tally { return l.tallies[group] }

// A Publisher is the sending side of a stream. Owned by the publisher's group. 64 bytes: a cache line
// is never written by two groups.
type Publisher struct {
	// Atomic: read by receivers of other groups. How many messages have been attempted.
	attempted atomic.Uint32

	connected    bool
	met          bool // There has been a connection.
	qos          packet.QoS
	copies       int32
	sessionsLost uint32
	tally        *Tally

	resolved seqSet   // Exchanges that are over.
	seldom   *mishaps // nil: none.
}

// Mishaps are what most streams have none of.
type mishaps struct {
	refused []span // Exchanges that ended with a refusal.
	resent  []span // Sent again in the same session: at QoS 1 a second copy is legal.
	renewed []span // Sent anew because the server had lost the session: at any QoS a second copy is legal.
}

// mishaps are those of the stream, not to be changed.
func (p *Publisher) mishaps() mishaps {
	if p.seldom == nil {
		return mishaps{}
	}
	return *p.seldom
}

// mishap is where another one is noted.
func (p *Publisher) mishap() *mishaps {
	if p.seldom == nil {
		p.seldom = new(mishaps)
	}
	return p.seldom
}

// Publisher is the sending side of stream pub, whose publisher lives in a group. Call it once for
// each publisher, before the groups start or on that group.
func (l *Ledger) Publisher(pub, group int) *Publisher {
	p := &l.publishers[pub]
	p.qos, p.tally, p.copies = l.plan.PubQoSOf(pub), l.tallies[group], int32(l.plan.Copies(pub))
	return p
}

// Attempt says that message seq is about to be put on the wire. It comes before Client.Publish, so
// that no receiver can be faster than the ledger. Sequence numbers go up by one from 0.
func (p *Publisher) Attempt(seq uint32) {
	p.attempted.Store(seq + 1)
	p.tally.Attempted++
	p.tally.Expected += int64(p.copies)
	if p.qos > 0 {
		p.tally.Outstanding++
	}
}

// Retract takes the last Attempt back: Client.Publish said no, and nothing has happened.
func (p *Publisher) Retract(seq uint32) {
	p.attempted.Store(seq)
	p.tally.Attempted--
	p.tally.Expected -= int64(p.copies)
	if p.qos > 0 {
		p.tally.Outstanding--
	}
}

// Acked says that the exchange of seq is over: accepted, or refused with a Reason Code >= 0x80. At
// QoS 0 there is none, and it does nothing.
func (p *Publisher) Acked(seq uint32, reason packet.ReasonCode) {
	if p.qos == 0 {
		return
	}
	if added, _ := p.resolved.add(seq); !added {
		return
	}
	p.tally.Outstanding--
	if reason >= 0x80 {
		m := p.mishap()
		m.refused = join(m.refused, span{seq, seq + 1})
		p.tally.Expected -= int64(p.copies)
	}
}

// Connected says that the publisher has a connection. If it is not its first, the messages not yet
// acknowledged have been sent again: as resends if the session was present, otherwise as new ones. It reports whether there was a session and is no more.
func (p *Publisher) Connected(sessionPresent bool) (lost bool) {
	p.connected = true
	if !p.met {
		p.met = true
		return false
	}
	for _, s := range p.open() {
		if m := p.mishap(); sessionPresent {
			m.resent = join(m.resent, s)
		} else {
			m.renewed = join(m.renewed, s)
		}
	}
	if !sessionPresent {
		p.sessionsLost++
	}
	return !sessionPresent
}

// Disconnected says that the connection has ended.
func (p *Publisher) Disconnected() { p.connected = false }

// open are the messages whose exchange is not over. At QoS 0 there is none.
func (p *Publisher) open() []span {
	if p.qos == 0 {
		return nil
	}
	return p.resolved.missing(nil, p.attempted.Load())
}

// sentTwice are the messages of which a second copy is the publisher's doing.
func (p *Publisher) sentTwice() []span {
	m := p.mishaps()
	twice := slices.Clone(m.renewed)
	if p.qos == 1 {
		for _, s := range m.resent {
			twice = join(twice, s)
		}
	}
	return twice
}
