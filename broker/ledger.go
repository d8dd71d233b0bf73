package broker

import (
	"sync"
	"sync/atomic"

	"mqttbench/broker/journal"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
)

// A ledger is the durable mode: what the broker promises goes to a journal, and what
// answers a client is held back until the promise behind it is durable. Without
// Options.DataDir there is none, and all that is left of it is a comparison with nil.
//
// In one sentence: each callback of a loop is one batch of the store, and whatever it
// puts is sent at once or waits, in the order of its connection, for the number of a batch.
//
// # One lock
//
// mu is held for the whole of a callback, and is taken before all others. So records come in
// the order in which the sessions changed, a message and its promises to many
// sessions are one batch, and the number of that batch is known before it is handed over. Batches
// of each loop were the alternative: then a record of one loop can overtake that of
// another about the same session, and a deleted promise come back. The price is that with a data
// directory one loop works at a time. It is never held across I/O: Append copies.
type ledger struct {
	// Immutable once the server has started
	store  *store.Store
	loops  []*loop
	shift  int64  // From the server's clock to wall time, ns.
	outbox int    // Options.Outbox.
	cancel func() // Ends what watch began.

	mu sync.Mutex

	// Guarded by mu
	batch    store.Batch
	w        journal.Writer
	next     uint64 // The number that batch will have.
	waits    bool   // Somebody has to wait for batch.
	sessions block[journal.SessionID]
	messages block[journal.MessageID]

	// Atomic
	durable atomic.Uint64
}

// A block is numbers that are never given twice: below end they are reserved in the journal.
type block[T ~uint64] struct{ next, end T }

// reserve is how many numbers are reserved at a time.
const reserve = 4096

// kept is what the ledger knows about a client. It is guarded by ledger.mu.
type kept struct {
	id       journal.SessionID // 0: nothing of the session is stored.
	willOnly bool              // The session ends with its connection: only its will is stored.
	last     journal.Position  // The newest that was given.
	waiting  tags              // Of what waits in the session, in order.
	flight   map[packet.ID]tag // Of what is in flight.

	owner  *conn // Whom held is for. Others are put nothing any more.
	held   held
	paused bool // owner is not read.
}

// A tag says where in the journal a promise stands, and how far it has got.
type tag struct {
	at       journal.Position
	msg      *storedMessage // Nil: the promise has its message to itself, or needs none any more.
	progress journal.Progress
}

// A storedMessage is one that several promises refer to.
type storedMessage struct {
	id   journal.MessageID
	refs int
}

// keeps reports whether the promises of the session are stored.
func (k *kept) keeps() bool { return k != nil && k.id != 0 && !k.willOnly }

// tags is a queue.
type tags struct {
	list []tag
	head int
}

func (q *tags) push(t tag) { q.list = append(q.list, t) }

func (q *tags) pop() tag {
	t := q.list[q.head]
	q.list[q.head] = tag{}
	if q.head++; q.head == len(q.list) {
		q.list, q.head = q.list[:0], 0
		if cap(q.list) > keepTags {
			q.list = nil
		}
	} else if q.head >= keepTags && q.head > len(q.list)/2 {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	return t
}

// keepTags is how many a queue holds on to when it is empty.
const keepTags = 1024

// enter begins a callback, leave ends it. c is the connection it is about, or nil.
func (l *loop) enter() {
	if l.ledger != nil {
		l.ledger.mu.Lock()
	}
}

func (l *loop) leave(c *conn) {
	if l.ledger != nil {
		l.ledger.commit(l, c)
	}
}

// commit hands the batch over.
func (g *ledger) commit(l *loop, c *conn) {
	defer g.mu.Unlock()
	l.gate, g.waits = 0, false
	if g.batch.Count() == 0 {
		return
	}
	if number, _ := g.store.Append(&g.batch); number != g.next {
		panic("broker: somebody else writes to the store")
	}
	g.next++
	g.batch.Reset()
	if c != nil {
		g.brake(l, c)
	}
}

// current is the batch by which all that was recorded so far will be durable.
func (g *ledger) current() uint64 {
	if g.batch.Count() > 0 {
		return g.next
	}
	return g.next - 1
}

// owe notes that answers have to wait for what was just recorded.
func (g *ledger) owe() { g.waits = true }

// wall translates the server's clock; 0 stays 0.
func (g *ledger) wall(at int64) int64 {
	if at == 0 {
		return 0
	}
	return at + g.shift
}

func (g *ledger) newSession() journal.SessionID {
	g.reserve(1, 0)
	g.sessions.next++
	return g.sessions.next - 1
}

func (g *ledger) newMessage() journal.MessageID {
	g.reserve(0, 1)
	g.messages.next++
	return g.messages.next - 1
}

// reserve sees to it that so many numbers may be given out.
func (g *ledger) reserve(s journal.SessionID, m journal.MessageID) {
	if g.sessions.next+s <= g.sessions.end && g.messages.next+m <= g.messages.end {
		return
	}
	g.sessions.end, g.messages.end = g.sessions.next+reserve, g.messages.next+reserve
	g.w.Reserve(g.sessions.end, g.messages.end)
}

// connectedLocked records that c has the client's session, and what CONNECT said about it. The
// gate is shut for what follows until that is durable, and with it all that came before: what is sent again
// may have been recorded just now.
func (g *ledger) connectedLocked(l *loop, cl *client, c *conn, present bool) {
	if g == nil {
		return
	}
	if cl.kept == nil {
		cl.kept = new(kept)
	}
	k := cl.kept
	k.held.drop()
	k.owner, k.paused = c, false
	if !present && (cl.expiry != 0 || cl.will != nil) {
		k.id, k.willOnly = g.newSession(), cl.expiry == 0
	}
	if k.id != 0 {
		g.putHeadLocked(cl, 0)
		g.putWillLocked(cl)
		g.owe()
	}
	if g.waits { // Also where only the session that had to go was a stored one.
		l.gate = g.current()
	}
}

// putHeadLocked records what the session is. since is on the server's clock; 0: it has a connection.
func (g *ledger) putHeadLocked(cl *client, since int64) {
	h := journal.Head{ClientID: []byte(cl.id), Expiry: cl.expiry, Since: g.wall(since)}
	g.w.PutSession(cl.kept.id, &h)
}

// putWillLocked records the client's will, or that it has none.
func (g *ledger) putWillLocked(cl *client) {
	w := cl.will
	if w == nil {
		g.w.ClearWill(cl.kept.id)
		return
	}
	g.w.SetWill(cl.kept.id, &journal.Will{
		Message: g.record(w.msg), Retain: w.retain,
		HasExpiry: w.hasExpiry, Delay: w.delay, Expiry: w.expiry,
	})
}

// willGoneLocked records that the client's will was published or dropped.
func (g *ledger) willGoneLocked(cl *client) {
	if g != nil && cl.kept != nil && cl.kept.id != 0 {
		g.w.ClearWill(cl.kept.id)
	}
}

// detachedLocked records that the client is away.
func (g *ledger) detachedLocked(cl *client) {
	if g != nil && cl.kept.keeps() {
		g.putHeadLocked(cl, cl.since)
	}
}

// endedLocked records that the session is over.
func (g *ledger) endedLocked(cl *client) {
	if g == nil || cl.kept == nil || cl.kept.id == 0 {
		return
	}
	k := cl.kept
	g.w.EndSession(k.id)
	g.owe()
	k.id = 0
	for _, t := range k.waiting.list[k.waiting.head:] {
		g.release(t.msg)
	}
	for _, t := range k.flight {
		g.release(t.msg)
	}
	k.waiting, k.flight = tags{}, nil
}

func (g *ledger) subscribedLocked(cl *client, s *packet.Subscription, subID uint32) {
	if g == nil || !cl.kept.keeps() {
		return
	}
	g.w.Subscribe(cl.kept.id, &journal.Subscription{
		Filter: s.Filter, SubID: subID, QoS: s.QoS,
		NoLocal: s.NoLocal, RetainAsPublished: s.RetainAsPublished,
	})
	g.owe()
}

func (g *ledger) unsubscribedLocked(cl *client, filter []byte) {
	if g != nil && cl.kept.keeps() {
		g.w.Unsubscribe(cl.kept.id, filter)
		g.owe()
	}
}

// receivedLocked records an incoming QoS 2 identifier; the first half of gate 1 in package journal.
func (g *ledger) receivedLocked(cl *client, id packet.ID) {
	if g != nil && cl.kept.keeps() {
		g.w.Receive(cl.kept.id, id)
		g.owe()
	}
}

// releasedLocked records that the identifier is free: gate 2.
func (g *ledger) releasedLocked(cl *client, id packet.ID) {
	if g != nil && cl.kept.keeps() {
		g.w.Release(cl.kept.id, id)
		g.owe()
	}
}

// recordLocked records that the recipient's session has taken the message; id is its
// Packet Identifier if it is in flight. The rest of gate 1.
//
// Who is alone with a message gets it in its promise. How many will take it is not known
// yet when there may be several, so the message says how many there are at most.
func (d *delivery) recordLocked(to *recipient, id packet.ID) {
	g, k := d.loop.ledger, to.client.kept
	if !k.keeps() {
		return
	}
	p := journal.Promise{QoS: to.qos, Retain: to.retain, SubIDs: to.ids}
	m := journal.Message{Topic: d.name, Props: d.props, Payload: d.payload, QoS: d.qos, Expires: g.wall(d.expires())}
	switch {
	case d.most < 2:
		p.Message = m
	case d.stored == nil:
		d.stored = &storedMessage{id: g.newMessage(), refs: 1} // Ours, until end.
		g.w.PutMessage(d.stored.id, &m, d.most)
	}
	if d.stored != nil {
		d.stored.refs++
		p.ID = d.stored.id
	}
	g.promise(k, &p, d.stored, id)
}

// retainedPromisedLocked is recordLocked for a retained message.
func (g *ledger) retainedPromisedLocked(l *loop, cl *client, m *session.Message, d *session.Delivery, qos packet.QoS, ids []uint32) {
	if g == nil || !cl.kept.keeps() {
		return
	}
	g.promise(cl.kept, &journal.Promise{Message: g.record(m), QoS: qos, Retain: true, SubIDs: ids}, nil, d.ID)
	g.shut(l, cl, qos)
}

// record is a message for the journal.
func (g *ledger) record(m *session.Message) journal.Message {
	return journal.Message{Topic: m.Topic, Props: m.Props, Payload: m.Payload, QoS: m.QoS, Expires: g.wall(m.Expires)}
}

func (g *ledger) promise(k *kept, p *journal.Promise, m *storedMessage, id packet.ID) {
	k.last++
	t := tag{at: k.last, msg: m}
	g.w.Promise(k.id, t.at, p)
	g.owe()
	if id == 0 {
		k.waiting.push(t)
		return
	}
	g.sent(k, t, id)
}

// sent records that a promise is in flight.
func (g *ledger) sent(k *kept, t tag, id packet.ID) {
	t.progress = journal.Sent
	g.w.Send(k.id, t.at, id)
	if k.flight == nil {
		k.flight = make(map[packet.ID]tag)
	}
	k.flight[id] = t
}

// shut has what is put now wait for all that was recorded, if it is a PUBLISH of QoS 2: gate 3.
func (g *ledger) shut(l *loop, cl *client, qos packet.QoS) {
	if g != nil && qos == 2 && cl.kept.keeps() {
		l.gate = max(l.gate, g.current())
	}
}

// nextLocked follows Session.Next: dropped messages had expired, and d, if ok, is to be sent.
func (g *ledger) nextLocked(l *loop, cl *client, dropped uint32, d *session.Delivery, ok bool) {
	if g == nil || !cl.kept.keeps() {
		return
	}
	k := cl.kept
	for range dropped {
		t := k.waiting.pop()
		g.w.Done(k.id, t.at, journal.Waiting)
		g.release(t.msg)
	}
	if ok && !d.Dup && !d.Release { // The rest is sent again.
		g.sent(k, k.waiting.pop(), d.ID)
		g.shut(l, cl, d.QoS)
	}
}

// doneLocked records that an exchange is complete. Nobody waits for that.
func (g *ledger) doneLocked(cl *client, id packet.ID) {
	if g == nil || !cl.kept.keeps() {
		return
	}
	k := cl.kept
	if t, ok := k.flight[id]; ok {
		delete(k.flight, id)
		g.w.Done(k.id, t.at, t.progress)
		g.release(t.msg)
	}
}

// pubrecLocked records that the client has the message: gate 4.
func (g *ledger) pubrecLocked(cl *client, id packet.ID) {
	if g == nil || !cl.kept.keeps() {
		return
	}
	k := cl.kept
	t, ok := k.flight[id]
	if !ok || t.progress == journal.Released {
		return
	}
	g.w.Pubrec(k.id, t.at, id)
	g.owe()
	g.release(t.msg)
	t.msg, t.progress = nil, journal.Released
	k.flight[id] = t
}

// release takes one reference to a stored message back, and deletes it after the last.
func (g *ledger) release(m *storedMessage) {
	if g == nil || m == nil {
		return
	}
	if m.refs--; m.refs == 0 {
		g.w.DropMessage(m.id)
	}
}

// retained records the retained message of a Topic Name, or that there is none any more (nil).
func (g *ledger) retained(name string, m *session.Message) {
	if g == nil {
		return
	}
	g.waits = true
	if m == nil {
		g.w.Unretain([]byte(name))
		return
	}
	r := g.record(m)
	g.w.Retain(&r)
}
