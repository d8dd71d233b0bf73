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
