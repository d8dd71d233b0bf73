package measure

import "math"

// Comings are what is kept of a subscriber whose connection has ended, or that has unsubscribed, of the times in which it was away. By place in the
// plan's Sources.
type comings struct {
	leftTo   []uint32 // How many messages had been attempted when it left last.
	leftHigh []uint32 // Of a shared subscription: highest, as it was then.
	backTo   []uint32 // How many when it came back last, with its session present; nil: it did not.
	queued   [][]span // Attempted while its session was kept for it.
	excused  [][]span // Of a shared subscription: what may have gone down with it.
	away     bool     // Of a shared subscription: that is the case of what it has not been excused for yet.
}

// mostQueued bounds the spans that are kept of a subscriber's absences, streams times absences.
const mostQueued = 1 << 14

// ofComings are those of the subscriber; nil: there are none.
func (s *Subscriber) ofComings() *comings {
	if s.oddities == nil {
		return nil
	}
	return s.oddities.comings
}

func (s *Subscriber) sources() int {
	if s.shared != nil {
		return len(s.oddities.highest)
	}
	return len(s.pairs)
}

// attempted is how many messages of its stream at a place have been attempted.
func (s *Subscriber) attempted(place int) uint32 {
	return s.ledger.publishers[s.stream(place)].attempted.Load()
}

// leave notes how far the streams are when the subscriber goes; for good: its subscription goes with it.
func (s *Subscriber) leave(forGood bool) {
	if s.pairs != nil && s.cleanStart || s.away && s.ofComings() == nil {
		return // What a clean session misses is excused when it subscribes again.
	}
	if s.ofComings() == nil {
		s.odd().comings = &comings{leftTo: make([]uint32, s.sources())}
	}
	c := s.oddities.comings
	for i := range c.leftTo {
		c.leftTo[i] = s.attempted(i)
	}
	c.backTo = nil
	if s.shared != nil && forGood && !c.away {
		c.leftHigh, c.away = append(c.leftHigh[:0], s.oddities.highest...), true
	}
}

// back: it has a connection again.
func (s *Subscriber) back(sessionPresent bool) {
	c := s.ofComings()
	if c == nil || s.shared != nil || s.away || !sessionPresent {
		return
	}
	c.backTo = make([]uint32, len(s.pairs))
	for i := range s.pairs {
		c.backTo[i] = s.attempted(i)
	}
	if c.queued == nil {
		c.queued = make([][]span, len(s.pairs))
	}
	if int(s.left)*len(s.pairs) <= mostQueued {
		for i, to := range c.backTo {
			if from := c.leftTo[i]; from < to {
				c.queued[i] = join(c.queued[i], span{from, to})
			}
		}
	}
}

// rejoin: a member of a shared subscription is subscribed again. What had been given to it and had not come by its end is gone with its session, and nobody
// else need have it, [v5 MQTT-4.8.2-5]. It came in its order, [v5 4.6]: so that is what is later than the last that came. It was published before the server
// had heard that the member is back, and so, before it could take the old session for a living one.
func (s *Subscriber) rejoin() {
	c := s.ofComings()
	if c == nil || !c.away {
		return
	}
	c.away = false
	if c.excused == nil {
		c.excused = make([][]span, len(s.oddities.highest))
	}
	for i, from := range c.leftHigh {
		if to := s.attempted(i); from < to {
			c.excused[i] = join(c.excused[i], span{from, to})
		}
	}
}

// downWith are the messages of a stream that may have gone down with a member of the shared subscription that it goes to.
func (l *Ledger) downWith(stream int) (all []span) {
	for sub := range l.plan.Receivers(stream) {
		s := l.subscribers[sub]
		if s == nil {
			continue
		}
		place, ours := l.plan.SourceIndex(sub, stream)
		if !ours {
			continue
		}
		if c := s.ofComings(); c != nil {
			if c.excused != nil {
				for _, x := range c.excused[place] {
					all = join(all, x)
				}
			}
			if c.away {
				all = join(all, span{c.leftHigh[place], math.MaxUint32})
			}
		}
		if !s.connected { // A persistent session that nobody has come back for: it will have it when somebody does.
			all = join(all, span{s.oddities.highest[place], math.MaxUint32})
		}
	}
	return all
}

// leftUpTo is how many messages of a stream had been attempted when a member of the shared subscription that it goes to last left: those may have been
// given to another one as well. 0: none has.
func (l *Ledger) leftUpTo(stream int) (bound uint32) {
	for sub := range l.plan.Receivers(stream) {
		if s := l.subscribers[sub]; s != nil && s.ofComings() != nil {
			if place, ours := l.plan.SourceIndex(sub, stream); ours {
				bound = max(bound, s.ofComings().leftTo[place])
			}
		}
	}
	return bound
}

// queuedFor are the messages of a pair's stream that were attempted while the subscriber's session was kept for it.
func (s *Subscriber) queuedFor(place int) []span {
	if c := s.ofComings(); c != nil && c.queued != nil {
		return c.queued[place]
	}
	return nil
}

// fewestSilent is how many messages must be missing, and none have come, for the subscription to be what is missing.
const fewestSilent = 3

// subscriptionGone reports whether nothing has come of a stream since the subscriber came back and its session was present, and what was lost since then.
func (s *Subscriber) subscriptionGone(place int, lost []span) (since []span, gone bool) {
	c := s.ofComings()
	if c == nil || c.backTo == nil || !s.connected || s.away {
		return nil, false
	}
	from, attempted := c.backTo[place], s.attempted(place)
	since, _ = split(lost, []span{{from, math.MaxUint32}})
	p := &s.pairs[place]
	return since, sum(since) >= fewestSilent && p.got.below(attempted) == p.got.below(min(from, attempted))
}
