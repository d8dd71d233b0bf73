package broker

import (
	"mqttbench/broker/session"
	"mqttbench/broker/topic"
)

// How many members of a shared subscription are looked at for one that would send at
// once. A group that is busy all over is not searched from end to end each time.
const sharedProbes = 64

// share gives the message to one member of a shared subscription, [v5 4.8.2]: in
// turn to those that would send it at once; if there are none, to one that is
// online; only if nobody is, to the session of one that is away. What a member's
// session has taken stays there. It returns false when there is no member to count.
func (d *delivery) share(g *topic.Group, o *outcome) bool {
	n := len(g.Members)
	if n == 0 {
		return false
	}
	start := int(g.Turn.Add(1) % uint32(n))
	var online, away *topic.Subscription
	for i := range min(n, sharedProbes) {
		s := &g.Members[(start+i)%n]
		cl := d.loop.s.numbers.get(s.Subscriber)
		if cl == nil || d.loop.s.guarded && !d.loop.mayReach(cl, d.name) {
			continue
		}
		switch d.ask(cl, s) {
		case taken:
			return true
		case busy:
			if online == nil {
				online = s
			}
		case offline:
			if away == nil {
				away = s
			}
		}
	}
	if online == nil {
		online = d.anyOnline(g, start)
	}
	if online == nil {
		online = away
	}
	if online == nil {
		return false
	}
	to := d.member(d.loop.s.numbers.get(online.Subscriber), online)
	if to.client == nil {
		return false
	}
	if !d.give(&to) {
		o.refused++
	}
	return true
}

type answer uint8

const (
	taken   answer = iota
	busy           // Online, but it could only queue.
	offline        // With a session that can queue, or with nothing.
)

func (d *delivery) member(cl *client, s *topic.Subscription) recipient {
	return recipient{cl, minQoS(d.qos, s.QoS), d.retain && s.RetainAsPublished, d.loop.idsOf(s.ID)}
}

// ask offers the message to a member that would send it at once.
func (d *delivery) ask(cl *client, s *topic.Subscription) answer {
	c := cl.conn.Load()
	if c == nil {
		return offline
	}
	to := d.member(cl, s)
	if to.qos == 0 {
		if c.barrier.Load() || c.full() {
			return busy
		}
		d.send(c, &to, 0)
		return taken
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c = cl.conn.Load()
	switch {
	case c == nil:
		return offline
	case !cl.acceptsLocked(c):
		return busy
	}
	if d.promiseLocked(&to) == session.Full {
		return busy
	}
	return taken
}

// anyOnline looks further than ask did, without locks.
func (d *delivery) anyOnline(g *topic.Group, start int) *topic.Subscription {
	n := len(g.Members)
	for i := sharedProbes; i < n; i++ {
		s := &g.Members[(start+i)%n]
		if cl := d.loop.s.numbers.get(s.Subscriber); cl != nil && cl.conn.Load() != nil && (!d.loop.s.guarded || d.loop.mayReach(cl, d.name)) {
			return s
		}
	}
	return nil
}
