package bench

import (
	"errors"
	"math"
	"syscall"
	"time"
	"unsafe"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/transport"
)

// A worker is one group of clients and all that is known about them. Its methods run on the
// group, except where they say otherwise.
type worker struct {
	// Immutable.
	run   *run
	index int
	group client.Group

	// Owned by the group.
	rec       *measure.Recorder
	tally     *measure.Tally
	dues      *plan.Dues     // nil in a closed loop.
	schedule  *plan.Schedule // nil in a closed loop, and before publishing.
	members   []*member
	pubs      []*publisher
	readers   []*reader
	dialling  waitingLine // Clients that wait for their turn to connect.
	away      []absence   // Clients that reconnect at a time, soonest first.
	leaving   []plan.Departure
	payload   []byte
	message   client.Message
	online    int  // Clients connected.
	paused    bool // Publishing has not begun, or has ended.
	frozen    bool // The ledger is being judged: nothing counts any more.
	failures  map[string]*failure
	exhausted int64 // Connections that failed for want of a port or a descriptor.

	// What its clients are made of.
	clients     shelf[member]
	publishers  shelf[publisher]
	subscribers shelf[subscriber]

	sessions     sessions          // Of its subscribers that came back.
	lostSessions []result.Offender // The first of the sessions that were lost.

	stretches    []stretch // In which clients are offline, by the plan.
	doubles      []*double
	takeOvers    takeOvers
	flapping     []plan.Flapping // Those to come.
	unsubscribed []*flap         // Those that are to subscribe again, soonest first.
	flaps        flaps
	gaps         gaps
	asked        int64 // When the timer is to call next, transport.Clock; 0: at no time in particular.
}

// A shelf holds values of one kind, made many at a time: no byte is lost between them, and those of two workers, which write to them with
// every message, share no cache line.
type shelf[T any] struct{ free []T }

const shelfBytes = 8 << 10

// take gives one out, for good.
func (s *shelf[T]) take() *T {
	if len(s.free) == 0 {
		var one T
		s.free = make([]T, shelfBytes/unsafe.Sizeof(one))
	}
	x := &s.free[0]
	s.free = s.free[1:]
	return x
}

// An absence ends with a reconnection.
type absence struct {
	until int64 // transport.Clock.
	who   *member
}

// A waitingLine bounds how many connections are being opened at a time: a burst of thousands of
// SYNs measures the listen queue and not the broker.
type waitingLine struct {
	waiting []*member
	open    int // Being opened now.
	limit   int
}

func newWorker(r *run, index int, g client.Group) *worker {
	w := &worker{
		run: r, index: index, group: g,
		rec: measure.NewRecorder(index), tally: r.ledger.Tally(index),
		payload: make([]byte, r.plan.LargestPayload()), paused: true, failures: map[string]*failure{},
	}
	w.dialling.limit = max(1, r.cfg.ConnectLimit/len(r.cfg.Engine.Groups()))
	if !r.plan.Closed && r.plan.Rate > 0 {
		w.dues = plan.NewDues(r.plan)
	}
	w.message = client.Message{Props: r.cfg.Props}
	return w
}

// dial connects m when it is its turn.
func (w *worker) dial(m *member) {
	w.dialling.waiting = append(w.dialling.waiting, m)
	w.nextDial()
}

func (w *worker) nextDial() {
	d := &w.dialling
	for d.open < d.limit && len(d.waiting) > 0 {
		m := d.waiting[0]
		d.waiting = d.waiting[1:]
		if m.connected || m.dialling { // A reader that was late, and whose turns came together.
			continue
		}
		d.open++
		m.dialling = true
		if m.met {
			m.special().dialledAt = transport.Clock()
		}
		m.client.Connect()
	}
}

// dialled: m's attempt is over, one way or the other.
func (w *worker) dialled(m *member) {
	if m.dialling {
		m.dialling = false
		w.dialling.open--
		w.nextDial()
	}
}

// publish begins publishing at the run's start.
func (w *worker) publish() {
	w.paused = false
	w.rec.SetWindow(w.run.window)
	w.stretches = w.run.stretches()
	for _, x := range w.readers {
		x.begin()
	}
	for _, d := range w.run.departures {
		if w.memberOf(d).worker == w {
			w.leaving = append(w.leaving, d)
		}
	}
	for _, x := range w.run.plan.Flaps() {
		if w.run.subs[x.Subscriber].worker == w {
			w.flapping = append(w.flapping, x)
		}
	}
	if w.dues != nil {
		numbers := make([]int, len(w.pubs))
		for i, p := range w.pubs {
			numbers[i] = p.number
		}
		w.schedule = plan.NewSchedule(w.run.plan, numbers)
		for _, p := range w.pubs {
			if !p.connected {
				w.schedule.Block(p.number)
			}
		}
	}
	w.group.SetTimer(w.turn)
}

func (w *worker) memberOf(d plan.Departure) *member {
	if d.Publisher {
		return w.run.pubs[d.Client].member
	}
	return w.run.subs[d.Client].member
}

// pace sends what is due, sends away whose time has come, and says when it wants to be called again.
func (w *worker) pace(now int64) (next int64) {
	if w.frozen {
		return math.MaxInt64
	}
	next = min(w.welcome(now), w.subscribeAgain(now))
	if w.paused {
		return next
	}
	next = min(next, w.sendOff(now), w.unsubscribe(now))
	if len(w.unsubscribed) > 0 {
		next = min(next, w.unsubscribed[0].until)
	}
	if w.schedule == nil {
		return min(next, w.turnClosed(now))
	}
	for {
		m, ok := w.schedule.Peek(now - w.run.start)
		if !ok {
			return min(next, after(w.run.start, m.Due))
		}
		p := w.run.pubs[m.Pub]
		if p.send(m.Seq, w.run.start+m.Due) {
			w.schedule.Pop()
		} else {
			w.rec.Count.Blocked++
			w.schedule.Block(m.Pub)
		}
	}
}

// due is when a message was due, on transport.Clock. In a closed loop nothing is; then it is otherwise.
func (w *worker) due(stream int, seq uint32, otherwise int64) int64 {
	if w.dues == nil {
		return otherwise
	}
	return w.run.start + w.dues.At(stream, seq)
}

// after is start+d without overflow.
func after(start, d int64) int64 {
	if d > math.MaxInt64-start {
		return math.MaxInt64
	}
	return start + d
}

// turnClosed fills every publisher's window. A publisher whose window was filled goes on from its
// acknowledgements; this is for the beginning and, once a second, for windows that losses at QoS 0 have shut.
func (w *worker) turnClosed(now int64) (next int64) {
	if now >= w.run.start+w.run.plan.End() {
		w.paused = true
		return math.MaxInt64
	}
	if now < w.run.start {
		return w.run.start
	}
	for _, p := range w.pubs {
		p.reopen()
		p.fill()
	}
	return now + int64(time.Second)
}

// comeDue does what is due at now of a queue in the order of its times, and returns when the next is.
func comeDue[T any](queue *[]T, now int64, at func(T) int64, do func(T)) (next int64) {
	for len(*queue) > 0 {
		x := (*queue)[0]
		if next := at(x); next > now {
			return next
		}
		*queue = (*queue)[1:]
		do(x)
	}
	return math.MaxInt64
}

// sendOff ends the connections whose time has come.
func (w *worker) sendOff(now int64) (next int64) {
	at := func(d plan.Departure) int64 { return w.run.start + d.At }
	return comeDue(&w.leaving, now, at, func(d plan.Departure) { w.memberOf(d).leave(d) })
}

// welcome reconnects those who have been away long enough.
func (w *worker) welcome(now int64) (next int64) {
	return comeDue(&w.away, now, func(x absence) int64 { return x.until }, func(x absence) {
		if x.who.read != nil {
			x.who.read.turn()
		} else {
			w.dial(x.who)
		}
	})
}

// comeBack has m reconnect at a time.
func (w *worker) comeBack(m *member, at int64) {
	i := len(w.away)
	for i > 0 && w.away[i-1].until > at {
		i--
	}
	w.away = append(w.away, absence{})
	copy(w.away[i+1:], w.away[i:])
	w.away[i] = absence{at, m}
	w.group.SetTimer(w.turn) // So that it is asked anew when its next turn should be.
}

// A snapshot is what a worker hands over once an interval.
type snapshot struct {
	set      *measure.Set
	tally    measure.Tally
	online   int
	unsent   int64 // Messages due and not sent.
	pending  int64 // Bytes written by clients and not taken by the kernel.
	failures []failure
}

// A failure is an error that connections met.
type failure struct {
	text  string
	count int64
	first int64 // transport.Clock.
}

func (w *worker) failed(err error, now int64) {
	if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		w.exhausted++
	}
	text := err.Error()
	if w.failures[text] == nil && len(w.failures) >= maxFailureTexts {
		text = "further errors"
	}
	f := w.failures[text]
	if f == nil {
		f = &failure{text: text, first: now}
		w.failures[text] = f
	}
	f.count++
}

// maxFailureTexts bounds the kinds of errors that are told apart.
const maxFailureTexts = 100

// snapshot ends interval number n.
func (w *worker) snapshot(n int) snapshot {
	s := snapshot{set: w.rec.Swap(n), tally: *w.tally, online: w.online}
	if w.schedule != nil && !w.paused {
		s.unsent = w.schedule.Unsent(w.group.Now() - w.run.start)
	}
	for _, p := range w.pubs {
		s.pending += int64(p.client.Pending())
	}
	for _, f := range w.failures {
		s.failures = append(s.failures, *f)
	}
	return s
}
