package bench

import (
	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
)

// A flap is what a subscriber goes through that unsubscribes and subscribes again, while its connection stands. What is published in between
// is not owed to it, and from UNSUBACK on must not come: [v5 MQTT-3.10.4-2], [v3.1.1 MQTT-3.10.4-2].
type flap struct {
	subscriber *subscriber
	until      int64 // transport.Clock: when it is to subscribe again.
	off        int64 // transport.Clock: when UNSUBACK came; 0: it has not yet.
}

// flaps are what a worker has seen of them.
type flaps struct {
	taken, acked, renewed, lapsed, unasked int64
}

// open is how many subscriptions are to be made again.
func (x *flaps) open() int64 { return x.taken - x.renewed - x.lapsed }

// unsubscribe has the subscribers unsubscribe whose time has come.
func (w *worker) unsubscribe(now int64) (next int64) {
	at := func(x plan.Flapping) int64 { return w.run.start + x.At }
	return comeDue(&w.flapping, now, at, func(x plan.Flapping) { w.run.subs[x.Subscriber].takeBack(at(x) + x.For) })
}

// subscribeAgain has those subscribe again whose time has come; of whom UNSUBACK has not come yet, when it does.
func (w *worker) subscribeAgain(now int64) (next int64) {
	return comeDue(&w.unsubscribed, now, func(x *flap) int64 { return x.until }, func(x *flap) {
		if m := x.subscriber.member; m.flap == x && x.off != 0 {
			m.renew()
		}
	})
}

// takeBack has the subscriber unsubscribe. One that is not there, or has no subscription now, is passed over.
func (s *subscriber) takeBack(until int64) {
	m := s.member
	if !m.connected || m.leaving || m.returning != 0 || m.asking() || m.flap != nil || s.unproven {
		return
	}
	w := m.worker
	w.flaps.taken++
	w.rec.Count.Unsubscribes++
	m.special().flap = &flap{subscriber: s, until: until}
	w.unsubscribed = append(w.unsubscribed, m.flap)
	s.ledger.Unsubscribed()
	m.client.Unsubscribe(w.run.plan.Filters(int(s.number)))
}

// Unsubscribed implements client.Observer.
func (m *member) Unsubscribed(now int64) {
	w := m.worker
	if w.frozen || m.flap == nil {
		return
	}
	w.flaps.acked++
	m.flap.off = now
	if now >= m.flap.until {
		m.renew()
	}
}

// renew subscribes again.
func (m *member) renew() {
	s := m.flap.subscriber
	m.flap = nil
	m.worker.flaps.renewed++
	m.subscribe(s.ask(nil))
}

// lapse: the connection has ended in the middle of it. The subscriber subscribes again when it is back.
func (m *member) lapse() {
	for s := m.subs; s != nil; s = s.next {
		s.asked = 0
	}
	if m.flap != nil {
		m.flap.subscriber.lapsed, m.flap = true, nil
		m.worker.flaps.lapsed++
	}
}

// unasked counts a message that came although it was sent when the subscriber had been told that it is not subscribed any more.
func (s *subscriber) unasked(r *client.Reception, stamp plan.Stamp) {
	x := s.member.flap
	if x != nil && x.subscriber == s && x.off != 0 && s.worker.run.origin+stamp.Sent > x.off {
		s.worker.flaps.unasked++
	}
}

// observedFlaps is what became of the subscriptions that were taken back; nil: none were.
func (r *run) observedFlaps() *result.Flaps {
	if r.plan.Flap.Rate == 0 {
		return nil
	}
	sum := new(result.Flaps)
	for _, w := range r.workers {
		x := &w.flaps
		sum.Unsubscribed, sum.Acked, sum.Renewed, sum.Unasked = sum.Unsubscribed+x.taken, sum.Acked+x.acked, sum.Renewed+x.renewed, sum.Unasked+x.unasked
	}
	return sum
}
