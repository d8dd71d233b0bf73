package packet

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// Props is a run of encoded version 5 properties, without the leading Property
// Length. It was checked when it was decoded, so reading it cannot fail.
type Props []byte

// PropID is a Property Identifier, [v5 2.2.2.2].
type PropID uint8

func (id PropID) String() string {
	if r := rule(id); r.name != "" {
		return r.name
	}
	return fmt.Sprintf("Property 0x%02X", uint8(id))
}

// Prop is one property. Which fields count follows from ID: N for all integer
// kinds, B for strings and binary data, Key and B for a User Property.
type Prop struct {
	ID  PropID
	N   uint32
	B   []byte
	Key []byte
}

// kind is the data type of a property's value, [v5 1.5].
type kind uint8

const (
	kindByte kind = iota + 1
	kindTwo
	kindFour
	kindVarint
	kindText
	kindBinary
	kindPair
)

// propRule is a row of the table in [v5 2.2.2.2]: where a property may stand,
// where it may stand more than once, and the values it may have.
type propRule struct {
	name   string
	kind   kind
	in     in
	repeat in
	flag   bool // Only 0 and 1.
	some   bool // Not 0.
}

const (
	inMessage = inPublish | inWill
	inAcks    = inPuback | inPubrec | inPubrel | inPubcomp | inSuback | inUnsuback
	inAnswers = inAcks | inConnack | inDisconnect | inAuth
	inAll     = inAnswers | inMessage | inConnect | inSubscribe | inUnsubscribe
)

// propRules has 64 rows so that an index of six bits needs no check.
var propRules = [64]propRule{
	PropPayloadFormatIndicator:          {name: "Payload Format Indicator", kind: kindByte, in: inMessage, flag: true},
	PropMessageExpiryInterval:           {name: "Message Expiry Interval", kind: kindFour, in: inMessage},
	PropContentType:                     {name: "Content Type", kind: kindText, in: inMessage},
	PropResponseTopic:                   {name: "Response Topic", kind: kindText, in: inMessage},
	PropCorrelationData:                 {name: "Correlation Data", kind: kindBinary, in: inMessage},
	PropSubscriptionIdentifier:          {name: "Subscription Identifier", kind: kindVarint, in: inPublish | inSubscribe, repeat: inPublish, some: true},
	PropSessionExpiryInterval:           {name: "Session Expiry Interval", kind: kindFour, in: inConnect | inConnack | inDisconnect},
	PropAssignedClientIdentifier:        {name: "Assigned Client Identifier", kind: kindText, in: inConnack},
	PropServerKeepAlive:                 {name: "Server Keep Alive", kind: kindTwo, in: inConnack},
	PropAuthenticationMethod:            {name: "Authentication Method", kind: kindText, in: inConnect | inConnack | inAuth},
	PropAuthenticationData:              {name: "Authentication Data", kind: kindBinary, in: inConnect | inConnack | inAuth},
	PropRequestProblemInformation:       {name: "Request Problem Information", kind: kindByte, in: inConnect, flag: true},
	PropWillDelayInterval:               {name: "Will Delay Interval", kind: kindFour, in: inWill},
	PropRequestResponseInformation:      {name: "Request Response Information", kind: kindByte, in: inConnect, flag: true},
	PropResponseInformation:             {name: "Response Information", kind: kindText, in: inConnack},
	PropServerReference:                 {name: "Server Reference", kind: kindText, in: inConnack | inDisconnect},
	PropReasonString:                    {name: "Reason String", kind: kindText, in: inAnswers},
	PropReceiveMaximum:                  {name: "Receive Maximum", kind: kindTwo, in: inConnect | inConnack, some: true},
	PropTopicAliasMaximum:               {name: "Topic Alias Maximum", kind: kindTwo, in: inConnect | inConnack},
	PropTopicAlias:                      {name: "Topic Alias", kind: kindTwo, in: inPublish, some: true},
	PropMaximumQoS:                      {name: "Maximum QoS", kind: kindByte, in: inConnack, flag: true},
	PropRetainAvailable:                 {name: "Retain Available", kind: kindByte, in: inConnack, flag: true},
	PropUserProperty:                    {name: "User Property", kind: kindPair, in: inAll, repeat: inAll},
	PropMaximumPacketSize:               {name: "Maximum Packet Size", kind: kindFour, in: inConnect | inConnack, some: true},
	PropWildcardSubscriptionAvailable:   {name: "Wildcard Subscription Available", kind: kindByte, in: inConnack, flag: true},
	PropSubscriptionIdentifierAvailable: {name: "Subscription Identifier Available", kind: kindByte, in: inConnack, flag: true},
	PropSharedSubscriptionAvailable:     {name: "Shared Subscription Available", kind: kindByte, in: inConnack, flag: true},
}

// rule is the row of id. Identifiers are Variable Byte Integers, but all that
// exist fit into six bits, so one byte tells; longer ones meet an empty row.
func rule(id PropID) *propRule {
	if id >= PropID(len(propRules)) {
		return &propRules[0]
	}
	return &propRules[id]
}

// All yields the properties in the order they were sent, lent from p.
func (p Props) All() iter.Seq[Prop] {
	return func(yield func(Prop) bool) {
		var prop Prop
		for rest := p; len(rest) > 0; {
			n := prop.read(rest)
			if n == 0 || !yield(prop) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Get finds the first property with the identifier id, lent from p.
func (p Props) Get(id PropID) (Prop, bool) {
	var prop Prop
	for rest := p; len(rest) > 0; {
		n := prop.read(rest)
		if n == 0 {
			break
		}
		if prop.ID == id {
			return prop, true
		}
		rest = rest[n:]
	}
	return Prop{}, false
}

// AppendProp encodes p. It panics when p.ID is not a Property Identifier.
func AppendProp(dst []byte, p Prop) []byte {
	dst = append(dst, byte(p.ID))
	switch rule(p.ID).kind {
	case kindByte:
		return append(dst, byte(p.N))
	case kindTwo:
		return appendUint16(dst, uint16(p.N))
	case kindFour:
		return binary.BigEndian.AppendUint32(dst, p.N)
	case kindVarint:
		return appendVarint(dst, int(p.N))
	case kindText, kindBinary:
		return appendBytes(dst, p.B)
	case kindPair:
		return appendBytes(appendBytes(dst, p.Key), p.B)
	}
	panic("packet: unknown Property Identifier")
}

// appendProps writes the Property Length and p.
func appendProps(dst []byte, p Props) []byte {
	return append(appendVarint(dst, len(p)), p...)
}

// read makes p the first property of b and returns its length; 0 when the
// identifier is unknown or the value is cut off. Nothing else is checked.
func (p *Prop) read(b []byte) int {
	*p = Prop{ID: PropID(b[0])}
	v := b[1:]
	switch rule(p.ID).kind {
	case kindByte:
		if len(v) >= 1 {
			p.N = uint32(v[0])
			return 2
		}
	case kindTwo:
		if len(v) >= 2 {
			p.N = uint32(binary.BigEndian.Uint16(v))
			return 3
		}
	case kindFour:
		if len(v) >= 4 {
			p.N = binary.BigEndian.Uint32(v)
			return 5
		}
	case kindVarint:
		if x, width := varint(v); width > 0 {
			p.N = x
			return 1 + width
		}
	case kindText, kindBinary:
		if x, ok := lend(v); ok {
			p.B = x
			return 3 + len(x)
		}
	case kindPair:
		return p.readPair(v)
	}
	return 0
}

// readPair reads the two strings of a User Property from v.
func (p *Prop) readPair(v []byte) int {
	key, ok := lend(v)
	if !ok {
		return 0
	}
	value, ok := lend(v[2+len(key):])
	if !ok {
		return 0
	}
	p.Key, p.B = key, value
	return 5 + len(key) + len(value)
}

// lend reads the length and the bytes of a string or of binary data.
func lend(b []byte) (x []byte, ok bool) {
	if len(b) < 2 {
		return nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return nil, false
	}
	return b[2:n:n], true
}

// Properties are read twice in a packet's life: once with all checks when they
// arrive, by a propReader, and then as often as anybody likes without, by Props.

// A propReader goes through properties that just arrived and checks each.
type propReader struct {
	rest  []byte
	where in
	seen  uint64 // Bit i: the property with identifier i has been seen.
	fault *fault
}

// next reads a property into p; it returns false at the end and at a fault.
func (r *propReader) next(p *Prop) bool {
	if len(r.rest) == 0 || r.fault != nil {
		return false
	}
	n := p.read(r.rest)
	r.fault = r.check(p, n)
	if r.fault != nil {
		return false
	}
	r.rest = r.rest[n:]
	r.seen |= 1 << p.ID
	return true
}

func (r *propReader) check(p *Prop, n int) *fault {
	rule := rule(p.ID)
	switch {
	case rule.in&r.where == 0:
		return faultProp
	case n == 0:
		return faultPropValue
	case r.seen&(1<<p.ID) != 0 && rule.repeat&r.where == 0:
		return faultPropTwice
	case rule.flag && p.N > 1:
		return faultPropRange
	case rule.some && p.N == 0:
		return zeroFault(p.ID)
	case p.ID == PropResponseTopic: // A Topic Name, not any text.
		return checkName(p.B, faultResponse)
	case rule.kind == kindText:
		return checkText(p.B)
	case rule.kind == kindPair:
		if f := checkText(p.Key); f != nil {
			return f
		}
		return checkText(p.B)
	}
	return nil
}

// zeroFault is what the specification calls a zero where none may be.
func zeroFault(id PropID) *fault {
	switch id {
	case PropTopicAlias:
		return faultAlias
	case PropSubscriptionIdentifier:
		return faultSubID
	}
	return faultPropRange
}

// has reports whether a property with the identifier id has been read.
func (r *propReader) has(id PropID) bool { return r.seen&(1<<id) != 0 }

// checkProps checks properties of which the decoder needs none.
func checkProps(b Props, t Type) *fault {
	r := propReader{rest: b, where: 1 << t}
	for p := (Prop{}); r.next(&p); {
	}
	return r.fault
}
