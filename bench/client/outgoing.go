package client

import (
	"slices"

	"mqttbench/broker/packet"
)

// maxInflight is how many exchanges one client may have open: the Packet Identifiers there are, [v5 2.2.1].
const maxInflight = 65535

// A stage is how far an exchange that uses a Packet Identifier has come.
//
//	subscribing, unsubscribing ──SUBACK, UNSUBACK, end of connection──► free
//	sent1 ──PUBACK──► free
//	sent2 ──PUBREC──► released ──PUBCOMP──► free
//	sent2 ──PUBREC >= 0x80──► free
//	sent1, sent2 ──new connection──► owed1, owed2 ──quota──► sent1, sent2
type stage uint8

const (
	free stage = iota
	subscribing
	unsubscribing
	owed1 // A PUBLISH to be sent again on this connection, not yet sent.
	owed2
	sent1
	sent2
	released // PUBREL is owed or sent.
)

// A slot is one exchange.
//
// It has no message: what has to be sent again is made again, by Observer.Recall. Twenty messages in flight are a kilobyte so, whatever
// their size, and not what the collector has to look at.
type slot struct {
	token uint64
	first int64 // ns: Message.Sent.
	sent  int64 // ns: when its PUBLISH, PUBREL or SUBSCRIBE was put last.
	// order numbers first PUBLISHes, and anew PUBRECs, as they come: the two orders that must
	// survive a reconnect, [v5 MQTT-4.6.0-1] and [v5 MQTT-4.6.0-4]. It wraps; at most 65535 of them
	// are compared at a time, so that differences tell.
	order uint32
	id    packet.ID
	stage stage
}

// outgoing is the sender's half of a session: every exchange that this client has begun and that is not complete.
//
// The slot of an identifier is the identifier modulo the number of slots, a power of two. Identifiers are
// handed out in rotation, not lowest first: a late or doubled acknowledgement of the server's then meets no
// exchange and is counted, where it would otherwise complete somebody else's.
type outgoing struct {
	slots []slot
	// resend are the identifiers in stage owed1 or owed2, in order, some perhaps complete by now.
	resend []packet.ID

	order    uint32
	last     packet.ID
	used     uint16 // Slots that are not free. At most maxInflight, as are the next two.
	inflight uint16 // Of them, PUBLISHes.
	active   uint16 // Of those, begun or resumed on this connection: what Receive Maximum bounds.
	dup      bool   // What is sent again on this connection has DUP.
}

// open takes a free identifier, or returns nil when there is none. The slot stays where it is until the next open.
func (o *outgoing) open(s stage) *slot {
	if o.used == maxInflight {
		return nil
	}
	if int(o.used) == len(o.slots) {
		o.grow()
	}
	for {
		o.last++
		x := &o.slots[int(o.last)&(len(o.slots)-1)]
		if o.last != 0 && x.stage == free {
			o.order++
			*x = slot{id: o.last, stage: s, order: o.order}
			o.used++
			return x
		}
	}
}

// grow doubles the slots. Identifiers that differ modulo n differ modulo 2n, so that none collide.
func (o *outgoing) grow() {
	old := o.slots
	o.slots = make([]slot, max(4, 2*len(old)))
	for i := range old {
		o.slots[int(old[i].id)&(len(o.slots)-1)] = old[i]
	}
}

// find returns the exchange of id, or nil.
func (o *outgoing) find(id packet.ID) *slot {
	if o == nil || len(o.slots) == 0 {
		return nil
	}
	x := &o.slots[int(id)&(len(o.slots)-1)]
	if x.stage == free || x.id != id {
		return nil
	}
	return x
}

// close ends the exchange and frees its identifier.
func (o *outgoing) close(x *slot) {
	switch x.stage {
	case owed1, owed2:
		o.inflight--
	case sent1, sent2, released:
		o.inflight--
		o.active--
	}
	o.used--
	*x = slot{}
}

// A verdict is how an exchange ended without the server's word on this connection.
type verdict struct {
	token  uint64
	reason packet.ReasonCode
}

// resume makes ready for a new connection. It returns the identifiers whose PUBREL is owed and leaves those whose
// PUBLISH is in o.resend, each in order; over are the exchanges that can no longer complete. See the
// package's table. tooLarge reports whether an exchange's PUBLISH is more than the server takes now; nil: none is.
func (o *outgoing) resume(present bool, tooLarge func(x *slot) bool) (rel []packet.ID, over []verdict) {
	// DUP as [v5 MQTT-3.3.1-1] asks; a new exchange has none.
	o.active, o.dup, o.resend = 0, present, o.resend[:0]
	for i := range o.slots {
		x := &o.slots[i]
		switch x.stage {
		case free:
		case subscribing, unsubscribing:
			o.close(x)
		case released:
			o.active++
			if present {
				rel = append(rel, x.id)
				continue
			}
			over = append(over, verdict{x.token, packet.Success})
			o.close(x)
		default:
			if x.stage >= sent1 {
				x.stage -= sent1 - owed1
			}
			if tooLarge != nil && tooLarge(x) {
				// [v5 MQTT-3.2.2-15]: it must not be sent, and the sender acts as if it had been.
				over = append(over, verdict{x.token, packet.PacketTooLarge})
				o.close(x)
				continue
			}
			o.resend = append(o.resend, x.id)
		}
	}
	o.sort(rel)
	o.sort(o.resend)
	return rel, over
}

// qos is that of the PUBLISH of an exchange whose PUBLISH is owed or sent.
func (s stage) qos() packet.QoS {
	if s == owed1 || s == sent1 {
		return 1
	}
	return 2
}

func (o *outgoing) sort(ids []packet.ID) {
	slices.SortFunc(ids, func(a, b packet.ID) int {
		return int(int32(o.find(a).order - o.find(b).order))
	})
}

// nextOwed takes the next PUBLISH to be sent again, now active, or returns nil when there is none.
func (o *outgoing) nextOwed() *slot {
	for len(o.resend) > 0 {
		x := o.find(o.resend[0])
		o.resend = o.resend[1:]
		if x == nil || x.stage != owed1 && x.stage != owed2 {
			continue // The server was quicker.
		}
		x.stage += sent1 - owed1
		o.active++
		return x
	}
	o.resend = nil
	return nil
}
