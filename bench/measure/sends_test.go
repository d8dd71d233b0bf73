package measure

import (
	"testing"

	"mqttbench/broker/packet"
)

// TestSends: identifiers in rotation take one entry a round, and every message's is known: over the end of the numbers, one that is
// left out, and a new connection.
func TestSends(t *testing.T) {
	var s Sends
	var want []packet.ID
	epoch := func(seq int) uint32 {
		if seq >= 70_000 {
			return 1
		}
		return 0
	}
	id := packet.ID(65_000)
	for seq := range 80_000 {
		if id++; id == 0 || seq == 500 { // 500: somebody else has one.
			id++
		}
		want = append(want, id)
		s.Sent(uint32(seq), id, epoch(seq))
	}
	for seq, id := range want {
		if got, e, ok := s.Of(uint32(seq)); got != id || e != epoch(seq) || !ok {
			t.Fatalf("message %d: %d on %d, %t; want %d", seq, got, e, ok, id)
		}
	}
	if len(s.runs) != 3 {
		t.Errorf("%d entries for one that was left out and a new connection", len(s.runs))
	}
	if _, _, ok := new(Sends).Of(0); ok {
		t.Error("nothing was sent, and something is known of it")
	}
	var zero Sends
	zero.Sent(0, 0, 0)
	zero.Sent(1, 0, 0)
	if id, _, ok := zero.Of(1); id != 0 || !ok || len(zero.runs) != 1 {
		t.Errorf("QoS 0: %d, %t", id, ok)
	}
}
