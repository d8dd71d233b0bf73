package bench

import (
	"cmp"
	"fmt"
	"sync/atomic"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// wills are what is known of the clients' wills: whose must be published, since a client was cut off, and whose may be, since its
// connection ended in another way than by DISCONNECT. The watchers tell what came.
type wills struct {
	plan  *plan.Plan // Immutable.
	fates []willFate // By client.
}

// A willFate is that of one client's will. Atomic: the client and the watchers may be in different groups.
type willFate struct {
	due   atomic.Uint32 // How often it must have been published,
	may   atomic.Uint32 // and how often it may have been, besides.
	cutAt atomic.Int64  // transport.Clock; the last time that it fell due.
}

func newWills(p *plan.Plan) *wills {
	x := &wills{plan: p}
	if p.Wills.Watchers > 0 {
		x.fates = make([]willFate, p.Clients())
	}
	return x
}

// bequeath gives client n its will.
func (x *wills) bequeath(n int, o *client.Options) {
	if x.fates == nil {
		return
	}
	e := client.Extra{}
	if o.Extra != nil {
		e = *o.Extra
	}
	e.Will = &client.Will{
		Topic: x.plan.WillTopic(n), Payload: x.plan.WillPayload(n), QoS: x.plan.Wills.QoS, Retain: x.plan.Wills.Retain, Props: x.plan.Wills.Props(),
	}
	o.Extra = &e
}

// cut: client n is being cut off, to be away for so long (ns), so that its will falls due: but not if its session goes on before the Will Delay
// Interval is over, [v5 MQTT-3.1.3-9], and perhaps not if it goes on within a second after.
func (x *wills) cut(n int, away int64) {
	if n >= len(x.fates) {
		return
	}
	delay := int64(x.plan.Wills.Delay)
	switch goesOn := delay > 0 && x.plan.ClientSession(n) == plan.Persistent && !x.plan.Expires(); {
	case goesOn && away < delay:
	case goesOn && away < delay+int64(time.Second):
		x.mayCome(n)
	default:
		x.fates[n].due.Add(1)
	}
	x.fates[n].cutAt.Store(transport.Clock())
}

// mayCome: the connection of client n has ended by itself.
func (x *wills) mayCome(n int) {
	if n < len(x.fates) {
		x.fates[n].may.Add(1)
	}
}

// A watcher receives all wills.
type watcher struct {
	member *member
	ready  bool
	got    []uint32 // By client.
	stray  int64    // Messages that are no will of the run.

	altered int64  // Wills with other properties than were given to them.
	how     string // What was wrong with the first.

	last    []sighting        // By client.
	changed []result.Offender // The first of the altered,
	strange []result.Offender // and of the stray.
}

// watchers makes them: further clients, after those of the plan.
func (r *run) watchers() {
	for i := range r.plan.Wills.Watchers {
		n := len(r.members)
		m := r.newMember(n, n%len(r.workers))
		m.special().watch = &watcher{member: m, got: make([]uint32, r.plan.Clients()), last: make([]sighting, r.plan.Clients())}
		m.client = m.worker.group.New(r.options(n, r.plan.WatcherID(i), plan.Clean), m)
		r.members = append(r.members, m)
	}
}

func (x *watcher) subscribe(bool) {
	p := x.member.worker.run.plan
	x.member.client.Subscribe([]string{p.WillTopic(-1)}, p.Wills.QoS)
}

func (x *watcher) subscribed(codes []packet.ReasonCode) {
	r := x.member.worker.run
	if c := lowest(codes); c >= packet.UnspecifiedError {
		r.fail(&SetupError{errSubscription([]string{r.plan.WillTopic(-1)}, c)})
		return
	}
	if !x.ready {
		x.ready = true
		r.subscribed.Add(1)
		r.nudge()
	}
}

func (x *watcher) receive(m *client.Reception) {
	r := x.member.worker.run
	client, ok := r.plan.ReadWill(m.Payload)
	switch {
	case m.Again:
	case !ok || string(m.Topic) != r.plan.WillTopic(client):
		x.stray++
		o := result.Offender{Client: r.nameOf(x.member), Topic: string(m.Topic), Text: "a message came to it that is the will of no client of this run"}
		x.strange = named(x.strange, r.saw(o, sightingOf(m)))
	default:
		x.got[client]++
		x.last[client] = sightingOf(m)
		if how := r.plan.Wills.Altered(m.Props); how != "" && r.plan.Version == packet.V5 {
			x.altered++
			x.how = cmp.Or(x.how, how)
			x.changed = named(x.changed, r.saw(result.Offender{Client: r.plan.ClientName(client), Text: "its will has other properties than were given to it: " + how}, x.last[client]))
		}
		if at := r.wills.fates[client].cutAt.Load(); at != 0 {
			x.member.worker.rec.Resumed(measure.WillSeen, time.Duration(m.Now-at))
		}
	}
}

// A reader comes, subscribes to everything that is retained, waits until it has a message of every topic, and goes.
type reader struct {
	member *member
	index  int
	next   int64    // transport.Clock: when it is to come again.
	floor  []uint32 // By stream: one more than the sequence number that its retained message must at least have; 0: there may be none.
	open   int      // Streams that it waits for.
	asked  int64    // transport.Clock: when it subscribed; 0: it is not waiting.

	readings, expected, delivered, stale, missing int64

	old, none []result.Offender // The first of the stale, and of the missing.
}

// readers makes them, after the watchers.
func (r *run) readers() {
	for i := range r.plan.Readers.Count {
		n := len(r.members)
		m := r.newMember(n, n%len(r.workers))
		m.special().read = &reader{member: m, index: i, floor: make([]uint32, len(r.pubs))}
		m.client = m.worker.group.New(r.options(n, r.plan.ReaderID(i), plan.Clean), m)
		r.members = append(r.members, m)
		m.worker.readers = append(m.worker.readers, m.read)
	}
}

// begin has the reader come for the first time in the measured part, at its turn among the readers.
func (x *reader) begin() {
	r := x.member.worker.run
	every := int64(r.plan.Readers.Every)
	x.next = r.start + int64(r.plan.Warmup) + every*int64(x.index)/int64(r.plan.Readers.Count)
	x.member.worker.comeBack(x.member, x.next)
}

// willsDue is how many wills the watchers of a worker wait for.
func (w *worker) willsDue() (n int) {
	if w.run.wills.fates == nil {
		return 0
	}
	for _, m := range w.members {
		if m.watch != nil {
			n += m.watch.outstanding()
		}
	}
	return n
}

// outstanding is how many wills have fallen due and have not come to the watcher.
func (x *watcher) outstanding() (n int) {
	fates := x.member.worker.run.wills.fates
	for client, got := range x.got {
		if due := fates[client].due.Load(); due > got {
			n += int(due - got)
		}
	}
	return n
}

// turn: the reader's time has come. If it is still waiting for something by now, that is missing. Before its time, its connection has failed, and it
// tries again.
func (x *reader) turn() {
	w := x.member.worker
	if w.group.Now() < x.next {
		if !w.paused {
			w.dial(x.member)
		}
		return
	}
	if x.asked != 0 {
		x.leave()
	}
	x.next += int64(w.run.plan.Readers.Every)
	if x.next >= w.run.start+w.run.plan.End() || w.paused {
		return
	}
	w.comeBack(x.member, x.next)
	if !x.member.connected {
		w.dial(x.member)
	}
}

func (x *reader) subscribe() {
	r := x.member.worker.run
	x.open = 0
	for i := range x.floor {
		x.floor[i] = r.retained[i].Load()
		if x.floor[i] > 0 {
			x.open++
		}
	}
	x.expected += int64(x.open)
	x.readings++
	x.asked = transport.Clock()
	x.member.client.Subscribe(r.plan.RetainedFilters(), r.plan.Readers.QoS)
}

func (x *reader) receive(m *client.Reception) {
	stamp, ok := plan.ReadStamp(m.Payload)
	if !ok || !m.Retain || x.asked == 0 || stamp.Stream >= len(x.floor) || x.floor[stamp.Stream] == 0 {
		return // What is published meanwhile comes too, with RETAIN 0.
	}
	floor := x.floor[stamp.Stream]
	x.floor[stamp.Stream] = 0
	x.delivered++
	if floor > 1 && (stamp.Seq == plan.ProbeSeq || stamp.Seq+1 < floor) {
		x.stale++
		o := x.lacks(stamp.Stream, floor, fmt.Sprintf("message %d came in its place", stamp.Seq))
		x.old = named(x.old, x.member.worker.run.saw(o, sightingOf(m)))
	}
	if x.open--; x.open == 0 {
		x.member.worker.rec.Resumed(measure.RetainedSeen, time.Duration(m.Now-x.asked))
		x.leave()
	}
}

// interrupted: the connection has ended in the middle of a reading. What has not come on it, nobody has kept back.
func (x *reader) interrupted() {
	x.expected -= int64(x.open)
	x.open, x.asked = 0, 0
}

// miss names what has not come.
func (x *reader) miss() {
	for stream, floor := range x.floor {
		if x.open > 0 && floor > 0 {
			x.none = named(x.none, x.lacks(stream, floor, "nothing came"))
		}
	}
}

// lacks is that the reader should have had a stream's retained message, one before floor at least, and what came.
func (x *reader) lacks(stream int, floor uint32, text string) result.Offender {
	r := x.member.worker.run
	return result.Offender{
		Publisher: r.plan.PublisherID(stream), Subscriber: r.plan.ReaderID(x.index), Topic: r.plan.TopicName(stream), Sequence: uint64(floor - 1), At: r.log.seconds(x.member.worker.due(stream, floor-1, x.asked)),
		Text: fmt.Sprintf("it had been acknowledged when the reader subscribed, at %.2f s, and %s", r.log.seconds(x.asked), text),
	}
}

// leave ends a reading.
func (x *reader) leave() {
	x.missing += int64(x.open)
	x.miss()
	x.open, x.asked = 0, 0
	x.member.client.Disconnect()
}
