package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Stage is a part of the measured time in which the rate goes evenly from one value to another.
type Stage struct {
	For  Duration `json:"for_s"`
	From float64  `json:"from_per_s"` // Messages a second, of all publishers together.
	To   float64  `json:"to_per_s"`
}

// Stages are laid over a plan of constant rate by bending time. The schedule of the plan runs at the mean rate; message n is due when as
// many messages have fallen due at the rates of the stages as at the mean rate by its time. Between the two times there is a
// function that only grows, so that order and counts stay what they were, for every arrival process.

// ParseStages reads stages such as "10s@100, 20s@100..1000".
func ParseStages(text string) (all []Stage, err error) {
	for _, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		wrong := fmt.Errorf("stage %q: it is TIME@RATE or TIME@RATE..RATE, such as 10s@100..1000", part)
		length, rates, ok := strings.Cut(part, "@")
		if !ok {
			return nil, wrong
		}
		d, err := time.ParseDuration(length)
		if err != nil || d <= 0 {
			return nil, wrong
		}
		from, to, ramp := strings.Cut(rates, "..")
		if !ramp {
			to = from
		}
		s := Stage{For: Duration(d)}
		for field, text := range map[*float64]string{&s.From: from, &s.To: to} {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || !(v >= 0) || math.IsInf(v, 1) {
				return nil, wrong
			}
			*field = v
		}
		all = append(all, s)
	}
	return all, nil
}

// settleStages sets Duration to that of the stages, and Rate (and the flows', in their proportions) to the mean.
func (p *Plan) settleStages() {
	if len(p.Stages) == 0 {
		return
	}
	p.Duration = 0
	for _, s := range p.Stages {
		p.Duration += s.For
	}
	if p.End() <= 0 {
		return
	}
	mean := p.messagesBefore(p.End()) * 1e9 / float64(p.End())
	for i := range p.Flows {
		if p.Rate > 0 {
			p.Flows[i].Rate *= mean / p.Rate
		}
	}
	p.Rate = mean
}

// messagesBefore is how many messages the stages want before t. Before them, in the warm-up, the rate is that which they begin with.
func (p *Plan) messagesBefore(t int64) float64 {
	at := int64(p.Warmup)
	rate := p.Stages[0].From
	if t <= at {
		return rate * float64(t) / 1e9
	}
	sum := rate * float64(at) / 1e9
	for _, s := range p.Stages {
		d := min(t-at, int64(s.For))
		sum += (s.From + s.slope()*float64(d)/2) * float64(d) / 1e9
		if at += d; at == t {
			return sum
		}
	}
	return sum + p.Rate*float64(t-at)/1e9 // After the end nothing is due, but the order has to go on.
}

// slope is how the rate changes, messages a second in a nanosecond.
func (s *Stage) slope() float64 { return (s.To - s.From) / float64(s.For) }

// bend is the time at which what the plan's mean rate has due at v is due by the stages.
func (p *Plan) bend(v int64) int64 {
	if len(p.Stages) == 0 {
		return v
	}
	want := p.Rate * float64(v) / 1e9
	at := int64(p.Warmup)
	sum := p.Stages[0].From * float64(at) / 1e9
	if want < sum {
		return int64(want * 1e9 / p.Stages[0].From)
	}
	for i := range p.Stages {
		s := &p.Stages[i]
		whole := (s.From + s.To) / 2 * float64(s.For) / 1e9
		if want < sum+whole {
			return at + s.reach(want-sum)
		}
		sum, at = sum+whole, at+int64(s.For)
	}
	return at + int64((want-sum)*1e9/p.Rate)
}

// reach is how long into a stage a number of its messages takes.
func (s *Stage) reach(messages float64) int64 {
	// From*d + slope/2*d^2 = messages*1e9; in the form that does not cancel.
	m, a := messages*1e9, s.slope()
	root := math.Sqrt(math.Max(0, s.From*s.From+2*a*m))
	if root+s.From == 0 {
		return 0
	}
	return min(int64(2*m/(s.From+root)), int64(s.For))
}

// unbend is the inverse of bend, near enough to begin a search with.
func (p *Plan) unbend(t int64) int64 {
	if len(p.Stages) == 0 || p.Rate == 0 {
		return t
	}
	return int64(p.messagesBefore(t) * 1e9 / p.Rate)
}

// A bent is an order whose due times the stages move.
type bent struct {
	order
	plan *Plan
	pubs []int // By place in the schedule.
}

func (b *bent) head() (at int32, seq uint32, due int64) {
	at, seq, due = b.order.head()
	if due != math.MaxInt64 {
		due = b.plan.bend(due)
	}
	return at, seq, due
}

func (b *bent) due(at int32, seq uint32) int64 { return b.plan.bend(b.order.due(at, seq)) }

func (b *bent) before(at int32, t int64) int64 { return b.plan.dueBefore(b.pubs[at], t) }

func (p *Plan) validateStages(f *faults) {
	if len(p.Stages) == 0 {
		return
	}
	f.unless(!p.Closed, "a closed loop has no stages: nothing in it has a rate")
	f.unless(p.Rate > 0, "the stages have no messages")
	for _, s := range p.Stages {
		f.unless(s.For > 0 && s.For < maxRun, "a stage lasts %s", s.For)
		f.unless(s.From >= 0 && s.To >= 0 && !math.IsInf(s.From+s.To, 1), "a stage goes from %v to %v messages a second", s.From, s.To)
	}
}
