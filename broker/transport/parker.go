package transport

import (
	"math"
	"net"
	"time"
)

// parker is the driver of loops whose sockets all have goroutines: its runner has only the mail and the timers to
// wait for.
type parker struct {
	wakes chan struct{}
	timer *time.Timer
}

func newParker() *parker {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &parker{wakes: make(chan struct{}, 1), timer: t}
}

func (p *parker) wait(l *Loop, until int64) {
	left := int64(0)
	if until != math.MinInt64 {
		left = until - Clock()
	}
	if left <= 0 {
		l.yield()
		return
	}
	l.parked.Store(true)
	defer l.parked.Store(false)
	if l.mailed.Load() {
		l.yield()
		return
	}
	l.busy = 0
	if until == math.MaxInt64 {
		<-p.wakes
		return
	}
	p.timer.Reset(time.Duration(left))
	defer p.timer.Stop()
	select {
	case <-p.wakes:
	case <-p.timer.C:
	}
}

func (p *parker) wake() {
	select {
	case p.wakes <- struct{}{}:
	default:
	}
}

func (p *parker) dispatch(*Loop) {}
func (p *parker) end()           { p.timer.Stop() }

// Sockets without a goroutine there are none.

func (p *parker) read(*Conn, []byte) (int, error) {
	panic("transport: read of a socket without a goroutine")
}
func (p *parker) write(*Conn, *batch) (int, error) {
	panic("transport: write to a socket without a goroutine")
}
func (p *parker) hangup(*Conn, bool) {}

func (p *parker) remoteAddr(c *Conn) net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net == nil {
		return nil
	}
	return c.net.remoteAddr()
}

func (p *parker) localAddr(c *Conn) net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.net == nil {
		return nil
	}
	return c.net.localAddr()
}

func (p *parker) listen(l *Loop, network, address string, accept acceptFunc) (net.Listener, error) {
	ln, err := listenNet(network, address)
	if err != nil {
		return nil, err
	}
	if err := l.loops.Serve(ln, accept); err != nil {
		ln.Close()
		return nil, err
	}
	return ln, nil
}

func (p *parker) dial(l *Loop, c *Conn, d dialling) { l.dialNet(c, d) }
