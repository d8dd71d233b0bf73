package packet

// Disconnect is a DISCONNECT, [v5 3.14].
type Disconnect struct {
	Reason           ReasonCode
	Props            Props
	SessionExpiry    uint32 // Set by Decode.
	HasSessionExpiry bool   // Set by Decode.
}

// Decode reads the body of a DISCONNECT frame. Props lends from body.
func (d *Disconnect) Decode(v Version, flags byte, body []byte) error {
	*d = Disconnect{}
	if f := checkFlags(v, DISCONNECT, flags, faultDiscFlags); f != nil {
		return f.in(v)
	}
	if len(body) == 0 {
		return nil // Normal disconnection, [v5 3.14.2.1].
	}
	if v != V5 {
		return faultLong.in(v)
	}
	return d.decode(body).in(v)
}

func (d *Disconnect) decode(body []byte) *fault {
	d.Reason = ReasonCode(body[0])
	if !d.Reason.mayStandIn(DISCONNECT) {
		return faultDiscRC
	}
	if len(body) == 1 {
		return nil // Without properties, [v5 3.14.2.2.1].
	}
	c := cursor{rest: body[1:]}
	d.Props = c.props()
	if f := c.end(); f != nil {
		return f
	}
	r := propReader{rest: d.Props, where: inDisconnect}
	for p := (Prop{}); r.next(&p); {
		if p.ID == PropSessionExpiryInterval {
			d.SessionExpiry, d.HasSessionExpiry = p.N, true
		}
	}
	return r.fault
}

// Append encodes d in its shortest form, which for 3.x is all there is.
func (d *Disconnect) Append(dst []byte, v Version) []byte {
	return appendReason(dst, DISCONNECT, v, d.Reason, d.Props)
}

// appendReason encodes a packet that holds a Reason Code and properties and
// leaves out what it can.
func appendReason(dst []byte, t Type, v Version, r ReasonCode, p Props) []byte {
	start := len(dst)
	dst = open(dst, t)
	if v != V5 || r == Success && len(p) == 0 {
		return dst
	}
	dst = append(dst, byte(r))
	if len(p) > 0 || t == AUTH {
		dst = appendProps(dst, p)
	}
	return seal(dst, start)
}

// Auth is an AUTH, [v5 3.15].
type Auth struct {
	Reason ReasonCode
	Props  Props
}

// Decode reads the body of an AUTH frame. Props lends from body. Whether the
// connection is one of version 5 is for the caller to know.
//
// Everything may be left out after Success, [v5 3.15.2.1], though [v5 3.15.2.2.2]
// wants an Authentication Method in every AUTH. Both hold where they can: an
// empty AUTH passes, one with properties needs the method.
func (a *Auth) Decode(flags byte, body []byte) error {
	*a = Auth{}
	if f := checkFlags(V5, AUTH, flags, faultAuthFlags); f != nil {
		return f.in(V5)
	}
	if len(body) == 0 {
		return nil
	}
	return a.decode(body).in(V5)
}

func (a *Auth) decode(body []byte) *fault {
	c := cursor{rest: body}
	a.Reason = ReasonCode(c.byte())
	if !a.Reason.mayStandIn(AUTH) {
		return faultAuthRC
	}
	a.Props = c.props()
	if f := c.end(); f != nil {
		return f
	}
	r := propReader{rest: a.Props, where: inAuth}
	for p := (Prop{}); r.next(&p); {
	}
	if r.fault == nil && !r.has(PropAuthenticationMethod) {
		return faultNoMethod
	}
	return r.fault
}

// Append encodes a.
func (a *Auth) Append(dst []byte) []byte {
	return appendReason(dst, AUTH, V5, a.Reason, a.Props)
}

// AppendPing encodes a PINGREQ or PINGRESP.
func AppendPing(dst []byte, t Type) []byte { return open(dst, t) }

// CheckEmpty decodes PINGREQ and PINGRESP: no flags, no body.
func CheckEmpty(flags byte, body []byte) error {
	if flags != 0 {
		return faultFlags.in(V5)
	}
	if len(body) > 0 {
		return faultLong.in(V5)
	}
	return nil
}
