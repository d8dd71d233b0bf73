package store

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// ownKeys is the first byte of the store's own keys. There is one.
const ownKeys = 0

var numberKey = []byte{ownKeys, 'n'}

// A group is batches that are committed together: one record of the log.
//
//	0 <= headLen <= len(buf) <= groupBytes, or one large batch
//
// buf[:headLen] is pebble's header and the group's own change, which sets
// numberKey to last; the batches' changes follow in the order of Append.
type group struct {
	buf     []byte
	count   uint32
	batches int
	last    uint64 // Number of the newest batch.
}

const (
	// groupBytes bounds a group, and with it how long the first batch of a group
	// waits for the last to be written and sorted in: some 10 ms. Bytes.
	groupBytes = 1 << 20

	pebbleHeader = 12 // Sequence number, 8 bytes, filled in by pebble; count, 4 bytes.
	headLen      = pebbleHeader + 1 + 1 + 2 + 1 + 8
)

func (g *group) reset() {
	if cap(g.buf) > 2*groupBytes {
		g.buf = nil // One large batch must not be remembered for ever.
	}
	g.buf = append(g.buf[:0], make([]byte, pebbleHeader)...)
	g.buf = append(g.buf, byte(pebble.InternalKeyKindSet), byte(len(numberKey)))
	g.buf = append(g.buf, numberKey...)
	g.buf = append(g.buf, 8)
	g.buf = append(g.buf, make([]byte, 8)...)
	g.count, g.batches, g.last = 1, 0, 0
}

func (g *group) add(b *Batch, number uint64) {
	g.buf = append(g.buf, b.ops...)
	g.count += b.n
	g.batches++
	g.last = number
}

func (g *group) hasRoom(b *Batch) bool {
	return g.batches == 0 || len(g.buf)+len(b.ops) <= groupBytes
}

// size is what the group counts as waiting.
func (g *group) size() int { return len(g.buf) - headLen }

// seal fills in what was not known before.
func (g *group) seal() []byte {
	binary.LittleEndian.PutUint32(g.buf[8:], g.count)
	binary.BigEndian.PutUint64(g.buf[headLen-8:], g.last)
	return g.buf
}
