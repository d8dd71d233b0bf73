package broker

import (
	"errors"
	"fmt"
	"time"

	"mqttbench/broker/journal"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
	"mqttbench/broker/topic"
	"mqttbench/broker/transport"
)

// openLedger opens the data directory, if there is to be one, and makes the broker what it
// was. No loop runs yet.
func (s *Server) openLedger() error {
	if s.o.DataDir == "" {
		return nil
	}
	st, err := store.Open(s.o.DataDir, store.Options{
		Sync:       s.o.Sync,
		AcceptLoss: s.o.AcceptLoss,
		MinFree:    s.o.MinFree,
		Free:       s.o.free,
		Logf:       func(format string, args ...any) { s.o.Logger.Warn(fmt.Sprintf(format, args...)) },
	})
	if err != nil {
		return err
	}
	wall, clock := time.Now().UnixNano(), transport.Clock()
	g := &ledger{store: st, shift: wall - clock, outbox: s.o.Outbox, wake: make(chan struct{}, 1)}
	if err := g.scribe().recover(s, wall, clock); err != nil {
		return errors.Join(err, st.Close())
	}
	s.ledger = g
	s.store.Store(st)
	return nil
}

func (g *scribe) recover(s *Server, wall, clock int64) error {
	if r := g.store.Recovery(); r.Lost > 0 || r.Cut > 0 || r.MachineDown {
		s.o.Logger.Warn("acknowledged messages may be lost", "batches", r.Lost, "machine went down", r.MachineDown)
	}
	r := journal.NewRecovery(s.o.SessionLimits, wall, clock)
	if err := g.store.Scan(nil, r.Add); err != nil {
		return err
	}
	found, err := r.Finish()
	if err != nil {
		return err
	}
	g.sessions = block[journal.SessionID]{found.NextSession, found.NextSession}
	g.messages = block[journal.MessageID]{found.NextMessage, found.NextMessage}
	g.reserveLocked(1, 1) // So there is a first batch, and it tells the number.
	for _, id := range found.Orphans {
		g.w.DropMessage(id)
	}
	for _, m := range found.Retained {
		g.takeRetained(s, m, clock)
	}
	shared := make(map[journal.MessageID]*storedMessage, len(found.Messages))
	for id, m := range found.Messages {
		shared[id] = &storedMessage{id: id}
		shared[id].refs.Store(int32(m.Refs))
	}
	seen := make(map[string]bool, len(found.Sessions))
	for _, rs := range found.Sessions {
		if seen[rs.ClientID] {
			return fmt.Errorf("two sessions of client %q", rs.ClientID)
		}
		seen[rs.ClientID] = true
		if err := g.takeSession(s, rs, shared, clock); err != nil {
			return err
		}
		rs.Places = nil // They are as large as what was made of them.
	}
	number, _ := g.store.Append(&g.batch)
	g.next = number + 1
	g.batch.Reset()
	g.some.Store(false)
	return nil
}

func (g *scribe) takeRetained(s *Server, m *session.Message, now int64) {
	if m.Expires != 0 && m.Expires <= now {
		g.w.Unretain(m.Topic)
		return
	}
	s.retained.Set(string(m.Topic), m)
	s.retainedBytes.Add(costOf(m))
}

// takeSession makes the client of a session. What has become due while there was no
// broker, its will or its end, is due now.
func (g *scribe) takeSession(s *Server, rs *journal.Session, shared map[journal.MessageID]*storedMessage, clock int64) error {
	cl := &client{
		id:     rs.ClientID,
		expiry: rs.Expiry,
		since:  rs.Since - g.shift,
		sess:   rs.State,
		kept:   &kept{id: rs.ID, last: rs.NextPosition() - 1},
	}
	if rs.WasConnected {
		g.putHeadLocked(cl, cl.since)
	}
	g.takePlaces(cl, rs, shared)
	if w := rs.Will; w != nil {
		m := &w.Message
		cl.will = &will{
			msg:    session.NewMessage(m.Topic, m.Props, m.Payload, m.QoS, 0),
			retain: w.Retain, delay: w.Delay, expiry: w.Expiry, hasExpiry: w.HasExpiry,
		}
	}
	for i := range rs.Subscriptions {
		sub := &rs.Subscriptions[i]
		if cl.number == 0 {
			if cl.number = s.numbers.give(cl); cl.number == 0 {
				return errors.New("more sessions with subscriptions than there are numbers for")
			}
			cl.filters = new(filters)
		}
		filter := string(sub.Filter)
		s.tree.Subscribe(filter, topic.Subscription{
			Subscriber: cl.number, QoS: uint8(sub.QoS), NoLocal: sub.NoLocal,
			RetainAsPublished: sub.RetainAsPublished, ID: sub.SubID,
		})
		cl.filters.add(filter)
	}
	s.directory.put(cl)
	s.scheduleLocked(cl)
	return nil
}

// takePlaces notes where the promises of a session stand.
func (g *ledger) takePlaces(cl *client, rs *journal.Session, shared map[journal.MessageID]*storedMessage) {
	k, i := cl.kept, 0
	if n := cl.sess.Queued(); n > 0 {
		k.waiting.list = make([]tag, 0, n)
	}
	for d := range cl.sess.Promises() {
		p := rs.Places[i]
		i++
		t := tag{at: p.At, msg: shared[p.Message], progress: p.Progress}
		if d.ID == 0 {
			k.waiting.push(t)
			continue
		}
		if k.flight == nil {
			k.flight = make(map[packet.ID]tag)
		}
		k.flight[d.ID] = t
	}
}

// watch has the loops told what is durable, from now on.
func (g *ledger) watch(s *Server) {
	if g == nil {
		return
	}
	g.loops = s.own
	g.durable.Store(g.store.Durable())
	g.cancel = g.store.Subscribe(func(durable uint64, err error) {
		if err != nil {
			g.fail(s, err)
			return
		}
		g.told(durable)
	})
	g.ended = make(chan struct{})
	go g.cutter()
}

// fail ends all connections. What waits for the store waits for ever: nothing is acknowledged any more.
func (g *ledger) fail(s *Server, err error) {
	s.o.Logger.Error("nothing can be stored any more", "error", err)
	s.closing.Store(true)
	s.failure <- err // There is room: the store tells once.
	for _, l := range g.loops {
		l.t.Post(l.kickAll)
	}
}

// close is the end, after that of the loops.
func (g *ledger) close() error {
	if g == nil {
		return nil
	}
	if g.cancel != nil {
		g.cancel()
		close(g.wake) // No callback is under way, and the store does not call any more.
		<-g.ended
		g.endBatch()
	}
	return g.store.Close()
}
