package topic

import (
	"sync"
	"sync/atomic"
)

// The head of a record in an exact table: the value. Its key is the Topic Name.
const (
	exactValue = iota
	exactHead
)

// The head of a record in a table of filters with wildcards: a node. Its key is a level;
// in a prefix shard the first key is two levels or three, "site/7/dev".
//
// A leaf is six words, of which the key is one or two.
const (
	nodeHere = iota // Value of the filter that ends here.
	nodeMany        // Value of the filter that ends in "#" below here.
	nodeKids        // Literal children, a count, in the upper half; the "+" child in the lower.
	nodeUp          // The parent in the lower half; nodeIsPlus.
	nodeHead
)

const (
	nodeIsPlus = 1 << 32
	nodeRoot   = firstRecord
	oneKid     = 1 << 32
)

// A value says who subscribed with one filter:
//
//	0             nobody
//	below 1<<32   number of a list, plus one
//	else          the one subscription itself, packed
const firstInline = 1 << 32

// A shard is one table and its writers' book-keeping.
type shard struct {
	table atomic.Pointer[table] // Replaced by writers; nil while empty.

	_ [56]byte // Readers need no line that a writer's lock dirties.

	head   int     // Immutable. exactHead or nodeHead.
	hasher *hasher // Immutable.

	mu      sync.Mutex
	used    int // Words of the arena that are taken. This and the rest: guarded by mu.
	dead    int // Words of those that belong to records removed.
	records int // Records that have a slot.
	filled  int // Slots that are not empty: records and those gone.
	lists   int // Numbers of lists given.
	gone    int // Numbers of those whose list has gone.

	_ [56]byte
}

// growth is what a new arena gets beyond what it must hold: a quarter. Every record is
// then copied four times while a table grows, and a ninth of the memory lies idle on average.
func growth(n int) int { return n + n/4 }

// reserveLocked makes room for so many records more, of so many words together. Where
// records were before is void afterwards.
func (s *shard) reserveLocked(records, words int) {
	t := s.table.Load()
	if t != nil && s.used+words <= len(t.words) && (s.filled+records)*5 <= len(t.slots)*4 {
		return
	}
	s.rebuildLocked(records, words)
}

// hashOfLocked is the hash by which the record at is found.
func (s *shard) hashOfLocked(t *table, at uint32) uint64 {
	var room [64]byte
	key := appendKey(room[:0], t.words[at+uint32(s.head):])
	if s.head == exactHead {
		return s.hasher.whole(key)
	}
	level := s.hasher.part(key)
	return s.hasher.edge(&level, uint32(t.words[at+nodeUp]))
}

// newRecordLocked takes the words of a record for key, room for which has been reserved.
func (s *shard) newRecordLocked(t *table, key []byte) uint32 {
	at := uint32(s.used)
	s.used += s.head + keyWords(len(key))
	putKey(t.words[at+uint32(s.head):], key)
	return at
}

// linkLocked leads hash to the record at, which is complete.
func (s *shard) linkLocked(t *table, hash uint64, at uint32) {
	s.records++
	if t.insert(hash, at) {
		s.filled++
	}
}

// unlinkLocked takes the record at, whose values are 0, out of the table.
func (s *shard) unlinkLocked(t *table, at uint32) {
	s.filled -= t.remove(s.hashOfLocked(t, at), at)
	s.records--
	s.buryLocked(t, at)
}

// buryLocked counts the words of the record at as dead.
func (s *shard) buryLocked(t *table, at uint32) {
	s.dead += s.head + keyWords(keyLen(t.words[at+uint32(s.head)]))
}

// shrinkLocked gives memory back: all of it if nothing is left, else once more is dead
// than alive. The constant keeps tiny tables from being copied at every other step.
func (s *shard) shrinkLocked(t *table) {
	const few = 64
	switch {
	case s.emptyLocked(t):
		s.table.Store(nil)
		s.used, s.dead, s.filled, s.lists, s.gone = 0, 0, 0, 0, 0
	case s.dead > max(s.used/2, few), s.gone > max(s.lists/2, few):
		s.rebuildLocked(0, 0)
	}
}

func (s *shard) emptyLocked(t *table) bool {
	if s.head == exactHead {
		return s.records == 0
	}
	return t.words[nodeRoot+nodeHere]|t.words[nodeRoot+nodeMany]|t.words[nodeRoot+nodeKids] == 0
}

// putLocked adds p, for the Share Name if that is not empty, to the value at.
func (s *shard) putLocked(t *table, at uint32, share string, p Subscription) (existed bool) {
	w := t.words[at]
	if share == "" && (w == 0 || w >= firstInline && packed(w).who() == p.Subscriber) {
		t.store(at, uint64(pack(p)))
		return w != 0
	}
	var l *list
	switch {
	case w == 0:
		l = &list{}
	case w >= firstInline:
		l = &list{subs: []packed{packed(w)}}
	default:
		l = t.listOf(w)
	}
	after := l
	if share == "" {
		after, existed = l.add(pack(p))
	} else {
		after, existed = l.join(share, p)
	}
	s.setListLocked(t, at, w, after)
	return existed
}

// dropLocked takes who out of the value at and reports whether it was there.
func (s *shard) dropLocked(t *table, at uint32, share string, who Subscriber) (existed bool) {
	w := t.words[at]
	if w == 0 {
		return false
	}
	if w >= firstInline {
		existed = share == "" && packed(w).who() == who
		if existed {
			t.store(at, 0)
		}
		return existed
	}
	l := t.listOf(w)
	after := l
	if share == "" {
		after, existed = l.remove(who)
	} else {
		after, existed = l.leave(share, who)
	}
	if after.empty() {
		t.store(at, 0)
		after = nil
		s.gone++
	}
	(*t.lists.Load())[uint32(w)-1].Store(after)
	return existed
}

// setListLocked makes l the list of the value at, which is w.
func (s *shard) setListLocked(t *table, at uint32, w uint64, l *list) {
	if w > 0 && w < firstInline {
		(*t.lists.Load())[w-1].Store(l)
		return
	}
	lists := *t.lists.Load()
	if s.lists == len(lists) {
		more := make([]atomic.Pointer[list], growth(len(lists))+1)
		for i := range lists {
			more[i].Store(lists[i].Load())
		}
		lists = more
		t.lists.Store(&more)
	}
	lists[s.lists].Store(l)
	s.lists++
	t.store(at, uint64(s.lists))
}
