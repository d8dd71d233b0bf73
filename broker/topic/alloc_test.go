//go:build !race

package topic

import (
	"fmt"
	"testing"
)

// TestMatchDoesNotAllocate: neither Match nor Current takes memory once the Result has
// grown, whatever kind of filter, list or merge is met.
func TestMatchDoesNotAllocate(t *testing.T) {
	const n = 20_000
	w := newWorkload(n)
	tree, _ := w.fill()
	for i := range 1000 { // Long lists that overlap, with identifiers, and groups.
		s := Subscription{Subscriber: Subscriber(i + 1), ID: uint32(i + 1)}
		tree.Subscribe("site/+/dev/#", s)
		tree.Subscribe("site/1/dev/1/temp", s)
		tree.Subscribe("$share/g/site/#", s)
		tree.Subscribe(fmt.Sprintf("$share/%d/+/1/#", i%10), s)
	}
	names := w.names()[:1000]
	names[0] = []byte("site/1/dev/1/temp")
	var r Result
	for _, name := range names {
		tree.Match(&r, name)
	}
	i := 0
	allocs := testing.AllocsPerRun(len(names), func() {
		tree.Match(&r, names[i%len(names)])
		if !tree.Current(&r) || len(r.Targets) < 1000 || len(r.Groups) == 0 {
			t.Fatalf("%q: %d targets, %d groups", names[i%len(names)], len(r.Targets), len(r.Groups))
		}
		for j := range r.Targets {
			_ = r.IDs(&r.Targets[j])
		}
		i++
	})
	if allocs != 0 {
		t.Errorf("%v allocations per Match", allocs)
	}
}

// TestBytesPerSubscription holds what a subscription costs, all in all, to the goal of
// 100 bytes: the filter, the tables and the idle part of both.
func TestBytesPerSubscription(t *testing.T) {
	tree, each := newWorkload(100_000).fill()
	if tree.Len() != 100_000 || each > 100 {
		t.Errorf("%.1f bytes for each of %d subscriptions", each, tree.Len())
	}
}
