package topic

import (
	"bytes"
	"sync/atomic"
)

// prefixLevels is how many literal levels at the beginning of a filter choose its shard,
// if it has as many; two if it has only those.
const prefixLevels = 3

// A place is where a filter belongs.
type place struct {
	*shard
	gen  *atomic.Uint64
	hash uint64 // Of first: what chooses the shard.
	// What comes first below the root: the whole filter if it is exact, two or three
	// levels in a prefix shard, nothing in the head shard.
	first []byte
	// The levels behind first, to be walked; nil for an exact filter.
	levels []byte
}

// place finds where filter (without $share) belongs.
func (t *Tree) place(filter []byte) place {
	if !bytes.ContainsAny(filter, "+#") {
		h := t.whole(filter)
		return place{&t.exact[h%exactShards], t.gen(h), h, filter, nil}
	}
	literal, rest := prefix(filter)
	switch levels := bytes.Count(literal, slash) + 1; {
	case literal == nil:
		return place{&t.head, &t.gens[generations], 0, nil, filter}
	case levels == 1:
		level := t.part(literal)
		return place{&t.head, t.gen(t.edge(&level, 0)), 0, nil, filter}
	}
	level := t.part(literal)
	h := t.edge(&level, nodeRoot)
	return place{&t.prefix[h%prefixShards], t.gen(h), h, literal, rest}
}

// prefix splits the literal levels before the first wildcard, at most three, off a filter
// that has one. It is nil if there are none: "/+" has one, which is empty.
func prefix(filter []byte) (literal, rest []byte) {
	end, rest := -1, filter
	for range prefixLevels {
		level, behind, _ := cut(rest)
		if isWildcard(level) {
			break
		}
		end += len(level) + 1
		rest = behind
	}
	if end < 0 {
		return nil, filter
	}
	return filter[:end:end], rest
}

var slash = []byte{'/'}

func isWildcard(level []byte) bool {
	return len(level) == 1 && (level[0] == '+' || level[0] == '#')
}

// subscribeLocked adds or replaces s.
func (p *place) subscribeLocked(share string, s Subscription) (existed bool) {
	t, value := p.findLocked()
	if value == 0 {
		t, value = p.makeLocked()
	}
	return p.putLocked(t, value, share, s)
}

// unsubscribeLocked removes who and what led to nobody else.
func (p *place) unsubscribeLocked(share string, who Subscriber) (existed bool) {
	t, value := p.findLocked()
	if value == 0 || !p.dropLocked(t, value, share, who) {
		return false
	}
	if t.words[value] == 0 {
		p.pruneLocked(t, value)
		p.shrinkLocked(t)
	}
	return true
}

// findLocked returns where the value of the filter is, 0 if the filter is unknown.
func (p *place) findLocked() (t *table, value uint32) {
	t = p.table.Load()
	switch {
	case t == nil:
		return nil, 0
	case p.head == exactHead:
		return t, t.find(p.hash, p.first) // + exactValue, which is 0.
	}
	at := uint32(nodeRoot)
	if p.first != nil {
		if at = p.childLocked(t, at, p.first); at == 0 {
			return t, 0
		}
	}
	for level, rest, more := cut(p.levels); ; level, rest, more = cut(rest) {
		switch kind(level) {
		case '#':
			return t, at + nodeMany
		case '+':
			at = uint32(t.words[at+nodeKids])
		default:
			at = p.childLocked(t, at, level)
		}
		if at == 0 || !more {
			return t, at // + nodeHere, which is 0.
		}
	}
}

// makeLocked makes what is missing on the way to the filter's value.
func (p *place) makeLocked() (t *table, value uint32) {
	if p.head == exactHead {
		p.reserveLocked(1, exactHead+keyWords(len(p.first)))
		t = p.table.Load()
		at := p.newRecordLocked(t, p.first)
		p.linkLocked(t, p.hash, at)
		return t, at
	}
	// Room for all levels at once, whether they are there or not: a rebuild halfway
	// would void the places of the nodes found. The key of n bytes has at most n/8+2 words.
	nodes := 2 + bytes.Count(p.levels, slash)
	p.reserveLocked(nodes, nodes*(nodeHead+2)+(len(p.first)+len(p.levels))/8)
	t = p.table.Load()
	at := uint32(nodeRoot)
	if p.first != nil {
		at = p.literalLocked(t, at, p.first)
	}
	for level, rest, more := cut(p.levels); ; level, rest, more = cut(rest) {
		switch kind(level) {
		case '#':
			return t, at + nodeMany
		case '+':
			at = p.plusLocked(t, at)
		default:
			at = p.literalLocked(t, at, level)
		}
		if !more {
			return t, at
		}
	}
}

// childLocked finds the node for a literal level below at, 0 if there is none.
func (s *shard) childLocked(t *table, at uint32, name []byte) uint32 {
	level := s.hasher.part(name)
	return t.child(s.hasher.edge(&level, at), at, &level)
}

// literalLocked finds or makes the node for a literal level below at.
func (s *shard) literalLocked(t *table, at uint32, name []byte) uint32 {
	level := s.hasher.part(name)
	hash := s.hasher.edge(&level, at)
	if node := t.child(hash, at, &level); node != 0 {
		return node
	}
	node := s.newRecordLocked(t, name)
	t.words[node+nodeUp] = uint64(at)
	s.linkLocked(t, hash, node)
	t.store(at+nodeKids, t.words[at+nodeKids]+oneKid)
	return node
}

// plusLocked finds or makes the "+" node below at.
func (s *shard) plusLocked(t *table, at uint32) uint32 {
	if node := uint32(t.words[at+nodeKids]); node != 0 {
		return node
	}
	node := s.newRecordLocked(t, nil)
	t.words[node+nodeUp] = uint64(at) | nodeIsPlus
	t.store(at+nodeKids, t.words[at+nodeKids]|uint64(node))
	return node
}

// pruneLocked removes the record of a value that became 0, and every node above that
// leads nowhere any more.
func (p *place) pruneLocked(t *table, value uint32) {
	if p.head == exactHead {
		p.unlinkLocked(t, value)
		return
	}
	at := p.nodeOf(t, value)
	for at != nodeRoot && t.words[at+nodeHere]|t.words[at+nodeMany]|t.words[at+nodeKids] == 0 {
		up := uint32(t.words[at+nodeUp])
		kids := t.words[up+nodeKids]
		if t.words[at+nodeUp]&nodeIsPlus != 0 {
			p.buryLocked(t, at)
			t.store(up+nodeKids, kids&^(1<<32-1))
		} else {
			p.unlinkLocked(t, at)
			t.store(up+nodeKids, kids-oneKid)
		}
		at = up
	}
}

// nodeOf is the node that a value found for p belongs to.
func (p *place) nodeOf(t *table, value uint32) uint32 {
	if kind(p.levels[bytes.LastIndexByte(p.levels, '/')+1:]) == '#' {
		return value - nodeMany
	}
	return value - nodeHere
}

// kind is '+' or '#' for a wildcard, 0 for a literal level.
func kind(level []byte) byte {
	if isWildcard(level) {
		return level[0]
	}
	return 0
}

// cut splits the first level off.
func cut(name []byte) (level, rest []byte, more bool) {
	if i := bytes.IndexByte(name, '/'); i >= 0 {
		return name[:i], name[i+1:], true
	}
	return name, nil, false
}
