package broker

// Depths is what waits in all sessions together. It is counted by looking at each of them, so
// that nobody has to count on the way of a message.
type Depths struct {
	Queued      int // QoS 1 and 2 messages that wait to be sent, once for each session.
	Inflight    int // Those that were sent and are not acknowledged.
	Incoming    int // QoS 2 messages from clients without their PUBREL.
	Bytes       int // Of what is queued and in flight, as session.Limits.MaxQueuedBytes counts.
	Longest     int // The most that one session has queued and in flight.
	FilterBytes int // Of all Topic Filters, as Options.MaxFilterBytes counts.
	Backlogs    int // Clients that are owed retained messages for which there was no room.
}

// Depths looks at every session, which takes some 100 ns for each: not for a callback, and not for every second
// with millions of them.
func (s *Server) Depths() (d Depths) {
	var clients []*client
	for i := range s.directory.shards {
		clients = s.directory.shards[i].measure(&d, clients)
	}
	return d
}

// measure adds a shard. clients is scratch, and returned for the next. The shard's lock is not held while the
// sessions are looked at: somebody may want to connect.
func (sh *directoryShard) measure(d *Depths, clients []*client) []*client {
	clients = clients[:0]
	sh.mu.Lock()
	for _, cl := range sh.by {
		clients = append(clients, cl)
	}
	sh.mu.Unlock()
	for _, cl := range clients {
		cl.mu.Lock()
		d.addLocked(cl)
		cl.mu.Unlock()
	}
	return clients
}

func (d *Depths) addLocked(cl *client) {
	queued, inflight := cl.sess.Queued(), cl.sess.Inflight()
	d.Queued += queued
	d.Inflight += inflight
	d.Incoming += cl.sess.Incoming()
	d.Bytes += cl.sess.Bytes()
	d.Longest = max(d.Longest, queued+inflight)
	d.FilterBytes += cl.filters.size()
	if cl.backlog != nil {
		d.Backlogs++
	}
}
