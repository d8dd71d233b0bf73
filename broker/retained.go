package broker

import (
	"bytes"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/transport"
)

// retain makes p the retained message of its Topic Name, or removes that one
// when p has no payload, [v5 MQTT-3.3.1-5, MQTT-3.3.1-6]. It returns false when
// there is no room.
//
// A retained message is never given back to its pool: whoever is just reading the
// store may have found the old one. The garbage collector is the grace period.
func (l *loop) retain(p *publication) bool {
	s, name := l.s, string(p.name)
	defer l.ledger.retain()()
	if len(p.payload) == 0 {
		if old, existed := s.retained.Delete(name); existed {
			s.retainedBytes.Add(-costOf(old))
			l.ledger.retained(name, nil)
		}
		return true
	}
	cost := retainedCost(len(p.name), len(p.props), len(p.payload), bytes.Count(p.name, slash))
	if !l.retainable(name, cost) {
		return false
	}
	d := delivery{publication: p, loop: l}
	m := session.NewMessage(p.name, p.props, p.payload, p.qos, d.expires())
	l.ledger.retained(name, m)
	if old, existed := s.retained.Set(name, m); existed {
		s.retainedBytes.Add(-costOf(old))
	}
	return true
}

// forgetRetained removes an expired message, [v5 3.3.2.3.3]. If a new one has just
// taken its place it goes back there.
func (l *loop) forgetRetained(name string, m *session.Message) {
	s := l.s
	defer l.ledger.retain()()
	old, existed := s.retained.Delete(name)
	if existed && old != m {
		old, existed = s.retained.Set(name, old)
	}
	if existed {
		s.retainedBytes.Add(-costOf(old))
		if old == m {
			l.ledger.retained(name, nil)
		}
	}
}

// A wanted is a Topic Filter whose retained messages a client is owed.
type wanted struct {
	filter string
	qos    packet.QoS
	subID  uint32
}

// A backlog is what is left of the retained messages that one SUBSCRIBE or several
// asked for. Retained messages are owed however small the client's outbox is and
// however full its session; so what finds no room waits here, beyond the limits of
// both.
//
// It is bounded all the same: only for one Topic Filter at a time is there a list of
// messages, which belong to the store anyway; the others are looked up when their
// turn comes. A filter that is asked for again before its turn is sent once.
//
// While there is a backlog nothing overtakes it: see hasRoomLocked, maySendQueuedLocked and promiseLocked.
type backlog struct {
	items    []backlogItem
	filters  []wanted
	asked    map[string]int // Where in filters a Topic Filter stands.
	promises int            // Of items, those of QoS 1 and 2.
}

type backlogItem struct {
	msg   *session.Message // Not held: retained messages are left to the garbage collector.
	qos   packet.QoS       // Of the delivery.
	subID uint32
}

func (b *backlog) add(it backlogItem) {
	b.items = append(b.items, it)
	if it.qos > 0 {
		b.promises++
	}
}

// promisesNext reports whether the next message goes through the session. A nil b has none.
func (b *backlog) promisesNext() bool { return b != nil && len(b.items) > 0 && b.items[0].qos > 0 }

// ask has w sent after all others.
func (b *backlog) ask(w wanted) {
	if i, again := b.asked[w.filter]; again {
		b.filters[i] = w
		return
	}
	if b.asked == nil {
		b.asked = make(map[string]int)
	}
	b.asked[w.filter] = len(b.filters)
	b.filters = append(b.filters, w)
}

// nextFilter takes the filters in the order they were asked for. Those that have been
// taken are forgotten only together, for their places are in asked.
func (b *backlog) nextFilter() (w wanted, ok bool) {
	if len(b.asked) == 0 {
		b.filters = nil
		return w, false
	}
	w = b.filters[len(b.filters)-len(b.asked)]
	delete(b.asked, w.filter)
	return w, true
}

// turnBudget is how long one client's SUBSCRIBE may look for retained messages in one
// turn of the loop, ns. The rest is done in later turns, after those of others.
const turnBudget = 2 * millisecond

func (l *loop) overBudget() bool { return transport.Clock()-l.began > turnBudget }

// sendRetainedLocked sends what is retained under a Topic Filter, now or when there is room.
func (l *loop) sendRetainedLocked(cl *client, c *conn, s packet.Subscription, subID uint32) {
	if l.s.retained.Len() == 0 {
		return
	}
	w := wanted{string(s.Filter), s.QoS, subID}
	switch {
	case cl.backlog != nil:
		cl.backlog.ask(w)
	case l.overBudget():
		cl.backlog = new(backlog)
		cl.backlog.ask(w)
		l.pumpLater(c)
	default:
		l.gatherLocked(cl, c, w)
	}
}

// gatherLocked sends what is retained under one filter. From the first message on that
// finds no room the rest goes to the backlog.
func (l *loop) gatherLocked(cl *client, c *conn, w wanted) {
	for name, m := range l.s.retained.Match(w.filter) {
		if m.Expires != 0 && m.Expires <= l.now {
			l.forgetRetained(name, m)
			continue
		}
		if l.s.guarded && !l.rightsOf(c).May(auth.Read, m.Topic) {
			continue
		}
		it := backlogItem{m, min(m.QoS, w.qos), w.subID}
		if cl.backlog == nil {
			if l.sendItemLocked(cl, c, &it) {
				continue
			}
			cl.backlog = new(backlog)
		}
		cl.backlog.add(it)
	}
}

// idsOf is a Subscription Identifier as the list that a session takes; nil for none.
func (l *loop) idsOf(subID uint32) []uint32 {
	if subID == 0 {
		return nil
	}
	l.oneID[0] = subID
	return l.oneID[:]
}

// sendItemLocked sends one retained message or gives it to the session. It is false
// when there is no room now.
func (l *loop) sendItemLocked(cl *client, c *conn, it *backlogItem) bool {
	if l.s.guarded && !l.rightsOf(c).May(auth.Read, it.msg.Topic) {
		return true // The rules have changed while it waited.
	}
	if it.qos > 0 {
		return l.promiseRetainedLocked(cl, c, it)
	}
	if c.full() {
		return false
	}
	l.appendRetained0(c, it.msg, it.subID)
	l.putOutIfLarge(c)
	return true
}

// promiseRetainedLocked gives one retained message to the session, QoS 1 or 2. What an
// empty session does not take, no session would: it is dropped.
func (l *loop) promiseRetainedLocked(cl *client, c *conn, it *backlogItem) bool {
	d, v := cl.sess.Offer(it.msg, it.qos, true, l.idsOf(it.subID), !c.full())
	if v != session.Full {
		l.ledger.retainedPromisedLocked(l, cl, it.msg, &d, it.qos, l.idsOf(it.subID))
	}
	switch v {
	case session.Full:
		if cl.sess.Inflight()+cl.sess.Queued() > 0 {
			return false
		}
		l.n.dropped.SessionFull++
	case session.Send:
		l.appendDelivery(cl, c, &d)
		l.putOutIfLarge(c)
	}
	return true
}

func (l *loop) appendRetained0(c *conn, m *session.Message, subID uint32) {
	p := l.outgoing(c.version, m, l.idsOf(subID))
	p.Retain = true
	if c.maxPacket != 0 && p.Size(c.version) > int(c.maxPacket) {
		l.n.dropped.TooLarge++
		return
	}
	l.countDelivered(m)
	l.appendPublish(c, &p, m)
}

func (l *loop) putOutIfLarge(c *conn) {
	if len(l.out) >= drainBatch {
		l.putOut(c)
	}
}

// pumpBacklogLocked sends retained messages that have waited for room. The last one
// lifts the barrier.
func (l *loop) pumpBacklogLocked(cl *client, c *conn) {
	if cl.backlog == nil {
		return
	}
	l.began = transport.Clock()
	for {
		if !l.pumpItemsLocked(cl, c) {
			return
		}
		w, ok := cl.backlog.nextFilter()
		if !ok {
			l.putOut(c)
			cl.backlog = nil
			c.barrier.Store(false)
			return
		}
		l.gatherLocked(cl, c, w)
		if l.overBudget() {
			l.pumpLater(c)
			return
		}
	}
}

// pumpItemsLocked is false when some are left.
func (l *loop) pumpItemsLocked(cl *client, c *conn) bool {
	b := cl.backlog
	for i := range b.items {
		it := &b.items[i]
		if it.msg.Expires != 0 && it.msg.Expires <= l.now {
			l.n.dropped.Expired++
		} else if !l.sendItemLocked(cl, c, it) {
			b.items = b.items[i:]
			return false
		}
		if it.qos > 0 {
			b.promises--
		}
	}
	b.items = nil
	return true
}

// pumpLater goes on with a client's backlog in another turn.
func (l *loop) pumpLater(c *conn) {
	l.t.Post(func() {
		l.turn()
		l.enter()
		defer l.leave(nil)
		cl := c.client
		cl.mu.Lock()
		if cl.conn.Load() == c {
			l.pumpLocked(cl, c)
		}
		cl.mu.Unlock()
	})
}

// dropBacklogLocked forgets what was owed at the end of the Network Connection. Retained
// messages are not sent again on resume; of what the session had no room for, the client
// loses what was promised.
func (l *loop) dropBacklogLocked(cl *client) {
	if cl.backlog != nil {
		l.n.dropped.SessionFull += uint64(cl.backlog.promises)
		cl.backlog = nil
	}
}
