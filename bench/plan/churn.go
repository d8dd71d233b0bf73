package plan

// A Departure is a client's connection that is to be ended.
type Departure struct {
	At        int64 // ns since the start of publishing.
	Publisher bool  // A publisher, or else a subscriber,
	Client    int   // of this index.
	Abrupt    bool  // With a TCP RST; otherwise with a DISCONNECT.
	Down      int64 // ns until it is to connect again.
}

// Departures is who leaves during the run, in the order of time; a pure function of the plan. It is
// either the one departure of all subscribers that Offline is, or the churn of the measured part: a
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
		who, abrupt := int(rng.next()%uint64(clients)), unit(rng.next()) < p.Churn.Abrupt
		// The number of draws must not depend on who is away, or a longer Down would change every departure.
		who, ok := present(back, who, clients, d.At)
		if !ok {
			continue
		}
		back[who] = d.At + d.Down
		d.Abrupt = abrupt
		d.Publisher, d.Client = p.churner(who)
		out = append(out, d)
	}
	return out
}

// exodus is the departure of all subscribers at once, or of whoever Offline says.
func (p *Plan) exodus() []Departure {
	d := Departure{At: int64(p.Warmup) + int64(p.Offline.At), Down: int64(p.Offline.For), Abrupt: p.Offline.Abrupt}
	var out []Departure
	leave := func(n int, publishers bool) {
		for i := range n {
			d.Client, d.Publisher = i, publishers
			out = append(out, d)
		}
	}
	if p.Offline.Who != ChurnPublishers {
		leave(p.Subscribers, false)
	}
	if p.Offline.Who == ChurnPublishers || p.Offline.Who == ChurnBoth {
		leave(p.Publishers, true)
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
