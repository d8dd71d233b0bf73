//go:build !race

package session

import (
	"testing"
	"unsafe"

	"mqttbench/broker/packet"
)

// An idle connection may cost 700 bytes in the whole broker, so the sizes are part of
// the design.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		what      string
		size, max uintptr
	}{
		{"Session", unsafe.Sizeof(Session{}), 96},
		{"entry", unsafe.Sizeof(entry{}), 16},
		{"idSet", unsafe.Sizeof(idSet{}), 128},
	} {
		if c.size > c.max {
			t.Errorf("%s takes %d bytes, more than %d", c.what, c.size, c.max)
		}
	}
}

// TestNoAllocations runs each cycle for long enough to see one allocation in a
// thousand messages.
func TestNoAllocations(t *testing.T) {
	s := newSession(Limits{})
	topic, payload := []byte("a/b/c"), make([]byte, 64)
	one, several := []uint32{7}, []uint32{7, 8, 9}
	// cycle promises n messages, each newly made, and acknowledges them.
	cycle := func(n int, qos packet.QoS, subIDs []uint32, online bool) func() {
		ids := make([]packet.ID, 0, n)
		return func() {
			ids = ids[:0]
			if online {
				s.Online(0)
			}
			for range n {
				m := NewMessage(topic, nil, payload, qos, 0)
				if d, v := s.Offer(m, qos, false, subIDs, true); v == Send {
					ids = append(ids, d.ID)
				}
				m.Release()
			}
			s.Online(0)
			if len(ids) == 0 {
				for d, ok := s.Next(0); ok; d, ok = s.Next(0) {
					ids = append(ids, d.ID)
				}
			}
			for _, id := range ids {
				s.Puback(id)
				s.Pubrec(id, 0)
				s.Pubcomp(id)
			}
			if len(ids) != n || !s.Empty() {
				t.Fatalf("%d of %d messages, %d in flight", len(ids), n, s.Inflight())
			}
			s.Offline()
		}
	}
	incoming := func() {
		for id := packet.ID(1); id <= 200; id++ {
			s.Receive(id)
		}
		for id := packet.ID(1); id <= 200; id++ {
			s.Release(id)
		}
	}
	for _, c := range []struct {
		what string
		f    func()
	}{
		{"window 1, QoS 1", cycle(1, 1, nil, true)},
		{"window 1, QoS 2", cycle(1, 2, nil, true)},
		{"window 9", cycle(9, 1, one, true)},
		{"several Subscription Identifiers", cycle(9, 1, several, true)},
		{"window 1000, QoS 1", cycle(1000, 1, one, true)},
		{"window 1000, QoS 2", cycle(1000, 2, nil, true)},
		{"1000 waiting", cycle(1000, 1, nil, false)},
		{"incoming QoS 2", incoming},
	} {
		c.f()
		if n := testing.AllocsPerRun(1000, c.f); n > 0 {
			t.Errorf("%s: %.3f allocations", c.what, n)
		}
	}
}

func TestOneAllocationForANewMessage(t *testing.T) {
	topic := []byte("a/b/c")
	for _, size := range []int{10, 100, 1000, 10_000} {
		payload := make([]byte, size)
		var kept []*Message
		n := testing.AllocsPerRun(100, func() {
			kept = append(kept[:0:cap(kept)], NewMessage(topic, nil, payload, 1, 0))
		})
		if n > 1 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
		kept[0].Release()
	}
}

// TestNoAllocationForALargeMessage: its block is used again.
func TestNoAllocationForALargeMessage(t *testing.T) {
	for _, size := range []int{64 << 10, 256 << 10, 1 << 20} {
		payload := make([]byte, size)
		one := func() { NewMessage([]byte("a/b/c"), nil, payload, 1, 0).Release() }
		one()
		if n := testing.AllocsPerRun(20, one); n > 0 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}
