package broker

// Stats is what a Server did since it started, and what it holds now.
type Stats struct {
	Clients       int // Connected.
	Sessions      int // Connected or kept.
	Subscriptions int
	Retained      int

	Received  [3]uint64 // Application Messages from clients, by QoS; resends of QoS 2 excluded.
	Delivered [3]uint64 // PUBLISH packets put to clients, by QoS; resends included.
	BytesIn   uint64
	BytesOut  uint64 // Put to connections.

	Connects uint64 // CONNECTs accepted.
	Dropped  Dropped
}

// Dropped counts Application Messages that one subscriber did not get, by reason.
type Dropped struct {
	Offline       uint64 // QoS 0, and the client was not connected.
	OutboxFull    uint64 // QoS 0, and the client does not read fast enough.
	SessionFull   uint64 // QoS 1 or 2, and the limits of the session are reached.
	Expired       uint64 // The Message Expiry Interval passed while it waited.
	TooLarge      uint64 // Larger than the client's Maximum Packet Size.
	NotAuthorized uint64 // The publisher may not publish it; counted once.
}

// counters is one loop's share of Stats. The loop counts without atomics; whoever
// wants to know asks it in a turn of its own.
type counters struct {
	received, delivered [3]uint64
	bytesIn, bytesOut   uint64
	connects            uint64
	dropped             Dropped
}

func (s *Stats) add(n *counters) {
	for q := range n.received {
		s.Received[q] += n.received[q]
		s.Delivered[q] += n.delivered[q]
	}
	s.BytesIn += n.bytesIn
	s.BytesOut += n.bytesOut
	s.Connects += n.connects
	d, e := &s.Dropped, &n.dropped
	d.Offline += e.Offline
	d.OutboxFull += e.OutboxFull
	d.SessionFull += e.SessionFull
	d.Expired += e.Expired
	d.TooLarge += e.TooLarge
	d.NotAuthorized += e.NotAuthorized
}
