package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// The rules that speak of what a session keeps hold across a restart of a broker with a data directory, too. Each
// subtest prepares its clients before the restart and returns what must be true after it. That messages
// and exchanges survive a kill is TestKilled's.
var restartRules = []struct {
	name    string
	only5   bool
	prepare func(b *bench, v packet.Version) (after func(b *bench))
}{
	{"02 and 03: identifiers in flight stay, and are not given again", false, func(b *bench, v packet.Version) func(*bench) {
		sub := b.connect(v, "2", lasting)
		sub.subscribe("2", 2)
		pub := b.connect(v, "2p")
		inUse := map[packet.ID]packet.QoS{}
		for i := range 10 {
			pub.publish("2", fmt.Sprint(i), packet.QoS(1+i%2))
			m := sub.expect("2", fmt.Sprint(i))
			inUse[m.ID] = m.QoS
		}
		sub.vanish()
		return func(b *bench) {
			sub := b.connect(v, "2", lasting)
			for i := range 10 {
				m := sub.expect("2", fmt.Sprint(i))
				if qos, known := inUse[m.ID]; !known || qos != m.QoS || !m.Dup {
					b.t.Errorf("%d came again as %+v", i, m)
				}
			}
			pub := b.connect(v, "2p")
			for i := range 10 {
				pub.publish("2", fmt.Sprint("new", i), 2)
				if m := sub.expect("2", fmt.Sprint("new", i)); m.Dup || inUse[m.ID] != 0 {
					b.t.Errorf("a new message is %+v", m)
				}
			}
		}
	}},
	{"04 and 05: half an exchange, each way", false, func(b *bench, v packet.Version) func(*bench) {
		p, other := b.connect(v, "4", lasting), b.connect(v, "4o", lasting)
		other.subscribe("4/in", 2)
		p.subscribe("4/out", 2)
		p.expectAck(packet.PUBREC, p.sendPublish("4/in", "once", 2, withID(7)))
		other.take("4/in", "once")
		other.publish("4/out", "released", 2)
		m := p.expect("4/out", "released")
		p.sendAck(packet.PUBREC, m.ID, 0)
		p.expectAck(packet.PUBREL, m.ID)
		p.vanish()
		other.leave()
		return func(b *bench) {
			other := b.connect(v, "4o", lasting)
			for range 2 {
				p = b.connect(v, "4", lasting)
				p.expectAck(packet.PUBREL, m.ID)
				p.sendPublish("4/in", "once", 2, withID(7), dup)
				p.expectAck(packet.PUBREC, 7)
			}
			p.sendAck(packet.PUBREL, 7, 0)
			if code := p.expectAck(packet.PUBCOMP, 7); code != packet.Success {
				b.t.Errorf("PUBCOMP %v", code)
			}
			other.sync()
		}
	}},
	{"07: no expiry once sent, and what is queued does", true, func(b *bench, v packet.Version) func(*bench) {
		sub, pub := b.connect(v, "7", lasting, receiveMaximum(2)), b.connect(v, "7p")
		sub.subscribe("7", 2)
		for qos := packet.QoS(1); qos <= 2; qos++ {
			pub.publish("7", "sent", qos, expiresIn(1))
			sub.expect("7", "sent")
		}
		pub.publish("7", "queued", 1, expiresIn(1))
		pub.publish("7", "lives", 1, expiresIn(1000))
		sub.vanish()
		return func(b *bench) {
			sub := b.connect(v, "7", lasting, receiveMaximum(3))
			for qos := packet.QoS(1); qos <= 2; qos++ {
				if m := sub.expect("7", "sent"); !m.Dup || m.QoS != qos {
					b.t.Errorf("%+v", m)
				}
			}
			if m := sub.expect("7", "lives"); m.Expiry >= 1000 { // Rule 8: the time of the restart counts.
				b.t.Errorf("expiry %d after a second", m.Expiry)
			}
			sub.sync()
		}
	}},
	{"10: the quota is that of the new connection", true, func(b *bench, v packet.Version) func(*bench) {
		sub, pub := b.connect(v, "10", lasting, receiveMaximum(5)), b.connect(v, "10p")
		sub.subscribe("10", 1)
		for i := range 8 {
			pub.publish("10", fmt.Sprint(i), 1)
		}
		for i := range 5 {
			sub.expect("10", fmt.Sprint(i))
		}
		sub.vanish()
		return func(b *bench) {
			sub := b.connect(v, "10", lasting, receiveMaximum(2))
			one, two := sub.expect("10", "0"), sub.expect("10", "1")
			sub.sync()
			sub.complete(one)
			sub.complete(two)
			for i := 2; i < 8; i++ {
				sub.take("10", fmt.Sprint(i))
			}
		}
	}},
	{"12: Session Present tells the truth", false, func(b *bench, v packet.Version) func(*bench) {
		sub, pub := b.connect(v, "12", lasting), b.connect(v, "12p")
		sub.subscribe("12", 1)
		sub.leave()
		pub.publish("12", "missed", 1)
		b.connect(v, "12 discarded", lasting).subscribe("12", 1)
		b.connect(v, "12 discarded", clean).leave()
		b.connect(v, "12 clean", clean).subscribe("12", 1)
		return func(b *bench) {
			sub, pub := b.connect(v, "12", lasting), b.connect(v, "12p")
			if !sub.connack.SessionPresent {
				b.t.Error("a session that was kept is not present")
			}
			sub.take("12", "missed")
			pub.publish("12", "live", 1)
			sub.take("12", "live")
			for _, id := range []string{"12 discarded", "12 clean", "12 never"} {
				p := b.connect(v, id, lasting)
				if p.connack.SessionPresent {
					b.t.Errorf("%s: Session Present is 1", id)
				}
				pub.publish("12", "x", 1)
				sub.take("12", "x")
				p.sync()
			}
		}
	}},
	{"14 and 15: QoS and Subscription Identifiers of overlapping subscriptions", false, func(b *bench, v packet.Version) func(*bench) {
		sub, pub := b.connect(v, "15", lasting), b.connect(v, "15p")
		id := func(n uint32) func(*packet.Subscribe) {
			if v == packet.V5 {
				return subID(n)
			}
			return func(*packet.Subscribe) {}
		}
		sub.subscribe("15/#", 0, id(3))
		sub.subscribe("15/+", 1, id(5))
		sub.leave()
		pub.publish("15/a", "queued", 2)
		return func(b *bench) {
			sub := b.connect(v, "15", lasting)
			b.connect(v, "15p").publish("15/a", "live", 2)
			for _, payload := range []string{"queued", "live"} {
				m := sub.take("15/a", payload)
				if ids := subIDs(m); m.QoS != 1 || v == packet.V5 && (len(ids) != 2 || ids[0]+ids[1] != 8) {
					b.t.Errorf("%s: QoS %d, identifiers %v", payload, m.QoS, ids)
				}
			}
			sub.sync()
		}
	}},
	{"17: Retain As Published, of what is queued and what is new", true, func(b *bench, v packet.Version) func(*bench) {
		sub, pub := b.connect(v, "17", lasting), b.connect(v, "17p")
		sub.subscribe("17/kept", 2, subOption(func(s *packet.Subscription) { s.RetainAsPublished = true }))
		sub.subscribe("17/cleared", 2)
		sub.leave()
		both := func(pub *peer, payload string) {
			pub.publish("17/kept", payload, 2, retained)
			pub.publish("17/cleared", payload, 1, retained)
		}
		both(pub, "queued")
		return func(b *bench) {
			sub := b.connect(v, "17", lasting)
			both(b.connect(v, "17p"), "live")
			for _, payload := range []string{"queued", "live"} {
				if !sub.take("17/kept", payload).Retain || sub.take("17/cleared", payload).Retain {
					b.t.Errorf("%s: RETAIN is not as it should be", payload)
				}
			}
		}
	}},
	{"19: retained messages are not sent again on resume, and are to who subscribes", false, func(b *bench, v packet.Version) func(*bench) {
		sub, pub := b.connect(v, "19", lasting), b.connect(v, "19p")
		pub.publish("19", "kept", 2, retained)
		sub.subscribe("19", 2)
		sub.take("19", "kept")
		sub.leave()
		return func(b *bench) {
			sub, other := b.connect(v, "19", lasting), b.connect(v, "19o")
			sub.sync()
			other.subscribe("19", 1)
			if m := other.take("19", "kept"); !m.Retain || m.QoS != 1 {
				b.t.Errorf("%+v", m)
			}
		}
	}},
	{"23: a shared subscription's exchange stays with its member", true, func(b *bench, v packet.Version) func(*bench) {
		pub, one, two := b.connect(v, "23p"), b.connect(v, "23 one", lasting), b.connect(v, "23 two", lasting)
		one.subscribe("$share/g/23", 2)
		pub.publish("23", "begun", 2)
		m := one.expect("23", "begun")
		two.subscribe("$share/g/23", 2)
		one.vanish()
		two.leave()
		return func(b *bench) {
			two := b.connect(v, "23 two", lasting)
			two.sync()
			one := b.connect(v, "23 one", lasting)
			if again := one.take("23", "begun"); again.ID != m.ID || !again.Dup {
				b.t.Errorf("%+v", again)
			}
			pub := b.connect(v, "23p")
			for range 2 { // Both are members still.
				pub.publish("23", "x", 1)
			}
			one.take("23", "x")
			two.take("23", "x")
		}
	}},
	{"26: a client is its whole Client Identifier", false, func(b *bench, v packet.Version) func(*bench) {
		long := strings.Repeat("c", 300)
		ids := []string{long, long + "1", long + "2", "26", "26 ", "EzFY", "FYEz", "AaBB", "BBAa", "cliént", "clie\u0301nt"}
		for i, id := range ids {
			p := b.connect(v, id, lasting)
			p.subscribe(fmt.Sprint("26/", i), 1)
			p.leave()
		}
		return func(b *bench) {
			pub := b.connect(v, "26p")
			for i := range ids {
				pub.publish(fmt.Sprint("26/", i), id26(i), 1)
			}
			for i, id := range ids {
				p := b.connect(v, id, lasting)
				if !p.connack.SessionPresent {
					b.t.Errorf("%.20q has no session", id)
				}
				p.take(fmt.Sprint("26/", i), id26(i))
				p.sync()
			}
		}
	}},
}

func id26(i int) string { return fmt.Sprint("for ", i) }

func TestRulesSurviveRestart(t *testing.T) {
	waits(t)
	parent := t
	for _, d := range drivers {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			t.Run(fmt.Sprint(d.name, "/", v), func(t *testing.T) {
				besideIfWaiting(parent, t)
				dir := t.TempDir()
				b := startDurable(t, dir, Options{Driver: d.driver})
				after := make([]func(*bench), len(restartRules))
				for i, r := range restartRules {
					if !r.only5 || v == packet.V5 {
						after[i] = r.prepare(b, v)
					}
				}
				b.Close()
				time.Sleep(1100 * time.Millisecond) // So that an expiry of one second passes while nobody is there.
				b = startDurable(t, dir, Options{Driver: d.driver})
				for i, r := range restartRules {
					if after[i] != nil {
						t.Run(r.name, func(t *testing.T) { after[i](&bench{b.Server, t}) })
					}
				}
			})
		}
	}
}
