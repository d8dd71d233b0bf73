package broker

import (
	"bytes"
	"hash/maphash"

	"mqttbench/broker/topic"
)

// A matchCache remembers, for one loop, whom the Topic Names that its publishers
// use reach. An entry is good as long as the tree says that nothing it was made
// from has changed.
//
// It is direct-mapped: a name has one place and pushes out what was there. Names
// that never come again therefore cost one comparison, and no bookkeeping. There is
// none for the whole server: it would need a lock, and help less the more the names
// differ.
type matchCache struct {
	tree  *topic.Tree
	seed  maphash.Seed
	slots [matchSlots]*match
	large topic.Result // For what is too large to be kept.
}

const (
	matchSlots = 1024 // A power of two.

	// What is larger is matched anew each time; so a cache is at most about
	// matchSlots * (matchMaxTargets*16 + matchMaxName) = 17 MB.
	matchMaxTargets = 1024
	matchMaxName    = 256
)

type match struct {
	name   []byte // Empty: none.
	result topic.Result
}

func (mc *matchCache) init(t *topic.Tree) {
	mc.tree = t
	mc.seed = maphash.MakeSeed()
}

// find returns what name reaches, valid until the next call.
func (mc *matchCache) find(name []byte) *topic.Result {
	if len(name) > matchMaxName {
		mc.tree.Match(&mc.large, name)
		return &mc.large
	}
	slot := &mc.slots[maphash.Bytes(mc.seed, name)&(matchSlots-1)]
	m := *slot
	if m == nil {
		m = new(match)
		*slot = m
	} else if bytes.Equal(m.name, name) && mc.tree.Current(&m.result) {
		return &m.result
	}
	m.name = append(m.name[:0], name...)
	mc.tree.Match(&m.result, name)
	if len(m.result.Targets) > matchMaxTargets {
		mc.large, m.result = m.result, topic.Result{}
		m.name = m.name[:0]
		return &mc.large
	}
	return &m.result
}
