package fault

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// RunPairRelay is a relay that takes a broker's place in a run of pairs, until ctx is done: the latency and the cost that it has are the
// kernel's and the event loop's, and no broker on this machine can do without them. ready is told the URL it listens on. Run it as a
// process of its own.
//
// It greets clients as a broker does. The first PUBLISH of a client ties it to the one that has subscribed to its Topic Name, and from
// then on the packets of both pass as they are: also the acknowledgements, which are therefore the other end's. It keeps nothing, knows one
// pair for each Topic Name, and no wildcards.
func RunPairRelay(ctx context.Context, o NullOptions, ready func(url string)) error {
	r := &pairRelay{subscribers: map[string]*pairEnd{}}
	return o.serve(ctx, "the relay", r.accept, ready)
}

type pairRelay struct {
	mu          sync.Mutex
	subscribers map[string]*pairEnd // Guarded by mu. By Topic Name.
}

// A pairEnd is one client.
type pairEnd struct {
	relay   *pairRelay
	loop    *transport.Loop
	conn    *transport.Conn
	version packet.Version
	filters []string

	mu    sync.Mutex
	other *pairEnd // Guarded by mu: the publisher's loop sets both. nil: not tied yet.
}

func (r *pairRelay) accept(l *transport.Loop, _ net.Addr) transport.Handler {
	return &pairEnd{relay: r, loop: l}
}

func (c *pairEnd) Opened(conn *transport.Conn) { c.conn = conn }
func (c *pairEnd) Drained()                    {}

func (c *pairEnd) Closed(error) {
	r := c.relay
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range c.filters {
		if r.subscribers[f] == c {
			delete(r.subscribers, f)
		}
	}
}

// Receive passes what it can in one piece.
func (c *pairEnd) Receive(b []byte) (n int, err error) {
	other := c.tied()
	from := 0
	for err == nil {
		var f packet.Frame
		if f, err = packet.Next(b[n:], 0); err != nil || f.Size == 0 {
			break
		}
		passes := other != nil && f.Type >= packet.PUBLISH && f.Type <= packet.PUBCOMP
		if !passes {
			c.pass(other, b[from:n])
			from = n + f.Size
			if other, err = c.handle(&f, b[n:n+f.Size]); other == nil {
				other = c.tied()
			}
		}
		n += f.Size
	}
	c.pass(other, b[min(from, n):n])
	return n, err
}

func (c *pairEnd) tied() *pairEnd {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.other
}

func (c *pairEnd) pass(other *pairEnd, b []byte) {
	if len(b) > 0 && other != nil {
		other.conn.Put(c.loop, b)
	}
}

// handle deals with what does not pass. It returns the other end if this packet has tied the two.
func (c *pairEnd) handle(f *packet.Frame, whole []byte) (*pairEnd, error) {
	switch f.Type {
	case packet.CONNECT:
		var p packet.Connect
		if err := p.Decode(f.Flags, f.Body); err != nil {
			return nil, err
		}
		c.version = p.Version
		a := packet.Connack{}
		c.conn.Put(c.loop, a.Append(nil, c.version))
		return nil, nil
	case packet.SUBSCRIBE:
		return nil, c.subscribe(f)
	case packet.PUBLISH:
		return c.tie(f, whole)
	case packet.PINGREQ:
		c.conn.Put(c.loop, packet.AppendPing(nil, packet.PINGRESP))
		return nil, nil
	case packet.DISCONNECT:
		return nil, io.EOF
	}
	return nil, errNullProtocol
}

func (c *pairEnd) subscribe(f *packet.Frame) error {
	var s packet.Subscribe
	if err := s.Decode(c.version, f.Flags, f.Body); err != nil {
		return err
	}
	a := packet.Suback{ID: s.ID}
	c.relay.mu.Lock()
	for _, sub := range s.Subs {
		code := packet.ReasonCode(sub.QoS)
		if filter := string(sub.Filter); packet.ValidName(sub.Filter) && c.relay.subscribers[filter] == nil {
			c.relay.subscribers[filter] = c
			c.filters = append(c.filters, filter)
		} else {
			code = packet.UnspecifiedError
		}
		a.Codes = append(a.Codes, code)
	}
	c.relay.mu.Unlock()
	c.conn.Put(c.loop, a.Append(nil, c.version))
	return nil
}

var errNoPair = errors.New("the relay knows nobody who has subscribed to this Topic Name")

// tie ties a publisher to its subscriber, and passes its first message.
func (c *pairEnd) tie(f *packet.Frame, whole []byte) (*pairEnd, error) {
	var p packet.Publish
	if err := p.Decode(c.version, f.Flags, f.Body); err != nil {
		return nil, err
	}
	c.relay.mu.Lock()
	other := c.relay.subscribers[string(p.Topic)]
	c.relay.mu.Unlock()
	if other == nil {
		return nil, errNoPair
	}
	c.mu.Lock()
	c.other = other
	c.mu.Unlock()
	other.mu.Lock()
	other.other = c
	other.mu.Unlock()
	c.pass(other, whole)
	return other, nil
}
