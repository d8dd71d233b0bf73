package packet

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// propTable is [v5 table 2-4] once more, as the specification prints it: each
// property, a value for it on the wire, and the packets it is for ("Will" is
// the Will Properties). Everything else must be refused.
var propTable = []struct {
	id   PropID
	wire string
	in   string
}{
	{PropPayloadFormatIndicator, `01 01`, "PUBLISH Will"},
	{PropMessageExpiryInterval, `02 00 00 00 01`, "PUBLISH Will"},
	{PropContentType, `03 00 01 'c'`, "PUBLISH Will"},
	{PropResponseTopic, `08 00 01 'r'`, "PUBLISH Will"},
	{PropCorrelationData, `09 00 01 FF`, "PUBLISH Will"},
	{PropSubscriptionIdentifier, `0B 01`, "PUBLISH SUBSCRIBE"},
	{PropSessionExpiryInterval, `11 00 00 00 01`, "CONNECT CONNACK DISCONNECT"},
	{PropAssignedClientIdentifier, `12 00 01 'c'`, "CONNACK"},
	{PropServerKeepAlive, `13 00 01`, "CONNACK"},
	{PropAuthenticationMethod, `15 00 01 'm'`, "CONNECT CONNACK AUTH"},
	{PropAuthenticationData, `16 00 01 FF`, "CONNECT CONNACK AUTH"},
	{PropRequestProblemInformation, `17 01`, "CONNECT"},
	{PropWillDelayInterval, `18 00 00 00 01`, "Will"},
	{PropRequestResponseInformation, `19 01`, "CONNECT"},
	{PropResponseInformation, `1A 00 01 'r'`, "CONNACK"},
	{PropServerReference, `1C 00 01 's'`, "CONNACK DISCONNECT"},
	{PropReasonString, `1F 00 01 'r'`, "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH"},
	{PropReceiveMaximum, `21 00 01`, "CONNECT CONNACK"},
	{PropTopicAliasMaximum, `22 00 01`, "CONNECT CONNACK"},
	{PropTopicAlias, `23 00 01`, "PUBLISH"},
	{PropMaximumQoS, `24 01`, "CONNACK"},
	{PropRetainAvailable, `25 01`, "CONNACK"},
	{PropUserProperty, `26 00 01 'k' 00 01 'v'`, "CONNECT CONNACK PUBLISH Will PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK DISCONNECT AUTH"},
	{PropMaximumPacketSize, `27 00 00 00 01`, "CONNECT CONNACK"},
	{PropWildcardSubscriptionAvailable, `28 01`, "CONNACK"},
	{PropSubscriptionIdentifierAvailable, `29 01`, "CONNACK"},
	{PropSharedSubscriptionAvailable, `2A 01`, "CONNACK"},
}

// carriers are the packets that can carry properties, as what stands before
// them and after them.
var carriers = []struct {
	name          string
	first         byte
	before, after string
}{
	{"CONNECT", 0x10, `00 04 'MQTT' 05 02 00 00`, `00 00`},
	{"Will", 0x10, `00 04 'MQTT' 05 06 00 00 00 00 00`, `00 01 'w' 00 00`},
	{"CONNACK", 0x20, `00 00`, ``},
	{"PUBLISH", 0x30, `00 01 'a'`, ``},
	{"PUBACK", 0x40, `00 01 00`, ``},
	{"PUBREC", 0x50, `00 01 00`, ``},
	{"PUBREL", 0x62, `00 01 00`, ``},
	{"PUBCOMP", 0x70, `00 01 00`, ``},
	{"SUBSCRIBE", 0x82, `00 01`, `00 01 'a' 00`},
	{"SUBACK", 0x90, `00 01`, `00`},
	{"UNSUBSCRIBE", 0xA2, `00 01`, `00 01 'a'`},
	{"UNSUBACK", 0xB0, `00 01`, `00`},
	{"DISCONNECT", 0xE0, `00`, ``},
	{"AUTH", 0xF0, `00`, ``},
}

// TestPropTable tries every property in every packet, once and twice.
func TestPropTable(t *testing.T) {
	for _, c := range carriers {
		for _, x := range propTable {
			for times := 1; times <= 2; times++ {
				props := bytes.Repeat(wire(x.wire), times)
				switch { // What these packets demand besides.
				case c.name == "AUTH" && x.id != PropAuthenticationMethod,
					c.name == "CONNECT" && x.id == PropAuthenticationData:
					props = append(props, wire(`15 00 01 'm'`)...)
				}
				body := append(wire(c.before), byte(len(props)))
				body = append(append(body, props...), wire(c.after)...)
				_, err := decode(V5, Frame{Type: Type(c.first >> 4), Flags: c.first & 15, Body: body})

				allowed := slices.Contains(strings.Fields(x.in), c.name)
				repeats := x.id == PropUserProperty || x.id == PropSubscriptionIdentifier && c.name == "PUBLISH"
				want := Success
				switch {
				case !allowed:
					want = MalformedPacket
				case times == 2 && !repeats:
					want = ProtocolError
				}
				if got := codeOf(err); got != want {
					t.Errorf("%d times %v in %s: %v, want %v", times, x.id, c.name, err, want)
				}
			}
		}
	}
}

// codeOf is the Reason Code of err, Success for none.
func codeOf(err error) ReasonCode {
	if err == nil {
		return Success
	}
	return err.(*Error).Code
}

// TestUnknownProps tries all identifiers that do not exist.
func TestUnknownProps(t *testing.T) {
	known := map[PropID]bool{}
	for _, x := range propTable {
		known[x.id] = true
		if x.id.String() == "" || x.id.String()[:2] == "Pr" {
			t.Errorf("property %d has no name", x.id)
		}
	}
	for id := range 256 {
		if known[PropID(id)] {
			continue
		}
		body := append(wire(`00 01 'a' 08`), byte(id), 0, 0, 0, 0, 0, 0, 0)
		var p Publish
		if err := p.Decode(V5, 0, body); codeOf(err) != MalformedPacket {
			t.Errorf("property %d: %v", id, err)
		}
	}
}

func TestPropsRead(t *testing.T) {
	props := Props(wire(allPublishProps))
	var ids []PropID
	for p := range props.All() {
		ids = append(ids, p.ID)
	}
	if want := []PropID{35, 1, 2, 3, 8, 9, 11, 11, 38}; !slices.Equal(ids, want) {
		t.Errorf("All = %v, want %v", ids, want)
	}
	for p := range props.All() {
		if p.ID == PropMessageExpiryInterval {
			break // An iterator must bear being left.
		}
	}
	if p, ok := props.Get(PropSubscriptionIdentifier); !ok || p.N != 128 {
		t.Errorf("Get: %v %v, want the first Subscription Identifier, 128", p, ok)
	}
	if p, ok := props.Get(PropUserProperty); !ok || string(p.Key) != "k" || string(p.B) != "v" {
		t.Errorf("Get: %v %v, want k=v", p, ok)
	}
	if _, ok := props.Get(PropReasonString); ok {
		t.Error("Get found a Reason String that is not there")
	}
	if _, ok := Props(nil).Get(PropTopicAlias); ok {
		t.Error("Get found a property in none")
	}
	broken := Props(wire(`01 01 02 00`)) // Not from a decoder: reading ends early.
	if _, ok := broken.Get(PropMessageExpiryInterval); ok {
		t.Error("Get found a property that is cut off")
	}
	for p := range broken.All() {
		if p.ID != PropPayloadFormatIndicator {
			t.Errorf("All yields %v, which is cut off", p)
		}
	}
}

func TestAppendProp(t *testing.T) {
	for _, x := range []struct {
		p    Prop
		wire string
	}{
		{Prop{ID: PropPayloadFormatIndicator, N: 1}, `01 01`},
		{Prop{ID: PropReceiveMaximum, N: 258}, `21 01 02`},
		{Prop{ID: PropSessionExpiryInterval, N: 0xFFFFFFFF}, `11 FF FF FF FF`},
		{Prop{ID: PropSubscriptionIdentifier, N: 268435455}, `0B FF FF FF 7F`},
		{Prop{ID: PropReasonString, B: text("é")}, `1F 00 02 C3 A9`},
		{Prop{ID: PropCorrelationData}, `09 00 00`},
		{Prop{ID: PropUserProperty, Key: text("a"), B: text("bc")}, `26 00 01 'a' 00 02 'bc'`},
	} {
		if got := AppendProp(nil, x.p); !bytes.Equal(got, wire(x.wire)) {
			t.Errorf("AppendProp(%v) = % X, want %s", x.p, got, x.wire)
		}
	}
}
