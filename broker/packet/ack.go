package packet

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP, [v5 3.4 to 3.7]. The four differ in
// nothing but their type, the flags of PUBREL and the Reason Codes they allow.
type Ack struct {
	Type   Type
	ID     ID
	Reason ReasonCode // Always Success in 3.x.
	Props  Props
}

// Decode reads the body of a frame of type t. a.Props lends from body.
func (a *Ack) Decode(v Version, t Type, flags byte, body []byte) error {
	a.Type, a.ID, a.Reason, a.Props = t, 0, Success, nil
	if flags != t.flags() { // The old versions have more to say, elsewhere.
		if f := checkFlags(v, t, flags, flagsFault(t)); f != nil {
			return f.in(v)
		}
	}
	if len(body) < 2 {
		return faultShort.in(v)
	}
	a.ID = ID(body[0])<<8 | ID(body[1])
	if a.ID == 0 {
		return faultAckID.in(v)
	}
	if len(body) == 2 {
		return nil // Success without properties, [v5 3.4.2.1].
	}
	if v != V5 {
		return faultLong.in(v)
	}
	return a.decodeRest(body[2:]).in(v)
}

// flagsFault is the clause that speaks of the flags of t.
func flagsFault(t Type) *fault {
	if t == PUBREL {
		return faultPubrel
	}
	return faultFlags
}

// decodeRest reads the Reason Code and the properties, which may be left out,
// [v5 3.4.2.2.1].
func (a *Ack) decodeRest(b []byte) *fault {
	a.Reason = ReasonCode(b[0])
	if !a.Reason.mayStandIn(a.Type) {
		return ackReasonFaults[a.Type&7]
	}
	if len(b) == 1 {
		return nil
	}
	c := cursor{rest: b[1:]}
	a.Props = c.props()
	if f := c.end(); f != nil {
		return f
	}
	return checkProps(a.Props, a.Type)
}

// ackReasonFaults is indexed by Type, whose values here are below eight.
var ackReasonFaults = [8]*fault{
	PUBACK:  newFault(ProtocolError, "MQTT-3.4.2-1", anyV311, "not a PUBACK Reason Code"),
	PUBREC:  newFault(ProtocolError, "MQTT-3.5.2-1", anyV311, "not a PUBREC Reason Code"),
	PUBREL:  newFault(ProtocolError, "MQTT-3.6.2-1", anyV311, "not a PUBREL Reason Code"),
	PUBCOMP: newFault(ProtocolError, "MQTT-3.7.2-1", anyV311, "not a PUBCOMP Reason Code"),
}

// Append encodes a in its shortest form.
func (a *Ack) Append(dst []byte, v Version) []byte {
	if v != V5 || len(a.Props) == 0 {
		return AppendAck(dst, v, a.Type, a.ID, a.Reason)
	}
	start := len(dst)
	dst = appendUint16(open(dst, a.Type), uint16(a.ID))
	dst = append(dst, byte(a.Reason))
	return seal(appendProps(dst, a.Props), start)
}

// AppendAck encodes an acknowledgement without properties in its shortest form.
func AppendAck(dst []byte, v Version, t Type, id ID, r ReasonCode) []byte {
	first := byte(t)<<4 | t.flags()
	if r == Success || v != V5 {
		return append(dst, first, 2, byte(id>>8), byte(id))
	}
	return append(dst, first, 3, byte(id>>8), byte(id), byte(r))
}
