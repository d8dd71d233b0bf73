// Package packet turns MQTT Control Packets into bytes and back, for MQTT 3.1
// (MQIsdp), 3.1.1 and 5.0.
//
// Decoders lend: every byte slice in a decoded packet points into the bytes
// that were handed in and is valid only as long as they are. Its capacity ends
// with its length, so that appending to it cannot reach its neighbours. Encoders
// append to the caller's slice. Neither allocates for PUBLISH and the
// acknowledgements, and no error allocates.
//
// A decoder refuses what nobody may send. What only one side may not send, or
// only in some state (a Subscription Identifier in a PUBLISH from a Client, an
// AUTH on a 3.1.1 connection, a Topic Alias above the agreed maximum), it
// reports in the decoded packet: the same decoders serve Client and Server.
//
// Encoders trust their caller. They write what they are given, and panic only
// where the result would not fit its length field.
//
// The package knows no session, no topic tree, no clock and no socket.
package packet

import "fmt"

// Version is the Protocol Version of a CONNECT, [v5 3.1.2.2].
type Version uint8

const (
	V31  Version = 3
	V311 Version = 4
	V5   Version = 5
)

func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return fmt.Sprintf("Version %d", uint8(v))
}

// Type is an MQTT Control Packet type, [v5 2.1.2].
type Type uint8

const (
	CONNECT Type = iota + 1
	CONNACK
	PUBLISH
	PUBACK
	PUBREC
	PUBREL
	PUBCOMP
	SUBSCRIBE
	SUBACK
	UNSUBSCRIBE
	UNSUBACK
	PINGREQ
	PINGRESP
	DISCONNECT
	AUTH
)

var typeNames = [16]string{
	"Reserved", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("Type %d", uint8(t))
}

// flags are the low four bits of the first byte of every packet but PUBLISH,
// [v5 2.1.3].
func (t Type) flags() byte {
	const two in = inPubrel | inSubscribe | inUnsubscribe
	return byte(two>>t&1) << 1
}

// QoS is a Quality of Service level, [v5 4.3].
type QoS uint8

func (q QoS) String() string { return fmt.Sprintf("QoS %d", uint8(q)) }

// ID is a Packet Identifier; zero stands for none, [v5 2.2.1].
type ID uint16
