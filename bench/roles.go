package bench

import (
	"slices"
	"sync/atomic"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/broker/packet"
)

// populate makes the clients and gives them their roles. A publisher that is nothing else lives on the group of its first
// receiver, so that a pair shares a loop; all others are dealt out.
func (r *run) populate() {
	r.members = make([]*member, r.plan.Clients())
	r.retained = make([]atomic.Uint32, r.plan.Publishers)
	r.wills = newWills(r.plan)
	r.subs = make([]*subscriber, r.plan.Subscribers)
	for i := range r.subs {
		m := r.member(r.plan.SubscriberClient(i), -1)
		s := m.worker.subscribers.take()
		*s = subscriber{member: m, number: int32(i), qos: r.plan.SubQoSOf(i), ledger: r.ledger.Subscriber(i, m.worker.index)}
		at := &m.subs
		for *at != nil {
			at = &(*at).next
		}
		r.subs[i], *at = s, s
	}
	r.pubs = make([]*publisher, r.plan.Publishers)
	for i := range r.pubs {
		m := r.member(r.plan.PublisherClient(i), r.nearest(i))
		p := m.worker.publishers.take()
		*p = publisher{
			member: m, number: i, qos: r.plan.PubQoSOf(i), retain: r.plan.RetainOf(i),
			ledger: r.ledger.Publisher(i, m.worker.index), copies: int32(r.plan.Copies(i)), period: r.steadyPeriod(i),
		}
		if r.plan.Closed {
			p.refill = new(refill)
		}
		at := &m.pubs
		for *at != nil {
			at = &(*at).next
		}
		r.pubs[i], *at = p, p
		m.worker.pubs = append(m.worker.pubs, p)
	}
	for i := range r.members { // Of groups that are in no flow.
		r.member(i, -1)
	}
	r.watchers()
	r.all = len(r.members)
	r.readers()
}

// nearest is the worker of the first receiver of a pair's publisher; -1: no matter which.
func (r *run) nearest(pub int) int {
	if r.plan.Pattern != plan.Pairs || len(r.plan.Flows) > 0 {
		return pub % len(r.workers)
	}
	for first := range r.plan.Receivers(pub) {
		return first % len(r.workers)
	}
	return pub % len(r.workers)
}

// member is client number n, made when it is first asked for: on a worker, or with -1 on the one that is its turn.
func (r *run) member(n, worker int) *member {
	if r.members[n] == nil {
		if worker < 0 {
			worker = n % len(r.workers)
		}
		m := r.newMember(n, worker)
		m.client = m.worker.group.New(r.options(n, r.plan.ClientName(n), r.plan.ClientSession(n)), m)
		r.members[n] = m
	}
	return r.members[n]
}

func (r *run) newMember(n, worker int) *member {
	w := r.workers[worker]
	m := w.clients.take()
	*m = member{worker: w, seldom: &nothingSpecial, number: n}
	w.members = append(w.members, m)
	return m
}

// options are those of client number n.
func (r *run) options(n int, id string, s plan.Session) client.Options {
	o := r.cfg.Client
	if len(r.cfg.Nodes) > 0 {
		o.URL = r.cfg.Nodes[n%len(r.cfg.Nodes)]
	}
	if len(r.cfg.Locals) > 0 {
		o.Local = r.cfg.Locals[n%len(r.cfg.Locals)]
	}
	if r.cfg.ClientTLS != nil {
		o.TLS = r.cfg.ClientTLS(n)
	}
	o.ClientID, o.Version, o.Window = id, r.plan.Version, r.plan.Window
	o.CleanStart = s == plan.Clean
	if !o.CleanStart {
		o.SessionExpiry = sessionExpiry
		if r.plan.SessionExpiry > 0 {
			o.SessionExpiry = uint32(max(1, time.Duration(r.plan.SessionExpiry)/time.Second))
		}
	}
	if n < r.plan.Clients() {
		r.wills.bequeath(n, &o)
	}
	if r.cfg.Personal != nil {
		r.cfg.Personal(n, &o)
	}
	return o
}

// subscriptions is how many must have been granted before the run goes on.
func (r *run) subscriptions() int64 { return int64(len(r.subs) + r.plan.Wills.Watchers) }

// probesWanted is how many subscribers, and streams of shared subscriptions, a message on every topic has to reach.
func (r *run) probesWanted() (n int64) {
	for i := range r.subs {
		if !r.plan.IsShared(i) && r.plan.SourceCount(i) > 0 {
			n++
		}
	}
	for i := range r.pubs {
		if r.plan.GoesShared(i) && r.plan.ReceiverCount(i) > 0 {
			n++
		}
	}
	return n
}

// levels are the QoS levels of both sides, ascending.
func levels(p *plan.Plan) (pub, sub []int) {
	for _, q := range p.Levels() {
		pub = append(pub, int(q))
	}
	if len(p.Flows) == 0 {
		return pub, []int{int(p.SubQoS)}
	}
	for i := range p.Flows {
		if f := &p.Flows[i]; f.Subscribers > 0 && !slices.Contains(sub, int(f.SubQoS)) {
			sub = append(sub, int(f.SubQoS))
		}
	}
	slices.Sort(sub)
	return pub, sub
}

// Connected implements client.Observer. All roles hear of it before any publishes.
func (m *member) Connected(sessionPresent bool, now int64) {
	if m.worker.frozen {
		return
	}
	var asks []client.Subscription
	for p := m.pubs; p != nil; p = p.next {
		p.arrive(sessionPresent)
	}
	for s := m.subs; s != nil; s = s.next {
		if s.arrive(sessionPresent) {
			asks = s.ask(asks)
		}
	}
	m.arrived()
	switch {
	case m.watch != nil:
		m.watch.subscribe(sessionPresent)
	case m.read != nil:
		m.read.subscribe()
	case len(asks) > 0:
		m.subscribe(asks)
	default:
		m.resumed(now)
	}
	m.Writable()
	m.leaveLate()
}

func (m *member) subscribe(all []client.Subscription) {
	m.client.SubscribeTo(all, m.worker.run.cfg.SubscribeProps)
}

// asking reports whether a SUBSCRIBE is under way.
func (m *member) asking() bool {
	for s := m.subs; s != nil; s = s.next {
		if s.asked > 0 {
			return true
		}
	}
	return false
}

// ask appends to a SUBSCRIBE all that the subscriber wants.
func (s *subscriber) ask(all []client.Subscription) []client.Subscription {
	r, n, had := s.worker.run, int(s.number), len(all)
	for _, filters := range [][]string{r.plan.Filters(n), r.plan.DecoyFilters(n)} {
		for _, f := range filters {
			x := r.cfg.Subscription
			x.Filter, x.QoS = f, s.qos
			all = append(all, x)
		}
	}
	s.asked = int32(len(all) - had)
	return all
}

// Subscribed implements client.Observer.
func (m *member) Subscribed(codes []packet.ReasonCode, now int64) {
	if m.worker.frozen {
		return
	}
	switch {
	case m.watch != nil:
		m.watch.subscribed(codes)
		return
	case m.read != nil:
		return
	}
	for s := m.subs; s != nil; s = s.next {
		if n := min(int(s.asked), len(codes)); s.asked > 0 {
			s.asked = 0
			s.accept(codes[:n])
			codes = codes[n:]
		}
	}
	m.resumed(now)
}

// Acked implements client.Observer.
func (m *member) Acked(token uint64, reason packet.ReasonCode, now int64) {
	if !m.worker.frozen {
		m.worker.run.pubs[token>>32].acked(uint32(token), reason, now)
	}
}

// Recall implements client.Observer: messages are a function of the plan and of when they were sent.
func (m *member) Recall(token uint64, sent int64) *client.Message {
	m.worker.run.pubs[token>>32].write(uint32(token), sent)
	return &m.worker.message
}

// Received implements client.Observer.
func (m *member) Received(r *client.Reception) {
	switch {
	case m.worker.frozen:
	case m.subs != nil:
		m.addressee(r).receive(r)
	case m.watch != nil:
		m.watch.receive(r)
	case m.read != nil:
		m.read.receive(r)
	}
}

// addressee is the subscriber that a message is for; the first, if it is for none: it will say so.
func (m *member) addressee(r *client.Reception) *subscriber {
	if m.subs.next == nil {
		return m.subs
	}
	if stamp, ok := plan.ReadStamp(r.Payload); ok {
		for s := m.subs; s != nil; s = s.next {
			if _, its := m.worker.run.plan.SourceIndex(int(s.number), stamp.Stream); its {
				return s
			}
		}
	}
	return m.subs
}

// Writable implements client.Observer.
func (m *member) Writable() {
	for p := m.pubs; p != nil; p = p.next {
		p.catchUp()
	}
}

// Disconnected implements client.Observer.
func (m *member) Disconnected(err error, now int64) {
	if m.worker.frozen {
		return
	}
	if m.connected {
		for p := m.pubs; p != nil; p = p.next {
			p.depart()
		}
		for s := m.subs; s != nil; s = s.next {
			s.ledger.Disconnected()
		}
		m.lapse()
	}
	m.departed(err, now)
}
