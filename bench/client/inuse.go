package client

import "mqttbench/broker/packet"

// A turnSet is the Packet Identifiers of the QoS 1 messages of one read: they have been received, and their acknowledgements have not left.
type turnSet struct {
	bits [65536 / 64]uint64
	ids  []packet.ID
}

func (s *turnSet) has(id packet.ID) bool { return s.bits[id>>6]&(1<<(id&63)) != 0 }

func (s *turnSet) add(id packet.ID) {
	s.bits[id>>6] |= 1 << (id & 63)
	s.ids = append(s.ids, id)
}

func (s *turnSet) clear() {
	for _, id := range s.ids {
		s.bits[id>>6] = 0
	}
	s.ids = s.ids[:0]
}

// inUse reports whether the server used the identifier of a QoS 1 or 2 message before, in an exchange that cannot be over: the PUBACK has not left yet, or
// no PUBREL has come. It must not be another message's then, [v3.1.1 MQTT-2.3.1-4], [v5 MQTT-2.2.1-4]. There may be more such messages: what the
// server has not read of what has left, nobody on this side knows.
func (c *client) inUse(p *packet.Publish) bool {
	if p.QoS == 0 {
		return false
	}
	used := c.g.unanswered.has(p.ID) || c.in.has(p.ID)
	if p.QoS == 1 && !used {
		c.g.unanswered.add(p.ID)
	}
	return used
}
