package session

import (
	"fmt"
	"testing"

	"mqttbench/broker/packet"
)

// BenchmarkWindow is one message promised and acknowledged, with a constant number in
// flight.
func BenchmarkWindow(b *testing.B) {
	for _, qos := range []packet.QoS{1, 2} {
		for _, window := range []int{1, 10, 1000} {
			b.Run(fmt.Sprintf("qos=%d/window=%d", qos, window), func(b *testing.B) {
				s := newSession(Limits{})
				s.Online(window)
				m := NewMessage([]byte("a/b"), nil, make([]byte, 16), qos, 0)
				for range window - 1 {
					s.Offer(m, qos, false, nil, true)
				}
				acked := packet.ID(1)
				b.ReportAllocs()
				for b.Loop() {
					if _, v := s.Offer(m, qos, false, nil, true); v != Send {
						b.Fatal(v)
					}
					if qos == 1 {
						s.Puback(acked)
					} else {
						s.Pubrec(acked, 0)
						s.Pubcomp(acked)
					}
					acked = nextID(acked)
				}
			})
		}
	}
}

// BenchmarkBurst is the firehose: the window is filled, then emptied.
func BenchmarkBurst(b *testing.B) {
	for _, window := range []int{10, 1000} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			s := newSession(Limits{})
			s.Online(window)
			m := NewMessage([]byte("a/b"), nil, make([]byte, 16), 1, 0)
			ids := make([]packet.ID, 0, window)
			b.ReportAllocs()
			for b.Loop() {
				d, _ := s.Offer(m, 1, false, nil, true)
				if ids = append(ids, d.ID); len(ids) == window {
					for _, id := range ids {
						s.Puback(id)
					}
					ids = ids[:0]
				}
			}
		})
	}
}

// BenchmarkBacklog is a message that waits for a client that is away, and leaves when
// it is back.
func BenchmarkBacklog(b *testing.B) {
	const backlog = 1000
	s := newSession(Limits{})
	m := NewMessage([]byte("a/b"), nil, make([]byte, 16), 1, 0)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		s.Offer(m, 1, false, nil, true)
		if n%backlog != 0 {
			continue
		}
		s.Online(20)
		for d, ok := s.Next(0); ok; d, ok = s.Next(0) {
			s.Puback(d.ID)
		}
		s.Offline()
	}
}

func BenchmarkNewMessage(b *testing.B) {
	defer func(on bool) { scribble = on }(scribble)
	scribble = false
	for _, size := range []int{16, 1024, 16384} {
		b.Run(fmt.Sprintf("payload=%d", size), func(b *testing.B) {
			topic, payload := []byte("a/topic/of/five/levels"), make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				NewMessage(topic, nil, payload, 1, 0).Release()
			}
		})
	}
}

func BenchmarkReceiveRelease(b *testing.B) {
	for _, window := range []int{1, 50, 1000} {
		b.Run(fmt.Sprintf("window=%d", window), func(b *testing.B) {
			s := newSession(Limits{})
			id, release := packet.ID(1), packet.ID(1)
			for range window - 1 {
				s.Receive(id)
				id = nextID(id)
			}
			b.ReportAllocs()
			for b.Loop() {
				s.Receive(id)
				s.Release(release)
				id, release = nextID(id), nextID(release)
			}
		})
	}
}
