package topic

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

var seed = flag.Uint64("seed", 0, "seed of the random tests; 0: another each time")

// source returns random numbers from a seed that a failing test prints.
func source(t *testing.T) *rand.Rand {
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with -seed=%d", s)
		}
	})
	return rand.New(rand.NewPCG(s, 1))
}

// A model is the naive tree: all subscriptions, each compared with each name.
type model struct {
	subs map[string]map[Subscriber]Subscription // By filter, "$share/..." included.
	all  []subscribed                           // The same, in an order that the seed decides.
}

type subscribed struct {
	filter string
	who    Subscriber
}

func (m *model) subscribe(filter string, s Subscription) bool {
	if m.subs[filter] == nil {
		m.subs[filter] = map[Subscriber]Subscription{}
	}
	_, existed := m.subs[filter][s.Subscriber]
	m.subs[filter][s.Subscriber] = s
	if !existed {
		m.all = append(m.all, subscribed{filter, s.Subscriber})
	}
	return existed
}

func (m *model) unsubscribe(filter string, who Subscriber) bool {
	_, existed := m.subs[filter][who]
	delete(m.subs[filter], who)
	if i := slices.Index(m.all, subscribed{filter, who}); i >= 0 {
		m.all = slices.Delete(m.all, i, i+1)
	}
	return existed
}

// seen is a target as a test compares it.
type seen struct {
	Who               Subscriber
	QoS               uint8
	NoLocal           bool
	RetainAsPublished bool
	IDs               []uint32
}

func (m *model) match(name string) (targets []seen, groups []string) {
	byWho := map[Subscriber]*seen{}
	for filter, subs := range m.subs {
		share, rest := Shared(filter)
		if !Matches(rest, name) || len(subs) == 0 {
			continue
		}
		if share != "" {
			groups = append(groups, groupString(share, subs))
			continue
		}
		for who, s := range subs {
			o := byWho[who]
			if o == nil {
				o = &seen{Who: who, NoLocal: true}
				byWho[who] = o
			}
			o.QoS = max(o.QoS, s.QoS)
			o.NoLocal = o.NoLocal && s.NoLocal
			o.RetainAsPublished = o.RetainAsPublished || s.RetainAsPublished
			if s.ID != 0 {
				o.IDs = append(o.IDs, s.ID)
			}
		}
	}
	for _, o := range byWho {
		slices.Sort(o.IDs)
		targets = append(targets, *o)
	}
	sortSeen(targets)
	slices.Sort(groups)
	return targets, groups
}

func sortSeen(s []seen) { slices.SortFunc(s, func(a, b seen) int { return cmp.Compare(a.Who, b.Who) }) }

func groupString(share string, subs map[Subscriber]Subscription) string {
	var members []string
	for _, s := range subs {
		members = append(members, fmt.Sprint(s))
	}
	slices.Sort(members)
	return share + fmt.Sprint(members)
}

// observe makes of a Result what a model gives.
func observe(r *Result) (targets []seen, groups []string) {
	for i := range r.Targets {
		o := &r.Targets[i]
		ids := append([]uint32(nil), r.IDs(o)...)
		slices.Sort(ids)
		targets = append(targets, seen{o.Subscriber, o.QoS, o.NoLocal, o.RetainAsPublished, ids})
	}
	for _, g := range r.Groups {
		subs := map[Subscriber]Subscription{}
		for _, s := range g.Members {
			subs[s.Subscriber] = s
		}
		if len(subs) != len(g.Members) {
			groups = append(groups, "somebody is there twice")
		}
		groups = append(groups, groupString(g.share, subs))
	}
	sortSeen(targets)
	slices.Sort(groups)
	return targets, groups
}

// words are the levels of random names: few, so that filters overlap; empty, special and
// long ones; two that differ only in the last byte, and at both ends of a key's word.
var words = []string{"", "a", "b", "A", "$SYS", "$", "ä", "雪", "abcdef", "abcdeg", "abcdefgh", "abcdefghijklmn", "abcdefghijklmo",
	strings.Repeat("long", 40)}

func randomName(r *rand.Rand, maxLevels int) string {
	levels := make([]string, 1+r.IntN(maxLevels))
	for i := range levels {
		levels[i] = words[min(r.IntN(len(words)), r.IntN(len(words)))]
	}
	if name := strings.Join(levels, "/"); name != "" {
		return name
	}
	return "/"
}

func randomFilter(r *rand.Rand, maxLevels int) string {
	levels := strings.Split(randomName(r, maxLevels), "/")
	for i := range levels {
		if r.IntN(4) == 0 {
			levels[i] = "+"
		}
	}
	if r.IntN(4) == 0 {
		levels[len(levels)-1] = "#"
	}
	filter := strings.Join(levels, "/")
	if r.IntN(5) == 0 {
		filter = []string{"$share/g/", "$share/h/"}[r.IntN(2)] + filter
	}
	return filter
}

func randomSubscription(r *rand.Rand, subscribers int) Subscription {
	s := Subscription{
		Subscriber:        Subscriber(1 + r.IntN(subscribers)),
		QoS:               uint8(r.IntN(3)),
		NoLocal:           r.IntN(2) == 0,
		RetainAsPublished: r.IntN(4) == 0,
	}
	if r.IntN(2) == 0 {
		s.ID = 1 + r.Uint32N(1<<28-1)
	}
	return s
}

// TestTreeAgainstModel compares the tree with the naive one under random operations. The
// tree fills and empties by turns, so that tables grow, shrink and vanish.
func TestTreeAgainstModel(t *testing.T) {
	for _, c := range []struct {
		name                string
		levels, subscribers int
		steps               int
	}{
		{"overlapping", 3, 8, 6000},
		{"deep", 7, 8, 4000},
		{"many subscribers", 2, 3000, 6000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() {
				c.steps /= 3
			}
			rnd := source(t)
			tree, m := NewTree(), &model{subs: map[string]map[Subscriber]Subscription{}}
			var r Result
			for step := range c.steps {
				filter, s := randomFilter(rnd, c.levels), randomSubscription(rnd, c.subscribers)
				if filling := step%(c.steps/3) < c.steps/5; filling || rnd.IntN(8) == 0 {
					if got, want := tree.Subscribe(filter, s), m.subscribe(filter, s); got != want {
						t.Fatalf("step %d: Subscribe(%q, %v) = %t", step, filter, s, got)
					}
				} else {
					filter, s.Subscriber = m.pick(rnd, filter, s.Subscriber)
					if got, want := tree.Unsubscribe(filter, s.Subscriber), m.unsubscribe(filter, s.Subscriber); got != want {
						t.Fatalf("step %d: Unsubscribe(%q, %d) = %t", step, filter, s.Subscriber, got)
					}
				}
				if step%3 == 0 {
					compareMatch(t, tree, m, &r, randomName(rnd, c.levels))
				}
			}
			if got, want := tree.Len(), len(m.all); got != want {
				t.Errorf("Len() = %d, want %d", got, want)
			}
			for _, one := range m.all {
				tree.Unsubscribe(one.filter, one.who)
			}
			checkEmpty(t, tree)
		})
	}
}

// pick returns a subscription that exists, most of the time and if there is one.
func (m *model) pick(rnd *rand.Rand, filter string, who Subscriber) (string, Subscriber) {
	if rnd.IntN(10) == 0 || len(m.all) == 0 {
		return filter, who
	}
	one := m.all[rnd.IntN(len(m.all))]
	return one.filter, one.who
}

func compareMatch(t *testing.T, tree *Tree, m *model, r *Result, name string) {
	t.Helper()
	tree.Match(r, []byte(name))
	if !tree.Current(r) {
		t.Fatal("the result of a moment ago is not current")
	}
	targets, groups := observe(r)
	wantTargets, wantGroups := m.match(name)
	if d := gocmp.Diff(wantTargets, targets); d != "" {
		t.Fatalf("targets of %q (-want +got):\n%s", name, d)
	}
	if d := gocmp.Diff(wantGroups, groups); d != "" {
		t.Fatalf("groups of %q (-want +got):\n%s", name, d)
	}
}

// checkEmpty fails if anything of a tree without subscriptions is still held.
func checkEmpty(t *testing.T, tree *Tree) {
	t.Helper()
	if n := tree.Len(); n != 0 {
		t.Errorf("Len() = %d after everybody left", n)
	}
	tree.eachShard(func(s *shard) {
		if s.table.Load() != nil || s.used|s.dead|s.records|s.filled|s.lists|s.gone != 0 {
			t.Errorf("a shard holds %d words, %d records, %d slots, %d lists after everybody left", s.used, s.records, s.filled, s.lists)
		}
	})
}

func (t *Tree) eachShard(f func(*shard)) {
	for i := range t.exact {
		f(&t.exact[i])
	}
	for i := range t.prefix {
		f(&t.prefix[i])
	}
	f(&t.head)
}
