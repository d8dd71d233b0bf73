package bench

import (
	"testing"

	"mqttbench/bench/client"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

func TestCrossed(t *testing.T) {
	var before, after client.Counters
	before.Out[packet.CONNECT] = client.Traffic{Packets: 5, Bytes: 100}
	after.Out[packet.CONNECT] = client.Traffic{Packets: 5, Bytes: 100}
	after.Out[packet.PUBLISH] = client.Traffic{Packets: 10, Bytes: 300}
	after.In[packet.PUBACK] = client.Traffic{Packets: 10, Bytes: 40}
	after.In[packet.PUBLISH] = client.Traffic{Packets: 9, Bytes: 279}
	after.Resent = 2
	want := result.Wire{ToBroker: result.Flow{Packets: 10, Bytes: 300}, FromBroker: result.Flow{Packets: 19, Bytes: 319}, Resent: 2}
	if got := crossed(&before, &after); got == nil || *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if crossed(nil, &after) != nil || crossed(&before, nil) != nil {
		t.Error("what was not counted is nothing")
	}
}
