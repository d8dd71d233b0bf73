package fault

import (
	"context"
	"io"
	"net"
	"time"
)

// intrudeFor is how long an intruder waits to be heard.
const intrudeFor = 5 * time.Second

// intrude connects to the broker with the client's own CONNECT, some times in a row: each must throw out the one
// before, the first the client itself, [v5 MQTT-3.1.4-3]. The last one leaves by itself as soon as it has been let in. The intruders
// acknowledge nothing, so whatever the broker sends to them it still owes the client. (At QoS 0 it owes nothing.)
func (c *conn) intrude(times int) {
	p := c.proxy
	p.running.Go(func() {
		var last net.Conn
		for range times {
			next, err := p.dial()
			if err != nil {
				break
			}
			if last != nil {
				defer last.Close()
			}
			last = next
			if !c.impersonate(next) {
				break
			}
		}
		if last != nil {
			last.Close()
		}
	})
}

// impersonate waits for the answer to the CONNECT.
func (c *conn) impersonate(broker net.Conn) bool {
	stop := context.AfterFunc(c.proxy.ctx, func() { broker.Close() })
	defer stop()
	broker.SetDeadline(time.Now().Add(intrudeFor))
	if _, err := broker.Write(c.connect); err != nil {
		return false
	}
	var connack [4]byte
	_, err := io.ReadFull(broker, connack[:])
	return err == nil && connack[0] == 0x20
}
