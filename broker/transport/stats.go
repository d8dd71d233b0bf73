package transport

// Stats count what a loop has done since it started.
type Stats struct {
	Turns        uint64
	Polls        uint64 // Calls of epoll_wait, those that found nothing with them.
	Registers    uint64 // Calls of epoll_ctl: one for each socket.
	Reads        uint64 // Reads that were tried,
	Empty        uint64 // those of them that found nothing.
	Writes       uint64 // Writes that were tried.
	BytesIn      uint64
	BytesOut     uint64
	BytesCopied  uint64 // Into outboxes; what goes by reference is not.
	Again        uint64 // Writes that the socket took nothing of.
	Accepts      uint64
	AcceptErrors uint64 // Times that accepting had to pause, for want of descriptors for example.
	Dials        uint64
	// Clients that came to nothing in a TLS, WebSocket or PROXY protocol handshake.
	HandshakeErrors uint64
	Closes          uint64 // Connections that have ended, dialling that failed with them.
	Conns           uint64 // Connections that stand now, or are being dialled.
}

func (s *Stats) add(t Stats) {
	s.Turns += t.Turns
	s.Polls += t.Polls
	s.Registers += t.Registers
	s.Reads += t.Reads
	s.Empty += t.Empty
	s.Writes += t.Writes
	s.BytesIn += t.BytesIn
	s.BytesOut += t.BytesOut
	s.BytesCopied += t.BytesCopied
	s.Again += t.Again
	s.Accepts += t.Accepts
	s.AcceptErrors += t.AcceptErrors
	s.Dials += t.Dials
	s.HandshakeErrors += t.HandshakeErrors
	s.Closes += t.Closes
	s.Conns += t.Conns
}

// Stats are the loop's counters as of its last turn. Any goroutine may ask.
func (l *Loop) Stats() Stats {
	l.statsMu.Lock()
	defer l.statsMu.Unlock()
	s := l.published
	s.add(l.aside)
	return s
}

// Stats are the sum over all loops.
func (ls *Loops) Stats() Stats {
	var sum Stats
	for _, l := range ls.loops {
		sum.add(l.Stats())
	}
	return sum
}

// publish makes the turn's counts visible: one copy for each turn instead of an atomic for each count.
func (l *Loop) publish() {
	l.stats.Conns = uint64(l.live)
	l.statsMu.Lock()
	l.published = l.stats
	l.statsMu.Unlock()
}

// count adds what was done outside of the loop's turns.
func (l *Loop) count(s Stats) {
	l.statsMu.Lock()
	l.aside.add(s)
	l.statsMu.Unlock()
}
