package measure

import (
	"math"
	mathbits "math/bits"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
)

// bits are what the members of a shared subscription in one group have received of one stream. Each
// member sees a random part of it, so intervals would have as many gaps as messages, and a bit per
// message is less.
//
// Order is not checked: it is promised to each member, and the members share a record.
type bits struct {
	words    []uint64
	repeated []event // Deliveries of what the group had received before.
}

func (b *bits) has(seq uint32) bool {
	i := int(seq / 64)
	return i < len(b.words) && b.words[i]&(1<<(seq%64)) != 0
}

// put reports whether seq was not in the set.
func (b *bits) put(seq uint32) bool {
	i, mask := int(seq/64), uint64(1)<<(seq%64)
	for len(b.words) <= i {
		b.words = append(b.words, 0)
	}
	if b.words[i]&mask != 0 {
		return false
	}
	b.words[i] |= mask
	return true
}

// markShared enters a reception by a member of a shared subscription.
func (s *Subscriber) markShared(st *plan.Stamp, r *client.Reception) Outcome {
	b := &(*s.shared)[st.Stream]
	// One bad sequence number must not make a bitmap of 512 MB.
	if int(st.Seq/64) >= len(b.words) && st.Seq >= s.ledger.publishers[st.Stream].attempted.Load() {
		s.stray(result.Phantom, *st, r)
		return Phantom
	}
	if !b.put(st.Seq) {
		b.repeated = extend(b.repeated, st.Seq, r)
		return Duplicate
	}
	s.tally.Delivered++
	return First
}

// union is what any group has received of a stream, how many messages more than one group has, and the first of those.
func (l *Ledger) union(stream int) (all bits, twice uint64, first uint32) {
	received := 0
	first = math.MaxUint32
	for _, group := range l.shared {
		for i, w := range group[stream].words {
			if i == len(all.words) {
				all.words = append(all.words, 0)
			}
			if both := all.words[i] & w; both != 0 {
				first = min(first, uint32(i*64+mathbits.TrailingZeros64(both)))
			}
			all.words[i] |= w
			received += mathbits.OnesCount64(w)
		}
	}
	return all, uint64(received - all.count()), first
}

func (b *bits) count() int {
	n := 0
	for _, w := range b.words {
		n += mathbits.OnesCount64(w)
	}
	return n
}

// split gives what is missing below end, ascending, and how many there are from end on.
func (b *bits) split(end uint32) (missing []span, beyond uint64) {
	for seq := uint32(0); seq < end; seq++ {
		if b.has(seq) {
			continue
		}
		if n := len(missing); n > 0 && missing[n-1].to == seq {
			missing[n-1].to++
		} else {
			missing = append(missing, span{seq, seq + 1})
		}
	}
	return missing, uint64(b.count()) - (uint64(end) - sum(missing))
}
