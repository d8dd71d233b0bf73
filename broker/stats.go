package broker

import "mqttbench/broker/session"

// Stats is what a Server did since it started, and what it holds now.
type Stats struct {
	Clients       int // Connected.
	Sessions      int // Connected or kept.
	Subscriptions int

	SharedSubscriptions int // Of these, to Shared Subscriptions.

	Retained      int
	RetainedBytes int // As Options.MaxRetainedBytes counts them.

	Received  [3]uint64 // Application Messages from clients, by QoS; resends of QoS 2 excluded.
	Delivered [3]uint64 // PUBLISH packets put to clients, by QoS; resends included.
	BytesIn   uint64
	BytesOut  uint64 // Put to connections. What the broker publishes to $SYS/ is not counted.

	PayloadIn, PayloadOut [3]uint64 // Bytes of the payloads of Received and Delivered, by QoS.
	PacketsIn, PacketsOut uint64    // MQTT Control Packets of all kinds.

	Connects        uint64 // CONNECTs accepted.
	SessionsExpired uint64
	Dropped         Dropped
	Refused         Refused

	RefusedConnects [NumCauses]uint64 // Connections that the broker ended before it had accepted a CONNECT.
	Closed          [NumCauses]uint64 // Connections that the broker ended later.

	Matches    uint64    // Topic Names looked up in the subscriptions: others were in a cache.
	MatchTimes Histogram // Of one in matchSample of these.
	LoopLag    Histogram // How late a loop's timer was called; four times a second and loop.
	Commits    Histogram // From handing a batch to the store until it was durable; of one batch at a time.
}

// Dropped counts Application Messages that one subscriber did not get, by reason.
type Dropped struct {
	Offline       uint64 // QoS 0, and the client was not connected.
	OutboxFull    uint64 // QoS 0, and the client does not read fast enough.
	SessionFull   uint64 // QoS 1 or 2, and the limits of the session are reached.
	Expired       uint64 // The Message Expiry Interval passed while it waited.
	TooLarge      uint64 // Larger than the client's Maximum Packet Size.
	NotAuthorized uint64 // The publisher may not publish it; counted once.
	PayloadFormat uint64 // It is not the UTF-8 that it says it is: Options.CheckPayload; counted once.
}

func (d *Dropped) total() uint64 {
	return d.Offline + d.OutboxFull + d.SessionFull + d.Expired + d.TooLarge + d.NotAuthorized + d.PayloadFormat
}

// countDelivered counts a retained message that is sent.
func (l *loop) countDelivered(m *session.Message) {
	if !isSys(m.Topic) {
		l.n.delivered[0]++
		l.n.payloadOut[0] += uint64(len(m.Payload))
	}
}

// counters is one loop's share of Stats. The loop counts without atomics; whoever
// wants to know asks it in a turn of its own.
type counters struct {
	received, delivered   [3]uint64
	payloadIn, payloadOut [3]uint64
	bytesIn, bytesOut     uint64
	packetsIn, controlOut uint64 // controlOut: all but PUBLISH.
	connects, expired     uint64
	dropped               Dropped
	refused               Refused

	refusedConnects, closed [NumCauses]uint64

	matches uint64
	matched Histogram
	lag     Histogram
}

func (s *Stats) add(n *counters) {
	for q := range n.received {
		s.Received[q] += n.received[q]
		s.Delivered[q] += n.delivered[q]
		s.PayloadIn[q] += n.payloadIn[q]
		s.PayloadOut[q] += n.payloadOut[q]
	}
	for c := range n.closed {
		s.RefusedConnects[c] += n.refusedConnects[c]
		s.Closed[c] += n.closed[c]
	}
	s.Matches += n.matches
	s.MatchTimes.add(&n.matched)
	s.LoopLag.add(&n.lag)
	s.BytesIn += n.bytesIn
	s.BytesOut += n.bytesOut
	s.PacketsIn += n.packetsIn
	s.PacketsOut += n.controlOut + n.delivered[0] + n.delivered[1] + n.delivered[2]
	s.Connects += n.connects
	s.SessionsExpired += n.expired
	s.Refused.add(&n.refused)
	d, e := &s.Dropped, &n.dropped
	d.Offline += e.Offline
	d.OutboxFull += e.OutboxFull
	d.SessionFull += e.SessionFull
	d.Expired += e.Expired
	d.TooLarge += e.TooLarge
	d.NotAuthorized += e.NotAuthorized
	d.PayloadFormat += e.PayloadFormat
}
