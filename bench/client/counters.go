package client

import "mqttbench/broker/packet"

// Traffic is an amount of MQTT Control Packets.
type Traffic struct {
	Packets uint64
	Bytes   uint64 // Of MQTT; what TCP adds is not in it.
}

// Counters are what an engine has sent and received since it was made, by packet.Type.
type Counters struct {
	Out, In  [packet.AUTH + 1]Traffic
	Resent   uint64 // PUBLISH and PUBREL of a resumed session, contained in Out.
	Again    uint64 // QoS 2 PUBLISH received again before their release, contained in In.
	Strays   uint64 // Acknowledgements of the server's that fit no exchange.
	Refused  uint64 // Messages not sent because the server's CONNACK forbids them.
	Connects uint64 // Connections that came to a CONNACK with Success.
}

// Counting is an Engine that counts. The native one does.
type Counting interface {
	// Counters waits for every group; so it must not be called on one.
	Counters() Counters
}

// Add adds o.
func (c *Counters) Add(o *Counters) {
	for t := range c.Out {
		c.Out[t].add(o.Out[t])
		c.In[t].add(o.In[t])
	}
	c.Resent += o.Resent
	c.Again += o.Again
	c.Strays += o.Strays
	c.Refused += o.Refused
	c.Connects += o.Connects
}

func (t *Traffic) add(o Traffic) {
	t.Packets += o.Packets
	t.Bytes += o.Bytes
}

func (t *Traffic) count(bytes int) {
	t.Packets++
	t.Bytes += uint64(bytes)
}
