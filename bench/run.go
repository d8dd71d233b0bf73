package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A run is the orchestrator's state. What workers touch is immutable or atomic.
type run struct {
	// Immutable once the workers work.
	cfg        Config
	plan       *plan.Plan
	ledger     *measure.Ledger
	workers    []*worker
	members    []*member // As the plan counts clients; then watchers and readers.
	all        int       // Of them, those that are always there: all but readers.
	pubs       []*publisher
	subs       []*subscriber
	wills      *wills
	departures []plan.Departure
	origin     int64          // transport.Clock at the run's beginning: zero of the result's times and of the stamps.
	started    time.Time      // origin, for events from outside.
	start      int64          // transport.Clock at which publishing begins; set before the workers are told to publish.
	window     measure.Window // The measured part, on transport.Clock; set with start.

	// Atomic. By stream that is published with RETAIN: one more than the highest sequence number that was acknowledged.
	retained []atomic.Uint32

	// Atomic. How many have passed each barrier; changed is nudged with each step.
	connected, subscribed, probed atomic.Int64
	lastError                     atomic.Pointer[error]
	failure                       atomic.Pointer[error] // The first that ends the run.
	changed                       chan struct{}

	// Owned by the orchestrator.
	log    *log
	phase  result.Phase
	began  map[result.Phase]int64 // transport.Clock.
	cut    int64                  // ns of the measured part that turned out to be warm-up.
	rest   rest                   // What the drain left.
	before <-chan counts          // Delivers what the broker had counted before anything was published; nil: nobody has asked.

	earlier       counts         // What before has delivered.
	queueLost     int64          // Deliveries that are lost of what was queued for who was away.
	contradiction result.Finding // Between the broker's own counts and what its clients saw.
}

// errInterrupted is how a phase ends when the context does.
var errInterrupted = errors.New("interrupted")

// Run carries out a plan and returns its result, which is also in Config.Dir. The result is nil only if nothing
// could be begun. An interrupted run (ctx done) returns its result with Summary.Interrupted; a run that failed half-way
// returns both a result and the error.
func Run(ctx context.Context, cfg Config) (*result.Run, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	r, err := newRun(cfg)
	if err != nil {
		return nil, err
	}
	err = r.phases(ctx)
	res, closeErr := r.finish(err)
	if errors.Is(err, errInterrupted) {
		err = nil
	}
	return res, errors.Join(err, closeErr)
}

func newRun(cfg Config) (*run, error) {
	r := &run{
		cfg: cfg, plan: &cfg.Plan, origin: transport.Clock(), started: time.Now(),
		changed: make(chan struct{}, 1), began: map[result.Phase]int64{},
	}
	text, err := json.Marshal(r.plan)
	if err != nil {
		return nil, err
	}
	m := cfg.Manifest
	cpus := m.Machine.GeneratorCPUs
	m.Start, m.Plan, m.Machine = time.Now().UTC(), text, measure.DescribeMachine()
	m.Machine.GeneratorCPUs = cpus
	m.RunID, m.Seed, m.Workload = r.plan.Run, r.plan.Seed, describe(r.plan, m.Workload)
	m.Broker.PID = cfg.BrokerPID
	if m.Broker.URL == "" { // Otherwise it is behind a proxy.
		m.Broker.URL = cfg.Client.URL
	}
	groups := cfg.Engine.Groups()
	r.ledger = measure.NewLedger(r.plan, len(groups))
	r.departures = r.plan.Departures()
	for i, g := range groups {
		r.workers = append(r.workers, newWorker(r, i, g))
	}
	if r.log, err = openLog(r, &m); err != nil {
		return nil, err
	}
	r.populate()
	return r, nil
}

// describe is the plan in the few numbers that decide whether two runs may be compared.
func describe(p *plan.Plan, w result.Workload) result.Workload {
	w.Load, w.Arrivals, w.Rate = "open", string(p.Arrivals), p.Rate
	switch {
	case p.Closed:
		w.Load, w.Arrivals = "closed", ""
	case p.Idle():
		w.Load, w.Arrivals = "idle", ""
	}
	w.QoS, w.SubscribeQoS = levels(p)
	w.PayloadBytes, w.MQTTVersion = p.Payload, versionText(p.Version)
	w.Publishers, w.Subscribers, w.Clients = p.Publishers, p.Subscribers, p.Clients()
	w.Topics, w.FanOut, w.Window = p.Publishers, p.FanOut(), p.Window
	w.WarmUp, w.Duration = time.Duration(p.Warmup).Seconds(), time.Duration(p.Duration).Seconds()
	w.ChurnPerSec, w.CleanStart = p.Churn.Rate, p.SubscriberSession == plan.Clean
	w.ConnectPerSec = p.ConnectRate
	for _, o := range p.Absences() {
		w.Offline += time.Duration(o.For).Seconds()
	}
	if p.ShareName != "" {
		w.SharedMembers = p.Subscribers
	}
	return w
}

func versionText(v packet.Version) string {
	switch v {
	case packet.V31:
		return "3.1"
	case packet.V5:
		return "5.0"
	}
	return "3.1.1"
}

// nudge tells the orchestrator that a barrier may have been passed. Any goroutine may call it.
func (r *run) nudge() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// fail ends the run. The first failure counts. Any goroutine may call it.
func (r *run) fail(err error) {
	r.failure.CompareAndSwap(nil, &err)
	r.nudge()
}

func errSubscription(filters []string, reason packet.ReasonCode) error {
	return fmt.Errorf("the broker refused to subscribe to %s: %v (0x%02X)", strings.Join(filters, ", "), reason, byte(reason))
}

// phases carries the run from its first connection to the end of the drain.
func (r *run) phases(ctx context.Context) error {
	steps := []struct {
		phase result.Phase
		do    func(context.Context) error
	}{
		{result.PhaseConnect, r.connect},
		{result.PhaseProbe, r.probe},
		{result.PhaseWarmUp, r.warmUp},
		{result.PhaseMeasure, r.measure},
		{result.PhaseDrain, r.drain},
	}
	for _, s := range steps {
		r.enter(s.phase)
		if err := s.do(ctx); err != nil {
			if errors.Is(err, errInterrupted) && r.start != 0 && s.phase != result.PhaseDrain {
				r.stopPublishing()
				r.enter(result.PhaseDrain)
				r.settle(context.WithoutCancel(ctx), interruptedDrain)
			}
			return err
		}
	}
	return nil
}

// enter begins a phase, and ends the interval of the one before: no interval belongs to two.
func (r *run) enter(p result.Phase) {
	if r.phase != "" {
		r.log.interval()
	}
	r.phase = p
	now := transport.Clock()
	r.began[p] = now
	r.log.phase(p, now)
}

// await works off events until passed says so, the deadline has come (then it returns tooLate), or the run is over.
func (r *run) await(ctx context.Context, until time.Time, passed func() bool, tooLate func() error) error {
	deadline := time.NewTimer(time.Until(until))
	defer deadline.Stop()
	for {
		if err := r.failure.Load(); err != nil {
			return *err
		}
		if passed() {
			return nil
		}
		select {
		case <-ctx.Done():
			return errInterrupted
		case <-deadline.C:
			return tooLate()
		case err := <-r.cfg.BrokerGone:
			return fmt.Errorf("the broker's process ended during the %s phase: %w", r.phase, gone(err))
		case <-r.changed:
		case <-r.log.tick.C:
			r.log.interval()
			if err := r.log.brokerGone(); err != nil && r.phase != result.PhaseConnect {
				return err
			}
		}
	}
}

func gone(err error) error {
	if err == nil {
		return errors.New("exit code 0")
	}
	return err
}

// connect brings every client to its CONNACK and every subscriber to its SUBACK. One client goes
// first: if the broker cannot be reached, or is none, or says no, that is one clear error and not thousands.
func (r *run) connect(ctx context.Context) error {
	all := int64(r.all)
	until := time.Now().Add(r.cfg.ConnectFor + time.Duration(r.plan.ConnectAt(int(all))))
	pilot := r.pilot()
	pilot.worker.group.Post(func() { pilot.worker.dial(pilot) })
	failed := func() bool { return r.lastError.Load() != nil }
	err := r.await(ctx, until, func() bool { return r.connected.Load() > 0 || failed() }, func() error {
		return &SetupError{fmt.Errorf("no answer from %s within %v", r.cfg.Client.URL, r.cfg.ConnectFor)}
	})
	if err != nil {
		return err
	}
	if r.connected.Load() == 0 {
		return &SetupError{*r.lastError.Load()}
	}
	start := transport.Clock()
	for _, w := range r.workers {
		w.group.Post(func() { w.connectAllBut(pilot, start) })
	}
	return r.await(ctx, until, func() bool {
		return r.connected.Load() == all && r.subscribed.Load() == r.subscriptions()
	}, func() error { return r.tooFew(all) })
}

func (r *run) pilot() *member {
	if len(r.subs) > 0 {
		return r.subs[0].member
	}
	return r.members[0]
}

// connectAllBut connects everybody when the plan says, which may be at once.
func (w *worker) connectAllBut(pilot *member, start int64) {
	connect := func(m *member, n int) {
		at := start + w.run.plan.ConnectAt(n)
		switch {
		case m == pilot:
		case at <= w.group.Now():
			w.dial(m)
		default:
			w.comeBack(m, at)
		}
	}
	for _, m := range w.members {
		if m.read == nil {
			connect(m, m.number)
		}
	}
}

func (r *run) tooFew(all int64) error {
	err := fmt.Errorf("only %d of %d clients were connected and %d of %d subscribers subscribed within %v",
		r.connected.Load(), all, r.subscribed.Load(), r.subscriptions(), r.cfg.ConnectFor)
	if last := r.lastError.Load(); last != nil {
		err = fmt.Errorf("%w; the last error: %w", err, *last)
	}
	return &SetupError{err}
}

// probe sends one message on every topic and waits until each has reached all its subscribers:
// after that, what is lost was not lost because somebody was not ready yet.
func (r *run) probe(ctx context.Context) error {
	if len(r.pubs) == 0 || len(r.subs) == 0 {
		return nil
	}
	r.countBefore()
	want := r.probesWanted()
	until := time.Now().Add(r.cfg.ProbeFor)
	for {
		for _, w := range r.workers {
			w.group.Post(w.probeAll)
		}
		patience := min(probeAgain, time.Until(until))
		err := r.await(ctx, time.Now().Add(patience), func() bool { return r.probed.Load() >= want }, func() error { return errAgain })
		if err == nil {
			return r.awaitCounts(ctx)
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		if time.Now().After(until) {
			return &SetupError{fmt.Errorf("a message on every topic reached only %d of %d subscribers within %v: does the broker allow publishing %d bytes to %q?",
				r.probed.Load(), want, r.cfg.ProbeFor, r.plan.LargestPayload(), r.plan.TopicName(0))}
		}
	}
}

var errAgain = errors.New("again")

// probeAgain is how long a probe may take before it is sent once more: at QoS 0 it may have been lost.
const probeAgain = 5 * time.Second

// headStart is how long before its start publishing is announced, so that every worker has heard of it.
const headStart = 100 * time.Millisecond

func (r *run) warmUp(ctx context.Context) error {
	if r.plan.Warmup == 0 { // What is to befall the measured part must not miss its first messages.
		r.tellMeasuring(true)
	}
	r.start = transport.Clock() + int64(headStart)
	r.window = r.measuredPart()
	for _, w := range r.workers {
		w.group.Post(w.publish)
	}
	err := r.until(ctx, r.start+int64(r.plan.Warmup))
	if err != nil && r.plan.Warmup == 0 {
		r.tellMeasuring(false)
	}
	return err
}

func (r *run) measure(ctx context.Context) error {
	r.log.measuring(true)
	if r.plan.Warmup > 0 {
		r.tellMeasuring(true)
	}
	err := r.until(ctx, r.start+r.plan.End())
	if err != nil {
		r.stopPublishing() // Before the end is set down: what is sent is due before it.
	}
	r.log.measuring(false)
	r.tellMeasuring(false)
	return err
}

func (r *run) tellMeasuring(begins bool) {
	if r.cfg.Measuring != nil {
		r.cfg.Measuring(begins)
	}
}

// until lets time pass until clock.
func (r *run) until(ctx context.Context, clock int64) error {
	at := time.Now().Add(time.Duration(clock - transport.Clock()))
	return r.await(ctx, at, func() bool { return false }, func() error { return nil })
}

// drain waits until all that was published is acknowledged and delivered, or nothing comes any more.
// Its patience begins when those who are offline are back.
func (r *run) drain(ctx context.Context) error {
	back := int64(0)
	for _, o := range r.plan.Absences() {
		_, back = r.plan.Away(o)
	}
	return r.settle(ctx, r.cfg.DrainFor+time.Duration(max(0, r.start+back-transport.Clock())))
}

func (r *run) settle(ctx context.Context, patience time.Duration) error {
	looked := time.Now()
	until, last, quiet := looked.Add(patience), r.drainState(), time.Duration(0)
	var delivery, answer time.Time
	for { // The last look is after the end, however late: what came meanwhile has come.
		now, at := r.drainState(), time.Now()
		busy := r.cfg.UnderWay != nil && r.cfg.UnderWay()
		if now.done() && !busy {
			return nil
		}
		if now.tally.Delivered != last.tally.Delivered {
			delivery = at
		}
		if now.answered() != last.answered() || now.held < last.held {
			answer = at
		}
		// Time in which this process did not get to look says nothing about the broker.
		quiet += min(at.Sub(looked), 5*drainPoll)
		if looked = at; now != last || busy {
			last, quiet = now, 0
		}
		enough := r.cfg.Lull + max(quietFor, r.log.tail())
		if now.wills > 0 { // For so long it is right that they do not come.
			enough += time.Duration(r.plan.Wills.Delay)
		}
		if now.online == r.all && now.silent == 0 && quiet > enough {
			return nil
		}
		if !at.Before(until) {
			break
		}
		if err := r.await(ctx, time.Now().Add(drainPoll), func() bool { return false }, func() error { return nil }); err != nil {
			return err
		}
	}
	since := until.Add(-max(quietFor, patience/4))
	r.rest = rest{arriving: delivery.After(since), answering: answer.After(since)}
	return nil
}

// A rest is what is under way when the patience of a drain is at its end. What keeps coming is not lost and not stuck; it takes longer. Keeps
// coming is what has come in the last quarter of the time, or in the last two seconds.
type rest struct {
	arriving  bool // Deliveries.
	answering bool // Acknowledgements.
}

// drainPoll is how often a drain looks whether it is done.
const drainPoll = 20 * time.Millisecond

// A drainState is what is left to do.
type drainState struct {
	tally  measure.Tally
	unsent int64
	online int
	held   int // QoS 2 messages whose PUBREL has not come.
	coming int // Take-overs and unsubscribed subscribers, whose turn is not over.
	silent int // Clients that have fallen silent, and the broker may notice yet.
	owed   int // Answers of the broker's to others than the clients.
	wills  int // Wills that are due and have not come.
}

func (d *drainState) done() bool {
	return d.unsent == 0 && d.wills == 0 && d.held == 0 && d.coming == 0 && d.silent == 0 && d.owed == 0 && d.tally.Outstanding == 0 && d.tally.Missing() <= 0
}

// answered is how many exchanges are over.
func (d *drainState) answered() int64 { return d.tally.Attempted - d.tally.Outstanding }

func (r *run) drainState() (d drainState) {
	for _, s := range ask(r, func(w *worker) drainState {
		var s drainState
		if w.schedule != nil && !w.paused {
			s.unsent = w.schedule.Unsent(w.group.Now() - r.start)
		}
		s.wills = w.willsDue()
		s.tally, s.online, s.held, s.coming = *w.tally, w.online, w.unreleased(), w.underWay()+int(w.flaps.open())
		return s
	}) {
		d.tally.Add(s.tally)
		d.unsent += s.unsent
		d.online += s.online
		d.held += s.held
		d.coming += s.coming
		d.wills += s.wills
	}
	d.silent, d.owed = r.unsettled()
	return d
}

func (r *run) stopPublishing() {
	ask(r, func(w *worker) bool { w.paused = true; return true })
}

// ask runs f on every worker's group and returns the answers.
func ask[T any](r *run, f func(w *worker) T) []T {
	answers := make([]T, len(r.workers))
	done := make(chan struct{}, len(r.workers))
	for i, w := range r.workers {
		w.group.Post(func() {
			answers[i] = f(w)
			done <- struct{}{}
		})
	}
	for range r.workers {
		<-done
	}
	return answers
}

func (w *worker) probeAll() {
	for _, p := range w.pubs {
		p.probe()
	}
}
