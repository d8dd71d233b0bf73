package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"mqttbench/broker/packet"
)

// Options of NewProxy.
type Options struct {
	Broker string // tcp://host:port or unix:///path.
	Listen string // host:port. Default: a free port of 127.0.0.1.
	Plan   Plan

	// Applied, if not nil, hears of every fault when it is decided, one call at a time, on a goroutine of the proxy. It must not
	// wait, and not call the Proxy.
	Applied func(Event)
	// Judged, likewise, hears of every client that was silenced, when it is known whether the broker noticed.
	Judged func(Silence)
}

// A Proxy forwards connections to a broker and commits the faults of a plan on them. It is made disarmed and
// then forwards everything as it is, so that a run can set itself up.
//
// Its goroutines: one accepts; each connection has one that sees it through, and the four of its conn; each
// take-over has one. Close ends them all and waits.
//
// Locks nest in this order: mu, life.mu, then the leaves line.mu and reporting.
type Proxy struct {
	// Immutable.
	plan      Plan
	network   string
	broker    string
	applied   func(Event)
	judged    func(Silence)
	born      time.Time
	silences  bool // There is a Silent in the plan.
	listener  net.Listener
	ctx       context.Context // Done when the proxy is being closed.
	cancel    context.CancelFunc
	running   sync.WaitGroup
	delays    bool // Lines must hold what is delayed.
	reporting sync.Mutex

	armedAt atomic.Pointer[time.Time] // nil: disarmed.
	spent   []atomic.Int64            // By fault: how often it was committed.
	silent  atomic.Int64              // Clients that are silent and not judged yet.

	mu    sync.Mutex
	lives map[string]*life // Guarded by mu. By Client Identifier.
}

// NewProxy listens and forwards until Close.
func NewProxy(o Options) (*Proxy, error) {
	if err := o.Plan.Validate(); err != nil {
		return nil, err
	}
	u, err := url.Parse(o.Broker)
	if err != nil {
		return nil, fmt.Errorf("the broker behind the fault proxy: %w", err)
	}
	p := &Proxy{network: u.Scheme, broker: u.Host, applied: o.Applied, judged: o.Judged, born: time.Now(), lives: map[string]*life{}}
	switch u.Scheme {
	case "tcp":
	case "unix":
		p.broker = u.Path
	default:
		return nil, fmt.Errorf("the fault proxy reads packets, so the broker must be reached by tcp:// or unix://, not %q", o.Broker)
	}
	p.plan = Plan{Seed: o.Plan.Seed, Run: o.Plan.Run, Faults: append([]Fault(nil), o.Plan.Faults...)}
	for i := range p.plan.Faults {
		p.plan.Faults[i].withDefaults()
		p.delays = p.delays || p.plan.Faults[i].Action == Delay
		p.silences = p.silences || p.plan.Faults[i].Action == Silent
	}
	p.spent = make([]atomic.Int64, len(p.plan.Faults))
	listen := o.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	if p.listener, err = net.Listen("tcp", listen); err != nil {
		return nil, fmt.Errorf("the fault proxy: %w", err)
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

// URL is where clients connect to.
func (p *Proxy) URL() string { return "tcp://" + p.listener.Addr().String() }

// Close cuts all connections and waits until nothing of the proxy runs any more.
func (p *Proxy) Close() error {
	p.Disarm()
	p.cancel()
	err := p.listener.Close()
	p.running.Wait()
	return err
}

// Arm lets the faults begin: all counts and times of the plan start now, those that a Limit bounds excepted.
func (p *Proxy) Arm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.armedAt.Store(&now)
	for _, x := range p.lives {
		x.mu.Lock()
		p.begin(x)
		x.mu.Unlock()
	}
}

// Disarm ends the faults. What is under way, such as a delay, takes its course; but a connection that leads nowhere for ever is reset: a
// client without a Keep Alive would sit in it to the end, and what it is owed would look lost.
func (p *Proxy) Disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armedAt.Store(nil)
	for _, x := range p.lives {
		x.mu.Lock()
		for i, t := range x.timers {
			if t != nil {
				t.Stop()
				x.timers[i] = nil
			}
		}
		if c := x.current; c != nil && c.hole.Load() && c.timer == nil && c.silence == nil {
			c.abort()
		}
		x.mu.Unlock()
	}
}

// Counts is how often each fault of the plan has been committed.
func (p *Proxy) Counts() []int64 {
	counts := make([]int64, len(p.spent))
	for i := range p.spent {
		counts[i] = p.spent[i].Load()
	}
	return counts
}

// Silent is how many clients are silent and not judged yet.
func (p *Proxy) Silent() int { return int(p.silent.Load()) }

// age is the proxy's own clock.
func (p *Proxy) age() time.Duration { return time.Since(p.born) }

// since is how long the proxy has been armed.
func (p *Proxy) since() (armed bool, d time.Duration) {
	at := p.armedAt.Load()
	if at == nil {
		return false, 0
	}
	return true, time.Since(*at)
}

// spend takes one of a fault's Limit, if there is one left.
func (p *Proxy) spend(i int) bool {
	n, limit := &p.spent[i], int64(p.plan.Faults[i].Limit)
	if n.Add(1) > limit && limit > 0 {
		n.Add(-1)
		return false
	}
	return true
}

func (p *Proxy) refund(i int) { p.spent[i].Add(-1) }

// accept is the listener's goroutine.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err == nil {
			p.running.Go(func() { p.serve(client) })
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select { // Out of descriptors, perhaps: some will be free again.
		case <-time.After(acceptAgain):
		case <-p.ctx.Done():
			return
		}
	}
}

const (
	acceptAgain = 50 * time.Millisecond
	dialFor     = 10 * time.Second
)

// serve sees a client through, from its CONNECT on. Only then is the broker dialled: a client that is to be kept
// out must not leave a trace there.
func (p *Proxy) serve(client net.Conn) {
	stop := context.AfterFunc(p.ctx, func() { reset(client) })
	defer stop()
	c := &conn{proxy: p, client: client, dead: make(chan struct{})}
	read, err := c.greet()
	if err != nil {
		client.Close()
		return
	}
	c.life.mu.Lock()
	out := time.Until(c.life.outUntil) > 0
	c.number = c.life.connections
	c.life.connections++
	c.triggers = p.newTriggers(c.life.id, 1+c.number)
	c.life.mu.Unlock()
	if out {
		reset(client)
		return
	}
	if c.broker, err = p.dial(); err != nil {
		reset(client)
		return
	}
	c.up, c.down = newLine(c, Up, c.client, c.broker), newLine(c, Down, c.broker, c.client)
	c.up.buf = read
	p.see(c)
}

// see runs a connection while its client's life knows of it.
func (p *Proxy) see(c *conn) {
	c.life.mu.Lock()
	c.life.current = c
	c.life.mu.Unlock()
	stop := context.AfterFunc(p.ctx, c.abort)
	c.run()
	stop()
	c.life.mu.Lock()
	defer c.life.mu.Unlock()
	if c.life.current == c {
		c.life.current = nil
	}
	if c.timer != nil {
		c.timer.Stop()
	}
}

func (p *Proxy) dial() (net.Conn, error) {
	d := net.Dialer{Timeout: dialFor}
	return d.DialContext(p.ctx, p.network, p.broker)
}

// greet reads until it knows who the client is. What does not begin with a CONNECT is nobody, and passes unjudged.
func (c *conn) greet() (read []byte, err error) {
	buf := make([]byte, 0, readSize)
	for {
		f, err := packet.Next(buf, 0)
		if err != nil || len(buf) > 0 && packet.Type(buf[0]>>4) != packet.CONNECT {
			c.raw = true
		}
		if c.raw || f.Size > 0 {
			c.introduce(&f, buf)
			return buf, nil
		}
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, 2*cap(buf)), buf...)
		}
		n, err := c.client.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return nil, err
		}
	}
}

// introduce finds the client's life by its CONNECT.
func (c *conn) introduce(f *packet.Frame, buf []byte) {
	var p packet.Connect
	if c.raw || p.Decode(f.Flags, f.Body) != nil {
		c.raw = true
		c.life = c.proxy.life("")
		return
	}
	c.version, c.keepAlive = p.Version, time.Duration(p.KeepAlive)*time.Second
	c.connect = append([]byte(nil), buf[:f.Size]...)
	if p.HasWill { // An intruder has none: of a client that was thrown out, one will is owed, however many follow each other.
		p.HasWill, p.Will = false, packet.Will{}
		c.connect = p.Append(nil)
	}
	c.life = c.proxy.life(string(p.ClientID))
}
