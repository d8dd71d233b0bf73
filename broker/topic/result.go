package topic

import (
	"math/bits"
	"slices"
)

// A Target is one subscriber that a message goes to: once, however many of its filters
// match, with the highest QoS of them and all their Subscription Identifiers.
type Target struct {
	Subscriber        Subscriber
	QoS               uint8
	NoLocal           bool   // All of its matching subscriptions have No Local.
	RetainAsPublished bool   // Any has it.
	ids               uint32 // Where its identifiers lie in Result.
	nids              uint32
}

// A Result is what Match found. It is reused from call to call and owned by one goroutine.
// The zero Result is ready for use.
type Result struct {
	Targets []Target
	Groups  []*Group

	ids  []uint32
	tree *Tree
	seen [seenCounters]counted

	// Used during Match only.
	words            []packed // Subscriptions that stood in the value itself.
	lists            []*list
	head, two, three frontier
	index            index
}

// Which counters a Result remembers: what a change that concerns its name adds to.
const (
	seenExact = iota // Of the whole name.
	seenAny          // Of filters that begin with a wildcard.
	seenFirst        // Of the first level,
	seenTwo          // the first two
	seenThree        // and the first three.
	seenCounters
)

// counted is a counter of changes as Match saw it.
type counted struct {
	gen   uint32
	count uint64
}

// IDs lends the Subscription Identifiers of t, until the next Match. An identifier that
// two matching subscriptions have in common is there twice, as [v5 3.3.2.3.8] has it.
func (r *Result) IDs(t *Target) []uint32 { return r.ids[t.ids : t.ids+t.nids : t.ids+t.nids] }

func (r *Result) reset(t *Tree) {
	clear(r.Groups) // A Result at rest keeps nobody's members alive.
	r.Targets, r.Groups, r.ids = r.Targets[:0], r.Groups[:0], r.ids[:0]
	r.words = r.words[:0]
	r.tree = t
}

// note remembers the counter before what it counts is read.
func (r *Result) note(i int, gen uint32) {
	r.seen[i] = counted{gen, r.tree.gens[gen].Load()}
}

// take takes what the value w, not 0, says.
func (r *Result) take(t *table, w uint64) {
	if w >= firstInline {
		r.words = append(r.words, packed(w))
	} else if l := t.listOf(w); l != nil {
		r.takeList(l)
	}
}

func (r *Result) takeList(l *list) {
	r.Groups = append(r.Groups, l.groups...)
	if l.most() > 0 {
		r.lists = append(r.lists, l)
	}
}

// settle makes Targets of what was taken. One filter has a subscriber once; only if
// several matched must the same subscriber be looked for.
func (r *Result) settle() {
	switch {
	case len(r.lists) == 0 && len(r.words) <= 1, len(r.lists) == 1 && len(r.words) == 0:
		r.append(r.words)
		for _, l := range r.lists {
			r.appendList(l)
		}
	case len(r.lists) == 0 && len(r.words) <= few:
		r.mergeFew()
	default:
		r.merge()
	}
	clear(r.lists)
	r.lists = r.lists[:0]
	r.head.table, r.two.table, r.three.table = nil, nil, nil // A Result at rest keeps no table that was replaced.
}

// appendList appends the subscribers of l, none of whom is in r yet.
func (r *Result) appendList(l *list) {
	r.append(l.subs)
	for i := range l.runs {
		r.append(*l.runs[i].Load())
	}
}

func (r *Result) append(subs []packed) {
	n := len(r.Targets)
	r.Targets = slices.Grow(r.Targets, len(subs))[:n+len(subs)]
	for i, p := range subs {
		r.target(&r.Targets[n+i], p)
	}
}

// target fills in the target of one subscription.
func (r *Result) target(t *Target, p packed) {
	*t = Target{Subscriber: p.who(), QoS: p.qos(), NoLocal: p.noLocal(), RetainAsPublished: p.retainAsPublished()}
	if id := p.id(); id != 0 {
		t.ids, t.nids = uint32(len(r.ids)), 1
		r.ids = append(r.ids, id)
	}
}

// few is up to how many subscriptions mergeFew is faster than merge.
const few = 32

// mergeFew is merge for the usual case of a handful of filters with one subscriber each.
// A set of 64 bits says of most subscribers that they are new; the others are looked for.
func (r *Result) mergeFew() {
	var met uint64
	n := 0
	targets := slices.Grow(r.Targets, len(r.words))[:len(r.words)]
next:
	for _, p := range r.words {
		bit := uint64(1) << (uint32(p.who()) * 0x9e3779b1 >> 26)
		if met&bit != 0 {
			for i := range targets[:n] {
				if targets[i].Subscriber == p.who() {
					r.join(&targets[i], p)
					continue next
				}
			}
		}
		met |= bit
		r.target(&targets[n], p)
		n++
	}
	r.Targets = targets[:n]
}

// merge makes one target of all subscriptions of a subscriber. The subscribers of the
// longest list are looked up last and not entered in the index: they are all different,
// and a fan-out of thousands then costs one look-up each in an index of a few.
func (r *Result) merge() {
	longest, most, rest := 0, -1, len(r.words)
	for i, l := range r.lists {
		n := l.most()
		rest += n
		if n > most {
			longest, most = i, n
		}
	}
	if most > 0 {
		rest -= most
	}
	r.index.clear(rest)
	r.enter(r.words)
	for i, l := range r.lists {
		if i == longest {
			continue
		}
		r.enter(l.subs)
		for j := range l.runs {
			r.enter(*l.runs[j].Load())
		}
	}
	if most < 0 {
		return
	}
	last := r.lists[longest]
	r.look(last.subs)
	for j := range last.runs {
		r.look(*last.runs[j].Load())
	}
}

// enter adds subs to the targets and to the index.
func (r *Result) enter(subs []packed) {
	for _, p := range subs {
		slot, t := r.index.slot(r.Targets, p.who())
		if t >= 0 {
			r.join(&r.Targets[t], p)
			continue
		}
		r.index.put(slot, len(r.Targets))
		r.append1(p)
	}
}

// look adds subs to the targets, without entering them in the index.
func (r *Result) look(subs []packed) {
	n := len(r.Targets)
	targets := slices.Grow(r.Targets, len(subs))[:n+len(subs)]
	for _, p := range subs {
		if _, t := r.index.slot(targets, p.who()); t >= 0 {
			r.join(&targets[t], p)
			continue
		}
		r.target(&targets[n], p)
		n++
	}
	r.Targets = targets[:n]
}

func (r *Result) append1(p packed) {
	r.Targets = append(r.Targets, Target{})
	r.target(&r.Targets[len(r.Targets)-1], p)
}

// join merges one more subscription into the target of the same subscriber. No Local
// holds only if all have it: the message is owed to any subscription without it.
func (r *Result) join(t *Target, p packed) {
	t.QoS = max(t.QoS, p.qos())
	t.NoLocal = t.NoLocal && p.noLocal()
	t.RetainAsPublished = t.RetainAsPublished || p.retainAsPublished()
	if id := p.id(); id != 0 {
		r.addID(t, id)
	}
}

// addID puts id behind the identifiers of t, which move to the end if others lie behind them.
func (r *Result) addID(t *Target, id uint32) {
	if end := t.ids + t.nids; t.nids == 0 || int(end) != len(r.ids) {
		from := len(r.ids)
		r.ids = append(r.ids, r.ids[t.ids:end]...)
		t.ids = uint32(from)
	}
	r.ids = append(r.ids, id)
	t.nids++
}

// An index finds a target by its subscriber: an open-addressed table of the targets'
// numbers. A round number in the upper half makes clearing free.
//
// A table by Subscriber would need no probing, but with a million subscribers it would
// be 8 MB for each Result, and every entry a cache miss; this one is a few hundred bytes.
type index struct {
	slots []uint64 // round 32 | number 32; of a power of two only the first mask+1 are used.
	mask  int
	shift uint8
	round uint32
}

// clear empties the index and makes room for n targets.
func (x *index) clear(n int) {
	width := bits.Len(uint(2*n | 15))
	x.mask, x.shift = 1<<width-1, uint8(64-width)
	if x.mask >= len(x.slots) {
		x.slots, x.round = make([]uint64, x.mask+1), 0
	}
	if x.round++; x.round == 0 {
		clear(x.slots)
		x.round = 1
	}
}

// slot returns where who is or would be, and the number of its target or -1.
func (x *index) slot(targets []Target, who Subscriber) (slot, target int) {
	for i := int(uint64(who) * 0x9e3779b97f4a7c15 >> x.shift); ; i++ {
		s := x.slots[i&x.mask]
		if uint32(s>>32) != x.round {
			return i & x.mask, -1
		}
		if n := int(uint32(s)); targets[n].Subscriber == who {
			return i & x.mask, n
		}
	}
}

func (x *index) put(slot, target int) {
	x.slots[slot] = uint64(x.round)<<32 | uint64(uint32(target))
}
