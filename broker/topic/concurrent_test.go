package topic

import (
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A crowd is a set of filters, each with subscribers that stay and subscribers that come
// and go, all with numbers that tell the filter.
type crowd struct {
	filters []string
	names   [][]byte
	reached [][]bool // By name and filter.
}

const (
	perFilter = 600 // Numbers of subscribers of one filter; more than a run holds.
	staying   = 3   // Of those the first.
)

func newCrowd(rnd *rand.Rand) *crowd {
	c := &crowd{filters: []string{"$share/g/a/#", "$share/g/#", "$share/h/a/b"}}
	for known := map[string]bool{}; len(c.filters) < 60; {
		if f := randomFilter(rnd, 4); !known[f] && !strings.HasPrefix(f, "$share") {
			known[f] = true
			c.filters = append(c.filters, f)
		}
	}
	for range 64 {
		name := randomName(rnd, 4)
		c.names = append(c.names, []byte(name))
		reached := make([]bool, len(c.filters))
		for i, f := range c.filters {
			_, rest := Shared(f)
			reached[i] = Matches(rest, name)
		}
		c.reached = append(c.reached, reached)
	}
	return c
}

func who(filter, n int) Subscriber { return Subscriber(1 + filter*perFilter + n) }
func filterOf(s Subscriber) int    { return int(s-1) / perFilter }
func stays(s Subscriber) bool      { return int(s-1)%perFilter < staying }
func (c *crowd) shared(f int) bool { return strings.HasPrefix(c.filters[f], "$share/") }
func (c *crowd) settle(tree *Tree) {
	c.each(func(f, n int) { tree.Subscribe(c.filters[f], Subscription{Subscriber: who(f, n)}) })
}
func (c *crowd) each(do func(f, n int)) {
	for f := range c.filters {
		for n := range staying {
			do(f, n)
		}
	}
}

// check holds one result to what must be there and what must not.
func (c *crowd) check(t *testing.T, r *Result, name int) {
	found := make([]int, len(c.filters))
	met := map[Subscriber]bool{}
	count := func(s Subscriber, shared bool) {
		f := filterOf(s)
		if met[s] || !c.reached[name][f] || c.shared(f) != shared {
			t.Errorf("%q reaches subscriber %d of %q (twice: %t)", c.names[name], s, c.filters[f], met[s])
		}
		met[s] = true
		if stays(s) {
			found[f]++
		}
	}
	for i := range r.Targets {
		count(r.Targets[i].Subscriber, false)
	}
	for _, g := range r.Groups {
		for _, m := range g.Members {
			count(m.Subscriber, true)
		}
	}
	for f, n := range found {
		if c.reached[name][f] && n != staying {
			t.Errorf("%q reaches %d of the %d who stay at %q", c.names[name], n, staying, c.filters[f])
		}
	}
}

// TestReadersAmongWriters matches while subscribers come and go, one by one, in crowds
// that make lists long, and whole filters at a time, so that tables are replaced. Whoever
// stays is found exactly once in every match, and nobody whose filter does not match.
func TestReadersAmongWriters(t *testing.T) {
	rnd := source(t)
	c := newCrowd(rnd)
	tree := NewTree()
	c.settle(tree)
	rounds := 6000
	if testing.Short() {
		rounds = 1000
	}
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for w := range 2 {
		rnd := rand.New(rand.NewPCG(rnd.Uint64(), 1))
		writers.Go(func() { c.comeAndGo(tree, rnd, w, rounds) })
	}
	for range 2 {
		rnd := rand.New(rand.NewPCG(rnd.Uint64(), 1))
		readers.Go(func() {
			var r Result
			for !done.Load() && !t.Failed() {
				name := rnd.IntN(len(c.names))
				tree.Match(&r, c.names[name])
				c.check(t, &r, name)
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	if want := len(c.filters) * staying; tree.Len() != want {
		t.Errorf("Len() = %d, want %d", tree.Len(), want)
	}
	c.each(func(f, n int) { tree.Unsubscribe(c.filters[f], who(f, n)) })
	checkEmpty(t, tree)
}

// comeAndGo is one of two writers: the odd subscribers or the even.
func (c *crowd) comeAndGo(tree *Tree, rnd *rand.Rand, odd, rounds int) {
	for range rounds {
		f := rnd.IntN(len(c.filters))
		from := staying + rnd.IntN(perFilter-staying)
		to := min(perFilter, from+1+rnd.IntN(8))
		if rnd.IntN(100) == 0 {
			from, to = staying, perFilter
		}
		other := "x/" + string(c.names[rnd.IntN(len(c.names))]) // A filter that nobody else has.
		tree.Subscribe(other, Subscription{Subscriber: 1<<20 + Subscriber(odd)})
		for n := from; n < to; n++ {
			if n%2 == odd {
				tree.Subscribe(c.filters[f], Subscription{Subscriber: who(f, n)})
			}
		}
		for n := from; n < to; n++ {
			if n%2 == odd {
				tree.Unsubscribe(c.filters[f], who(f, n))
			}
		}
		tree.Unsubscribe(other, 1<<20+Subscriber(odd))
	}
}

// TestSubscribeIsVisible: when Subscribe has returned, a Match that begins sees it, and a
// Result from before is not Current; likewise for Unsubscribe. Others write meanwhile.
func TestSubscribeIsVisible(t *testing.T) {
	rnd := source(t)
	c := newCrowd(rnd)
	tree := NewTree()
	var wg sync.WaitGroup
	for g := range 4 {
		rnd := rand.New(rand.NewPCG(rnd.Uint64(), 1))
		wg.Go(func() {
			var before, after Result
			for i := 0; i < 3000 && !t.Failed(); i++ {
				name, f := rnd.IntN(len(c.names)), 3+rnd.IntN(len(c.filters)-3)
				if !c.reached[name][f] {
					continue
				}
				tree.Match(&before, c.names[name])
				tree.Subscribe(c.filters[f], Subscription{Subscriber: who(f, g)})
				if tree.Current(&before) {
					t.Errorf("%q is current although somebody subscribed to %q", c.names[name], c.filters[f])
				}
				tree.Match(&after, c.names[name])
				if !has(&after, who(f, g)) {
					t.Errorf("%q does not reach who has just subscribed to %q", c.names[name], c.filters[f])
				}
				tree.Unsubscribe(c.filters[f], who(f, g))
				if tree.Current(&after) {
					t.Errorf("%q is current although somebody left %q", c.names[name], c.filters[f])
				}
				tree.Match(&after, c.names[name])
				if has(&after, who(f, g)) {
					t.Errorf("%q reaches who has left %q", c.names[name], c.filters[f])
				}
			}
		})
	}
	wg.Wait()
	checkEmpty(t, tree)
}

func has(r *Result, who Subscriber) bool {
	for i := range r.Targets {
		if r.Targets[i].Subscriber == who {
			return true
		}
	}
	return false
}
