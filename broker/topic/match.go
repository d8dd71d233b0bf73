package topic

// Match fills r with all that name (a Topic Name; lent) reaches. Without allocation once r has grown.
//
// It locks nothing. A subscription that is there from before Match begins until after it
// ends is found; one that comes or goes meanwhile is found or not.
func (t *Tree) Match(r *Result, name []byte) {
	r.reset(t)
	hash := t.whole(name)
	r.note(0, genOf(hash))
	if tb := t.exact[hash%exactShards].table.Load(); tb != nil {
		if at := tb.find(hash, name); at != 0 {
			if w := tb.load(at + exactValue); w != 0 {
				r.take(tb, w)
			}
		}
	}
	t.walk(r, name)
	r.settle()
}

// walk takes what the filters with wildcards give. It goes level by level through the
// head shard and, from the third level on, through one pair shard too: a level is hashed
// once for all nodes reached, and the look-ups of one level do not wait for each other.
func (t *Tree) walk(r *Result, name []byte) {
	var level part
	rest, more := t.next(&level, name)
	r.note(1, generations)
	r.note(2, genOf(t.edge(&level, 0)))
	r.note(3, generations) // Unless there is a second level.
	r.head.start(t.head.table.Load())
	r.pair.start(nil)
	if r.head.table != nil {
		r.head.nodes = append(r.head.nodes, nodeRoot)
		// [v5 MQTT-4.7.2-1]: no wildcard in the place of a level that begins with $.
		r.head.step(r, &level, len(name) == 0 || name[0] != '$')
	}
	if more {
		rest, more = t.next(&level, rest)
		t.enterPair(r, leading(name, rest, more))
		r.head.step(r, &level, true)
	}
	for more && len(r.head.nodes)|len(r.pair.nodes) != 0 {
		rest, more = t.next(&level, rest)
		r.head.step(r, &level, true)
		r.pair.step(r, &level, true)
	}
	if more {
		return // No filter goes as deep as the name.
	}
	r.head.finish(r)
	r.pair.finish(r)
}

// leading is name without rest and, if rest follows one, without the slash between them.
func leading(name, rest []byte, more bool) []byte {
	if more {
		return name[:len(name)-len(rest)-1]
	}
	return name
}

// enterPair begins the walk below the first two levels.
func (t *Tree) enterPair(r *Result, two []byte) {
	level := t.part(two)
	hash := t.edge(&level, nodeRoot)
	r.note(3, genOf(hash))
	tb := t.pair[hash%pairShards].table.Load()
	if tb == nil {
		return
	}
	r.pair.start(tb)
	if at := tb.child(hash, nodeRoot, &level); at != 0 {
		r.pair.nodes = append(r.pair.nodes, at)
	}
}

// A frontier is the nodes of one table that the levels so far have reached.
type frontier struct {
	table       *table
	nodes, next []uint32
}

func (f *frontier) start(t *table) {
	f.table = t
	f.nodes = f.nodes[:0]
}

// step goes one level down; wild says whether wildcards stand for this level.
func (f *frontier) step(r *Result, level *part, wild bool) {
	next := f.next[:0]
	t, h := f.table, &r.tree.hasher
	for _, at := range f.nodes {
		kids := t.load(at + nodeKids)
		if wild {
			if w := t.load(at + nodeMany); w != 0 {
				r.take(t, w)
			}
			if plus := uint32(kids); plus != 0 {
				next = append(next, plus)
			}
		}
		if kids >= oneKid {
			if node := t.child(h.edge(level, at), at, level); node != 0 {
				next = append(next, node)
			}
		}
	}
	f.nodes, f.next = next, f.nodes
}

// finish takes the filters that end where the name ends. "#" stands for the parent
// level too [v5 4.7.1.2].
func (f *frontier) finish(r *Result) {
	for _, at := range f.nodes {
		for i := range uint32(nodeKids) { // Both values.
			if w := f.table.load(at + i); w != 0 {
				r.take(f.table, w)
			}
		}
	}
}

// Current reports whether nothing that r was made from has changed since. It may say no
// although nothing has: filters share counters. A few atomic loads.
func (t *Tree) Current(r *Result) bool {
	if r.tree != t {
		return false
	}
	for i := range r.seen {
		if t.gens[r.seen[i].gen].Load() != r.seen[i].count {
			return false
		}
	}
	return true
}
