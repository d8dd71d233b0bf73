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

// reserveLocked makes room for so many records more, of so many words together. Numbers
// of records from before are void afterwards.
func (s *shard) reserveLocked(records, words int) {
	t := s.table.Load()
	if t != nil && s.used+words <= len(t.words) && (s.filled+records)*5 <= len(t.slots)*4 {
		return
	}
	s.rebuildLocked(records, words)
}

// rebuildLocked copies what lives to a new table with room for more. Records keep their
// order, so parents still come before their children and one pass is enough.
func (s *shard) rebuildLocked(records, words int) {
	old := s.table.Load()
	live := max(s.used-s.dead, firstRecord+nodeHead+1)
	t := &table{
		slots: make([]uint64, growth((s.records+records)*5/4)+4),
		words: make([]uint64, growth(live+words)+4),
	}
	c := copying{shard: s, from: old, to: t, next: firstRecord}
	if s.head == nodeHead {
		c.next += nodeHead + uint32(keyWords(0)) // The root.
	}
	s.records, s.filled = 0, 0
	if old != nil {
		c.run(uint32(s.used))
	}
	s.used, s.dead, s.lists, s.gone = int(c.next), 0, len(c.lists), 0
	lists := make([]atomic.Pointer[list], len(c.lists), growth(len(c.lists)))
	for i, l := range c.lists {
		lists[i].Store(l)
	}
	lists = lists[:cap(lists)]
	t.lists.Store(&lists)
	s.table.Store(t)
}

// copying is one rebuild under way.
type copying struct {
	shard    *shard
	from, to *table
	next     uint32   // Where the next record goes.
	moved    []uint32 // Nodes only: from the old place to the new.
	lists    []*list
}

func (c *copying) run(used uint32) {
	at := uint32(firstRecord)
	if c.shard.head == nodeHead {
		c.moved = make([]uint32, used)
		c.moved[nodeRoot] = nodeRoot
		copy(c.to.words[nodeRoot:nodeRoot+nodeUp], c.from.words[nodeRoot:])
		c.values(nodeRoot)
		c.to.words[nodeRoot+nodeKids] &^= 1<<32 - 1
		at += nodeHead + uint32(keyWords(0))
	}
	for head := uint32(c.shard.head); at < used; {
		size := head + uint32(keyWords(keyLen(c.from.words[at+head])))
		if c.lives(at) {
			c.record(at, size)
		}
		at += size
	}
}

// lives reports whether the record means anything: what does not is unlinked already.
func (c *copying) lives(at uint32) bool {
	w := c.from.words[at:]
	if c.shard.head == exactHead {
		return w[exactValue] != 0
	}
	return w[nodeHere]|w[nodeMany]|w[nodeKids] != 0
}

// record copies one record of size words and leads the new table to it.
func (c *copying) record(at, size uint32) {
	to := c.next
	c.next += size
	w := c.to.words[to : to+size]
	copy(w, c.from.words[at:at+size])
	c.values(to)
	s := c.shard
	if s.head == nodeHead {
		c.moved[at] = to
		w[nodeKids] &^= 1<<32 - 1 // The "+" child follows and puts itself in.
		up := c.moved[uint32(w[nodeUp])]
		w[nodeUp] = w[nodeUp]&nodeIsPlus | uint64(up)
		if w[nodeUp]&nodeIsPlus != 0 {
			c.to.words[up+nodeKids] |= uint64(to)
			return
		}
	}
	s.filled++
	s.records++
	c.to.insert(s.hashOfLocked(c.to, to), to)
}

// values gives the lists of the record at (in the new table) their new numbers. A list
// of one becomes its only subscription.
func (c *copying) values(at uint32) {
	values := uint32(nodeKids) // A node has two,
	if c.shard.head == exactHead {
		values = exactHead // an exact record one.
	}
	for i := at; i < at+values; i++ {
		w := c.to.words[i]
		if w == 0 || w >= firstInline {
			continue
		}
		l := c.from.listOf(w)
		if p := l.alone(); p != 0 {
			c.to.words[i] = uint64(p)
			continue
		}
		c.lists = append(c.lists, l)
		c.to.words[i] = uint64(len(c.lists))
	}
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
