package packet

import "fmt"

// ReasonCode, [v5 2.4]. For 3.1.1 the CONNACK return codes and SUBACK codes are
// translated by the codec so that the rest of the program speaks version 5.
type ReasonCode uint8

// The Reason Codes, by the names of the table in [v5 2.4]. Zero has three names
// there, one for each kind of packet it may stand in.
const (
	Success                             ReasonCode = 0x00
	NormalDisconnection                 ReasonCode = 0x00 // In DISCONNECT.
	GrantedQoS0                         ReasonCode = 0x00 // In SUBACK.
	GrantedQoS1                         ReasonCode = 0x01
	GrantedQoS2                         ReasonCode = 0x02
	DisconnectWithWill                  ReasonCode = 0x04
	NoMatchingSubscribers               ReasonCode = 0x10
	NoSubscriptionExisted               ReasonCode = 0x11
	ContinueAuthentication              ReasonCode = 0x18
	ReAuthenticate                      ReasonCode = 0x19
	UnspecifiedError                    ReasonCode = 0x80
	MalformedPacket                     ReasonCode = 0x81
	ProtocolError                       ReasonCode = 0x82
	ImplementationSpecificError         ReasonCode = 0x83
	UnsupportedProtocolVersion          ReasonCode = 0x84
	ClientIdentifierNotValid            ReasonCode = 0x85
	BadUserNameOrPassword               ReasonCode = 0x86
	NotAuthorized                       ReasonCode = 0x87
	ServerUnavailable                   ReasonCode = 0x88
	ServerBusy                          ReasonCode = 0x89
	Banned                              ReasonCode = 0x8A
	ServerShuttingDown                  ReasonCode = 0x8B
	BadAuthenticationMethod             ReasonCode = 0x8C
	KeepAliveTimeout                    ReasonCode = 0x8D
	SessionTakenOver                    ReasonCode = 0x8E
	TopicFilterInvalid                  ReasonCode = 0x8F
	TopicNameInvalid                    ReasonCode = 0x90
	PacketIdentifierInUse               ReasonCode = 0x91
	PacketIdentifierNotFound            ReasonCode = 0x92
	ReceiveMaximumExceeded              ReasonCode = 0x93
	TopicAliasInvalid                   ReasonCode = 0x94
	PacketTooLarge                      ReasonCode = 0x95
	MessageRateTooHigh                  ReasonCode = 0x96
	QuotaExceeded                       ReasonCode = 0x97
	AdministrativeAction                ReasonCode = 0x98
	PayloadFormatInvalid                ReasonCode = 0x99
	RetainNotSupported                  ReasonCode = 0x9A
	QoSNotSupported                     ReasonCode = 0x9B
	UseAnotherServer                    ReasonCode = 0x9C
	ServerMoved                         ReasonCode = 0x9D
	SharedSubscriptionsNotSupported     ReasonCode = 0x9E
	ConnectionRateExceeded              ReasonCode = 0x9F
	MaximumConnectTime                  ReasonCode = 0xA0
	SubscriptionIdentifiersNotSupported ReasonCode = 0xA1
	WildcardSubscriptionsNotSupported   ReasonCode = 0xA2
)

// in is a set of the packets that a Reason Code or a property may stand in: bit
// t for Type t. Type 0 is reserved, so its bit is free for the Will Properties.
type in uint16

const (
	inWill        in = 1 << 0
	inConnect     in = 1 << CONNECT
	inConnack     in = 1 << CONNACK
	inPublish     in = 1 << PUBLISH
	inPuback      in = 1 << PUBACK
	inPubrec      in = 1 << PUBREC
	inPubrel      in = 1 << PUBREL
	inPubcomp     in = 1 << PUBCOMP
	inSubscribe   in = 1 << SUBSCRIBE
	inSuback      in = 1 << SUBACK
	inUnsubscribe in = 1 << UNSUBSCRIBE
	inUnsuback    in = 1 << UNSUBACK
	inDisconnect  in = 1 << DISCONNECT
	inAuth        in = 1 << AUTH
)

// reasons is the table of [v5 2.4]: what each code is called and where it may
// stand. An entry without a name is no Reason Code at all.
var reasons = [256]struct {
	name string
	in   in
}{
	0x00: {"Success", inConnack | inPuback | inPubrec | inPubrel | inPubcomp | inSuback | inUnsuback | inDisconnect | inAuth},
	0x01: {"Granted QoS 1", inSuback},
	0x02: {"Granted QoS 2", inSuback},
	0x04: {"Disconnect with Will Message", inDisconnect},
	0x10: {"No matching subscribers", inPuback | inPubrec},
	0x11: {"No subscription existed", inUnsuback},
	0x18: {"Continue authentication", inAuth},
	0x19: {"Re-authenticate", inAuth},
	0x80: {"Unspecified error", inConnack | inPuback | inPubrec | inSuback | inUnsuback | inDisconnect},
	0x81: {"Malformed Packet", inConnack | inDisconnect},
	0x82: {"Protocol Error", inConnack | inDisconnect},
	0x83: {"Implementation specific error", inConnack | inPuback | inPubrec | inSuback | inUnsuback | inDisconnect},
	0x84: {"Unsupported Protocol Version", inConnack},
	0x85: {"Client Identifier not valid", inConnack},
	0x86: {"Bad User Name or Password", inConnack},
	0x87: {"Not authorized", inConnack | inPuback | inPubrec | inSuback | inUnsuback | inDisconnect},
	0x88: {"Server unavailable", inConnack},
	0x89: {"Server busy", inConnack | inDisconnect},
	0x8A: {"Banned", inConnack},
	0x8B: {"Server shutting down", inDisconnect},
	0x8C: {"Bad authentication method", inConnack | inDisconnect},
	0x8D: {"Keep Alive timeout", inDisconnect},
	0x8E: {"Session taken over", inDisconnect},
	0x8F: {"Topic Filter invalid", inSuback | inUnsuback | inDisconnect},
	0x90: {"Topic Name invalid", inConnack | inPuback | inPubrec | inDisconnect},
	0x91: {"Packet Identifier in use", inPuback | inPubrec | inSuback | inUnsuback},
	0x92: {"Packet Identifier not found", inPubrel | inPubcomp},
	0x93: {"Receive Maximum exceeded", inDisconnect},
	0x94: {"Topic Alias invalid", inDisconnect},
	0x95: {"Packet too large", inConnack | inDisconnect},
	0x96: {"Message rate too high", inDisconnect},
	0x97: {"Quota exceeded", inConnack | inPuback | inPubrec | inSuback | inDisconnect},
	0x98: {"Administrative action", inDisconnect},
	0x99: {"Payload format invalid", inConnack | inPuback | inPubrec | inDisconnect},
	0x9A: {"Retain not supported", inConnack | inDisconnect},
	0x9B: {"QoS not supported", inConnack | inDisconnect},
	0x9C: {"Use another server", inConnack | inDisconnect},
	0x9D: {"Server moved", inConnack | inDisconnect},
	0x9E: {"Shared Subscriptions not supported", inSuback | inDisconnect},
	0x9F: {"Connection rate exceeded", inConnack | inDisconnect},
	0xA0: {"Maximum connect time", inDisconnect},
	0xA1: {"Subscription Identifiers not supported", inSuback | inDisconnect},
	0xA2: {"Wildcard Subscriptions not supported", inSuback | inDisconnect},
}

// Failed reports whether the operation failed: codes from 0x80 on, [v5 2.4].
func (r ReasonCode) Failed() bool { return r >= 0x80 }

// String gives the specification's words. The three meanings of zero share
// "Success".
func (r ReasonCode) String() string {
	if name := reasons[r].name; name != "" {
		return name
	}
	return fmt.Sprintf("Reason Code 0x%02X", uint8(r))
}

// mayStandIn reports whether r is a Reason Code of packets of type t.
func (r ReasonCode) mayStandIn(t Type) bool { return reasons[r].in&(1<<t) != 0 }
