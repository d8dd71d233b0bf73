//go:build !race

package measure

import (
	"testing"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
)

// TestAllocations: what happens for every message must not make garbage.
func TestAllocations(t *testing.T) {
	r, c := NewRecorder(0), NewCollector(1)
	r.SetWindow(Window{From: 0, To: 1 << 60, Grain: 1 << 58})
	now := int64(0)
	s := newScript(t, 1, 1, plan.Clean)
	reception, seq := s.reception(0), uint32(0)
	c.Add(r.Swap(0)) // The first makes an Interval.
	for name, op := range map[string]func(){
		"record": func() {
			now += 1000
			r.Sent(now, now+10, 16)
			r.Seen(now, now+10, now+500, 16)
			r.Took(client.PublishAck, 300, now)
			r.Acked(now)
		},
		"interval": func() { c.Add(r.Swap(1)) },
		"ledger": func() {
			s.pub.Attempt(seq)
			plan.Fill(reception.Payload, plan.Stamp{Run: 5, Seq: seq})
			if _, o := s.sub.Receive(reception); o != First {
				t.Errorf("outcome %d", o)
			}
			s.pub.Acked(seq, 0)
			seq++
		},
	} {
		if n := testing.AllocsPerRun(200, op); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
