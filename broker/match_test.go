package broker

import (
	"fmt"
	"hash/maphash"
	"testing"

	"mqttbench/broker/topic"
)

// TestMatchCache changes subscriptions between look-ups of more names than the cache holds, some of which reach few
// subscribers and some many, and compares what it finds with what the tree says.
func TestMatchCache(t *testing.T) {
	tree := topic.NewTree()
	var mc matchCache
	mc.init(tree, new(counters))
	const names = 2 * matchSets * matchWays
	name := func(i int) []byte { return fmt.Appendf(nil, "site/%d/%d", i%7, i) }
	check := func(i int) {
		t.Helper()
		var want topic.Result
		tree.Match(&want, name(i))
		if got := mc.find(name(i)); len(got.Targets) != len(want.Targets) {
			t.Fatalf("%s reaches %d, want %d", name(i), len(got.Targets), len(want.Targets))
		}
	}
	subscribe := func(filter string, from, to topic.Subscriber) {
		for s := from; s <= to; s++ {
			tree.Subscribe(filter, topic.Subscription{Subscriber: s})
		}
	}
	for i := range names {
		if i%2 == 0 {
			subscribe(string(name(i)), 1, topic.Subscriber(i%5+1))
		}
		check(i)
	}
	for i := range names {
		check(i)
	}
	subscribe("site/3/#", 1000, 1000+matchMaxTargets) // One name in seven is too large from now on.
	for i := range names {
		check(i)
		check(i)
	}
	for s := topic.Subscriber(1001); s <= 1000+matchMaxTargets; s++ {
		tree.Unsubscribe("site/3/#", s)
	}
	for i := range names {
		check(i)
		check(i)
	}
}

// TestMatchCacheHolds: a quarter as many names as there are places hardly push each other out.
func TestMatchCacheHolds(t *testing.T) {
	var mc matchCache
	mc.init(topic.NewTree(), new(counters))
	const names = matchSets * matchWays / 4
	name := func(i int) []byte { return fmt.Appendf(nil, "w/%04d", i) }
	for i := range names {
		mc.find(name(i))
	}
	held := 0
	for i := range names {
		hash := maphash.Bytes(mc.seed, name(i))
		if mc.sets[hash%matchSets].lookUp(hash, name(i)) != nil {
			held++
		}
	}
	if held < names*19/20 {
		t.Errorf("%d of %d names are held", held, names)
	}
}

// TestMatchCacheAllocates: nothing, where names push each other out, or where one reaches more subscribers than are kept.
func TestMatchCacheAllocates(t *testing.T) {
	tree := topic.NewTree()
	var mc matchCache
	mc.init(tree, new(counters))
	for s := topic.Subscriber(1); s <= 2*matchMaxTargets; s++ {
		tree.Subscribe("large", topic.Subscription{Subscriber: s})
	}
	names := make([][]byte, 4*matchSets*matchWays)
	for i := range names {
		names[i] = fmt.Appendf(nil, "small/%06d", i)
	}
	few := func() {
		for _, name := range names {
			mc.find(name)
		}
	}
	large := []byte("large")
	many := func() { mc.find(large) }
	for what, find := range map[string]func(){"names that push each other out": few, "a name that reaches many": many} {
		find()
		if n := testing.AllocsPerRun(3, find); n > 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}
