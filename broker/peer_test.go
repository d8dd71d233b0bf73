package broker

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// drivers are what every behaviour is tested over.
var drivers = []struct {
	name   string
	driver transport.Driver
}{{"epoll", transport.Epoll}, {"goroutine", transport.Goroutine}}

// overDrivers runs a test against a broker of two loops on each driver.
func overDrivers(t *testing.T, o Options, test func(t *testing.T, b *bench)) {
	t.Helper()
	parent := t
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			besideIfWaiting(parent, t)
			o := o
			o.Driver = d.driver
			test(t, startBroker(t, o))
		})
	}
}

// A bench is a broker under test.
type bench struct {
	*Server
	t testing.TB
}

func startBroker(t testing.TB, o Options) *bench {
	t.Helper()
	if o.Listen == nil {
		o.Listen = []string{"tcp://127.0.0.1:0"}
	}
	if o.Loops == 0 {
		o.Loops = 2
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{s, t}
}

// A peer is a client that speaks packet by packet and checks every answer. Its
// methods fail the test.
type peer struct {
	t       testing.TB
	net     net.Conn
	version packet.Version
	buf     []byte         // Received and not looked at yet.
	later   []packet.Frame // Read while something else was waited for.
	lastID  packet.ID
	connack packet.Connack
}

// dial opens a Network Connection and sends nothing.
func (b *bench) dial(v packet.Version) *peer {
	b.t.Helper()
	addr := strings.TrimPrefix(b.Addrs()[0], "tcp://")
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return &peer{t: b.t, net: c, version: v}
}

// option changes a CONNECT.
type option func(*packet.Connect)

func clean(c *packet.Connect)  { c.CleanStart = true }
func resume(c *packet.Connect) { c.CleanStart = false }

// expiry makes the session last for some seconds after its connection; in 3.1.1 nothing says how long.
func expiry(seconds uint32) option {
	return props(packet.Prop{ID: packet.PropSessionExpiryInterval, N: seconds})
}

func props(ps ...packet.Prop) option {
	return func(c *packet.Connect) {
		for _, p := range ps {
			c.Props = packet.AppendProp(c.Props, p)
		}
	}
}

func withWill(topic, payload string, qos packet.QoS, retain bool, ps ...packet.Prop) option {
	return func(c *packet.Connect) {
		c.HasWill = true
		c.Will = packet.Will{Topic: []byte(topic), Payload: []byte(payload), QoS: qos, Retain: retain}
		for _, p := range ps {
			c.Will.Props = packet.AppendProp(c.Will.Props, p)
		}
	}
}

func keepAlive(seconds uint16) option { return func(c *packet.Connect) { c.KeepAlive = seconds } }

// connect opens a connection, clean unless an option says otherwise, and expects to be let in.
func (b *bench) connect(v packet.Version, id string, opts ...option) *peer {
	b.t.Helper()
	p := b.dial(v)
	p.sendConnect(id, opts...)
	if p.expectConnack(); p.connack.Reason != packet.Success {
		b.t.Fatalf("CONNACK %v", p.connack.Reason)
	}
	return p
}

func (p *peer) sendConnect(id string, opts ...option) {
	p.t.Helper()
	c := packet.Connect{Version: p.version, CleanStart: true, ClientID: []byte(id)}
	for _, o := range opts {
		o(&c)
	}
	p.send(c.Append(nil))
}

func (p *peer) expectConnack() packet.Connack {
	p.t.Helper()
	f := p.next(packet.CONNACK)
	if err := p.connack.Decode(p.version, f.Flags, f.Body); err != nil {
		p.t.Fatal(err)
	}
	return p.connack
}

// send writes raw bytes.
func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.net.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// read returns the next packet, whatever it is; ok is false at the end of the connection.
func (p *peer) read() (f packet.Frame, ok bool) {
	p.t.Helper()
	if len(p.later) > 0 {
		f, p.later = p.later[0], p.later[1:]
		return f, true
	}
	return p.readNew()
}

func (p *peer) readNew() (f packet.Frame, ok bool) {
	p.t.Helper()
	for {
		f, err := packet.Next(p.buf, 0)
		if err != nil {
			p.t.Fatal(err)
		}
		if f.Size > 0 {
			f.Body = bytes.Clone(f.Body)
			p.buf = p.buf[f.Size:]
			return f, true
		}
		var chunk [16 << 10]byte
		p.net.SetReadDeadline(time.Now().Add(patience))
		n, err := p.net.Read(chunk[:])
		p.buf = append(p.buf, chunk[:n]...)
		switch {
		case n > 0:
		case os.IsTimeout(err):
			p.t.Fatal("nothing came")
		default:
			return packet.Frame{}, false // EOF, or a reset.
		}
	}
}

// next expects a packet of a type.
func (p *peer) next(want packet.Type) packet.Frame {
	p.t.Helper()
	f, ok := p.read()
	if !ok {
		p.t.Fatalf("connection closed, want %v", want)
	}
	if f.Type != want {
		p.t.Fatalf("got %v, want %v", p.describe(f), want)
	}
	return f
}

func (p *peer) describe(f packet.Frame) string {
	switch f.Type {
	case packet.PUBLISH:
		var m packet.Publish
		m.Decode(p.version, f.Flags, f.Body)
		return fmt.Sprintf("PUBLISH %.40s %.40q QoS %d", m.Topic, m.Payload, m.QoS)
	case packet.DISCONNECT:
		var d packet.Disconnect
		d.Decode(p.version, f.Flags, f.Body)
		s, _ := d.Props.Get(packet.PropReasonString)
		return fmt.Sprintf("DISCONNECT %v %s", d.Reason, s.B)
	}
	return f.Type.String()
}

// expectEnd expects the connection to be closed, after a DISCONNECT with the code where the version
// has one (0: without).
func (p *peer) expectEnd(code packet.ReasonCode) {
	p.t.Helper()
	if code != 0 && p.version == packet.V5 {
		f := p.next(packet.DISCONNECT)
		var d packet.Disconnect
		if err := d.Decode(p.version, f.Flags, f.Body); err != nil {
			p.t.Fatal(err)
		}
		if d.Reason != code {
			p.t.Fatalf("DISCONNECT %v, want %v", d.Reason, code)
		}
	}
	if f, ok := p.read(); ok {
		p.t.Fatalf("got %s, want the end of the connection", p.describe(f))
	}
}

// sync waits until all that was sent has been dealt with and everything that was put
// to this client by then has come: nothing else may have.
func (p *peer) sync() {
	p.t.Helper()
	p.send(packet.AppendPing(nil, packet.PINGREQ))
	p.next(packet.PINGRESP)
}

func (p *peer) id() packet.ID {
	p.lastID++
	return p.lastID
}

// subscribe subscribes to one filter and expects to be granted the QoS.
func (p *peer) subscribe(filter string, qos packet.QoS, change ...func(*packet.Subscribe)) {
	p.t.Helper()
	p.sendSubscribe(filter, qos, change...)
	if got := p.expectSuback(false); len(got) != 1 || got[0] != packet.ReasonCode(qos) {
		p.t.Fatalf("SUBACK %v, want %v", got, qos)
	}
}

func (p *peer) sendSubscribe(filter string, qos packet.QoS, change ...func(*packet.Subscribe)) {
	p.t.Helper()
	s := packet.Subscribe{ID: p.id(), Subs: []packet.Subscription{{Filter: []byte(filter), QoS: qos}}}
	for _, f := range change {
		f(&s)
	}
	p.send(s.Append(nil, p.version))
}

func (p *peer) expectSuback(unsub bool) []packet.ReasonCode {
	p.t.Helper()
	want := packet.SUBACK
	if unsub {
		want = packet.UNSUBACK
	}
	f := p.next(want)
	var a packet.Suback
	if err := a.Decode(p.version, unsub, f.Flags, f.Body); err != nil {
		p.t.Fatal(err)
	}
	if a.ID != p.lastID {
		p.t.Fatalf("%v for %d, want %d", want, a.ID, p.lastID)
	}
	return a.Codes
}

func subID(n uint32) func(*packet.Subscribe) {
	return func(s *packet.Subscribe) {
		s.Props = packet.AppendProp(s.Props, packet.Prop{ID: packet.PropSubscriptionIdentifier, N: n})
	}
}

func subOption(f func(*packet.Subscription)) func(*packet.Subscribe) {
	return func(s *packet.Subscribe) {
		for i := range s.Subs {
			f(&s.Subs[i])
		}
	}
}

func (p *peer) unsubscribe(filter string) packet.ReasonCode {
	p.t.Helper()
	u := packet.Unsubscribe{ID: p.id(), Filters: [][]byte{[]byte(filter)}}
	p.send(u.Append(nil, p.version))
	codes := p.expectSuback(true)
	if p.version != packet.V5 {
		return packet.Success
	}
	return codes[0]
}

// sendPublish sends a PUBLISH and does not wait.
func (p *peer) sendPublish(topic, payload string, qos packet.QoS, change ...func(*packet.Publish)) packet.ID {
	p.t.Helper()
	m := packet.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos}
	if qos > 0 {
		m.ID = p.id()
	}
	for _, f := range change {
		f(&m)
	}
	p.send(m.Append(nil, p.version))
	return m.ID
}

func retained(m *packet.Publish) { m.Retain = true }

func pubProps(ps ...packet.Prop) func(*packet.Publish) {
	return func(m *packet.Publish) {
		for _, p := range ps {
			m.Props = packet.AppendProp(m.Props, p)
		}
	}
}

// publish publishes and carries the exchange out; so when it returns the broker has put
// the message to its subscribers. It returns the Reason Code of PUBACK or PUBREC.
func (p *peer) publish(topic, payload string, qos packet.QoS, change ...func(*packet.Publish)) packet.ReasonCode {
	p.t.Helper()
	id := p.sendPublish(topic, payload, qos, change...)
	switch qos {
	case 1:
		return p.expectAck(packet.PUBACK, id)
	case 2:
		code := p.expectAck(packet.PUBREC, id)
		if !code.Failed() {
			p.sendAck(packet.PUBREL, id, 0)
			p.expectAck(packet.PUBCOMP, id)
		}
		return code
	}
	p.sync()
	return packet.Success
}

func (p *peer) sendAck(t packet.Type, id packet.ID, code packet.ReasonCode) {
	p.t.Helper()
	p.send(packet.AppendAck(nil, p.version, t, id, code))
}

func (p *peer) expectAck(t packet.Type, id packet.ID) packet.ReasonCode {
	p.t.Helper()
	f := p.next(t)
	var a packet.Ack
	if err := a.Decode(p.version, t, f.Flags, f.Body); err != nil {
		p.t.Fatal(err)
	}
	if a.ID != id {
		p.t.Fatalf("%v for %d, want %d", t, a.ID, id)
	}
	return a.Reason
}

// expect expects a PUBLISH and does not acknowledge it.
func (p *peer) expect(topic, payload string) packet.Publish {
	p.t.Helper()
	m := p.expectAny()
	if string(m.Topic) != topic || string(m.Payload) != payload {
		p.t.Fatalf("got %s %.60q, want %s %.60q", m.Topic, m.Payload, topic, payload)
	}
	return m
}

func (p *peer) expectAny() packet.Publish {
	p.t.Helper()
	f := p.next(packet.PUBLISH)
	var m packet.Publish
	if err := m.Decode(p.version, f.Flags, f.Body); err != nil {
		p.t.Fatal(err)
	}
	return m
}

// take expects a PUBLISH and completes the exchange.
func (p *peer) take(topic, payload string) packet.Publish {
	p.t.Helper()
	m := p.expect(topic, payload)
	p.complete(m)
	return m
}

func (p *peer) complete(m packet.Publish) {
	p.t.Helper()
	switch m.QoS {
	case 1:
		p.sendAck(packet.PUBACK, m.ID, 0)
	case 2:
		p.sendAck(packet.PUBREC, m.ID, 0)
		p.awaitPubrel(m.ID)
		p.sendAck(packet.PUBCOMP, m.ID, 0)
	}
}

// awaitPubrel lets messages pass that were on their way before.
func (p *peer) awaitPubrel(id packet.ID) {
	p.t.Helper()
	for {
		f, ok := p.readNew()
		if !ok {
			p.t.Fatal("connection closed, want PUBREL")
		}
		if f.Type == packet.PUBREL {
			if got := packet.ID(f.Body[0])<<8 | packet.ID(f.Body[1]); got != id {
				p.t.Fatalf("PUBREL for %d, want %d", got, id)
			}
			return
		}
		if f.Type != packet.PUBLISH {
			p.t.Fatalf("got %s, want PUBREL", p.describe(f))
		}
		p.later = append(p.later, f)
	}
}

// leave disconnects in order and waits for the broker to have noticed.
func (p *peer) leave() {
	p.t.Helper()
	d := packet.Disconnect{}
	p.send(d.Append(nil, p.version))
	p.expectEnd(0)
}

// vanish ends the connection without a word.
func (p *peer) vanish() { p.net.Close() }

// await waits for a condition that the broker reaches by itself.
func (b *bench) await(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("never: %s", what)
		}
	}
}

// gone waits until the broker has noticed that nobody but n clients is connected.
func (b *bench) gone(n int) {
	b.t.Helper()
	b.await(fmt.Sprintf("%d clients", n), func() bool { return b.Stats().Clients == n })
}

var versions = []packet.Version{packet.V31, packet.V311, packet.V5}
