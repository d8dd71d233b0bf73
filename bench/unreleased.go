package bench

import (
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// unreleased is how many QoS 2 exchanges the connected subscribers of a worker have open: the PUBREL is owed. An engine that does not know says nothing.
func (w *worker) unreleased() (n int) {
	for _, m := range w.members {
		if c, ok := m.client.(interface{ Unreleased() int }); ok && m.connected {
			n += c.Unreleased()
		}
	}
	return n
}

// holdUnreleased puts them into the verdict of QoS 2: the message was delivered, but its exchange never ended, and its identifier is lost.
func (r *run) holdUnreleased(all []result.Contract) {
	if r.rest.answering { // They may come yet.
		return
	}
	total := 0
	for _, n := range ask(r, func(w *worker) int { return w.unreleased() }) {
		total += n
	}
	for i := range all {
		if all[i].QoS == 2 && total > 0 {
			all[i].Findings = append(all[i].Findings, result.Finding{Class: result.Unreleased, Count: int64(total), First: r.firstUnreleased()})
			return
		}
	}
}

// firstUnreleased names them by client and Packet Identifier. Which message it was is not kept.
func (r *run) firstUnreleased() (all []result.Offender) {
	for _, some := range ask(r, func(w *worker) (some []result.Offender) {
		for _, m := range w.members {
			if c, ok := m.client.(interface{ FirstUnreleased() (packet.ID, bool) }); ok && m.connected && len(some) < mostNamed {
				if id, is := c.FirstUnreleased(); is {
					some = append(some, result.Offender{Client: r.nameOf(m), SeenID: int(id), SeenConnection: int(m.connections), Text: "the PUBREL of the exchange never came"})
				}
			}
		}
		return some
	}) {
		for _, o := range some {
			all = named(all, o)
		}
	}
	return all
}
