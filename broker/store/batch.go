package store

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// A Batch is a list of changes that become durable together or not at all. The zero value is
// empty and ready; a Batch is used again after Reset. It is not safe for
// concurrent use: each loop has its own.
//
// A key is not empty, and its first byte is not zero: those are the store's own.
// Anything else is a mistake of the program, and panics.
type Batch struct {
	// ops are the changes as they go to the log, in pebble's form: kind, key, and
	// what belongs to the kind, each with its length in front. A group is made by
	// copying them one behind the other, and nobody takes them apart before
	// they lie in the log.
	ops []byte
	n   uint32
}

// keptBatch is how much memory a Batch keeps for the next time. Bytes.
const keptBatch = 64 << 10

// Reset empties the batch.
func (b *Batch) Reset() {
	if cap(b.ops) > keptBatch {
		b.ops = nil
	}
	b.ops, b.n = b.ops[:0], 0
}

// Len is the size of the changes in bytes, Count their number.
func (b *Batch) Len() int   { return len(b.ops) }
func (b *Batch) Count() int { return int(b.n) }

// Set copies key and value; the value may be empty.
func (b *Batch) Set(key, value []byte) {
	b.op(pebble.InternalKeyKindSet, key)
	b.bytes(value)
}

// Delete takes a key out, if it is there.
func (b *Batch) Delete(key []byte) { b.op(pebble.InternalKeyKindDelete, key) }

// DeleteOnce takes out a key that was set exactly once since it last was
// absent. Set and DeleteOnce annihilate each other where they meet, usually in memory, and
// nothing of them is ever sorted or written to a table; a Delete lives on until
// it has reached the bottom. For a key that was set twice the older value may come
// back: use it for keys that are never used again.
func (b *Batch) DeleteOnce(key []byte) { b.op(pebble.InternalKeyKindSingleDelete, key) }

// DeleteRange takes out all keys from <= k < to. It costs a reader more than a
// Delete does: meant for what is over as a whole, like a session.
func (b *Batch) DeleteRange(from, to []byte) {
	if string(from) >= string(to) {
		return
	}
	b.op(pebble.InternalKeyKindRangeDelete, from)
	b.bytes(to)
}

// DeletePrefix takes out all keys that begin with prefix.
func (b *Batch) DeletePrefix(prefix []byte) {
	end := prefixEnd(prefix)
	if end == nil {
		panic("store: no key follows this prefix")
	}
	b.DeleteRange(prefix, end)
}

func (b *Batch) op(kind pebble.InternalKeyKind, key []byte) {
	if len(key) == 0 || key[0] == ownKeys {
		panic("store: a key is empty or begins with zero")
	}
	b.ops = append(b.ops, byte(kind))
	b.bytes(key)
	b.n++
}

func (b *Batch) bytes(p []byte) {
	b.ops = binary.AppendUvarint(b.ops, uint64(len(p)))
	b.ops = append(b.ops, p...)
}

// prefixEnd is the least key that is greater than all keys with the prefix, or nil if there is none.
func prefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xFF {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}
