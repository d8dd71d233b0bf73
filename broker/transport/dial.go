package transport

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// dialling is what is to be connected to.
type dialling struct {
	network, address string
	local            net.Addr // nil: the kernel chooses.
	timeout          time.Duration
}

// defaultDialTimeout is used for a timeout that is not positive.
const defaultDialTimeout = 30 * time.Second

// Dial opens a connection to a URL, asynchronously; h is told by Opened or Closed, not before Dial has returned. local may be nil.
// What is put before Opened is sent then. Call it on the loop.
func (l *Loop) Dial(url string, local net.Addr, timeout time.Duration, h Handler) *Conn {
	c := &Conn{loop: l, h: h, fd: -1}
	l.enter(c)
	l.stats.Dials++
	if timeout <= 0 {
		timeout = defaultDialTimeout
	}
	network, address, err := splitURL(url)
	switch {
	case err != nil:
		c.failDial(err)
	case l.stopping:
		c.failDial(net.ErrClosed)
	default:
		l.drv.dial(l, c, dialling{network, address, local, timeout})
	}
	return c
}

// failDial ends a connection that never stood.
func (c *Conn) failDial(err error) {
	if !errors.Is(err, net.ErrClosed) {
		err = fmt.Errorf("transport: dial: %w", err)
	}
	c.finish(ending{reason: err, found: true, now: true})
}
