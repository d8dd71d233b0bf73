package session

// subLists keeps the Subscription Identifiers of entries that have several:
// overlapping subscriptions of one client, each with an identifier, [v5 MQTT-3.3.4-4].
// That is rare, so an entry has room for one only, and the others stand here, under a
// number.
type subLists struct {
	lists [][]uint32
	free  []uint32 // Numbers not in use; their lists are empty, with capacity.
}

// keepLists is how many lists stay allocated when none is in use.
const keepLists = 16

func (t *subLists) put(ids []uint32) uint32 {
	last := len(t.free) - 1
	if last < 0 {
		t.lists = append(t.lists, append([]uint32(nil), ids...))
		return uint32(len(t.lists) - 1)
	}
	i := t.free[last]
	t.free = t.free[:last]
	t.lists[i] = append(t.lists[i], ids...)
	return i
}

func (t *subLists) drop(i uint32) {
	t.lists[i] = t.lists[i][:0]
	t.free = append(t.free, i)
}

// spent reports whether nothing is in use and more is allocated than is worth keeping.
func (t *subLists) spent() bool {
	return len(t.free) == len(t.lists) && len(t.lists) > keepLists
}

// charge is what a promise counts in bytes. Lists of Subscription Identifiers count
// too: it is the client who chooses how many of its subscriptions overlap.
func charge(m *Message, subIDs []uint32) int {
	if len(subIDs) > 1 {
		return m.Size() + 4*len(subIDs)
	}
	return m.Size()
}

func (s *Session) setSubIDs(e *entry, ids []uint32) {
	if len(ids) == 1 {
		e.subID[0] = ids[0]
		e.flags |= oneSubID
		return
	}
	if s.lists == nil {
		s.lists = new(subLists)
	}
	e.subID[0] = s.lists.put(ids)
	e.flags |= subList
}

// subIDs lends until the next call on the session.
func (s *Session) subIDs(e *entry) []uint32 {
	switch {
	case e.flags&oneSubID != 0:
		return e.subID[:]
	case e.flags&subList != 0:
		return s.lists.lists[e.subID[0]]
	}
	return nil
}
