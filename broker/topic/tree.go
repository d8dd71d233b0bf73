package topic

import (
	"strings"
	"sync/atomic"
)

// Numbers of shards: powers of two, so that the low bits of a hash choose.
const (
	exactShards  = 256
	prefixShards = 64
)

// generations is how many counters of changes there are, a power of two. More than
// shards: a changed filter then voids fewer of the Results somebody has kept.
const generations = 4096

// Tree is the lock-sharded subscription trie. Writers lock a shard; readers lock nothing.
// All methods are safe for concurrent use.
type Tree struct {
	hasher // Immutable.

	exact  [exactShards]shard
	prefix [prefixShards]shard
	head   shard

	// Counters of changes, for Current: by the hash of the name for exact filters, of
	// the prefix for those in prefix shards, of the first level for "a/+"; the last one
	// for filters that begin with a wildcard.
	gens [generations + 1]atomic.Uint64
	size atomic.Int64

	shared atomic.Int64 // Of size, those of Shared Subscriptions.
}

// NewTree returns an empty Tree, of about 100 KB.
func NewTree() *Tree {
	t := &Tree{hasher: newHasher()}
	for i := range t.exact {
		t.exact[i].head, t.exact[i].hasher = exactHead, &t.hasher
	}
	for i := range t.prefix {
		t.prefix[i].head, t.prefix[i].hasher = nodeHead, &t.hasher
	}
	t.head.head, t.head.hasher = nodeHead, &t.hasher
	return t
}

// Len is the number of subscriptions.
func (t *Tree) Len() int { return int(t.size.Load()) }

// SharedLen is how many of them are to Shared Subscriptions.
func (t *Tree) SharedLen() int { return int(t.shared.Load()) }

// count notes that there are n more subscriptions.
func (t *Tree) count(n int64, share string) {
	t.size.Add(n)
	if share != "" {
		t.shared.Add(n)
	}
}

// Subscribe adds or replaces s under filter ("$share/NAME/FILTER" included) and reports
// whether that subscriber had this very filter before. When it returns, every Match that begins sees s.
// Nothing of filter is kept.
func (t *Tree) Subscribe(filter string, s Subscription) (existed bool) {
	if s.Subscriber == 0 {
		panic("topic: subscriber 0")
	}
	share, rest := Shared(filter)
	if share != "" {
		share = strings.Clone(share)
	}
	p := t.place([]byte(rest))
	p.mu.Lock()
	existed = p.subscribeLocked(share, s)
	p.mu.Unlock()
	// After the change: a Match that reads the counter before this either sees the
	// change or is not Current any more.
	p.gen.Add(1)
	if !existed {
		t.count(1, share)
	}
	return existed
}

// Unsubscribe removes it and reports whether it was there.
func (t *Tree) Unsubscribe(filter string, who Subscriber) (existed bool) {
	share, rest := Shared(filter)
	p := t.place([]byte(rest))
	p.mu.Lock()
	existed = p.unsubscribeLocked(share, who)
	p.mu.Unlock()
	if existed {
		p.gen.Add(1)
		t.count(-1, share)
	}
	return existed
}

// gen is the counter for the hash.
func (t *Tree) gen(hash uint64) *atomic.Uint64 { return &t.gens[genOf(hash)] }

// genOf takes other bits than those that choose the shard.
func genOf(hash uint64) uint32 { return uint32(hash>>40) % generations }
