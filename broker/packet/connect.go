package packet

// Will is the Will Message of a CONNECT.
type Will struct {
	Topic   []byte
	Payload []byte
	QoS     QoS
	Retain  bool
	Props   Props  // All of them, with Will Delay Interval.
	Delay   uint32 // Will Delay Interval, seconds; set by Decode, ignored by Append.
}

// Connect is a CONNECT, [v5 3.1]. CleanStart is 3.1.1's Clean Session; there,
// Decode sets SessionExpiry to 0 when it is set and to 0xFFFFFFFF when not, so
// that a 3.1.1 session lasts as it should in version 5's terms.
type Connect struct {
	Version                  Version
	CleanStart               bool
	KeepAlive                uint16 // Seconds; 0: off.
	ClientID                 []byte
	HasWill                  bool
	Will                     Will
	HasUsername, HasPassword bool
	Username, Password       []byte
	Props                    Props

	// Set by Decode from Props; ignored by Append.
	SessionExpiry        uint32 // Seconds; 0xFFFFFFFF: never.
	ReceiveMaximum       uint16 // 65535 when absent.
	MaximumPacketSize    uint32 // 0 when absent.
	TopicAliasMaximum    uint16
	RequestResponseInfo  bool
	RequestProblemInfo   bool // True when absent.
	AuthMethod, AuthData []byte
	HasAuthMethod        bool
}

// SessionNeverExpires is the Session Expiry Interval of a session that lasts
// until it is discarded, [v5 3.1.2.11.2].
const SessionNeverExpires = 0xFFFFFFFF

// The Connect Flags, [v5 3.1.2.3].
const (
	flagReserved   = 1 << 0
	flagCleanStart = 1 << 1
	flagWill       = 1 << 2
	flagWillRetain = 1 << 5
	flagPassword   = 1 << 6
	flagUsername   = 1 << 7
	willQoSShift   = 3
)

// Decode reads the body of a CONNECT frame. When the Protocol Name or Version is
// not ours the error's Code is UnsupportedProtocolVersion and c.Version is what
// the client asked for. For any other error c.Version is right, and with it the
// form of the CONNACK that refuses.
//
// The slices of c lend from body.
func (c *Connect) Decode(flags byte, body []byte) error {
	*c = Connect{ReceiveMaximum: 0xFFFF, RequestProblemInfo: true}
	r := cursor{rest: body}
	name := r.binary()
	c.Version = Version(r.byte())
	if r.fault != nil {
		return r.fault.in(c.Version)
	}
	if f := checkProtocol(string(name), c.Version); f != nil {
		return f.in(V5)
	}
	if f := checkFlags(c.Version, CONNECT, flags, faultFlags); f != nil {
		return f.in(c.Version)
	}
	return c.decode(&r).in(c.Version)
}

func checkProtocol(name string, v Version) *fault {
	switch {
	case name == "MQTT" && (v == V311 || v == V5), name == "MQIsdp" && v == V31:
		return nil
	case name == "MQTT" || name == "MQIsdp":
		return faultVersion
	}
	return faultProtocol
}

// decode reads what follows the Protocol Version.
func (c *Connect) decode(r *cursor) *fault {
	flags := r.byte()
	c.KeepAlive = r.uint16()
	if r.fault != nil {
		return r.fault
	}
	if f := c.decodeFlags(flags); f != nil {
		return f
	}
	if c.Version == V5 {
		c.Props = r.props()
		if f := c.decodeProps(); f != nil {
			return f
		}
	}
	c.ClientID = r.text()
	if c.HasWill {
		if f := c.Will.decode(c.Version, r); f != nil {
			return f
		}
	}
	c.decodeLogin(r)
	if f := r.end(); f != nil {
		return f
	}
	return c.checkClientID()
}

func (c *Connect) decodeFlags(b byte) *fault {
	c.CleanStart = b&flagCleanStart != 0
	c.HasWill = b&flagWill != 0
	c.Will.QoS = QoS(b >> willQoSShift & 3)
	c.Will.Retain = b&flagWillRetain != 0
	c.HasUsername = b&flagUsername != 0
	c.HasPassword = b&flagPassword != 0
	if c.Version != V5 && !c.CleanStart {
		c.SessionExpiry = SessionNeverExpires
	}
	switch {
	case b&flagReserved != 0:
		return faultConnReserved
	case !c.HasWill && c.Will.QoS != 0:
		return faultNoWillQoS
	case !c.HasWill && c.Will.Retain:
		return faultNoWillRetain
	case c.Will.QoS == 3:
		return faultWillQoS
	case c.Version != V5 && c.HasPassword && !c.HasUsername:
		return faultPassword
	}
	return nil
}

func (c *Connect) decodeProps() *fault {
	r := propReader{rest: c.Props, where: inConnect}
	for p := (Prop{}); r.next(&p); {
		switch p.ID {
		case PropSessionExpiryInterval:
			c.SessionExpiry = p.N
		case PropReceiveMaximum:
			c.ReceiveMaximum = uint16(p.N)
		case PropMaximumPacketSize:
			c.MaximumPacketSize = p.N
		case PropTopicAliasMaximum:
			c.TopicAliasMaximum = uint16(p.N)
		case PropRequestResponseInformation:
			c.RequestResponseInfo = p.N == 1
		case PropRequestProblemInformation:
			c.RequestProblemInfo = p.N == 1
		case PropAuthenticationMethod:
			c.AuthMethod, c.HasAuthMethod = p.B, true
		case PropAuthenticationData:
			c.AuthData = p.B
		}
	}
	if r.fault == nil && r.has(PropAuthenticationData) && !c.HasAuthMethod {
		return faultAuthData
	}
	return r.fault
}

func (w *Will) decode(v Version, r *cursor) *fault {
	if v == V5 {
		w.Props = r.props()
		p := propReader{rest: w.Props, where: inWill}
		for prop := (Prop{}); p.next(&prop); {
			if prop.ID == PropWillDelayInterval {
				w.Delay = prop.N
			}
		}
		if p.fault != nil {
			return p.fault
		}
	}
	w.Topic = r.binary()
	w.Payload = r.binary()
	if r.fault != nil {
		return r.fault
	}
	return checkName(w.Topic, faultWildcard)
}

// decodeLogin reads User Name and Password. In 3.1 the Remaining Length has the
// last word: a field that is announced but not there is absent, [v3.1 3.1].
func (c *Connect) decodeLogin(r *cursor) {
	if c.Version == V31 && len(r.rest) == 0 {
		c.HasUsername, c.HasPassword = false, false
	}
	if c.HasUsername {
		c.Username = r.text()
	}
	if c.Version == V31 && len(r.rest) == 0 {
		c.HasPassword = false
	}
	if c.HasPassword {
		c.Password = r.binary()
	}
}

// checkClientID refuses an empty Client Identifier where the Server may not
// choose one. The 23 characters of 3.1 are not enforced: Clients of that age
// exceed them, and 3.1.1 lets a Server accept more.
func (c *Connect) checkClientID() *fault {
	if len(c.ClientID) == 0 && (c.Version == V31 || c.Version == V311 && !c.CleanStart) {
		return faultClientID
	}
	return nil
}

// Append encodes c.
func (c *Connect) Append(dst []byte) []byte {
	start := len(dst)
	name := "MQTT"
	if c.Version == V31 {
		name = "MQIsdp"
	}
	dst = append(open(dst, CONNECT), 0, byte(len(name)))
	dst = append(append(dst, name...), byte(c.Version), c.flags())
	dst = appendUint16(dst, c.KeepAlive)
	if c.Version == V5 {
		dst = appendProps(dst, c.Props)
	}
	dst = appendBytes(dst, c.ClientID)
	if c.HasWill {
		dst = c.Will.append(dst, c.Version)
	}
	if c.HasUsername {
		dst = appendBytes(dst, c.Username)
	}
	if c.HasPassword {
		dst = appendBytes(dst, c.Password)
	}
	return seal(dst, start)
}

func (c *Connect) flags() (b byte) {
	if c.CleanStart {
		b |= flagCleanStart
	}
	if c.HasWill {
		b |= flagWill | byte(c.Will.QoS)<<willQoSShift
		if c.Will.Retain {
			b |= flagWillRetain
		}
	}
	if c.HasUsername {
		b |= flagUsername
	}
	if c.HasPassword {
		b |= flagPassword
	}
	return b
}

func (w *Will) append(dst []byte, v Version) []byte {
	if v == V5 {
		dst = appendProps(dst, w.Props)
	}
	return appendBytes(appendBytes(dst, w.Topic), w.Payload)
}
