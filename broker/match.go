package broker

import (
	"bytes"
	"hash/maphash"
	"slices"

	"mqttbench/broker/topic"
	"mqttbench/broker/transport"
)

// A matchCache remembers, for one loop, whom the Topic Names that its publishers
// use reach. An entry is good as long as the tree says that nothing it was made
// from has changed.
//
// A name has a set of four places, and pushes out one of those that were there. Names that never come again
// therefore cost one look at a cache line, and no bookkeeping. (With one place for each name, a thousand
// publishers in a thousand places were in each other's way six times in ten.) There is no cache for
// the whole server: it would need a lock, and help less the more the names differ.
type matchCache struct {
	tree  *topic.Tree
	n     *counters // The loop's.
	seed  maphash.Seed
	sets  *[matchSets]matchSet
	turn  uint          // Which place of a set is given up next.
	large *topic.Result // For what is too large to be kept.
}

// A matchSet is one cache line.
type matchSet struct {
	hashes [matchWays]uint64
	places [matchWays]*match // nil: free.
}

const (
	matchSets = 1024 // A power of two.
	matchWays = 4

	// What is larger is matched anew each time, which is cheap beside its delivery; so a cache is at
	// most about matchSets * matchWays * (matchMaxTargets*16 + matchMaxName) = 18 MB.
	matchMaxTargets = 256
	matchMaxName    = 256
)

type match struct {
	name   []byte
	large  bool // It reached too many the last time; then result is empty.
	result topic.Result
}

func (mc *matchCache) init(t *topic.Tree, n *counters) {
	mc.tree, mc.n = t, n
	mc.seed = maphash.MakeSeed()
	mc.sets = new([matchSets]matchSet)
	mc.large = new(topic.Result)
}

// find returns what name reaches, valid until the next call.
func (mc *matchCache) find(name []byte) *topic.Result {
	if len(name) > matchMaxName {
		mc.match(mc.large, name)
		return mc.large
	}
	hash := maphash.Bytes(mc.seed, name)
	set := &mc.sets[hash%matchSets]
	m := set.lookUp(hash, name)
	if m == nil {
		m = mc.replace(set, hash)
		m.name, m.large = append(m.name[:0], name...), false
	} else if !m.large && mc.tree.Current(&m.result) {
		return &m.result
	}
	r := &m.result
	if m.large {
		r = mc.large
	}
	mc.match(r, name)
	if m.large = len(r.Targets) > matchMaxTargets; m.large && r != mc.large {
		*mc.large, m.result = m.result, topic.Result{}
		r = mc.large
	}
	return r
}

// matchSample: the time of one match in so many is taken. Two looks at a clock would make a short match half as long again.
const matchSample = 16

// match asks the tree.
func (mc *matchCache) match(r *topic.Result, name []byte) {
	if mc.n.matches++; mc.n.matches%matchSample != 0 {
		mc.tree.Match(r, name)
		return
	}
	began := transport.Clock()
	mc.tree.Match(r, name)
	mc.n.matched.observe(transport.Clock() - began)
}

// lookUp returns nil if the name is not there.
func (set *matchSet) lookUp(hash uint64, name []byte) *match {
	for i, h := range set.hashes {
		if m := set.places[i]; h == hash && m != nil && bytes.Equal(m.name, name) {
			return m
		}
	}
	return nil
}

// replace gives a place to a name that is not there, and what was in it to be used again.
func (mc *matchCache) replace(set *matchSet, hash uint64) *match {
	i := slices.Index(set.places[:], nil)
	if i < 0 {
		mc.turn++
		i = int(mc.turn % matchWays)
	} else {
		set.places[i] = new(match)
	}
	set.hashes[i] = hash
	return set.places[i]
}
