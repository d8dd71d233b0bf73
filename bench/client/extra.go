package client

import (
	"mqttbench/broker/packet"
)

// join adds to a CONNECT what x asks for.
func (x *Extra) join(p *packet.Connect) {
	if w := x.Will; w != nil {
		p.HasWill = true
		p.Will = packet.Will{Topic: []byte(w.Topic), Payload: w.Payload, QoS: w.QoS, Retain: w.Retain, Props: w.Props}
	}
	if p.Version < packet.V5 {
		return
	}
	p.Props = append(p.Props, x.Connect...)
	if x.ReceiveMaximum > 0 {
		p.Props = packet.AppendProp(p.Props, packet.Prop{ID: packet.PropReceiveMaximum, N: uint32(x.ReceiveMaximum)})
	}
	if x.TopicAliasMaximum > 0 {
		p.Props = packet.AppendProp(p.Props, packet.Prop{ID: packet.PropTopicAliasMaximum, N: uint32(x.TopicAliasMaximum)})
	}
}

// aliases are the Topic Aliases of one Network Connection, [v5 3.3.2.3.4]. Few connections have any: they lie beside
// the clients and not in them.
type aliases struct {
	out   map[string]uint16 // What the server has been told.
	limit uint16            // The server's Topic Alias Maximum.
	props packet.Props      // Scratch: the properties of a PUBLISH with its alias.
	in    [][]byte          // By alias: what the server has said; as long as its aliases may be, and one more.
}

// newAliases begins a connection, whose CONNACK is p, without any.
func (c *client) newAliases(p *packet.Connack) {
	x := c.o.Extra
	if x == nil || c.o.Version < packet.V5 || !x.TopicAlias && x.TopicAliasMaximum == 0 {
		return
	}
	a := new(aliases)
	if x.TopicAlias && p.TopicAliasMaximum > 0 {
		a.out, a.limit = map[string]uint16{}, p.TopicAliasMaximum
	}
	if x.TopicAliasMaximum > 0 {
		a.in = make([][]byte, int(x.TopicAliasMaximum)+1)
	}
	if c.g.aliases == nil {
		c.g.aliases = map[*client]*aliases{}
	}
	c.g.aliases[c] = a
}

// alias gives p the alias of its Topic Name, and takes away the name if the server knows it. It reports whether p has changed.
func (c *client) alias(p *packet.Publish) bool {
	a := c.g.aliases[c]
	if a == nil || a.limit == 0 {
		return false
	}
	n, known := a.out[string(p.Topic)]
	if !known {
		if len(a.out) >= int(a.limit) {
			return false
		}
		n = uint16(len(a.out) + 1)
		a.out[string(p.Topic)] = n
	}
	a.props = packet.AppendProp(append(a.props[:0], p.Props...), packet.Prop{ID: packet.PropTopicAlias, N: uint32(n)})
	p.Props = a.props
	if known {
		p.Topic = nil
	}
	return true
}

// resolve puts the Topic Name in the place of an alias of the server's, or keeps the name that comes with it.
func (c *client) resolve(p *packet.Publish) error {
	a := c.g.aliases[c]
	switch {
	case a == nil || int(p.Alias) >= len(a.in):
		return violation(packet.TopicAliasInvalid, "v5 MQTT-3.1.2-26", "a Topic Alias beyond what CONNECT allowed")
	case len(p.Topic) > 0:
		a.in[p.Alias] = append(a.in[p.Alias][:0], p.Topic...)
	case len(a.in[p.Alias]) == 0:
		return violation(packet.ProtocolError, "v5 3.3.2.3.4", "a Topic Alias without a Topic Name before")
	default:
		p.Topic = a.in[p.Alias]
	}
	return nil
}
