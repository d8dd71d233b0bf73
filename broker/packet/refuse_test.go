package packet

import (
	"errors"
	"testing"
)

// A refusal is a packet that nobody may send, the Reason Code that answers it
// and the clause that forbids it.
type refusal struct {
	name   string
	v      Version
	wire   string
	code   ReasonCode
	clause string
}

var refusals = []refusal{
	// The Fixed Header. It is read before the version is known.
	{"type 0", V5, `00 00`, MalformedPacket, "v5 2.1.2"},
	{"type 0, one byte", V5, `0F`, MalformedPacket, "v5 2.1.2"},
	{"length of five bytes", V5, `30 FF FF FF FF 01`, MalformedPacket, "v5 MQTT-1.5.5-1"},
	{"length of five bytes, seen after four", V5, `30 80 80 80 80`, MalformedPacket, "v5 MQTT-1.5.5-1"},
	{"length 0 in two bytes", V5, `C0 80 00`, MalformedPacket, "v5 MQTT-1.5.5-1"},
	{"length 127 in three bytes", V5, `30 FF 80 00`, MalformedPacket, "v5 MQTT-1.5.5-1"},

	// Flags of the Fixed Header
	{"flags of CONNECT", V5, `11 0D 00 04 'MQTT' 05 02 00 00 00 00 00`, MalformedPacket, "v5 MQTT-2.1.3-1"},
	{"flags of CONNECT", V311, `12 0C 00 04 'MQTT' 04 02 00 00 00 00`, MalformedPacket, "v3.1.1 MQTT-2.2.2-2"},
	{"flags of CONNACK", V5, `24 03 00 00 00`, MalformedPacket, "v5 MQTT-2.1.3-1"},
	{"flags of PUBACK", V311, `42 02 00 01`, MalformedPacket, "v3.1.1 MQTT-2.2.2-2"},
	{"flags of PUBREC", V5, `58 02 00 01`, MalformedPacket, "v5 MQTT-2.1.3-1"},
	{"flags of PUBREL", V311, `60 02 00 01`, MalformedPacket, "v3.1.1 MQTT-3.6.1-1"},
	{"flags of PUBREL", V5, `6A 02 00 01`, MalformedPacket, "v5 MQTT-3.6.1-1"},
	{"flags of PUBREL", V31, `63 02 00 01`, MalformedPacket, "v3.1.1 MQTT-3.6.1-1"},
	{"flags of PUBCOMP", V5, `71 02 00 01`, MalformedPacket, "v5 MQTT-2.1.3-1"},
	{"flags of SUBSCRIBE", V311, `80 06 00 01 00 01 'a' 00`, MalformedPacket, "v3.1.1 MQTT-3.8.1-1"},
	{"flags of SUBSCRIBE", V5, `83 07 00 01 00 00 01 'a' 00`, MalformedPacket, "v5 MQTT-3.8.1-1"},
	{"flags of SUBACK", V5, `91 04 00 01 00 00`, MalformedPacket, "v5 MQTT-2.1.3-1"},
	{"flags of UNSUBSCRIBE", V5, `A0 06 00 01 00 00 01 'a'`, MalformedPacket, "v5 MQTT-3.10.1-1"},
	{"flags of UNSUBACK", V311, `B2 02 00 01`, MalformedPacket, "v3.1.1 MQTT-2.2.2-2"},
	{"flags of PINGREQ", V5, `C1 00`, MalformedPacket, "v5 MQTT-2.1.3-1"},
	{"flags of PINGRESP", V5, `D8 00`, MalformedPacket, "v5 MQTT-2.1.3-1"},
	{"flags of DISCONNECT", V311, `E1 00`, MalformedPacket, "v3.1.1 MQTT-3.14.1-1"},
	{"flags of DISCONNECT", V5, `E2 00`, MalformedPacket, "v5 MQTT-3.14.1-1"},
	{"flags of AUTH", V5, `F1 00`, MalformedPacket, "v5 MQTT-3.15.1-1"},

	// CONNECT
	{"Protocol Name", V5, `10 0D 00 04 'MQTP' 05 02 00 00 00 00 00`, UnsupportedProtocolVersion, "v5 MQTT-3.1.2-1"},
	{"Protocol Name in lower case", V5, `10 0C 00 04 'mqtt' 04 02 00 00 00 00`, UnsupportedProtocolVersion, "v5 MQTT-3.1.2-1"},
	{"version 6", V5, `10 0D 00 04 'MQTT' 06 02 00 00 00 00 00`, UnsupportedProtocolVersion, "v5 MQTT-3.1.2-2"},
	{"version 3 under the new name", V5, `10 0C 00 04 'MQTT' 03 02 00 00 00 00`, UnsupportedProtocolVersion, "v5 MQTT-3.1.2-2"},
	{"version 4 under the old name", V5, `10 0E 00 06 'MQIsdp' 04 02 00 00 00 00`, UnsupportedProtocolVersion, "v5 MQTT-3.1.2-2"},
	{"reserved Connect Flag", V5, `10 0D 00 04 'MQTT' 05 03 00 00 00 00 00`, MalformedPacket, "v5 MQTT-3.1.2-3"},
	{"reserved Connect Flag", V311, `10 0C 00 04 'MQTT' 04 03 00 00 00 00`, MalformedPacket, "v3.1.1 MQTT-3.1.2-3"},
	{"Will QoS without will", V5, `10 0D 00 04 'MQTT' 05 0A 00 00 00 00 00`, MalformedPacket, "v5 MQTT-3.1.2-11"},
	{"Will QoS without will", V311, `10 0C 00 04 'MQTT' 04 12 00 00 00 00`, MalformedPacket, "v3.1.1 MQTT-3.1.2-13"},
	{"Will QoS 3", V5, `10 13 00 04 'MQTT' 05 1E 00 00 00 00 00 00 00 01 'w' 00 00`, MalformedPacket, "v5 MQTT-3.1.2-12"},
	{"Will QoS 3", V311, `10 11 00 04 'MQTT' 04 1E 00 00 00 00 00 01 'w' 00 00`, MalformedPacket, "v3.1.1 MQTT-3.1.2-14"},
	{"Will Retain without will", V5, `10 0D 00 04 'MQTT' 05 22 00 00 00 00 00`, MalformedPacket, "v5 MQTT-3.1.2-13"},
	{"Will Retain without will", V311, `10 0C 00 04 'MQTT' 04 22 00 00 00 00`, MalformedPacket, "v3.1.1 MQTT-3.1.2-15"},
	{"Password without User Name", V311, `10 0F 00 04 'MQTT' 04 42 00 00 00 00 00 01 'p'`, MalformedPacket, "v3.1.1 MQTT-3.1.2-22"},
	{"empty Client Identifier, session kept", V311, `10 0C 00 04 'MQTT' 04 00 00 00 00 00`, ClientIdentifierNotValid, "v3.1.1 MQTT-3.1.3-8"},
	{"empty Client Identifier", V31, `10 0E 00 06 'MQIsdp' 03 02 00 00 00 00`, ClientIdentifierNotValid, "v3.1.1 MQTT-3.1.3-8"},
	{"Client Identifier not UTF-8", V5, `10 0F 00 04 'MQTT' 05 02 00 00 00 00 02 C0 80`, MalformedPacket, "v5 MQTT-1.5.4-1"},
	{"Client Identifier with U+0000", V311, `10 0E 00 04 'MQTT' 04 02 00 00 00 02 'a' 00`, MalformedPacket, "v3.1.1 MQTT-1.5.3-2"},
	{"User Name not UTF-8", V5, `10 11 00 04 'MQTT' 05 82 00 00 00 00 00 00 02 FF 'a'`, MalformedPacket, "v5 MQTT-1.5.4-1"},
	{"no Client Identifier field", V311, `10 0A 00 04 'MQTT' 04 02 00 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"no Property Length", V5, `10 0A 00 04 'MQTT' 05 02 00 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"no Keep Alive", V5, `10 08 00 04 'MQTT' 05 02`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"User Name missing", V311, `10 0C 00 04 'MQTT' 04 82 00 00 00 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"Password missing", V5, `10 0D 00 04 'MQTT' 05 42 00 00 00 00 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"User Name not announced", V5, `10 10 00 04 'MQTT' 05 02 00 00 00 00 00 00 01 'u'`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"Will Topic empty", V311, `10 10 00 04 'MQTT' 04 06 00 00 00 00 00 00 00 00`, MalformedPacket, "v3.1.1 MQTT-4.7.3-1"},
	{"Will Topic with wildcard", V5, `10 13 00 04 'MQTT' 05 06 00 00 00 00 00 00 00 01 '#' 00 00`, MalformedPacket, "v5 MQTT-4.7.0-1"},
	{"Will Topic with wildcard", V311, `10 11 00 04 'MQTT' 04 06 00 00 00 00 00 01 '+' 00 00`, MalformedPacket, "v3.1.1 MQTT-4.7.1-1"},
	{"Will Payload missing", V311, `10 0F 00 04 'MQTT' 04 06 00 00 00 00 00 01 'w'`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"Will Delay Interval twice", V5, `
		10 1D 00 04 'MQTT' 05 06 00 00 00 00 00
		0A 18 00 00 00 01 18 00 00 00 01 00 01 'w' 00 00`, ProtocolError, "v5 2.2.2.2"},
	{"Will Delay Interval outside of the will", V5, `10 12 00 04 'MQTT' 05 02 00 00 05 18 00 00 00 01 00 00`, MalformedPacket, "v5 2.2.2.2"},
	{"Session Expiry Interval in the will", V5, `
		10 18 00 04 'MQTT' 05 06 00 00 00 00 00 05 11 00 00 00 01 00 01 'w' 00 00`, MalformedPacket, "v5 2.2.2.2"},
	{"Receive Maximum 0", V5, `10 10 00 04 'MQTT' 05 02 00 00 03 21 00 00 00 00`, ProtocolError, "v5 2.2.2.2"},
	{"Maximum Packet Size 0", V5, `10 12 00 04 'MQTT' 05 02 00 00 05 27 00 00 00 00 00 00`, ProtocolError, "v5 2.2.2.2"},
	{"Request Problem Information 2", V5, `10 0F 00 04 'MQTT' 05 02 00 00 02 17 02 00 00`, ProtocolError, "v5 2.2.2.2"},
	{"Request Response Information 2", V5, `10 0F 00 04 'MQTT' 05 02 00 00 02 19 02 00 00`, ProtocolError, "v5 2.2.2.2"},
	{"Session Expiry Interval twice", V5, `
		10 17 00 04 'MQTT' 05 02 00 00 0A 11 00 00 00 01 11 00 00 00 01 00 00`, ProtocolError, "v5 2.2.2.2"},
	{"Authentication Data alone", V5, `10 11 00 04 'MQTT' 05 02 00 00 04 16 00 01 'd' 00 00`, ProtocolError, "v5 3.1.2.11.10"},
	{"Property Length overruns", V5, `10 0D 00 04 'MQTT' 05 02 00 00 03 00 00`, MalformedPacket, "v5 2.2.2.1"},
	{"Property Length not minimal", V5, `10 0E 00 04 'MQTT' 05 02 00 00 80 00 00 00`, MalformedPacket, "v5 MQTT-1.5.5-1"},

	// CONNACK
	{"reserved acknowledge flag", V311, `20 02 02 00`, MalformedPacket, "v3.1.1 3.2.2.1"},
	{"reserved acknowledge flag", V5, `20 03 81 00 00`, MalformedPacket, "v5 MQTT-3.2.2-1"},
	{"Session Present in a refusal", V311, `20 02 01 05`, ProtocolError, "v3.1.1 MQTT-3.2.2-4"},
	{"Session Present in a refusal", V5, `20 03 01 87 00`, ProtocolError, "v5 MQTT-3.2.2-6"},
	{"return code 6", V311, `20 02 00 06`, ProtocolError, "v3.1.1 3.2.2.3"},
	{"Reason Code of another packet", V5, `20 03 00 01 00`, ProtocolError, "v5 MQTT-3.2.2-8"},
	{"no Reason Code", V311, `20 01 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"no Property Length", V5, `20 02 00 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"too long", V311, `20 03 00 00 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"Maximum QoS 2", V5, `20 05 00 00 02 24 02`, ProtocolError, "v5 2.2.2.2"},
	{"Retain Available 2", V5, `20 05 00 00 02 25 02`, ProtocolError, "v5 2.2.2.2"},
	{"Shared Subscription Available 2", V5, `20 05 00 00 02 2A 02`, ProtocolError, "v5 2.2.2.2"},
	{"Topic Alias in CONNACK", V5, `20 06 00 00 03 23 00 01`, MalformedPacket, "v5 2.2.2.2"},

	// PUBLISH
	{"QoS 3", V311, `36 05 00 01 'a' 00 01`, MalformedPacket, "v3.1.1 MQTT-3.3.1-4"},
	{"QoS 3", V5, `36 06 00 01 'a' 00 01 00`, MalformedPacket, "v5 MQTT-3.3.1-4"},
	{"QoS 3 and nothing else right", V311, `3E 04 00 00 00 00`, MalformedPacket, "v3.1.1 MQTT-3.3.1-4"},
	{"DUP at QoS 0", V311, `38 03 00 01 'a'`, MalformedPacket, "v3.1.1 MQTT-3.3.1-2"},
	{"DUP at QoS 0", V5, `38 04 00 01 'a' 00`, MalformedPacket, "v5 MQTT-3.3.1-2"},
	{"identifier 0", V311, `32 05 00 01 'a' 00 00`, ProtocolError, "v3.1.1 MQTT-2.3.1-1"},
	{"identifier 0", V5, `34 06 00 01 'a' 00 00 00`, ProtocolError, "v5 MQTT-2.2.1-3"},
	{"no identifier", V311, `32 04 00 01 'a' 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"empty", V311, `30 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"half a length", V5, `30 01 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"Topic Name overruns", V5, `30 04 00 03 'ab'`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"Topic Name overruns far", V311, `30 04 FF FF 'ab'`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"Topic Name empty", V311, `30 03 00 00 'x'`, MalformedPacket, "v3.1.1 MQTT-4.7.3-1"},
	{"Topic Name empty without alias", V5, `30 04 00 00 00 'x'`, ProtocolError, "v5 3.3.2.1"},
	{"Topic Name empty without alias, with properties", V5, `30 05 00 00 02 01 01`, ProtocolError, "v5 3.3.2.1"},
	{"Topic Name with #", V311, `30 05 00 03 'a/#'`, MalformedPacket, "v3.1.1 MQTT-3.3.2-2"},
	{"Topic Name with +", V5, `30 06 00 03 'a+b' 00`, MalformedPacket, "v5 MQTT-3.3.2-2"},
	{"long Topic Name with +", V5, `30 14 00 11 '0123456789abcdef+' 00`, MalformedPacket, "v5 MQTT-3.3.2-2"},
	{"long Topic Name with U+0000", V311, `30 13 00 11 '0123456' 00 '89abcdefg'`, MalformedPacket, "v3.1.1 MQTT-1.5.3-2"},
	{"Topic Name with U+0000", V5, `30 06 00 03 'a' 00 'b' 00`, MalformedPacket, "v5 MQTT-1.5.4-2"},
	{"Topic Name with a surrogate", V311, `30 05 00 03 ED A0 80`, MalformedPacket, "v3.1.1 MQTT-1.5.3-1"},
	{"Topic Name with the last surrogate", V5, `30 06 00 03 ED BF BF 00`, MalformedPacket, "v5 MQTT-1.5.4-1"},
	{"Topic Name with overlong U+0000", V5, `30 05 00 02 C0 80 00`, MalformedPacket, "v5 MQTT-1.5.4-1"},
	{"Topic Name with overlong /", V311, `30 05 00 03 E0 80 AF`, MalformedPacket, "v3.1.1 MQTT-1.5.3-1"},
	{"Topic Name above U+10FFFF", V311, `30 06 00 04 F4 90 80 80`, MalformedPacket, "v3.1.1 MQTT-1.5.3-1"},
	{"Topic Name cut in a character", V311, `30 04 00 02 E2 82`, MalformedPacket, "v3.1.1 MQTT-1.5.3-1"},
	{"Topic Name of a lone continuation", V311, `30 03 00 01 80`, MalformedPacket, "v3.1.1 MQTT-1.5.3-1"},
	{"no Property Length", V5, `30 03 00 01 'a'`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"Property Length overruns", V5, `30 06 00 01 'a' 03 01 01`, MalformedPacket, "v5 2.2.2.1"},
	{"Property Length not minimal", V5, `30 05 00 01 'a' 80 00`, MalformedPacket, "v5 MQTT-1.5.5-1"},
	{"Property Length cut off", V5, `30 04 00 01 'a' 80`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"unknown property", V5, `30 06 00 01 'a' 02 04 00`, MalformedPacket, "v5 2.2.2.2"},
	{"property 0", V5, `30 06 00 01 'a' 02 00 00`, MalformedPacket, "v5 2.2.2.2"},
	{"property of two bytes", V5, `30 07 00 01 'a' 03 81 00 01`, MalformedPacket, "v5 2.2.2.2"},
	{"property of another packet", V5, `30 06 00 01 'a' 02 17 01`, MalformedPacket, "v5 2.2.2.2"},
	{"Will Delay Interval leaked", V5, `30 09 00 01 'a' 05 18 00 00 00 01`, MalformedPacket, "v5 2.2.2.2"},
	{"property cut off", V5, `30 07 00 01 'a' 03 02 00 00`, MalformedPacket, "v5 2.2.2.2"},
	{"string of a property overruns into the payload", V5, `30 0A 00 01 'a' 04 03 00 03 'jso'`, MalformedPacket, "v5 2.2.2.2"},
	{"pair without value", V5, `30 08 00 01 'a' 04 26 00 01 'k'`, MalformedPacket, "v5 2.2.2.2"},
	{"pair with half a key", V5, `30 08 00 01 'a' 04 26 00 02 'k'`, MalformedPacket, "v5 2.2.2.2"},
	{"Payload Format Indicator 2", V5, `30 06 00 01 'a' 02 01 02`, ProtocolError, "v5 2.2.2.2"},
	{"Payload Format Indicator twice", V5, `30 08 00 01 'a' 04 01 01 01 01`, ProtocolError, "v5 2.2.2.2"},
	{"Message Expiry Interval twice", V5, `30 0E 00 01 'a' 0A 02 00 00 00 01 02 00 00 00 01`, ProtocolError, "v5 2.2.2.2"},
	{"Content Type twice", V5, `30 0A 00 01 'a' 06 03 00 00 03 00 00`, ProtocolError, "v5 2.2.2.2"},
	{"Topic Alias 0", V5, `30 07 00 01 'a' 03 23 00 00`, TopicAliasInvalid, "v5 MQTT-3.3.2-8"},
	{"Topic Alias twice", V5, `30 0A 00 01 'a' 06 23 00 01 23 00 01`, ProtocolError, "v5 2.2.2.2"},
	{"Subscription Identifier 0", V5, `30 06 00 01 'a' 02 0B 00`, ProtocolError, "v5 3.8.2.1.2"},
	{"Subscription Identifier not minimal", V5, `30 07 00 01 'a' 03 0B 81 00`, MalformedPacket, "v5 2.2.2.2"},
	{"Response Topic with wildcard", V5, `30 08 00 01 'a' 04 08 00 01 '#'`, MalformedPacket, "v5 MQTT-3.3.2-14"},
	{"Response Topic empty", V5, `30 07 00 01 'a' 03 08 00 00`, MalformedPacket, "v5 MQTT-4.7.3-1"},
	{"Content Type not UTF-8", V5, `30 08 00 01 'a' 04 03 00 01 FF`, MalformedPacket, "v5 MQTT-1.5.4-1"},
	{"User Property with U+0000 in its key", V5, `30 0A 00 01 'a' 06 26 00 01 00 00 00`, MalformedPacket, "v5 MQTT-1.5.4-2"},
	{"User Property not UTF-8 in its value", V5, `30 0A 00 01 'a' 06 26 00 00 00 01 FE`, MalformedPacket, "v5 MQTT-1.5.4-1"},

	// The acknowledgements
	{"PUBACK of identifier 0", V311, `40 02 00 00`, ProtocolError, "v3.1.1 MQTT-2.3.1-6"},
	{"PUBREL of identifier 0", V5, `62 02 00 00`, ProtocolError, "v5 MQTT-2.2.1-5"},
	{"PUBACK without identifier", V311, `40 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"PUBCOMP of half an identifier", V5, `70 01 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"PUBACK with Reason Code", V311, `40 03 00 01 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"PUBACK with a Reason Code of others", V5, `40 03 00 01 92`, ProtocolError, "v5 MQTT-3.4.2-1"},
	{"PUBREC with a Reason Code of others", V5, `50 03 00 01 92`, ProtocolError, "v5 MQTT-3.5.2-1"},
	{"PUBREL with a Reason Code of others", V5, `62 03 00 01 10`, ProtocolError, "v5 MQTT-3.6.2-1"},
	{"PUBCOMP with a Reason Code of nobody", V5, `70 03 00 01 55`, ProtocolError, "v5 MQTT-3.7.2-1"},
	{"PUBACK longer than its properties", V5, `40 05 00 01 00 00 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"PUBACK shorter than its properties", V5, `40 05 00 01 00 02 1F`, MalformedPacket, "v5 2.2.2.1"},
	{"PUBACK with Server Reference", V5, `40 07 00 01 00 03 1C 00 00`, MalformedPacket, "v5 2.2.2.2"},
	{"PUBREC with two Reason Strings", V5, `50 0A 00 01 00 06 1F 00 00 1F 00 00`, ProtocolError, "v5 2.2.2.2"},

	// SUBSCRIBE and SUBACK
	{"SUBSCRIBE with identifier 0", V311, `82 06 00 00 00 01 'a' 00`, ProtocolError, "v3.1.1 MQTT-2.3.1-1"},
	{"SUBSCRIBE with identifier 0", V5, `82 07 00 00 00 00 01 'a' 00`, ProtocolError, "v5 MQTT-2.2.1-3"},
	{"SUBSCRIBE to nothing", V311, `82 02 00 01`, ProtocolError, "v3.1.1 MQTT-3.8.3-3"},
	{"SUBSCRIBE to nothing", V5, `82 03 00 01 00`, ProtocolError, "v5 MQTT-3.8.3-2"},
	{"SUBSCRIBE without options", V311, `82 05 00 01 00 01 'a'`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"second filter cut off", V5, `82 0A 00 01 00 00 01 'a' 00 00 01 'b'`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"reserved option bit 2", V311, `82 06 00 01 00 01 'a' 04`, MalformedPacket, "v3.1.1 MQTT-3.8.3-4"},
	{"reserved option bit 7", V311, `82 06 00 01 00 01 'a' 80`, MalformedPacket, "v3.1.1 MQTT-3.8.3-4"},
	{"QoS 3", V311, `82 06 00 01 00 01 'a' 03`, ProtocolError, "v3.1.1 MQTT-3.8.3-4"},
	{"reserved option bit 6", V5, `82 07 00 01 00 00 01 'a' 40`, MalformedPacket, "v5 MQTT-3.8.3-5"},
	{"reserved option bit 7", V5, `82 07 00 01 00 00 01 'a' 80`, MalformedPacket, "v5 MQTT-3.8.3-5"},
	{"Maximum QoS 3", V5, `82 07 00 01 00 00 01 'a' 03`, ProtocolError, "v5 3.8.3.1"},
	{"Retain Handling 3", V5, `82 07 00 01 00 00 01 'a' 30`, ProtocolError, "v5 3.8.3.1"},
	{"No Local on a Shared Subscription", V5, `82 10 00 01 00 00 0A '$share/g/x' 04`, ProtocolError, "v5 MQTT-3.8.3-4"},
	{"filter empty", V311, `82 05 00 01 00 00 00`, MalformedPacket, "v3.1.1 MQTT-4.7.3-1"},
	{"# within", V311, `82 08 00 01 00 03 '#/a' 00`, MalformedPacket, "v3.1.1 MQTT-4.7.1-2"},
	{"# beside", V5, `82 0A 00 01 00 00 04 'a/b#' 00`, MalformedPacket, "v5 MQTT-4.7.1-1"},
	{"# not a whole level", V5, `82 08 00 01 00 00 02 'a#' 00`, MalformedPacket, "v5 MQTT-4.7.1-1"},
	{"+ not a whole level", V311, `82 07 00 01 00 02 'a+' 00`, MalformedPacket, "v3.1.1 MQTT-4.7.1-3"},
	{"+ not a whole level", V5, `82 08 00 01 00 00 02 '+a' 00`, MalformedPacket, "v5 MQTT-4.7.1-2"},
	{"share without name", V5, `82 0F 00 01 00 00 09 '$share/' '/x' 00`, MalformedPacket, "v5 MQTT-4.8.2-1"},
	{"share without filter", V5, `82 0F 00 01 00 00 09 '$share/g/' 00`, MalformedPacket, "v5 MQTT-4.8.2-2"},
	{"share with wildcard in its name", V5, `82 10 00 01 00 00 0A '$share/+/x' 00`, MalformedPacket, "v5 MQTT-4.8.2-2"},
	{"filter not UTF-8", V5, `82 07 00 01 00 00 01 FF 00`, MalformedPacket, "v5 MQTT-1.5.4-1"},
	{"two Subscription Identifiers", V5, `82 0B 00 01 04 0B 01 0B 02 00 01 'a' 00`, ProtocolError, "v5 2.2.2.2"},
	{"Subscription Identifier 0", V5, `82 09 00 01 02 0B 00 00 01 'a' 00`, ProtocolError, "v5 3.8.2.1.2"},
	{"Subscription Identifier of five bytes", V5, `82 0D 00 01 06 0B FF FF FF FF 01 00 01 'a' 00`, MalformedPacket, "v5 2.2.2.2"},
	{"Reason String in SUBSCRIBE", V5, `82 0A 00 01 03 1F 00 00 00 01 'a' 00`, MalformedPacket, "v5 2.2.2.2"},
	{"SUBACK of identifier 0", V311, `90 03 00 00 00`, ProtocolError, "v3.1.1 MQTT-2.3.1-7"},
	{"SUBACK of identifier 0", V5, `90 04 00 00 00 00`, ProtocolError, "v5 MQTT-2.2.1-6"},
	{"SUBACK without codes", V5, `90 03 00 01 00`, ProtocolError, "v5 MQTT-3.8.4-6"},
	{"SUBACK without codes", V311, `90 02 00 01`, ProtocolError, "v3.1.1 MQTT-3.8.4-5"},
	{"SUBACK with return code 3", V311, `90 03 00 01 03`, ProtocolError, "v3.1.1 MQTT-3.9.3-2"},
	{"SUBACK with a code of version 5", V311, `90 03 00 01 87`, ProtocolError, "v3.1.1 MQTT-3.9.3-2"},
	{"SUBACK with a Reason Code of others", V5, `90 04 00 01 00 11`, ProtocolError, "v5 MQTT-3.9.3-2"},

	// UNSUBSCRIBE and UNSUBACK
	{"UNSUBSCRIBE with identifier 0", V311, `A2 05 00 00 00 01 'a'`, ProtocolError, "v3.1.1 MQTT-2.3.1-1"},
	{"UNSUBSCRIBE from nothing", V311, `A2 02 00 01`, ProtocolError, "v3.1.1 MQTT-3.10.3-2"},
	{"UNSUBSCRIBE from nothing", V5, `A2 03 00 01 00`, ProtocolError, "v5 MQTT-3.10.3-2"},
	{"UNSUBSCRIBE cut off", V311, `A2 05 00 01 00 02 'a'`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"UNSUBSCRIBE with # in the middle", V311, `A2 08 00 01 00 04 'a/#b'`, MalformedPacket, "v3.1.1 MQTT-4.7.1-2"},
	{"UNSUBSCRIBE with Subscription Identifier", V5, `A2 08 00 01 02 0B 01 00 01 'a'`, MalformedPacket, "v5 2.2.2.2"},
	{"UNSUBACK with codes", V311, `B0 03 00 01 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"UNSUBACK without codes", V5, `B0 03 00 01 00`, ProtocolError, "v5 MQTT-3.8.4-6"},
	{"UNSUBACK with granted QoS", V5, `B0 04 00 01 00 01`, ProtocolError, "v5 MQTT-3.11.3-2"},

	// The rest
	{"PINGREQ with a body", V5, `C0 01 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"DISCONNECT with a body", V311, `E0 01 00`, MalformedPacket, "v3.1.1 MQTT-4.8.0-1"},
	{"DISCONNECT with a Reason Code of others", V5, `E0 01 01`, ProtocolError, "v5 MQTT-3.14.2-1"},
	{"DISCONNECT longer than its properties", V5, `E0 03 00 00 00`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"DISCONNECT with Session Expiry Interval twice", V5, `E0 0C 00 0A 11 00 00 00 01 11 00 00 00 01`, ProtocolError, "v5 2.2.2.2"},
	{"DISCONNECT with Receive Maximum", V5, `E0 05 00 03 21 00 01`, MalformedPacket, "v5 2.2.2.2"},
	{"AUTH without Property Length", V5, `F0 01 18`, MalformedPacket, "v5 MQTT-4.13.1-1"},
	{"AUTH without method", V5, `F0 02 18 00`, ProtocolError, "v5 3.15.2.2.2"},
	{"AUTH with a Reason Code of others", V5, `F0 06 87 04 15 00 01 'm'`, ProtocolError, "v5 MQTT-3.15.2-1"},
	{"AUTH with two methods", V5, `F0 0A 18 08 15 00 01 'm' 15 00 01 'm'`, ProtocolError, "v5 2.2.2.2"},
}

func TestRefusals(t *testing.T) {
	for _, x := range refusals {
		t.Run(x.name+" "+x.v.String(), func(t *testing.T) {
			b := wire(x.wire)
			f, err := Next(b, 0)
			if err == nil {
				if f.Size != len(b) {
					t.Fatalf("the vector is wrong: % X is a packet of %d bytes, not %d", b, f.Size, len(b))
				}
				_, err = decode(x.v, f)
			}
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if e.Code != x.code || e.Clause != x.clause {
				t.Errorf("refused with %v\nwant %v [%s]", e, x.code, x.clause)
			}
		})
	}
}

// TestRefusedConnect checks what a Server needs from a CONNECT that it refuses:
// the version, which decides the form of its answer.
func TestRefusedConnect(t *testing.T) {
	for _, x := range []struct {
		wire string
		want Version
	}{
		{`10 0C 00 04 'MQTT' 04 00 00 00 00 00`, V311},
		{`10 0D 00 04 'MQTT' 05 03 00 00 00 00 00`, V5},
		{`10 0D 00 04 'MQTT' 06 02 00 00 00 00 00`, 6},
		{`10 0D 00 04 'HTTP' 2F 02 00 00 00 00 00`, 0x2F},
		{`10 0E 00 06 'MQIsdp' 83 02 00 00 00 00`, 0x83},
	} {
		f, _ := Next(wire(x.wire), 0)
		var c Connect
		if err := c.Decode(f.Flags, f.Body); err == nil || c.Version != x.want {
			t.Errorf("%s: error %v, version %d; want version %d", x.wire, err, c.Version, x.want)
		}
	}
}

// TestTruncated cuts every vector at every byte and mends its length: no cut
// may panic, and a packet whose last field is not optional must be refused.
func TestTruncated(t *testing.T) {
	for _, x := range vectors {
		f, _ := Next(wire(x.wire), 0)
		if f.Size > 200 {
			continue
		}
		for n := range f.Body {
			cut := f
			cut.Body = f.Body[:n:n]
			p, err := decode(x.v, cut)
			if err == nil && same(p, x.packet) == "" {
				t.Errorf("%s %v: the first %d of %d bytes mean the same", x.name, x.v, n, len(f.Body))
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	b := wire(`30 80 01`) // 131 bytes are announced, 3 are here.
	for _, x := range []struct {
		max    int
		refuse bool
	}{{0, false}, {131, false}, {130, true}} {
		f, err := Next(b, x.max)
		var e *Error
		switch {
		case x.refuse && (!errors.As(err, &e) || e.Code != PacketTooLarge || e.Clause != "v5 MQTT-3.2.2-15"):
			t.Errorf("max %d: error %v", x.max, err)
		case !x.refuse && (err != nil || f.Size != 0):
			t.Errorf("max %d: size %d, error %v", x.max, f.Size, err)
		}
	}
}

func TestErrorText(t *testing.T) {
	f, _ := Next(wire(`30 07 00 01 'a' 03 23 00 00`), 0)
	_, err := decode(V5, f)
	const want = "Topic Alias invalid: Topic Alias is zero [v5 MQTT-3.3.2-8]"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestAppendLimits checks that what has no room in its length field panics
// instead of going out with a wrong one.
func TestAppendLimits(t *testing.T) {
	long := make([]byte, 1<<16)
	for name, encode := range map[string]func(){
		"Topic Name": func() { (&Publish{Topic: long}).Append(nil, V311) },
		"Password":   func() { (&Connect{Version: V5, HasPassword: true, Password: long}).Append(nil) },
		"property":   func() { AppendProp(nil, Prop{ID: 4}) },
		"identifier": func() { AppendProp(nil, Prop{ID: PropSubscriptionIdentifier, N: 1 << 28}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			encode()
		})
	}
}
