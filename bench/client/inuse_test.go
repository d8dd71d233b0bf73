package client

import (
	"testing"

	"mqttbench/broker/packet"
)

// TestInUse: an identifier is in use until the PUBACK leaves, which is behind all that came in the same read, or until PUBREL comes; for messages of
// both levels, and over connections for QoS 2.
func TestInUse(t *testing.T) {
	eachDriver(t, func(t *testing.T, e *Native) {
		a := &actor{play: play{version: packet.V311}, t: t, g: e.Groups()[0], s: newFake(t), r: newRecorder(), id: "c"}
		inUse := make(chan bool, 16)
		a.r.onReceived = func(r *Reception) { inUse <- r.InUse }
		a.c = a.g.New(Options{URL: a.s.url(), ClientID: "c"}, a.r)
		for _, line := range []struct{ verb, rest string }{
			{"open", "20 02 00 00"},
			// Twice QoS 1 with one identifier in one read, and others.
			{"S", "32 06 0001 74 0001 61  32 06 0001 74 0002 62  32 06 0001 74 0001 63  30 04 0001 74 64"},
			{"C", "40 02 0001 40 02 0002 40 02 0001"},
			// Answered, it may come again; and QoS 2 may not have the identifier of a QoS 1 message that is not, nor the other way round.
			{"S", "32 06 0001 74 0001 61  34 06 0001 74 0001 62  34 06 0001 74 0003 63  32 06 0001 74 0003 64"},
			{"C", "40 02 0001 50 02 0001 50 02 0003 40 02 0003"},
			{"drop", ""},
			{"open", "20 02 01 00"},
			{"S", "3C 06 0001 74 0003 63  62 02 0003  34 06 0001 74 0003 65"},
			{"C", "50 02 0003 70 02 0003 50 02 0003"},
		} {
			a.do(line.verb, line.rest)
		}
		for i, want := range []bool{false, false, true, false, false, true, false, true, true, false} {
			if got := <-inUse; got != want {
				t.Errorf("message %d: in use %v, want %v", i+1, got, want)
			}
		}
		var first packet.ID
		on(t, a.g, func() { first, _ = a.c.(*client).FirstUnreleased() })
		if first != 1 {
			t.Errorf("the first identifier that is not released is %d", first)
		}
	})
}
