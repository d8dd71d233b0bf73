package client

import (
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// Publish implements Client.
func (c *client) Publish(m *Message) bool {
	if !c.mayPublish(m.QoS) {
		c.want(m.QoS)
		return false
	}
	p := c.encodable(m)
	if reason := c.forbidden(p); reason != packet.Success {
		c.refuse(m.Token, reason)
		return true
	}
	if m.QoS > 0 {
		if p.ID = c.begin(m); p.ID == 0 {
			return false
		}
		m.ID = p.ID
	}
	if c.g.aliases != nil {
		c.alias(p)
	}
	c.putPublish(p)
	return true
}

func (c *client) putPublish(p *packet.Publish) {
	c.put(packet.PUBLISH, c.g.encoded(p.Append(c.g.scratch[:0], c.o.Version)))
}

// mayPublish: new messages wait for resends, whatever their QoS, so that nothing overtakes.
func (c *client) mayPublish(q packet.QoS) bool {
	if c.state != online || c.closing || c.full {
		return false
	}
	return c.out == nil || len(c.out.resend) == 0 && (q == 0 || c.out.active < c.quota)
}

// encodable is m as the codec wants it, in the group's scratch.
func (c *client) encodable(m *Message) *packet.Publish {
	c.g.topic = append(c.g.topic[:0], m.Topic...)
	p := &c.g.out
	p.Dup, p.QoS, p.Retain, p.ID = false, m.QoS, m.Retain, 0
	p.Topic, p.Payload, p.Props = c.g.topic, m.Payload, m.Props
	return p
}

// forbidden says why the server's CONNACK rules p out: [v5 MQTT-3.2.2-11], [v5 MQTT-3.2.2-14], [v5 MQTT-3.2.2-15].
func (c *client) forbidden(p *packet.Publish) packet.ReasonCode {
	switch {
	case p.QoS > c.maxQoS:
		return packet.QoSNotSupported
	case p.Retain && c.noRetain:
		return packet.RetainNotSupported
	case c.maxPacket != 0 && uint32(p.Size(c.o.Version)) > c.maxPacket:
		return packet.PacketTooLarge
	}
	return packet.Success
}

// refuse tells the observer in a turn of its own: it may publish from there, and would come back here without end.
func (c *client) refuse(token uint64, reason packet.ReasonCode) {
	c.g.counters.Refused++
	c.g.Post(func() { c.obs.Acked(token, reason, transport.Clock()) })
}

// begin opens an exchange of QoS 1 or 2 and returns its Packet Identifier; 0: there is none free.
func (c *client) begin(m *Message) packet.ID {
	stage := sent1
	if m.QoS == 2 {
		stage = sent2
	}
	x := c.outgoing().open(stage)
	if x == nil {
		c.want(m.QoS) // SUBSCRIBEs hold the last identifiers.
		return 0
	}
	x.token, x.first, x.sent = m.Token, m.Sent, m.Sent
	c.out.inflight++
	c.out.active++
	return x.id
}

// recalled is the PUBLISH of an exchange made again. It has its Topic Name in full: no alias outlives its
// connection, [v5 MQTT-3.3.2-7].
func (c *client) recalled(x *slot) *packet.Publish {
	p := c.encodable(c.obs.Recall(x.token, x.first))
	p.Dup, p.QoS, p.ID = c.out.dup, x.stage.qos(), x.id
	return p
}

func (c *client) outgoing() *outgoing {
	if c.out == nil {
		c.out = new(outgoing)
	}
	return c.out
}

// wake pays the Writable that is owed, when it is true.
func (c *client) wake() {
	if c.wants&wantsAny != 0 && c.mayPublish(0) || c.wants&wantsWindow != 0 && c.mayPublish(1) {
		c.wants = 0
		c.obs.Writable()
	}
}

// A demand is what a caller was told to wait for.
type demand uint8

const (
	wantsAny    demand = 1 << iota // To publish at QoS 0.
	wantsWindow                    // To publish at QoS 1 or 2.
)

func (c *client) want(q packet.QoS) {
	if q == 0 {
		c.wants |= wantsAny
	} else {
		c.wants |= wantsWindow
	}
}

// Subscribe implements Client.
func (c *client) Subscribe(filters []string, qos packet.QoS) {
	subs := make([]Subscription, len(filters))
	for i, f := range filters {
		subs[i] = Subscription{Filter: f, QoS: qos}
	}
	c.SubscribeTo(subs, nil)
}

// SubscribeTo implements Client.
func (c *client) SubscribeTo(subs []Subscription, props packet.Props) {
	x := c.request(subscribing)
	if x == nil {
		return
	}
	s := packet.Subscribe{ID: x.id, Props: props, Subs: make([]packet.Subscription, len(subs))}
	for i, f := range subs {
		s.Subs[i] = packet.Subscription{Filter: []byte(f.Filter), QoS: f.QoS,
			NoLocal: f.NoLocal, RetainAsPublished: f.RetainAsPublished, RetainHandling: f.RetainHandling}
	}
	c.put(packet.SUBSCRIBE, s.Append(c.g.scratch[:0], c.o.Version))
}

// Unsubscribe implements Client.
func (c *client) Unsubscribe(filters []string) {
	x := c.request(unsubscribing)
	if x == nil {
		return
	}
	u := packet.Unsubscribe{ID: x.id, Filters: make([][]byte, len(filters))}
	for i, f := range filters {
		u.Filters[i] = []byte(f)
	}
	c.put(packet.UNSUBSCRIBE, u.Append(c.g.scratch[:0], c.o.Version))
}

// request opens an exchange that lasts no longer than the connection.
func (c *client) request(s stage) *slot {
	if c.state != online || c.closing {
		return nil
	}
	x := c.outgoing().open(s)
	if x != nil {
		x.sent = transport.Clock()
	}
	return x
}
