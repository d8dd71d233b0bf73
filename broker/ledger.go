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
// In one sentence: all callbacks of all loops write to one batch of the store, which ends when none of them is
// in the middle of one, and whatever a callback puts is sent at once or waits, in the order of its
// connection, for the number of a batch.
//
// # How the loops share a batch
//
// A callback holds cut for reading, and whoever ends the batch holds it for writing. So a callback is in one
// batch as a whole, a message and its promises to many sessions with it, and its number is known
// from the beginning. Records enter the batch one by one, under mu, while the lock of the session
// they are about is held: so those of one session come in the order in which it changed, and nothing else has to be in
// order. A batch for each loop would not do: then a record of one loop could overtake that of
// another about the same session, and a deleted promise come back.
//
// A callback that was alone ends the batch itself, which costs what a batch for each callback would.
// If another one is under way it leaves that to the cutter, and the cutter waits until the disk has done with
// all before or the batch is large: loops are brought to a halt together once for each write to the disk and not once for
// each callback.
//
// A callback that has recorded nothing but the end of exchanges does not end the batch at all: those records go with
// the next one that does, or with the loop's tick. Nobody waits for them, and a batch of their own would make the next
// message wait for a second turn of the disk.
//
// cut is taken before all other locks, mu and kept.mu after client.mu. None is held across I/O: Append copies.
type ledger struct {
	// Immutable once the server has started
	store  *store.Store
	loops  []*loop
	shift  int64         // From the server's clock to wall time, ns.
	outbox int           // Options.Outbox.
	cancel func()        // Ends what watch began.
	wake   chan struct{} // Capacity 1: the batch is to be ended. Closed by close.
	ended  chan struct{} // Closed when the cutter has ended. Nil: it was not begun.

	cut sync.RWMutex

	// Guarded by cut: written with it held alone
	next uint64 // The number that batch will have.

	mu sync.Mutex

	// Guarded by mu
	batch store.Batch

	numbersMu sync.Mutex // Taken before mu.

	// Guarded by numbersMu
	sessions block[journal.SessionID]
	messages block[journal.MessageID]

	clock commitClock

	// retaining orders what is retained, in memory and in the journal.
	retaining sync.Mutex

	// Atomic
	durable atomic.Uint64
	some    atomic.Bool // There is something in batch.
	late    atomic.Bool // A callback has left the end of its batch to others.
}

// A scribe is one loop's hand in the ledger.
type scribe struct {
	*ledger

	// Owned by the loop
	w     journal.Writer
	waits bool // Somebody has to wait for what this callback has recorded.
	wrote bool // This callback has to end the batch: it has recorded something that should be durable soon, or has somebody wait.
}

func (g *ledger) scribe() *scribe {
	if g == nil {
		return nil
	}
	s := &scribe{ledger: g}
	s.w.To = s
	return s
}

// Set and the other methods of a journal.Batch put one change into the batch that all share.
func (g *scribe) Set(key, value []byte)      { g.change().Set(key, value); g.mu.Unlock() }
func (g *scribe) Delete(key []byte)          { g.change().Delete(key); g.mu.Unlock() }
func (g *scribe) DeleteOnce(key []byte)      { g.change().DeleteOnce(key); g.mu.Unlock() }
func (g *scribe) DeletePrefix(prefix []byte) { g.change().DeletePrefix(prefix); g.mu.Unlock() }

// change locks the batch.
func (g *scribe) change() *store.Batch {
	g.wrote = true
	g.mu.Lock()
	g.some.Store(true)
	return &g.batch
}

// A block is numbers that are never given twice: below end they are reserved in the journal.
type block[T ~uint64] struct{ next, end T }

// reserve is how many numbers are reserved at a time.
const reserve = 4096

// kept is what the ledger knows about a client.
type kept struct {
	// Guarded by client.mu
	id       journal.SessionID // 0: nothing of the session is stored.
	willOnly bool              // The session ends with its connection: only its will is stored.
	last     journal.Position  // The newest that was given.
	waiting  tags              // Of what waits in the session, in order.
	flight   map[packet.ID]tag // Of what is in flight.

	mu sync.Mutex

	// Guarded by mu
	owner  *conn // Whom held is for. Others are put nothing any more.
	held   held
	paused bool // owner is not read.

	holding atomic.Int64 // The size of held, bytes.
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
	refs atomic.Int32
}

// keeps reports whether the promises of the session are stored. The client's mu is held.
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
	if g := l.ledger; g != nil {
		g.cut.RLock()
		g.waits, g.wrote = false, false
	}
}

func (l *loop) leave(c *conn) {
	g := l.ledger
	if g == nil {
		return
	}
	l.gate = 0
	g.cut.RUnlock()
	if !g.wrote {
		return
	}
	g.commit()
	if c != nil {
		g.brake(l, c)
	}
}

// commit has the batch handed over, now if nobody else is writing to it.
func (g *ledger) commit() {
	if g.cut.TryLock() {
		g.endBatch()
		g.cut.Unlock()
		return
	}
	// Either told sees late set, or we see what it was told.
	g.late.Store(true)
	if g.store.IsIdle() || g.isLarge() {
		g.rouse()
	}
}

// isLarge reports whether the batch should not wait for the disk: only what was handed over counts for the
// store's pressure.
func (g *ledger) isLarge() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.batch.Len() >= largeBatch
}

// largeBatch is in bytes.
const largeBatch = 256 << 10

// endBatch hands the batch over; cut is held alone.
func (g *ledger) endBatch() {
	g.late.Store(false)
	g.mu.Lock() // For isLarge: nobody else is there.
	defer g.mu.Unlock()
	if g.batch.Count() == 0 {
		return
	}
	if number, _ := g.store.Append(&g.batch); number != g.next {
		panic("broker: somebody else writes to the store")
	}
	g.clock.handed(g.next)
	g.next++
	g.batch.Reset()
	g.some.Store(false)
}

// rouse wakes the cutter.
func (g *ledger) rouse() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// cutter ends the batches that no callback could end, since others were always in the middle of theirs.
func (g *ledger) cutter() {
	defer close(g.ended)
	for range g.wake {
		g.cut.Lock()
		g.endBatch()
		g.cut.Unlock()
	}
}

// current is the batch by which all that was recorded so far will be durable.
func (g *ledger) current() uint64 {
	if g.some.Load() {
		return g.next
	}
	return g.next - 1
}

// isScarce reports whether nothing that can be refused should be stored: the disk is nearly full.
func (g *scribe) isScarce() bool { return g != nil && g.store.Scarce() != nil }

// owe notes that answers have to wait for what was just recorded.
func (g *scribe) owe() { g.waits = true }

// wall translates the server's clock; 0 stays 0.
func (g *ledger) wall(at int64) int64 {
	if at == 0 {
		return 0
	}
	return at + g.shift
}

func (g *scribe) newSession() journal.SessionID {
	g.numbersMu.Lock()
	defer g.numbersMu.Unlock()
	g.reserveLocked(1, 0)
	g.sessions.next++
	return g.sessions.next - 1
}

func (g *scribe) newMessage() journal.MessageID {
	g.numbersMu.Lock()
	defer g.numbersMu.Unlock()
	g.reserveLocked(0, 1)
	g.messages.next++
	return g.messages.next - 1
}

// reserveLocked sees to it that so many numbers may be given out.
func (g *scribe) reserveLocked(s journal.SessionID, m journal.MessageID) {
	if g.sessions.next+s <= g.sessions.end && g.messages.next+m <= g.messages.end {
		return
	}
	g.sessions.end, g.messages.end = g.sessions.next+reserve, g.messages.next+reserve
	g.w.Reserve(g.sessions.end, g.messages.end)
}

// connectedLocked records that c has the client's session, and what CONNECT said about it. The
// gate is shut for what follows until that is durable, and with it all that came before: what is sent again
// may have been recorded just now.
func (g *scribe) connectedLocked(l *loop, cl *client, c *conn, present bool) {
	if g == nil {
		return
	}
	if cl.kept == nil {
		cl.kept = new(kept)
	}
	k := cl.kept
	k.mu.Lock()
	k.dropHeldLocked()
	k.owner, k.paused = c, false
	k.mu.Unlock()
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
func (g *scribe) putHeadLocked(cl *client, since int64) {
	h := journal.Head{ClientID: []byte(cl.id), Expiry: cl.expiry, Since: g.wall(since)}
	g.w.PutSession(cl.kept.id, &h)
}

// putWillLocked records the client's will, or that it has none.
func (g *scribe) putWillLocked(cl *client) {
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
func (g *scribe) willGoneLocked(cl *client) {
	if g != nil && cl.kept != nil && cl.kept.id != 0 {
		g.w.ClearWill(cl.kept.id)
	}
}

// detachedLocked records that the client is away.
func (g *scribe) detachedLocked(cl *client) {
	if g != nil && cl.kept.keeps() {
		g.putHeadLocked(cl, cl.since)
	}
}

// endedLocked records that the session is over.
func (g *scribe) endedLocked(cl *client) {
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

func (g *scribe) subscribedLocked(cl *client, s *packet.Subscription, subID uint32) {
	if g == nil || !cl.kept.keeps() {
		return
	}
	g.w.Subscribe(cl.kept.id, &journal.Subscription{
		Filter: s.Filter, SubID: subID, QoS: s.QoS,
		NoLocal: s.NoLocal, RetainAsPublished: s.RetainAsPublished,
	})
	g.owe()
}

func (g *scribe) unsubscribedLocked(cl *client, filter []byte) {
	if g != nil && cl.kept.keeps() {
		g.w.Unsubscribe(cl.kept.id, filter)
		g.owe()
	}
}

// receivedLocked records an incoming QoS 2 identifier; the first half of gate 1 in package journal.
func (g *scribe) receivedLocked(cl *client, id packet.ID) {
	if g != nil && cl.kept.keeps() {
		g.w.Receive(cl.kept.id, id)
		g.owe()
	}
}

// releasedLocked records that the identifier is free: gate 2.
func (g *scribe) releasedLocked(cl *client, id packet.ID) {
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
		d.stored = &storedMessage{id: g.newMessage()}
		d.stored.refs.Store(1) // Ours, until end.
		g.w.PutMessage(d.stored.id, &m, d.most)
	}
	if d.stored != nil {
		d.stored.refs.Add(1)
		p.ID = d.stored.id
	}
	g.promise(k, &p, d.stored, id)
}

// retainedPromisedLocked is recordLocked for a retained message.
func (g *scribe) retainedPromisedLocked(l *loop, cl *client, m *session.Message, d *session.Delivery, qos packet.QoS, ids []uint32) {
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

func (g *scribe) promise(k *kept, p *journal.Promise, m *storedMessage, id packet.ID) {
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
func (g *scribe) sent(k *kept, t tag, id packet.ID) {
	t.progress = journal.Sent
	g.w.Send(k.id, t.at, id)
	if k.flight == nil {
		k.flight = make(map[packet.ID]tag)
	}
	k.flight[id] = t
}

// shut has what is put now wait for all that was recorded, if it is a PUBLISH of QoS 2: gate 3.
func (g *scribe) shut(l *loop, cl *client, qos packet.QoS) {
	if g != nil && qos == 2 && cl.kept.keeps() {
		l.gate = max(l.gate, g.current())
	}
}

// nextLocked follows Session.Next: dropped messages had expired, and d, if ok, is to be sent.
func (g *scribe) nextLocked(l *loop, cl *client, dropped uint32, d *session.Delivery, ok bool) {
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

// doneLocked records that an exchange is complete. Nobody waits for that: a broker that has forgotten it sends once
// more what QoS 1 may send twice, or a PUBREL that is answered again.
func (g *scribe) doneLocked(cl *client, id packet.ID) {
	if g == nil || !cl.kept.keeps() {
		return
	}
	k := cl.kept
	if t, ok := k.flight[id]; ok {
		wrote := g.wrote
		delete(k.flight, id)
		g.w.Done(k.id, t.at, t.progress)
		g.release(t.msg)
		g.wrote = wrote || g.isLarge()
	}
}

// pubrecLocked records that the client has the message: gate 4.
func (g *scribe) pubrecLocked(cl *client, id packet.ID) {
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
func (g *scribe) release(m *storedMessage) {
	if g == nil || m == nil {
		return
	}
	if m.refs.Add(-1) == 0 {
		g.w.DropMessage(m.id)
	}
}

// retain orders what is done to retained messages: it is called before the store of them is
// changed, and done after that was recorded.
func (g *scribe) retain() (done func()) {
	if g == nil {
		return func() {}
	}
	g.retaining.Lock()
	return g.retaining.Unlock
}

// retained records the retained message of a Topic Name, or that there is none any more (nil).
func (g *scribe) retained(name string, m *session.Message) {
	if g == nil {
		return
	}
	g.owe()
	if m == nil {
		g.w.Unretain([]byte(name))
		return
	}
	r := g.record(m)
	g.w.Retain(&r)
}
