package plan

// Due is when message n of a publisher is due, in ns since the start of publishing. It is a pure
// function of (Arrivals, Rate, Publishers, Seed, pub, n): a multiplication for constant and burst
// arrivals; some ten microseconds for Poisson, where whoever asks for one message after another uses
// Dues. A plan that is Closed or has no Rate has no due times; Due is then 0.
func (p *Plan) Due(pub int, n uint32) int64 { return p.bend(p.dueAtMean(pub, n)) }

// dueAtMean is Due before stages bend it.
func (p *Plan) dueAtMean(pub int, n uint32) int64 {
	period := p.PeriodOf(pub)
	switch p.arrivalsOf(pub) {
	case Poisson:
		if period == 0 {
			return 0
		}
		w := newWalk(p, pub)
		return w.at(n, period)
	case Burst:
		return tick(n, period)
	default:
		return tick(n, period) + p.phase(pub, period)
	}
}

// tick multiplies and does not add up rounded periods: those run fast by 0.04 % at 700,000 messages a
// second. A float64 has the precision: the product is off by less than 1 ns for the first 52 days.
func tick(n uint32, period float64) int64 { return int64(float64(n) * period) }

// phase spreads the publishers over a period. Without it they would all publish at once.
func (p *Plan) phase(pub int, period float64) int64 {
	return int64(unit(hash(p.Seed, purposePhase, uint64(pub))) * period)
}

// Period is the mean gap between two messages of one publisher, in ns; 0 if nothing is due.
func (p *Plan) Period() float64 {
	if p.Closed || p.Rate <= 0 {
		return 0
	}
	return float64(p.Publishers) * 1e9 / p.Rate
}

// PeriodOf is the mean gap between two messages of a publisher, in ns; 0 if it publishes nothing, or nothing is due.
func (p *Plan) PeriodOf(pub int) float64 {
	f := p.flowOf(pub)
	switch {
	case f == nil:
		return p.Period()
	case f.Rate <= 0:
		return 0
	}
	return float64(f.Publishers) * 1e9 / f.Rate
}

func (p *Plan) arrivalsOf(pub int) Arrivals {
	if f := p.flowOf(pub); f != nil {
		return f.Arrivals
	}
	return p.Arrivals
}

// Count is how many messages of a publisher are due in [from, to) ns. It does not end where publishing does.
func (p *Plan) Count(pub int, from, to int64) int64 {
	if p.PeriodOf(pub) == 0 || to <= from {
		return 0
	}
	return p.dueBefore(pub, to) - p.dueBefore(pub, from)
}

// dueBefore is how many messages of a publisher are due before t.
func (p *Plan) dueBefore(pub int, t int64) int64 {
	if len(p.Stages) == 0 {
		return p.dueBeforeAtMean(pub, t)
	}
	// The two directions of bending are each other's inverse but for rounding: the count is put right by the one that decides.
	n := p.dueBeforeAtMean(pub, p.unbend(t))
	for p.Due(pub, uint32(n)) < t {
		n++
	}
	for n > 0 && p.Due(pub, uint32(n-1)) >= t {
		n--
	}
	return n
}

func (p *Plan) dueBeforeAtMean(pub int, t int64) int64 {
	period := p.PeriodOf(pub)
	if p.arrivalsOf(pub) == Poisson {
		w := newWalk(p, pub)
		return w.before(t, period)
	}
	first := p.dueAtMean(pub, 0)
	if t <= first {
		return 0
	}
	// Division is not the inverse of a product that has been cut to a whole number: it may be one short.
	n := int64(float64(t-first) / period)
	for first+tick(uint32(n), period) < t {
		n++
	}
	return n
}

// Offered is how many messages of all publishers are due in [from, to) ns.
func (p *Plan) Offered(from, to int64) int64 {
	sum := int64(0)
	for pub := range p.Publishers {
		sum += p.Count(pub, from, to)
	}
	return sum
}

// Expected is how many deliveries the messages due in [from, to) ns ask for.
func (p *Plan) Expected(from, to int64) int64 {
	sum := int64(0)
	for pub := range p.Publishers {
		sum += p.Count(pub, from, to) * int64(p.Copies(pub))
	}
	return sum
}

// Dues answers Due quickly for whoever asks about the messages of a stream roughly in their order,
// as a receiver does. For Poisson arrivals it remembers a position in every stream it was asked
// about (160 bytes each). Not for concurrent use: one per group.
type Dues struct {
	plan   *Plan
	period float64 // Of all, in a plan without flows.
	walks  []*walk
}

// NewDues makes a Dues for a valid plan.
func NewDues(p *Plan) *Dues {
	d := &Dues{plan: p, period: p.Period()}
	poisson := p.Arrivals == Poisson && len(p.Flows) == 0
	for i := range p.Flows {
		poisson = poisson || p.Flows[i].Arrivals == Poisson
	}
	if poisson && d.period > 0 {
		d.walks = make([]*walk, p.Publishers)
	}
	return d
}

// At is Plan.Due.
func (d *Dues) At(pub int, n uint32) int64 {
	p := d.plan
	if len(p.Flows) > 0 {
		if d.walks != nil && p.arrivalsOf(pub) == Poisson {
			return p.bend(d.walk(pub).at(n, p.PeriodOf(pub)))
		}
		return p.Due(pub, n)
	}
	if d.walks != nil {
		return p.bend(d.walk(pub).at(n, d.period))
	}
	due := tick(n, d.period)
	if p.Arrivals != Burst {
		due += p.phase(pub, d.period)
	}
	return p.bend(due)
}

// Offered is Plan.Offered. Asked for one interval after another it costs some 50 ns for each
// message in it with Poisson arrivals, where Plan.Offered costs some ten microseconds for each publisher.
func (d *Dues) Offered(from, to int64) int64 {
	if d.walks == nil || len(d.plan.Stages) > 0 || len(d.plan.Flows) > 0 {
		return d.plan.Offered(from, to)
	}
	sum := int64(0)
	for pub := range d.walks {
		w := d.walk(pub)
		sum -= w.before(from, d.period)
		sum += w.before(max(from, to), d.period)
	}
	return sum
}

func (d *Dues) walk(pub int) *walk {
	if d.walks[pub] == nil {
		w := newWalk(d.plan, pub)
		d.walks[pub] = &w
	}
	return d.walks[pub]
}
