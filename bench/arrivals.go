package bench

import (
	"math"
	"math/cmplx"

	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
)

// gaps are what a worker knows of the times at which messages really left: whether they are those of the arrival process that was asked for.
// Only messages that were sent in their turn, one after the other, make a gap: one that had to wait for its publisher is the broker's doing.
type gaps struct {
	n            int64
	sum, squares float64    // Of the gaps between two messages of a publisher, in mean gaps.
	phase        complex128 // Sum of the publishers' first phases, each as a point on the unit circle.
	phases       int
}

// sent takes a message of a publisher into account.
func (g *gaps) sent(p *publisher, at int64) {
	period := p.period
	switch {
	case period == 0:
		return
	case p.lastSent != 0:
		x := float64(at-p.lastSent) / period
		g.n++
		g.sum += x
		g.squares += x * x
	case !p.phased:
		p.phased = true
		g.phases++
		g.phase += cmplx.Rect(1, 2*math.Pi*math.Mod(float64(at-p.worker.run.start)/period, 1))
	}
	p.lastSent = at
}

func (g *gaps) add(o gaps) {
	g.n += o.n
	g.sum += o.sum
	g.squares += o.squares
	g.phase += o.phase
	g.phases += o.phases
}

// shortestPeriod is that of the fastest publisher, on which lag shows most.
func (r *run) shortestPeriod() (least float64) {
	for _, p := range r.pubs {
		if p.period > 0 && (least == 0 || p.period < least) {
			least = p.period
		}
	}
	return least
}

// steadyPeriod is the mean gap between two messages of a publisher, ns; 0: it changes with time, or its arrivals are not those of the plan.
func (r *run) steadyPeriod(pub int) float64 {
	p := r.plan
	for i := range p.Flows {
		if a := p.Flows[i].Arrivals; a != "" && a != p.Arrivals {
			return 0
		}
	}
	if len(p.Stages) > 0 {
		return 0
	}
	return p.PeriodOf(pub)
}

// arrivals is what really left, for the gates.
func (r *run) arrivals() measure.Arrivals {
	var g gaps
	for _, x := range ask(r, func(w *worker) gaps { return w.gaps }) {
		g.add(x)
	}
	a := measure.Arrivals{Gaps: g.n, Publishers: g.phases, Period: r.shortestPeriod(), Poisson: r.plan.Arrivals == plan.Poisson, Burst: r.plan.Arrivals == plan.Burst}
	if g.n > 0 {
		mean := g.sum / float64(g.n)
		a.CV = math.Sqrt(max(0, g.squares/float64(g.n)-mean*mean)) / mean
	}
	if g.phases > 0 {
		a.Together = cmplx.Abs(g.phase) / float64(g.phases)
	}
	return a
}
