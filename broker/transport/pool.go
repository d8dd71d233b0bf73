package transport

import (
	"math/bits"
	"sync"
)

const (
	minClass  = 9  // The smallest buffer is 512 bytes,
	maxClass  = 20 // the largest that is kept 1 MiB.
	poolBoxes = 16 << 10

	// A turn holds up to maxHeld, in buffers that are half empty at worst. A pool that keeps less makes a loop at that limit
	// allocate its buffers anew each turn.
	poolBytes = 2 * maxHeld

	// What lies unused for trimEvery (ns) is given up, but for this much.
	poolIdle  = 4 << 20
	trimEvery = 5e9
)

// A buffer is bytes with the capacity of a size class (or more than 1 MiB).
type buffer struct {
	b []byte
}

// A pool keeps a loop's unused buffers, so that an idle connection needs none and a busy one allocates none.
//
// Each loop has its own: what a turn puts it usually also flushes, so that buffers come back to where they
// were taken, and the lock is there only for the flushers of the goroutine driver. A sync.Pool was not used because the
// garbage collector empties it, and then "no allocation" holds only on average.
type pool struct {
	mu    sync.Mutex
	free  [maxClass - minClass + 1][]*buffer // Guarded by mu.
	bytes int                                // Guarded by mu. Capacity of all in free; at most poolBytes.
	least int                                // Guarded by mu. The lowest that bytes has been since trim.
	boxes []*outbox                          // Guarded by mu. At most poolBoxes.
}

// classOf is the class whose buffers hold n bytes.
func classOf(n int) int {
	return max(minClass, bits.Len(uint(max(n, 1)-1)))
}

// get returns an empty buffer with a capacity of n or more.
func (p *pool) get(n int) *buffer {
	class := classOf(n)
	if class > maxClass {
		return &buffer{make([]byte, 0, n)}
	}
	p.mu.Lock()
	if l := len(p.free[class-minClass]); l > 0 {
		b := p.free[class-minClass][l-1]
		p.free[class-minClass] = p.free[class-minClass][:l-1]
		p.bytes -= cap(b.b)
		p.least = min(p.least, p.bytes)
		p.mu.Unlock()
		return b
	}
	p.mu.Unlock()
	return &buffer{make([]byte, 0, 1<<class)}
}

// put takes a buffer back; nobody may use it any more.
func (p *pool) put(b *buffer) {
	class := classOf(cap(b.b))
	if class > maxClass {
		return
	}
	b.b = b.b[:0]
	p.mu.Lock()
	if p.bytes+cap(b.b) <= poolBytes {
		p.free[class-minClass] = append(p.free[class-minClass], b)
		p.bytes += cap(b.b)
	}
	p.mu.Unlock()
}

// grow moves the content of b to a buffer with a capacity of n or more, at least twice that of b.
func (p *pool) grow(b *buffer, n int) *buffer {
	g := p.get(max(n, 2*cap(b.b)))
	g.b = append(g.b, b.b...)
	p.put(b)
	return g
}

// trim gives up what has not been needed since it was called the last time: the largest first.
func (p *pool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	spare := min(p.least, p.bytes-poolIdle)
	for i := len(p.free) - 1; i >= 0; i-- {
		size := 1 << (minClass + i)
		n := min(len(p.free[i]), max(0, spare/size))
		keep := len(p.free[i]) - n
		clear(p.free[i][keep:])
		p.free[i] = p.free[i][:keep]
		p.bytes -= n * size
		spare -= n * size
	}
	p.least = p.bytes
}

func (p *pool) getBox() *outbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := len(p.boxes); l > 0 {
		o := p.boxes[l-1]
		p.boxes = p.boxes[:l-1]
		return o
	}
	return new(outbox)
}

func (p *pool) putBox(o *outbox) {
	o.pending.clear(p)
	o.flight.clear(p)
	o.size = 0
	p.mu.Lock()
	if len(p.boxes) < poolBoxes {
		p.boxes = append(p.boxes, o)
	}
	p.mu.Unlock()
}
