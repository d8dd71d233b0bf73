package client

import (
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

// TestWillAndAliases is a conversation in MQTT 5, typed from the specification: a CONNECT with a will (flags 2C: QoS 1, RETAIN) and a Topic
// Alias Maximum of 10, PUBLISHes whose Topic Name becomes an alias, one that is sent again in full on another connection, and aliases of
// the server's.
func TestWillAndAliases(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		s, r, g := newFake(t), newRecorder(), e.Groups()[0]
		x := &Extra{Will: &Will{Topic: "w", Payload: []byte("x"), QoS: 1, Retain: true}, TopicAlias: true, TopicAliasMaximum: 10}
		c := g.New(Options{URL: s.url(), ClientID: "c", Version: packet.V5, Extra: x}, r)
		publish := func(q packet.QoS, letter string) {
			t.Helper()
			on(t, g, func() {
				if !c.Publish(&Message{Topic: "t", Payload: []byte(letter), QoS: q, Token: uint64(letter[0])}) {
					t.Errorf("%s cannot be published", letter)
				}
			})
		}
		open := func(connack string) {
			t.Helper()
			on(t, g, c.Connect)
			s.accept()
			s.expect("10 18 0004 4D515454 05 2C 003C 03 22 000A 0001 63 00 0001 77 0001 78")
			s.send(connack)
			r.await(t, "connected")
		}
		open("20 06 00 00 03 22 0002")
		publish(0, "a")
		s.expect("30 08 0001 74 03 23 0001 61")
		publish(0, "b")
		s.expect("30 07 0000 03 23 0001 62")
		publish(1, "c")
		s.expect("32 09 0000 0001 03 23 0001 63")
		s.drop()
		r.await(t, "disconnected")

		open("20 06 01 00 03 22 0002")
		s.expect("3A 07 0001 74 0001 00 63") // No alias outlives its connection.
		publish(0, "d")
		s.expect("30 08 0001 74 03 23 0001 64")

		s.send("30 08 0001 75 03 23 000A 61" + "30 07 0000 03 23 000A 62")
		r.await(t, "received u a")
		r.await(t, "received u b")
		s.send("30 07 0000 03 23 000B 62")
		if got := r.await(t, "disconnected"); !strings.Contains(got, "Topic Alias beyond") {
			t.Error(got)
		}
	})
}

// TestSubscribeTo: the Subscription Options of MQTT 5 are in their bits: 2E is QoS 2, No Local, Retain As Published, Retain Handling 2.
func TestSubscribeTo(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		s, r, g := newFake(t), newRecorder(), e.Groups()[0]
		c := g.New(Options{URL: s.url(), ClientID: "c", Version: packet.V5}, r)
		on(t, g, c.Connect)
		s.accept()
		s.expect(connect5)
		s.send("20 03 00 00 00")
		r.await(t, "connected")
		props := packet.AppendProp(nil, packet.Prop{ID: packet.PropSubscriptionIdentifier, N: 7})
		on(t, g, func() {
			c.SubscribeTo([]Subscription{{Filter: "a", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}, {Filter: "b"}}, props)
		})
		s.expect("82 0D 0001 02 0B 07 0001 61 2E 0001 62 00")
		s.send("90 05 0001 00 02 00")
		if got := r.await(t, "subscribed"); got != "subscribed [2 0]" {
			t.Error(got)
		}
	})
}

// TestServerBreaksReceiveMaximum: a server keeps to a Receive Maximum of 2 with QoS 1, and with a QoS 2 message under way breaks it. What had
// come before is acknowledged, and DISCONNECT says why.
func TestServerBreaksReceiveMaximum(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		s, r, g := newFake(t), newRecorder(), e.Groups()[0]
		c := g.New(Options{URL: s.url(), ClientID: "c", Version: packet.V5, Extra: &Extra{ReceiveMaximum: 2}}, r)
		on(t, g, c.Connect)
		s.accept()
		s.expect("10 11 0004 4D515454 05 00 003C 03 21 0002 0001 63")
		s.send("20 03 00 00 00")
		r.await(t, "connected")
		s.send("32 07 0001 74 0001 00 61" + "32 07 0001 74 0002 00 62")
		s.expect("40 02 0001 40 02 0002")
		s.send("34 07 0001 74 0003 00 63")
		s.expect("50 02 0003")
		s.send("62 02 0003")
		s.expect("70 02 0003")
		s.send("34 07 0001 74 0004 00 64")
		s.expect("50 02 0004")
		s.send("32 07 0001 74 0005 00 65" + "32 07 0001 74 0006 00 66")
		s.expect("40 02 0005 E0 01 93")
		if got := r.await(t, "disconnected"); !strings.Contains(got, "the 2 unacknowledged messages") {
			t.Error(got)
		}
	})
}
