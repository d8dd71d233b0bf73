package fault

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mqttbench/broker/transport"
)

// A relay has all of a broker's work but MQTT: what comes in at one connection goes out at another. What that costs is the
// kernel's price for moving a message, and a floor under every broker on this machine.
//
// Connections come in pairs. Each begins with a hello of eight bytes, its role and the number of its pair; the
// receiver's is sent back to it when the relay knows it. Then all that the sender sends goes to the receiver.

const (
	helloSize     = 8
	helloReceiver = 'r'
	helloSender   = 's'
)

func appendHello(b []byte, role byte, pair uint32) []byte {
	b = append(b, role, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, pair)
}

// RunRelay relays until ctx is done. ready is told the URL it listens on. Run it as a process of its own.
func RunRelay(ctx context.Context, o NullOptions, ready func(url string)) error {
	r := &relay{receivers: map[uint32]*relayed{}}
	return o.serve(ctx, "the relay", r.accept, ready)
}

type relay struct {
	mu        sync.Mutex
	receivers map[uint32]*relayed // Guarded by mu. By pair.
}

// A relayed is one connection.
type relayed struct {
	relay *relay
	loop  *transport.Loop
	conn  *transport.Conn
	known bool
	to    *relayed // nil: nothing that it says goes anywhere.
}

func (r *relay) accept(l *transport.Loop, _ net.Addr) transport.Handler {
	return &relayed{relay: r, loop: l}
}

func (c *relayed) Opened(conn *transport.Conn) { c.conn = conn }
func (c *relayed) Drained()                    {}
func (c *relayed) Closed(error)                {}

func (c *relayed) Receive(b []byte) (n int, err error) {
	if !c.known {
		if len(b) < helloSize {
			return 0, nil
		}
		if err := c.greet(b[:helloSize]); err != nil {
			return 0, err
		}
		n = helloSize
	}
	if c.to != nil && len(b) > n {
		c.to.conn.Put(c.loop, b[n:])
	}
	return len(b), nil
}

var errRelay = errors.New("the relay does not know this connection's pair")

func (c *relayed) greet(hello []byte) error {
	c.known = true
	pair := binary.BigEndian.Uint32(hello[4:])
	c.relay.mu.Lock()
	defer c.relay.mu.Unlock()
	if hello[0] == helloReceiver {
		c.relay.receivers[pair] = c
		c.conn.Put(c.loop, hello)
		return nil
	}
	if c.to = c.relay.receivers[pair]; c.to == nil {
		return errRelay
	}
	return nil
}

// DriveOptions of DriveRelay.
type DriveOptions struct {
	URL    string // Of the relay.
	Driver transport.Driver
	Loops  int // Default: the transport's.
	Pairs  int // Default 50.
	Bytes  int // Of a message. Default 96: a PUBLISH of 64 bytes and its Topic Name.
	WarmUp time.Duration
	For    time.Duration
}

// DriveRelay has each pair send a message as soon as the one before has arrived, and returns how many arrived within For. So
// every message is a write and a read of its own, on both sides. measuring is called when For begins and ends.
func DriveRelay(ctx context.Context, o DriveOptions, measuring func(begins bool)) (messages int64, err error) {
	if o.Pairs == 0 {
		o.Pairs = 50
	}
	if o.Bytes == 0 {
		o.Bytes = 96
	}
	loops, err := transport.New(transport.Options{Loops: o.Loops, Driver: o.Driver})
	if err != nil {
		return 0, fmt.Errorf("driving the relay: %w", err)
	}
	d := &drive{o: o, message: make([]byte, o.Bytes), failed: make(chan error, 1)}
	for i := range o.Pairs {
		l := loops.Loop(i % loops.Len())
		l.Post(func() {
			r := &driven{drive: d, loop: l, pair: uint32(i)}
			r.conn = l.Dial(o.URL, nil, dialFor, r)
		})
	}
	if err = d.wait(ctx, o.WarmUp); err == nil {
		measuring(true)
		before := d.arrived.Load()
		err = d.wait(ctx, o.For)
		messages = d.arrived.Load() - before
		measuring(false)
	}
	d.over.Store(true)
	err = errors.Join(err, loops.Close())
	if err == nil && messages == 0 {
		err = ErrNothingArrived
	}
	return messages, err
}

// ErrNothingArrived is that of a relay, or of a machine, that did nothing all the while.
var ErrNothingArrived = errors.New("driving the relay: nothing arrived")

type drive struct {
	o       DriveOptions
	message []byte
	arrived atomic.Int64
	over    atomic.Bool
	failed  chan error
}

func (d *drive) wait(ctx context.Context, t time.Duration) error {
	select {
	case <-time.After(t):
		return nil
	case err := <-d.failed:
		return fmt.Errorf("driving the relay: %w", err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A driven is the receiving end of a pair, and has the sending one, on the same loop.
type driven struct {
	drive  *drive
	loop   *transport.Loop
	conn   *transport.Conn
	pair   uint32
	sender *transport.Conn // nil: the relay does not know the receiver yet.
	got    int             // Bytes of the message under way.
}

func (r *driven) Opened(*transport.Conn) { r.conn.Put(r.loop, appendHello(nil, helloReceiver, r.pair)) }
func (r *driven) Drained()               {}
func (r *driven) Closed(err error)       { r.drive.ended(err) }

func (d *drive) ended(err error) {
	if d.over.Load() || err == nil {
		return
	}
	select {
	case d.failed <- err:
	default:
	}
}

func (r *driven) Receive(b []byte) (n int, err error) {
	if r.sender == nil {
		if len(b) < helloSize {
			return 0, nil
		}
		r.sender = r.loop.Dial(r.drive.o.URL, nil, dialFor, sending{r.drive})
		r.sender.Put(r.loop, appendHello(nil, helloSender, r.pair))
		r.sender.Put(r.loop, r.drive.message)
		return helloSize, nil
	}
	for r.got += len(b); r.got >= len(r.drive.message); r.got -= len(r.drive.message) {
		r.drive.arrived.Add(1)
		r.sender.Put(r.loop, r.drive.message)
	}
	return len(b), nil
}

// sending is the Handler of the other end, which hears nothing.
type sending struct{ drive *drive }

func (sending) Opened(*transport.Conn)        {}
func (sending) Drained()                      {}
func (sending) Receive(b []byte) (int, error) { return len(b), nil }
func (s sending) Closed(err error)            { s.drive.ended(err) }
