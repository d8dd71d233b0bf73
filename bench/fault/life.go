package fault

import (
	"strings"
	"sync"
	"time"
)

// A life is what the proxy knows of a Client Identifier, over all its connections.
type life struct {
	// Immutable.
	id        string
	concerned []bool // By fault: the pattern matches.

	mu          sync.Mutex
	triggers    []trigger // By fault.
	connections int
	current     *conn // The one connected last, until it ends.
	outUntil    time.Time
	timers      []*time.Timer // By fault; nil: not timed, or disarmed.
}

// life finds the life of a Client Identifier.
func (p *Proxy) life(id string) *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	x := p.lives[id]
	if x == nil {
		n := len(p.plan.Faults)
		x = &life{id: id, concerned: make([]bool, n), timers: make([]*time.Timer, n)}
		for i := range p.plan.Faults {
			x.concerned[i] = matches(p.plan.Faults[i].Client, id)
		}
		p.lives[id] = x
		x.mu.Lock()
		p.begin(x)
		x.mu.Unlock()
	}
	return x
}

// begin starts a life's counts and times. The caller holds mu and x.mu.
func (p *Proxy) begin(x *life) {
	x.triggers = p.newTriggers(x.id, 0)
	if c := x.current; c != nil {
		c.triggers = p.newTriggers(x.id, 1+c.number)
	}
	armed, since := p.since()
	for i := range p.plan.Faults {
		f := &p.plan.Faults[i]
		if !armed || !f.timed() || !x.concerned[i] {
			continue
		}
		if x.timers[i] != nil {
			x.timers[i].Stop()
		}
		wait := f.At - since
		if f.MTTF > 0 {
			wait = x.triggers[i].exponential(f.MTTF)
		}
		p.schedule(x, i, wait)
	}
}

func (p *Proxy) newTriggers(id string, connection int) []trigger {
	id = strings.Replace(id, p.plan.Run, "", 1)
	all := make([]trigger, len(p.plan.Faults))
	for i := range all {
		all[i] = newTrigger(p.plan.Seed, i, id, connection)
	}
	return all
}

// schedule lets fault i befall x's connection after a time. The caller holds x.mu.
func (p *Proxy) schedule(x *life, i int, wait time.Duration) {
	var t *time.Timer
	t = time.AfterFunc(wait, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.timers[i] != t { // Stopped too late.
			return
		}
		p.befall(x, i)
	})
	x.timers[i] = t
}

// befall commits a timed fault on the connection that x has, if it has one, and schedules its successor. The
// number of draws does not depend on whether there was a connection.
func (p *Proxy) befall(x *life, i int) {
	f, t := &p.plan.Faults[i], &x.triggers[i]
	lasting := f.For
	if f.MTTR > 0 {
		lasting = t.exponential(f.MTTR)
	}
	if c := x.current; c != nil && !c.doomed && p.spend(i) {
		p.reportLasting(i, c, nil, nil, lasting)
		c.strike(f, lasting)
	}
	x.timers[i] = nil
	if f.MTTF > 0 {
		p.schedule(x, i, lasting+t.exponential(f.MTTF))
	}
}
