package session

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

// A world is a Session, the client it talks to, and a link between them that keeps
// order and breaks. The client is written from the specification alone. Two observers
// look on: one where the server writes to the link, which knows what the server may
// send; one in the client, which counts what the application got. Nothing in the world
// happens by itself: pick chooses the next event among those that can happen, so the
// same world serves to try all histories of a short script and random histories of a
// long one.
type world struct {
	t      testing.TB
	cfg    worldConfig
	pick   func(*world, []event) event
	choose func(n int) int // A number below n, for the lesser decisions.

	s         *Session
	now       int64
	connected bool
	stalled   bool // The server's outbox is full.
	behind    bool // There may be something to send. Only when the server is late.
	conn      int  // Counts connections.
	cuts      int
	down, up  []pkt // In the link, towards the client and towards the server.

	promises []*promised // By message number.
	queue    []*promised // Not sent yet, in order.
	flight   []*promised // Sent and not complete, in the order of the first sending.
	window   int
	expired  int

	received map[packet.ID]bool // What the server should know of the client's QoS 2 messages.
	arrived  []int              // How often the server took each of them as new.

	client client
	trace  []traced
}

type worldConfig struct {
	script    []packet.QoS // What the server promises.
	publishes int          // How many QoS 2 messages the client publishes meanwhile.
	windows   []int        // The client's Receive Maximum on each connection, in turn.
	cuts      int
	limits    Limits
	firstID   packet.ID
	cutOdds   int // A cut is possible at one event in so many; 0: at each.

	refusing bool // Both sides refuse messages now and then.
	expiring bool // Some messages expire, and time passes.
	slow     bool // The client acknowledges when it likes,
	sloppy   bool // in any order,
	keeping  bool // and sends what it owed on the next connection after a cut.
	stalling bool // The connection has no room now and then.
	late     bool // The server sends one packet at a time, and other things happen between two.
	crashing bool // With a cut the server is lost, and its session restored from the store.
	abandon  int  // The session is cleared after so many events; 0: never.
}

// pkt is a Control Packet in the link. n is the message's number, in place of its
// bytes.
type pkt struct {
	typ    packet.Type
	id     packet.ID
	qos    packet.QoS
	dup    bool
	reason packet.ReasonCode
	n      int
}

// promised is what an observer knows of a message that was offered.
type promised struct {
	n        int
	m        *Message
	qos      packet.QoS
	subIDs   []uint32
	id       packet.ID
	conn     int // The connection on which it was sent last.
	fate     fate
	declined bool // The client's PUBREC was an error.
}

type fate int

const (
	waiting fate = iota
	flying
	freed // PUBREC received.
	complete
	dropped
)

type event string

const (
	evOffer   event = "offer"
	evPublish event = "publish"
	evDown    event = "packet to client"
	evUp      event = "packet to server"
	evAck     event = "client acknowledges"
	evCut     event = "cut"
	evConnect event = "connect"
	evTick    event = "time passes"
	evShed    event = "shed"
	evStall   event = "stall"
	evRoom    event = "room again"
	evSend    event = "server may send"
)

type traced struct {
	what event
	p    pkt
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	var b strings.Builder
	for _, e := range w.trace[max(0, len(w.trace)-60):] {
		fmt.Fprintf(&b, "  %-20s", e.what)
		if e.p.typ != 0 {
			fmt.Fprintf(&b, " type %d id %d message %d QoS %d dup %v reason %d", e.p.typ, e.p.id, e.p.n, e.p.qos, e.p.dup, e.p.reason)
		}
		b.WriteByte('\n')
	}
	w.t.Fatalf("%s\nconnection %d, window %d, what happened last:\n%s", fmt.Sprintf(format, args...), w.conn, w.window, b.String())
}

func newWorld(t testing.TB, cfg worldConfig) *world {
	w := &world{t: t, cfg: cfg, s: newSession(cfg.limits), received: map[packet.ID]bool{}}
	w.cfg.limits = cfg.limits.WithDefaults()
	if cfg.firstID != 0 {
		w.s.base = cfg.firstID
	}
	w.client = client{w: w, pending: map[packet.ID]int{}, open: map[packet.ID]bool{}, got: map[int]int{}, declined: map[int]bool{}, told: map[int]string{}, latest: -1}
	w.arrived = make([]int, cfg.publishes)
	return w
}

// run lets the world go until everything was offered and answered.
func (w *world) run() {
	limit := 500 * (len(w.cfg.script) + w.cfg.publishes + w.cfg.cuts + 10)
	for steps := 0; ; steps++ {
		if steps > limit {
			w.fail("no end after %d events", steps)
		}
		events := w.events()
		if len(events) == 0 {
			break
		}
		if steps == w.cfg.abandon && steps > 0 {
			w.abandon()
			return
		}
		w.happen(w.pick(w, events))
		if len(w.promises) <= 10 || steps%50 == 0 {
			w.inspect()
		}
	}
	w.inspect()
	w.settle()
}

// events lists what can happen now. When it is empty the world has come to rest.
func (w *world) events() (es []event) {
	add := func(e event, can bool) {
		if can {
			es = append(es, e)
		}
	}
	add(evConnect, !w.connected)
	add(evOffer, len(w.promises) < len(w.cfg.script))
	add(evPublish, w.connected && w.client.mayPublish())
	add(evDown, len(w.down) > 0)
	add(evUp, len(w.up) > 0)
	add(evAck, w.connected && len(w.client.owed) > 0)
	add(evRoom, w.connected && w.stalled)
	add(evSend, w.connected && w.behind && !w.stalled)
	if len(es) == 0 {
		return nil
	}
	if w.connected && w.cuts < w.cfg.cuts && len(w.down)+len(w.up) > 0 {
		add(evCut, w.cfg.cutOdds == 0 || w.choose(w.cfg.cutOdds) == 0)
	}
	if w.cfg.expiring {
		add(evTick, w.choose(4) == 0)
		add(evShed, w.choose(40) == 0)
	}
	add(evStall, w.cfg.stalling && w.connected && !w.stalled && w.choose(10) == 0)
	return es
}

func (w *world) happen(e event) {
	w.trace = append(w.trace, traced{what: e})
	switch e {
	case evOffer:
		w.offer()
	case evPublish:
		w.client.publish()
	case evDown:
		p := w.down[0]
		w.down = w.down[1:]
		w.note(p)
		w.client.take(p)
	case evUp:
		p := w.up[0]
		w.up = w.up[1:]
		w.note(p)
		w.take(p)
	case evAck:
		w.client.acknowledge()
	case evCut:
		w.cut()
	case evConnect:
		w.connect()
	case evTick:
		w.now += 3
	case evShed:
		w.shed()
	case evStall:
		w.stalled = true
	case evRoom:
		w.stalled = false
		w.pump()
	case evSend:
		if d, ok := w.next(); ok {
			w.wire(d)
		} else {
			w.behind = false
			w.idle()
		}
	}
}

func (w *world) note(p pkt) { w.trace[len(w.trace)-1].p = p }

// The server.

func (w *world) connect() {
	w.connected, w.stalled = true, false
	rm := w.cfg.windows[w.conn%len(w.cfg.windows)]
	w.conn++
	w.window = min(rm, w.cfg.limits.MaxInflight)
	w.s.Online(rm)
	w.pump()
	w.client.connected()
}

func (w *world) cut() {
	w.cuts++
	w.connected, w.behind = false, false
	w.down, w.up = nil, nil
	w.s.Offline()
	if !w.cfg.keeping {
		w.client.owed = nil
	}
	if w.cfg.crashing {
		w.crash()
	}
}

// crash replaces the session by one that was stored.
func (w *world) crash() {
	old := w.s
	w.s = newSession(w.cfg.limits)
	for d := range old.Promises() {
		if !w.s.Restore(d) {
			w.fail("identifier %d is not restored", d.ID)
		}
	}
	for id := range old.ReceivedIDs() {
		w.s.Receive(id)
	}
	w.s.expired = old.expired
	old.Clear()
}

// offer makes the next message of the script. What it carries follows from its number.
func (w *world) offer() {
	p := &promised{n: len(w.promises), qos: w.cfg.script[len(w.promises)]}
	expires := int64(0)
	if w.cfg.expiring && w.choose(3) == 0 {
		expires = w.now + 1 + int64(w.choose(20))
	}
	p.m = NewMessage([]byte(topicOf(p.n)), packet.Props{byte(p.n)}, payloadOf(p.n), 2, expires)
	p.subIDs = subIDsOf(p.n)
	w.promises = append(w.promises, p)

	full := len(w.queue)+len(w.flight) >= w.cfg.limits.MaxQueued ||
		w.bytes()+charge(p.m, p.subIDs) > w.cfg.limits.MaxQueuedBytes
	idle := w.connected && !w.stalled && len(w.queue) == 0 && !w.resuming() && w.open() < w.window
	given := slices.Clone(p.subIDs)
	d, v := w.s.Offer(p.m, p.qos, retainOf(p.n), given, !w.stalled)
	switch {
	case (v == Full) != full:
		w.fail("message %d: verdict %d with %d promises of %d bytes", p.n, v, len(w.queue)+len(w.flight), w.bytes())
	case v == Full:
		p.fate = dropped
		return
	}
	w.queue = append(w.queue, p)
	switch {
	case v == Send:
		w.wire(d)
	case idle:
		w.fail("message %d waits without need", p.n)
	}
	clear(given) // The session has a copy.
}

func topicOf(n int) string      { return fmt.Sprint("t/", n%7) }
func payloadOf(n int) []byte    { return fmt.Appendf(nil, "%d/%s", n, "padding"[:n%8]) }
func retainOf(n int) bool       { return n%3 == 0 }
func subIDsOf(n int) []uint32   { return []uint32{uint32(n), 2, 3}[:n*7%4] }
func (w *world) resuming() bool { return slices.ContainsFunc(w.flight, w.unsent) }

// unsent: sent on an earlier connection, and not on this one.
func (w *world) unsent(p *promised) bool { return p.conn != w.conn }

// open counts the exchanges of this connection.
func (w *world) open() (n int) {
	for _, p := range w.flight {
		if p.conn == w.conn {
			n++
		}
	}
	return n
}

func (w *world) bytes() (n int) {
	for _, p := range slices.Concat(w.queue, w.flight) {
		if p.fate != freed {
			n += charge(p.m, p.subIDs)
		}
	}
	return n
}

// pump sends what can be sent.
func (w *world) pump() {
	if w.stalled || w.cfg.late {
		w.behind = w.cfg.late
		return
	}
	for d, ok := w.next(); ok; d, ok = w.next() {
		w.wire(d)
	}
	w.idle()
}

// next asks the session in one of the two ways that the documentation allows.
func (w *world) next() (Delivery, bool) {
	if w.conn%2 == 0 {
		if d, ok := w.s.Resend(w.now); ok {
			return d, true
		}
	}
	return w.s.Next(w.now)
}

// idle checks that the session had a reason when it had nothing more to send.
func (w *world) idle() {
	w.expire(w.s.Queued())
	i := slices.IndexFunc(w.flight, w.unsent)
	if w.open() < w.window && (i >= 0 || len(w.queue) > 0) {
		w.fail("nothing is sent though the window is open: %d of %d, %d wait", w.open(), w.window, len(w.queue))
	}
	if i >= 0 && w.flight[i].fate == freed {
		w.fail("PUBREL for message %d waits", w.flight[i].n)
	}
}

// expire notes that the session dropped messages from the front of its queue, down to
// n.
func (w *world) expire(n int) {
	for len(w.queue) > n {
		p := w.queue[0]
		if p.m.Expires == 0 || p.m.Expires > w.now {
			w.fail("message %d disappeared", p.n)
		}
		p.fate = dropped
		w.queue = w.queue[1:]
		w.expired++
	}
}

// shed drops what has expired and is the oldest of what waits.
func (w *world) shed() {
	w.s.Expire(w.now)
	w.expire(w.s.Queued())
	if len(w.queue) > 0 && w.queue[0].m.Expires != 0 && w.queue[0].m.Expires <= w.now {
		w.fail("message %d has expired and is kept", w.queue[0].n)
	}
}

// wire is the observer at the server's end of the link.
func (w *world) wire(d Delivery) {
	out := pkt{typ: packet.PUBLISH, id: d.ID, qos: d.QoS, dup: d.Dup}
	if d.Release {
		out = pkt{typ: packet.PUBREL, id: d.ID}
	} else if _, err := fmt.Sscanf(string(d.Msg.Payload), "%d/", &out.n); err != nil {
		w.fail("payload %q", d.Msg.Payload)
	}
	w.trace = append(w.trace, traced{"  server sends", out})
	if !w.connected || w.stalled {
		w.fail("sent without a connection that has room")
	}
	if d.Release {
		w.wireRelease(d)
	} else {
		w.wirePublish(d, w.promises[out.n])
	}
	w.down = append(w.down, out)
}

func (w *world) wireRelease(d Delivery) {
	i := slices.IndexFunc(w.flight, func(p *promised) bool { return p.id == d.ID })
	switch {
	case i < 0 || w.flight[i].fate != freed:
		w.fail("PUBREL for %d, which is not owed", d.ID)
	case !w.unsent(w.flight[i]):
		w.fail("PUBREL for %d twice on a connection [v5 MQTT-4.4.0-1]", d.ID)
	case d.Msg != nil || d.Dup || d.SubIDs != nil:
		w.fail("PUBREL with a message")
	}
	w.inOrder(i)
	w.flight[i].conn = w.conn
}

// inOrder checks that everything in flight before place i has been sent on this
// connection.
func (w *world) inOrder(i int) {
	if j := slices.IndexFunc(w.flight[:i], w.unsent); j >= 0 {
		w.fail("message %d is sent again before %d", w.flight[i].n, w.flight[j].n)
	}
}

func (w *world) wirePublish(d Delivery, p *promised) {
	switch {
	case d.QoS != p.qos || d.Retain != retainOf(p.n) || !slices.Equal(d.SubIDs, subIDsOf(p.n)):
		w.fail("message %d: QoS %d, retain %v, Subscription Identifiers %v", p.n, d.QoS, d.Retain, d.SubIDs)
	case string(d.Msg.Topic) != topicOf(p.n) || !bytes.Equal(d.Msg.Payload, payloadOf(p.n)) || !bytes.Equal(d.Msg.Props, []byte{byte(p.n)}):
		w.fail("message %d has other bytes: %q %v %q", p.n, d.Msg.Topic, d.Msg.Props, d.Msg.Payload)
	case w.open() >= w.window:
		w.fail("message %d exceeds the window [v5 MQTT-3.3.4-9]", p.n)
	}
	switch p.fate {
	case waiting:
		w.first(d, p)
	case flying:
		w.again(d, p)
	case freed:
		w.fail("PUBLISH of message %d after its PUBREC [v5 MQTT-4.3.3-6]", p.n)
	default:
		w.fail("PUBLISH of message %d after its end", p.n)
	}
	p.conn = w.conn
}

func (w *world) first(d Delivery, p *promised) {
	i := slices.Index(w.queue, p)
	w.expire(len(w.queue) - i)
	switch {
	case d.Dup:
		w.fail("message %d has DUP the first time [v5 MQTT-3.3.1-2]", p.n)
	case p.m.Expires != 0 && p.m.Expires <= w.now:
		w.fail("message %d is sent after it expired", p.n)
	case w.resuming():
		w.fail("message %d overtakes the resume", p.n)
	case d.ID == 0 || slices.ContainsFunc(w.flight, func(p *promised) bool { return p.id == d.ID }):
		w.fail("message %d: identifier %d is in use [v5 MQTT-2.2.1-4]", p.n, d.ID)
	}
	p.id, p.fate = d.ID, flying
	w.flight = append(w.flight, p)
	w.queue = w.queue[1:]
}

func (w *world) again(d Delivery, p *promised) {
	switch {
	case !w.unsent(p):
		w.fail("message %d twice on a connection [v5 MQTT-4.4.0-1]", p.n)
	case !d.Dup:
		w.fail("message %d without DUP the second time [v5 MQTT-3.3.1-1]", p.n)
	case d.ID != p.id:
		w.fail("message %d with identifier %d, first sent with %d", p.n, d.ID, p.id)
	}
	w.inOrder(slices.Index(w.flight, p))
}

// take lets the server take a packet.
func (w *world) take(p pkt) {
	switch p.typ {
	case packet.PUBLISH:
		w.takePublish(p)
		return
	case packet.PUBREL:
		if known := w.s.Release(p.id); known != w.received[p.id] {
			w.fail("PUBREL %d: known %v", p.id, known)
		}
		delete(w.received, p.id)
		w.down = append(w.down, pkt{typ: packet.PUBCOMP, id: p.id})
		return
	}
	i := slices.IndexFunc(w.flight, func(f *promised) bool { return f.id == p.id })
	f := &promised{}
	if i >= 0 {
		f = w.flight[i]
	}
	var known, want, release bool
	switch p.typ {
	case packet.PUBACK:
		known, want = w.s.Puback(p.id), f.qos == 1
	case packet.PUBREC:
		known, release = w.s.Pubrec(p.id, p.reason)
		want = f.qos == 2
		if release != (want && p.reason < 0x80) {
			w.fail("PUBREC %d: release %v", p.id, release)
		}
		w.release(p, f, release)
	case packet.PUBCOMP:
		known, want = w.s.Pubcomp(p.id), f.fate == freed
	}
	if known != want {
		w.fail("packet %d for %d: known %v", p.typ, p.id, known)
	}
	if known && !release {
		f.fate, f.declined = complete, p.reason >= 0x80 && p.typ == packet.PUBREC
		w.flight = slices.Delete(w.flight, i, i+1)
	}
	w.pump()
}

// release answers a PUBREC.
func (w *world) release(p pkt, f *promised, owed bool) {
	out := pkt{typ: packet.PUBREL, id: p.id}
	switch {
	case owed:
		f.fate, f.conn = freed, w.conn
	case p.reason < 0x80:
		out.reason = packet.PacketIdentifierNotFound
	default:
		return
	}
	w.down = append(w.down, out)
}

func (w *world) takePublish(p pkt) {
	first := w.s.Receive(p.id)
	if first == w.received[p.id] {
		w.fail("PUBLISH %d: first %v", p.id, first)
	}
	answer := pkt{typ: packet.PUBREC, id: p.id}
	switch {
	case first && w.cfg.refusing && w.choose(6) == 0:
		w.s.Forget(p.id)
		answer.reason = packet.QuotaExceeded
	case first:
		w.received[p.id] = true
		w.arrived[p.n]++
		if !w.cfg.refusing && p.n > 0 && w.arrived[p.n-1] == 0 {
			w.fail("the client's message %d came before its predecessor", p.n)
		}
	}
	w.down = append(w.down, answer)
}

// inspect compares what the session says of itself with what the observers know.
func (w *world) inspect() {
	if w.s.Inflight() != len(w.flight) || w.s.Queued() != len(w.queue) || w.s.Bytes() != w.bytes() || w.s.Incoming() != len(w.received) {
		w.fail("%d in flight, %d queued, %d bytes, %d incoming; seen from outside %d, %d, %d, %d", w.s.Inflight(), w.s.Queued(),
			w.s.Bytes(), w.s.Incoming(), len(w.flight), len(w.queue), w.bytes(), len(w.received))
	}
	for _, p := range w.promises {
		want := int32(1) // Ours.
		if p.fate == waiting || p.fate == flying {
			want = 2
		}
		if got := p.m.refs.Load(); got != want {
			w.fail("message %d has %d references, want %d", p.n, got, want)
		}
	}
}

// abandon is the end of a session that has expired, or was not wanted any more.
func (w *world) abandon() {
	w.s.Clear()
	for _, p := range w.promises {
		p.fate = dropped
	}
	w.queue, w.flight = nil, nil
	clear(w.received)
	w.inspect()
}

// settle is the end: every promise was kept.
func (w *world) settle() {
	if !w.s.Empty() || w.s.open != 0 || w.s.flight.n != 0 {
		w.fail("the world is at rest, and the session has %d in flight, %d waiting, %d incoming", w.s.Inflight(), w.s.Queued(), w.s.Incoming())
	}
	if int(w.s.Expired()) != w.expired {
		w.fail("%d expired, want %d", w.s.Expired(), w.expired)
	}
	for _, p := range w.promises {
		got := w.client.got[p.n]
		switch {
		case p.fate == dropped || p.declined:
			if got != 0 {
				w.fail("message %d was dropped or declined, and delivered", p.n)
			}
		case p.qos == 1 && got < 1:
			w.fail("message %d, QoS 1, is lost", p.n)
		case p.qos == 2 && got != 1:
			w.fail("message %d, QoS 2, was delivered %d times", p.n, got)
		}
		p.m.Release()
	}
	for n, times := range w.arrived {
		if want := btoi(w.client.told[n] == "complete"); times != want {
			w.fail("the client's message %d is %s and was delivered %d times", n, w.client.told[n], times)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// client is an MQTT client as the specification has it: a receiver of QoS 1 and 2, and
// a publisher of QoS 2.
type client struct {
	w *world

	pending  map[packet.ID]int  // Message by identifier, between PUBLISH and PUBREL, [v5 4.3.3].
	open     map[packet.ID]bool // Received on this connection and not finished with an acknowledgement.
	owed     []pkt              // Acknowledgements to be sent.
	got      map[int]int        // How often the application got each message.
	latest   int                // The last message that the application got for the first time.
	declined map[int]bool

	published int
	out       []*outgoing // In order.
	told      map[int]string
}

type outgoing struct {
	n        int
	id       packet.ID
	released bool
}

func (c *client) connected() {
	clear(c.open)
	for _, o := range c.out {
		if o.released {
			c.w.up = append(c.w.up, pkt{typ: packet.PUBREL, id: o.id})
		} else {
			c.w.up = append(c.w.up, pkt{typ: packet.PUBLISH, id: o.id, qos: 2, dup: true, n: o.n})
		}
	}
}

func (c *client) take(p pkt) {
	switch p.typ {
	case packet.PUBLISH:
		c.takePublish(p)
	case packet.PUBREL:
		reason := packet.Success
		if _, ok := c.pending[p.id]; !ok {
			reason = packet.PacketIdentifierNotFound
		}
		delete(c.pending, p.id)
		c.owe(pkt{typ: packet.PUBCOMP, id: p.id, reason: reason})
	case packet.PUBREC, packet.PUBCOMP:
		c.takeAnswer(p)
	}
}

func (c *client) takePublish(p pkt) {
	c.open[p.id] = true
	// A client that acknowledges what came on an earlier connection can not expect the
	// server to know that this was not for what is on its way at that moment.
	if !c.w.cfg.keeping && len(c.open) > c.w.window {
		c.w.fail("%d exchanges at the client, Receive Maximum %d", len(c.open), c.w.window)
	}
	n, again := c.pending[p.id]
	switch {
	case p.qos == 1:
		c.deliver(p.n)
		c.owe(pkt{typ: packet.PUBACK, id: p.id})
	case again && (n != p.n || !p.dup):
		c.w.fail("the client has message %d under identifier %d", n, p.id)
	case !again && c.w.cfg.refusing && c.w.choose(6) == 0:
		c.declined[p.n] = true
		c.owe(pkt{typ: packet.PUBREC, id: p.id, reason: packet.QuotaExceeded})
	default:
		if !again {
			c.pending[p.id] = p.n
			c.deliver(p.n)
		}
		c.owe(pkt{typ: packet.PUBREC, id: p.id})
	}
}

// deliver hands a message to the application. First deliveries come in order, except
// of what was declined and came again, because the server did not hear so.
func (c *client) deliver(n int) {
	c.got[n]++
	if c.got[n] > 1 || c.declined[n] {
		return
	}
	if n < c.latest {
		c.w.fail("message %d comes after %d [v5 MQTT-4.6.0-6]", n, c.latest)
	}
	c.latest = n
}

func (c *client) owe(p pkt) {
	c.owed = append(c.owed, p)
	if !c.w.cfg.slow {
		c.acknowledge()
	}
}

// acknowledge sends one of the acknowledgements that are owed.
func (c *client) acknowledge() {
	i := 0
	if c.w.cfg.sloppy {
		i = c.w.choose(len(c.owed))
	}
	p := c.owed[i]
	c.owed = slices.Delete(c.owed, i, i+1)
	if p.typ != packet.PUBREC || p.reason >= 0x80 {
		delete(c.open, p.id)
	}
	c.w.up = append(c.w.up, p)
}

// The client's publishing half has room for 3 at a time, and takes the lowest
// identifier that is free, so that identifiers are used again as early as can be.
func (c *client) mayPublish() bool { return c.published < c.w.cfg.publishes && len(c.out) < 3 }

func (c *client) publish() {
	id := packet.ID(1)
	for slices.ContainsFunc(c.out, func(o *outgoing) bool { return o.id == id }) {
		id++
	}
	o := &outgoing{n: c.published, id: id}
	c.published++
	c.out = append(c.out, o)
	c.w.up = append(c.w.up, pkt{typ: packet.PUBLISH, id: id, qos: 2, n: o.n})
}

func (c *client) takeAnswer(p pkt) {
	i := slices.IndexFunc(c.out, func(o *outgoing) bool { return o.id == p.id })
	switch {
	case i < 0:
		c.w.fail("the client has no message %d to be answered", p.id)
	case p.typ == packet.PUBREC && p.reason < 0x80:
		c.out[i].released = true
		c.w.up = append(c.w.up, pkt{typ: packet.PUBREL, id: p.id})
	case p.typ == packet.PUBREC:
		c.told[c.out[i].n] = "refused"
		c.out = slices.Delete(c.out, i, i+1)
	default:
		c.told[c.out[i].n] = "complete"
		c.out = slices.Delete(c.out, i, i+1)
	}
}
