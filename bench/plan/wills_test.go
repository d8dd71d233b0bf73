package plan

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mqttbench/broker/packet"
)

// TestAltered: what a server may do to the properties of a will, and what it may not.
func TestAltered(t *testing.T) {
	w := Wills{UTF8: true, Expiry: Duration(10 * time.Second), ContentType: "text/plain", ResponseTopic: "r/1", Correlation: "c", UserProperties: [][2]string{{"a", "1"}, {"b", "2"}, {"a", "1"}}}
	expiry := func(n uint32) packet.Prop { return packet.Prop{ID: packet.PropMessageExpiryInterval, N: n} }
	user := func(k, v string) packet.Prop {
		return packet.Prop{ID: packet.PropUserProperty, Key: []byte(k), B: []byte(v)}
	}
	good := []packet.Prop{
		{ID: packet.PropPayloadFormatIndicator, N: 1}, expiry(9), {ID: packet.PropContentType, B: []byte("text/plain")}, {ID: packet.PropResponseTopic, B: []byte("r/1")},
		{ID: packet.PropCorrelationData, B: []byte("c")}, user("a", "1"), user("b", "2"), user("a", "1"),
	}
	encode := func(all []packet.Prop) (props packet.Props) {
		for _, p := range all {
			props = packet.AppendProp(props, p)
		}
		return props
	}
	with := func(i int, p packet.Prop) []packet.Prop {
		all := slices.Clone(good)
		all[i] = p
		return all
	}
	without := func(i int) []packet.Prop { return slices.Delete(slices.Clone(good), i, i+1) }
	for _, c := range []struct {
		name string
		got  []packet.Prop
		says string
	}{
		{"as given", good, ""},
		{"with more of the server's", append(slices.Clone(good), packet.Prop{ID: packet.PropSubscriptionIdentifier, N: 3}), ""},
		{"with the expiry in full", with(1, expiry(10)), ""},
		{"longer", with(1, expiry(11)), "became 11 s"},
		{"without expiry", without(1), "Message Expiry Interval"},
		{"without format", without(0), "Payload Format Indicator 1 is missing"},
		{"other type", with(2, packet.Prop{ID: packet.PropContentType, B: []byte("text/html")}), "text/html"},
		{"without response topic", without(3), "is missing"},
		{"without correlation", without(4), "is missing"},
		{"one user property less", without(7), "is missing"},
		{"user properties in another order", append(slices.Clone(good[:5]), good[6], good[5], good[7]), "was not given, or not there"},
		{"one user property more", append(slices.Clone(good), user("z", "")), "was not given"},
	} {
		if says := w.Altered(encode(c.got)); c.says == "" && says != "" || !strings.Contains(says, c.says) || c.says != "" && says == "" {
			t.Errorf("%s: %q, want %q", c.name, says, c.says)
		}
	}
	none := Wills{}
	if says := none.Altered(encode(good[:1])); says == "" || none.Props() != nil || none.HasProps() || !w.HasProps() {
		t.Errorf("a will without properties: %q", says)
	}
}

// TestWillPayload: whose will it is can be read from it, in UTF-8, too.
func TestWillPayload(t *testing.T) {
	p := valid()
	p.RunID, p.Publishers, p.Subscribers = 0xFFFE, 300, 300
	for _, p.Wills.UTF8 = range []bool{false, true} {
		payload := p.WillPayload(513)
		if client, ok := p.ReadWill(payload); !ok || client != 513 || p.Wills.UTF8 && !utf8.Valid(payload) {
			t.Errorf("UTF-8 %v: % x is read as %d, %v", p.Wills.UTF8, payload, client, ok)
		}
		for _, wrong := range [][]byte{nil, payload[1:], append(slices.Clone(payload), 0), p.WillPayload(600)} {
			if client, ok := p.ReadWill(wrong); ok {
				t.Errorf("UTF-8 %v: % x is read as %d", p.Wills.UTF8, wrong, client)
			}
		}
	}
}
