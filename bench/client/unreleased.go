package client

import (
	"math/bits"

	"mqttbench/broker/packet"
)

// FirstUnreleased is the lowest identifier of those messages; false: there is none. Call it on the group.
func (c *client) FirstUnreleased() (id packet.ID, ok bool) {
	if c.in == nil {
		return 0, false
	}
	for _, p := range c.in.pages {
		for i, w := range p.bits {
			if low := packet.ID(p.number)<<10 | packet.ID(i<<6|bits.TrailingZeros64(w)); w != 0 && (!ok || low < id) {
				id, ok = low, true
			}
		}
	}
	return id, ok
}

// Unreleased is how many QoS 2 messages were received whose PUBREL has not come. When all is quiet it is 0, or the server has forgotten an exchange that it
// owes the rest of, [v5 MQTT-4.3.3-5]. Call it on the group.
func (c *client) Unreleased() (n int) {
	if c.in == nil {
		return 0
	}
	for _, p := range c.in.pages {
		n += int(p.n)
	}
	return n
}
