package bench

import (
	"mqttbench/bench/client"
	"mqttbench/bench/result"
)

// traffic is what the engine has sent and received so far; nil if it does not count.
func (r *run) traffic() *client.Counters {
	e, ok := r.cfg.Engine.(client.Counting)
	if !ok {
		return nil
	}
	c := e.Counters()
	return &c
}

// crossed is the MQTT that crossed the wire between two readings; nil if it was not counted.
func crossed(from, to *client.Counters) *result.Wire {
	if from == nil || to == nil {
		return nil
	}
	w := &result.Wire{Resent: int64(to.Resent - from.Resent)}
	for t := range to.Out {
		w.ToBroker.Packets += int64(to.Out[t].Packets - from.Out[t].Packets)
		w.ToBroker.Bytes += int64(to.Out[t].Bytes - from.Out[t].Bytes)
		w.FromBroker.Packets += int64(to.In[t].Packets - from.In[t].Packets)
		w.FromBroker.Bytes += int64(to.In[t].Bytes - from.In[t].Bytes)
	}
	return w
}
