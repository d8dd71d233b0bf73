package packet

// Connack is a CONNACK, [v5 3.2]. For 3.x, Reason is translated both ways.
type Connack struct {
	SessionPresent bool
	Reason         ReasonCode
	Props          Props

	// Set by Decode from Props (client side); ignored by Append.
	ReceiveMaximum     uint16 // 65535 when absent.
	MaximumPacketSize  uint32 // 0 when absent.
	TopicAliasMaximum  uint16
	ServerKeepAlive    uint16
	HasServerKeepAlive bool
	AssignedClientID   []byte
	SessionExpiry      uint32
	HasSessionExpiry   bool
	MaximumQoS         QoS  // 2 when absent.
	RetainAvailable    bool // True when absent.
}

// A 3.x Server has one byte to say why; version 5 has a table. The two
// translations below agree wherever 3.x has a word, so that a code that came
// from 3.x goes back as it was.

// returnCodes are the Connect Return Codes of 3.x, by number, [v3.1.1 3.2.2.3].
var returnCodes = [6]ReasonCode{
	Success, UnsupportedProtocolVersion, ClientIdentifierNotValid,
	ServerUnavailable, BadUserNameOrPassword, NotAuthorized,
}

// returnCode is r in the words of 3.x. It has six codes for our forty; what
// is not about the Client and its rights becomes "Server unavailable".
func returnCode(r ReasonCode) byte {
	switch r {
	case Success:
		return 0
	case UnsupportedProtocolVersion:
		return 1
	case ClientIdentifierNotValid:
		return 2
	case BadUserNameOrPassword:
		return 4
	case NotAuthorized, Banned, BadAuthenticationMethod:
		return 5
	}
	return 3
}

// Decode reads the body of a CONNACK frame. Slices lend from body.
func (c *Connack) Decode(v Version, flags byte, body []byte) error {
	*c = Connack{ReceiveMaximum: 0xFFFF, MaximumQoS: 2, RetainAvailable: true}
	if f := checkFlags(v, CONNACK, flags, faultFlags); f != nil {
		return f.in(v)
	}
	r := cursor{rest: body}
	ack, code := r.byte(), r.byte()
	if r.fault != nil {
		return r.fault.in(v)
	}
	if v == V5 && len(r.rest) > 0 {
		return c.decode5(ack, code, &r).in(v)
	}
	if v == V5 && code != 1 {
		return faultShort.in(v) // The Property Length is not optional here.
	}
	// A Server that knows no version 5 refuses it in 3.1.1's form, so that
	// one refusal must be understood by version 5 as well.
	return c.decode3(v, ack, code, &r).in(v)
}

func (c *Connack) decode3(v Version, ack, code byte, r *cursor) *fault {
	if int(code) >= len(returnCodes) {
		return faultConnackRC
	}
	c.Reason = returnCodes[code]
	if v == V31 {
		ack = 0 // The byte has no meaning yet, [v3.1 3.2].
	}
	if f := c.decodeAck(ack); f != nil {
		return f
	}
	return r.end()
}

func (c *Connack) decode5(ack, code byte, r *cursor) *fault {
	c.Reason = ReasonCode(code)
	if !c.Reason.mayStandIn(CONNACK) {
		return faultConnackRC
	}
	if f := c.decodeAck(ack); f != nil {
		return f
	}
	c.Props = r.props()
	if f := r.end(); f != nil {
		return f
	}
	return c.decodeProps()
}

// decodeAck reads the Connect Acknowledge Flags.
func (c *Connack) decodeAck(b byte) *fault {
	c.SessionPresent = b&1 != 0
	if b > 1 {
		return faultAckFlags
	}
	if c.SessionPresent && c.Reason != Success {
		return faultPresent
	}
	return nil
}

func (c *Connack) decodeProps() *fault {
	r := propReader{rest: c.Props, where: inConnack}
	for p := (Prop{}); r.next(&p); {
		switch p.ID {
		case PropReceiveMaximum:
			c.ReceiveMaximum = uint16(p.N)
		case PropMaximumPacketSize:
			c.MaximumPacketSize = p.N
		case PropTopicAliasMaximum:
			c.TopicAliasMaximum = uint16(p.N)
		case PropServerKeepAlive:
			c.ServerKeepAlive, c.HasServerKeepAlive = uint16(p.N), true
		case PropAssignedClientIdentifier:
			c.AssignedClientID = p.B
		case PropSessionExpiryInterval:
			c.SessionExpiry, c.HasSessionExpiry = p.N, true
		case PropMaximumQoS:
			c.MaximumQoS = QoS(p.N)
		case PropRetainAvailable:
			c.RetainAvailable = p.N == 1
		}
	}
	return r.fault
}

// Append encodes c. A refusal never claims a session, [v5 MQTT-3.2.2-6], and
// 3.1 has no place to claim one.
func (c *Connack) Append(dst []byte, v Version) []byte {
	var ack byte
	if c.SessionPresent && c.Reason == Success && v != V31 {
		ack = 1
	}
	if v != V5 {
		return append(dst, byte(CONNACK)<<4, 2, ack, returnCode(c.Reason))
	}
	start := len(dst)
	dst = append(open(dst, CONNACK), ack, byte(c.Reason))
	return seal(appendProps(dst, c.Props), start)
}
