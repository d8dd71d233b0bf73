package topic

import (
	"fmt"
	"slices"
	"testing"
)

// TestMerge holds what becomes of one subscriber's overlapping subscriptions.
func TestMerge(t *testing.T) {
	const name = "a/b"
	filters := []string{"a/b", "a/+", "#", "+/b"}
	for _, c := range []struct {
		what string
		subs []Subscription
		want Target
		ids  []uint32
	}{
		{"highest QoS", []Subscription{{QoS: 0}, {QoS: 2}, {QoS: 1}}, Target{QoS: 2}, nil},
		{"all identifiers", []Subscription{{ID: 1}, {}, {ID: 268_435_455}, {ID: 1}}, Target{}, []uint32{1, 1, 268_435_455}},
		{"No Local of one", []Subscription{{NoLocal: true}, {}}, Target{}, nil},
		{"No Local of all", []Subscription{{NoLocal: true}, {NoLocal: true}}, Target{NoLocal: true}, nil},
		{"Retain As Published of one", []Subscription{{}, {RetainAsPublished: true}}, Target{RetainAsPublished: true}, nil},
		{"all at once", []Subscription{{QoS: 2, NoLocal: true, RetainAsPublished: true, ID: 5}}, Target{QoS: 2, NoLocal: true, RetainAsPublished: true}, []uint32{5}},
	} {
		// With nobody else, with a few and with many on the same filters: three ways to merge.
		for _, others := range []int{0, 3, 40, 700} {
			t.Run(fmt.Sprintf("%s/%d others", c.what, others), func(t *testing.T) {
				tree := NewTree()
				for i := range others {
					for j, filter := range filters {
						tree.Subscribe(filter, Subscription{Subscriber: Subscriber(1000 + i), ID: uint32(10 + j)})
					}
				}
				for i, s := range c.subs {
					s.Subscriber = 77
					tree.Subscribe(filters[i], s)
				}
				var r Result
				tree.Match(&r, []byte(name))
				if len(r.Targets) != others+1 {
					t.Fatalf("%d targets, want %d", len(r.Targets), others+1)
				}
				for i := range r.Targets {
					checkMerged(t, &r, &r.Targets[i], c.want, c.ids)
				}
			})
		}
	}
}

func checkMerged(t *testing.T, r *Result, got *Target, want Target, wantIDs []uint32) {
	t.Helper()
	ids := slices.Sorted(slices.Values(r.IDs(got)))
	want.Subscriber = 77
	if got.Subscriber != 77 {
		want, wantIDs = Target{Subscriber: got.Subscriber}, []uint32{10, 11, 12, 13}
	}
	bare := *got
	bare.ids, bare.nids = 0, 0
	if bare != want || !slices.Equal(ids, wantIDs) {
		t.Errorf("%+v with %v, want %+v with %v", bare, ids, want, wantIDs)
	}
}

// TestCurrent changes one subscription of every kind and expects the results it belongs
// to, and no others, to be out of date.
func TestCurrent(t *testing.T) {
	names := []string{"a/b/c", "a/b", "x/y/z", "$SYS/a/b", "a"}
	for _, c := range []struct {
		filter string
		stale  []string
	}{
		{"a/b/c", []string{"a/b/c"}},
		{"a/b/+", []string{"a/b/c", "a/b"}}, // The same two levels.
		{"a/b/#", []string{"a/b/c", "a/b"}},
		{"a/+", []string{"a/b/c", "a/b", "a"}}, // The same first level.
		{"$share/g/x/#", []string{"x/y/z"}},
		{"#", names},
		{"+/q", names},
		{"q", nil},
	} {
		// Unrelated filters may share a counter: that must be rare, but is no mistake.
		needless := 1
		for try := 0; try < 5 && needless > 0; try++ {
			needless = currency(t, names, c.filter, c.stale)
		}
		if needless > 0 {
			t.Errorf("%q voids results it has nothing to do with", c.filter)
		}
	}
	var zero Result
	if NewTree().Current(&zero) {
		t.Error("a result of nothing is current")
	}
}

// currency changes filter in a new tree, fails if a result of one of stale stays current,
// and returns how many results of the other names do not.
func currency(t *testing.T, names []string, filter string, stale []string) (needless int) {
	tree := NewTree()
	results := make([]Result, len(names))
	refresh := func() {
		for i, name := range names {
			tree.Match(&results[i], []byte(name))
			if !tree.Current(&results[i]) {
				t.Errorf("%q is not current at once", name)
			}
		}
	}
	for _, change := range []func(){
		func() { tree.Subscribe(filter, Subscription{Subscriber: 1}) },
		func() { tree.Subscribe(filter, Subscription{Subscriber: 1, QoS: 1}) },
		func() { tree.Unsubscribe(filter, 1) },
	} {
		refresh()
		tree.Unsubscribe(filter, 2) // Who was never there: changes nothing.
		for i, name := range names {
			if !tree.Current(&results[i]) {
				t.Errorf("removing nobody from %q voids %q", filter, name)
			}
		}
		change()
		for i, name := range names {
			switch current := tree.Current(&results[i]); {
			case current && slices.Contains(stale, name):
				t.Errorf("%q changed, and the result of %q is current", filter, name)
			case !current && !slices.Contains(stale, name):
				needless++
			}
		}
	}
	return needless
}

// TestEmptiesItself subscribes and unsubscribes everything, over and over: the tree ends
// with nothing each time, and the heap where it was.
func TestEmptiesItself(t *testing.T) {
	const n = 5000
	w := newWorkload(n)
	tree := NewTree()
	cycle := func() {
		for i, f := range w.filters {
			tree.Subscribe(f, Subscription{Subscriber: Subscriber(i + 1)})
			tree.Subscribe(f, Subscription{Subscriber: Subscriber(i + 2)})
			tree.Subscribe("$share/g/"+f, Subscription{Subscriber: 1})
			tree.Subscribe("hot", Subscription{Subscriber: Subscriber(i + 1)})
		}
		if tree.Len() != 4*n {
			t.Fatalf("Len() = %d, want %d", tree.Len(), 4*n)
		}
		for i, f := range w.filters {
			tree.Unsubscribe("hot", Subscriber(i+1))
			tree.Unsubscribe("$share/g/"+f, 1)
			tree.Unsubscribe(f, Subscriber(i+1))
			tree.Unsubscribe(f, Subscriber(i+2))
		}
		checkEmpty(t, tree)
	}
	cycle()
	before := heap()
	for range 5 {
		cycle()
	}
	if grown := heap() - before; grown > 64<<10 {
		t.Errorf("five cycles left %d bytes", grown)
	}
}

// TestChurnIsBounded replaces the subscriptions of a full tree many times over: neither
// the arenas nor the numbers of lists may grow with what has passed through.
func TestChurnIsBounded(t *testing.T) {
	const n = 2000
	w := newWorkload(n)
	tree, _ := w.fill()
	before := tree.words()
	for range 40 {
		for i, f := range w.filters {
			// A list comes and goes, then the filter itself.
			tree.Subscribe("$share/g/"+f, Subscription{Subscriber: 1})
			tree.Unsubscribe("$share/g/"+f, 1)
			tree.Unsubscribe(f, Subscriber(i+1))
			tree.Subscribe("$share/g/"+f, Subscription{Subscriber: 1})
			tree.Unsubscribe("$share/g/"+f, 1)
			tree.Subscribe(f, Subscription{Subscriber: Subscriber(i + 1)})
		}
	}
	if after := tree.words(); after > 2*before+64*(exactShards+prefixShards) {
		t.Errorf("%d words before, %d after", before, after)
	}
	if tree.Len() != n {
		t.Errorf("Len() = %d, want %d", tree.Len(), n)
	}
}

// words is the room that all tables take, in words.
func (t *Tree) words() (sum int) {
	t.eachShard(func(s *shard) {
		if tb := s.table.Load(); tb != nil {
			sum += len(tb.words) + len(tb.slots) + len(*tb.lists.Load())
		}
	})
	return sum
}

// TestShrinks: where few are left, little room is taken, without anybody subscribing anew.
func TestShrinks(t *testing.T) {
	w := newWorkload(50_000)
	tree, _ := w.fill()
	full := tree.words()
	for i, f := range w.filters {
		if i%20 != 0 {
			tree.Unsubscribe(f, Subscriber(i+1))
		}
	}
	if left := tree.words(); left > full/4 {
		t.Errorf("a twentieth of the subscriptions takes %d words of %d", left, full)
	}
}

// TestListNumbersComeBack: a node that lives on for its children may have a list come and
// go at its own value any number of times.
func TestListNumbersComeBack(t *testing.T) {
	tree := NewTree()
	tree.Subscribe("a/+/b", Subscription{Subscriber: 1})
	for range 10_000 {
		tree.Subscribe("$share/g/a/+", Subscription{Subscriber: 1})
		tree.Unsubscribe("$share/g/a/+", 1)
	}
	if n := tree.words(); n > 1000 {
		t.Errorf("%d words for one subscription", n)
	}
}

// TestHashesMayCollide leads one hash to different names, to different levels and to
// equal levels below different parents: each is found for what it is.
func TestHashesMayCollide(t *testing.T) {
	const hash = 0x123456789abcdef0
	tree := NewTree()
	s := &tree.exact[0]
	s.reserveLocked(2, 20)
	tb := s.table.Load()
	for _, name := range []string{"one", "another, longer"} {
		at := s.newRecordLocked(tb, []byte(name))
		s.linkLocked(tb, hash, at)
		if got := tb.find(hash, []byte(name)); got != at {
			t.Errorf("%q found at %d, not %d", name, got, at)
		}
	}
	if at := tb.find(hash, []byte("two")); at != 0 {
		t.Errorf("found what is not there at %d", at)
	}

	s = &tree.head
	s.reserveLocked(4, 40)
	tb = s.table.Load()
	for _, up := range []uint32{nodeRoot, 77} {
		for _, name := range []string{"one", "another, longer"} {
			at := s.newRecordLocked(tb, []byte(name))
			tb.words[at+nodeUp] = uint64(up)
			s.linkLocked(tb, hash, at)
			level := tree.part([]byte(name))
			if got := tb.child(hash, up, &level); got != at {
				t.Errorf("%q below %d found at %d, not %d", name, up, got, at)
			}
		}
	}
}

func TestSubscriberZeroIsAMistake(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("subscriber 0 was taken")
		}
	}()
	NewTree().Subscribe("a", Subscription{})
}

// TestResultForgets: a Result used for another name has nothing to do with the first.
func TestResultForgets(t *testing.T) {
	needless := 0
	for range 5 { // Counters may be shared, rarely.
		tree := NewTree()
		var r Result
		tree.Match(&r, []byte("a/b/c"))
		tree.Match(&r, []byte("x"))
		for _, filter := range []string{"a/b/c", "a/b/c/#", "a/b/#", "a/+"} {
			tree.Subscribe(filter, Subscription{Subscriber: 1})
		}
		if !tree.Current(&r) {
			needless++
		}
	}
	if needless == 5 {
		t.Error("changes around a/b/c void the result of x")
	}
}

// TestLoneSubscribersNeedNoList: who is left alone in a list stands in the value itself
// after the next rebuild.
func TestLoneSubscribersNeedNoList(t *testing.T) {
	w := newWorkload(2000)
	tree, _ := w.fill()
	for _, f := range w.filters {
		tree.Subscribe(f, Subscription{Subscriber: 9999})
		tree.Unsubscribe(f, 9999)
	}
	lists := 0
	tree.eachShard(func(s *shard) {
		if s.table.Load() != nil {
			s.rebuildLocked(0, 0)
			lists += s.lists
		}
	})
	if lists != 0 {
		t.Errorf("%d lists for filters of one subscriber each", lists)
	}
	var r Result
	for i, f := range w.filters {
		if tree.Match(&r, []byte(f)); !has(&r, Subscriber(i+1)) {
			t.Fatalf("%q is not found", f) // A filter matches itself, read as a name.
		}
	}
}
