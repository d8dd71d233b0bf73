package fault

import (
	"fmt"
	"time"

	"mqttbench/broker/packet"
)

// An Event is a fault that was committed.
type Event struct {
	At        time.Time
	Name      string        // The fault's.
	Client    string        // Client Identifier.
	Direction Direction     // Of the packet; Either: there was none.
	Type      packet.Type   // 0: there was no packet.
	ID        packet.ID     // 0: none.
	Lasts     time.Duration // 0: it is an instant, or has no end.
}

func (e Event) String() string {
	if e.Type == 0 {
		return fmt.Sprintf("%s of %s", e.Name, e.Client)
	}
	return fmt.Sprintf("%s of %s at %v %d going %v", e.Name, e.Client, e.Type, e.ID, e.Direction)
}

// report tells of a fault on a packet, or, without l and f, on a connection.
func (p *Proxy) report(i int, c *conn, l *line, f *packet.Frame) {
	p.reportLasting(i, c, l, f, p.plan.Faults[i].For)
}

func (p *Proxy) reportLasting(i int, c *conn, l *line, f *packet.Frame, lasts time.Duration) {
	if p.applied == nil {
		return
	}
	e := Event{
		At: time.Now(), Name: p.plan.Faults[i].Name, Client: c.life.id, Lasts: lasts,
	}
	if f != nil {
		e.Direction, e.Type, e.ID = l.direction, f.Type, c.identifier(f)
	}
	p.reporting.Lock()
	defer p.reporting.Unlock()
	p.applied(e)
}

// identifier is the Packet Identifier of a packet; 0: it has none.
func (c *conn) identifier(f *packet.Frame) packet.ID {
	switch f.Type {
	case packet.PUBLISH:
		var p packet.Publish
		p.Decode(c.version, f.Flags, f.Body)
		return p.ID
	case packet.CONNECT, packet.CONNACK, packet.PINGREQ, packet.PINGRESP, packet.DISCONNECT, packet.AUTH:
		return 0
	}
	if len(f.Body) < 2 {
		return 0
	}
	return packet.ID(f.Body[0])<<8 | packet.ID(f.Body[1])
}
