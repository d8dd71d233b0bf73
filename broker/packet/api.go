// Package packet turns MQTT Control Packets into bytes and back, for MQTT 3.1
// (MQIsdp), 3.1.1 and 5.0.
//
// Decoders lend: every byte slice in a decoded packet points into the bytes
// that were handed in and is valid only as long as they are. Encoders append to
// the caller's slice. Neither allocates for PUBLISH and the acknowledgements.
//
// The package knows no session, no topic tree, no clock and no socket.
package packet

import "iter"

// Version is the Protocol Version of a CONNECT, [v5 3.1.2.2].
type Version uint8

const (
	V31  Version = 3
	V311 Version = 4
	V5   Version = 5
)

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

// QoS is a Quality of Service level, [v5 4.3].
type QoS uint8

// ID is a Packet Identifier; zero stands for none, [v5 2.2.1].
type ID uint16

// ReasonCode, [v5 2.4]. For 3.1.1 the CONNACK return codes and SUBACK codes are
// translated by the codec so that the rest of the program speaks version 5.
type ReasonCode uint8

// Error says why a packet was refused. Code is the Reason Code that the peer is
// to see; Clause cites the specification, as in "v5 MQTT-3.3.1-4".
type Error struct {
	Code   ReasonCode
	Clause string
	Text   string
}

func (e *Error) Error() string { panic("todo") }

// A Frame is one Control Packet as it lies in the buffer it arrived in.
type Frame struct {
	Type  Type
	Flags byte   // The low four bits of the first byte.
	Body  []byte // Variable header and payload, lent.
	Size  int    // Bytes of the whole packet, fixed header included; 0: b does not hold it whole yet.
}

// Next reports the first packet in b. When b holds only a part of it, Size is 0
// and err is nil. A packet larger than max bytes is an error as soon as its
// fixed header shows it (max 0: the protocol's own limit).
func Next(b []byte, max int) (f Frame, err error) { panic("todo") }

// Props is a run of encoded version 5 properties, without the leading Property
// Length. It was checked when it was decoded, so reading it cannot fail.
type Props []byte

// PropID is a Property Identifier, [v5 2.2.2.2].
type PropID uint8

// Prop is one property. Which fields count follows from ID: N for all integer
// kinds, B for strings and binary data, Key and B for a User Property.
type Prop struct {
	ID  PropID
	N   uint32
	B   []byte
	Key []byte
}

func (p Props) All() iter.Seq[Prop]        { panic("todo") }
func (p Props) Get(id PropID) (Prop, bool) { panic("todo") }
func AppendProp(dst []byte, p Prop) []byte { panic("todo") }

// Publish is a PUBLISH, [v5 3.3].
type Publish struct {
	Dup     bool
	Retain  bool
	QoS     QoS
	ID      ID     // 0 when QoS is 0.
	Topic   []byte // Empty only when Alias stands for it.
	Props   Props  // All of them, as they came. Ignored when encoding for 3.x.
	Payload []byte

	// Set by Decode from Props; ignored by Append.
	Alias     uint16 // Topic Alias; 0: none.
	Expiry    uint32 // Message Expiry Interval, seconds.
	HasExpiry bool
	HasSubID  bool // A Subscription Identifier is present.
	UTF8      bool // Payload Format Indicator is 1.
	HasProps  bool // Props holds something other than Alias and Expiry, that is, something to forward.
}

// Decode reads the body of a PUBLISH frame. p's slices lend from body.
func (p *Publish) Decode(v Version, flags byte, body []byte) error { panic("todo") }

// Append encodes p.
func (p *Publish) Append(dst []byte, v Version) []byte { panic("todo") }

// Size is the length that Append would add, in bytes.
func (p *Publish) Size(v Version) int { panic("todo") }

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP, [v5 3.4 to 3.7].
type Ack struct {
	Type   Type
	ID     ID
	Reason ReasonCode // Always Success in 3.x.
	Props  Props
}

func (a *Ack) Decode(v Version, t Type, flags byte, body []byte) error { panic("todo") }
func (a *Ack) Append(dst []byte, v Version) []byte                     { panic("todo") }

// AppendAck encodes an acknowledgement without properties in its shortest form.
func AppendAck(dst []byte, v Version, t Type, id ID, r ReasonCode) []byte { panic("todo") }

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

// Decode reads the body of a CONNECT frame. When the Protocol Name or Version is
// not ours the error's Code is UnsupportedProtocolVersion and c.Version is what
// the client asked for.
func (c *Connect) Decode(flags byte, body []byte) error { panic("todo") }
func (c *Connect) Append(dst []byte) []byte             { panic("todo") }

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

func (c *Connack) Decode(v Version, flags byte, body []byte) error { panic("todo") }
func (c *Connack) Append(dst []byte, v Version) []byte             { panic("todo") }

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

func (s *Subscribe) Decode(v Version, flags byte, body []byte) error { panic("todo") }
func (s *Subscribe) Append(dst []byte, v Version) []byte             { panic("todo") }

// Suback is a SUBACK, [v5 3.9], or with Unsub an UNSUBACK, [v5 3.11]. Codes of 3.1.1
// are 0, 1, 2 and 0x80; any failure is encoded as 0x80 there, and an UNSUBACK of
// 3.x has no codes.
type Suback struct {
	Unsub bool
	ID    ID
	Props Props
	Codes []ReasonCode
}

func (s *Suback) Decode(v Version, unsub bool, flags byte, body []byte) error { panic("todo") }
func (s *Suback) Append(dst []byte, v Version) []byte                         { panic("todo") }

// Unsubscribe is an UNSUBSCRIBE, [v5 3.10]. Decode reuses Filters.
type Unsubscribe struct {
	ID      ID
	Props   Props
	Filters [][]byte
}

func (u *Unsubscribe) Decode(v Version, flags byte, body []byte) error { panic("todo") }
func (u *Unsubscribe) Append(dst []byte, v Version) []byte             { panic("todo") }

// Disconnect is a DISCONNECT, [v5 3.14].
type Disconnect struct {
	Reason           ReasonCode
	Props            Props
	SessionExpiry    uint32 // Set by Decode.
	HasSessionExpiry bool   // Set by Decode.
}

func (d *Disconnect) Decode(v Version, flags byte, body []byte) error { panic("todo") }
func (d *Disconnect) Append(dst []byte, v Version) []byte             { panic("todo") }

// Auth is an AUTH, [v5 3.15].
type Auth struct {
	Reason ReasonCode
	Props  Props
}

func (a *Auth) Decode(flags byte, body []byte) error { panic("todo") }
func (a *Auth) Append(dst []byte) []byte             { panic("todo") }

// AppendPing encodes a PINGREQ or PINGRESP.
func AppendPing(dst []byte, t Type) []byte { panic("todo") }

// CheckEmpty decodes PINGREQ and PINGRESP: no flags, no body.
func CheckEmpty(flags byte, body []byte) error { panic("todo") }

// ValidName reports whether b may be a Topic Name, [v5 4.7], ValidFilter whether it may
// be a Topic Filter ($share/ included). Both check UTF-8 as [v5 1.5.4] asks.
func ValidName(b []byte) bool   { panic("todo") }
func ValidFilter(b []byte) bool { panic("todo") }
