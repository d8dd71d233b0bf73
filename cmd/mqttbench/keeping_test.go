package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// keeping are bugs about what a broker is to keep for a client that is away, and what not, and about what it says of itself.
var keeping = map[string]bug{
	// The session is present, and its subscription is not in it.
	"the subscription is forgotten": losing(func(*patient, *packet.Publish) bool { return true }),
	// The session is present, and the beginning of its queue is not in it.
	"the queue is forgotten": losing(func(p *patient, _ *packet.Publish) bool { return p.count <= 10 }),
	// A departed member of a shared subscription is still given every fifth message.
	"a departed member has its share": losing(func(p *patient, _ *packet.Publish) bool { return p.count%5 == 0 }),
	// What was in flight is sent again after Clean Start.
	"Clean Start leaves something": {
		up: func(_ *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			if f.Type == packet.PUBACK && m.ID == leftover {
				return nil, nil, false
			}
			return wire, nil, false
		},
		down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			switch {
			case f.Type == packet.PUBLISH && m.QoS == 1:
				again := *m
				again.Dup, again.ID = true, leftover
				p.last = again.Append(nil, p.version)
			case f.Type == packet.CONNACK && p.connections > 0:
				wire = append(slices.Clone(wire), p.last...)
			}
			return wire, nil, false
		},
	},
	// One in ten is acknowledged and never received.
	"acknowledged and not received": {up: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if f.Type == packet.PUBLISH && m.QoS == 1 {
			if p.count++; p.count%10 == 0 {
				return nil, ack(firstPuback, m.ID), false
			}
		}
		return wire, nil, false
	}},
	// One in ten comes twice, and the broker knows of one.
	"sent and not counted": {
		up: func(_ *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			if f.Type == packet.PUBACK && m.ID == leftover {
				return nil, nil, false
			}
			return wire, nil, false
		},
		down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			if f.Type == packet.PUBLISH && m.QoS == 1 {
				if p.count++; p.count%2 == 0 {
					again := *m
					again.ID = leftover
					wire = append(slices.Clone(wire), again.Append(nil, p.version)...)
				}
			}
			return wire, nil, false
		},
	},
}

// leftover is a Packet Identifier that a broker comes to after 31,000 others.
const leftover = 31415

// TestKeeping: brokers that keep less or more than they must are found out, each by the name of what it does, with the first message that shows it.
func TestKeeping(t *testing.T) {
	if testing.Short() {
		t.Skip("the runs wait for what never comes; there is nothing to race")
	}
	t.Parallel()
	away := []string{"--offline-at", "200ms", "--offline-for", "200ms"}
	shared := []string{"--pattern", "fan-in", "--publishers", "2", "--subscribers", "2", "--share", "g", "--mqtt", "5"}
	for _, tc := range []struct {
		bug   string
		class result.Class
		says  string
		flags []string
	}{
		{"the subscription is forgotten", result.SubscriptionLost, "the subscription was not kept", append([]string{"--clean-session=false"}, away...)},
		{"the queue is forgotten", result.Lost, "published while its subscriber was away", append([]string{"--clean-session=false"}, away...)},
		{"a departed member has its share", result.Lost, "no member of the shared subscription", append(shared, "--churn", "4", "--churn-who", "subscribers", "--churn-down", "50ms")},
		{"Clean Start leaves something", result.SessionKept, "", away},
		{"acknowledged and not received", result.Miscounted, "received", nil},
		{"sent and not counted", result.Miscounted, "sent", nil},
	} {
		t.Run(tc.bug, func(t *testing.T) {
			t.Parallel()
			url, _ := newBroker(t, 0)
			again(t, func(int) bool { // On a busy machine the clients may come back when all has been published.
				out := filepath.Join(t.TempDir(), "run")
				args := append([]string{"--qos", "1", "--clients", "4", "--rate", "300", "--warmup", "0s", "--duration", "700ms", "--quiet", "--charts=false", "--out", out,
					"--broker", newSick(t, url, keeping[tc.bug])}, tc.flags...)
				code, stdout, stderr := mqttbench(t.Context(), args...)
				r, err := result.Read(out)
				if err != nil || code != exitBroken && !measured(code) {
					t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
				}
				for _, f := range r.Summary.Contracts[0].Findings {
					i := slices.IndexFunc(f.First, func(o result.Offender) bool { return strings.Contains(o.Text, tc.says) }) // Before it may be what was under way.
					if f.Class != tc.class || i < 0 {
						continue
					}
					if o := f.First[i]; code != exitBroken || o.Publisher == "" || o.Topic == "" || o.At == 0 || f.Class == result.SessionKept && (!o.Dup || o.SeenID != leftover || o.SeenConnection != 2) {
						t.Errorf("exit code %d, %+v", code, o)
					}
					return true
				}
				return false
			})
		})
	}
}
