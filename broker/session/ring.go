package session

import (
	"math/bits"
	"sync"
	"unsafe"

	"mqttbench/broker/packet"
)

// An entry is one promise. It is small because a session may hold 100,000 of them.
type entry struct {
	msg   *Message // One reference is held; nil once it cannot be sent again.
	subID [1]uint32
	state state
	qos   packet.QoS
	flags flags
}

// state of an entry in flight. The table is in the package documentation.
type state uint8

const (
	published state = iota + 1
	released
	done
)

type flags uint8

const (
	retain   flags = 1 << iota
	oneSubID       // subID is the only Subscription Identifier.
	subList        // subID is an index into the session's subLists.
	live           // In flight on the present Network Connection: counted in Session.open.
)

// A ring is a queue of entries.
//
//	front < len(slots), a power of two, or zero before the first push
//	n    <= len(slots)
//
// Entry i stands in slots[(front+i) mod len]; all other slots are zero, so they keep
// no message alive. It doubles when it is full and halves when it is an eighth full,
// which costs a constant per entry, so that a session which was far behind once does
// not own megabytes ever after.
type ring struct {
	slots []entry
	front uint32
	n     uint32
}

// Rings of minSlots (128 bytes) are kept once a session has had traffic: giving back
// and fetching for each message would cost more than the message does. When they grow
// and shrink the slots come from pools and return there, up to maxPooledSlots (64
// KiB).
const (
	minSlots       = 8
	maxPooledSlots = 4096
)

var ringPools [13]sync.Pool // Of *entry, the first of 1<<index zero slots.

func (r *ring) at(i uint32) *entry {
	return &r.slots[(r.front+i)&uint32(len(r.slots)-1)]
}

// push appends a zero entry to be filled in. The pointer is valid until the next push
// or pop.
func (r *ring) push() *entry {
	if int(r.n) == len(r.slots) {
		r.resize(max(minSlots, 2*len(r.slots)))
	}
	r.n++
	return r.at(r.n - 1)
}

// pop forgets the first entry. The ring is not empty.
func (r *ring) pop() {
	r.slots[r.front] = entry{}
	r.front = (r.front + 1) & uint32(len(r.slots)-1)
	r.n--
	if int(r.n) <= len(r.slots)/8 {
		r.shrink()
	}
}

// cut forgets all entries from the n-th on.
func (r *ring) cut(n uint32) {
	for i := n; i < r.n; i++ {
		*r.at(i) = entry{}
	}
	r.n = n
	r.shrink()
}

func (r *ring) shrink() {
	for len(r.slots) > minSlots && int(r.n) <= len(r.slots)/8 {
		r.resize(len(r.slots) / 2)
	}
}

func (r *ring) resize(size int) {
	old := r.slots
	slots := getSlots(size)
	first := old[r.front:]
	first = first[:min(len(first), int(r.n))]
	copy(slots, first)
	copy(slots[len(first):], old[:int(r.n)-len(first)])
	r.slots, r.front = slots, 0
	putSlots(old)
}

// getSlots returns n zero slots. n is a power of two.
func getSlots(n int) []entry {
	if n >= minSlots && n <= maxPooledSlots {
		if p, ok := ringPools[bits.TrailingZeros(uint(n))].Get().(*entry); ok {
			return unsafe.Slice(p, n)
		}
	}
	return make([]entry, n)
}

// putSlots takes slots back. A pointer goes into the pool, for a slice in an interface
// is an allocation.
func putSlots(slots []entry) {
	if n := len(slots); n >= minSlots && n <= maxPooledSlots {
		clear(slots)
		ringPools[bits.TrailingZeros(uint(n))].Put(&slots[0])
	}
}
