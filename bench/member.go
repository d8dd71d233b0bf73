package bench

import (
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A member is a client that comes and goes, in the roles that the plan gives it: it may publish several streams and
// receive several. Its methods are what its client observes. Owned by its worker's group.
type member struct {
	worker *worker
	client client.Client
	pubs   *publisher  // The first of its publishers, which knows the next.
	subs   *subscriber // As pubs.
	*seldom

	number      int   // As the plan counts clients; watchers and readers come after them.
	connections int32 // So far.
	attempts    uint8 // Failed connection attempts in a row, as far as they count.
	connected   bool
	dialling    bool // It holds a place in the waiting line.
	met         bool // It has been connected before.
	leaving     bool // Its connection is being ended by the plan.
}

// Seldom is what a member needs that does more than to connect and stay. All others share one, which is not written to: to change it, ask special for
// their own.
type seldom struct {
	watch     *watcher       // nil: it watches no wills.
	read      *reader        // nil: it reads no retained messages.
	dialledAt int64          // When its last attempt to come back began, transport.Clock.
	returning int64          // When it began to connect again, transport.Clock; 0: it has not, or its session is back.
	back      int64          // When it is to connect again if it is leaving, transport.Clock.
	away      int            // Which of the plan's absences it is in, or returning from, from 1; 0: none.
	missed    plan.Departure // For an absence, and the member was not connected: it still leaves if it comes in time.
	double    *double        // nil: it has never been taken over.
	flap      *flap          // nil: it is subscribed to what it should be.
}

var nothingSpecial seldom

// special is what is seldom of the member, its own.
func (m *member) special() *seldom {
	if m.seldom == &nothingSpecial {
		m.seldom = new(seldom)
	}
	return m.seldom
}

// Reconnecting after a failure waits longer each time.
const (
	firstRetry   = 50 * time.Millisecond
	lastRetry    = 2 * time.Second
	mostAttempts = 10 // Count: firstRetry<<10 is beyond lastRetry.
)

// leave ends the connection as the plan says. One that is down already stays so.
func (m *member) leave(d plan.Departure) {
	if (!m.connected || m.leaving) && d.Absence > 0 { // Who is going for another reason goes again when it is back, if it is still time.
		m.special().missed = d
	}
	if !m.connected || m.leaving || m.worker.frozen {
		return
	}
	m.leaving = true
	x := m.special()
	x.back, x.away = m.worker.run.start+d.At+d.Down, d.Absence
	switch {
	case d.TakeOver:
		m.takeOver()
	case d.Abrupt:
		m.worker.run.wills.cut(m.number, d.Down)
		m.client.Cut()
	default:
		m.client.Disconnect()
	}
}

// leaveLate has the member leave that was still on its way when the others left.
func (m *member) leaveLate() {
	d := m.missed
	if d.Absence == 0 {
		return
	}
	m.missed = plan.Departure{}
	if m.worker.group.Now() < m.worker.run.start+d.At+d.Down {
		m.leave(d)
	}
}

func (m *member) arrived() {
	w := m.worker
	m.connected, m.attempts = true, 0
	m.connections++
	if m.read != nil { // It is no part of the load.
		w.dialled(m)
		return
	}
	w.online++
	w.rec.Count.Connects++
	if m.met {
		w.rec.Count.Reconnects++
		m.returning = m.dialledAt
	} else {
		m.met = true
		w.run.connected.Add(1)
	}
	w.dialled(m)
	w.run.nudge()
}

// resumed: all is again as it was before the connection ended.
func (m *member) resumed(now int64) {
	if m.returning != 0 {
		took := time.Duration(now - m.returning)
		m.worker.rec.Resumed(measure.ResumeSession, took)
		if m.away > 0 {
			m.worker.stretches[m.away-1].resumed.Add(took)
		}
	}
	if m.away > 0 {
		m.away = 0
	}
}

// Refused is a CONNACK that says no; Disconnected follows, with the same reason.
func (m *member) Refused(packet.ReasonCode) {}

// departed: the connection has ended, or was never made.
func (m *member) departed(err error, now int64) {
	w := m.worker
	switch {
	case m.read != nil:
		m.connected = false
		m.read.interrupted()
	case m.connected:
		m.connected = false
		w.online--
		w.rec.Count.Disconnects++
	default:
		w.rec.Count.Failures++
	}
	w.dialled(m)
	if m.leaving {
		m.leaving = false
		m.double.ousted(err)
		w.comeBack(m, m.back)
		return
	}
	if err == nil { // The end of the run.
		return
	}
	w.run.wills.mayCome(m.number)
	w.failed(err, now)
	w.run.lastError.Store(&err)
	w.run.nudge()
	wait := min(firstRetry<<m.attempts, lastRetry)
	m.attempts = min(m.attempts+1, mostAttempts)
	w.comeBack(m, now+int64(wait))
}

// Took records how long an exchange took.
func (m *member) Took(p client.Phase, d time.Duration) {
	if !m.worker.frozen {
		m.worker.rec.Took(p, d, m.worker.group.Now())
	}
}

// A publisher sends one stream.
type publisher struct {
	*member
	next   *publisher // Of the same member.
	ledger *measure.Publisher
	sends  measure.Sends
	refill *refill // nil in an open loop.

	period   float64 // Mean gap between two messages, ns; 0: it changes with time, or nothing is due.
	lastSent int64   // When the last message left, transport.Clock; 0: not in its turn.

	number int    // The upper half of its tokens.
	copies int32  // Deliveries that a message makes.
	epoch  uint32 // Connections that have ended.
	qos    packet.QoS
	retain bool
	phased bool // Its phase has been taken.
}

// A refill is what a publisher knows in a closed loop.
type refill struct {
	awaited int64  // Deliveries that the messages sent ask for and that have not been seen.
	next    uint32 // The sequence number of the next message.

	// As they were when reopen looked last.
	nextLast    uint32
	awaitedLast int64
}

// token is what the client knows message seq by.
func (p *publisher) token(seq uint32) uint64 { return uint64(p.number)<<32 | uint64(seq) }

// send puts one message on the wire when it is due, unless the client cannot take it now.
func (p *publisher) send(seq uint32, due int64) bool {
	sent, ok := p.publish(seq, due)
	if ok {
		p.worker.rec.Sent(due, sent, len(p.worker.message.Payload))
		p.worker.gaps.sent(p, sent)
	}
	return ok
}

// sendLate is send for a message that had to wait for its publisher.
func (p *publisher) sendLate(seq uint32, due int64) bool {
	_, ok := p.publish(seq, due)
	if ok {
		p.worker.rec.SentLate(due, len(p.worker.message.Payload))
		p.lastSent = 0
	}
	return ok
}

func (p *publisher) publish(seq uint32, due int64) (sent int64, ok bool) {
	if !p.connected {
		return 0, false
	}
	w := p.worker
	now := transport.Clock()
	p.write(seq, now)
	p.ledger.Attempt(seq)
	if !p.client.Publish(&w.message) {
		p.ledger.Retract(seq)
		return 0, false
	}
	p.sends.Sent(seq, w.message.ID, p.epoch)
	w.rec.Count.Expected += uint64(p.copies)
	if p.qos == 0 {
		p.ledger.Acked(seq, packet.Success)
		w.rec.Acked(due)
		if p.retain && seq > 0 {
			w.run.retained[p.number].Store(1) // There is one; which, QoS 0 does not promise.
		}
	}
	return now, true
}

// catchUp sends what fell due while the publisher could not send.
func (p *publisher) catchUp() {
	w := p.worker
	if w.paused || w.frozen {
		return
	}
	if w.schedule == nil {
		p.fill()
		return
	}
	for {
		m, ok := w.schedule.Late(p.number, w.group.Now()-w.run.start)
		if !ok || !p.sendLate(m.Seq, w.run.start+m.Due) {
			return
		}
		w.schedule.PopLate(p.number)
	}
}

// fill sends, in a closed loop, as much as the window allows. A place in the window is taken from
// the PUBLISH until the message is acknowledged and every receiver has it: so the loop is closed at QoS 0, too.
func (p *publisher) fill() {
	w, f := p.worker, p.refill
	if f == nil || w.paused || w.frozen {
		return
	}
	for f.awaited < p.window() {
		now := transport.Clock()
		if now < w.run.start || now >= w.run.start+w.run.plan.End() || !p.send(f.next, now) {
			return
		}
		f.next++
		f.awaited += int64(p.copies)
	}
}

// window is how many deliveries may be awaited.
func (p *publisher) window() int64 { return int64(p.worker.run.plan.Window) * int64(p.copies) }

// delivered: a receiver has a message of this publisher. It may be called on any group.
func (p *publisher) delivered(on *worker) {
	if on != p.worker {
		p.worker.group.Post(func() { p.delivered(p.worker) })
		return
	}
	p.refill.awaited--
	if p.refill.awaited < p.window() {
		p.fill()
	}
}

// reopen forgives the window what QoS 0 has lost: called once a second, it does so if nothing was delivered since the last time.
func (p *publisher) reopen() {
	f := p.refill
	if f == nil {
		return
	}
	if f.awaited == f.awaitedLast && f.next == f.nextLast && (p.worker.run.plan.PubQoS == 0 || p.worker.run.plan.SubQoS == 0) {
		f.awaited = 0
	}
	f.awaitedLast, f.nextLast = f.awaited, f.next
}

// probe publishes the message that shows that the topic reaches its subscribers.
func (p *publisher) probe() {
	w := p.worker
	p.write(plan.ProbeSeq, transport.Clock())
	p.client.Publish(&w.message)
}

// write makes message seq, sent at now, the worker's message: the same each time.
func (p *publisher) write(seq uint32, now int64) {
	w := p.worker
	m, stream := &w.message, p.number
	size := w.run.plan.PayloadSize(stream, seq)
	if size > len(w.payload) { // What a template makes of a message is not known before.
		w.payload = make([]byte, 2*size)
	}
	m.Payload = w.payload[:size]
	w.run.plan.Fill(m.Payload, plan.Stamp{Run: w.run.plan.RunID, Stream: stream, Seq: seq, Sent: now - w.run.origin})
	m.QoS, m.Retain, m.Token, m.Sent, m.ID = p.qos, p.retain, p.token(seq), now, 0
	if m.Topic = w.run.ledger.Topic(stream); m.Topic == "" {
		m.Topic = w.run.plan.TopicOf(stream, seq)
	}
}

// arrive: its client is connected.
func (p *publisher) arrive(sessionPresent bool) {
	r := p.worker.run
	if p.ledger.Connected(sessionPresent) && r.plan.PublisherSessionOf(p.number) == plan.Persistent && !r.plan.Expires() {
		p.lostSession()
	}
}

func (p *publisher) acked(seq uint32, reason packet.ReasonCode, now int64) {
	w := p.worker
	if seq == plan.ProbeSeq {
		return
	}
	p.ledger.Acked(seq, reason)
	if reason >= packet.UnspecifiedError {
		w.rec.Count.Refused++
		if p.refill != nil {
			p.refill.awaited -= int64(p.copies) // Nobody will receive it.
		}
		return
	}
	w.rec.Acked(w.due(p.number, seq, now))
	if p.retain {
		if at := &w.run.retained[p.number]; at.Load() <= seq {
			at.Store(seq + 1)
		}
	}
}

// depart: its client, which was connected, is not any more.
func (p *publisher) depart() {
	p.ledger.Disconnected()
	p.epoch++
	if w := p.worker; w.schedule != nil {
		w.schedule.Block(p.number)
	}
}

// A subscriber receives what its filters match.
type subscriber struct {
	*member
	next       *subscriber // Of the same member.
	ledger     *measure.Subscriber
	first      int64 // First deliveries,
	waited     int64 // and their response times together, ns.
	number     int32
	asked      int32  // Topic Filters in the SUBSCRIBE that is under way; 0: none is.
	probes     uint32 // Probes that have come.
	seen       uint32 // When the last first delivery came, in silenceUnit since the run began, without what does not fit; 0: none has.
	qos        packet.QoS
	granted    packet.ReasonCode // By the last SUBACK.
	subscribed bool
	lapsed     bool // It had unsubscribed when its connection ended.
	unproven   bool // The session is present, and nothing has come yet that shows that its subscriptions are.
	met        bool // It has been connected before.
}

// arrive: its client is connected. It reports whether the subscriber has to subscribe.
func (s *subscriber) arrive(sessionPresent bool) bool {
	w := s.worker
	if s.ledger.Connected(sessionPresent) {
		s.lostSession()
	}
	if s.met && w.run.plan.SubscriberSessionOf(int(s.number)) == plan.Persistent {
		w.sessions.returned++
		if sessionPresent {
			w.sessions.present++
		}
	}
	s.met, s.unproven = true, sessionPresent && s.subscribed && !s.lapsed
	s.lapsed = false
	if s.unproven {
		s.ledger.Subscribed(s.granted)
	}
	return !s.unproven
}

// accept takes the codes of a SUBACK.
func (s *subscriber) accept(codes []packet.ReasonCode) {
	w := s.worker
	s.granted = lowest(codes)
	s.ledger.Subscribed(s.granted)
	if s.granted >= packet.UnspecifiedError {
		w.run.fail(&SetupError{errSubscription(w.run.plan.Filters(int(s.number)), s.granted)})
		return
	}
	if !s.subscribed {
		s.subscribed = true
		w.run.subscribed.Add(1)
		w.run.nudge()
	}
}

// lowest is what a subscriber can count on: a failure, if there is one, or else the lowest QoS.
func lowest(codes []packet.ReasonCode) packet.ReasonCode {
	if len(codes) == 0 {
		return packet.UnspecifiedError
	}
	low := codes[0]
	for _, c := range codes {
		if c >= packet.UnspecifiedError {
			return c
		}
		low = min(low, c)
	}
	return low
}

// silenceUnit is what the time without messages is counted in, in ns: five days of it go into 32 bits.
const silenceUnit = 100_000

func (s *subscriber) receive(r *client.Reception) {
	w := s.worker
	count := w.rec.Count
	stamp, outcome := s.ledger.Receive(r)
	switch outcome {
	case measure.First:
		sent := w.run.origin + stamp.Sent
		due := w.due(stamp.Stream, stamp.Seq, sent)
		w.rec.Seen(due, sent, r.Now, len(r.Payload))
		s.first++
		s.waited += r.Now - due
		if s.unproven {
			s.unproven = false
			w.sessions.kept++
		}
		seen := max(1, uint32((r.Now-w.run.origin)/silenceUnit))
		if s.returning != 0 {
			w.rec.Resumed(measure.ResumeMessage, time.Duration(r.Now-s.returning))
			if s.seen != 0 {
				w.rec.Resumed(measure.ResumeSilence, time.Duration(seen-s.seen)*silenceUnit)
			}
			s.returning = 0
		}
		s.seen = seen
		w.queued(due, r.Now)
		s.unasked(r, stamp)
		if w.run.plan.Closed {
			w.run.pubs[stamp.Stream].delivered(w)
		}
	case measure.Duplicate:
		count.Duplicates++
	case measure.Again:
		count.Again++
	case measure.Probe:
		s.probed()
	case measure.Retained:
	default:
		count.Stray++
	}
}

func (s *subscriber) probed() {
	s.probes++
	if n := int(s.number); int(s.probes) == s.worker.run.plan.SourceCount(n) || s.worker.run.plan.IsShared(n) {
		s.worker.run.probed.Add(1)
		s.worker.run.nudge()
	}
}
