package session

import (
	"math/bits"
	"slices"
	"sync"

	"mqttbench/broker/packet"
)

// Receive takes an incoming QoS 2 PUBLISH; first is false for one whose identifier is
// in use (a resend: answer PUBREC, deliver nothing), [v5 MQTT-4.3.3-10].
func (s *Session) Receive(id packet.ID) (first bool) {
	if s.incoming == nil {
		s.incoming = new(idSet)
	}
	return s.incoming.add(id)
}

// Forget takes back a Receive whose message was refused (PUBREC >= 0x80).
func (s *Session) Forget(id packet.ID) { s.Release(id) }

// Release takes an incoming PUBREL; known is false for an identifier not in use
// (PUBCOMP 0x92 in version 5, plain PUBCOMP in 3.1.1).
func (s *Session) Release(id packet.ID) (known bool) {
	return s.incoming != nil && s.incoming.remove(id)
}

// An idSet is a set of Packet Identifiers: up to fewIDs of them sorted in place, more
// in a bitmap of 8 KiB, which goes back to its pool when the set has become empty.
// With few, the whole set is 128 bytes.
type idSet struct {
	many *[1024]uint64 // Nil: few[:n] is the set.
	n    uint32
	few  [fewIDs]packet.ID
}

const fewIDs = 58

var bitmaps = sync.Pool{New: func() any { return new([1024]uint64) }}

func (t *idSet) len() int { return int(t.n) }

// add reports whether id was new.
func (t *idSet) add(id packet.ID) bool {
	if t.many == nil {
		i, found := slices.BinarySearch(t.few[:t.n], id)
		if found {
			return false
		}
		if t.n < fewIDs {
			copy(t.few[i+1:], t.few[i:t.n])
			t.few[i] = id
			t.n++
			return true
		}
		t.spread()
	}
	word, bit := &t.many[id/64], uint64(1)<<(id%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	t.n++
	return true
}

// spread moves the identifiers to a bitmap.
func (t *idSet) spread() {
	t.many = bitmaps.Get().(*[1024]uint64)
	for _, id := range t.few[:t.n] {
		t.many[id/64] |= 1 << (id % 64)
	}
}

// remove reports whether id was there.
func (t *idSet) remove(id packet.ID) bool {
	if t.many == nil {
		i, found := slices.BinarySearch(t.few[:t.n], id)
		if found {
			copy(t.few[i:], t.few[i+1:t.n])
			t.n--
		}
		return found
	}
	word, bit := &t.many[id/64], uint64(1)<<(id%64)
	if *word&bit == 0 {
		return false
	}
	*word &^= bit
	t.n--
	if t.n == 0 {
		bitmaps.Put(t.many) // All zero again.
		t.many = nil
	}
	return true
}

func (t *idSet) all(yield func(packet.ID) bool) {
	if t.many == nil {
		for _, id := range t.few[:t.n] {
			if !yield(id) {
				return
			}
		}
		return
	}
	for i, word := range t.many {
		for ; word != 0; word &= word - 1 {
			if !yield(packet.ID(64*i + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}

func (t *idSet) clear() {
	if t.many != nil {
		clear(t.many[:])
		bitmaps.Put(t.many)
		t.many = nil
	}
	t.n = 0
}
