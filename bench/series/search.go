package series

import "math"

// A Search looks for the highest rate that is carried, and ends with a bracket: a rate that was carried in all of
// three runs, and one a few percent above it that failed in at least two of three.
//
//	ramp:     double the rate until one fails (or halve it until one is carried)
//	bisect:   until the two ends are neighbours
//	confirm:  run both ends again, in turns. An end that does not hold is moved, and its surroundings are searched anew
//
// A single run is enough to steer by, and never enough to conclude from: the runs that chose the ends are
// not counted when these are confirmed, or the luckiest run would become the result. A rate that is neither
// carried always nor failing mostly is passed over, and the bracket becomes wider: that is what is known.
//
// All rates are steps on a scale of equal ratios, so the state is whole numbers: 0 is Start, and
// doubling is a fixed number of steps.
//
// The use: ask Next, run, Report, until Next is not ok; then Bracket.
type Search struct {
	o    SearchOptions
	step float64 // Ratio of two neighbours.

	lo, hi bound
	octave int // Steps that double the rate.
	top    int // The highest step that may be run.
	stride int // Of the ramp: an octave; one after an end did not hold, and doubled from there.

	now        int  // The step that Next asks for.
	confirming bool // It is an end, run to be confirmed.
	again      int  // How often it was run without a result that can be trusted.
	blind      int  // Rates in a row that perhaps were not the broker's to carry, with none below that was carried.
	runs       int
	done       bool

	confirmed map[int]tally   // Only runs that confirmed.
	limit     map[int]Verdict // The last failure at each step.
}

// SearchOptions of NewSearch. A zero means the default.
type SearchOptions struct {
	Start   float64 // A rate that should be safe. Messages a second. No default.
	Highest float64 // Not to be exceeded. Default: a million times Start.
	Within  float64 // The bracket's upper end divided by its lower one, at most. Default 1.05.
	Confirm int     // Runs that confirm each end. Default 3; negative: none.
	Runs    int     // At most, in all. Default 60.
}

const (
	defaultWithin  = 1.05
	defaultConfirm = 3
	defaultRuns    = 60

	// lowest is how far below Start a search goes, in halvings.
	lowest = 6
	// highest is how far above: a search has to end, whatever it is told.
	highest = 1e6
	// retries of a run that cannot be trusted, before its rate counts as one that cannot be measured.
	retries = 2
	// mostBlind rates in a row may fail for the instrument's sake, on the way down. It will not become
	// better, and every rate takes a longer run than the one before.
	mostBlind = 3
)

// A bound is one end of the bracket, if it is known.
type bound struct {
	step  int
	known bool
}

// A tally counts the runs that confirm a step.
type tally struct{ passed, failed int }

// NewSearch begins a search.
func NewSearch(o SearchOptions) *Search {
	orDefault(&o.Highest, o.Start*highest)
	orDefault(&o.Within, defaultWithin)
	orDefault(&o.Confirm, defaultConfirm)
	orDefault(&o.Runs, defaultRuns)
	// Rates are rounded, so the scale is a little finer than asked for.
	octave := max(1, int(math.Ceil(math.Ln2/math.Log(o.Within/1.001))))
	s := &Search{
		o: o, step: math.Pow(2, 1/float64(octave)), octave: octave, stride: octave,
		confirmed: map[int]tally{}, limit: map[int]Verdict{},
	}
	s.top = max(0, int(math.Floor(math.Log(o.Highest*1.0001/o.Start)/math.Log(s.step))))
	s.choose()
	return s
}

func orDefault[T int | float64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func (s *Search) rate(step int) float64 {
	return round(s.o.Start * math.Pow(s.step, float64(step)))
}

// Next is the rate to run now; not ok: the search is over.
func (s *Search) Next() (rate float64, ok bool) {
	if s.done || s.runs >= s.o.Runs {
		return 0, false
	}
	return s.rate(s.now), true
}

// Confirming reports whether the run that Next asks for is to confirm an end.
func (s *Search) Confirming() bool { return s.confirming }

// Report tells how the run at the rate of Next went.
func (s *Search) Report(v Verdict) {
	s.runs++
	if v.Outcome == Untrusted {
		if s.again++; s.again <= retries {
			return // The same again.
		}
		v.Outcome = Failed
	}
	s.again = 0
	if v.Outcome == Failed {
		s.limit[s.now] = v
	}
	if s.confirming {
		s.confirm(v.Outcome == Passed)
	} else {
		s.steer(v.Outcome == Passed)
	}
	s.choose()
	s.look(v)
}

// look ends a search that is not about the broker.
func (s *Search) look(v Verdict) {
	if s.lo.known || v.Outcome != Failed || !v.Instrument {
		s.blind = 0
		return
	}
	s.blind++
	s.done = s.done || s.blind >= mostBlind
}

// steer moves an end to what a run of the ramp or of the bisection has shown.
func (s *Search) steer(passed bool) {
	if passed {
		s.lo = bound{s.now, true}
	} else {
		s.hi = bound{s.now, true}
	}
	s.stride = min(2*s.stride, s.octave)
}

// confirm counts a run of one of the ends, and moves the end if it does not hold.
func (s *Search) confirm(passed bool) {
	t := s.confirmed[s.now]
	if passed {
		t.passed++
	} else {
		t.failed++
	}
	s.confirmed[s.now] = t
	isLo := s.lo.known && s.now == s.lo.step
	switch {
	case isLo && !passed: // One failure is enough: three of three was the word.
		s.hi, s.lo, s.stride = bound{s.now, true}, bound{}, 1
	case !isLo && s.holds(s.now):
		s.lo, s.hi, s.stride = bound{s.now, true}, bound{}, 1
	case !isLo && s.flaky(s.now):
		s.hi, s.stride = bound{}, 1
	}
}

// choose sets what to run next, or done.
func (s *Search) choose() {
	s.recall()
	s.confirming = false
	switch {
	case !s.lo.known && !s.hi.known:
		s.now = 0
	case !s.hi.known && s.lo.step >= s.unlessFlaky(s.top, -1):
		s.ends(s.o.Confirm > 0 && !s.holds(s.lo.step), false)
	case !s.hi.known:
		s.now = min(s.up(), s.unlessFlaky(s.top, -1))
	case !s.lo.known:
		s.now = s.down()
		s.done = s.now < -lowest*s.octave
	default:
		if mid, ok := s.middle(); ok {
			s.now = mid
			return
		}
		s.ends(s.o.Confirm > 0 && !s.holds(s.lo.step), s.o.Confirm > 0 && !s.fails(s.hi.step))
	}
}

// recall takes for an unknown end what has been confirmed before, if the next stride would reach or pass it.
func (s *Search) recall() {
	switch {
	case s.lo.known && !s.hi.known:
		for step := s.lo.step + 1; step <= s.up() && !s.hi.known; step++ {
			s.hi = bound{step, s.fails(step)}
		}
	case s.hi.known && !s.lo.known:
		for step := s.hi.step - 1; step >= s.down() && !s.lo.known; step-- {
			s.lo = bound{step, s.holds(step)}
		}
	}
}

// up is where the ramp goes next, down likewise. What is flaky is passed over.
func (s *Search) up() int   { return s.unlessFlaky(s.lo.step+s.stride, 1) }
func (s *Search) down() int { return s.unlessFlaky(s.hi.step-s.stride, -1) }

// ends has the ends confirmed that need it, in turns: the two are compared with each other, so whatever the machine
// does has to happen to both.
func (s *Search) ends(lo, hi bool) {
	s.confirming, s.done = true, !lo && !hi
	if lo && (!hi || s.confirmed[s.lo.step].runs() <= s.confirmed[s.hi.step].runs()) {
		s.now = s.lo.step
	} else {
		s.now = s.hi.step
	}
}

// middle is the step nearest to the middle of the bracket that has not been found flaky; not ok: there is none.
func (s *Search) middle() (step int, ok bool) {
	mid := (s.lo.step + s.hi.step) / 2
	for off := 0; off <= s.hi.step-s.lo.step; off++ {
		for _, step := range [2]int{mid - off, mid + off} {
			if step > s.lo.step && step < s.hi.step && !s.flaky(step) {
				return step, true
			}
		}
	}
	return 0, false
}

func (t tally) runs() int { return t.passed + t.failed }

// holds reports whether a step passed every one of its runs, and has had them all.
func (s *Search) holds(step int) bool {
	t := s.confirmed[step]
	return t.failed == 0 && t.passed > 0 && t.passed >= s.o.Confirm
}

// fails reports whether most of the runs of a step failed, or will have.
func (s *Search) fails(step int) bool {
	t := s.confirmed[step]
	return t.failed > 0 && t.failed*3 >= s.o.Confirm*2
}

// flaky reports whether a step had all its runs, and neither holds nor fails.
func (s *Search) flaky(step int) bool {
	t := s.confirmed[step]
	return t.runs() > 0 && t.runs() >= s.o.Confirm && !s.holds(step) && !s.fails(step)
}

func (s *Search) unlessFlaky(step, direction int) int {
	for s.flaky(step) {
		step += direction
	}
	return step
}

// A Bracket is what a search has found.
type Bracket struct {
	Lo, Hi     float64 // Messages a second. Lo 0: no rate was carried. Hi 0: none failed.
	LoPassed   int     // Of LoRuns that confirm Lo.
	LoRuns     int
	HiFailed   int // Of HiRuns that confirm that Hi fails.
	HiRuns     int
	Confirmed  bool
	Why        string // Why Hi fails; without Lo, why the lowest rate does.
	Instrument bool   // Hi may have failed for lack of a better generator: the capacity is at least Lo.
	Runs       int    // In all.
}

// Bracket is what is known; call it at any time.
func (s *Search) Bracket() Bracket {
	b := Bracket{Runs: s.runs}
	if s.lo.known {
		t := s.confirmed[s.lo.step]
		b.Lo, b.LoPassed, b.LoRuns = s.rate(s.lo.step), t.passed, t.runs()
	}
	if s.hi.known {
		t := s.confirmed[s.hi.step]
		b.Hi, b.HiFailed, b.HiRuns = s.rate(s.hi.step), t.failed, t.runs()
		b.Why, b.Instrument = s.limit[s.hi.step].Why, s.limit[s.hi.step].Instrument
	}
	b.Confirmed = s.lo.known && s.hi.known && s.holds(s.lo.step) && s.fails(s.hi.step)
	return b
}
