package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// A line of a log as JSON.
type logLine map[string]any

func (l logLine) has(t *testing.T, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if got := fmt.Sprint(l[key]); !strings.Contains(got, value) || got == "" {
			t.Errorf("%s is %q, want %q, in %v", key, got, value, l)
		}
	}
}

// linesOf are the lines with a message.
func linesOf(t *testing.T, log *syncBuffer, message string) (found []logLine) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		l := logLine{}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if l["msg"] == message {
			found = append(found, l)
		}
	}
	return found
}

// Every connection that the broker ends, every client that it does not let in and everything that it refuses is told of, with the
// client, its address, the packet and the rule, and counted by cause.
func TestRefusalsAreTold(t *testing.T) {
	var log syncBuffer
	o := Options{
		Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo})), MaxClients: 3,
		MaxSubscriptions: 1, ConnectTimeout: 10 * patience,
		Authenticate: func(_, username string, _ []byte) packet.ReasonCode {
			if username == "bad" {
				return packet.BadUserNameOrPassword
			}
			return packet.Success
		},
		AllowPublish: func(_ string, name []byte) bool { return string(name) != "secret" },
	}
	overDrivers(t, o, func(t *testing.T, b *bench) {
		log.Reset()
		kept := b.connect(packet.V5, "kept")
		remote := func(p *peer) string { return p.net.LocalAddr().String() }

		kept.publish("secret", "x", 1)
		kept.subscribe("a", 0)
		kept.sendSubscribe("b", 0)
		kept.expectSuback(false)
		refusals := linesOf(t, &log, "refused")
		if len(refusals) != 2 {
			t.Fatalf("%v", refusals)
		}
		refusals[0].has(t, map[string]string{"client": "kept", "remote": remote(kept), "packet": "PUBLISH", "topic": "secret", "reason": "Not authorized", "rule": "not authorized"})
		refusals[1].has(t, map[string]string{"client": "kept", "packet": "SUBSCRIBE", "topic": "b", "reason": "Quota exceeded", "rule": "subscriptions"})

		bad := b.dial(packet.V5)
		bad.sendConnect("nobody", func(c *packet.Connect) { c.HasUsername, c.Username = true, []byte("bad") })
		bad.expectRefusal(packet.BadUserNameOrPassword)
		broken := b.connect(packet.V5, "broken")
		broken.send([]byte("\x82\x03\x00\x01\x00")) // A SUBSCRIBE without a Topic Filter.
		broken.expectEnd(packet.ProtocolError)
		first := b.connect(packet.V311, "twice")
		b.connect(packet.V311, "twice")
		first.expectEnd(0)
		b.connect(packet.V5, "third")
		fourth := b.dial(packet.V5)
		fourth.sendConnect("fourth")
		fourth.expectRefusal(packet.QuotaExceeded)
		hasty := startBroker(t, Options{Driver: b.o.Driver, Logger: o.Logger, ConnectTimeout: 100 * time.Millisecond})
		silent := hasty.dial(packet.V5)
		silent.expectEnd(0)
		b.await("all are counted", func() bool {
			return hasty.Stats().RefusedConnects[CauseConnectTimeout] == 1 && b.Stats().Closed[CauseTakenOver] == 1
		})

		refused := linesOf(t, &log, "client refused")
		if len(refused) != 3 {
			t.Fatalf("%v", refused)
		}
		refused[0].has(t, map[string]string{"level": "WARN", "client": "nobody", "remote": remote(bad), "packet": "CONNECT", "rule": "credentials"})
		refused[1].has(t, map[string]string{"client": "fourth", "remote": remote(fourth), "packet": "CONNECT", "rule": "clients"})
		refused[2].has(t, map[string]string{"remote": remote(silent), "rule": "connect_timeout"})
		closed := linesOf(t, &log, "connection closed")
		if len(closed) != 2 {
			t.Fatalf("%v", closed)
		}
		closed[0].has(t, map[string]string{"level": "WARN", "client": "broken", "remote": remote(broken), "packet": "SUBSCRIBE", "rule": "v5 MQTT-3.8.3-2", "error": "Protocol Error: "})
		closed[1].has(t, map[string]string{"level": "INFO", "client": "twice", "remote": remote(first), "rule": "taken_over"})
		s := b.Stats()
		for what, n := range map[string]uint64{
			"credentials": s.RefusedConnects[CauseCredentials], "clients": s.RefusedConnects[CauseClients],
			"protocol": s.Closed[CauseProtocol],
		} {
			if n != 1 {
				t.Errorf("%s: %d counted", what, n)
			}
		}
	})
}

// A flood of refusals makes a handful of lines, and the next line says how many there are not.
func TestFloodIsRationed(t *testing.T) {
	var log syncBuffer
	o := Options{Loops: 1, Logger: slog.New(slog.NewJSONHandler(&log, nil)), AllowPublish: func(string, []byte) bool { return false }}
	overDrivers(t, o, func(t *testing.T, b *bench) {
		log.Reset()
		const flood = 5000
		p := b.connect(packet.V311, "flood")
		var all []byte
		for range flood {
			m := packet.Publish{Topic: []byte("t"), Payload: []byte("x")}
			all = m.Append(all, packet.V311)
		}
		p.send(all)
		p.sync()
		lines := linesOf(t, &log, "refused")
		if len(lines) < rationBurst || len(lines) > 10*rationBurst {
			t.Errorf("%d lines about %d refusals", len(lines), flood)
		}
		told := uint64(0)
		b.await("the next line tells of the others", func() bool {
			p.sendPublish("t", "x", 0)
			p.sync()
			told = 0
			for _, l := range linesOf(t, &log, "refused") {
				told++
				if n, ok := l["unsaid"].(float64); ok {
					told += uint64(n)
				}
			}
			return told > flood
		})
		if said := b.Stats().Dropped.NotAuthorized; told > said {
			t.Errorf("%d told, %d happened", told, said)
		}
	})
}

// A name of 64 KiB does not stand in the log at its full length.
func TestLogIsClipped(t *testing.T) {
	var log syncBuffer
	o := Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), AllowSubscribe: func(string, []byte) bool { return false }}
	b := startBroker(t, o)
	p := b.connect(packet.V5, strings.Repeat("c", 60000))
	p.sendSubscribe(string(bytes.Repeat([]byte("f"), 60000)), 0)
	p.expectSuback(false)
	if n := len(log.String()); n == 0 || n > 1000 {
		t.Errorf("a log of %d bytes", n)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for ns, bucket := range map[int64]int{-5: 0, 0: 0, 63: 0, 64: 1, 127: 1, 128: 2, 1 << 34: 29, 1 << 35: 30, 1 << 60: 30} {
		before := h.Counts[bucket]
		h.observe(ns)
		if h.Counts[bucket] != before+1 {
			t.Errorf("%d ns is not in bucket %d: %v", ns, bucket, h.Counts)
		}
		if bound := HistogramBound(bucket); bucket < HistogramBuckets-1 && float64(ns)/1e9 >= bound {
			t.Errorf("%d ns is not below %v s", ns, bound)
		}
	}
	if h.Count() != 9 || h.Sum == 0 {
		t.Errorf("%+v", h)
	}
}
