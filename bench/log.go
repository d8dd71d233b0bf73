package bench

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/transport"
)

// A log turns what the workers hand over into the lines of the result file. Owned by the orchestrator.
type log struct {
	run       *run
	writer    *result.Writer
	collector *measure.Collector
	tick      *time.Ticker

	number   int   // Of the next interval.
	last     int64 // transport.Clock at the end of the last one.
	quiet    int64 // Since when no client has been connected; 0: some are.
	counters measure.Counters
	failures []failure
	tail999  time.Duration
	dues     *plan.Dues // nil in a closed loop.

	broker, generator meter
	begin, end        sample   // Of the measured part, as far as it counts. Zero: it has not begun, or not ended.
	marks             []sample // At the ends of the first intervals behind the borders of the window's parts; the first is that of its beginning.
	files             int64    // Descriptors of this process, at most.
}

// A sample is everything that is counted, at an instant.
type sample struct {
	at        int64 // transport.Clock; 0: not taken.
	broker    measure.Usage
	generator measure.Usage
	system    measure.SystemUsage
	runtime   measure.RuntimeUsage
	counters  measure.Counters
	traffic   *client.Counters // nil: not counted.
}

func openLog(r *run, m *result.Manifest) (*log, error) {
	w, err := result.Create(r.cfg.Dir, m)
	if err != nil {
		return nil, &SetupError{err}
	}
	l := &log{
		run: r, writer: w, collector: measure.NewCollector(len(r.workers)),
		tick: time.NewTicker(r.cfg.Interval), last: r.origin,
	}
	if !r.plan.Closed && r.plan.Rate > 0 {
		l.dues = plan.NewDues(r.plan)
	}
	l.generator = openMeter(ownPID, nil)
	if r.cfg.BrokerPID != 0 {
		l.broker = openMeter(r.cfg.BrokerPID, r.cfg.BrokerNow)
	}
	return l, nil
}

// seconds is an instant as the result file has it.
func (l *log) seconds(clock int64) float64 { return float64(clock-l.run.origin) / 1e9 }

// phase writes that a phase begins. Its first interval is a whole one.
func (l *log) phase(p result.Phase, now int64) {
	if p == result.PhaseProbe {
		// What connecting needed and is garbage by now, up to as much again, would be taken for the clients'.
		debug.FreeOSMemory()
		l.broker.sample()
		l.generator.sample()
		l.broker.full, l.generator.full = l.broker.last.RSS, l.generator.last.RSS
		l.broker.connecting += l.broker.last.CPU
	}
	l.tick.Reset(l.run.cfg.Interval)
	l.writer.Event(&result.Event{At: l.seconds(now), Kind: result.EventPhase, Name: string(p)})
}

// measuring marks the beginning or the end of the measured part.
func (l *log) measuring(begins bool) {
	l.interval()
	if !begins {
		l.end = l.sample()
		return
	}
	l.begin = l.sample()
	l.marks = append(l.marks, l.begin)
}

func (l *log) sample() sample {
	s := sample{at: transport.Clock(), broker: l.broker.last, generator: l.generator.last, counters: l.counters, runtime: measure.ReadRuntime(), traffic: l.run.traffic()}
	s.system, _ = l.run.cfg.system()
	return s
}

// mark samples if the interval that has just ended was the first to do so behind a border of the window's parts.
func (l *log) mark() {
	for len(l.marks) > 0 && l.run.phase == result.PhaseMeasure && len(l.marks) <= l.run.window.Passed(l.last) {
		l.marks = append(l.marks, l.sample())
	}
}

// shortest is the least that an interval lasts: at the border of two phases one may be asked for twice.
const shortest = 5 * time.Millisecond

// interval is collect, unless that has only just been done: then what is new waits for the next.
func (l *log) interval() {
	if time.Duration(transport.Clock()-l.last) >= shortest {
		l.collect()
	}
}

// collect has all workers hand over what they recorded, and writes a line.
func (l *log) collect() {
	r := l.run
	snaps := ask(r, func(w *worker) snapshot { return w.snapshot(l.number) })
	l.number++
	now := transport.Clock()
	iv := &result.Interval{T0: l.seconds(l.last), T1: l.seconds(now), Phase: r.phase}
	var merged *measure.Interval
	var tally measure.Tally
	l.failures = l.failures[:0]
	for _, s := range snaps {
		if m := l.collector.Add(s.set); m != nil {
			merged = m
		}
		tally.Add(s.tally)
		iv.Clients += int64(s.online)
		iv.UnsentBytes += s.pending
		l.failures = append(l.failures, s.failures...)
	}
	l.fill(iv, merged, now)
	iv.Backlog = max(0, tally.Missing())
	l.last = now
	l.watch(iv.Clients, now)
	l.write(iv, merged)
	l.events()
	l.mark()
}

func (l *log) fill(iv *result.Interval, merged *measure.Interval, now int64) {
	c := &merged.Counters
	l.counters.Add(c)
	iv.Offered, iv.Accepted = l.offered(l.last, now, c), int64(c.Acked)
	iv.Expected, iv.Delivered, iv.Duplicates = int64(c.Expected), int64(c.Delivered), int64(c.Duplicates)
	iv.Connects, iv.Reconnects, iv.Disconnects = int64(c.Connects), int64(c.Reconnects), int64(c.Disconnects)
	iv.Lag = result.QuantilesOf(merged.Series.Lag)
	iv.Broker, iv.Generator = l.broker.sample(), l.generator.sample()
	l.files = max(l.files, l.generator.last.Files)
	if q := result.QuantilesOf(merged.Series.Response); q.Count > 0 {
		l.tail999 = time.Duration(q.P999 * 1e9)
	}
}

// mostEvents of one name are told one by one within an interval. More of them are a state and no events, and a delay of every packet
// would fill the file.
const mostEvents = 10

// events writes what was done to the run since the last interval.
func (l *log) events() {
	if l.run.cfg.Events == nil {
		return
	}
	all := l.run.cfg.Events()
	var names []string
	byName := map[string][]Event{}
	for _, e := range all {
		if byName[e.Name] == nil {
			names = append(names, e.Name)
		}
		byName[e.Name] = append(byName[e.Name], e)
	}
	for _, name := range names {
		l.writeEvents(byName[name])
	}
}

// writeEvents writes events of one name, in the order in which they happened.
func (l *log) writeEvents(all []Event) {
	since := func(t time.Time) float64 { return t.Sub(l.run.started).Seconds() }
	if first, last := all[0], all[len(all)-1]; len(all) > mostEvents {
		l.writer.Event(&result.Event{
			At: since(first.At), Until: since(last.At.Add(last.Lasts)), Kind: first.Kind, Name: first.Name, Count: int64(len(all)),
			Text: fmt.Sprintf("%d times; the first: %s", len(all), first.Text),
		})
		return
	}
	for _, e := range all {
		x := result.Event{At: since(e.At), Kind: e.Kind, Name: e.Name, Count: 1, Text: e.Text}
		if e.Lasts > 0 {
			x.Until = since(e.At.Add(e.Lasts))
		}
		l.writer.Event(&x)
	}
}

// offered is how many messages fell due between two instants. In a closed loop a message is offered when it is sent.
func (l *log) offered(from, to int64, c *measure.Counters) int64 {
	r := l.run
	if r.plan.Closed || r.plan.Rate == 0 {
		return int64(c.Sent)
	}
	if r.start == 0 {
		return 0
	}
	from, to = max(0, from-r.start), min(to-r.start, r.plan.End())
	if from >= to {
		return 0
	}
	return l.dues.Offered(from, to)
}

func (l *log) write(iv *result.Interval, merged *measure.Interval) {
	l.writer.Interval(iv, merged.Series.Response, merged.Series.Service)
	churn := func(name string, count uint64) {
		if count > 0 {
			l.writer.Event(&result.Event{At: iv.T0, Until: iv.T1, Kind: result.EventChurn, Name: name, Count: int64(count)})
		}
	}
	if c := &merged.Counters; l.run.plan.Churn.Rate > 0 {
		churn("churn", c.Disconnects-c.TakeOvers)
		churn("take-over", c.TakeOvers)
	}
	churn("unsubscribe", merged.Counters.Unsubscribes)
	if l.run.cfg.Progress != nil {
		l.run.cfg.Progress(iv, l.planned())
	}
}

// planned is when publishing will end, in seconds since the beginning; before it has begun, as far as is known.
func (l *log) planned() float64 {
	end := float64(l.run.plan.End()) / 1e9
	if l.run.start != 0 {
		return l.seconds(l.run.start) + end
	}
	return 0
}

// watch notes since when nobody has been connected.
func (l *log) watch(clients, now int64) {
	switch {
	case clients > 0 || l.run.connected.Load() == 0:
		l.quiet = 0
	case l.quiet == 0:
		l.quiet = now
	}
}

// brokerGone is an error when the broker has not been there for a while.
func (l *log) brokerGone() error {
	if l.quiet == 0 || time.Duration(l.last-l.quiet) < goneAfter {
		return nil
	}
	err := errors.New("all connections are down")
	if last := l.run.lastError.Load(); last != nil {
		err = *last
	}
	return fmt.Errorf("the broker went away %.1f s into the run: %w", l.seconds(l.quiet), err)
}

// tail is how long the slowest messages take, as a measure for how long to wait for them.
func (l *log) tail() time.Duration { return 5 * l.tail999 }

// errorCounts merges the errors of all workers, most frequent first.
func (l *log) errorCounts() (list []result.ErrorCount) {
	for _, f := range l.failures {
		i := slices.IndexFunc(list, func(e result.ErrorCount) bool { return e.Text == f.text })
		if i < 0 {
			list = append(list, result.ErrorCount{Text: f.text, First: l.seconds(f.first)})
			i = len(list) - 1
		}
		list[i].Count += f.count
		list[i].First = min(list[i].First, l.seconds(f.first))
	}
	slices.SortStableFunc(list, func(a, b result.ErrorCount) int { return int(b.Count - a.Count) })
	return list
}
