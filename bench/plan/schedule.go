package plan

import (
	"cmp"
	"math"
	"slices"
)

// A Message is one message that the plan wants sent.
type Message struct {
	Pub int
	Seq uint32
	Due int64 // ns since the start of publishing.
}

// A Schedule hands out the messages of a set of publishers in the order in which they are due.
//
// No message is ever skipped. A publisher that cannot send (not connected, window full) is taken
// out with Block; its messages go on falling due and keep their due times. When it can send again,
// whoever runs the schedule sends what Late gives, until Late gives nothing more: by then the
// publisher has caught up and is back in the schedule. One turn of a pacer:
//
//	for {
//		m, ok := s.Peek(now)
//		if !ok {
//			return m.Due // when to look again
//		}
//		if send(m) {
//			s.Pop()
//		} else {
//			s.Block(m.Pub)
//		}
//	}
//
// and when a publisher is writable again:
//
//	for {
//		m, ok := s.Late(pub, now)
//		if !ok {
//			return // caught up, and no longer blocked
//		}
//		if !send(m) {
//			return // still blocked
//		}
//		s.PopLate(pub)
//	}
//
// A Schedule is owned by one group. Its methods allocate nothing.
type Schedule struct {
	// Immutable.
	end   int64   // ns. Nothing is due from here on.
	local []int32 // By publisher: its place in the slices below; -1: not of this schedule.
	pubs  []int32

	// State of each publisher.
	next    []uint32 // The first message not popped.
	blocked []bool

	order order
	now   int64 // The latest instant that was asked about: order may have passed what was due until then.
}

// An order finds the publisher whose turn it is. It may run ahead of a publisher that is blocked: then it
// offers what has been popped by way of Late, which Peek passes over.
type order interface {
	// head is the next candidate, its sequence number and due time; due math.MaxInt64: there is none.
	head() (at int32, seq uint32, due int64)
	// pass goes on to the next candidate. next is the first message of head's publisher that is not popped.
	pass(next uint32, blocked bool)
	// due is when a message of a publisher is due.
	due(at int32, seq uint32) int64
	// before is how many messages of a publisher are due before t.
	before(at int32, t int64) int64
	// back takes a publisher in again whose first message not popped is next.
	back(at int32, next uint32)
}

// NewSchedule makes the schedule of some publishers of a valid plan that has a Rate. pubs is copied.
func NewSchedule(p *Plan, pubs []int) *Schedule {
	s := &Schedule{
		end:     p.End(),
		now:     math.MinInt64, // Publishing is announced before it begins: what is due at 0 is not due yet.
		local:   make([]int32, p.Publishers),
		pubs:    make([]int32, len(pubs)),
		next:    make([]uint32, len(pubs)),
		blocked: make([]bool, len(pubs)),
	}
	for i := range s.local {
		s.local[i] = -1
	}
	pubs = slices.Sorted(slices.Values(pubs)) // So that those of a flow stand together.
	for at, pub := range pubs {
		s.local[pub], s.pubs[at] = int32(at), int32(pub)
	}
	s.order = newOrder(p, pubs)
	if len(p.Stages) > 0 {
		s.order = &bent{s.order, p, pubs}
	}
	return s
}

// newOrder is the order of some publishers, ascending: one for each flow.
func newOrder(p *Plan, pubs []int) order {
	if len(p.Flows) == 0 {
		return orderOf(p, pubs, p.Period(), p.Arrivals)
	}
	m := new(merged)
	for i := range p.Flows {
		f := &p.Flows[i]
		from, _ := slices.BinarySearch(pubs, f.FirstPublisher)
		to, _ := slices.BinarySearch(pubs, f.FirstPublisher+f.Publishers)
		if from < to {
			m.orders, m.first = append(m.orders, orderOf(p, pubs[from:to], p.PeriodOf(pubs[from]), f.Arrivals)), append(m.first, int32(from))
		}
	}
	return m
}

func orderOf(p *Plan, pubs []int, period float64, a Arrivals) order {
	switch {
	case period == 0 || len(pubs) == 0:
		return nothing{}
	case a == Poisson:
		return newHeap(p, pubs)
	default:
		return newRotation(p, pubs)
	}
}

// nothing is the order of publishers of which nothing is ever due.
type nothing struct{}

func (nothing) head() (at int32, seq uint32, due int64) { return 0, 0, math.MaxInt64 }
func (nothing) pass(uint32, bool)                       {}
func (nothing) due(int32, uint32) int64                 { return math.MaxInt64 }
func (nothing) before(int32, int64) int64               { return 0 }
func (nothing) back(int32, uint32)                      {}

// A merged order is that of several flows, whose publishers have different rates. There are few: it looks at all.
type merged struct {
	orders []order
	first  []int32 // The place in the schedule of the first publisher of each.
	turn   int     // Of the orders, the one that had the head when head was asked last.
}

func (m *merged) head() (at int32, seq uint32, due int64) {
	due = math.MaxInt64
	for i, o := range m.orders {
		if a, s, d := o.head(); d < due {
			m.turn, at, seq, due = i, a+m.first[i], s, d
		}
	}
	return at, seq, due
}

func (m *merged) pass(next uint32, blocked bool) { m.orders[m.turn].pass(next, blocked) }

func (m *merged) of(at int32) (order, int32) {
	i := len(m.first) - 1
	for m.first[i] > at {
		i--
	}
	return m.orders[i], at - m.first[i]
}

func (m *merged) due(at int32, seq uint32) int64 {
	o, at := m.of(at)
	return o.due(at, seq)
}

func (m *merged) before(at int32, t int64) int64 {
	o, at := m.of(at)
	return o.before(at, t)
}

func (m *merged) back(at int32, next uint32) {
	o, at := m.of(at)
	o.back(at, next)
}

// Peek returns the earliest message that is due by now, of the publishers that are not blocked. If
// there is none, ok is false and m.Due is when to ask again: no later than the next due time, and
// math.MaxInt64 if nothing more will fall due. now must not go backwards.
func (s *Schedule) Peek(now int64) (m Message, ok bool) {
	s.now = max(s.now, now)
	for {
		at, seq, due := s.order.head()
		if due >= s.end {
			return Message{Due: math.MaxInt64}, false
		}
		if due > s.now {
			return Message{Due: due}, false
		}
		if !s.blocked[at] && seq == s.next[at] {
			return Message{Pub: int(s.pubs[at]), Seq: seq, Due: due}, true
		}
		s.order.pass(s.next[at], s.blocked[at])
	}
}

// Pop says that the message that Peek returned has been sent.
func (s *Schedule) Pop() {
	at, _, _ := s.order.head()
	s.next[at]++
	s.order.pass(s.next[at], false)
}

// Block takes a publisher out: Peek returns it no more. The message that Peek returned, if it was
// this publisher's, stays to be sent. Blocking twice is blocking once.
func (s *Schedule) Block(pub int) { s.blocked[s.local[pub]] = true }

// Late returns the next message of a blocked publisher if it is due by now. ok false: there is
// none, and the publisher is in the schedule again. Of a publisher that is not blocked, none.
func (s *Schedule) Late(pub int, now int64) (m Message, ok bool) {
	at := s.local[pub]
	if !s.blocked[at] {
		return Message{}, false
	}
	// Up to s.now the order may have passed messages of this publisher: they must come out here.
	s.now = max(s.now, now)
	due := s.order.due(at, s.next[at])
	if due <= s.now && due < s.end {
		return Message{Pub: pub, Seq: s.next[at], Due: due}, true
	}
	s.blocked[at] = false
	s.order.back(at, s.next[at])
	return Message{}, false
}

// PopLate says that the message that Late returned has been sent.
func (s *Schedule) PopLate(pub int) { s.next[s.local[pub]]++ }

// Unsent is how many messages that are due by now have not been popped: the backlog, and after the
// end of the plan how many were missed. It looks at every publisher.
func (s *Schedule) Unsent(now int64) int64 {
	now = min(now, s.end-1)
	sum := int64(0)
	for at, next := range s.next {
		if s.order.due(int32(at), next) > now {
			continue
		}
		sum += s.order.before(int32(at), now+1) - int64(next)
	}
	return sum
}

// A rotation is the order of publishers with equal gaps. They all have the same period, so the order of
// their phases is the order of every round: no heap is needed, the next one is the neighbour.
type rotation struct {
	plan   *Plan
	pubs   []int
	period float64
	turns  []turn  // By phase.
	phases []int64 // By place in the schedule.

	at    int    // In turns.
	round uint32 // The sequence number of this round's messages.
	start int64  // ns, of the round.
}

type turn struct {
	phase int64
	pub   int32 // Its place in the schedule.
}

func newRotation(p *Plan, pubs []int) *rotation {
	r := &rotation{
		plan: p, pubs: slices.Clone(pubs), period: p.PeriodOf(pubs[0]),
		turns: make([]turn, len(pubs)), phases: make([]int64, len(pubs)),
	}
	for i, pub := range pubs {
		r.phases[i] = p.dueAtMean(pub, 0)
		r.turns[i] = turn{phase: r.phases[i], pub: int32(i)}
	}
	slices.SortStableFunc(r.turns, func(a, b turn) int { return cmp.Compare(a.phase, b.phase) })
	return r
}

func (r *rotation) head() (at int32, seq uint32, due int64) {
	if len(r.turns) == 0 {
		return 0, 0, math.MaxInt64
	}
	t := &r.turns[r.at]
	return t.pub, r.round, r.start + t.phase
}

func (r *rotation) pass(uint32, bool) {
	r.at++
	if r.at == len(r.turns) {
		r.at = 0
		r.round++
		r.start = tick(r.round, r.period)
	}
}

func (r *rotation) due(at int32, seq uint32) int64 { return tick(seq, r.period) + r.phases[at] }

func (r *rotation) before(at int32, t int64) int64 { return r.plan.dueBeforeAtMean(r.pubs[at], t) }

func (r *rotation) back(int32, uint32) {} // The rotation comes by of its own accord.

// A heap is the order of publishers with random gaps: a binary heap by due time. Publishers that are blocked
// when their turn comes are left out until they are back.
type heap struct {
	period float64
	walks  []walk // By place in the schedule.
	nodes  []node
	held   []bool // In nodes.
}

type node struct {
	due int64
	pub int32 // Its place in the schedule.
	seq uint32
}

func newHeap(p *Plan, pubs []int) *heap {
	h := &heap{
		period: p.PeriodOf(pubs[0]),
		walks:  make([]walk, len(pubs)),
		nodes:  make([]node, 0, len(pubs)),
		held:   make([]bool, len(pubs)),
	}
	for i, pub := range pubs {
		h.walks[i] = newWalk(p, pub)
		h.back(int32(i), 0)
	}
	return h
}

func (h *heap) head() (at int32, seq uint32, due int64) {
	if len(h.nodes) == 0 {
		return 0, 0, math.MaxInt64
	}
	n := &h.nodes[0]
	return n.pub, n.seq, n.due
}

func (h *heap) pass(next uint32, blocked bool) {
	at := h.nodes[0].pub
	last := len(h.nodes) - 1
	if blocked {
		h.held[at] = false
		h.nodes[0] = h.nodes[last]
		h.nodes = h.nodes[:last]
	} else {
		h.nodes[0] = node{due: h.due(at, next), pub: at, seq: next}
	}
	h.down()
}

func (h *heap) due(at int32, seq uint32) int64 { return h.walks[at].at(seq, h.period) }

// before walks a copy ahead: the walk itself stays at the next message, which will be asked for again.
func (h *heap) before(at int32, t int64) int64 {
	ahead := h.walks[at]
	return ahead.before(t, h.period)
}

func (h *heap) back(at int32, next uint32) {
	if h.held[at] { // Its turn had not come. Peek will see that the node is old.
		return
	}
	h.held[at] = true
	h.nodes = append(h.nodes, node{due: h.due(at, next), pub: at, seq: next})
	for i := len(h.nodes) - 1; i > 0; {
		up := (i - 1) / 2
		if h.nodes[up].due <= h.nodes[i].due {
			break
		}
		h.nodes[up], h.nodes[i] = h.nodes[i], h.nodes[up]
		i = up
	}
}

func (h *heap) down() {
	if len(h.nodes) == 0 {
		return
	}
	moving := h.nodes[0]
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h.nodes) {
			break
		}
		if right := child + 1; right < len(h.nodes) && h.nodes[right].due < h.nodes[child].due {
			child = right
		}
		if moving.due <= h.nodes[child].due {
			break
		}
		h.nodes[i] = h.nodes[child]
		i = child
	}
	h.nodes[i] = moving
}
