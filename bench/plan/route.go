package plan

import "iter"

// Pairs with unequal counts: the larger side is dealt out like cards, so that the smaller side's shares differ
// by one at most. With P publishers and S subscribers, publisher p and subscriber s are a pair if
//
//	P >= S:  p mod S = s        (a subscriber has several publishers)
//	P <  S:  s mod P = p        (a publisher has several subscribers)

// a progression is first, first+step, ... below limit.
func progression(first, step, limit int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := first; i < limit; i += step {
			if !yield(i) {
				return
			}
		}
	}
}

// terms is how many terms the progression has.
func terms(first, step, limit int) int {
	if first >= limit {
		return 0
	}
	return (limit - first + step - 1) / step
}

// sources is the progression of the publishers that a subscriber receives.
func (p *Plan) sources(sub int) (first, step, limit int) {
	if f := p.flowTo(sub); f != nil {
		first, step, limit = partners(f.Pattern, f.Publishers, f.Subscribers, sub-f.FirstSubscriber)
		return first + f.FirstPublisher, step, limit + f.FirstPublisher
	}
	return partners(p.Pattern, p.Publishers, p.Subscribers, sub)
}

// receivers is the progression of the subscribers that receive a publisher.
func (p *Plan) receivers(pub int) (first, step, limit int) {
	if f := p.flowOf(pub); f != nil {
		first, step, limit = partners(f.Pattern, f.Subscribers, f.Publishers, pub-f.FirstPublisher)
		return first + f.FirstSubscriber, step, limit + f.FirstSubscriber
	}
	return partners(p.Pattern, p.Subscribers, p.Publishers, pub)
}

// partners is the progression of those, of so many others, who have to do with one of those on its own side.
func partners(pattern Pattern, others, own, one int) (first, step, limit int) {
	switch {
	case pattern != Pairs:
		return 0, 1, others
	case others >= own:
		return one, own, others
	case others > 0:
		return one % others, others, others
	default:
		return 0, 1, 0
	}
}

// Sources are the publishers that a subscriber receives, ascending.
func (p *Plan) Sources(sub int) iter.Seq[int] { return progression(p.sources(sub)) }

// SourceCount is how many publishers a subscriber receives.
func (p *Plan) SourceCount(sub int) int { return terms(p.sources(sub)) }

// SourceIndex is the place of pub among the Sources of sub, and whether it is among them.
func (p *Plan) SourceIndex(sub, pub int) (int, bool) {
	first, step, limit := p.sources(sub)
	if pub < first || pub >= limit {
		return 0, false
	}
	i := (pub - first) / step
	return i, first+i*step == pub
}

// Receivers are the subscribers that receive a publisher, ascending. With a ShareName each of them
// may receive it, and every message goes to one.
func (p *Plan) Receivers(pub int) iter.Seq[int] { return progression(p.receivers(pub)) }

// ReceiverCount is how many Receivers there are.
func (p *Plan) ReceiverCount(pub int) int { return terms(p.receivers(pub)) }

// Copies is how many deliveries one message of a publisher makes: its receivers, or 1 with a
// ShareName.
func (p *Plan) Copies(pub int) int {
	if p.GoesShared(pub) {
		return min(1, p.ReceiverCount(pub))
	}
	return p.ReceiverCount(pub)
}

// FanOut is the mean number of deliveries of a message; 0 if there are no publishers.
func (p *Plan) FanOut() float64 {
	if p.Publishers == 0 {
		return 0
	}
	if len(p.Flows) > 0 && p.Rate > 0 {
		deliveries := 0.0
		for i := range p.Flows {
			if f := &p.Flows[i]; f.Publishers > 0 {
				copies := 0
				for pub := range f.Publishers {
					copies += p.Copies(f.FirstPublisher + pub)
				}
				deliveries += f.Rate * float64(copies) / float64(f.Publishers)
			}
		}
		return deliveries / p.Rate
	}
	sum := 0
	for pub := range p.Publishers {
		sum += p.Copies(pub)
	}
	return float64(sum) / float64(p.Publishers)
}
