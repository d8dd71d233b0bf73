package topic

import (
	"slices"
	"sync/atomic"
)

// runLen is the most subscribers in one run of a list: what one change of a long list copies, in words.
const runLen = 256

// A list holds the subscriptions with one filter, sorted by subscriber: in subs while
// they are few, in runs when they are many. A list and a run never change, except that a
// long list's run is replaced in place: one of 100,000 subscribers who leaves costs a
// copy of 2 KB and not of 800. Who stays, stays in the same run, so that a reader in the
// middle finds everybody who is there throughout exactly once.
type list struct {
	subs   []packed
	runs   []atomic.Pointer[[]packed] // Each is full of at least one; nil if the list is short.
	groups []*Group
}

// A Group is a shared subscription: one Share Name with one Topic Filter, [v5 4.8.2].
// Members is a snapshot that never changes; the server picks one member.
type Group struct {
	Members []Subscription // In the order they subscribed.
	// Turn is a counter for round robin, shared by all readers. It goes on counting
	// where it stood when the members change.
	Turn  atomic.Uint32
	share string
}

// search returns where who is in subs, or where it would be.
func search(subs []packed, who Subscriber) (int, bool) {
	return slices.BinarySearchFunc(subs, who, func(p packed, who Subscriber) int {
		return int(int64(p.who()) - int64(who))
	})
}

// with returns subs, copied, with p in its place.
func with(subs []packed, p packed) (more []packed, existed bool) {
	i, existed := search(subs, p.who())
	if existed {
		more = slices.Clone(subs)
		more[i] = p
		return more, true
	}
	more = make([]packed, len(subs)+1)
	copy(more, subs[:i])
	more[i] = p
	copy(more[i+1:], subs[i:])
	return more, false
}

// without returns subs, copied, without the one at i.
func without(subs []packed, i int) []packed {
	less := make([]packed, len(subs)-1)
	copy(less, subs[:i])
	copy(less[i:], subs[i+1:])
	return less
}

// run returns the number of the run that holds who or would.
func (l *list) run(who Subscriber) int {
	lo, hi := 0, len(l.runs)
	for hi-lo > 1 {
		if mid := int(uint(lo+hi) / 2); (*l.runs[mid].Load())[0].who() <= who {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// add returns the list with p: l itself if a run was replaced in place.
func (l *list) add(p packed) (after *list, existed bool) {
	if l.runs == nil {
		subs, existed := with(l.subs, p)
		if len(subs) <= runLen {
			return &list{subs: subs, groups: l.groups}, existed
		}
		return l.regrouped(0, 0, subs[:runLen/2:runLen/2], subs[runLen/2:]), existed
	}
	n := l.run(p.who())
	run, existed := with(*l.runs[n].Load(), p)
	switch {
	case len(run) <= runLen:
		l.runs[n].Store(&run)
		return l, existed
	case n == len(l.runs)-1 && run[runLen] == p:
		// Numbers are given in rising order: full runs instead of half-full ones.
		return l.regrouped(n, n+1, run[:runLen:runLen], []packed{p}), existed
	}
	return l.regrouped(n, n+1, slices.Clone(run[:runLen/2]), slices.Clone(run[runLen/2:])), existed
}

// remove returns the list without who: l itself if a run was replaced in place.
func (l *list) remove(who Subscriber) (after *list, existed bool) {
	if l.runs == nil {
		i, existed := search(l.subs, who)
		if !existed {
			return l, false
		}
		return &list{subs: without(l.subs, i), groups: l.groups}, true
	}
	n := l.run(who)
	run := *l.runs[n].Load()
	i, existed := search(run, who)
	if !existed {
		return l, false
	}
	run = without(run, i)
	if len(run) > runLen/4 {
		l.runs[n].Store(&run)
		return l, true
	}
	return l.joined(n, run), true
}

// joined returns the list with run n replaced by run, which has become small, together
// with its smaller neighbour's subscribers if one run holds both.
func (l *list) joined(n int, run []packed) *list {
	if n+1 < len(l.runs) {
		if next := *l.runs[n+1].Load(); len(run)+len(next) <= runLen*3/4 {
			return l.regrouped(n, n+2, slices.Concat(run, next))
		}
	}
	if n > 0 {
		if prev := *l.runs[n-1].Load(); len(run)+len(prev) <= runLen*3/4 {
			return l.regrouped(n-1, n+1, slices.Concat(prev, run))
		}
	}
	if len(run) == 0 {
		return l.regrouped(n, n+1)
	}
	l.runs[n].Store(&run)
	return l
}

// regrouped returns a list with the runs from i to j replaced by others: a short list if
// one run remains.
func (l *list) regrouped(i, j int, others ...[]packed) *list {
	runs := make([]atomic.Pointer[[]packed], 0, len(l.runs)-(j-i)+len(others))
	keep := func(from []atomic.Pointer[[]packed]) {
		for k := range from {
			runs = runs[:len(runs)+1]
			runs[len(runs)-1].Store(from[k].Load())
		}
	}
	keep(l.runs[:i])
	for _, run := range others {
		runs = runs[:len(runs)+1]
		runs[len(runs)-1].Store(&run)
	}
	keep(l.runs[j:])
	if len(runs) == 1 {
		return &list{subs: *runs[0].Load(), groups: l.groups}
	}
	return &list{runs: runs, groups: l.groups}
}

// most is a bound on how many subscribers the list has.
func (l *list) most() int { return len(l.subs) + len(l.runs)*runLen }

// alone returns the only subscription of the list, 0 if it has none or more, or groups.
func (l *list) alone() packed {
	if len(l.subs) == 1 && len(l.groups) == 0 {
		return l.subs[0]
	}
	return 0
}

func (l *list) empty() bool { return l.most() == 0 && len(l.groups) == 0 }

// withGroups returns l with other groups. It shares the runs, which are replaced in both at once.
func (l *list) withGroups(groups []*Group) *list {
	return &list{subs: l.subs, runs: l.runs, groups: groups}
}

// group returns the number of the group of a Share Name, -1 if there is none.
func (l *list) group(share string) int {
	return slices.IndexFunc(l.groups, func(g *Group) bool { return g.share == share })
}

// join returns the list with s in the group of share.
func (l *list) join(share string, s Subscription) (after *list, existed bool) {
	n := l.group(share)
	if n < 0 {
		g := &Group{Members: []Subscription{s}, share: share}
		return l.withGroups(append(slices.Clip(l.groups), g)), false
	}
	members := l.groups[n].Members
	if i := memberAt(members, s.Subscriber); i >= 0 {
		members = slices.Clone(members)
		members[i] = s
		existed = true
	} else {
		// Where there is room this writes behind the end of the snapshot before, which
		// nobody sees: the newest snapshot is the only one that is ever extended.
		members = append(members, s)
	}
	return l.regroup(n, members), existed
}

// leave returns the list without who in the group of share.
func (l *list) leave(share string, who Subscriber) (after *list, existed bool) {
	n := l.group(share)
	if n < 0 {
		return l, false
	}
	members := l.groups[n].Members
	i := memberAt(members, who)
	if i < 0 {
		return l, false
	}
	if len(members) == 1 {
		return l.withGroups(slices.Delete(slices.Clone(l.groups), n, n+1)), true
	}
	return l.regroup(n, slices.Concat(members[:i], members[i+1:])), true
}

// regroup returns the list with other members in group n.
func (l *list) regroup(n int, members []Subscription) *list {
	before := l.groups[n]
	after := &Group{Members: members, share: before.share}
	after.Turn.Store(before.Turn.Load())
	groups := slices.Clone(l.groups)
	groups[n] = after
	return l.withGroups(groups)
}

func memberAt(members []Subscription, who Subscriber) int {
	return slices.IndexFunc(members, func(s Subscription) bool { return s.Subscriber == who })
}
