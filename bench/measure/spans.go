package measure

import "slices"

// A span is the sequence numbers [from, to).
type span struct{ from, to uint32 }

func (s span) len() uint64 { return uint64(s.to - s.from) }

// A seqSet is a set of sequence numbers that mostly come in order: a high-water mark and the holes
// below it.
//
//	0                                  next
//	|##########|  |########|    |########|
//	            holes[0]    holes[1]
//
// 0 <= holes[i].from < holes[i].to < holes[i+1].from, and the last hole ends below next. Memory is
// that of the holes, so a stream of a thousand million messages without loss takes 32 bytes.
type seqSet struct {
	holes []span
	next  uint32
}

// add reports whether seq was new, and whether it came late: below the mark.
func (s *seqSet) add(seq uint32) (added, late bool) {
	switch {
	case seq == s.next:
		s.next++
		return true, false
	case seq > s.next:
		s.holes = append(s.holes, span{s.next, seq})
		s.next = seq + 1
		return true, false
	default:
		return s.fill(seq), true
	}
}

// fill takes seq out of the hole it is in, if it is in one.
func (s *seqSet) fill(seq uint32) bool {
	i, ok := find(s.holes, seq)
	if !ok {
		return false
	}
	h := s.holes[i]
	switch {
	case h.len() == 1:
		s.holes = slices.Delete(s.holes, i, i+1)
	case seq == h.from:
		s.holes[i].from++
	case seq == h.to-1:
		s.holes[i].to--
	default:
		s.holes[i].to = seq
		s.holes = slices.Insert(s.holes, i+1, span{seq + 1, h.to})
	}
	return true
}

// has reports whether seq is in the set.
func (s *seqSet) has(seq uint32) bool {
	if seq >= s.next {
		return false
	}
	_, hole := find(s.holes, seq)
	return !hole
}

// missing appends to dst what is not in the set below end, ascending.
func (s *seqSet) missing(dst []span, end uint32) []span {
	for _, h := range s.holes {
		if h.from < end {
			dst = append(dst, span{h.from, min(h.to, end)})
		}
	}
	if s.next < end {
		dst = append(dst, span{s.next, end})
	}
	return dst
}

// below is how many numbers below end the set has.
func (s *seqSet) below(end uint32) uint64 {
	n := uint64(min(s.next, end))
	for _, h := range s.holes {
		if h.from < end {
			n -= uint64(min(h.to, end) - h.from)
		}
	}
	return n
}

// find looks for the span that contains seq, among disjoint ascending ones.
func find(spans []span, seq uint32) (int, bool) {
	i, ok := slices.BinarySearchFunc(spans, seq, func(s span, seq uint32) int {
		switch {
		case s.to <= seq:
			return -1
		case s.from > seq:
			return 1
		default:
			return 0
		}
	})
	return i, ok
}

// join adds a span to disjoint ascending spans, melting what touches.
func join(spans []span, s span) []span {
	if s.from >= s.to {
		return spans
	}
	i, _ := slices.BinarySearchFunc(spans, s.from, func(have span, from uint32) int {
		if have.to < from {
			return -1
		}
		return 1
	})
	j := i
	for j < len(spans) && spans[j].from <= s.to {
		s.from, s.to = min(s.from, spans[j].from), max(s.to, spans[j].to)
		j++
	}
	return slices.Replace(spans, i, j, s)
}

// split divides a by the spans of b: what of it is in b, and what is not. Both are disjoint and ascending.
func split(a, b []span) (in, out []span) {
	j := 0
	for _, s := range a {
		for j < len(b) && b[j].to <= s.from {
			j++
		}
		for k := j; s.from < s.to; k++ {
			if k == len(b) || b[k].from >= s.to {
				out = append(out, s)
				break
			}
			if s.from < b[k].from {
				out = append(out, span{s.from, b[k].from})
				s.from = b[k].from
			}
			cut := min(s.to, b[k].to)
			in = append(in, span{s.from, cut})
			s.from = cut
		}
	}
	return in, out
}

// sum is how many sequence numbers there are in spans.
func sum(spans []span) uint64 {
	n := uint64(0)
	for _, s := range spans {
		n += s.len()
	}
	return n
}
