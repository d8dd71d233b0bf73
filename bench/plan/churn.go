package plan

// A Departure is a client's connection that is to be ended.
type Departure struct {
	At        int64 // ns since the start of publishing.
	Publisher bool  // A publisher, or else a subscriber,
	Client    int   // of this index.
	Abrupt    bool  // With a TCP RST; otherwise with a DISCONNECT.
	TakeOver  bool  // By the server, because another connection comes with its Client Identifier.
	Absence   int   // The one of the plan's Absences that it belongs to, from 1; 0: it is churn.
	Down      int64 // ns until it is to connect again.
}

// Departures is who leaves during the run, in the order of time; a pure function of the plan. It is
// either the departures of all subscribers that Absences are, or the churn of the measured part: a
// Poisson process of Churn.Rate. A client that is still away is never asked to leave; if all are
// away, nobody is.
func (p *Plan) Departures() []Departure {
	if p.Offline.For > 0 {
		return p.exodus()
	}
	clients := p.churning()
	if p.Churn.Rate <= 0 || clients == 0 {
		return nil
	}
	var out []Departure
	rng := source(hash(p.Seed, purposeChurn, 0))
	back := make(map[int]int64)
	mean := 1e9 / p.Churn.Rate
	for at := rng.exp() * mean; at < float64(p.Duration); at += rng.exp() * mean {
		d := Departure{At: int64(p.Warmup) + int64(at), Down: int64(p.Churn.Down)}
		who, kind := int(rng.next()%uint64(clients)), unit(rng.next())
		// The number of draws must not depend on who is away, or a longer Down would change every departure.
		who, ok := present(back, who, clients, d.At)
		if !ok {
			continue
		}
		back[who] = d.At + d.Down
		d.TakeOver = kind < p.Churn.TakeOver
		d.Abrupt = !d.TakeOver && kind-p.Churn.TakeOver < p.Churn.Abrupt*(1-p.Churn.TakeOver)
		d.Publisher, d.Client = p.churner(who)
		out = append(out, d)
	}
	return out
}

// exodus is the departure of all subscribers at once, or of whoever the absence says, once for each absence.
func (p *Plan) exodus() []Departure {
	var out []Departure
	for n, o := range p.Absences() {
		d := Departure{Down: int64(o.For), Abrupt: o.Abrupt, Absence: n + 1}
		d.At, _ = p.Away(o)
		leave := func(n int, publishers bool) {
			for i := range n {
				d.Client, d.Publisher = i, publishers
				out = append(out, d)
			}
		}
		if o.Leaves(ChurnSubscribers) {
			leave(p.Subscribers, false)
		}
		if o.Leaves(ChurnPublishers) {
			leave(p.Publishers, true)
		}
	}
	return out
}

// A Flapping is a subscriber that is to unsubscribe and to subscribe again.
type Flapping struct {
	At         int64 // ns since the start of publishing.
	Subscriber int
	For        int64 // ns.
}

// Flaps is who unsubscribes in the measured part, in the order of time: a Poisson process; a pure function of the plan. A
// subscriber whose last flap is not over by then is passed over by whoever carries the plan out.
func (p *Plan) Flaps() (out []Flapping) {
	if p.Flap.Rate <= 0 || p.Subscribers == 0 {
		return nil
	}
	rng := source(hash(p.Seed, purposeFlap, 0))
	mean := 1e9 / p.Flap.Rate
	for at := rng.exp() * mean; at < float64(p.Duration); at += rng.exp() * mean {
		out = append(out, Flapping{At: int64(p.Warmup) + int64(at), Subscriber: int(rng.next() % uint64(p.Subscribers)), For: int64(p.Flap.For)})
	}
	return out
}

// present finds the first client from who on that is not away.
func present(back map[int]int64, who, clients int, now int64) (int, bool) {
	for range clients {
		if t, away := back[who]; !away || t < now {
			return who, true
		}
		who = (who + 1) % clients
	}
	return 0, false
}

// churning is how many clients may leave.
func (p *Plan) churning() int {
	switch p.Churn.Who {
	case ChurnPublishers:
		return p.Publishers
	case ChurnBoth:
		return p.Publishers + p.Subscribers
	default:
		return p.Subscribers
	}
}

// churner is the client with a number below churning.
func (p *Plan) churner(who int) (publisher bool, index int) {
	switch {
	case p.Churn.Who == ChurnPublishers:
		return true, who
	case p.Churn.Who == ChurnBoth && who < p.Publishers:
		return true, who
	case p.Churn.Who == ChurnBoth:
		return false, who - p.Publishers
	default:
		return false, who
	}
}
