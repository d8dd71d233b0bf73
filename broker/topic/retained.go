package topic

import (
	"hash/maphash"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
)

// retainedShards is a power of two.
const retainedShards = 64

// maxLevels bounds the depth of the index of retained names: the levels from there on
// are one. A Topic Name of 65,535 slashes is legal, and would else become 65,535 maps.
const maxLevels = 16

// Retained keeps one value for each Topic Name. It is safe for concurrent use.
//
// Each shard has a map for names and an index by levels for filters. The shard follows
// from the first two levels, so a filter that begins with two literal levels looks into
// one shard, and any other into all.
type Retained[T any] struct {
	seed   maphash.Seed
	size   atomic.Int64
	shards [retainedShards]retainedShard[T]
}

type retainedShard[T any] struct {
	mu    sync.RWMutex
	names map[string]*level[T] // Guarded by mu; and so all levels.
	root  level[T]
}

// A level is one node of the index. Every one but the root has a value or a child.
type level[T any] struct {
	name  string // The whole Topic Name, if there is a value.
	value T
	has   bool

	own  string // This level's own name: its key in up.kids.
	up   *level[T]
	kids map[string]*level[T]
}

// NewRetained returns an empty store.
func NewRetained[T any]() *Retained[T] { return &Retained[T]{seed: maphash.MakeSeed()} }

// shard is where name, or a filter with two literal levels, belongs.
func (s *Retained[T]) shard(name string) *retainedShard[T] {
	if i := strings.IndexByte(name, '/'); i >= 0 {
		if j := strings.IndexByte(name[i+1:], '/'); j >= 0 {
			name = name[:i+1+j]
		}
	}
	return &s.shards[maphash.String(s.seed, name)%retainedShards]
}

// Len is the number of names that have a value.
func (s *Retained[T]) Len() int { return int(s.size.Load()) }

// Get returns what stands under name.
func (s *Retained[T]) Get(name string) (v T, ok bool) {
	sh := s.shard(name)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if l := sh.names[name]; l != nil {
		return l.value, true
	}
	return v, false
}

// Set keeps v under name and returns what stood there before. The store keeps name.
func (s *Retained[T]) Set(name string, v T) (old T, existed bool) {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.names[name]
	if l != nil {
		old, l.value = l.value, v
		return old, true
	}
	if sh.names == nil {
		sh.names = make(map[string]*level[T])
	}
	l = sh.root.make(name)
	l.name, l.value, l.has = name, v, true
	sh.names[name] = l
	s.size.Add(1)
	return old, false
}

// make finds or makes the level of name below the root l.
func (l *level[T]) make(name string) *level[T] {
	for depth, more := 1, true; more; depth++ {
		var own string
		own, name, more = cutLevel(name, depth)
		kid := l.kids[own]
		if kid == nil {
			if more { // It may outlive the name whose part it is.
				own = strings.Clone(own)
			}
			kid = &level[T]{own: own, up: l}
			if l.kids == nil {
				l.kids = make(map[string]*level[T])
			}
			l.kids[own] = kid
		}
		l = kid
	}
	return l
}

// cutLevel splits the level of that depth, from 1, off what is left of a name or filter.
func cutLevel(s string, depth int) (level, rest string, more bool) {
	if depth >= maxLevels {
		return s, "", false
	}
	return strings.Cut(s, "/")
}

// Delete takes name out and returns what stood there.
func (s *Retained[T]) Delete(name string) (old T, existed bool) {
	sh := s.shard(name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	l := sh.names[name]
	if l == nil {
		return old, false
	}
	old = l.value
	var none T
	l.name, l.value, l.has = "", none, false
	delete(sh.names, name)
	for l.up != nil && !l.has && len(l.kids) == 0 {
		delete(l.up.kids, l.own)
		if len(l.up.kids) == 0 {
			l.up.kids = nil // A map keeps the room it once needed.
		}
		l = l.up
	}
	if len(sh.names) == 0 {
		sh.names = nil
	}
	s.size.Add(-1)
	return old, true
}

// Match yields all whose name matches filter, in no order. No lock is held while it
// yields: the caller may change the store. A name that is there throughout is yielded
// once; one that comes or goes meanwhile, once or not at all.
func (s *Retained[T]) Match(filter string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		if !strings.ContainsAny(filter, "+#") {
			if v, ok := s.Get(filter); ok {
				yield(filter, v)
			}
			return
		}
		if twoLiteral(filter) {
			s.shard(filter).match(filter, yield)
			return
		}
		for i := range s.shards {
			if !s.shards[i].match(filter, yield) {
				return
			}
		}
	}
}

// twoLiteral reports whether the filter begins with two literal levels.
func twoLiteral(filter string) bool {
	one, rest, _ := strings.Cut(filter, "/")
	two, _, _ := strings.Cut(rest, "/")
	return !strings.ContainsAny(one, "+#") && !strings.ContainsAny(two, "+#")
}

// match yields what the shard has and reports whether to go on.
func (sh *retainedShard[T]) match(filter string, yield func(string, T) bool) bool {
	sh.mu.RLock()
	m := matching[T]{&sh.mu, filter, yield}
	goOn := m.below(&sh.root, filter, 1)
	sh.mu.RUnlock() // Not deferred: if yield panics the lock is not held.
	return goOn
}

// matching is one Match in one shard. Its methods are called with mu held for reading,
// return with it held, and let go of it meanwhile. A map may be changed between two steps
// of a range over it: what stays is still reached, once.
type matching[T any] struct {
	mu     *sync.RWMutex
	filter string
	yield  func(string, T) bool
}

// value yields the value of l if there is one.
func (m *matching[T]) value(l *level[T]) bool {
	if !l.has {
		return true
	}
	name, v := l.name, l.value
	m.mu.RUnlock()
	goOn := m.yield(name, v)
	m.mu.RLock()
	return goOn
}

// below yields what rest of the filter matches below l; depth is that of l's children.
func (m *matching[T]) below(l *level[T], rest string, depth int) bool {
	if depth == maxLevels && rest != "#" {
		return m.deep(l)
	}
	own, rest, more := cutLevel(rest, depth)
	switch own {
	case "#":
		return m.value(l) && m.all(l, depth)
	case "+":
		for name, kid := range l.kids {
			if hidden(name, depth) {
				continue
			}
			if !m.at(kid, rest, more, depth) {
				return false
			}
		}
		return true
	}
	if kid := l.kids[own]; kid != nil {
		return m.at(kid, rest, more, depth)
	}
	return true
}

// at goes on at a level that matches: the filter ends there, or goes on below.
func (m *matching[T]) at(l *level[T], rest string, more bool, depth int) bool {
	if more {
		return m.below(l, rest, depth+1)
	}
	return m.value(l)
}

// all yields everything below l.
func (m *matching[T]) all(l *level[T], depth int) bool {
	for name, kid := range l.kids {
		if hidden(name, depth) {
			continue
		}
		if !m.value(kid) || !m.all(kid, depth+1) {
			return false
		}
	}
	return true
}

// deep compares with the whole names where the index ends.
func (m *matching[T]) deep(l *level[T]) bool {
	for _, kid := range l.kids {
		if kid.has && Matches(m.filter, kid.name) && !m.value(kid) {
			return false
		}
	}
	return true
}

// hidden reports whether no wildcard stands for the level: the first one, if it begins
// with $ [v5 MQTT-4.7.2-1].
func hidden(name string, depth int) bool {
	return depth == 1 && strings.HasPrefix(name, "$")
}
