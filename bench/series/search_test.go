package series

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// hunt carries out a search against a broker that is a formula, and returns the rates that were run.
func hunt(t *testing.T, s *Search, broker func(rate float64) Verdict) (rates []float64) {
	t.Helper()
	for rate, ok := s.Next(); ok; rate, ok = s.Next() {
		rates = append(rates, rate)
		if len(rates) > 1000 {
			t.Fatal("the search does not end")
		}
		s.Report(broker(rate))
	}
	return rates
}

// carries is a broker that carries up to its capacity, always.
func carries(capacity float64) func(float64) Verdict {
	return func(rate float64) Verdict {
		if rate <= capacity {
			return Verdict{}
		}
		return Verdict{Outcome: Failed, Why: fmt.Sprintf("p99 at %g", rate)}
	}
}

// TestSearchFindsCapacity: the bracket encloses the capacity, wherever it is, is as narrow as promised, and is confirmed.
func TestSearchFindsCapacity(t *testing.T) {
	for _, within := range []float64{1.02, 1.05, 1.25, 2} {
		for capacity := 17.0; capacity < 1e6; capacity *= 1.37 {
			s := NewSearch(SearchOptions{Start: 1000, Within: within})
			rates := hunt(t, s, carries(capacity))
			b := s.Bracket()
			if b.Lo > capacity || b.Hi <= capacity || b.Hi/b.Lo > within || !b.Confirmed {
				t.Errorf("capacity %g within %g: %+v", capacity, within, b)
			}
			if b.LoPassed != 3 || b.LoRuns != 3 || b.HiFailed != 2 || b.HiRuns != 2 || b.Why != fmt.Sprintf("p99 at %g", b.Hi) || b.Runs != len(rates) {
				t.Errorf("capacity %g: %+v", capacity, b)
			}
		}
	}
}

// TestSearchSteps follows a search from beginning to end: doubling, bisecting, and both ends in turns.
func TestSearchSteps(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Within: 1.25})
	got := hunt(t, s, carries(3000))
	// 1.25 makes four steps to an octave: 2000, 2378, 2828, 3364, 4000.
	want := []float64{1000, 2000, 4000, 2828, 3364, 2828, 3364, 2828, 3364, 2828}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if b := s.Bracket(); b != (Bracket{Lo: 2828, Hi: 3364, LoPassed: 3, LoRuns: 3, HiFailed: 2, HiRuns: 2, Confirmed: true, Why: "p99 at 3364", Runs: 10}) {
		t.Errorf("%+v", b)
	}
}

// TestSearchDown: if the first rate is too much, it is halved.
func TestSearchDown(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Confirm: -1, Within: 2.1})
	if got := hunt(t, s, carries(200)); !slices.Equal(got, []float64{1000, 500, 250, 125}) {
		t.Errorf("%v", got)
	}
	if b := s.Bracket(); b.Lo != 125 || b.Hi != 250 || b.Confirmed {
		t.Errorf("%+v", b)
	}
}

// TestSearchNothing: a broker that carries nothing has no bracket, and a reason.
func TestSearchNothing(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000})
	rates := hunt(t, s, carries(0))
	if b := s.Bracket(); b.Lo != 0 || b.Confirmed || b.Why == "" || len(rates) > 12 {
		t.Errorf("%+v after %v", b, rates)
	}
}

// TestSearchHighest: a limit that was set is not passed; what is carried there is confirmed, and has no upper end.
func TestSearchHighest(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Highest: 5000})
	rates := hunt(t, s, carries(1e9))
	if b := s.Bracket(); b.Lo < 4750 || slices.Max(rates) > 5000 || b.Hi != 0 || b.LoPassed != 3 || b.Confirmed {
		t.Errorf("%+v after %v", b, rates)
	}
}

// TestSearchRefutesLuck: one lucky run far above the capacity, and one unlucky one far below it, steer the
// search astray; confirming sees it, and the way back does not take a run for each of the steps.
func TestSearchRefutesLuck(t *testing.T) {
	for _, c := range []struct {
		name string
		lies func(n int, rate float64) bool
	}{
		{"lucky", func(n int, rate float64) bool { return n <= 6 && rate > 3000 }},
		{"unlucky", func(n int, rate float64) bool { return n == 1 }},
	} {
		s := NewSearch(SearchOptions{Start: 1000})
		n := -1
		rates := hunt(t, s, func(rate float64) Verdict {
			v := carries(3000)(rate)
			if n++; c.lies(n, rate) {
				v.Outcome = Failed - v.Outcome
			}
			return v
		})
		if b := s.Bracket(); b.Lo > 3000 || b.Hi <= 3000 || !b.Confirmed || b.Hi/b.Lo > 1.05 || len(rates) > 45 {
			t.Errorf("%s: %+v after %d: %v", c.name, b, len(rates), rates)
		}
	}
}

// TestSearchGallops: an end that did not hold is not far from one that does, so the way begins with single steps; and
// if it is far after all, they double, up to an octave.
func TestSearchGallops(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Highest: 16_000})
	n := 0
	rates := hunt(t, s, func(rate float64) Verdict {
		n++
		return Verdict{Outcome: Outcome(btoi(n == 2))} // 2000 fails once, by bad luck.
	})
	var steps []int
	for _, rate := range rates {
		steps = append(steps, int(math.Round(15*math.Log2(rate/1000)))) // 15 steps of less than 5 % are an octave.
	}
	want := []int{0, 15, 7, 11, 13, 14, // The ramp, and bisecting below the step that failed.
		14, 15, 14, 15, 14, 15, // Both ends hold,
		16, 18, 22, 30, 45, 60, // and so do all above,
		60, 60, 60} // up to the limit, which is confirmed.
	if !slices.Equal(steps, want) {
		t.Errorf("got  %v\nwant %v", steps, want)
	}
}

// TestSearchNoise: brokers whose runs pass by chance, the less likely the higher the rate. Whatever the search
// says, it has seen: every run that confirmed the lower end passed and most that confirmed the upper end failed. It ends, and is seldom far off.
func TestSearchNoise(t *testing.T) {
	const capacity, searches = 20_000.0, 300
	confirmed, near := 0, 0
	for seed := range uint64(searches) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := NewSearch(SearchOptions{Start: 1000})
		seen := map[float64]*tally{}
		rates := hunt(t, s, func(rate float64) Verdict {
			// Between 0.9 and 1.1 of the capacity the chance falls from 1 to 0; and one run in fifty fails for no reason.
			chance := min(1, max(0, (1.1-rate/capacity)/0.2)) * 0.98
			passed := random.Float64() < chance
			if s.Confirming() {
				n := seen[rate]
				if n == nil {
					n = new(tally)
					seen[rate] = n
				}
				if passed {
					n.passed++
				} else {
					n.failed++
				}
			}
			if passed {
				return Verdict{}
			}
			return Verdict{Outcome: Failed, Why: "chance"}
		})
		b := s.Bracket()
		if len(rates) > defaultRuns {
			t.Fatalf("seed %d: %d runs", seed, len(rates))
		}
		if !b.Confirmed {
			continue
		}
		confirmed++
		if lo, hi := seen[b.Lo], seen[b.Hi]; lo.passed != 3 || lo.failed != 0 || hi.failed < 2 || b.Lo >= b.Hi {
			t.Errorf("seed %d: %+v, but seen were %+v and %+v", seed, b, lo, hi)
		}
		if b.Lo > 0.8*capacity && b.Hi < 1.2*capacity {
			near++
		}
	}
	if confirmed < searches*8/10 || near < confirmed*9/10 {
		t.Errorf("of %d searches %d were confirmed, %d of these near the capacity", searches, confirmed, near)
	}
}

// TestSearchFlaky: a rate that neither holds nor fails is passed over, and the bracket says so by its width.
func TestSearchFlaky(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Within: 1.25})
	n := 0
	hunt(t, s, func(rate float64) Verdict {
		if rate == 2828 { // Fails every third time.
			n++
			return Verdict{Outcome: Outcome(btoi(n%3 == 0))}
		}
		return carries(2828)(rate)
	})
	if b := s.Bracket(); b.Lo != 2378 || b.Hi != 3364 || !b.Confirmed {
		t.Errorf("%+v", b)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestSearchUntrusted: a run that cannot be trusted is repeated. If that does not help, the rate counts as not
// carried, and the bracket says for whose sake.
func TestSearchUntrusted(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Within: 2.1, Confirm: -1})
	rates := hunt(t, s, func(rate float64) Verdict {
		if rate > 1500 {
			return Verdict{Untrusted, "generator CPU", true}
		}
		return Verdict{}
	})
	if !slices.Equal(rates, []float64{1000, 2000, 2000, 2000}) {
		t.Errorf("%v", rates)
	}
	if b := s.Bracket(); b.Lo != 1000 || b.Hi != 2000 || !b.Instrument || b.Why != "generator CPU" {
		t.Errorf("%+v", b)
	}
	blip := 0
	s = NewSearch(SearchOptions{Start: 1000})
	hunt(t, s, func(rate float64) Verdict {
		if blip++; blip == 3 {
			return Verdict{Untrusted, "a blip", true}
		}
		return carries(50_000)(rate)
	})
	if b := s.Bracket(); !b.Confirmed || b.Instrument || b.Lo > 50_000 || b.Hi < 50_000 {
		t.Errorf("%+v", b)
	}
}

// TestSearchBlind: where nothing can be measured, a search does not go on and on.
func TestSearchBlind(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Within: 2.1})
	rates := hunt(t, s, func(rate float64) Verdict { return Verdict{Untrusted, "open files", true} })
	if want := []float64{1000, 1000, 1000, 500, 500, 500, 250, 250, 250}; !slices.Equal(rates, want) {
		t.Errorf("%v", rates)
	}
	if b := s.Bracket(); b.Lo != 0 || b.Hi != 250 || !b.Instrument || b.Confirmed {
		t.Errorf("%+v", b)
	}
}

// TestSearchStopped: what is known of a search that was given up half-way is no confirmed bracket.
func TestSearchStopped(t *testing.T) {
	s := NewSearch(SearchOptions{Start: 1000, Runs: 4})
	hunt(t, s, carries(3000))
	if b := s.Bracket(); b.Lo != 2000 && b.Hi != 4000 || b.Confirmed || b.Runs != 4 {
		t.Errorf("%+v", b)
	}
}
