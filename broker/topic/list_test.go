package topic

import (
	"maps"
	"slices"
	"testing"
)

// members returns the subscribers of l in the order they lie.
func (l *list) members() (who []Subscriber) {
	add := func(subs []packed) {
		for _, p := range subs {
			who = append(who, p.who())
		}
	}
	add(l.subs)
	for i := range l.runs {
		add(*l.runs[i].Load())
	}
	return who
}

// TestList compares a list that grows to thousands and shrinks to nothing with a map.
func TestList(t *testing.T) {
	rnd := source(t)
	for _, growing := range []string{"at random", "in order"} {
		l, want := &list{}, map[Subscriber]bool{}
		for step := range 40_000 {
			who := Subscriber(1 + rnd.IntN(6000))
			if growing == "in order" && step < 15_000 {
				who = Subscriber(1 + step)
			}
			existed := false
			if remove := step >= 15_000 && rnd.IntN(5) > 0; remove {
				l, existed = l.remove(who)
				if existed != want[who] {
					t.Fatalf("step %d: remove(%d) = %t", step, who, existed)
				}
				delete(want, who)
			} else {
				l, existed = l.add(pack(Subscription{Subscriber: who}))
				if existed != want[who] {
					t.Fatalf("step %d: add(%d) = %t", step, who, existed)
				}
				want[who] = true
			}
			if step%500 == 0 {
				checkList(t, l, want)
			}
		}
		for _, who := range slices.Sorted(maps.Keys(want)) {
			l, _ = l.remove(who)
			delete(want, who)
			if who%100 == 0 {
				checkList(t, l, want)
			}
		}
		if !l.empty() {
			t.Errorf("%s: %v left", growing, l.members())
		}
	}
}

func checkList(t *testing.T, l *list, want map[Subscriber]bool) {
	t.Helper()
	if got := l.members(); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Fatalf("%d members, want %d, or in another order", len(got), len(want))
	}
	if len(l.runs) == 1 || len(l.runs) > 0 && len(l.subs) > 0 {
		t.Fatalf("%d runs and %d subscribers outside", len(l.runs), len(l.subs))
	}
	if n := len(want); n > runLen && len(l.runs) > 2+n/(runLen/8) {
		t.Fatalf("%d runs for %d members", len(l.runs), n)
	}
	for i := range l.runs {
		if n := len(*l.runs[i].Load()); n == 0 || n > runLen {
			t.Fatalf("a run of %d", n)
		}
	}
}

// TestRunsAreReplacedInPlace: one who leaves a long list costs a copy of one run.
func TestRunsAreReplacedInPlace(t *testing.T) {
	l := &list{}
	for i := range 100_000 {
		l, _ = l.add(pack(Subscription{Subscriber: Subscriber(i + 1)}))
	}
	if n := len(l.runs); n > 100_000/runLen+2 {
		t.Errorf("%d runs: those who come in order do not fill them", n)
	}
	after, existed := l.remove(50_000)
	if after != l || !existed {
		t.Errorf("the whole list was copied (existed: %t)", existed)
	}
}

// TestGroup holds the order of members, the snapshots and the turn of a shared subscription.
func TestGroup(t *testing.T) {
	tree := NewTree()
	var r Result
	match := func() *Group {
		tree.Match(&r, []byte("a/b"))
		if len(r.Groups) != 1 {
			t.Fatalf("%d groups, want 1", len(r.Groups))
		}
		return r.Groups[0]
	}
	order := func(g *Group) (who []Subscriber) {
		for _, s := range g.Members {
			who = append(who, s.Subscriber)
		}
		return who
	}
	for _, who := range []Subscriber{30, 10, 20} {
		tree.Subscribe("$share/g/a/+", Subscription{Subscriber: who, QoS: 1})
	}
	three := match()
	if got := order(three); !slices.Equal(got, []Subscriber{30, 10, 20}) {
		t.Errorf("members %v", got)
	}
	three.Turn.Add(5)

	tree.Subscribe("$share/g/a/+", Subscription{Subscriber: 10, QoS: 2, ID: 9})
	if g := match(); g.Members[1] != (Subscription{Subscriber: 10, QoS: 2, ID: 9}) || len(g.Members) != 3 {
		t.Errorf("after replacing: %v", g.Members)
	}
	replaced := match()
	tree.Unsubscribe("$share/g/a/+", 10)
	two := match()
	tree.Subscribe("$share/g/a/+", Subscription{Subscriber: 40})
	tree.Unsubscribe("$share/g/a/+", 40)
	tree.Subscribe("$share/g/a/+", Subscription{Subscriber: 50})
	if got := order(match()); !slices.Equal(got, []Subscriber{30, 20, 50}) {
		t.Errorf("members %v", got)
	}
	if got := match().Turn.Load(); got != 5 {
		t.Errorf("turn %d, want 5: it goes on from where it stood", got)
	}
	// What was lent before is as it was.
	if got := order(three); !slices.Equal(got, []Subscriber{30, 10, 20}) || three.Members[1].QoS != 1 {
		t.Errorf("the first snapshot is now %v", three.Members)
	}
	if got := order(replaced); !slices.Equal(got, []Subscriber{30, 10, 20}) {
		t.Errorf("the snapshot from before somebody left is now %v", got)
	}
	if got := order(two); !slices.Equal(got, []Subscriber{30, 20}) {
		t.Errorf("the snapshot from after that is now %v", got)
	}
	tree.Match(&r, []byte("nobody"))
	if kept := r.Groups[:cap(r.Groups)]; slices.ContainsFunc(kept, func(g *Group) bool { return g != nil }) {
		t.Error("a result of nothing keeps a group alive")
	}
}

// TestGroupsAreApart: one group for each Share Name and Topic Filter, and none of them
// has to do with the same client's other subscriptions.
func TestGroupsAreApart(t *testing.T) {
	tree := NewTree()
	for _, filter := range []string{"a/b", "$share/g/a/b", "$share/h/a/b", "$share/g/a/+", "$share/g/a/#"} {
		if tree.Subscribe(filter, Subscription{Subscriber: 1}) {
			t.Errorf("%q was there before", filter)
		}
	}
	check := func(targets, groups int) {
		t.Helper()
		var r Result
		tree.Match(&r, []byte("a/b"))
		if len(r.Targets) != targets || len(r.Groups) != groups {
			t.Errorf("%d targets and %d groups, want %d and %d", len(r.Targets), len(r.Groups), targets, groups)
		}
	}
	check(1, 4)
	if tree.Unsubscribe("$share/x/a/b", 1) || tree.Unsubscribe("$share/g/a/b", 2) {
		t.Error("removed what was not there")
	}
	tree.Unsubscribe("a/b", 1)
	check(0, 4)
	tree.Unsubscribe("$share/g/a/b", 1)
	check(0, 3)
	tree.Subscribe("a/b", Subscription{Subscriber: 1})
	tree.Unsubscribe("$share/h/a/b", 1)
	check(1, 2)
}
