package broker

import (
	"testing"

	"mqttbench/broker/packet"
)

// Statements that no other test shows. What shows which is in conformance.md.

// [v5 MQTT-3.1.4-6] [v3.1.1 MQTT-3.1.4-5]: what came behind a refused CONNECT is not looked at.
func TestRefusedConnectIsTheEnd(t *testing.T) {
	refuse := func(id, _ string, _ []byte) packet.ReasonCode {
		if id == "bad" {
			return packet.NotAuthorized
		}
		return packet.Success
	}
	overVersions(t, Options{Authenticate: refuse}, func(t *testing.T, b *bench, v packet.Version) {
		watch := b.connect(v, "watch")
		watch.subscribe("a", 0)
		p := b.dial(v)
		c := packet.Connect{Version: v, CleanStart: true, ClientID: []byte("bad")}
		m := packet.Publish{Topic: []byte("a"), Payload: []byte("x")}
		p.send(m.Append(c.Append(nil), v)) // In one write.
		if got := p.expectConnack().Reason; got != packet.NotAuthorized {
			t.Errorf("CONNACK %v", got)
		}
		p.expectEnd(0)
		watch.sync()
	})
}

// [v5 MQTT-3.3.1-3] [v3.1.1 MQTT-3.3.1-3]: DUP is a matter of one connection.
func TestDupIsNotForwarded(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		sub.subscribe("a", 2)
		for qos := packet.QoS(1); qos <= 2; qos++ {
			pub.publish("a", "x", qos, dup)
			if m := sub.take("a", "x"); m.Dup {
				t.Errorf("QoS %d: DUP was forwarded", qos)
			}
		}
		sub.leave()
		pub.publish("a", "y", 1, dup)
		sub = b.connect(v, "sub", lasting)
		if m := sub.take("a", "y"); m.Dup {
			t.Error("DUP was forwarded through the queue")
		}
	})
}

// [v5 MQTT-3.3.2-7]: a Topic Alias does not outlive its connection, though the session does.
func TestAliasEndsWithConnection(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		alias := pubProps(packet.Prop{ID: packet.PropTopicAlias, N: 1})
		p := b.connect(packet.V5, "p", lasting)
		p.publish("a", "x", 0, alias)
		p.publish("", "x", 0, alias)
		p.vanish()
		b.gone(0)
		p = b.connect(packet.V5, "p", lasting)
		p.sendPublish("", "x", 0, alias)
		p.expectEnd(packet.ProtocolError)
	})
}

// [v5 MQTT-3.10.4-3, 3.10.4-6, 3.11.3-1] [v3.1.1 MQTT-3.10.4-3, 3.10.4-6]: UNSUBSCRIBE lets exchanges be finished, on this
// connection and the next, and answers once for all its filters.
func TestUnsubscribeFinishes(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub", lasting), b.connect(v, "pub")
		sub.subscribe("a", 2)
		sub.subscribe("b", 2)
		pub.publish("a", "1", 1)
		pub.publish("a", "2", 2)
		one, two := sub.expect("a", "1"), sub.expect("a", "2")
		u := packet.Unsubscribe{ID: sub.id(), Filters: [][]byte{[]byte("a"), []byte("none"), []byte("b")}}
		sub.send(u.Append(nil, v))
		codes := sub.expectSuback(true)
		want := []packet.ReasonCode{packet.Success, packet.NoSubscriptionExisted, packet.Success}
		if v == packet.V5 && (len(codes) != 3 || codes[0] != want[0] || codes[1] != want[1] || codes[2] != want[2]) {
			t.Errorf("UNSUBACK %v, want %v", codes, want)
		}
		sub.complete(one)
		sub.vanish()
		b.gone(1)
		sub = b.connect(v, "sub", lasting)
		if again := sub.take("a", "2"); again.ID != two.ID || !again.Dup {
			t.Errorf("%+v", again)
		}
		sub.sync()
	})
}

// [v5 MQTT-4.3.2-5] [v3.1.1 MQTT-4.3.2-2]: after PUBACK an identifier stands for a new message, also with DUP.
func TestPubackFreesIdentifier(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		sub.subscribe("a", 1)
		for range 3 {
			pub.sendPublish("a", "x", 1, withID(4), dup)
			pub.expectAck(packet.PUBACK, 4)
			sub.take("a", "x")
		}
		sub.sync()
	})
}

// [v5 MQTT-4.6.0-2 to 4.6.0-4] [v3.1.1 MQTT-4.6.0-2 to 4.6.0-4]: acknowledgements leave in the order of what they answer.
func TestAcksInOrder(t *testing.T) {
	overVersions(t, Options{}, func(t *testing.T, b *bench, v packet.Version) {
		sub, pub := b.connect(v, "sub"), b.connect(v, "pub")
		ids := []packet.ID{9, 3, 500, 1, 65535, 2}
		for qos, ack := range map[packet.QoS]packet.Type{1: packet.PUBACK, 2: packet.PUBREC} {
			for _, id := range ids {
				pub.sendPublish("nobody", "x", qos, withID(id))
			}
			for _, id := range ids {
				pub.expectAck(ack, id)
			}
		}
		sub.subscribe("a", 2)
		for range ids {
			pub.sendPublish("a", "x", 2)
		}
		var got []packet.ID
		for range ids {
			got = append(got, sub.expect("a", "x").ID)
		}
		order := []int{3, 0, 5, 1, 4, 2} // Of the PUBRECs, and so of the PUBRELs.
		for _, i := range order {
			sub.sendAck(packet.PUBREC, got[i], 0)
		}
		for _, i := range order {
			sub.expectAck(packet.PUBREL, got[i])
		}
	})
}
