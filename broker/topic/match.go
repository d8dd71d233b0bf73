package topic

// Match fills r with all that name (a Topic Name; lent) reaches. Without allocation once r has grown.
//
// It locks nothing. A subscription that is there from before Match begins until after it
// ends is found; one that comes or goes meanwhile is found or not.
func (t *Tree) Match(r *Result, name []byte) {
	r.reset(t)
	hash := t.whole(name)
	r.note(seenExact, genOf(hash))
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
// head shard and, behind the second and the third level, through a prefix shard each: a
// level is hashed once for all nodes reached, and the look-ups of one level do not wait
// for each other.
func (t *Tree) walk(r *Result, name []byte) {
	var level part
	rest, more := t.next(&level, name)
	r.note(seenAny, generations)
	r.note(seenFirst, genOf(t.edge(&level, 0)))
	r.note(seenTwo, generations) // Unless there are as many levels.
	r.note(seenThree, generations)
	r.head.start(t.head.table.Load(), nodeRoot)
	r.two.start(nil, 0)
	r.three.start(nil, 0)
	// [v5 MQTT-4.7.2-1]: no wildcard in the place of a level that begins with $.
	r.head.step(r, &level, len(name) == 0 || name[0] != '$')
	for depth := 2; more; depth++ {
		if depth > prefixLevels && len(r.head.nodes)|len(r.two.nodes)|len(r.three.nodes) == 0 {
			return // No filter goes as deep as the name.
		}
		rest, more = t.next(&level, rest)
		r.head.step(r, &level, true)
		r.two.step(r, &level, true)
		r.three.step(r, &level, true)
		switch depth {
		case 2:
			t.enter(r, &r.two, seenTwo, leading(name, rest, more))
		case 3:
			t.enter(r, &r.three, seenThree, leading(name, rest, more))
		}
	}
	r.head.finish(r)
	r.two.finish(r)
	r.three.finish(r)
}

// leading is name without rest and, if rest follows one, without the slash between them.
func leading(name, rest []byte, more bool) []byte {
	if more {
		return name[:len(name)-len(rest)-1]
	}
	return name
}

// enter begins the walk behind the first levels of the name.
func (t *Tree) enter(r *Result, f *frontier, seen int, levels []byte) {
	first := t.part(levels)
	hash := t.edge(&first, nodeRoot)
	r.note(seen, genOf(hash))
	if tb := t.prefix[hash%prefixShards].table.Load(); tb != nil {
		f.start(tb, tb.child(hash, nodeRoot, &first))
	}
}

// A frontier is the nodes of one table that the levels so far have reached.
type frontier struct {
	table       *table
	nodes, next []uint32
}

// start begins at one node; at none if t is nil or at is 0.
func (f *frontier) start(t *table, at uint32) {
	f.table = t
	f.nodes = f.nodes[:0]
	if t != nil && at != 0 {
		f.nodes = append(f.nodes, at)
	}
}

// step goes one level down; wild says whether wildcards stand for this level.
func (f *frontier) step(r *Result, level *part, wild bool) {
	if len(f.nodes) == 0 {
		return
	}
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
