package measure

import (
	"fmt"
	"math"
	"slices"
	"time"

	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// The fates of a message, from worst to best. A stream is counted under the worst it met.
var severity = []result.Class{
	result.Corrupt, result.Phantom, result.IDReused, result.Dup, result.Lost, result.SubscriptionLost, result.DroppedOverload, result.WrongQoS, result.SessionKept, result.IDChanged, result.Resent,
	result.Reorder, result.Stuck, result.Late, result.LostUnknown, result.DroppedLegal, result.LossQoS0, result.DupLegal,
}

// An Offence is one message that had another fate than the plain one.
type Offence struct {
	Class  result.Class
	Stream int // -1: not known.
	Seq    uint32
	Sub    int       // The subscriber; -1: none in particular.
	At     int64     // ns, as Reception.Now: when it was seen; 0: it never was.
	ID     packet.ID // Packet Identifier; 0: none, or never seen.
	Dup    bool
	Epoch  uint32
	Text   string // What else is known of it.
}

// Circumstances are what the clients could not see.
type Circumstances struct {
	// Overload: there is evidence (a log, $SYS counters, QueueLimit) that the broker dropped
	// messages at a limit. Then acknowledged and undelivered messages are DroppedOverload and not
	// Lost. It is still a broken promise.
	Overload bool
	// Counted: the broker counts what it drops, and has dropped Admitted. No more than that are DroppedOverload.
	Counted  bool
	Admitted uint64
	// Arriving: deliveries were still being made when the drain's time was over. Then what is missing behind the last delivery of a stream is
	// Late and not Lost. Answering: exchanges were still ending. Then those that are open are not Stuck.
	Arriving, Answering bool
	// Start is when publishing started, on the clock of the result file; for Offender.At.
	Start time.Duration
	// Origin is that clock's zero on the clock of the receptions, ns.
	Origin int64
	// Sends, if not nil, is how the messages of a stream were sent.
	Sends func(stream int) *Sends
}

// An Audit is the verdict of the ledger.
type Audit struct {
	// Contract has the sums over all streams. Its Expected is every message attempted times its
	// subscriptions, and equals Delivered plus the findings that are not deliveries: LossQoS0,
	// LostUnknown, DroppedLegal, DroppedOverload, Late and Lost.
	Contract result.Contract
	// Streams is how many streams there are whose worst class this is; "" counts those without any.
	Streams map[result.Class]int
	// First is the first offence of each class that occurred, worst class first.
	First []Offence

	Recovered uint64 // Deliveries of messages whose acknowledgement was never seen. Legal.
	Overtaken uint64 // First deliveries out of order that are legal, because the publisher sent twice.
	Again     uint64 // QoS 2 resends on the wire that were not delivered.
	Retained  uint64 // Messages sent because of a subscription.

	// SessionsLost is how often a persistent session was not present when its client came back.
	SessionsLost uint64
	// QueueLost is how many deliveries are lost of what was published while the session of their subscriber was kept for it.
	QueueLost uint64
}

// Verify judges. All groups must be quiet, and clients still be as the drain left them: a publisher
// with open exchanges is stuck if it is connected, and was merely cut off if it is not. Verify changes
// nothing and may be called again.
func (l *Ledger) Verify(c Circumstances) *Audit {
	return l.verify(c, l.plan.PubQoS, true, func(int) bool { return true })
}

// VerifyLevels is Verify for each QoS that messages were published at, ascending. What is not of a stream, such as messages that
// nobody sent, is with the last.
func (l *Ledger) VerifyLevels(c Circumstances) (all []*Audit) {
	levels := l.plan.Levels()
	for i, level := range levels {
		a := l.verify(c, level, i == len(levels)-1, func(stream int) bool { return l.plan.PubQoSOf(stream) == level })
		c.Admitted -= min(c.Admitted, uint64(a.Contract.Count(result.DroppedOverload)))
		all = append(all, a)
	}
	return all
}

// verify judges the streams that are asked for, and, with strays, what is of none.
func (l *Ledger) verify(c Circumstances, level packet.QoS, strays bool, asked func(stream int) bool) *Audit {
	v := &verifier{ledger: l, circumstances: c, asked: asked, strayed: strays, counts: make(map[result.Class]uint64), worst: make([]int, len(l.publishers))}
	v.audit.Contract.QoS = int(level)
	for i := range v.worst {
		v.worst[i] = len(severity)
	}
	for i := range l.publishers {
		if asked(i) {
			v.publisher(i)
		}
	}
	for _, s := range l.subscribers {
		if s != nil {
			v.subscriber(s)
		}
	}
	for i := range l.publishers {
		if l.plan.GoesShared(i) && asked(i) {
			v.shared(i)
		}
	}
	return v.finish()
}

// A verifier is one Verify under way.
type verifier struct {
	ledger        *Ledger
	circumstances Circumstances
	asked         func(stream int) bool
	strayed       bool
	audit         Audit

	dropped uint64 // Of Circumstances.Admitted.

	counts map[result.Class]uint64
	first  [][]Offence // By place in severity: the first few.
	worst  []int       // By stream: the place in severity of the worst class.
}

// note counts n messages of a class, of which o is the first.
func (v *verifier) note(class result.Class, n uint64, o Offence) {
	if n == 0 {
		return
	}
	at := slices.Index(severity, class)
	if v.first == nil {
		v.first = make([][]Offence, len(severity))
	}
	o.Class = class
	v.counts[class] += n
	v.first[at] = append(v.first[at], o)
	slices.SortFunc(v.first[at], earlier)
	v.first[at] = v.first[at][:min(len(v.first[at]), maxOffenders)]
	if o.Stream >= 0 && o.Stream < len(v.worst) {
		v.worst[o.Stream] = min(v.worst[o.Stream], at)
	}
}

// maxOffenders is how many of a class are named in the result.
const maxOffenders = 5

// earlier orders offences by the time they were seen, then by message.
func earlier(a, b Offence) int {
	switch {
	case a.At != b.At:
		return int(min(max(a.At-b.At, -1), 1))
	case a.Seq != b.Seq:
		return int(min(max(int64(a.Seq)-int64(b.Seq), -1), 1))
	default:
		return a.Stream - b.Stream
	}
}

func (v *verifier) noteSpans(class result.Class, spans []span, o Offence) {
	if len(spans) > 0 {
		o.Seq = spans[0].from
		v.note(class, sum(spans), o)
	}
}

// publisher judges the sending side of a stream.
func (v *verifier) publisher(stream int) {
	p, c := &v.ledger.publishers[stream], &v.audit.Contract
	attempted := uint64(p.attempted.Load())
	open, refused := p.open(), sum(p.mishaps().refused)
	c.Attempted += int64(attempted)
	c.Expected += int64(attempted) * int64(p.copies)
	c.Refused += int64(refused)
	if v.ledger.plan.PublisherSessionOf(stream) == plan.Persistent && !v.ledger.plan.Expires() {
		v.audit.SessionsLost += uint64(p.sessionsLost)
	}
	if p.qos == 0 {
		return
	}
	c.Acked += int64(attempted - sum(open) - refused)
	if p.connected && !v.circumstances.Answering {
		v.noteSpans(result.Stuck, open, Offence{Stream: stream, Sub: -1})
		return
	}
	c.Unknown += int64(sum(open))
}

// subscriber judges what a subscriber received.
func (v *verifier) subscriber(s *Subscriber) {
	if x := s.oddities; x != nil && v.strayed {
		v.audit.Again += x.again
		v.audit.Retained += x.retained
		v.audit.SessionsLost += x.sessionsLost
		v.strays(x)
	}
	for i := range s.pairs {
		if stream := s.stream(i); v.asked(stream) {
			v.pair(s, stream, &s.pairs[i])
		}
	}
}

// strays are counted exactly; only the first few have a name.
func (v *verifier) strays(x *oddities) {
	for i, class := range strayClasses {
		rest := x.strays[i]
		for _, o := range x.offences {
			if o.Class == class {
				v.note(class, 1, o)
				rest--
			}
		}
		v.counts[class] += rest
	}
}

// pair judges what a subscriber received of a stream.
func (v *verifier) pair(s *Subscriber, stream int, p *pair) {
	pub := &v.ledger.publishers[stream]
	attempted := pub.attempted.Load()
	who := Offence{Stream: stream, Sub: int(s.index)}
	delivered := p.got.below(attempted)
	v.audit.Contract.Delivered += int64(delivered)
	if p.got.next > attempted {
		who.Seq = attempted
		v.note(result.Phantom, p.got.below(p.got.next)-delivered, who)
	}
	missing := p.got.missing(nil, attempted)
	var excused []span
	if p.rare != nil {
		excused = slices.Clone(p.rare.excused)
		v.repeats(pub, p.rare, who)
	}
	if s.away || !s.connected {
		// Whoever is away at the end has not been promised anything by now: a clean session nothing
		// at all, a persistent one no more than that it will get it when it comes.
		excused = join(excused, span{p.got.next, max(attempted, p.got.next)})
	}
	lost := v.missing(pub, s.effective, missing, excused, p.got.next, who)
	v.lost(s, lost, who)
	if pub.qos > 0 {
		_, recovered := split(pub.open(), missing)
		v.audit.Recovered += sum(recovered)
	}
}

// missing gives each delivery that was not made its class. It is not owed if the session was away or
// the server had refused the message, and not promised at QoS 0, or before the acknowledgement. What is from next on may come yet, if anything
// does: what came before it did so in order.
func (v *verifier) missing(pub *Publisher, effective packet.QoS, missing, excused []span, next uint32, who Offence) (lost []span) {
	if len(missing) == 0 {
		return nil
	}
	gone, missing := split(missing, excused)
	v.noteSpans(result.DroppedLegal, gone, who)
	gone, missing = split(missing, pub.mishaps().refused)
	v.noteSpans(result.DroppedLegal, gone, who)
	if v.circumstances.Arriving {
		gone, missing = split(missing, []span{{next, math.MaxUint32}})
		v.noteSpans(result.Late, gone, who)
	}
	if effective == 0 {
		v.noteSpans(result.LossQoS0, missing, who)
		return nil
	}
	gone, missing = split(missing, pub.open())
	v.noteSpans(result.LostUnknown, gone, who)
	dropped, missing := v.admitted(missing)
	v.noteSpans(result.DroppedOverload, dropped, who)
	return missing
}

// lost notes what a subscriber should have had, and says what is known of why: the session was there when it came back, and what had been queued in it was
// not, [v3.1.1 MQTT-3.1.2-5], [v5 4.1.0-1]; or its subscription was not, [v3.1.1 3.1.2.4], [v5 4.1].
func (v *verifier) lost(s *Subscriber, lost []span, who Offence) {
	place, ours := v.ledger.plan.SourceIndex(int(s.index), who.Stream)
	if len(lost) == 0 || !ours {
		return
	}
	since, gone := s.subscriptionGone(place, lost)
	if gone {
		x := who
		x.Seq, x.Text = since[0].from, fmt.Sprintf("the session was present when its subscriber came back, and none of the %d messages from this one on came: the subscription was not kept", sum(since))
		v.note(result.SubscriptionLost, 1, x)
	}
	queued, rest := split(lost, s.queuedFor(place))
	v.audit.QueueLost += sum(queued)
	x := who
	x.Text = "it was published while its subscriber was away, and the session was present when that came back"
	v.noteSpans(result.Lost, queued, x)
	v.noteSpans(result.Lost, rest, who)
}

// admitted is what of the missing deliveries the broker is known to have dropped at a limit, and the rest.
func (v *verifier) admitted(missing []span) (dropped, rest []span) {
	switch {
	case !v.circumstances.Overload:
		return nil, missing
	case !v.circumstances.Counted:
		return missing, nil
	}
	for _, s := range missing {
		n := uint32(min(s.len(), v.room()))
		v.dropped += uint64(n)
		if n > 0 {
			dropped = append(dropped, span{s.from, s.from + n})
		}
		if s.from+n < s.to {
			rest = append(rest, span{s.from + n, s.to})
		}
	}
	return dropped, rest
}

// room is how many more the broker admits to have dropped.
func (v *verifier) room() uint64 { return v.circumstances.Admitted - v.dropped }

// repeats judges what came again or out of order. Both are legal for messages that the publisher
// has sent twice.
func (v *verifier) repeats(pub *Publisher, x *rare, who Offence) {
	sample := x.sample
	sample.Stream, sample.Sub = who.Stream, who.Sub
	v.note(result.DupLegal, x.legal, sample)
	twice := pub.sentTwice()
	for _, e := range x.repeated {
		v.event(e, twice, result.DupLegal, result.Dup, who)
	}
	for _, e := range x.outlived {
		in, out := split([]span{e.span}, twice) // A server that hands on the publisher's DUP does something else that is wrong.
		v.noteSpans(result.SessionKept, out, e.offence(who))
		if e.again {
			v.noteSpans(result.DupLegal, in, e.offence(who))
		}
	}
	for _, e := range x.renumbered { // A second copy that the publisher sent has an identifier of its own.
		_, illegal := split([]span{e.span}, twice)
		v.noteSpans(result.IDChanged, illegal, e.offence(who))
	}
	for _, e := range slices.Concat(x.filled, x.behind) {
		legal, illegal := split([]span{e.span}, twice)
		v.audit.Overtaken += sum(legal)
		v.noteSpans(result.Reorder, illegal, e.offence(who))
	}
}

// event judges a run of repeated messages by whether the publisher sent them twice.
func (v *verifier) event(e event, twice []span, legal, illegal result.Class, who Offence) {
	in, out := split([]span{e.span}, twice)
	v.noteSpans(legal, in, e.offence(who))
	v.noteSpans(illegal, out, e.offence(who))
}

func (e *event) offence(who Offence) Offence {
	who.At, who.ID, who.Dup, who.Epoch = e.at, e.id, e.dup, e.epoch
	return who
}

// shared judges what the members of a shared subscription received of a stream together. If a
// member has left, a message may have gone down with it, or been given to another as well.
func (v *verifier) shared(stream int) {
	l := v.ledger
	pub := &l.publishers[stream]
	who := Offence{Stream: stream, Sub: -1}
	bound := l.leftUpTo(stream)
	all, below, from := l.union(stream, bound)
	missing, beyond := all.split(pub.attempted.Load())
	delivered := uint64(pub.attempted.Load()) - sum(missing)
	v.audit.Contract.Delivered += int64(delivered)
	none := who
	none.Seq = pub.attempted.Load()
	v.note(result.Phantom, beyond, none)

	effective := l.effective(stream)
	explained := result.Dup // To be sent again to another member is legal at QoS 1.
	if effective == 1 {
		explained = result.DupLegal
	}
	again := who
	again.Seq = below.first // When it came again, and to whom, the bits do not know.
	v.note(explained, below.count, again)
	again.Seq = from.first
	v.note(result.Dup, from.count, again)
	for _, group := range l.shared {
		for _, e := range group[stream].repeated {
			v.sharedAgain(e, bound, explained, pub.sentTwice(), who)
		}
	}
	lost := v.missing(pub, effective, missing, l.downWith(stream), 0, who) // Members have no order among them.
	lone := who
	lone.Text = "no member of the shared subscription has had it, and none of those that left can have taken it along"
	v.noteSpans(result.Lost, lost, lone)
	_, recovered := split(pub.open(), missing)
	v.audit.Recovered += sum(recovered)
}

// sharedAgain judges what one group of members had twice: if a member has left since it was published, that may be why.
func (v *verifier) sharedAgain(e event, bound uint32, explained result.Class, twice []span, who Offence) {
	in, out := split([]span{e.span}, []span{{0, bound}})
	for _, x := range in {
		e.span = x
		v.event(e, twice, result.DupLegal, explained, who)
	}
	for _, x := range out {
		e.span = x
		v.event(e, twice, result.DupLegal, result.Dup, who)
	}
}

// effective is the QoS of the members of the shared subscription that a stream goes to.
func (l *Ledger) effective(stream int) (q packet.QoS) {
	for sub := range l.plan.Receivers(stream) {
		if s := l.subscribers[sub]; s != nil {
			q = max(q, s.effective)
		}
	}
	return q
}

// finish puts the findings in order.
func (v *verifier) finish() *Audit {
	a := &v.audit
	for i, class := range severity {
		if v.counts[class] == 0 {
			continue
		}
		f := result.Finding{Class: class, Count: int64(v.counts[class])}
		if v.first != nil && len(v.first[i]) > 0 {
			a.First = append(a.First, v.first[i][0])
			for _, o := range v.first[i] {
				f.First = append(f.First, v.offender(o))
			}
		}
		a.Contract.Findings = append(a.Contract.Findings, f)
	}
	a.Streams = make(map[result.Class]int)
	for _, worst := range v.worst {
		class := result.Class("")
		if worst < len(severity) {
			class = severity[worst]
		}
		a.Streams[class]++
	}
	return a
}

// offender is an offence in the words of the result file.
func (v *verifier) offender(o Offence) result.Offender {
	p := v.ledger.plan
	out := result.Offender{Sequence: uint64(o.Seq), Text: o.Text}
	if o.Stream >= 0 && o.Stream < p.Publishers {
		out.Publisher, out.Topic = p.PublisherID(o.Stream), p.TopicName(o.Stream)
		out.At = v.circumstances.Start.Seconds() + float64(p.Due(o.Stream, o.Seq))/1e9
	}
	if o.Sub >= 0 {
		out.Subscriber = p.SubscriberID(o.Sub)
	}
	if v.circumstances.Sends != nil && o.Stream >= 0 && o.Stream < p.Publishers {
		if id, epoch, ok := v.circumstances.Sends(o.Stream).Of(o.Seq); ok {
			out.SentID, out.SentConnection = int(id), int(epoch)+1
		}
	}
	if o.At != 0 {
		out.Seen = float64(o.At-v.circumstances.Origin) / 1e9
		out.SeenID, out.SeenConnection, out.Dup = int(o.ID), int(o.Epoch)+1, o.Dup
	}
	return out
}
