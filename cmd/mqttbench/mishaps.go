package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"mqttbench/bench"
	"mqttbench/bench/fault"
	"mqttbench/bench/result"
)

// mishaps commits the faults of one run, while it measures. It has a goroutine for the broker's process; the
// proxy has its own.
type mishaps struct {
	// Immutable.
	proxy   *fault.Proxy   // nil: no fault needs one.
	process *fault.Process // nil: no fault is about it.
	all     []mishap       // As they were asked for.
	toCome  []mishap       // Of the process, by time.
	gone    chan error     // Delivers why the broker did not come back.
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	lull    time.Duration // For how long they may hold everything up.

	ended chan struct{} // Closed when the measured part is over: nothing begins any more.
	busy  atomic.Bool   // One of the process is under way, or has failed.

	mu       sync.Mutex
	events   []bench.Event   // Guarded by mu. Those that nobody has taken yet.
	befallen map[int]int64   // Guarded by mu. By place, of the process: how often.
	silences []bench.Silence // Guarded by mu. Those that have been judged.

	life  bench.BrokerLife // Guarded by mu. The broker's process.
	cpus  string           // Immutable. Where it is to run; "": anywhere.
	alone bool             // Immutable. It is what was started, and not what that has started in turn.
}

// ofProcess are the faults of the broker's process, by time.
func ofProcess(all []mishap) (list []mishap) {
	for _, m := range all {
		if m.process != "" {
			list = append(list, m)
		}
	}
	slices.SortStableFunc(list, func(a, b mishap) int { return int(a.at - b.at) })
	return list
}

// newMishaps prepares the faults of a run; nil: there are none. The clients are to use t.url, which may now be the proxy's.
func (s *settings) newMishaps(ctx context.Context, t *target) (*mishaps, error) {
	if len(s.faults) == 0 {
		return nil, nil
	}
	m := &mishaps{
		process: t.process, life: bench.BrokerLife{PID: t.pid}, cpus: s.brokerCPUs, alone: t.process != nil && t.process.PID() == t.pid, all: s.faults, toCome: ofProcess(s.faults), lull: s.lull(),
		gone: make(chan error, 1), ended: make(chan struct{}), befallen: map[int]int64{},
	}
	m.ctx, m.cancel = context.WithCancel(ctx)
	plan := fault.Plan{Seed: s.seed, Run: s.plan().Run}
	for _, f := range s.faults {
		if f.process == "" {
			plan.Faults = append(plan.Faults, f.fault)
		}
	}
	if len(plan.Faults) == 0 {
		return m, nil
	}
	var err error
	if m.proxy, err = fault.NewProxy(fault.Options{Broker: t.url, Plan: plan, Applied: m.applied, Judged: m.judged}); err != nil {
		return nil, inputError{fmt.Errorf("--fault: %w", err)}
	}
	t.url = m.proxy.URL()
	return m, nil
}

// arrange has a run tell when it measures, and ask for what was done to it. profiling may be nil.
func (m *mishaps) arrange(cfg *bench.Config) {
	before := cfg.Measuring
	cfg.Events, cfg.Faults, cfg.Lull = m.take, m.counts, m.lull
	cfg.Measuring = func(begins bool) {
		if before != nil {
			before(begins)
		}
		m.measuring(begins)
	}
	if m.proxy != nil {
		cfg.Silences, cfg.Unanswered = m.silent, m.unanswered
	}
	if len(m.toCome) > 0 {
		cfg.BrokerGone, cfg.UnderWay, cfg.BrokerNow = m.gone, m.busy.Load, m.now
	}
}

func (m *mishaps) measuring(begins bool) {
	if begins {
		if m.proxy != nil {
			m.proxy.Arm()
		}
		m.running.Go(m.befallProcess)
		return
	}
	close(m.ended)
	if m.proxy != nil {
		m.proxy.Disarm()
	}
}

// close ends what is under way and waits for it.
func (m *mishaps) close() {
	m.cancel()
	m.running.Wait()
	if m.proxy != nil {
		m.proxy.Close()
	}
}

// applied is told of a fault by the proxy.
func (m *mishaps) applied(e fault.Event) {
	m.tell(bench.Event{At: e.At, Lasts: e.Lasts, Kind: result.EventFault, Name: e.Name, Text: e.String()})
}

func (m *mishaps) tell(e bench.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
}

// take returns what has been done since it was asked last.
func (m *mishaps) take() []bench.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := m.events
	m.events = nil
	return events
}

// counts are how often each fault has been committed.
func (m *mishaps) counts() (all []result.FaultCount) {
	var wires []int64
	if m.proxy != nil {
		wires = m.proxy.Counts()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.all {
		n := m.befallen[x.place]
		if x.process == "" {
			n, wires = wires[0], wires[1:]
		}
		all = append(all, result.FaultCount{Fault: x.text, Count: n})
	}
	return all
}

// lull is for how long the faults of a run may hold everything up.
func (s *settings) lull() (longest time.Duration) {
	p := s.plan()
	for _, m := range s.faults {
		longest = max(longest, m.lull(p.LargestPayload()))
	}
	return longest
}

// befallProcess commits the faults of the broker's process, one after the other.
func (m *mishaps) befallProcess() {
	armed := time.Now()
	for _, x := range m.toCome {
		select {
		case <-time.After(time.Until(armed.Add(x.at))):
		case <-m.ended:
			return
		case <-m.ctx.Done():
			return
		}
		began, was := time.Now(), m.now()
		m.busy.Store(true)
		if err := m.befall(x); err != nil {
			m.gone <- fmt.Errorf("--fault %s: %w", x.text, err)
			return
		}
		m.tell(bench.Event{At: began, Lasts: time.Since(began), Kind: result.EventFault, Name: x.process, Text: x.process + " of the broker" + m.succession(was.PID)})
		m.mu.Lock()
		m.befallen[x.place]++
		m.mu.Unlock()
		m.busy.Store(false)
	}
}

// befall does one of them, up to when the broker answers again. A run that is over does not leave a broker that stands still.
func (m *mishaps) befall(x mishap) error {
	wait := func() {
		select {
		case <-time.After(x.lasts):
		case <-m.ctx.Done():
		}
	}
	end := m.process.Kill
	switch x.process {
	case "stop":
		if err := m.process.Stop(); err != nil {
			return err
		}
		wait()
		return m.process.Continue()
	case "terminate":
		end = m.process.Terminate
	}
	if err := end(); err != nil {
		return err
	}
	m.died()
	wait()
	if m.ctx.Err() != nil {
		return nil
	}
	return m.revive()
}

// now is the broker's process.
func (m *mishaps) now() bench.BrokerLife {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.life
}

// died: the broker's process has been ended.
func (m *mishaps) died() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life.PID = 0
	if m.alone {
		m.life.User, m.life.System = m.process.Spent()
	}
}

// revive starts the broker again, and has it run where the first one did.
func (m *mishaps) revive() error {
	if err := m.process.Restart(m.ctx); err != nil {
		return err
	}
	pid := m.process.PID()
	if !m.alone {
		pid = cmp.Or(listenerPID(m.process.URL()), pid)
	}
	if m.cpus != "" {
		if err := pin(pid, m.cpus); err != nil {
			return fmt.Errorf("--broker-cpus: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.life.PID = pid
	m.life.Number++
	return nil
}

// succession names the process that has taken the place of another; "": none has.
func (m *mishaps) succession(was int) string {
	if is := m.now().PID; is != was {
		return fmt.Sprintf(": process %d, and after it process %d", was, is)
	}
	return ""
}
