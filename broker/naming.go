package broker

import (
	"bytes"
	"hash/maphash"
	"sync"

	"mqttbench/broker/packet"
)

// A naming is the Topic Aliases that the broker has set at a client on one Network Connection, [v5 3.3.2.3.4]:
// none but the client's Topic Alias Maximum allows, [v5 MQTT-3.1.2-26, MQTT-3.1.2-27], and no more than Options.TopicAliasesOut.
//
// mu is held from looking for an alias until the packet is put. Messages come from all loops, and a packet with
// nothing but an alias must not overtake the one that sets it.
//
// Only live messages carry aliases. What is sent again, was queued or is retained goes with its whole Topic Name, as it
// is gathered first and put later.
type naming struct {
	most int // Immutable. Aliases, at most maxNaming.

	mu sync.Mutex

	// Guarded by mu. Alias i+1 stands for names[i].
	hashes []uint64
	names  [][]byte
	used   uint64 // Bit i: alias i+1 was of use since hand was there.
	hand   int
}

const (
	maxNaming = 64

	// An alias takes three bytes, and what the broker remembers for a client shall be little.
	minAliased, maxAliased = 4, 256 // Bytes of a Topic Name.
)

// findLocked returns the alias for a Topic Name, and whether the client knows it already; if it does
// not, the packet must tell. 0: there is none.
//
// A name takes the place of one that was not used since the last time its place was asked for (the "clock" of page
// replacement); so names that come once and never again do not push out those that come all the time.
func (n *naming) findLocked(hash uint64, name []byte) (alias uint16, known bool) {
	for i, h := range n.hashes {
		if h == hash && bytes.Equal(n.names[i], name) {
			n.used |= 1 << i
			return uint16(i + 1), true
		}
	}
	if len(name) < minAliased || len(name) > maxAliased {
		return 0, false
	}
	if len(n.names) < n.most {
		n.hashes, n.names = append(n.hashes, hash), append(n.names, bytes.Clone(name))
		return uint16(len(n.names)), false
	}
	i := n.hand
	n.hand = (n.hand + 1) % n.most
	if n.used&(1<<i) != 0 {
		n.used &^= 1 << i
		return 0, false
	}
	n.hashes[i], n.names[i] = hash, append(n.names[i][:0], name...)
	return uint16(i + 1), false
}

// offerNaming sets up what a CONNECT allows.
func (c *conn) offerNaming(p *packet.Connect) {
	if most := min(int(p.TopicAliasMaximum), c.loop.s.o.TopicAliasesOut); most > 0 && p.Version == packet.V5 {
		c.rareOnes().naming = &naming{most: most}
		c.named = true
	}
}

// hash is that of the Topic Name, the same on all loops.
func (d *delivery) hash() uint64 {
	if !d.hashed {
		d.nameHash, d.hashed = maphash.Bytes(d.loop.s.directory.seed, d.name), true
	}
	return d.nameHash
}

// sendNamed is send to a client that takes Topic Aliases.
func (d *delivery) sendNamed(c *conn, to *recipient, id packet.ID) {
	const grown = 4 // What an alias adds to a packet, and perhaps to its Property Length, bytes.
	l, n := d.loop, c.rare.naming
	p := d.single(to)
	p.ID = id
	size := p.Size(c.version)
	if c.maxPacket != 0 && size > int(c.maxPacket) {
		l.n.dropped.TooLarge++
		return
	}
	l.n.delivered[to.qos]++
	l.n.payloadOut[to.qos] += uint64(len(d.payload))
	m := d.shared()
	n.mu.Lock()
	defer n.mu.Unlock()
	if c.maxPacket == 0 || size+grown <= int(c.maxPacket) {
		if alias, known := n.findLocked(d.hash(), d.name); alias != 0 {
			l.aliased = append(packet.AppendProp(l.aliased[:0], packet.Prop{ID: packet.PropTopicAlias, N: uint32(alias)}), p.Props...)
			p.Props = l.aliased
			if known {
				p.Topic = nil
			}
		}
	}
	l.putPublish(c, &p, m)
}
