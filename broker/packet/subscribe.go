package packet

// Subscription is one Topic Filter of a SUBSCRIBE with its options.
type Subscription struct {
	Filter            []byte
	QoS               QoS
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    uint8 // 0, 1 or 2.
}

// Subscribe is a SUBSCRIBE, [v5 3.8]. Decode reuses Subs.
type Subscribe struct {
	ID    ID
	Props Props
	SubID uint32 // Subscription Identifier; 0: none. Set by Decode.
	Subs  []Subscription
}

// Decode reads the body of a SUBSCRIBE frame. Slices lend from body, but Subs
// itself is the caller's.
func (s *Subscribe) Decode(v Version, flags byte, body []byte) error {
	s.Props, s.SubID, s.Subs = nil, 0, s.Subs[:0]
	if f := checkFlags(v, SUBSCRIBE, flags, faultSubFlags); f != nil {
		return f.in(v)
	}
	return s.decode(v, body).in(v)
}

func (s *Subscribe) decode(v Version, body []byte) *fault {
	c := cursor{rest: body}
	s.ID = c.id(faultZeroID)
	if v == V5 {
		s.Props = c.props()
	}
	if c.fault != nil {
		return c.fault
	}
	if f := s.decodeProps(); f != nil {
		return f
	}
	if len(c.rest) == 0 {
		return faultNoFilters
	}
	for len(c.rest) > 0 {
		sub := Subscription{Filter: c.binary()}
		options := c.byte()
		if c.fault != nil {
			return c.fault
		}
		if f := sub.decode(v, options); f != nil {
			return f
		}
		s.Subs = append(s.Subs, sub)
	}
	return nil
}

func (s *Subscribe) decodeProps() *fault {
	r := propReader{rest: s.Props, where: inSubscribe}
	for p := (Prop{}); r.next(&p); {
		if p.ID == PropSubscriptionIdentifier {
			s.SubID = p.N
		}
	}
	return r.fault
}

// decode checks the Topic Filter and reads the Subscription Options, of which
// 3.x has only the QoS.
func (s *Subscription) decode(v Version, b byte) *fault {
	s.QoS = QoS(b & 3)
	reserved := byte(0xFC)
	if v == V5 {
		reserved = 0xC0
		s.NoLocal = b&4 != 0
		s.RetainAsPublished = b&8 != 0
		s.RetainHandling = b >> 4 & 3
	}
	switch {
	case b&reserved != 0: // Before the rest: these bits may mean anything one day.
		return faultSubOptions
	case s.QoS == 3:
		return faultSubQoS
	case s.RetainHandling == 3:
		return faultRetainHand
	}
	if f := checkFilter(s.Filter); f != nil {
		return f
	}
	if _, ok := shared(s.Filter); ok && s.NoLocal {
		return faultNoLocal
	}
	return nil
}

// Append encodes s. For 3.x only the QoS of the options remains.
func (s *Subscribe) Append(dst []byte, v Version) []byte {
	start := len(dst)
	dst = appendUint16(open(dst, SUBSCRIBE), uint16(s.ID))
	if v == V5 {
		dst = appendProps(dst, s.Props)
	}
	for i := range s.Subs {
		dst = appendBytes(dst, s.Subs[i].Filter)
		dst = append(dst, s.Subs[i].options(v))
	}
	return seal(dst, start)
}

func (s *Subscription) options(v Version) byte {
	b := byte(s.QoS)
	if v != V5 {
		return b
	}
	if s.NoLocal {
		b |= 4
	}
	if s.RetainAsPublished {
		b |= 8
	}
	return b | s.RetainHandling<<4
}

// Suback is a SUBACK, [v5 3.9], or with Unsub an UNSUBACK, [v5 3.11]. Codes of 3.1.1
// are 0, 1, 2 and 0x80; any failure is encoded as 0x80 there, and an UNSUBACK of
// 3.x has no codes.
type Suback struct {
	Unsub bool
	ID    ID
	Props Props
	Codes []ReasonCode
}

// Decode reads the body of a SUBACK or UNSUBACK frame. Props lends from body;
// Codes is the caller's and is reused.
func (s *Suback) Decode(v Version, unsub bool, flags byte, body []byte) error {
	s.Unsub, s.Props, s.Codes = unsub, nil, s.Codes[:0]
	if f := checkFlags(v, s.kind(), flags, faultFlags); f != nil {
		return f.in(v)
	}
	return s.decode(v, body).in(v)
}

func (s *Suback) decode(v Version, body []byte) *fault {
	c := cursor{rest: body}
	s.ID = c.id(faultSubackID)
	if v == V5 {
		s.Props = c.props()
	}
	if c.fault != nil {
		return c.fault
	}
	if v != V5 && s.Unsub {
		return c.end()
	}
	if f := checkProps(s.Props, s.kind()); f != nil {
		return f
	}
	if len(c.rest) == 0 {
		return faultNoCodes
	}
	for _, b := range c.rest {
		r := ReasonCode(b)
		if f := s.checkCode(v, r); f != nil {
			return f
		}
		s.Codes = append(s.Codes, r)
	}
	return nil
}

func (s *Suback) checkCode(v Version, r ReasonCode) *fault {
	switch {
	case v != V5 && r > GrantedQoS2 && r != UnspecifiedError:
		return faultSubackRC
	case r.mayStandIn(s.kind()):
		return nil
	case s.Unsub:
		return faultUnsubackRC
	}
	return faultSubackRC
}

func (s *Suback) kind() Type {
	if s.Unsub {
		return UNSUBACK
	}
	return SUBACK
}

// Append encodes s.
func (s *Suback) Append(dst []byte, v Version) []byte {
	start := len(dst)
	dst = appendUint16(open(dst, s.kind()), uint16(s.ID))
	if v == V5 {
		dst = appendProps(dst, s.Props)
	}
	if v != V5 && s.Unsub {
		return seal(dst, start)
	}
	for _, r := range s.Codes {
		if v != V5 && r.Failed() {
			r = UnspecifiedError
		}
		dst = append(dst, byte(r))
	}
	return seal(dst, start)
}

// Unsubscribe is an UNSUBSCRIBE, [v5 3.10]. Decode reuses Filters.
type Unsubscribe struct {
	ID      ID
	Props   Props
	Filters [][]byte
}

// Decode reads the body of an UNSUBSCRIBE frame. Slices lend from body, but
// Filters itself is the caller's.
func (u *Unsubscribe) Decode(v Version, flags byte, body []byte) error {
	u.Props, u.Filters = nil, u.Filters[:0]
	if f := checkFlags(v, UNSUBSCRIBE, flags, faultUnsFlags); f != nil {
		return f.in(v)
	}
	return u.decode(v, body).in(v)
}

func (u *Unsubscribe) decode(v Version, body []byte) *fault {
	c := cursor{rest: body}
	u.ID = c.id(faultZeroID)
	if v == V5 {
		u.Props = c.props()
	}
	if c.fault != nil {
		return c.fault
	}
	if f := checkProps(u.Props, UNSUBSCRIBE); f != nil {
		return f
	}
	if len(c.rest) == 0 {
		return faultNoUnsub
	}
	for len(c.rest) > 0 {
		filter := c.binary()
		if c.fault != nil {
			return c.fault
		}
		if f := checkFilter(filter); f != nil {
			return f
		}
		u.Filters = append(u.Filters, filter)
	}
	return nil
}

// Append encodes u.
func (u *Unsubscribe) Append(dst []byte, v Version) []byte {
	start := len(dst)
	dst = appendUint16(open(dst, UNSUBSCRIBE), uint16(u.ID))
	if v == V5 {
		dst = appendProps(dst, u.Props)
	}
	for _, filter := range u.Filters {
		dst = appendBytes(dst, filter)
	}
	return seal(dst, start)
}
