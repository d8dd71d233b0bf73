package plan

import (
	"encoding/hex"
	"fmt"
	"time"

	"mqttbench/broker/packet"
)

// HasProps reports whether the wills have properties besides their delay.
func (w *Wills) HasProps() bool {
	return w.UTF8 || w.Expiry != 0 || w.ContentType != "" || w.ResponseTopic != "" || w.Correlation != "" || len(w.UserProperties) > 0
}

// Props are the will's properties in CONNECT, its delay included; nil: none.
func (w *Wills) Props() packet.Props {
	props := w.kept()
	if d := time.Duration(w.Expiry); d > 0 {
		props = packet.AppendProp(props, packet.Prop{ID: packet.PropMessageExpiryInterval, N: wholeSeconds(d)})
	}
	if d := time.Duration(w.Delay); d > 0 {
		props = packet.AppendProp(props, packet.Prop{ID: packet.PropWillDelayInterval, N: wholeSeconds(d)})
	}
	return props
}

// wholeSeconds is a time of more than 0 in a property's seconds: 0 would mean something else.
func wholeSeconds(d time.Duration) uint32 { return uint32(max(1, d/time.Second)) }

// kept are the properties that every receiver gets as they were given, and in the same order where that counts, [v5 MQTT-3.3.2-4], [v5 MQTT-3.3.2-15],
// [v5 MQTT-3.3.2-16], [v5 MQTT-3.3.2-17], [v5 MQTT-3.3.2-18], [v5 MQTT-3.3.2-20].
func (w *Wills) kept() (props packet.Props) {
	if w.UTF8 {
		props = packet.AppendProp(props, packet.Prop{ID: packet.PropPayloadFormatIndicator, N: 1})
	}
	for _, t := range []struct {
		id   packet.PropID
		text string
	}{
		{packet.PropContentType, w.ContentType}, {packet.PropResponseTopic, w.ResponseTopic}, {packet.PropCorrelationData, w.Correlation},
	} {
		if t.text != "" {
			props = packet.AppendProp(props, packet.Prop{ID: t.id, B: []byte(t.text)})
		}
	}
	for _, u := range w.UserProperties {
		props = packet.AppendProp(props, packet.Prop{ID: packet.PropUserProperty, Key: []byte(u[0]), B: []byte(u[1])})
	}
	return props
}

// Altered says what is wrong with the properties of a will that was received; "": nothing. What the server may add of its own (a Subscription
// Identifier, a Topic Alias) is passed over.
func (w *Wills) Altered(got packet.Props) string {
	left := map[string]int{}
	var users []string
	for p := range w.kept().All() {
		if p.ID == packet.PropUserProperty {
			users = append(users, propText(p))
			continue
		}
		left[propText(p)]++
	}
	expiry, expires := uint32(0), false
	for p := range got.All() {
		switch text := propText(p); {
		case p.ID == packet.PropSubscriptionIdentifier, p.ID == packet.PropTopicAlias:
		case p.ID == packet.PropMessageExpiryInterval:
			expiry, expires = p.N, true
		case p.ID == packet.PropUserProperty && len(users) > 0 && users[0] == text:
			users = users[1:]
		case p.ID != packet.PropUserProperty && left[text] > 0:
			delete(left, text)
		case p.ID == packet.PropPayloadFormatIndicator && p.N == 0: // As if it were not there, [v5 3.3.2.3.2].
		default:
			return text + " was not given, or not there"
		}
	}
	for text := range left {
		return text + " is missing"
	}
	switch most := wholeSeconds(time.Duration(w.Expiry)); {
	case len(users) > 0:
		return users[0] + " is missing"
	case (w.Expiry > 0) != expires:
		return "the Message Expiry Interval is there or is not, and should not or should be"
	case expires && expiry > most: // Less by what it waited, [v5 MQTT-3.3.2-6].
		return fmt.Sprintf("a Message Expiry Interval of %d s became %d s", most, expiry)
	}
	return ""
}

func propText(p packet.Prop) string {
	switch {
	case p.ID == packet.PropUserProperty:
		return fmt.Sprintf("%v %q=%q", p.ID, p.Key, p.B)
	case p.B != nil:
		return fmt.Sprintf("%v %q", p.ID, p.B)
	}
	return fmt.Sprintf("%v %d", p.ID, p.N)
}

// WillPayload is what the will of a client has in it: a stamp, or, where it has to be UTF-8, that in hexadecimal.
func (p *Plan) WillPayload(client int) []byte {
	stamp := make([]byte, StampSize)
	Stamp{Run: p.RunID, Stream: client}.Put(stamp)
	if p.Wills.UTF8 {
		return hex.AppendEncode(nil, stamp)
	}
	return stamp
}

// ReadWill tells whose will has a payload; false: it is none of this run's.
func (p *Plan) ReadWill(payload []byte) (client int, ok bool) {
	if p.Wills.UTF8 {
		var err error
		if payload, err = hex.AppendDecode(nil, payload); err != nil {
			return 0, false
		}
	}
	s, ok := ReadStamp(payload)
	return s.Stream, ok && len(payload) == StampSize && s.Run == p.RunID && s.Stream < p.Clients()
}
