package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// NullOptions of RunNull.
type NullOptions struct {
	Listen string // Default tcp://127.0.0.1:0.
	Driver transport.Driver
	Loops  int // Default: the transport's.
}

// RunNull is a broker that does next to nothing, until ctx is done: what a generator reaches against it is the
// generator's own ceiling. ready is told the URL it listens on. Run it as a process of its own.
//
// It speaks MQTT as far as a benchmark does. It answers every packet as it must, and delivers a PUBLISH to who has
// subscribed to exactly its Topic Name. It keeps no session, no retained message, no will and no queue but the outbox, watches no Keep
// Alive, and refuses wildcards. A QoS 2 message that is sent twice is delivered twice.
func RunNull(ctx context.Context, o NullOptions, ready func(url string)) error {
	n := &null{topics: map[string][]*subscription{}}
	return o.serve(ctx, "the null broker", n.accept, ready)
}

// serve accepts connections for the null broker and the relays until ctx is done. Its errors begin with what it serves.
func (o NullOptions) serve(ctx context.Context, what string, accept func(l *transport.Loop, remote net.Addr) transport.Handler, ready func(url string)) error {
	if o.Listen == "" {
		o.Listen = "tcp://127.0.0.1:0"
	}
	loops, err := transport.New(transport.Options{Loops: o.Loops, Driver: o.Driver})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	l, err := loops.Listen(o.Listen, accept)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", what, err), loops.Close())
	}
	url := o.Listen
	if l.Addr().Network() == "tcp" {
		url = "tcp://" + l.Addr().String()
	}
	ready(url)
	<-ctx.Done()
	return loops.Close()
}

// null is who has subscribed to what. The lists are replaced and not changed, so that who has one may keep it.
type null struct {
	mu         sync.Mutex
	topics     map[string][]*subscription // Guarded by mu.
	generation atomic.Uint64              // Goes up with each change of topics.
}

// A subscription is one client's to one Topic Name.
type subscription struct {
	client *nullClient
	qos    packet.QoS
}

// A nullClient is the Handler of a connection. What other loops use is immutable or atomic.
type nullClient struct {
	null   *null
	loop   *transport.Loop
	conn   *transport.Conn
	lastID atomic.Uint32
	full   atomic.Bool // The outbox is over its mark: QoS 0 is dropped.

	version packet.Version
	filters []string

	// The receivers of the last Topic Name: most publishers have only one.
	topic      string
	receivers  []*subscription
	generation uint64

	scratch []byte
	publish packet.Publish
}

func (n *null) accept(l *transport.Loop, _ net.Addr) transport.Handler {
	return &nullClient{null: n, loop: l, generation: math.MaxUint64}
}

func (c *nullClient) Opened(conn *transport.Conn) { c.conn = conn }
func (c *nullClient) Drained()                    { c.full.Store(false) }

func (c *nullClient) Closed(error) {
	for _, f := range c.filters {
		c.null.remove(f, c)
	}
}

func (c *nullClient) Receive(b []byte) (n int, err error) {
	c.scratch = c.scratch[:0]
	for err == nil {
		var f packet.Frame
		if f, err = packet.Next(b[n:], 0); err != nil || f.Size == 0 {
			break
		}
		n += f.Size
		err = c.handle(&f)
	}
	if len(c.scratch) > 0 { // All answers of a read in one write.
		c.conn.Put(c.loop, c.scratch)
	}
	return n, err
}

var errNullProtocol = errors.New("the null broker has no use for this packet")

func (c *nullClient) handle(f *packet.Frame) error {
	if c.version == 0 && f.Type != packet.CONNECT {
		return errNullProtocol
	}
	switch f.Type {
	case packet.PUBLISH:
		return c.published(f)
	case packet.PUBACK, packet.PUBCOMP:
		return nil
	case packet.PUBREC:
		return c.answer(f, packet.PUBREL)
	case packet.PUBREL:
		return c.answer(f, packet.PUBCOMP)
	case packet.CONNECT:
		return c.connected(f)
	case packet.SUBSCRIBE:
		return c.subscribe(f)
	case packet.UNSUBSCRIBE:
		return c.unsubscribe(f)
	case packet.PINGREQ:
		c.scratch = packet.AppendPing(c.scratch, packet.PINGRESP)
		return nil
	case packet.DISCONNECT:
		return io.EOF // What has been answered so far still leaves.
	}
	return errNullProtocol
}

func (c *nullClient) connected(f *packet.Frame) error {
	var p packet.Connect
	if err := p.Decode(f.Flags, f.Body); err != nil {
		return err
	}
	c.version = p.Version
	a := packet.Connack{}
	if c.version == packet.V5 {
		for _, id := range []packet.PropID{
			packet.PropRetainAvailable, packet.PropWildcardSubscriptionAvailable,
			packet.PropSubscriptionIdentifierAvailable, packet.PropSharedSubscriptionAvailable,
		} {
			a.Props = packet.AppendProp(a.Props, packet.Prop{ID: id, N: 0})
		}
		if len(p.ClientID) == 0 {
			id := fmt.Appendf(nil, "null%d", assigned.Add(1))
			a.Props = packet.AppendProp(a.Props, packet.Prop{ID: packet.PropAssignedClientIdentifier, B: id})
		}
	}
	c.scratch = a.Append(c.scratch, c.version)
	return nil
}

// assigned counts the Client Identifiers that were given away.
var assigned atomic.Uint64

// answer answers an acknowledgement by the next one.
func (c *nullClient) answer(f *packet.Frame, t packet.Type) error {
	var a packet.Ack
	if err := a.Decode(c.version, f.Type, f.Flags, f.Body); err != nil {
		return err
	}
	if !a.Reason.Failed() || t == packet.PUBCOMP {
		c.scratch = packet.AppendAck(c.scratch, c.version, t, a.ID, packet.Success)
	}
	return nil
}

func (c *nullClient) published(f *packet.Frame) error {
	p := &c.publish
	if err := p.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	switch p.QoS {
	case 1:
		c.scratch = packet.AppendAck(c.scratch, c.version, packet.PUBACK, p.ID, packet.Success)
	case 2:
		c.scratch = packet.AppendAck(c.scratch, c.version, packet.PUBREC, p.ID, packet.Success)
	}
	if g := c.null.generation.Load(); g != c.generation || string(p.Topic) != c.topic {
		c.look(p.Topic)
	}
	qos := p.QoS
	p.Dup, p.Retain = false, false
	for _, s := range c.receivers {
		p.QoS = min(qos, s.qos)
		if p.ID = 0; p.QoS > 0 {
			p.ID = s.client.nextID()
		} else if s.client.full.Load() {
			continue
		}
		// The copy in between is of the few bytes that are behind all answers so far; they are overwritten by the next.
		end := len(c.scratch)
		c.scratch = p.Append(c.scratch, s.client.version)
		if !s.client.conn.Put(c.loop, c.scratch[end:]) {
			s.client.full.Store(true)
		}
		c.scratch = c.scratch[:end]
	}
	return nil
}

// look finds the receivers of a Topic Name.
func (c *nullClient) look(topic []byte) {
	n := c.null
	n.mu.Lock()
	defer n.mu.Unlock()
	c.topic, c.receivers, c.generation = string(topic), n.topics[string(topic)], n.generation.Load()
}

// nextID is the next of this receiver's Packet Identifiers. Nobody looks whether it is in use: it was used 65535 messages ago.
func (c *nullClient) nextID() packet.ID {
	return packet.ID((c.lastID.Add(1)-1)%math.MaxUint16 + 1)
}

func (c *nullClient) subscribe(f *packet.Frame) error {
	var s packet.Subscribe
	if err := s.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	a := packet.Suback{ID: s.ID}
	for _, sub := range s.Subs {
		code := packet.ReasonCode(sub.QoS)
		switch {
		case bytes.HasPrefix(sub.Filter, []byte("$share/")):
			code = packet.SharedSubscriptionsNotSupported
		case !packet.ValidName(sub.Filter):
			code = packet.WildcardSubscriptionsNotSupported
		default:
			c.filters = append(c.filters, string(sub.Filter))
			c.null.add(string(sub.Filter), &subscription{c, sub.QoS})
		}
		a.Codes = append(a.Codes, code)
	}
	c.scratch = a.Append(c.scratch, c.version)
	return nil
}

func (c *nullClient) unsubscribe(f *packet.Frame) error {
	var u packet.Unsubscribe
	if err := u.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	a := packet.Suback{Unsub: true, ID: u.ID}
	for _, filter := range u.Filters {
		c.null.remove(string(filter), c)
		a.Codes = append(a.Codes, packet.Success)
	}
	c.scratch = a.Append(c.scratch, c.version)
	return nil
}

// add puts s in place of what its client had subscribed to before.
func (n *null) add(topic string, s *subscription) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.topics[topic] = append(n.without(topic, s.client), s)
	n.generation.Add(1)
}

func (n *null) remove(topic string, c *nullClient) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.topics[topic] = n.without(topic, c)
	if len(n.topics[topic]) == 0 {
		delete(n.topics, topic)
	}
	n.generation.Add(1)
}

// without is a new list of a topic's subscriptions, less one client's. The caller holds mu.
func (n *null) without(topic string, c *nullClient) []*subscription {
	return slices.DeleteFunc(slices.Clone(n.topics[topic]), func(s *subscription) bool { return s.client == c })
}
