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
func (s *Subscriber) markShared(place int, st *plan.Stamp, r *client.Reception) Outcome {
	b := &(*s.shared)[st.Stream]
	// One bad sequence number must not make a bitmap of 512 MB.
	if int(st.Seq/64) >= len(b.words) && st.Seq >= s.ledger.publishers[st.Stream].attempted.Load() {
		s.stray(result.Phantom, *st, r)
		return Phantom
	}
	high := s.oddities.highest
	high[place] = max(high[place], st.Seq+1)
	if !b.put(st.Seq) {
		b.repeated = extend(b.repeated, st.Seq, r)
		return Duplicate
	}
	s.tally.Delivered++
	return First
}

// A doubling is how many messages more than one group has, and the first of them.
type doubling struct {
	count uint64
	first uint32
}

func (d *doubling) add(words uint64, at uint32) {
	if words != 0 {
		d.first = min(d.first, at+uint32(mathbits.TrailingZeros64(words)))
		d.count += uint64(mathbits.OnesCount64(words))
	}
}

// union is what any group has received of a stream, and what more than one has: below a sequence number, and from it on. What three have counts twice.
func (l *Ledger) union(stream int, bound uint32) (all bits, below, from doubling) {
	below.first, from.first = math.MaxUint32, math.MaxUint32
	for _, group := range l.shared {
		for i, w := range group[stream].words {
			if i == len(all.words) {
				all.words = append(all.words, 0)
			}
			both, at, mask := all.words[i]&w, uint32(i*64), uint64(math.MaxUint64)
			if at+63 >= bound {
				mask = 1<<(bound-min(bound, at)) - 1
			}
			below.add(both&mask, at)
			from.add(both&^mask, at)
			all.words[i] |= w
		}
	}
	return all, below, from
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
