//go:build !race

package broker

import (
	"fmt"
	"io"
	"testing"

	"mqttbench/broker/packet"
)

// With Topic Aliases nothing is allocated for a message either, and a name costs three bytes.
func TestAliasesOutAllocate(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		const batch = 20
		pub := b.connect(packet.V5, "pub")
		sub := b.connect(packet.V5, "sub", takesAliases(8))
		sub.subscribe("#", 0)
		var in []byte
		size := 0
		for i := range batch {
			m := packet.Publish{Topic: fmt.Append(nil, "site/one/machine/", i%4), Payload: make([]byte, 16)}
			in = m.Append(in, packet.V5)
			m.Topic, m.Props = nil, packet.AppendProp(nil, packet.Prop{ID: packet.PropTopicAlias, N: 1})
			size += m.Size(packet.V5)
		}
		pub.send(in)
		for range batch {
			sub.expectAny()
		}
		out := make([]byte, size)
		run := func() {
			pub.net.Write(in)
			if _, err := io.ReadFull(sub.net, out); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(100, run); n > 0 {
			t.Errorf("%v allocations for %d messages", n, batch)
		}
		if f, err := packet.Next(out, 0); err != nil || f.Type != packet.PUBLISH || f.Body[0] != 0 || f.Body[1] != 0 {
			t.Errorf("%v %v", f, err)
		}
		sub.sync()
	})
}
