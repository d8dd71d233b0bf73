package bench

import (
	"cmp"
	"math"
	"slices"

	"mqttbench/bench/result"
)

// sessions are what a worker has seen of persistent sessions of subscribers that came back.
type sessions struct {
	returned, present, kept int64
}

// observe adds to the verdict what the workload is about besides messages: sessions, wills, retained messages, shares.
func (r *run) observe(s *result.Summary) {
	s.Sessions = r.observedSessions()
	s.Wills = r.observedWills()
	s.Retained = r.observedRetained()
	s.Shared = r.observedShares()
	s.Slowest = r.slowest()
	s.TakeOvers = r.observedTakeOvers()
	s.Flaps = r.observedFlaps()
	r.find(s, r.contradiction)
	find := func(class result.Class, n int64, first ...result.Offender) {
		r.find(s, result.Finding{Class: class, Count: n, First: first})
	}
	if w := s.Wills; w != nil {
		lost, uncalled, altered := r.wrongWills()
		find(result.WillLost, w.Missing, lost...)
		find(result.WillUncalled, w.Uncalled, uncalled...)
		find(result.WillAltered, w.Altered, altered...)
	}
	if x := s.TakeOvers; x != nil {
		find(result.TwoConnections, x.Standing)
	}
	if x := s.Flaps; x != nil {
		find(result.Unasked, x.Unasked)
	}
	if x := s.Retained; x != nil {
		none, old := r.wrongRetained()
		find(result.RetainedLost, x.Missing, none...)
		find(result.RetainedStale, x.Stale, old...)
	}
}

func (r *run) observedSessions() *result.Sessions {
	var sum result.Sessions
	for _, w := range r.workers {
		sum.Returned, sum.Present, sum.Kept = sum.Returned+w.sessions.returned, sum.Present+w.sessions.present, sum.Kept+w.sessions.kept
	}
	if sum.Returned == 0 {
		return nil
	}
	sum.Expire, sum.QueueLost = r.plan.Expires(), r.queueLost
	return &sum
}

func (r *run) observedWills() *result.Wills {
	if r.plan.Wills.Watchers == 0 {
		return nil
	}
	sum := &result.Wills{Watchers: int64(r.plan.Wills.Watchers)}
	for _, m := range r.members {
		if m.watch == nil {
			continue
		}
		for client, got := range m.watch.got {
			due, may := r.wills.fates[client].due.Load(), r.wills.fates[client].may.Load()
			sum.Expected += int64(due)
			sum.Received += int64(got)
			sum.Missing += int64(max(due, got) - got)
			sum.Uncalled += int64(max(got, due+may) - due - may)
		}
		sum.Uncalled += m.watch.stray
		sum.Altered += m.watch.altered
		sum.How = cmp.Or(sum.How, m.watch.how)
	}
	if r.plan.Wills.QoS == 0 { // At most once is what was promised.
		sum.LostQoS0, sum.Missing = sum.Missing, 0
	}
	return sum
}

func (r *run) observedRetained() *result.Retained {
	if r.plan.Readers.Count == 0 {
		return nil
	}
	sum := &result.Retained{Readers: int64(r.plan.Readers.Count)}
	for _, w := range r.workers {
		for _, x := range w.readers {
			if x.asked != 0 { // The run ended in the middle of it.
				x.interrupted()
			}
			sum.Readings, sum.Expected, sum.Delivered = sum.Readings+x.readings, sum.Expected+x.expected, sum.Delivered+x.delivered
			sum.Missing, sum.Stale = sum.Missing+x.missing, sum.Stale+x.stale
		}
	}
	return sum
}

// observedShares is how evenly the members of shared subscriptions were served.
func (r *run) observedShares() *result.Shared {
	var counts []int64
	for i, s := range r.subs {
		if r.plan.IsShared(i) {
			counts = append(counts, s.first)
		}
	}
	if len(counts) == 0 {
		return nil
	}
	x := &result.Shared{Members: int64(len(counts)), Least: math.MaxInt64}
	sum, squares := 0.0, 0.0
	for _, n := range counts {
		x.Least, x.Most = min(x.Least, n), max(x.Most, n)
		sum += float64(n)
	}
	x.Mean = sum / float64(len(counts))
	for _, n := range counts {
		squares += (float64(n) - x.Mean) * (float64(n) - x.Mean)
	}
	if x.Mean > 0 {
		x.Variation = math.Sqrt(squares/float64(len(counts))) / x.Mean
	}
	return x
}

// muchSlower is how many times the mean response time of a subscriber must be that of the others to be told.
const muchSlower = 10

// slowest is the subscriber that waited longest for its messages, if it stands out; nil: none does.
func (r *run) slowest() *result.Slowest {
	var all []*subscriber
	for _, s := range r.subs {
		if s.first > 0 {
			all = append(all, s)
		}
	}
	if len(all) < 3 {
		return nil
	}
	mean := func(s *subscriber) float64 { return float64(s.waited) / float64(s.first) / 1e9 }
	slices.SortFunc(all, func(a, b *subscriber) int { return cmp.Compare(mean(a), mean(b)) })
	last, others := all[len(all)-1], mean(all[(len(all)-1)/2])
	if mean(last) < muchSlower*others || others <= 0 {
		return nil
	}
	return &result.Slowest{Subscriber: r.plan.SubscriberID(int(last.number)), Mean: mean(last), Others: others, Delivered: last.first}
}
