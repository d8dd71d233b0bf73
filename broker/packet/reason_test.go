package packet

import (
	"fmt"
	"slices"
	"testing"
)

// reasonTable is [v5 table 2-6] once more, from the point of view of the
// packets: sections 3.2.2.2 to 3.15.2.1. 0x8C in DISCONNECT is in the table of
// section 2.4 alone.
var reasonTable = map[Type][]ReasonCode{
	CONNACK:    {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
	PUBACK:     {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	PUBREC:     {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99},
	PUBREL:     {0x00, 0x92},
	PUBCOMP:    {0x00, 0x92},
	SUBACK:     {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
	UNSUBACK:   {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
	DISCONNECT: {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
	AUTH:       {0x00, 0x18, 0x19},
}

// TestReasonTable tries all 256 codes in all packets that have one.
func TestReasonTable(t *testing.T) {
	for typ, allowed := range reasonTable {
		for r := range 256 {
			var body []byte
			switch typ {
			case CONNACK:
				body = []byte{0, byte(r), 0}
			case SUBACK, UNSUBACK:
				body = []byte{0, 1, 0, byte(r)}
			case DISCONNECT:
				body = []byte{byte(r)}
			case AUTH:
				body = []byte{byte(r), 4, 0x15, 0, 1, 'm'}
			default:
				body = []byte{0, 1, byte(r)}
			}
			_, err := decode(V5, Frame{Type: typ, Flags: typ.flags(), Body: body})
			if got, want := err == nil, slices.Contains(allowed, ReasonCode(r)); got != want {
				t.Errorf("%v with Reason Code 0x%02X: error %v", typ, r, err)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	for _, x := range []struct {
		got  fmt.Stringer
		want string
	}{
		{Success, "Success"},
		{GrantedQoS1, "Granted QoS 1"},
		{SharedSubscriptionsNotSupported, "Shared Subscriptions not supported"},
		{ReasonCode(0x55), "Reason Code 0x55"},
		{CONNECT, "CONNECT"},
		{AUTH, "AUTH"},
		{Type(0), "Reserved"},
		{Type(16), "Type 16"},
		{V31, "3.1"},
		{V311, "3.1.1"},
		{V5, "5.0"},
		{Version(6), "Version 6"},
		{QoS(2), "QoS 2"},
		{PropUserProperty, "User Property"},
		{PropID(200), "Property 0xC8"},
	} {
		if got := x.got.String(); got != x.want {
			t.Errorf("String = %q, want %q", got, x.want)
		}
	}
}
