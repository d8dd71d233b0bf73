package broker

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// What mosquitto's dashboards ask for is there, retained, and with values that are right.
func TestSys(t *testing.T) {
	waits(t)
	overDrivers(t, Options{SysInterval: time.Second, Version: "mqttbroker 1.2.3"}, func(t *testing.T, b *bench) {
		away := b.connect(packet.V311, "away", lasting)
		away.subscribe("w", 1)
		away.leave()
		p := b.connect(packet.V311, "p")
		pub := b.connect(packet.V311, "pub")
		p.subscribe("a/#", 1)
		p.subscribe("$share/g/s", 1)
		pub.publish("a/1", "12345", 1, retained)
		p.take("a/1", "12345")
		pub.publish("nobody", "123", 0)
		pub.publish("w", "12", 1)
		pub.publish("w", "12", 1)
		pub.publish("a/2", "1234", 1)
		p.expect("a/2", "1234") // Not acknowledged.
		pub.leave()
		b.gone(1)
		p.subscribe("$SYS/#", 2)
		want := map[string]string{
			"version": "mqttbroker 1.2.3", "clients/total": "2", "clients/maximum": "", "clients/connected": "1",
			"clients/active": "1", "clients/disconnected": "1", "clients/inactive": "1", "clients/expired": "0",
			"publish/messages/received": "5", "publish/messages/sent": "2", "publish/messages/dropped": "0",
			"publish/bytes/received": "16", "publish/bytes/sent": "9", "subscriptions/count": "4",
			"retained messages/count": "1", "shared_subscriptions/count": "1", "store/messages/count": "4", "messages/stored": "4",
			"store/messages/bytes": "", "messages/inflight": "1", "uptime": "", "heap/current": "", "heap/maximum": "",
			"messages/received": "", "messages/sent": "", "bytes/received": "", "bytes/sent": "",
		}
		for _, name := range loadNames {
			for _, span := range []string{"1min", "5min", "15min"} {
				want["load/"+name+"/"+span] = ""
			}
		}
		got := map[string]string{}
		right := func() bool {
			for name, value := range want {
				if had, ok := got[name]; !ok || value != "" && had != value {
					return false
				}
			}
			return true
		}
		// What has a rate has it from the second interval on, whenever that ends.
		rates := []string{"load/messages/received/1min", "load/bytes/sent/15min", "load/connections/5min", "messages/sent", "heap/current"}
		rising := func() bool {
			return !slices.ContainsFunc(rates, func(name string) bool { f, err := strconv.ParseFloat(got[name], 64); return err != nil || f <= 0 })
		}
		for end := time.Now().Add(patience); !right() || !rising(); {
			m := p.expectAny()
			name, ok := strings.CutPrefix(string(m.Topic), "$SYS/broker/")
			if !ok || m.QoS != 0 {
				t.Errorf("%s QoS %d", m.Topic, m.QoS)
			}
			if _, known := want[name]; !known {
				t.Errorf("%s is not expected", name)
			}
			got[name] = string(m.Payload)
			if time.Now().After(end) {
				t.Fatalf("got %v", got)
			}
		}
		if !strings.HasSuffix(got["uptime"], " seconds") {
			t.Errorf("uptime %q", got["uptime"])
		}
		// A new subscriber gets all of it at once.
		q := b.connect(packet.V5, "q")
		q.subscribe("$SYS/broker/clients/+", 0)
		if m := q.expectAny(); !m.Retain {
			t.Error("not retained")
		}
		// It is not traffic.
		if s := b.Stats(); s.Received != [3]uint64{1, 4, 0} || s.Delivered != [3]uint64{0, 2, 0} || sum(s.PayloadOut) != 9 || s.Retained != 1 || s.Dropped != (Dropped{}) {
			t.Errorf("%+v", s)
		}
	})
}

// Wildcards at the first level do not see it, and nobody else may publish there, [v5 MQTT-4.7.2-1].
func TestSysIsReserved(t *testing.T) {
	waits(t)
	overVersions(t, Options{SysInterval: time.Second}, func(t *testing.T, b *bench, v packet.Version) {
		all := b.connect(v, "all")
		all.subscribe("#", 0)
		all.subscribe("+/broker/uptime", 0)
		p := b.connect(v, "p")
		p.subscribe("$SYS/broker/own", 0)
		p.subscribe("$SYS/broker/uptime", 0)
		code := p.publish2("$SYS/broker/own", "x", 1)
		if v == packet.V5 && code != packet.NotAuthorized {
			t.Errorf("PUBACK %v", code)
		}
		b.connect(v, "q", withWill("$SYS/broker/own", "x", 1, true)).vanish()
		for range 2 {
			if m := p.expectAny(); string(m.Topic) != "$SYS/broker/uptime" {
				t.Errorf("%s %q", m.Topic, m.Payload)
			}
		}
		all.sync()
		if n := b.Stats().Dropped.NotAuthorized; n != 2 {
			t.Errorf("%d counted, want 2", n)
		}
	})
}

// publish2 is publish for a peer that may get messages meanwhile.
func (p *peer) publish2(topic, payload string, qos packet.QoS) packet.ReasonCode {
	p.t.Helper()
	id := p.sendPublish(topic, payload, qos)
	for {
		f, ok := p.readNew()
		if !ok {
			p.t.Fatal("closed")
		}
		if f.Type == packet.PUBACK {
			var a packet.Ack
			if err := a.Decode(p.version, f.Type, f.Flags, f.Body); err != nil || a.ID != id {
				p.t.Fatalf("PUBACK %d, want %d (%v)", a.ID, id, err)
			}
			return a.Reason
		}
		p.later = append(p.later, f)
	}
}

// A load settles at the rate, faster for the shorter spans, and does not depend on how often it is asked.
func TestLoad(t *testing.T) {
	const perMinute = 600
	run := func(every, until int64) (a load) {
		for now := every; now <= until; now += every {
			a.add(uint64(now*perMinute/(60*second)), every)
		}
		return a
	}
	for _, minutes := range []int64{1, 5, 15, 60} {
		for i, span := range loadSpans {
			want := perMinute * (1 - math.Exp(-float64(minutes*60*second)/float64(span)))
			for _, every := range []int64{second, 10 * second} {
				if got := run(every, minutes*60*second).average[i]; math.Abs(got-want) > 0.5 {
					t.Errorf("after %d min, every %d s: %v, want %v", minutes, every/second, got, want)
				}
			}
		}
	}
}

// An interval at rest costs a message for each value that changes, which are few.
func TestSysAllocations(t *testing.T) {
	b := startBroker(t, Options{Loops: 1, SysInterval: 1000 * time.Second})
	var n float64
	done := make(chan struct{})
	b.await("the first time", func() bool { return b.sysTopics.Load() > 0 })
	b.own[0].t.Post(func() {
		sys := b.sys
		n = testing.AllocsPerRun(100, func() {
			sys.parts[0] = b.own[0].n
			sys.publishAll(b.own[0])
		})
		close(done)
	})
	<-done
	if n > 20 {
		t.Errorf("%v allocations", n)
	}
	t.Log(fmt.Sprint(n, " allocations an interval"))
}
