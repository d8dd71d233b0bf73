package packet

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// same compares decoded packets. nil and empty byte slices are one.
func same(got, want any) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

func text(s string) []byte { return []byte(s) }

// A vector is one packet, typed by hand from the specifications, and what it
// means. Both directions are tested against it, so the codec cannot agree with
// itself on a mistake.
type vector struct {
	name   string
	v      Version
	wire   string
	packet any
}

// emptyConnect and emptyConnack are what absent properties mean.
func emptyConnect(v Version) *Connect {
	c := &Connect{Version: v, ReceiveMaximum: 65535, RequestProblemInfo: true}
	if v != V5 {
		c.SessionExpiry = SessionNeverExpires
	}
	return c
}

func emptyConnack() *Connack {
	return &Connack{ReceiveMaximum: 65535, MaximumQoS: 2, RetainAvailable: true}
}

// with changes p and returns it, so that a vector can be one expression.
func with[P any](p P, change func(P)) P {
	change(p)
	return p
}

const (
	allConnectProps = `
		11 00 00 00 0A            // Session Expiry Interval 10
		21 00 14                  // Receive Maximum 20
		27 00 01 00 00            // Maximum Packet Size 65536
		22 00 05                  // Topic Alias Maximum 5
		19 01                     // Request Response Information
		17 00                     // Request Problem Information
		26 00 01 'k' 00 01 'v'    // User Property
		15 00 01 'S'              // Authentication Method
		16 00 02 01 02            // Authentication Data`
	allWillProps = `
		18 00 00 00 05            // Will Delay Interval 5
		01 01                     // Payload Format Indicator
		02 00 00 00 3C            // Message Expiry Interval 60
		03 00 01 'j'              // Content Type
		08 00 03 'r/t'            // Response Topic
		09 00 02 00 FF            // Correlation Data
		26 00 01 'a' 00 00        // User Property`
	allConnackProps = `
		11 00 00 00 1E            // Session Expiry Interval 30
		21 00 0A                  // Receive Maximum 10
		24 01                     // Maximum QoS 1
		25 00                     // Retain Available
		27 00 00 10 00            // Maximum Packet Size 4096
		12 00 02 'id'             // Assigned Client Identifier
		22 00 10                  // Topic Alias Maximum 16
		1F 00 02 'ok'             // Reason String
		26 00 01 'k' 00 01 'v'    // User Property
		28 00                     // Wildcard Subscription Available
		29 01                     // Subscription Identifier Available
		2A 00                     // Shared Subscription Available
		13 00 1E                  // Server Keep Alive 30
		1A 00 01 'i'              // Response Information
		1C 00 01 's'              // Server Reference
		15 00 01 'm'              // Authentication Method
		16 00 01 FF               // Authentication Data`
	allPublishProps = `
		23 00 07                  // Topic Alias 7
		01 01                     // Payload Format Indicator
		02 00 00 00 3C            // Message Expiry Interval 60
		03 00 01 'j'              // Content Type
		08 00 01 'r'              // Response Topic
		09 00 01 00               // Correlation Data
		0B 80 01                  // Subscription Identifier 128
		0B 01                     // Subscription Identifier 1
		26 00 01 'k' 00 01 'v'    // User Property`
)

var vectors = []vector{
	// CONNECT
	{"CONNECT", V31, `10 10 00 06 'MQIsdp' 03 02 00 0A 00 02 'ab'`,
		with(emptyConnect(V31), func(c *Connect) {
			c.CleanStart, c.SessionExpiry = true, 0
			c.KeepAlive, c.ClientID = 10, text("ab")
		})},
	{"CONNECT", V311, `10 0E 00 04 'MQTT' 04 02 00 3C 00 02 'ab'`,
		with(emptyConnect(V311), func(c *Connect) {
			c.CleanStart, c.SessionExpiry = true, 0
			c.KeepAlive, c.ClientID = 60, text("ab")
		})},
	{"CONNECT without Client Identifier", V311, `10 0C 00 04 'MQTT' 04 02 00 00 00 00`,
		with(emptyConnect(V311), func(c *Connect) { c.CleanStart, c.SessionExpiry = true, 0 })},
	{"CONNECT with everything", V311, `
		10 1E 00 04 'MQTT' 04 EC 00 3C
		00 01 'c' 00 03 'w/t' 00 03 'bye' 00 01 'u' 00 02 'pw'`,
		with(emptyConnect(V311), func(c *Connect) {
			c.KeepAlive, c.ClientID = 60, text("c")
			c.HasWill, c.Will = true, Will{Topic: text("w/t"), Payload: text("bye"), QoS: 1, Retain: true}
			c.HasUsername, c.Username = true, text("u")
			c.HasPassword, c.Password = true, text("pw")
		})},
	{"CONNECT", V5, `10 0D 00 04 'MQTT' 05 02 00 00 00 00 00`,
		with(emptyConnect(V5), func(c *Connect) { c.CleanStart = true })},
	{"CONNECT with Password alone", V5, `10 11 00 04 'MQTT' 05 40 FF FF 00 00 01 'c' 00 01 'p'`,
		with(emptyConnect(V5), func(c *Connect) {
			c.KeepAlive, c.ClientID = 65535, text("c")
			c.HasPassword, c.Password = true, text("p")
		})},
	{"CONNECT with everything", V5, `
		10 5F 00 04 'MQTT' 05 F6 00 3C
		24 ` + allConnectProps + `
		00 01 'c'
		21 ` + allWillProps + `
		00 01 'w' 00 00 00 01 'u' 00 01 'p'`,
		with(emptyConnect(V5), func(c *Connect) {
			c.CleanStart, c.KeepAlive, c.ClientID = true, 60, text("c")
			c.Props = wire(allConnectProps)
			c.SessionExpiry, c.ReceiveMaximum, c.MaximumPacketSize, c.TopicAliasMaximum = 10, 20, 65536, 5
			c.RequestResponseInfo, c.RequestProblemInfo = true, false
			c.HasAuthMethod, c.AuthMethod, c.AuthData = true, text("S"), []byte{1, 2}
			c.HasWill, c.Will = true, Will{Topic: text("w"), QoS: 2, Retain: true, Props: wire(allWillProps), Delay: 5}
			c.HasUsername, c.Username = true, text("u")
			c.HasPassword, c.Password = true, text("p")
		})},

	// CONNACK
	{"CONNACK", V31, `20 02 00 00`, emptyConnack()},
	{"CONNACK resuming", V311, `20 02 01 00`,
		with(emptyConnack(), func(c *Connack) { c.SessionPresent = true })},
	{"CONNACK refusing the version", V311, `20 02 00 01`,
		with(emptyConnack(), func(c *Connack) { c.Reason = UnsupportedProtocolVersion })},
	{"CONNACK refusing the identifier", V31, `20 02 00 02`,
		with(emptyConnack(), func(c *Connack) { c.Reason = ClientIdentifierNotValid })},
	{"CONNACK refusing for now", V311, `20 02 00 03`,
		with(emptyConnack(), func(c *Connack) { c.Reason = ServerUnavailable })},
	{"CONNACK refusing the password", V311, `20 02 00 04`,
		with(emptyConnack(), func(c *Connack) { c.Reason = BadUserNameOrPassword })},
	{"CONNACK refusing the client", V311, `20 02 00 05`,
		with(emptyConnack(), func(c *Connack) { c.Reason = NotAuthorized })},
	{"CONNACK", V5, `20 03 00 00 00`, emptyConnack()},
	{"CONNACK refusing", V5, `20 03 00 86 00`,
		with(emptyConnack(), func(c *Connack) { c.Reason = BadUserNameOrPassword })},
	{"CONNACK with everything", V5, `20 41 01 00 3E ` + allConnackProps,
		&Connack{
			SessionPresent: true, Props: wire(allConnackProps),
			SessionExpiry: 30, HasSessionExpiry: true,
			ReceiveMaximum: 10, MaximumQoS: 1, RetainAvailable: false, MaximumPacketSize: 4096,
			AssignedClientID: text("id"), TopicAliasMaximum: 16,
			ServerKeepAlive: 30, HasServerKeepAlive: true,
		}},

	// PUBLISH
	{"PUBLISH", V31, `30 07 00 03 'a/b' 'hi'`, &Publish{Topic: text("a/b"), Payload: text("hi")}},
	{"PUBLISH", V311, `30 07 00 03 'a/b' 'hi'`, &Publish{Topic: text("a/b"), Payload: text("hi")}},
	{"PUBLISH again", V311, `3B 09 00 03 'a/b' 00 0A 'hi'`,
		&Publish{Dup: true, Retain: true, QoS: 1, ID: 10, Topic: text("a/b"), Payload: text("hi")}},
	{"PUBLISH without payload", V311, `34 07 00 03 'a/b' 12 34`,
		&Publish{QoS: 2, ID: 0x1234, Topic: text("a/b")}},
	{"PUBLISH not in ASCII", V311, `30 0A 00 08 C3 A9 E2 82 AC EF BB BF`,
		&Publish{Topic: text("é€\uFEFF")}},
	{"PUBLISH of 127 bytes", V311, `30 7F 00 01 'a'` + blanks(124),
		&Publish{Topic: text("a"), Payload: wire(blanks(124))}},
	{"PUBLISH of 128 bytes", V311, `30 80 01 00 01 'a'` + blanks(125),
		&Publish{Topic: text("a"), Payload: wire(blanks(125))}},
	{"PUBLISH of 16383 bytes", V311, `30 FF 7F 00 01 'a'` + blanks(16380),
		&Publish{Topic: text("a"), Payload: wire(blanks(16380))}},
	{"PUBLISH of 16384 bytes", V311, `30 80 80 01 00 01 'a'` + blanks(16381),
		&Publish{Topic: text("a"), Payload: wire(blanks(16381))}},
	{"PUBLISH", V5, `30 08 00 03 'a/b' 00 'hi'`, &Publish{Topic: text("a/b"), Payload: text("hi")}},
	{"PUBLISH by alias", V5, `31 07 00 00 03 23 00 01 'x'`,
		&Publish{Retain: true, Props: wire(`23 00 01`), Alias: 1, Payload: text("x")}},
	{"PUBLISH with expiry", V5, `30 09 00 01 'a' 05 02 00 00 00 09`,
		&Publish{Topic: text("a"), Props: wire(`02 00 00 00 09`), Expiry: 9, HasExpiry: true}},
	{"PUBLISH of bytes", V5, `30 06 00 01 'a' 02 01 00`,
		&Publish{Topic: text("a"), Props: wire(`01 00`), HasProps: true}},
	{"PUBLISH with everything", V5, `32 2C 00 03 'a/b' 00 01 22 ` + allPublishProps + `
		'hi'`,
		&Publish{
			QoS: 1, ID: 1, Topic: text("a/b"), Props: wire(allPublishProps), Payload: text("hi"),
			Alias: 7, Expiry: 60, HasExpiry: true, HasSubID: true, UTF8: true, HasProps: true,
		}},

	// The acknowledgements
	{"PUBACK", V31, `40 02 00 01`, &Ack{Type: PUBACK, ID: 1}},
	{"PUBACK", V311, `40 02 00 01`, &Ack{Type: PUBACK, ID: 1}},
	{"PUBREC", V311, `50 02 01 00`, &Ack{Type: PUBREC, ID: 256}},
	{"PUBREL", V311, `62 02 FF FF`, &Ack{Type: PUBREL, ID: 65535}},
	{"PUBCOMP", V311, `70 02 00 0A`, &Ack{Type: PUBCOMP, ID: 10}},
	{"PUBACK", V5, `40 02 00 01`, &Ack{Type: PUBACK, ID: 1}},
	{"PUBACK to nobody", V5, `40 03 00 01 10`, &Ack{Type: PUBACK, ID: 1, Reason: NoMatchingSubscribers}},
	{"PUBREC refusing", V5, `50 03 00 01 97`, &Ack{Type: PUBREC, ID: 1, Reason: QuotaExceeded}},
	{"PUBREL", V5, `62 02 00 01`, &Ack{Type: PUBREL, ID: 1}},
	{"PUBREL with a property", V5, `62 0B 00 01 92 07 26 00 01 'k' 00 01 'v'`,
		&Ack{Type: PUBREL, ID: 1, Reason: PacketIdentifierNotFound, Props: wire(`26 00 01 'k' 00 01 'v'`)}},
	{"PUBCOMP with a property", V5, `70 09 00 01 00 05 1F 00 02 'no'`,
		&Ack{Type: PUBCOMP, ID: 1, Props: wire(`1F 00 02 'no'`)}},

	// SUBSCRIBE and UNSUBSCRIBE
	{"SUBSCRIBE", V31, `82 06 00 01 00 01 'a' 00`, &Subscribe{ID: 1, Subs: []Subscription{{Filter: text("a")}}}},
	{"SUBSCRIBE", V311, `82 0C 00 01 00 03 'a/b' 01 00 01 '#' 02`,
		&Subscribe{ID: 1, Subs: []Subscription{{Filter: text("a/b"), QoS: 1}, {Filter: text("#"), QoS: 2}}}},
	{"SUBSCRIBE", V5, `82 07 00 02 00 00 01 'a' 00`, &Subscribe{ID: 2, Subs: []Subscription{{Filter: text("a")}}}},
	{"SUBSCRIBE with everything", V5, `
		82 1D 00 02
		09 0B 05 26 00 01 'k' 00 01 'v'
		00 01 '+' 2E
		00 0A '$share/g/x' 11`,
		&Subscribe{ID: 2, SubID: 5, Props: wire(`0B 05 26 00 01 'k' 00 01 'v'`), Subs: []Subscription{
			{Filter: text("+"), QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2},
			{Filter: text("$share/g/x"), QoS: 1, RetainHandling: 1},
		}}},
	{"SUBACK", V311, `90 06 00 01 00 01 02 80`,
		&Suback{ID: 1, Codes: []ReasonCode{GrantedQoS0, GrantedQoS1, GrantedQoS2, UnspecifiedError}}},
	{"SUBACK", V5, `90 06 00 01 00 00 02 A2`,
		&Suback{ID: 1, Codes: []ReasonCode{GrantedQoS0, GrantedQoS2, WildcardSubscriptionsNotSupported}}},
	{"SUBACK with a property", V5, `90 09 00 01 05 1F 00 02 'no' 87`,
		&Suback{ID: 1, Props: wire(`1F 00 02 'no'`), Codes: []ReasonCode{NotAuthorized}}},
	{"UNSUBSCRIBE", V31, `A2 05 00 03 00 01 'a'`, &Unsubscribe{ID: 3, Filters: [][]byte{text("a")}}},
	{"UNSUBSCRIBE", V311, `A2 08 00 03 00 01 'a' 00 01 '#'`, &Unsubscribe{ID: 3, Filters: [][]byte{text("a"), text("#")}}},
	{"UNSUBSCRIBE", V5, `A2 06 00 03 00 00 01 'a'`, &Unsubscribe{ID: 3, Filters: [][]byte{text("a")}}},
	{"UNSUBSCRIBE with a property", V5, `A2 0D 00 03 07 26 00 01 'k' 00 01 'v' 00 01 'a'`,
		&Unsubscribe{ID: 3, Props: wire(`26 00 01 'k' 00 01 'v'`), Filters: [][]byte{text("a")}}},
	{"UNSUBACK", V311, `B0 02 00 03`, &Suback{Unsub: true, ID: 3}},
	{"UNSUBACK", V5, `B0 05 00 03 00 00 11`,
		&Suback{Unsub: true, ID: 3, Codes: []ReasonCode{Success, NoSubscriptionExisted}}},

	// The rest
	{"PINGREQ", V311, `C0 00`, &ping{PINGREQ}},
	{"PINGRESP", V311, `D0 00`, &ping{PINGRESP}},
	{"DISCONNECT", V31, `E0 00`, &Disconnect{}},
	{"DISCONNECT", V311, `E0 00`, &Disconnect{}},
	{"DISCONNECT", V5, `E0 00`, &Disconnect{}},
	{"DISCONNECT with will", V5, `E0 01 04`, &Disconnect{Reason: DisconnectWithWill}},
	{"DISCONNECT with everything", V5, `
		E0 16 82
		14 11 00 00 00 01 1F 00 01 'x' 1C 00 01 's' 26 00 01 'k' 00 01 'v'`,
		&Disconnect{Reason: ProtocolError, SessionExpiry: 1, HasSessionExpiry: true,
			Props: wire(`11 00 00 00 01 1F 00 01 'x' 1C 00 01 's' 26 00 01 'k' 00 01 'v'`)}},
	{"AUTH", V5, `F0 00`, &Auth{}},
	{"AUTH with everything", V5, `F0 0A 18 08 15 00 01 'm' 16 00 01 'd'`,
		&Auth{Reason: ContinueAuthentication, Props: wire(`15 00 01 'm' 16 00 01 'd'`)}},
}

// blanks is n bytes in the notation of wire.
func blanks(n int) string { return "'" + string(bytes.Repeat([]byte{' '}, n)) + "'" }

func TestVectors(t *testing.T) {
	for _, x := range vectors {
		t.Run(x.name+" "+x.v.String(), func(t *testing.T) {
			b := wire(x.wire)
			if diff := same(whole(t, x.v, b), x.packet); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			// What stands before in the buffer is nobody's business.
			if got := encode([]byte("before"), x.v, x.packet); !bytes.Equal(got, append([]byte("before"), b...)) {
				t.Errorf("encoded\n% X\nwant\n% X", got[6:], b)
			}
			if p, ok := x.packet.(*Publish); ok && p.Size(x.v) != len(b) {
				t.Errorf("Size = %d, want %d", p.Size(x.v), len(b))
			}
		})
	}
}

// TestLent appends to every slice of a PUBLISH whose body lies in the middle of
// a buffer: nothing around it may change.
func TestLent(t *testing.T) {
	for _, x := range []vector{
		{"", V311, `32 09 00 03 'a/b' 00 01 'hi'`, nil},
		{"", V5, `32 0C 00 03 'a/b' 00 01 02 01 01 'hi'`, nil},
	} {
		buf := append(wire(x.wire), "next"...)
		before := bytes.Clone(buf)
		var p Publish
		if err := p.Decode(x.v, buf[0]&15, buf[2:len(buf)-4]); err != nil {
			t.Fatal(err)
		}
		for _, lent := range [][]byte{p.Topic, p.Props, p.Payload} {
			_ = append(lent, '!')
		}
		if !bytes.Equal(buf, before) {
			t.Errorf("%v: appending turned % X into % X", x.v, before, buf)
		}
	}
}

// TestLoose holds packets that are right though they could be shorter, or that
// the old versions let pass.
func TestLoose(t *testing.T) {
	for _, x := range []vector{
		{"PUBACK with a Reason Code it could omit", V5, `40 03 00 01 00`, &Ack{Type: PUBACK, ID: 1}},
		{"PUBACK with a Property Length it could omit", V5, `40 04 00 01 00 00`, &Ack{Type: PUBACK, ID: 1}},
		{"DISCONNECT with a Reason Code it could omit", V5, `E0 01 00`, &Disconnect{}},
		{"DISCONNECT with a Property Length it could omit", V5, `E0 02 00 00`, &Disconnect{}},
		{"PUBREL retried with DUP", V31, `6A 02 00 01`, &Ack{Type: PUBREL, ID: 1}},
		{"SUBSCRIBE retried with DUP", V31, `8A 06 00 01 00 01 'a' 00`,
			&Subscribe{ID: 1, Subs: []Subscription{{Filter: text("a")}}}},
		{"UNSUBSCRIBE retried with DUP", V31, `AA 05 00 01 00 01 'a'`,
			&Unsubscribe{ID: 1, Filters: [][]byte{text("a")}}},
		{"CONNACK with its reserved byte used", V31, `20 02 01 00`, emptyConnack()},
		{"CONNECT with announced but missing login", V31, `10 0F 00 06 'MQIsdp' 03 C2 00 00 00 01 'a'`,
			with(emptyConnect(V31), func(c *Connect) { c.CleanStart, c.SessionExpiry, c.ClientID = true, 0, text("a") })},
		{"CONNECT with announced but missing Password", V31, `10 12 00 06 'MQIsdp' 03 C2 00 00 00 01 'a' 00 01 'u'`,
			with(emptyConnect(V31), func(c *Connect) {
				c.CleanStart, c.SessionExpiry, c.ClientID = true, 0, text("a")
				c.HasUsername, c.Username = true, text("u")
			})},
		{"CONNACK of an older Server to version 5", V5, `20 02 00 01`,
			with(emptyConnack(), func(c *Connack) { c.Reason = UnsupportedProtocolVersion })},
	} {
		t.Run(x.name, func(t *testing.T) {
			if diff := same(whole(t, x.v, wire(x.wire)), x.packet); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReuse decodes everything into structs that are full of something else:
// no field may survive from the packet before.
func TestReuse(t *testing.T) {
	dirty := map[Type]any{}
	for _, x := range vectors {
		f, _ := Next(wire(x.wire), 0)
		p, _ := decode(x.v, f)
		dirty[f.Type] = p // The last of each type, which has the most in it.
	}
	for _, x := range vectors {
		f, _ := Next(wire(x.wire), 0)
		var err error
		switch p := dirty[f.Type].(type) {
		case *Connect:
			err = p.Decode(f.Flags, f.Body)
		case *Connack:
			err = p.Decode(x.v, f.Flags, f.Body)
		case *Publish:
			err = p.Decode(x.v, f.Flags, f.Body)
		case *Ack:
			err = p.Decode(x.v, f.Type, f.Flags, f.Body)
		case *Subscribe:
			err = p.Decode(x.v, f.Flags, f.Body)
		case *Suback:
			err = p.Decode(x.v, f.Type == UNSUBACK, f.Flags, f.Body)
		case *Unsubscribe:
			err = p.Decode(x.v, f.Flags, f.Body)
		case *Disconnect:
			err = p.Decode(x.v, f.Flags, f.Body)
		case *Auth:
			err = p.Decode(f.Flags, f.Body)
		}
		if diff := same(dirty[f.Type], x.packet); err != nil || diff != "" {
			t.Errorf("%s %v: error %v (-want +got):\n%s", x.name, x.v, err, diff)
		}
	}
}

// TestTranslate checks what 3.x cannot say and is told in other words.
func TestTranslate(t *testing.T) {
	for _, x := range []vector{
		{"busy", V311, `20 02 00 03`, &Connack{Reason: ServerBusy}},
		{"banned", V311, `20 02 00 05`, &Connack{Reason: Banned}},
		{"no session after a refusal", V311, `20 02 00 05`, &Connack{Reason: NotAuthorized, SessionPresent: true}},
		{"no session after a refusal", V5, `20 03 00 87 00`, &Connack{Reason: NotAuthorized, SessionPresent: true}},
		{"no Session Present in 3.1", V31, `20 02 00 00`, &Connack{SessionPresent: true}},
		{"any failed subscription", V311, `90 04 00 01 01 80`, &Suback{ID: 1, Codes: []ReasonCode{GrantedQoS1, QuotaExceeded}}},
		{"no codes in UNSUBACK", V311, `B0 02 00 01`, &Suback{Unsub: true, ID: 1, Codes: []ReasonCode{NoSubscriptionExisted}}},
		{"no Reason Code in PUBACK", V311, `40 02 00 01`, &Ack{Type: PUBACK, ID: 1, Reason: QuotaExceeded, Props: wire(`1F 00 00`)}},
		{"no Reason Code in DISCONNECT", V311, `E0 00`, &Disconnect{Reason: ServerBusy, Props: wire(`1F 00 00`)}},
		{"no properties in PUBLISH", V311, `30 03 00 01 'a'`, &Publish{Topic: text("a"), Props: wire(`01 01`)}},
		{"only QoS in SUBSCRIBE", V311, `82 06 00 01 00 01 'a' 01`, &Subscribe{ID: 1, Props: wire(`0B 01`), Subs: []Subscription{
			{Filter: text("a"), QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}}}},
		{"AUTH with a Property Length unless empty", V5, `F0 02 19 00`, &Auth{Reason: ReAuthenticate}},
		{"will flags without will", V311, `10 0C 00 04 'MQTT' 04 02 00 00 00 00`,
			&Connect{Version: V311, CleanStart: true, Will: Will{QoS: 2, Retain: true}}},
	} {
		if got := encode(nil, x.v, x.packet); !bytes.Equal(got, wire(x.wire)) {
			t.Errorf("%s: encoded % X, want % X", x.name, got, wire(x.wire))
		}
	}
}
