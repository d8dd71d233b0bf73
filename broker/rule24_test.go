package broker

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// publishAck is publish that returns the whole PUBACK or PUBREC.
func (p *peer) publishAck(topic, payload string, qos packet.QoS) (a packet.Ack, reason string) {
	p.t.Helper()
	id := p.sendPublish(topic, payload, qos)
	kind := packet.PUBACK + packet.Type(qos-1)
	f := p.next(kind)
	if err := a.Decode(p.version, kind, f.Flags, f.Body); err != nil || a.ID != id {
		p.t.Fatalf("%v for %d, want %d: %v", kind, a.ID, id, err)
	}
	if s, ok := a.Props.Get(packet.PropReasonString); ok {
		reason = string(s.B)
	}
	if qos == 2 && !a.Reason.Failed() {
		p.sendAck(packet.PUBREL, id, 0)
		p.expectAck(packet.PUBCOMP, id)
	}
	return a, reason
}

// Rule 24, where some subscribers have room and one has not: with QoS 1 the publisher is told that not everybody has the message;
// with QoS 2, where a refusal would have the others get it twice, Success tells of it in words. The others get the message at
// once and exactly once. 3.1.1 has no word for it: the loss is counted and logged.
func TestRule24PartlyFull(t *testing.T) {
	const room = 3
	var log syncBuffer
	o := Options{
		SessionLimits: session.Limits{MaxQueued: room},
		Logger:        slog.New(slog.NewJSONHandler(&log, nil)),
	}
	overVersions(t, o, func(t *testing.T, b *bench, v packet.Version) {
		for qos := packet.QoS(1); qos <= 2; qos++ {
			log.Reset()
			name := fmt.Sprint("a/", qos)
			away := b.connect(v, "away", lasting)
			away.subscribe(name, qos)
			away.leave()
			here, pub := b.connect(v, "here"), b.connect(v, "pub")
			here.subscribe(name, qos)
			before := b.Stats()
			const n = 2 * room
			for i := range n {
				a, reason := pub.publishAck(name, fmt.Sprint(i), qos)
				here.take(name, fmt.Sprint(i))
				here.sync() // Its session is empty again, and nothing came twice.
				full := i >= room && v == packet.V5
				wanted := packet.Success
				if full && qos == 1 {
					wanted = packet.QuotaExceeded
				}
				if a.Reason != wanted {
					t.Errorf("QoS %d, message %d: %v, want %v", qos, i, a.Reason, wanted)
				}
				if told := strings.Contains(reason, "1 of 2"); told != full {
					t.Errorf("QoS %d, message %d: Reason String %q", qos, i, reason)
				}
			}
			after := b.Stats()
			if lost := after.Dropped.SessionFull - before.Dropped.SessionFull; lost != n-room {
				t.Errorf("%d counted as dropped, want %d", lost, n-room)
			}
			if met := after.Refused.QueueMessages - before.Refused.QueueMessages; met != n-room {
				t.Errorf("the limit was met %d times, want %d", met, n-room)
			}
			lines := linesOf(t, &log, "refused")
			if len(lines) != n-room {
				t.Fatalf("%d lines, want %d", len(lines), n-room)
			}
			lines[0].has(t, map[string]string{"client": "pub", "packet": "PUBLISH", "topic": name, "rule": "queued for one session"})
			// What was acknowledged with nothing to add is what the other one gets.
			away = b.connect(v, "away", lasting)
			for i := range room {
				away.take(name, fmt.Sprint(i))
			}
			away.sync()
			b.connect(v, "away").leave()
			here.leave()
			pub.leave()
		}
	})
}

// Who wants no Reason Strings, or has no room for one, gets the Reason Code alone.
func TestRule24WithoutReasonString(t *testing.T) {
	overDrivers(t, Options{SessionLimits: session.Limits{MaxQueued: 1}}, func(t *testing.T, b *bench) {
		away := b.connect(packet.V5, "away", lasting)
		away.subscribe("a", 2)
		away.leave()
		for id, opt := range map[string]option{
			"no problem information": props(packet.Prop{ID: packet.PropRequestProblemInformation, N: 0}),
			"small packets":          props(packet.Prop{ID: packet.PropMaximumPacketSize, N: 20}),
		} {
			pub := b.connect(packet.V5, id, opt)
			pub.publish("a", "x", 1)
			for qos := packet.QoS(1); qos <= 2; qos++ {
				if a, reason := pub.publishAck("a", "x", qos); a.Reason != packet.QuotaExceeded || reason != "" {
					t.Errorf("%s: %v %q", id, a.Reason, reason)
				}
			}
		}
	})
}
