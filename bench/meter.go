package bench

import (
	"time"

	"mqttbench/bench/measure"
	"mqttbench/bench/result"
)

// A BrokerLife is which process the broker is now. A fault may end it and start it again.
type BrokerLife struct {
	PID    int // 0: none runs.
	Number int // Goes up by one whenever another process takes the place; so that nobody takes a PID that is given out again for the same process.
	// CPU time, together, of the processes that have ended, as the system told of them in the end; 0: it did not.
	User, System time.Duration
}

// A meter samples one process, or those that follow each other in its place. All that it knows of CPU time is of all of them together.
type meter struct {
	process *measure.Process // nil: none to sample.
	now     func() BrokerLife
	life    BrokerLife    // Whose process it is.
	before  measure.Usage // CPU time of the processes that have ended.

	last measure.Usage
	idle int64 // RSS before the first connection, bytes,
	full int64 // and with all connections standing and nothing published.
	peak int64

	connecting int64 // CPU time between the two, ns.
}

// openMeter begins to sample a process. now may be nil: there will be no other.
func openMeter(pid int, now func() BrokerLife) (m meter) {
	m.now, m.life = now, BrokerLife{PID: pid}
	if now != nil {
		m.life = now()
	}
	m.open()
	m.sample()
	m.idle, m.connecting = m.last.RSS, -m.last.CPU
	return m
}

func (m *meter) open() {
	m.process = nil
	if m.life.PID == 0 {
		return
	}
	if p, err := measure.OpenProcess(m.life.PID); err == nil {
		m.process = p
	}
}

// follow turns to another process if the broker is another by now. What the one before took is what the system says of it, or, if that is less or
// nothing, what was sampled of it last.
func (m *meter) follow() {
	if m.now == nil {
		return
	}
	l := m.now()
	if l == m.life {
		return
	}
	m.before = measure.Usage{
		CPU: max(m.last.CPU, int64(l.User+l.System)), User: max(m.last.User, int64(l.User)), System: max(m.last.System, int64(l.System)),
	}
	m.last, m.life = m.before, l
	m.open()
}

// sample returns what was used since the last sample, in the units of files; nil: not known. While the broker is down it uses nothing.
func (m *meter) sample() *result.Usage {
	was := m.last
	m.follow()
	if m.process != nil {
		u, err := m.process.Sample()
		if err != nil {
			m.process = nil // It has ended, or never told.
			return nil
		}
		u.CPU, u.User, u.System = u.CPU+m.before.CPU, u.User+m.before.User, u.System+m.before.System
		m.last, m.peak = u, max(m.peak, u.RSS)
	}
	if !m.known() {
		return nil
	}
	used := usage(was, m.last)
	return &used
}

// known reports whether what was used is known up to now: that of a broker that went without anybody's having ended it is not.
func (m *meter) known() bool { return m.process != nil || m.now != nil && m.life.PID == 0 }

// usage is what was used between two samples. The scheduler's total is exact; the split into user and system comes from
// ticks of 10 ms, so only its ratio is taken.
func usage(a, b measure.Usage) result.Usage {
	user, system := float64(b.User-a.User), float64(b.System-a.System)
	total := float64(b.CPU-a.CPU) / 1e9
	share := 0.0
	if user+system > 0 {
		share = user / (user + system)
	}
	return result.Usage{UserCPU: total * share, SystemCPU: total * (1 - share), RSS: b.RSS}
}
