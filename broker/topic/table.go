package topic

import (
	"math/bits"
	"sync/atomic"
)

// A table finds records by key. It is what readers see of a shard.
//
//	slots   tag 32 | at 32   ...      one for each record, by hash, linear probing
//	                  |
//	words   . . . . . head key . . .  records, one behind the other; at counts words
//	                    |
//	lists   . . . . . . .             subscriber lists of more than one, by number
//
// Invariants: at least one slot is empty. A record is complete before a slot or a link
// leads to it, and it stays where it is while the table lives. A number in lists is given
// once in the life of the table: a reader who comes late finds nil, never another's list.
type table struct {
	slots []uint64 // Atomic.
	words []uint64 // Atomic in the head of a record; keys never change.
	lists atomic.Pointer[[]atomic.Pointer[list]]
}

// Slots that hold no record. Records begin behind them, at firstRecord.
const (
	slotEmpty   = 0
	slotGone    = 1 // Probing goes on behind it.
	firstRecord = 2
)

// slotFor is the slot of a record; the slot's number comes from other bits of the hash.
func slotFor(hash uint64, at uint32) uint64 { return hash>>8<<32 | uint64(at) }

// home is where probing for hash begins: the hash as a fraction of the table, so that a
// table can have any size and grow by a quarter.
func (t *table) home(hash uint64) int {
	hi, _ := bits.Mul64(hash, uint64(len(t.slots)))
	return int(hi)
}

func (t *table) load(at uint32) uint64     { return atomic.LoadUint64(&t.words[at]) }
func (t *table) store(at uint32, w uint64) { atomic.StoreUint64(&t.words[at], w) }

// find returns the record of name in an exact table, 0 if there is none.
func (t *table) find(hash uint64, name []byte) uint32 {
	first, rest := firstWord(name)
	for i := t.home(hash); ; {
		s := atomic.LoadUint64(&t.slots[i])
		if s == slotEmpty {
			return 0
		}
		if at := uint32(s); s == slotFor(hash, at) && at >= firstRecord && keyIs(t.words[at+exactHead:], first, rest) {
			return at
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
}

// child returns the node below parent for a literal level, 0 if there is none. The hash
// is that of the edge between both.
func (t *table) child(hash uint64, parent uint32, level *part) uint32 {
	for i := t.home(hash); ; {
		s := atomic.LoadUint64(&t.slots[i])
		if s == slotEmpty {
			return 0
		}
		if at := uint32(s); s == slotFor(hash, at) && at >= firstRecord &&
			t.words[at+nodeUp] == uint64(parent) && keyIs(t.words[at+nodeHead:], level.first, level.rest) {
			return at
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
}

// listOf returns the list that the value w stands for, nil if it has gone meanwhile.
func (t *table) listOf(w uint64) *list {
	return (*t.lists.Load())[uint32(w)-1].Load()
}

// insert leads hash to the record at, and reports whether that took an empty slot.
// Owned by the writer.
func (t *table) insert(hash uint64, at uint32) (filled bool) {
	i := t.home(hash)
	for t.slots[i] > slotGone {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	filled = t.slots[i] == slotEmpty
	atomic.StoreUint64(&t.slots[i], slotFor(hash, at))
	return filled
}

// remove takes the slot of the record at away and returns how many slots became empty.
// A slot becomes empty if probing would end behind it anyhow, and so do the gone ones
// before it. Owned by the writer.
func (t *table) remove(hash uint64, at uint32) (emptied int) {
	i := t.home(hash)
	for t.slots[i] != slotFor(hash, at) {
		if i++; i == len(t.slots) {
			i = 0
		}
	}
	atomic.StoreUint64(&t.slots[i], slotGone)
	if t.slots[(i+1)%len(t.slots)] != slotEmpty {
		return 0
	}
	for ; t.slots[i] == slotGone; emptied++ {
		atomic.StoreUint64(&t.slots[i], slotEmpty)
		if i--; i < 0 {
			i = len(t.slots) - 1
		}
	}
	return emptied
}
