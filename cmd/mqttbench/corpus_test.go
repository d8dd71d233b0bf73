package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"mqttbench/broker/packet"
)

// A sick is a broker with a bug: our own, behind a hand that takes its packets for what the bug would make of them. What it knows of a client
// outlives the client's connections.
type sick struct {
	listener net.Listener
	broker   string
	bug      bug
	running  sync.WaitGroup

	mu       sync.Mutex
	patients map[string]*patient // Guarded by mu. By Client Identifier.
	open     []net.Conn          // Guarded by mu.
}

// A patient is what the bug remembers of a client. The zero value of each field is that of a client never seen.
type patient struct {
	mu          sync.Mutex
	connections int // Before this one.
	version     packet.Version
	forgotten   map[packet.ID]bool      // Exchanges of which the bug knows nothing, or all by itself.
	renamed     map[packet.ID]packet.ID // By the client's identifier.
	seen        map[packet.ID]int
	count       int // PUBLISH to the client on this connection.
	held        []byte
	last        []byte // The last PUBLISH to the client, over all its connections.
}

// A bug treats a packet: what goes on, what its sender is told; cut: the connection ends.
type bug struct {
	connect  func(wire []byte) // nil: it goes on as it is.
	up, down func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) (on, back []byte, cut bool)
}

func newSick(t *testing.T, broker string, b bug) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sick{listener: l, broker: strings.TrimPrefix(broker, "tcp://"), bug: b, patients: map[string]*patient{}}
	s.running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.running.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.open {
			c.Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return "tcp://" + l.Addr().String()
}

// serve carries one connection from its CONNECT on.
func (s *sick) serve(client net.Conn) {
	defer client.Close()
	broker, err := net.Dial("tcp", s.broker)
	if err != nil {
		return
	}
	defer broker.Close()
	s.mu.Lock()
	s.open = append(s.open, client, broker)
	s.mu.Unlock()
	up := &frames{from: client}
	wire, f, err := up.next()
	var hello packet.Connect
	if err != nil || hello.Decode(f.Flags, f.Body) != nil {
		return
	}
	p := s.patient(string(hello.ClientID), hello.Version)
	if s.bug.connect != nil {
		s.bug.connect(wire)
	}
	broker.Write(wire)
	var both sync.WaitGroup
	carry := func(in *frames, to, from net.Conn, treat func(*patient, *packet.Frame, *packet.Publish, []byte) ([]byte, []byte, bool)) {
		defer to.Close()
		defer from.Close()
		for {
			wire, f, err := in.next()
			if err != nil {
				return
			}
			on, back, cut := wire, []byte(nil), false
			if treat != nil {
				var m packet.Publish
				if f.Type == packet.PUBLISH {
					m.Decode(p.version, f.Flags, f.Body)
				} else if len(f.Body) >= 2 {
					m.ID = packet.ID(f.Body[0])<<8 | packet.ID(f.Body[1])
				}
				p.mu.Lock()
				on, back, cut = treat(p, f, &m, wire)
				p.mu.Unlock()
			}
			if cut {
				return
			}
			to.Write(on)
			from.Write(back)
		}
	}
	both.Go(func() { carry(up, broker, client, s.bug.up) })
	both.Go(func() { carry(&frames{from: broker}, client, broker, s.bug.down) })
	both.Wait()
}

func (s *sick) patient(id string, v packet.Version) *patient {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.patients[id]
	if p == nil {
		p = &patient{connections: -1, forgotten: map[packet.ID]bool{}, renamed: map[packet.ID]packet.ID{}, seen: map[packet.ID]int{}}
		s.patients[id] = p
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connections++
	p.version, p.count, p.held = v, 0, nil
	clear(p.seen)
	return p
}

// frames are the packets of a connection.
type frames struct {
	from net.Conn
	buf  []byte
	used int
}

func (r *frames) next() ([]byte, *packet.Frame, error) {
	r.buf, r.used = r.buf[r.used:], 0
	for {
		f, err := packet.Next(r.buf, 0)
		if err != nil {
			return nil, nil, err
		}
		if f.Size > 0 {
			r.used = f.Size
			return r.buf[:f.Size], &f, nil
		}
		more := make([]byte, 32<<10)
		n, err := r.from.Read(more)
		r.buf = append(r.buf, more[:n]...)
		if n == 0 {
			return nil, nil, errors.Join(err, io.EOF)
		}
	}
}

// ack is an acknowledgement of two bytes, as both versions may have it: type, flags and identifier from the specification's figures.
func ack(first byte, id packet.ID) []byte { return []byte{first, 2, byte(id >> 8), byte(id)} }

const (
	firstPuback, firstPubrec, firstPubrel, firstPubcomp = 0x40, 0x50, 0x62, 0x70
)

// swallow takes a PUBLISH to the client out, and says to the broker all that the client would: it believes that the message arrived.
func swallow(p *patient, m *packet.Publish) (on, back []byte, cut bool) {
	if m.QoS == 2 {
		p.forgotten[m.ID] = true
		return nil, ack(firstPubrec, m.ID), false
	}
	return nil, ack(firstPuback, m.ID), false
}

// release answers the PUBREL of what was swallowed; mine false: it is not about that.
func release(p *patient, f *packet.Frame, m *packet.Publish) (back []byte, mine bool) {
	if f.Type == packet.PUBREL && p.forgotten[m.ID] {
		delete(p.forgotten, m.ID)
		return ack(firstPubcomp, m.ID), true
	}
	return nil, false
}

// losing are bugs that lose what which picks of the PUBLISHes to a client that is back.
func losing(which func(p *patient, m *packet.Publish) bool) bug {
	return bug{down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if back, mine := release(p, f, m); mine {
			return nil, back, false
		}
		if f.Type == packet.PUBLISH && p.connections > 0 && m.QoS > 0 {
			if p.count++; which(p, m) {
				return swallow(p, m)
			}
		}
		return wire, nil, false
	}}
}

var bugs = map[string]bug{
	// What comes again was delivered already, it thinks: the handshake is completed, and nobody gets it.
	"a resend is taken for a duplicate": {up: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		switch {
		case f.Type == packet.PUBLISH && m.Dup && m.QoS == 2:
			p.forgotten[m.ID] = true
			return nil, ack(firstPubrec, m.ID), false
		case f.Type == packet.PUBREL && p.forgotten[m.ID]:
			delete(p.forgotten, m.ID)
			return nil, ack(firstPubcomp, m.ID), false
		}
		return wire, nil, false
	}},
	// The identifiers of QoS 2 messages are forgotten with the connection, so that a resend is a new message.
	"identifiers belong to the connection": {
		up: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			switch {
			case f.Type == packet.PUBLISH && m.Dup && m.QoS == 2:
				p.renamed[m.ID] = m.ID ^ 0x8000
				m.Dup, m.ID = false, m.ID^0x8000
				return m.Append(nil, p.version), nil, false
			case f.Type == packet.PUBREL && p.renamed[m.ID] != 0:
				return ack(firstPubrel, p.renamed[m.ID]), nil, false
			}
			return wire, nil, false
		},
		down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
			own := m.ID ^ 0x8000
			if (f.Type == packet.PUBREC || f.Type == packet.PUBCOMP) && p.renamed[own] == m.ID {
				if f.Type == packet.PUBCOMP {
					delete(p.renamed, own)
				}
				return ack(byte(f.Type)<<4, own), nil, false
			}
			return wire, nil, false
		},
	},
	// What is in flight to a subscriber is deleted when its connection ends.
	"in flight is forgotten": losing(func(_ *patient, m *packet.Publish) bool { return m.Dup }),
	"one in 40 is missing":   losing(func(p *patient, _ *packet.Publish) bool { return p.count%40 == 0 }),
	"only the last come":     losing(func(p *patient, _ *packet.Publish) bool { return p.count <= 100 }),
	// A PUBREL that is owed is not sent on resuming.
	"PUBREL is forgotten": {down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if f.Type == packet.PUBLISH && !m.Dup {
			p.count++
		}
		if f.Type == packet.PUBREL && p.connections > 0 && p.count == 0 {
			return nil, ack(firstPubcomp, m.ID), false
		}
		return wire, nil, false
	}},
	"PUBCOMP is never sent again": {up: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if f.Type == packet.PUBLISH && !m.Dup {
			p.count++
		}
		if f.Type == packet.PUBREL && p.connections > 0 && p.count == 0 {
			return nil, nil, false
		}
		return wire, nil, false
	}},
	"a third copy is a protocol error": {up: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		switch {
		case f.Type == packet.PUBLISH && m.QoS == 2:
			p.seen[m.ID]++
			return wire, nil, p.seen[m.ID] >= 3
		case f.Type == packet.PUBREL:
			delete(p.seen, m.ID)
		}
		return wire, nil, false
	}},
	"DUP is never set": {down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if f.Type == packet.PUBLISH {
			wire[0] &^= 8
		}
		return wire, nil, false
	}},
	// Of what is sent to a client that is back, every fifth comes after its successor.
	"two are exchanged": {down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		if f.Type != packet.PUBLISH || p.connections == 0 || m.QoS == 0 {
			return wire, nil, false
		}
		if p.held != nil {
			wire, p.held = append(append([]byte(nil), wire...), p.held...), nil
			return wire, nil, false
		}
		if p.count++; p.count%5 == 0 {
			p.held = append([]byte(nil), wire...)
			return nil, nil, false
		}
		return wire, nil, false
	}},
	// What was in flight is sent after the first new message.
	"new overtakes in flight": {down: func(p *patient, f *packet.Frame, m *packet.Publish, wire []byte) ([]byte, []byte, bool) {
		switch {
		case f.Type == packet.PUBLISH && m.Dup:
			p.held = append(p.held, wire...)
			return nil, nil, false
		case f.Type == packet.PUBLISH && p.held != nil:
			wire, p.held = append(append([]byte(nil), wire...), p.held...), nil
		}
		return wire, nil, false
	}},
}

// TestCorpusCatches: each scenario of the corpus fails with a broker that has the bug it is named after, and says what the bug is.
func TestCorpusCatches(t *testing.T) {
	if testing.Short() {
		t.Skip("the runs wait for what never comes; there is nothing to race")
	}
	t.Parallel()
	c, err := startChild(childOptions{Listen: "tcp://127.0.0.1:0"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	cases := []struct{ scenario, bug, says string }{
		{"vernemq 496", "a resend is taken for a duplicate", "lost"},
		{"vernemq 1963", "identifiers belong to the connection", "duplicate"},
		{"emqx 18441", "a resend is taken for a duplicate", "lost"},
		{"emqx 1216: PUBREL", "PUBREL is forgotten", "unreleased"},
		{"emqx 1216: PUBCOMP", "PUBCOMP is never sent again", "stuck"},
		{"mosquitto 3602", "a third copy is a protocol error", "ended by the broker"},
		{"mosquitto 2349", "one in 40 is missing", "lost"},
		{"mosquitto 2.0.11", "PUBREL is forgotten", "unreleased"},
		{"tbmq 320: offline", "only the last come", "lost"},
		{"tbmq 320: PUBACK", "DUP is never set", "duplicate"},
		{"monster-mq 180: FIN", "identifiers belong to the connection", "duplicate"},
		{"monster-mq 180: taken", "in flight is forgotten", "of 300 delivered, "},
		{"amqtt 401: QoS 1", "in flight is forgotten", "lost"},
		{"amqtt 401: QoS 2", "in flight is forgotten", "unreleased"},
		{"vmq_server 28", "two are exchanged", "reordered"},
		{"aedes 649", "two are exchanged", "reordered"},
		{"mqtt-lib 151", "new overtakes in flight", "reordered"},
		{"iotedge 4359", "", "of 300 delivered"}, // A broker that keeps nothing.
		{"retained over", "", "retained-lost"},
	}
	left := map[string]bool{}
	for _, x := range corpus() {
		left[x.name] = true
	}
	var running sync.WaitGroup
	room := make(chan struct{}, together)
	for _, x := range cases {
		for name := range left {
			if strings.HasPrefix(name, x.scenario) {
				delete(left, name)
			}
		}
		room <- struct{}{}
		running.Go(func() {
			defer func() { <-room }()
			args := []string{"scenarios", "--only", x.scenario, "--broker-cmd", command("broken")}
			if x.bug != "" {
				args = []string{"scenarios", "--only", x.scenario, "--broker", newSick(t, c.URL, bugs[x.bug])}
			}
			code, stdout, stderr := mqttbench(t.Context(), args...)
			for range 5 { // A fault may meet nobody in flight, or a busy machine leave no time for it. A bug that is there shows sooner or later.
				if code == exitBroken && strings.Contains(stdout, x.says) {
					break
				}
				code, stdout, stderr = mqttbench(t.Context(), args...)
			}
			if code != exitBroken || strings.Count(stdout, ": FAIL\n") != 1 || !strings.Contains(stdout, x.says) {
				t.Errorf("%s, of a broker in which %s: exit code %d, want %q\n%s%s", x.scenario, x.bug, code, x.says, stdout, stderr)
			}
		})
	}
	running.Wait()
	for name := range left {
		t.Errorf("nothing shows that %q finds its bug", name)
	}
	// The hand alone does no harm.
	if code, stdout, _ := mqttbench(t.Context(), "scenarios", "--only", "vernemq 1963", "--broker", newSick(t, c.URL, bug{})); code != exitKept {
		t.Errorf("a broker without a bug: exit code %d\n%s", code, fmt.Sprint(stdout))
	}
}
