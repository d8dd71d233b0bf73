package main

import (
	"path/filepath"
	"slices"
	"testing"

	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// unfaithful are bugs that no report of the corpus tells of.
var unfaithful = map[string]bug{
	"the session is never present": {down: func(_ *patient, f *packet.Frame, _ *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if f.Type == packet.CONNACK {
			wire[2] &^= 1
		}
		return wire, nil, false
	}},
	"resends have new identifiers": {
		up: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			if f.Type == packet.PUBACK && p.renamed[m.ID] != 0 {
				return ack(firstPuback, p.renamed[m.ID]), nil, false
			}
			return wire, nil, false
		},
		down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			if f.Type == packet.PUBLISH && m.Dup {
				p.renamed[m.ID^0x4000] = m.ID
				m.ID ^= 0x4000
				return m.Append(nil, p.version), nil, false
			}
			return wire, nil, false
		},
	},
	"resends are exchanged": {down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		switch {
		case f.Type != packet.PUBLISH || !m.Dup && p.held == nil:
		case p.held != nil:
			wire, p.held = append(append([]byte(nil), wire...), p.held...), nil
		case p.count == 0:
			p.count++
			p.held = append([]byte(nil), wire...)
			return nil, nil, false
		}
		return wire, nil, false
	}},
	"only one copy is answered": {down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		switch f.Type {
		case packet.PUBREC:
			if p.seen[m.ID]++; p.seen[m.ID] > 1 {
				return nil, nil, false
			}
		case packet.PUBCOMP:
			delete(p.seen, m.ID)
		}
		return wire, nil, false
	}},
	"QoS 1 becomes QoS 0": {down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if f.Type != packet.PUBLISH || m.QoS == 0 {
			return wire, nil, false
		}
		id := m.ID
		m.QoS, m.ID, m.Dup = 0, 0, false
		return m.Append(nil, p.version), ack(firstPuback, id), false
	}},
	"a share is every member's": {up: func(p *patient, f *packet.Frame, _ *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		var s packet.Subscribe
		if f.Type != packet.SUBSCRIBE || s.Decode(p.version, f.Flags, f.Body) != nil {
			return wire, nil, false
		}
		for i := range s.Subs {
			s.Subs[i].Filter = s.Subs[i].Filter[len("$share/g/"):]
		}
		return s.Append(nil, p.version), nil, false
	}},
}

// TestBroken: brokers with bugs that no report of the corpus tells of are found out, and each offence says of whom, on which connection, and with
// which Packet Identifier.
func TestBroken(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	for _, tc := range []struct {
		bug   string
		class result.Class
		flags []string
	}{
		{"the session is never present", result.SessionLost, atQoS(1, "reset:PUBLISH:to=subscriber:nth=20")},
		{"resends have new identifiers", result.IDChanged, atQoS(1, "reset:PUBACK:from=subscriber:nth=20")},
		{"resends are exchanged", result.Reorder, append(atQoS(1, "pause=100ms:to=subscriber:nth=20", "reset:PUBACK:from=subscriber:nth=25"), "--rate", "600")},
		{"only one copy is answered", result.Unanswered, atQoS(2, "resend=2:from=publisher:every=29:limit=4")},
		{"QoS 1 becomes QoS 0", result.WrongQoS, atQoS(1)},
		{"a share is every member's", result.Dup, append(atQoS(1), "--pattern", "fan-in", "--publishers", "2", "--subscribers", "2", "--share", "g", "--mqtt", "5", "--loops", "1")},
	} {
		t.Run(tc.bug, func(t *testing.T) {
			t.Parallel()
			url, _ := newBroker(t, 0)
			again(t, func(int) bool { // The faults may come when the measured part is over, or meet nobody in flight.
				out := filepath.Join(t.TempDir(), "run")
				code, stdout, stderr := mqttbench(t.Context(), append([]string{
					"--clients", "4", "--rate", "300", "--warmup", "0s", "--duration", "700ms", "--clean-session=false", "--quiet", "--charts=false", "--out", out,
					"--broker", newSick(t, url, unfaithful[tc.bug]),
				}, tc.flags...)...)
				r, err := result.Read(out)
				if err != nil || code != exitBroken && !measured(code) {
					t.Fatalf("exit code %d, %v\n%s%s", code, err, stdout, stderr)
				}
				all := r.Summary.Contracts[0].Findings
				i := slices.IndexFunc(all, func(f result.Finding) bool { return f.Class == tc.class })
				if i < 0 {
					return false
				}
				if len(all[i].First) == 0 || code != exitBroken {
					t.Fatalf("exit code %d, %+v\n%s", code, all, stdout)
				}
				o := all[i].First[0]
				if o.SeenConnection == 0 || o.Client == "" && (o.Publisher == "" || o.At == 0 || o.SentConnection == 0 || o.Seen == 0) {
					t.Errorf("%+v", o)
				}
				return true
			})
		})
	}
}
