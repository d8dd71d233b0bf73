package fault

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mqttbench/broker/packet"
)

// A conn is a client's Network Connection and the one to the broker that belongs to it. It has four goroutines, a
// reader and a writer for each line, which end when both sockets have, or when dead is closed.
type conn struct {
	// Immutable once the lines run.
	proxy    *Proxy
	client   net.Conn
	broker   net.Conn
	up, down *line
	life     *life
	version  packet.Version
	connect  []byte // The CONNECT as it came.
	number   int    // Of the connection, in the life of its client.
	raw      bool   // What passes is not MQTT: nothing is judged.

	hole               atomic.Bool   // Nothing passes any more, and the end of one side is kept from the other.
	heardFrom, heardTo atomic.Int64  // Proxy.age: when the last write to the broker began and ended. Only with a Silent in the plan.
	dead               chan struct{} // Closed when both sides have been reset.
	once               sync.Once     // Closes dead.
	readers            atomic.Int32  // That have ended.

	// Guarded by life.mu.
	doomed    bool // Its end has been decided and is under way behind what was put before.
	triggers  []trigger
	owed      map[answer]*answers
	ownID     [3]packet.ID  // By Direction: the last Packet Identifier that the proxy itself used.
	timer     *time.Timer   // Ends a black hole.
	keepAlive time.Duration // In force.
	last      lastHeard     // Only with a Silent in the plan.
	silence   *muteness     // nil: the client has not been silenced.
}

// run carries the connection from its CONNECT to its end.
func (c *conn) run() {
	var all sync.WaitGroup
	for _, f := range []func(){c.up.read, c.up.write, c.down.read, c.down.write} {
		all.Go(f)
	}
	all.Wait()
	c.client.Close()
	c.broker.Close()
}

// judge decides what becomes of a packet and puts what is left of it into the lines. False: the connection died meanwhile.
func (c *conn) judge(l *line, f *packet.Frame, wire []byte) bool {
	c.life.mu.Lock()
	for {
		wait := time.Until(l.pauseUntil)
		if wait <= 0 {
			break
		}
		c.life.mu.Unlock()
		if !c.sleep(wait) {
			return false
		}
		c.life.mu.Lock()
	}
	defer c.life.mu.Unlock()
	if c.doomed { // Not even an answer to the last packet passes, however quick the peer is.
		c.overhear(l, f)
		return true
	}
	if f.Type == 0 {
		l.put(wire, manner{})
		return true
	}
	if c.answered(l, f) {
		return true
	}
	v := c.verdict(l, f)
	c.carryOut(&v, l, f, wire)
	return true
}

// A verdict is what the plan wants done to a packet.
type verdict struct {
	manner
	pause time.Duration
	fate  *Fault // nil: it passes.
	index int    // Of fate.
}

// verdict asks all faults, so that each counts all packets, whatever the others do.
func (c *conn) verdict(l *line, f *packet.Frame) (v verdict) {
	p := c.proxy
	armed, since := p.since()
	if !armed {
		return v
	}
	now := time.Now()
	for i := range p.plan.Faults {
		fault := &p.plan.Faults[i]
		if !fault.concerns(l.direction, f.Type) || fault.timed() || !c.life.concerned[i] {
			continue
		}
		t := c.trigger(i)
		if !t.fires(fault, since) {
			continue
		}
		switch {
		case fault.Action.slows():
			if p.spend(i) {
				v.slow(fault, now, t.jitter())
				p.report(i, c, l, f)
			}
		case v.fate == nil && c.possible(fault, l, f) && p.spend(i):
			v.fate, v.index = fault, i
		}
	}
	if v.pause > 0 {
		l.pauseUntil = now.Add(v.pause)
	}
	return v
}

// trigger is the trigger of a fault for this client, or for this connection.
func (c *conn) trigger(i int) *trigger {
	if c.proxy.plan.Faults[i].PerConnection {
		return &c.triggers[i]
	}
	return &c.life.triggers[i]
}

// slow adds a fault that takes time.
func (v *verdict) slow(f *Fault, now time.Time, jitter float64) {
	switch f.Action {
	case Delay:
		v.due = later(v.due, now.Add(f.For+time.Duration(jitter*float64(f.Jitter))))
	case Pause:
		v.pause = max(v.pause, f.For)
		if !f.After { // The packet itself is not read yet, either.
			v.due = later(v.due, now.Add(f.For))
		}
	case Throttle:
		v.rate = f.Rate
	case Slice:
		v.piece, v.gap = f.Bytes, f.For
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// carryOut does what the verdict says.
func (c *conn) carryOut(v *verdict, l *line, f *packet.Frame, wire []byte) {
	switch {
	case v.fate == nil && c.reuse(l, f):
	case v.fate == nil:
		l.put(wire, v.manner)
		c.attend(l, f)
		c.release(l, f)
	case v.fate.Action.lies():
		c.lie(v, l, f, wire)
	default:
		c.proxy.report(v.index, c, l, f)
		if v.fate.After {
			l.put(wire, v.manner)
			c.attend(l, f)
			wire = nil
		}
		c.befall(v, l, wire)
	}
}

// befall lets something happen to the connection behind what was put into l. wire is the packet that has not been put.
func (c *conn) befall(v *verdict, l *line, wire []byte) {
	f := v.fate
	switch f.Action {
	case Silent:
		c.fallSilent(f)
	case TakeOver:
		c.intrude(f.Times)
		if wire != nil {
			l.put(wire, v.manner)
		}
	case Cut:
		n := f.Bytes
		if n == 0 {
			n = len(wire) / 2
		}
		c.doomed = true
		l.finish(wire[:min(n, len(wire)-1)], c.locked(func() { c.strike(f, f.For) }))
	default:
		c.doomed = true
		l.finish(nil, c.locked(func() { c.strike(f, f.For) }))
	}
}

// locked is do under life.mu.
func (c *conn) locked(do func()) func() {
	return func() {
		c.life.mu.Lock()
		defer c.life.mu.Unlock()
		do()
	}
}

// strike does at once what f does to a connection. The caller holds life.mu.
func (c *conn) strike(f *Fault, lasting time.Duration) {
	c.doomed = c.doomed || f.Action != Pause && f.Action != TakeOver
	switch f.Action {
	case Reset, Cut:
		c.keepOut(lasting)
		if f.Side == Both {
			c.abort()
			return
		}
		c.dig()
		reset(c.end(f.Side))
	case Finish:
		c.keepOut(lasting)
		c.dig()
		for _, side := range []Side{Client, Broker} {
			if f.Side == Both || f.Side == side {
				closeWrite(c.end(side))
			}
		}
	case BlackHole:
		if lasting == 0 {
			c.dig()
			break
		}
		c.hole.Store(true)
		c.timer = time.AfterFunc(lasting, c.abort)
	case Pause:
		until := time.Now().Add(lasting)
		for _, l := range []*line{c.up, c.down} {
			if f.Direction == Either || f.Direction == l.direction {
				l.pauseUntil = later(l.pauseUntil, until)
			}
		}
	case TakeOver:
		c.intrude(f.Times)
	case Silent:
		c.fallSilent(f)
	}
}

// dig makes the connection lead nowhere. If the faults have ended meanwhile, nobody is left who would end that.
func (c *conn) dig() {
	c.hole.Store(true)
	if armed, _ := c.proxy.since(); !armed {
		c.abort()
	}
}

// keepOut makes the client's next attempts to connect fail for a time.
func (c *conn) keepOut(d time.Duration) {
	if d > 0 {
		c.life.outUntil = later(c.life.outUntil, time.Now().Add(d))
	}
}

func (c *conn) end(s Side) net.Conn {
	if s == Client {
		return c.client
	}
	return c.broker
}

// abort resets both sides.
func (c *conn) abort() {
	c.once.Do(func() {
		close(c.dead)
		reset(c.client)
		reset(c.broker)
	})
}

// sourceEnded passes on that the source of l has ended: a FIN as a FIN, a RST as a RST, behind all that came before. In a
// black hole nothing is passed on: the other side must find out by itself.
func (c *conn) sourceEnded(l *line, err error) {
	at := c.proxy.age()
	c.life.mu.Lock()
	if c.silence != nil && l.direction == Down {
		c.silence.brokerEnded(at, err)
	}
	c.releaseHeld(l)
	pass := reset
	if errors.Is(err, io.EOF) {
		pass = closeWrite
	}
	l.finish(nil, func() {
		if !c.hole.Load() {
			pass(l.dst)
		}
	})
	c.life.mu.Unlock()
	if c.readers.Add(1) == 2 && c.hole.Load() {
		c.abort()
	}
}

// sleep waits; false: the connection is dead.
func (c *conn) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.dead:
		return false
	}
}

func (c *conn) sleepUntil(t time.Time) bool {
	if t.IsZero() {
		return true
	}
	if d := time.Until(t); d > 0 {
		return c.sleep(d)
	}
	return true
}

// reset closes a socket so that its peer sees a RST, where there is such a thing.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	c.Close()
}

// closeWrite sends a FIN behind what was written. Closing the socket would not do: with bytes unread in it, that is a RST.
func closeWrite(c net.Conn) {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		h.CloseWrite()
		return
	}
	c.Close()
}
