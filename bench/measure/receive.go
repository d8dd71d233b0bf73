package measure

import (
	"slices"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// A Subscriber is the receiving side of all streams that a subscriber receives. Owned by the
// subscriber's group.
type Subscriber struct {
	// Immutable.
	ledger *Ledger
	tally  *Tally
	pairs  []pair  // By place in the plan's Sources; nil if shared.
	shared *[]bits // By stream; of this group. nil: the subscription is no shared one.
	index  int32
	first  int32 // The streams are first, first+step, ...
	step   int32
	clean  bool // The session ends with the connection.

	cleanStart bool // Each connection begins a session.
	granted    packet.QoS
	effective  packet.QoS
	connected  bool
	away       bool  // Nothing is owed: not subscribed yet, or no longer.
	left       int32 // Connections that ended.

	oddities *oddities // nil: none.
}

// Oddities are what most subscribers see none of.
type oddities struct {
	sessionsLost uint64
	again        uint64
	retained     uint64
	strays       [len(strayClasses)]uint64
	offences     []Offence // The first maxOffences of each class of the strays.
	comings      *comings  // nil: its connection has not ended yet.
	highest      []uint32  // Of a shared subscription, by place in the plan's Sources: one more than the highest sequence number that came.
}

// odd is where another one is noted.
func (s *Subscriber) odd() *oddities {
	if s.oddities == nil {
		s.oddities = new(oddities)
	}
	return s.oddities
}

// strayClasses are what is noted when a message comes, and not found out in the end.
var strayClasses = [...]result.Class{result.Phantom, result.Corrupt, result.IDReused, result.Resent, result.WrongQoS}

// maxOffences bounds what is kept of a class of a subscriber's strays; the rest is counted.
const maxOffences = 5

// A pair is what one subscriber has received of one stream. 64 bytes: one cache line.
type pair struct {
	got       seqSet
	epoch     uint32    // Of the connection in which got.next last moved.
	excusedTo uint32    // No message from here on was published while the clean session was away.
	rare      *rare     // nil as long as nothing special has happened.
	id        packet.ID // With which message got.next-1 came first.
	_         [14]byte
}

// rare is what most pairs never need.
type rare struct {
	excused    []span  // Published while the clean session was away.
	epochs     []epoch // When got.next moved in a new connection.
	filled     []event // First deliveries that came after younger messages.
	behind     []event // Legal further deliveries that came after those of younger messages, in one connection.
	renumbered []event // Legal further deliveries that had another Packet Identifier than the first.
	resent     epoch   // The youngest message that was delivered again, and in which connection.
	repeated   []event // Further deliveries that the subscriber's side cannot call legal.
	outlived   []afterlife
	legal      uint64  // Further deliveries that it can.
	sample     Offence // The first of those.
}

// An epoch says that messages from a sequence number on were first received in a connection.
type epoch struct {
	from   uint32
	number uint32
}

// An event is a run of receptions of consecutive messages that had the same fate.
type event struct {
	span
	at    int64 // ns. Of the first.
	id    packet.ID
	dup   bool
	epoch uint32
}

// Subscriber is the receiving side of subscriber sub, which lives in a group. Call it once for each
// subscriber, before the groups start or on that group; but with a shared subscription before.
func (l *Ledger) Subscriber(sub, group int) *Subscriber {
	s := &Subscriber{
		ledger: l, index: int32(sub), step: 1, tally: l.tallies[group],
		clean: l.plan.SubscriberSessionOf(sub) != plan.Persistent || l.plan.Expires(),
		away:  true, cleanStart: l.plan.SubscriberSessionOf(sub) != plan.Persistent,
	}
	count := 0
	for pub := range l.plan.Sources(sub) {
		if count == 0 {
			s.first = int32(pub)
		}
		if count == 1 {
			s.step = int32(pub) - s.first
		}
		count++
	}
	if l.plan.IsShared(sub) {
		s.shared, s.oddities = &l.shared[group], &oddities{highest: make([]uint32, count)}
	} else {
		s.pairs = make([]pair, count)
	}
	l.subscribers[sub] = s
	return s
}

// Connected says that the subscriber has a connection. A persistent session that is no longer
// present is the server's doing: what was dropped with it stays owed. It reports whether that is so.
func (s *Subscriber) Connected(sessionPresent bool) (lost bool) {
	s.connected = true
	s.back(sessionPresent)
	lost = s.left > 0 && !s.away && !sessionPresent
	if lost {
		s.odd().sessionsLost++
	}
	return lost
}

// Subscribed gives what a SUBACK granted, the lowest of its codes, or a failure (>= 0x80).
// What is attempted from now on is owed to the subscriber.
func (s *Subscriber) Subscribed(granted packet.ReasonCode) {
	if granted >= 0x80 {
		return
	}
	s.granted = packet.QoS(granted)
	s.effective = s.ledger.plan.EffectiveQoS(int(s.index), s.granted)
	if !s.away {
		return
	}
	s.away = false
	s.rejoin()
	for i := range s.pairs {
		s.excuse(&s.pairs[i], s.ledger.publishers[s.stream(i)].attempted.Load())
	}
}

// Unsubscribed says that the subscriber is about to unsubscribe: nothing is owed to it until Subscribed.
func (s *Subscriber) Unsubscribed() {
	s.leave(true)
	s.away = true
}

// stream is the one of a pair.
func (s *Subscriber) stream(pair int) int { return int(s.first) + pair*int(s.step) }

// Disconnected says that the connection has ended. If the session ends with it, nothing is owed
// until Subscribed.
func (s *Subscriber) Disconnected() {
	s.connected = false
	s.left++
	s.leave(s.clean)
	if s.clean {
		s.away = true
	}
}

// excuse takes what the pair has not received below a sequence number off what is owed. It begins at
// the mark and not at the disconnection: what was on its way to the old connection went down with it.
func (s *Subscriber) excuse(p *pair, to uint32) {
	if to <= p.got.next {
		return
	}
	r := p.special()
	s.tally.Excused += int64(to - max(p.got.next, min(p.excusedTo, to)))
	r.excused = join(r.excused, span{p.got.next, to})
	p.excusedTo = max(p.excusedTo, to)
}

func (p *pair) special() *rare {
	if p.rare == nil {
		p.rare = new(rare)
	}
	return p.rare
}

// Outcome is what a reception was.
type Outcome uint8

// The outcomes of a reception.
const (
	First     Outcome = iota // The first delivery of a message: the one to time.
	Duplicate                // A later one. Whether it was legal is told by Verify.
	Again                    // A QoS 2 resend that the client held back.
	Retained                 // RETAIN 1: sent because of a subscription, not of a publication.
	Probe                    // A message of the probe.
	Foreign                  // No stamp, or one of another run.
	Phantom                  // Of this run, and never attempted, or not subscribed to.
	Corrupt                  // With other content than was sent, or another Topic Name.
)

// Receive marks a reception. The stamp is valid unless the outcome is Foreign. It allocates nothing
// while messages come in order.
func (s *Subscriber) Receive(r *client.Reception) (plan.Stamp, Outcome) {
	st, ok := plan.ReadStamp(r.Payload)
	if !ok || st.Run != s.ledger.plan.RunID {
		s.stray(result.Phantom, plan.Stamp{Stream: -1}, r)
		return st, Foreign
	}
	i, ok := s.place(st.Stream)
	switch {
	case !ok:
		s.stray(result.Phantom, st, r)
		return st, Phantom
	case len(r.Payload) != s.ledger.plan.PayloadSize(st.Stream, st.Seq),
		!s.ledger.plan.Intact(r.Payload, st, s.ledger.Check),
		!s.named(r.Topic, &st):
		s.stray(result.Corrupt, st, r)
		return st, Corrupt
	case st.Seq == plan.ProbeSeq:
		return st, Probe
	case r.Retain:
		s.odd().retained++
		return st, Retained
	case r.Again && s.has(i, &st), r.Again && !s.reuses(&st, r):
		s.resent(i, &st, r)
		return st, Again
	}
	if r.InUse && !r.Again && !s.has(i, &st) {
		s.reuses(&st, r)
	}
	if r.QoS != s.effective && !s.away {
		s.stray(result.WrongQoS, st, r)
	}
	if s.shared != nil {
		return st, s.markShared(i, &st, r)
	}
	return st, s.mark(&s.pairs[i], &st, r)
}

// has reports whether a message has been received before: by a member of the group, if the subscription is shared.
func (s *Subscriber) has(i int, st *plan.Stamp) bool {
	if s.shared != nil {
		return (*s.shared)[st.Stream].has(st.Seq)
	}
	return s.pairs[i].got.has(st.Seq)
}

// reuses notes a message that has not come before, with the Packet Identifier of another that is in flight, [v3.1.1 MQTT-2.3.1-4], [v5 MQTT-2.2.1-4]. A
// receiver at QoS 2 would take it for that one and lose it; here it counts as delivered, since what is wrong with it has a name. False: it may
// be the one that was in flight, and came damaged before.
func (s *Subscriber) reuses(st *plan.Stamp, r *client.Reception) bool {
	if st.Seq >= s.ledger.publishers[st.Stream].attempted.Load() || r.Dup && s.odd().strays[1] > 0 {
		return false
	}
	s.stray(result.IDReused, *st, r)
	return true
}

// resent notes a QoS 2 message that came again before its release. Version 5 allows that only to a session that is resumed, [v5 MQTT-4.4.0-1].
func (s *Subscriber) resent(i int, st *plan.Stamp, r *client.Reception) {
	s.odd().again++
	if s.ledger.plan.Version == packet.V5 && s.shared == nil && r.Epoch == s.pairs[i].epochOf(st.Seq) {
		s.stray(result.Resent, *st, r)
	}
}

// named reports whether a message came under the Topic Name that it was published to.
func (s *Subscriber) named(topic []byte, st *plan.Stamp) bool {
	if want := s.ledger.Topic(st.Stream); want != "" {
		return string(topic) == want
	}
	return string(topic) == s.ledger.plan.TopicOf(st.Stream, st.Seq)
}

// place finds the pair of a stream.
func (s *Subscriber) place(stream int) (int, bool) {
	if s.shared != nil {
		return s.ledger.plan.SourceIndex(int(s.index), stream)
	}
	i := stream - int(s.first)
	if step := int(s.step); step > 1 { // A division costs as much as all the rest, and most plans have no step.
		if i%step != 0 {
			return 0, false
		}
		i /= step
	}
	return i, i >= 0 && i < len(s.pairs)
}

// mark enters a reception into its pair.
func (s *Subscriber) mark(p *pair, st *plan.Stamp, r *client.Reception) Outcome {
	seq := st.Seq
	if seq == p.got.next && r.Epoch == p.epoch && seq >= p.excusedTo {
		p.got.next++
		p.id = r.ID
		s.tally.Delivered++
		return First
	}
	return s.markRare(p, st, r)
}

// markRare is mark for all that is not the next message in the same connection.
func (s *Subscriber) markRare(p *pair, st *plan.Stamp, r *client.Reception) Outcome {
	seq := st.Seq
	if seq > p.got.next {
		// Without this check one bad sequence number would open a gap of thousands of millions.
		if seq >= s.ledger.publishers[st.Stream].attempted.Load() {
			s.stray(result.Phantom, *st, r)
			return Phantom
		}
		if s.away {
			s.excuse(p, seq)
		}
	}
	next, outlived := p.got.next, s.outlived(p, st, r)
	added, late := p.got.add(seq)
	if outlived {
		x := p.special()
		x.outlived = append(x.outlived, afterlife{event{span: span{seq, seq + 1}, at: r.Now, id: r.ID, dup: r.Dup, epoch: r.Epoch}, !added})
		if !added {
			return Duplicate
		}
	}
	if !added {
		s.repeat(p, st, r)
		return Duplicate
	}
	if !late {
		p.id = r.ID
	}
	s.tally.Delivered++
	if late {
		x := p.special()
		x.filled = extend(x.filled, seq, r)
	} else if r.Epoch != p.epoch {
		x := p.special()
		x.epochs = append(x.epochs, epoch{from: next, number: r.Epoch})
		p.epoch = r.Epoch
	}
	if seq < p.excusedTo {
		if _, excused := find(p.rare.excused, seq); excused {
			s.tally.Excused-- // It came all the same.
		}
	}
	return First
}

// outlived reports whether a message is sent again, as its DUP says, out of a session that has ended: it had come on an earlier connection, or was published
// before this one had its subscription. A session that begins with its connection has nothing to send again, [v3.1.1 MQTT-3.1.2-6], [v5 MQTT-3.1.2-4], and
// what is sent for the first time has no DUP, [v3.1.1 MQTT-3.3.1-1], [v5 MQTT-3.3.1-1].
func (s *Subscriber) outlived(p *pair, st *plan.Stamp, r *client.Reception) bool {
	if !r.Dup || !s.cleanStart || r.Epoch == 0 || s.effective == 0 {
		return false
	}
	return s.away || st.Seq < p.excusedTo || p.got.has(st.Seq) && p.epochOf(st.Seq) < r.Epoch
}

// repeat notes a delivery that was not the first. Resent because the subscriber's connection broke before its
// acknowledgement arrived, it has DUP and an epoch later than the first, and is legal at QoS 1.
// Everything else is legal only if the publisher sent twice, which Verify knows.
//
// Such resends come with their original Packet Identifiers, [v3.1.1 MQTT-4.4.0-1], [v5 MQTT-4.4.0-1], and in their original order, [v3.1.1 MQTT-4.6.0-1],
// [v5 MQTT-4.6.0-1]. Of the identifiers only that of the last message is kept, which is one of those in flight when a connection breaks.
func (s *Subscriber) repeat(p *pair, st *plan.Stamp, r *client.Reception) {
	seq, x := st.Seq, p.special()
	if s.effective == 1 && r.Dup && r.Epoch > x.epochOf(seq) {
		if x.legal == 0 {
			x.sample = Offence{Seq: seq, At: r.Now, ID: r.ID, Dup: r.Dup, Epoch: r.Epoch}
		}
		x.legal++
		if seq == p.got.next-1 && r.ID != p.id {
			x.renumbered = extend(x.renumbered, seq, r)
		}
		if r.Epoch == x.resent.number && seq < x.resent.from {
			x.behind = extend(x.behind, seq, r)
		} else {
			x.resent = epoch{from: seq, number: r.Epoch}
		}
		return
	}
	x.repeated = extend(x.repeated, seq, r)
}

// epochOf is the epoch in which a message was first received.
func (p *pair) epochOf(seq uint32) uint32 {
	if p.rare == nil {
		return p.epoch
	}
	return p.rare.epochOf(seq)
}

// epochOf is the epoch in which a message was first received.
func (x *rare) epochOf(seq uint32) uint32 {
	for _, e := range x.filled {
		if e.from <= seq && seq < e.to {
			return e.epoch
		}
	}
	for i := len(x.epochs) - 1; i >= 0; i-- {
		if x.epochs[i].from <= seq {
			return x.epochs[i].number
		}
	}
	return 0
}

// An afterlife is a reception out of a session that has ended.
type afterlife struct {
	event
	again bool // It was not the first.
}

// extend adds a reception to a list of events: to the last if it continues it, otherwise as a new one.
func extend(events []event, seq uint32, r *client.Reception) []event {
	if n := len(events); n > 0 {
		e := &events[n-1]
		if e.to == seq && e.epoch == r.Epoch && e.dup == r.Dup {
			e.to++
			return events
		}
	}
	return append(events, event{span: span{seq, seq + 1}, at: r.Now, id: r.ID, dup: r.Dup, epoch: r.Epoch})
}

// stray notes a message that should not have come, or not like that.
func (s *Subscriber) stray(class result.Class, st plan.Stamp, r *client.Reception) {
	i, x := slices.Index(strayClasses[:], class), s.odd()
	if x.strays[i]++; x.strays[i] <= maxOffences {
		x.offences = append(x.offences, Offence{
			Class: class, Stream: st.Stream, Seq: st.Seq, Sub: int(s.index),
			At: r.Now, ID: r.ID, Dup: r.Dup, Epoch: r.Epoch,
		})
	}
}
