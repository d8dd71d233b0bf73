package topic

import "sync/atomic"

// rebuildLocked copies what lives to a new table with room for more. Records keep their
// order, so parents still come before their children and one pass is enough.
//
// It holds the writers of this shard up, never a reader: about 0.2 µs a record, so 1 ms
// in one of the exact shards of a million names. The head shard is only one: with a
// million filters like "site/+/dev/7/temp", two million nodes, the longest Subscribe took
// 0.4 s on a busy machine, once for each quarter that the shard grows. Growing in steps
// would end that, for a second table that every change has to be made in.
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
