package plan

// Due is when message n of a publisher is due, in ns since the start of publishing. It is a pure
// function of (Arrivals, Rate, Publishers, Seed, pub, n): a multiplication for constant and burst
// arrivals; some ten microseconds for Poisson, where whoever asks for one message after another uses
// Dues. A plan that is Closed or has no Rate has no due times; Due is then 0.
func (p *Plan) Due(pub int, n uint32) int64 {
	period := p.Period()
	switch p.Arrivals {
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

// Count is how many messages of a publisher are due in [from, to) ns. It does not end where publishing does.
func (p *Plan) Count(pub int, from, to int64) int64 {
	if p.Period() == 0 || to <= from {
		return 0
	}
	return p.dueBefore(pub, to) - p.dueBefore(pub, from)
}

// dueBefore is how many messages of a publisher are due before t.
func (p *Plan) dueBefore(pub int, t int64) int64 {
	period := p.Period()
	if p.Arrivals == Poisson {
		w := newWalk(p, pub)
		return w.before(t, period)
	}
	first := p.Due(pub, 0)
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
	period float64
	walks  []*walk
}

// NewDues makes a Dues for a valid plan.
func NewDues(p *Plan) *Dues {
	d := &Dues{plan: p, period: p.Period()}
	if p.Arrivals == Poisson && d.period > 0 {
		d.walks = make([]*walk, p.Publishers)
	}
	return d
}

// At is Plan.Due.
func (d *Dues) At(pub int, n uint32) int64 {
	if d.walks != nil {
		return d.walk(pub).at(n, d.period)
	}
	due := tick(n, d.period)
	if d.plan.Arrivals != Burst {
		due += d.plan.phase(pub, d.period)
	}
	return due
}

// Offered is Plan.Offered. Asked for one interval after another it costs some 50 ns for each
// message in it with Poisson arrivals, where Plan.Offered costs some ten microseconds for each publisher.
func (d *Dues) Offered(from, to int64) int64 {
	if d.walks == nil {
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
