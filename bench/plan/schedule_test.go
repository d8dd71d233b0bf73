package plan

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// TestScheduleOrder: with nobody blocked, every message comes once and in the order of due times.
func TestScheduleOrder(t *testing.T) {
	for _, arrivals := range []Arrivals{Constant, Poisson, Burst} {
		t.Run(string(arrivals), func(t *testing.T) {
			p := paced(arrivals, 7, 100)
			var want []Message
			for pub := range 7 {
				for n := range uint32(p.Count(pub, 0, p.End())) {
					want = append(want, Message{pub, n, p.Due(pub, n)})
				}
			}
			slices.SortFunc(want, byDue)
			s := NewSchedule(p, []int{0, 1, 2, 3, 4, 5, 6})
			var got []Message
			for now := int64(0); ; {
				m, ok := s.Peek(now)
				if !ok {
					if m.Due == math.MaxInt64 {
						break
					}
					if m.Due <= now {
						t.Fatalf("nothing is due at %d, and the next look is to be at %d", now, m.Due)
					}
					now = m.Due
					continue
				}
				got = append(got, m)
				s.Pop()
			}
			if !slices.IsSortedFunc(got, func(a, b Message) int { return cmp.Compare(a.Due, b.Due) }) {
				t.Error("messages are not in the order of their due times")
			}
			slices.SortFunc(got, byDue) // Equal due times may come in any order.
			if !slices.Equal(got, want) {
				t.Errorf("got %d messages, want %d, or others", len(got), len(want))
			}
		})
	}
}

// TestNothingIsDueBeforeTheStart: a burst is due at 0, and not when somebody asks before that.
func TestNothingIsDueBeforeTheStart(t *testing.T) {
	s := NewSchedule(paced(Burst, 3, 100), []int{0, 1, 2})
	if m, ok := s.Peek(-1); ok || m.Due != 0 {
		t.Errorf("a nanosecond before the start: %+v, %v, want nothing until 0", m, ok)
	}
	s.Block(1)
	if m, ok := s.Late(1, -1); ok {
		t.Errorf("a nanosecond before the start, of who is late: %+v", m)
	}
	if m, ok := s.Peek(0); !ok || m.Seq != 0 || m.Due != 0 {
		t.Errorf("at the start: %+v, %v, want the first message", m, ok)
	}
}

func byDue(a, b Message) int {
	return cmp.Or(cmp.Compare(a.Due, b.Due), cmp.Compare(a.Pub, b.Pub), cmp.Compare(a.Seq, b.Seq))
}

// A naiveSchedule looks at every publisher each time.
type naiveSchedule struct {
	plan    *Plan
	pubs    []int
	next    map[int]uint32
	blocked map[int]bool
}

// due is the earliest message due by now of one publisher, if any.
func (s *naiveSchedule) due(pub int, now int64) (Message, bool) {
	m := Message{pub, s.next[pub], s.plan.Due(pub, s.next[pub])}
	return m, m.Due <= now && m.Due < s.plan.End()
}

func (s *naiveSchedule) earliest(now int64) (due int64, ok bool) {
	due = math.MaxInt64
	for _, pub := range s.pubs {
		if m, is := s.due(pub, now); is && !s.blocked[pub] && m.Due < due {
			due, ok = m.Due, true
		}
	}
	return due, ok
}

// TestScheduleAgainstNaive blocks and frees publishers at random, at any time, and asks a schedule that
// looks at everybody what should come.
func TestScheduleAgainstNaive(t *testing.T) {
	for _, arrivals := range []Arrivals{Constant, Poisson, Burst} {
		for seed := range uint64(10) {
			t.Run(fmt.Sprintf("%s/%d", arrivals, seed), func(t *testing.T) { driveSchedule(t, arrivals, seed) })
		}
	}
}

func driveSchedule(t *testing.T, arrivals Arrivals, seed uint64) {
	p := paced(arrivals, 9, 90)
	p.Seed, p.Duration = seed, Duration(4*time.Second)
	pubs := []int{1, 2, 3, 5, 8}
	naive := naiveSchedule{plan: p, pubs: pubs, next: map[int]uint32{}, blocked: map[int]bool{}}
	s := NewSchedule(p, pubs)
	rng := source(seed)
	for now := int64(0); now < 6e9; now += int64(rng.next() % 40e6) {
		for {
			want, any := naive.earliest(now)
			m, ok := s.Peek(now)
			if ok != any || ok && m.Due != want {
				t.Fatalf("at %d: Peek gives %v %t, want due %d %t", now, m, ok, want, any)
			}
			if !ok {
				break
			}
			if m.Seq != naive.next[m.Pub] {
				t.Fatalf("at %d: Peek gives message %d of %d, want %d", now, m.Seq, m.Pub, naive.next[m.Pub])
			}
			if rng.next()%8 == 0 {
				s.Block(m.Pub)
				naive.blocked[m.Pub] = true
				continue
			}
			s.Pop()
			naive.next[m.Pub]++
		}
		if h, ok := s.order.(*heap); ok && len(h.nodes) > len(pubs) {
			t.Fatalf("at %d: %d nodes for %d publishers", now, len(h.nodes), len(pubs))
		}
		unsent := int64(0)
		for _, pub := range pubs {
			unsent += p.Count(pub, 0, min(now+1, p.End())) - int64(naive.next[pub])
		}
		if got := s.Unsent(now); got != unsent {
			t.Fatalf("at %d: %d messages unsent, want %d", now, got, unsent)
		}
		for _, pub := range pubs {
			if rng.next()%16 == 0 { // As when a connection breaks, at any time.
				s.Block(pub)
				naive.blocked[pub] = true
			}
			if rng.next()%4 == 0 {
				free(t, s, &naive, pub, now, int(rng.next()%6))
			}
			if s.blocked[s.local[pub]] != naive.blocked[pub] {
				t.Fatalf("at %d: publisher %d blocked is %t", now, pub, s.blocked[s.local[pub]])
			}
		}
	}
}

// free sends at most limit messages of a blocked publisher.
func free(t *testing.T, s *Schedule, naive *naiveSchedule, pub int, now int64, limit int) {
	for range limit {
		want, any := naive.due(pub, now)
		any = any && naive.blocked[pub]
		m, ok := s.Late(pub, now)
		if ok != any || ok && m != want {
			t.Fatalf("at %d: Late gives %v %t, want %v %t", now, m, ok, want, any)
		}
		if !ok {
			naive.blocked[pub] = false
			return
		}
		s.PopLate(pub)
		naive.next[pub]++
	}
}

// TestLateWithAnOldClock: what Peek has passed over must come out of Late, though Late is asked with an
// earlier time, as happens when one of them takes the time of the turn and the other a newer one.
func TestLateWithAnOldClock(t *testing.T) {
	for _, arrivals := range []Arrivals{Burst, Poisson} {
		p := paced(arrivals, 1, 10)
		s := NewSchedule(p, []int{0})
		s.Block(0)
		s.Peek(1e9)
		late := int64(0)
		for {
			if _, ok := s.Late(0, 5e8); !ok {
				break
			}
			s.PopLate(0)
			late++
		}
		if want := p.Count(0, 0, 1e9+1); late != want {
			t.Errorf("%s: %d messages came late, want %d", arrivals, late, want)
		}
		if m, ok := s.Peek(10e9 - 1); !ok || int64(m.Seq) != late {
			t.Errorf("%s: then comes %+v, %t; want message %d", arrivals, m, ok, late)
		}
	}
}

// TestScheduleOfNothing: no rate, or no publishers.
func TestScheduleOfNothing(t *testing.T) {
	for _, s := range []*Schedule{
		NewSchedule(paced(Constant, 1, 0), []int{0}),
		NewSchedule(paced(Constant, 1, 10), nil),
		NewSchedule(paced(Poisson, 1, 10), nil),
	} {
		if m, ok := s.Peek(1e15); ok || m.Due != math.MaxInt64 {
			t.Errorf("Peek gives %v, %t", m, ok)
		}
		if n := s.Unsent(1e15); n != 0 {
			t.Errorf("%d messages unsent of none", n)
		}
	}
}
