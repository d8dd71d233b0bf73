package packet

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang/packets"
	mochi "github.com/mochi-mqtt/server/v2/packets"
	"pgregory.net/rapid"
)

// Two codecs of other hands are witnesses: packets of ours must mean the same
// to them, and come back from them byte for byte. They are asked about valid
// packets only, since both accept much that the specifications forbid.

// drawer draws packets that have no empty string and no zero in a property:
// the witnesses don't tell those from absent ones.
type drawer struct{ *rapid.T }

var (
	someText   = rapid.StringMatching(`[a-zé€ ]{1,12}`)
	someTopic  = rapid.StringMatching(`[a-z]{0,9}(/[a-zé]{0,9}){1,3}`)
	someFilter = rapid.SampledFrom([]string{"a", "a/b", "+", "#", "a/+/c", "+/#", "/", "é/+", "$SYS/#", "$share/g/a/+"})
	someBytes  = rapid.SliceOfN(rapid.Byte(), 1, 40)
)

func (d drawer) text(label string) []byte { return []byte(someText.Draw(d.T, label)) }
func (d drawer) flag(label string) bool   { return rapid.Bool().Draw(d.T, label) }
func (d drawer) id() ID                   { return ID(rapid.Uint16Min(1).Draw(d.T, "id")) }
func (d drawer) qos() QoS                 { return QoS(rapid.IntRange(0, 2).Draw(d.T, "qos")) }

// payload reaches over the borders of the Remaining Length.
func (d drawer) payload() []byte {
	n := rapid.SampledFrom([]int{0, 1, 16, 100, 127, 128, 300, 16400}).Draw(d.T, "size")
	return bytes.Repeat([]byte{rapid.Byte().Draw(d.T, "fill")}, n)
}

// props draws a set of the properties that carrier may have, in the order of
// their identifiers, which is the order in which the witness writes them.
func (d drawer) props(v Version, carrier string) (props Props) {
	if v != V5 {
		return nil
	}
	for _, x := range propTable {
		if !slices.Contains(strings.Fields(x.in), carrier) || !d.flag(x.id.String()) {
			continue
		}
		times := 1
		if x.id == PropUserProperty || x.id == PropSubscriptionIdentifier && carrier == "PUBLISH" {
			times = rapid.IntRange(1, 3).Draw(d.T, "times")
		}
		for range times {
			props = AppendProp(props, d.prop(x.id))
		}
	}
	return props
}

func (d drawer) prop(id PropID) Prop {
	p := Prop{ID: id}
	switch propRules[id].kind {
	case kindByte:
		p.N = 1
		if id != PropRequestResponseInformation && d.flag("zero") {
			p.N = 0
		}
	case kindTwo:
		p.N = uint32(rapid.Uint16Min(1).Draw(d.T, "N"))
	case kindFour:
		p.N = rapid.Uint32Min(1).Draw(d.T, "N")
	case kindVarint:
		p.N = rapid.Uint32Range(1, 268435455).Draw(d.T, "N")
	case kindBinary:
		p.B = someBytes.Draw(d.T, "B")
	case kindPair:
		p.Key = d.text("Key")
		fallthrough
	default:
		p.B = d.text("B")
	}
	return p
}

// packet draws any packet of version v that has fields.
func (d drawer) packet(v Version) any {
	kinds := []Type{CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, DISCONNECT}
	if v == V5 {
		kinds = append(kinds, AUTH)
	}
	switch t := rapid.SampledFrom(kinds).Draw(d.T, "type"); t {
	case CONNECT:
		return d.connect(v)
	case CONNACK:
		c := &Connack{Props: d.props(v, "CONNACK"), SessionPresent: d.flag("present")}
		if !c.SessionPresent {
			c.Reason = rapid.SampledFrom([]ReasonCode{0, 0x84, 0x85, 0x86, 0x87, 0x88}).Draw(d.T, "reason")
		}
		return c
	case PUBLISH:
		p := &Publish{QoS: d.qos(), Retain: d.flag("retain"), Props: d.props(v, "PUBLISH"), Payload: d.payload()}
		p.Topic = []byte(someTopic.Draw(d.T, "topic"))
		if p.QoS > 0 {
			p.ID, p.Dup = d.id(), d.flag("dup")
		}
		return p
	case SUBSCRIBE:
		s := &Subscribe{ID: d.id(), Props: d.props(v, "SUBSCRIBE")}
		for range rapid.IntRange(1, 40).Draw(d.T, "filters") {
			s.Subs = append(s.Subs, d.subscription(v))
		}
		return s
	case SUBACK, UNSUBACK:
		s := &Suback{Unsub: t == UNSUBACK, ID: d.id(), Props: d.props(v, t.String())}
		if v == V5 || !s.Unsub {
			s.Codes = rapid.SliceOfN(rapid.SampledFrom([]ReasonCode{0, 0x80}), 1, 200).Draw(d.T, "codes")
		}
		return s
	case UNSUBSCRIBE:
		u := &Unsubscribe{ID: d.id(), Props: d.props(v, "UNSUBSCRIBE")}
		for range rapid.IntRange(1, 40).Draw(d.T, "filters") {
			u.Filters = append(u.Filters, []byte(someFilter.Draw(d.T, "filter")))
		}
		return u
	case DISCONNECT:
		p := &Disconnect{Props: d.props(v, "DISCONNECT")}
		if len(p.Props) > 0 { // The witness overlooks a Reason Code that stands alone.
			p.Reason = rapid.SampledFrom([]ReasonCode{0, 4, 0x82, 0xA2}).Draw(d.T, "reason")
		}
		return p
	case AUTH:
		a := &Auth{Reason: rapid.SampledFrom([]ReasonCode{0, 0x18, 0x19}).Draw(d.T, "reason")}
		a.Props = AppendProp(nil, d.prop(PropAuthenticationMethod))
		return a
	default:
		a := &Ack{Type: t, ID: d.id(), Props: d.props(v, t.String())}
		if v == V5 { // The witness leaves out the successes above 0.
			a.Reason = rapid.SampledFrom([]ReasonCode{0, 0x92}).Draw(d.T, "reason")
			if a.Reason != 0 && (t == PUBACK || t == PUBREC) {
				a.Reason = QuotaExceeded
			}
		}
		return a
	}
}

func (d drawer) connect(v Version) *Connect {
	c := &Connect{Version: v, CleanStart: d.flag("clean"), KeepAlive: rapid.Uint16().Draw(d.T, "keep alive")}
	c.ClientID = d.text("client")
	c.Props = d.props(v, "CONNECT")
	if _, ok := c.Props.Get(PropAuthenticationMethod); !ok {
		c.Props = nil // There might be Authentication Data.
	}
	if c.HasWill = d.flag("will"); c.HasWill {
		c.Will = Will{Topic: []byte(someTopic.Draw(d.T, "topic")), Payload: d.payload(), QoS: d.qos(), Retain: d.flag("retain")}
		c.Will.Props = d.props(v, "Will")
	}
	if c.HasUsername = d.flag("user"); c.HasUsername {
		c.Username = d.text("user")
	}
	if c.HasPassword = d.flag("password") && (v == V5 || c.HasUsername); c.HasPassword {
		c.Password = someBytes.Draw(d.T, "password")
	}
	return c
}

func (d drawer) subscription(v Version) Subscription {
	s := Subscription{Filter: []byte(someFilter.Draw(d.T, "filter")), QoS: d.qos()}
	if v == V5 {
		s.NoLocal = d.flag("no local") && s.Filter[0] != '$'
		s.RetainAsPublished = d.flag("as published")
		s.RetainHandling = rapid.Uint8Range(0, 2).Draw(d.T, "handling")
	}
	return s
}

// TestAgainstPaho compares the packets of 3.1.1 with eclipse/paho.mqtt.golang.
func TestAgainstPaho(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := encode(nil, V311, drawer{t}.packet(V311))
		f, err := Next(b, 0)
		if err != nil || f.Size != len(b) {
			t.Fatalf("% X: size %d, %v", b, f.Size, err)
		}
		ours, err := decode(V311, f)
		if err != nil {
			t.Fatalf("% X: %v", b, err)
		}
		theirs, err := paho.ReadPacket(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("% X: the witness refuses: %v", b, err)
		}
		if diff := same(fromPaho(theirs), ours); diff != "" {
			t.Fatalf("% X (-ours +theirs):\n%s", b, diff)
		}
		var again bytes.Buffer
		if err := theirs.Write(&again); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("ours   % X\ntheirs % X", b, again.Bytes())
		}
	})
}

// fromPaho tells in our words what the witness read.
func fromPaho(packet paho.ControlPacket) any {
	switch p := packet.(type) {
	case *paho.ConnectPacket:
		c := emptyConnect(V311)
		c.CleanStart, c.KeepAlive, c.ClientID = p.CleanSession, p.Keepalive, text(p.ClientIdentifier)
		if c.CleanStart {
			c.SessionExpiry = 0
		}
		c.HasWill = p.WillFlag
		c.Will = Will{Topic: text(p.WillTopic), Payload: p.WillMessage, QoS: QoS(p.WillQos), Retain: p.WillRetain}
		c.HasUsername, c.Username = p.UsernameFlag, text(p.Username)
		c.HasPassword, c.Password = p.PasswordFlag, p.Password
		return c
	case *paho.ConnackPacket:
		c := emptyConnack()
		c.SessionPresent = p.SessionPresent
		c.Reason = map[byte]ReasonCode{0: Success, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}[p.ReturnCode]
		return c
	case *paho.PublishPacket:
		return &Publish{Dup: p.Dup, Retain: p.Retain, QoS: QoS(p.Qos), ID: ID(p.MessageID), Topic: text(p.TopicName), Payload: p.Payload}
	case *paho.PubackPacket:
		return &Ack{Type: PUBACK, ID: ID(p.MessageID)}
	case *paho.PubrecPacket:
		return &Ack{Type: PUBREC, ID: ID(p.MessageID)}
	case *paho.PubrelPacket:
		return &Ack{Type: PUBREL, ID: ID(p.MessageID)}
	case *paho.PubcompPacket:
		return &Ack{Type: PUBCOMP, ID: ID(p.MessageID)}
	case *paho.SubscribePacket:
		s := &Subscribe{ID: ID(p.MessageID)}
		for i, filter := range p.Topics {
			s.Subs = append(s.Subs, Subscription{Filter: text(filter), QoS: QoS(p.Qoss[i])})
		}
		return s
	case *paho.SubackPacket:
		s := &Suback{ID: ID(p.MessageID)}
		for _, r := range p.ReturnCodes {
			s.Codes = append(s.Codes, ReasonCode(r))
		}
		return s
	case *paho.UnsubscribePacket:
		u := &Unsubscribe{ID: ID(p.MessageID)}
		for _, filter := range p.Topics {
			u.Filters = append(u.Filters, text(filter))
		}
		return u
	case *paho.UnsubackPacket:
		return &Suback{Unsub: true, ID: ID(p.MessageID)}
	case *paho.DisconnectPacket:
		return &Disconnect{}
	}
	return packet
}

// TestAgainstMochi compares the packets of version 5 with mochi-mqtt.
func TestAgainstMochi(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := encode(nil, V5, drawer{t}.packet(V5))
		f, err := Next(b, 0)
		if err != nil || f.Size != len(b) {
			t.Fatalf("% X: size %d, %v", b, f.Size, err)
		}
		ours, err := decode(V5, f)
		if err != nil {
			t.Fatalf("% X: %v", b, err)
		}
		theirs := &mochi.Packet{ProtocolVersion: 5, Mods: mochi.Mods{AllowResponseInfo: true}}
		if err := mochiDecode(theirs, b[0], f.Body); err != nil {
			t.Fatalf("% X: the witness refuses: %v", b, err)
		}
		if diff := same(fromMochi(theirs), ours); diff != "" {
			t.Fatalf("% X (-ours +theirs):\n%s", b, diff)
		}
		var again bytes.Buffer
		if err := mochiEncode(theirs, &again); err != nil {
			t.Fatalf("% X: the witness cannot encode it: %v", b, err)
		}
		if f.Type == DISCONNECT && f.Size == 2 {
			return // The witness writes out what may be left out.
		}
		if !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("ours   % X\ntheirs % X", b, again.Bytes())
		}
	})
}

func mochiDecode(p *mochi.Packet, first byte, body []byte) error {
	if err := p.FixedHeader.Decode(first); err != nil {
		return err
	}
	p.FixedHeader.Remaining = len(body)
	return map[Type]func([]byte) error{
		CONNECT: p.ConnectDecode, CONNACK: p.ConnackDecode, PUBLISH: p.PublishDecode,
		PUBACK: p.PubackDecode, PUBREC: p.PubrecDecode, PUBREL: p.PubrelDecode, PUBCOMP: p.PubcompDecode,
		SUBSCRIBE: p.SubscribeDecode, SUBACK: p.SubackDecode,
		UNSUBSCRIBE: p.UnsubscribeDecode, UNSUBACK: p.UnsubackDecode,
		DISCONNECT: p.DisconnectDecode, AUTH: p.AuthDecode,
	}[Type(p.FixedHeader.Type)](body)
}

func mochiEncode(p *mochi.Packet, dst *bytes.Buffer) error {
	return map[Type]func(*bytes.Buffer) error{
		CONNECT: p.ConnectEncode, CONNACK: p.ConnackEncode, PUBLISH: p.PublishEncode,
		PUBACK: p.PubackEncode, PUBREC: p.PubrecEncode, PUBREL: p.PubrelEncode, PUBCOMP: p.PubcompEncode,
		SUBSCRIBE: p.SubscribeEncode, SUBACK: p.SubackEncode,
		UNSUBSCRIBE: p.UnsubscribeEncode, UNSUBACK: p.UnsubackEncode,
		DISCONNECT: p.DisconnectEncode, AUTH: p.AuthEncode,
	}[Type(p.FixedHeader.Type)](dst)
}

// fromMochi tells in our words what the witness read.
func fromMochi(p *mochi.Packet) any {
	props := mochiProps(&p.Properties)
	q := &p.Properties
	switch typ := Type(p.FixedHeader.Type); typ {
	case CONNECT:
		return mochiConnect(p, props)
	case CONNACK:
		return with(emptyConnack(), func(c *Connack) {
			c.SessionPresent, c.Reason, c.Props = p.SessionPresent, ReasonCode(p.ReasonCode), props
			c.ReceiveMaximum = orDefault(q.ReceiveMaximum, 65535)
			c.MaximumPacketSize, c.TopicAliasMaximum = q.MaximumPacketSize, q.TopicAliasMaximum
			c.ServerKeepAlive, c.HasServerKeepAlive = q.ServerKeepAlive, q.ServerKeepAliveFlag
			c.AssignedClientID = text(q.AssignedClientID)
			c.SessionExpiry, c.HasSessionExpiry = q.SessionExpiryInterval, q.SessionExpiryIntervalFlag
			if q.MaximumQosFlag {
				c.MaximumQoS = QoS(q.MaximumQos)
			}
			c.RetainAvailable = !q.RetainAvailableFlag || q.RetainAvailable == 1
		})
	case PUBLISH:
		return &Publish{
			Dup: p.FixedHeader.Dup, Retain: p.FixedHeader.Retain, QoS: QoS(p.FixedHeader.Qos), ID: ID(p.PacketID),
			Topic: text(p.TopicName), Props: props, Payload: p.Payload,
			Alias: q.TopicAlias, Expiry: q.MessageExpiryInterval, HasExpiry: q.MessageExpiryInterval > 0,
			HasSubID: len(q.SubscriptionIdentifier) > 0, UTF8: q.PayloadFormat == 1,
			HasProps: len(q.SubscriptionIdentifier)+len(q.User)+len(q.CorrelationData)+len(q.ContentType)+len(q.ResponseTopic) > 0 || q.PayloadFormatFlag,
		}
	case SUBSCRIBE:
		s := &Subscribe{ID: ID(p.PacketID), Props: props}
		if len(q.SubscriptionIdentifier) > 0 {
			s.SubID = uint32(q.SubscriptionIdentifier[0])
		}
		for _, x := range p.Filters {
			s.Subs = append(s.Subs, Subscription{
				Filter: text(x.Filter), QoS: QoS(x.Qos), NoLocal: x.NoLocal,
				RetainAsPublished: x.RetainAsPublished, RetainHandling: x.RetainHandling,
			})
		}
		return s
	case SUBACK, UNSUBACK:
		s := &Suback{Unsub: typ == UNSUBACK, ID: ID(p.PacketID), Props: props}
		for _, r := range p.ReasonCodes {
			s.Codes = append(s.Codes, ReasonCode(r))
		}
		return s
	case UNSUBSCRIBE:
		u := &Unsubscribe{ID: ID(p.PacketID), Props: props}
		for _, x := range p.Filters {
			u.Filters = append(u.Filters, text(x.Filter))
		}
		return u
	case DISCONNECT:
		return &Disconnect{Reason: ReasonCode(p.ReasonCode), Props: props,
			SessionExpiry: q.SessionExpiryInterval, HasSessionExpiry: q.SessionExpiryIntervalFlag}
	case AUTH:
		return &Auth{Reason: ReasonCode(p.ReasonCode), Props: props}
	default:
		return &Ack{Type: typ, ID: ID(p.PacketID), Reason: ReasonCode(p.ReasonCode), Props: props}
	}
}

func mochiConnect(p *mochi.Packet, props Props) *Connect {
	q := &p.Properties
	x := &p.Connect
	return &Connect{
		Version: Version(p.ProtocolVersion), CleanStart: x.Clean, KeepAlive: x.Keepalive, ClientID: text(x.ClientIdentifier),
		HasWill: x.WillFlag,
		Will: Will{
			Topic: text(x.WillTopic), Payload: x.WillPayload, QoS: QoS(x.WillQos), Retain: x.WillRetain,
			Props: mochiProps(&x.WillProperties), Delay: x.WillProperties.WillDelayInterval,
		},
		HasUsername: x.UsernameFlag, Username: x.Username, HasPassword: x.PasswordFlag, Password: x.Password,
		Props: props, SessionExpiry: q.SessionExpiryInterval, ReceiveMaximum: orDefault(q.ReceiveMaximum, 65535),
		MaximumPacketSize: q.MaximumPacketSize, TopicAliasMaximum: q.TopicAliasMaximum,
		RequestResponseInfo: q.RequestResponseInfo == 1,
		RequestProblemInfo:  !q.RequestProblemInfoFlag || q.RequestProblemInfo == 1,
		AuthMethod:          text(q.AuthenticationMethod), AuthData: q.AuthenticationData,
		HasAuthMethod: q.AuthenticationMethod != "",
	}
}

func orDefault(n, absent uint16) uint16 {
	if n == 0 {
		return absent
	}
	return n
}

// mochiProps encodes what the witness found, in the order of the identifiers.
func mochiProps(q *mochi.Properties) (props Props) {
	number := func(id PropID, n uint32, there bool) {
		if there {
			props = AppendProp(props, Prop{ID: id, N: n})
		}
	}
	data := func(id PropID, b []byte) {
		if len(b) > 0 {
			props = AppendProp(props, Prop{ID: id, B: b})
		}
	}
	number(1, uint32(q.PayloadFormat), q.PayloadFormatFlag)
	number(2, q.MessageExpiryInterval, q.MessageExpiryInterval > 0)
	data(3, text(q.ContentType))
	data(8, text(q.ResponseTopic))
	data(9, q.CorrelationData)
	for _, n := range q.SubscriptionIdentifier {
		number(11, uint32(n), true)
	}
	number(17, q.SessionExpiryInterval, q.SessionExpiryIntervalFlag)
	data(18, text(q.AssignedClientID))
	number(19, uint32(q.ServerKeepAlive), q.ServerKeepAliveFlag)
	data(21, text(q.AuthenticationMethod))
	data(22, q.AuthenticationData)
	number(23, uint32(q.RequestProblemInfo), q.RequestProblemInfoFlag)
	number(24, q.WillDelayInterval, q.WillDelayInterval > 0)
	number(25, uint32(q.RequestResponseInfo), q.RequestResponseInfo > 0)
	data(26, text(q.ResponseInfo))
	data(28, text(q.ServerReference))
	data(31, text(q.ReasonString))
	number(33, uint32(q.ReceiveMaximum), q.ReceiveMaximum > 0)
	number(34, uint32(q.TopicAliasMaximum), q.TopicAliasMaximum > 0)
	number(35, uint32(q.TopicAlias), q.TopicAliasFlag)
	number(36, uint32(q.MaximumQos), q.MaximumQosFlag)
	number(37, uint32(q.RetainAvailable), q.RetainAvailableFlag)
	for _, u := range q.User {
		props = AppendProp(props, Prop{ID: 38, Key: text(u.Key), B: text(u.Val)})
	}
	number(39, q.MaximumPacketSize, q.MaximumPacketSize > 0)
	number(40, uint32(q.WildcardSubAvailable), q.WildcardSubAvailableFlag)
	number(41, uint32(q.SubIDAvailable), q.SubIDAvailableFlag)
	number(42, uint32(q.SharedSubAvailable), q.SharedSubAvailableFlag)
	return props
}
