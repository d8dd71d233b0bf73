//go:build !race

package plan

import (
	"testing"
)

// TestAllocations: what happens for every message must not make garbage.
func TestAllocations(t *testing.T) {
	payload := make([]byte, 1024)
	st := Stamp{Run: 1, Stream: 2}
	ops := map[string]func(){
		"stamp": func() {
			st.Seq++
			Fill(payload, st)
			back, _ := ReadStamp(payload)
			if !Intact(payload, back, Full) {
				t.Error("not intact")
			}
		},
	}
	for _, arrivals := range []Arrivals{Constant, Poisson, Burst} {
		p := paced(arrivals, 100, 1e6)
		pubs := make([]int, 100)
		for i := range pubs {
			pubs[i] = i
		}
		s, now := NewSchedule(p, pubs), int64(0)
		ops["schedule "+string(arrivals)] = func() {
			now += 1000
			for {
				m, ok := s.Peek(now)
				if !ok {
					return
				}
				if m.Seq%7 != 3 {
					s.Pop()
					continue
				}
				s.Block(m.Pub)
				for {
					if _, ok := s.Late(m.Pub, now); !ok {
						break
					}
					s.PopLate(m.Pub)
				}
			}
		}
		ops["unsent "+string(arrivals)] = func() { s.Unsent(now + 1e6) }
		dues, n := NewDues(p), uint32(0)
		dues.At(3, 0)
		ops["dues "+string(arrivals)] = func() { n++; dues.At(3, n) }
		ops["due "+string(arrivals)] = func() { n++; p.Due(3, n) }
	}
	for name, op := range ops {
		if n := testing.AllocsPerRun(1000, op); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
