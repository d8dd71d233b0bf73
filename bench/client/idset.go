package client

import "mqttbench/broker/packet"

// An idSet is the set of Packet Identifiers of QoS 2 messages that were received and not yet released.
//
// A flat bitmap would be 8 KiB for each client. Servers hand identifiers out in sequence, so that only a page
// or two of the 64 are in use at a time, and are looked for one after the other; empty pages go back to the group, and in the
// steady state nothing is allocated.
type idSet struct {
	pages []*idPage
}

// An idPage holds 1024 consecutive identifiers.
type idPage struct {
	bits   [16]uint64
	next   *idPage // In the group's list of free pages.
	n      uint16
	number uint16 // Its identifiers are those with these upper six bits.
}

// maxFreePages bounds the free pages that a group keeps: 144 bytes each.
const maxFreePages = 4096

// idPages are the free pages of a group.
type idPages struct {
	head *idPage
	n    int
}

func (f *idPages) get() *idPage {
	p := f.head
	if p == nil {
		return new(idPage)
	}
	f.head, p.next = p.next, nil
	f.n--
	return p
}

func (f *idPages) put(p *idPage) {
	if f.n < maxFreePages {
		p.next, f.head = f.head, p
		f.n++
	}
}

// page is where the page of id is, -1 if there is none.
func (s *idSet) page(id packet.ID) int {
	for i, p := range s.pages {
		if p.number == uint16(id>>10) {
			return i
		}
	}
	return -1
}

// has reports whether id is in the set. A nil set is empty.
func (s *idSet) has(id packet.ID) bool {
	if s == nil || len(s.pages) == 0 {
		return false
	}
	i := s.page(id)
	return i >= 0 && s.pages[i].bits[id>>6&15]&(1<<(id&63)) != 0
}

// add reports whether id was new to the set.
func (s *idSet) add(id packet.ID, f *idPages) bool {
	i := s.page(id)
	if i < 0 {
		i = len(s.pages)
		p := f.get()
		p.number = uint16(id >> 10)
		s.pages = append(s.pages, p)
	}
	p := s.pages[i]
	word, bit := &p.bits[id>>6&15], uint64(1)<<(id&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	p.n++
	return true
}

// remove reports whether id was in the set. A nil set is empty.
func (s *idSet) remove(id packet.ID, f *idPages) bool {
	if s == nil {
		return false
	}
	i := s.page(id)
	if i < 0 {
		return false
	}
	p := s.pages[i]
	word, bit := &p.bits[id>>6&15], uint64(1)<<(id&63)
	if *word&bit == 0 {
		return false
	}
	*word &^= bit
	if p.n--; p.n == 0 {
		last := len(s.pages) - 1
		s.pages[i], s.pages[last] = s.pages[last], nil
		s.pages = s.pages[:last]
		f.put(p)
	}
	return true
}

// clear forgets every identifier.
func (s *idSet) clear(f *idPages) {
	for i, p := range s.pages {
		*p = idPage{}
		f.put(p)
		s.pages[i] = nil
	}
	s.pages = s.pages[:0]
}
