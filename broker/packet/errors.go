package packet

import "fmt"

// Error says why a packet was refused. Code is the Reason Code that the peer is
// to see; Clause cites the specification, as in "v5 MQTT-3.3.1-4".
//
// All errors of this package are shared values: compare them, don't change them.
type Error struct {
	Code   ReasonCode
	Clause string
	Text   string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v: %s [%s]", e.Code, e.Text, e.Clause)
}

// A fault is one way to break the rules. The versions number their clauses
// differently, so it holds one finished Error for each. 3.1 numbers nothing and
// is quoted by 3.1.1's clauses, and by that text 3.x has no Reason Codes: there,
// Code serves only those who log or count.
type fault struct{ v5, v3 Error }

func newFault(code ReasonCode, v5, v311, text string) *fault {
	return &fault{
		v5: Error{code, "v5 " + v5, text},
		v3: Error{code, "v3.1.1 " + v311, text},
	}
}

// in is the error as version v words it; nil for no fault.
func (f *fault) in(v Version) error {
	if f == nil {
		return nil
	}
	if v == V5 {
		return &f.v5
	}
	return &f.v3
}

// The clauses for what the texts forbid without a number of its own: a packet
// that is wrong ends the Network Connection.
const (
	anyV5   = "MQTT-4.13.1-1"
	anyV311 = "MQTT-4.8.0-1"
)

// Faults of any packet.
var (
	faultType      = newFault(MalformedPacket, "2.1.2", "2.2.1", "Control Packet type is reserved")
	faultLength    = newFault(MalformedPacket, "MQTT-1.5.5-1", "2.2.3", "length is not a minimal Variable Byte Integer of at most four bytes")
	faultTooLarge  = newFault(PacketTooLarge, "MQTT-3.2.2-15", "2.2.3", "packet exceeds the Maximum Packet Size")
	faultFlags     = newFault(MalformedPacket, "MQTT-2.1.3-1", "MQTT-2.2.2-2", "reserved flags of the Fixed Header are not as listed")
	faultPubrel    = newFault(MalformedPacket, "MQTT-3.6.1-1", "MQTT-3.6.1-1", "flags of PUBREL are not 0010")
	faultSubFlags  = newFault(MalformedPacket, "MQTT-3.8.1-1", "MQTT-3.8.1-1", "flags of SUBSCRIBE are not 0010")
	faultUnsFlags  = newFault(MalformedPacket, "MQTT-3.10.1-1", "MQTT-3.10.1-1", "flags of UNSUBSCRIBE are not 0010")
	faultDiscFlags = newFault(MalformedPacket, "MQTT-3.14.1-1", "MQTT-3.14.1-1", "flags of DISCONNECT are not 0000")
	faultAuthFlags = newFault(MalformedPacket, "MQTT-3.15.1-1", "MQTT-2.2.2-2", "flags of AUTH are not 0000")
	faultShort     = newFault(MalformedPacket, anyV5, anyV311, "packet ends inside a field")
	faultLong      = newFault(MalformedPacket, anyV5, anyV311, "packet has bytes after its last field")
	faultZeroID    = newFault(ProtocolError, "MQTT-2.2.1-3", "MQTT-2.3.1-1", "Packet Identifier is zero")
	faultAckID     = newFault(ProtocolError, "MQTT-2.2.1-5", "MQTT-2.3.1-6", "acknowledged Packet Identifier is zero")
	faultSubackID  = newFault(ProtocolError, "MQTT-2.2.1-6", "MQTT-2.3.1-7", "acknowledged Packet Identifier is zero")
)

// Faults of strings, names and filters.
var (
	faultUTF8       = newFault(MalformedPacket, "MQTT-1.5.4-1", "MQTT-1.5.3-1", "string is not well-formed UTF-8")
	faultNull       = newFault(MalformedPacket, "MQTT-1.5.4-2", "MQTT-1.5.3-2", "string contains U+0000")
	faultEmptyTopic = newFault(MalformedPacket, "MQTT-4.7.3-1", "MQTT-4.7.3-1", "Topic Name or Topic Filter is empty")
	faultLongTopic  = newFault(MalformedPacket, "MQTT-4.7.3-3", "MQTT-4.7.3-3", "Topic Name or Topic Filter is longer than 65535 bytes")
	faultWildcard   = newFault(MalformedPacket, "MQTT-4.7.0-1", "MQTT-4.7.1-1", "Topic Name contains a wildcard")
	faultHash       = newFault(MalformedPacket, "MQTT-4.7.1-1", "MQTT-4.7.1-2", "# is not the whole last level of the Topic Filter")
	faultPlus       = newFault(MalformedPacket, "MQTT-4.7.1-2", "MQTT-4.7.1-3", "+ is not a whole level of the Topic Filter")
	faultShareName  = newFault(MalformedPacket, "MQTT-4.8.2-1", "4.7.2", "Share Name is empty")
	faultShare      = newFault(MalformedPacket, "MQTT-4.8.2-2", "4.7.2", "Share Name has a wildcard or no Topic Filter after it")
)

// Faults of properties, which only version 5 has.
var (
	faultProp      = newFault(MalformedPacket, "2.2.2.2", anyV311, "Property Identifier is unknown or not allowed in this packet")
	faultPropValue = newFault(MalformedPacket, "2.2.2.2", anyV311, "value of a property is not of its type")
	faultPropTwice = newFault(ProtocolError, "2.2.2.2", anyV311, "property is included more than once")
	faultPropRange = newFault(ProtocolError, "2.2.2.2", anyV311, "value of a property is out of its range")
	faultPropsLen  = newFault(MalformedPacket, "2.2.2.1", anyV311, "Property Length overruns the packet")
	faultAlias     = newFault(TopicAliasInvalid, "MQTT-3.3.2-8", anyV311, "Topic Alias is zero")
	faultSubID     = newFault(ProtocolError, "3.8.2.1.2", anyV311, "Subscription Identifier is zero")
	faultResponse  = newFault(MalformedPacket, "MQTT-3.3.2-14", anyV311, "Response Topic contains a wildcard")
	faultAuthData  = newFault(ProtocolError, "3.1.2.11.10", anyV311, "Authentication Data without Authentication Method")
	faultNoMethod  = newFault(ProtocolError, "3.15.2.2.2", anyV311, "AUTH without Authentication Method")
)

// Faults of single packets. (3.1.1 prints its MQTT-3.8.3-4 as MQTT-3-8.3-4.)
var (
	faultProtocol     = newFault(UnsupportedProtocolVersion, "MQTT-3.1.2-1", "MQTT-3.1.2-1", "Protocol Name is not known")
	faultVersion      = newFault(UnsupportedProtocolVersion, "MQTT-3.1.2-2", "MQTT-3.1.2-2", "Protocol Version is not supported")
	faultConnReserved = newFault(MalformedPacket, "MQTT-3.1.2-3", "MQTT-3.1.2-3", "reserved Connect Flag is set")
	faultNoWillQoS    = newFault(MalformedPacket, "MQTT-3.1.2-11", "MQTT-3.1.2-13", "Will QoS without Will Flag")
	faultWillQoS      = newFault(MalformedPacket, "MQTT-3.1.2-12", "MQTT-3.1.2-14", "Will QoS is 3")
	faultNoWillRetain = newFault(MalformedPacket, "MQTT-3.1.2-13", "MQTT-3.1.2-15", "Will Retain without Will Flag")
	faultPassword     = newFault(MalformedPacket, "3.1.2.9", "MQTT-3.1.2-22", "Password Flag without User Name Flag")
	faultClientID     = newFault(ClientIdentifierNotValid, "MQTT-3.1.3-8", "MQTT-3.1.3-8", "empty Client Identifier without Clean Session")

	faultAckFlags  = newFault(MalformedPacket, "MQTT-3.2.2-1", "3.2.2.1", "reserved Connect Acknowledge Flag is set")
	faultPresent   = newFault(ProtocolError, "MQTT-3.2.2-6", "MQTT-3.2.2-4", "Session Present in a CONNACK that refuses")
	faultConnackRC = newFault(ProtocolError, "MQTT-3.2.2-8", "3.2.2.3", "not a Connect Reason Code")

	faultQoS         = newFault(MalformedPacket, "MQTT-3.3.1-4", "MQTT-3.3.1-4", "QoS of a PUBLISH is 3")
	faultDup         = newFault(MalformedPacket, "MQTT-3.3.1-2", "MQTT-3.3.1-2", "DUP in a PUBLISH of QoS 0")
	faultPubWildcard = newFault(MalformedPacket, "MQTT-3.3.2-2", "MQTT-3.3.2-2", "Topic Name of a PUBLISH contains a wildcard")
	faultNoTopic     = newFault(ProtocolError, "3.3.2.1", "MQTT-4.7.3-1", "PUBLISH without Topic Name and Topic Alias")

	faultNoFilters  = newFault(ProtocolError, "MQTT-3.8.3-2", "MQTT-3.8.3-3", "SUBSCRIBE without Topic Filters")
	faultSubQoS     = newFault(ProtocolError, "3.8.3.1", "MQTT-3.8.3-4", "Maximum QoS of a subscription is 3")
	faultRetainHand = newFault(ProtocolError, "3.8.3.1", "MQTT-3.8.3-4", "Retain Handling is 3")
	faultSubOptions = newFault(MalformedPacket, "MQTT-3.8.3-5", "MQTT-3.8.3-4", "reserved Subscription Option is set")
	faultNoLocal    = newFault(ProtocolError, "MQTT-3.8.3-4", anyV311, "No Local on a Shared Subscription")
	faultNoUnsub    = newFault(ProtocolError, "MQTT-3.10.3-2", "MQTT-3.10.3-2", "UNSUBSCRIBE without Topic Filters")
	faultNoCodes    = newFault(ProtocolError, "MQTT-3.8.4-6", "MQTT-3.8.4-5", "acknowledgement without Reason Codes")
	faultSubackRC   = newFault(ProtocolError, "MQTT-3.9.3-2", "MQTT-3.9.3-2", "not a Subscribe Reason Code")
	faultUnsubackRC = newFault(ProtocolError, "MQTT-3.11.3-2", anyV311, "not an Unsubscribe Reason Code")
	faultDiscRC     = newFault(ProtocolError, "MQTT-3.14.2-1", anyV311, "not a Disconnect Reason Code")
	faultAuthRC     = newFault(ProtocolError, "MQTT-3.15.2-1", anyV311, "not an Authenticate Reason Code")
)
