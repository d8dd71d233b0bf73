package fault

import (
	"cmp"
	"slices"

	"mqttbench/broker/packet"
)

// An Unanswered is what a broker owes on a connection that stands: every copy of a PUBLISH has its PUBACK or PUBREC, [v5 MQTT-4.3.2-4], [v5 MQTT-4.3.3-8], every
// PUBREL its PUBCOMP, [v5 MQTT-4.3.3-11], and every PUBREC its PUBREL, [v5 MQTT-4.3.3-4]. It is the answer to what the proxy itself has said in the
// client's name, which nobody else waits for.
type Unanswered struct {
	Client     string
	Connection int // Of that client, from 0.
	Type       packet.Type
	ID         packet.ID
	Count      int
}

// Unanswered is what is owed now. Once all is quiet, it will not come.
func (p *Proxy) Unanswered() (all []Unanswered) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.lives {
		x.mu.Lock()
		if c := x.current; c != nil && !c.doomed {
			for a, n := range c.owed {
				if a.direction == Down && n.keep > 0 {
					all = append(all, Unanswered{x.id, c.number, a.typ, a.id, n.keep})
				}
			}
		}
		x.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b Unanswered) int { return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.ID, b.ID)) })
	return all
}
