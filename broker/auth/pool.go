package auth

import (
	"runtime"
	"sync"
)

// A Pool does what takes long, such as hashing a password, beside the event loops: on a few goroutines, and
// from a queue that does not grow. Whoever finds it full is to refuse its client.
type Pool struct {
	// Immutable
	mostJobs, mostBytes int
	wg                  sync.WaitGroup

	mu    sync.Mutex
	ready sync.Cond // Of mu: jobs or closed has changed.

	// Guarded by mu
	jobs   []job // A queue; it is never longer than mostJobs.
	bytes  int
	closed bool
}

type job struct {
	do    func()
	bytes int
}

// PoolOptions of NewPool. The zero value works.
type PoolOptions struct {
	Workers int // Default: half the processors, at least one.
	Jobs    int // That may wait. Default: 1024.
	Bytes   int // And what they may hold in memory together. Default: 16 MiB.
}

// The defaults of PoolOptions.
const (
	DefaultJobs  = 1024
	defaultBytes = 16 << 20
)

// NewPool starts the goroutines.
func NewPool(o PoolOptions) *Pool {
	if o.Workers == 0 {
		o.Workers = max(1, runtime.GOMAXPROCS(0)/2)
	}
	if o.Jobs == 0 {
		o.Jobs = DefaultJobs
	}
	if o.Bytes == 0 {
		o.Bytes = defaultBytes
	}
	p := &Pool{mostJobs: o.Jobs, mostBytes: o.Bytes}
	p.ready.L = &p.mu
	p.wg.Add(o.Workers)
	for range o.Workers {
		go p.work()
	}
	return p
}

// Do has do called on one of the goroutines. bytes is what it keeps in memory until then. False: there is
// no room, or the pool is closed, and do will not be called. It never waits.
func (p *Pool) Do(bytes int, do func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.jobs) >= p.mostJobs || p.bytes+bytes > p.mostBytes {
		return false
	}
	p.jobs = append(p.jobs, job{do, bytes})
	p.bytes += bytes
	p.ready.Signal()
	return true
}

// Waiting is how many jobs no goroutine has taken yet.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.jobs)
}

func (p *Pool) work() {
	defer p.wg.Done()
	for {
		do := p.next()
		if do == nil {
			return
		}
		do()
	}
}

// next waits for a job; nil: the pool is closed.
func (p *Pool) next() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.jobs) == 0 && !p.closed {
		p.ready.Wait()
	}
	if p.closed {
		return nil
	}
	j := p.jobs[0]
	p.jobs[0] = job{}
	p.jobs = p.jobs[1:]
	p.bytes -= j.bytes
	return j.do
}

// Close ends the goroutines and waits for them. What waits is not done any more.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.jobs = nil
	p.ready.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}
