package packet

import "slices"

// Publish is a PUBLISH, [v5 3.3]. On the wire it is
//
//	3 DUP QoS RETAIN | Remaining Length
//	Topic Name                                  2 bytes of length, then text
//	Packet Identifier                           only with QoS above 0
//	Property Length | properties                only in version 5
//	payload                                     what is left
//
// A relay keeps Props as it came: forwarding the bytes unread is the fastest way
// to keep User Properties in their order, [v5 MQTT-3.3.2-18].
type Publish struct {
	Dup     bool
	Retain  bool
	QoS     QoS
	ID      ID     // 0 when QoS is 0.
	Topic   []byte // Empty only when Alias stands for it.
	Props   Props  // All of them, as they came. Ignored when encoding for 3.x.
	Payload []byte

	// Set by Decode from Props; ignored by Append.
	Alias     uint16 // Topic Alias; 0: none.
	Expiry    uint32 // Message Expiry Interval, seconds.
	HasExpiry bool
	HasSubID  bool // A Subscription Identifier is present.
	UTF8      bool // Payload Format Indicator is 1.
	HasProps  bool // Props holds something other than Alias and Expiry, that is, something to forward.
}

// Decode reads the body of a PUBLISH frame. p's slices lend from body.
//
// That a payload marked as UTF-8 is UTF-8 is not checked: [v5 3.3.2.3.2] leaves
// that to the receiver, and UTF8 tells it.
func (p *Publish) Decode(v Version, flags byte, body []byte) error {
	*p = Publish{Dup: flags&8 != 0, Retain: flags&1 != 0, QoS: QoS(flags >> 1 & 3)}
	if p.QoS == 3 {
		return faultQoS.in(v)
	}
	if p.QoS == 0 && p.Dup {
		return faultDup.in(v)
	}
	if len(body) < 2 {
		return faultShort.in(v)
	}
	n := 2 + int(body[0])<<8 + int(body[1])
	if n > len(body) {
		return faultShort.in(v)
	}
	p.Topic = body[2:n:n]
	if !plainName(p.Topic) { // Nearly always plain: the closer look is a call.
		if f := p.checkTopic(v); f != nil {
			return f.in(v)
		}
	}
	if flags&6 != 0 {
		if n+2 > len(body) {
			return faultShort.in(v)
		}
		p.ID = ID(body[n])<<8 | ID(body[n+1])
		n += 2
		if p.ID == 0 {
			return faultZeroID.in(v)
		}
	}
	p.Payload = body[n:len(body):len(body)]
	if v == V5 {
		return p.decodeProps().in(v)
	}
	return nil
}

// checkTopic takes the closer look at a Topic Name that needs one. An empty one
// may yet be saved by a Topic Alias, which comes later.
func (p *Publish) checkTopic(v Version) *fault {
	if len(p.Topic) == 0 && v == V5 {
		return nil
	}
	return checkName(p.Topic, faultPubWildcard)
}

// decodeProps splits the properties off the front of the payload.
func (p *Publish) decodeProps() *fault {
	if len(p.Payload) > 0 && p.Payload[0] == 0 && len(p.Topic) > 0 {
		p.Payload = p.Payload[1:] // No properties, as most have none.
		return nil
	}
	c := cursor{rest: p.Payload}
	p.Props = c.props()
	if c.fault != nil {
		return c.fault
	}
	p.Payload = c.rest
	r := propReader{rest: p.Props, where: inPublish}
	for prop := (Prop{}); r.next(&prop); {
		p.note(&prop)
	}
	if r.fault == nil && len(p.Topic) == 0 && p.Alias == 0 {
		return faultNoTopic
	}
	return r.fault
}

// note keeps what a Server or Client has to act upon. Alias and Expiry concern
// this hop, so that they alone leave nothing to forward.
func (p *Publish) note(prop *Prop) {
	switch prop.ID {
	case PropTopicAlias:
		p.Alias = uint16(prop.N)
		return
	case PropMessageExpiryInterval:
		p.Expiry, p.HasExpiry = prop.N, true
		return
	case PropSubscriptionIdentifier:
		p.HasSubID = true
	case PropPayloadFormatIndicator:
		p.UTF8 = prop.N == 1
	}
	p.HasProps = true
}

// Append encodes p. It panics when p's size is above MaxSize, which a message
// that came in near the limit under 3.1.1 can reach by leaving under 5.
func (p *Publish) Append(dst []byte, v Version) []byte {
	dst = slices.Grow(dst, 5+p.remaining(v))
	return append(p.AppendHead(dst, v), p.Payload...)
}

// AppendHead is Append without the payload, for those who send that from where it lies.
func (p *Publish) AppendHead(dst []byte, v Version) []byte {
	dst = appendVarint(append(dst, p.first()), p.remaining(v))
	dst = appendBytes(dst, p.Topic)
	if p.QoS > 0 {
		dst = appendUint16(dst, uint16(p.ID))
	}
	if v == V5 {
		dst = appendProps(dst, p.Props)
	}
	return dst
}

// first is the first byte of the Fixed Header.
func (p *Publish) first() byte {
	b := byte(PUBLISH)<<4 | byte(p.QoS)<<1
	if p.Dup {
		b |= 8
	}
	if p.Retain {
		b |= 1
	}
	return b
}

// Size is the length that Append would add, in bytes.
func (p *Publish) Size(v Version) int {
	n := p.remaining(v)
	return 1 + varintLen(n) + n
}

// remaining is the Remaining Length.
func (p *Publish) remaining(v Version) int {
	n := 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		n += 2
	}
	if v == V5 {
		n += varintLen(len(p.Props)) + len(p.Props)
	}
	return n
}
