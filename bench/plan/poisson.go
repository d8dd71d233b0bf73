package plan

// A Poisson process is the running sum of exponential gaps, and a sum has no random access: the due time
// of message 1,000,000 would take a million draws, and the receiver, who has only a sequence number, needs
// it for every message. Cutting time into slices with a fixed count each has random access and is not Poisson.
//
// What works is that waiting times can be divided from above. Given that 64 messages take time T
// together, their gaps are distributed as T * w[j] / (w[0]+...+w[63]) with independent exponential
// w; and where each w stands for m messages and not one, as a gamma of shape m. So a stream is cut
// into blocks of 64*64*64 messages, which last exactly 64*64*64 mean gaps; those are divided into
// 64 parts, each into 64, and each of these into single messages:
//
//	level 2     |<----------------- 262144 messages ----------------->|
//	            | gamma(4096) | gamma(4096) | ...            64 of them |
//	level 1     | gamma(64) | gamma(64) | ...
//	level 0     | exp | exp | ...
//
// Within a block that is the Poisson process itself, not an approximation; every 262144 messages
// the rate is exact, so the offered rate has no random walk in a long run. A message costs at most
// 3*128 draws from nothing, and about two if its predecessor was the last one asked for.
const (
	fan    = 64
	fanLog = 6
	levels = 3
)

// A level is a position among the 64 parts of one block.
type level struct {
	rng    source
	block  uint32
	child  uint32  // The current part.
	start  float64 // ns, of the block.
	scale  float64 // ns per unit of weight.
	before float64 // Weight of the parts before the current one.
	weight float64 // Of the current one.
}

// A walk is a position in one publisher's Poisson process. The zero value with a seed is a walk
// that has not begun.
type walk struct {
	seed  uint64
	begun bool
	level [levels]level
}

func newWalk(p *Plan, pub int) walk {
	return walk{seed: hash(p.Seed, purposePoisson, uint64(pub))}
}

// draw is the next weight at a level.
func (l *level) draw(n int) float64 {
	switch n {
	case 0:
		return l.rng.exp()
	case 1:
		return l.rng.gamma(fan)
	default:
		return l.rng.gamma(fan * fan)
	}
}

// enter goes to the first part of a block that starts at start and lasts span.
func (l *level) enter(n int, seed uint64, block uint32, start, span float64) {
	l.block, l.start = block, start
	first := source(hash(seed, uint64(n), uint64(block)))
	l.rng = first
	total := 0.0
	for range fan {
		total += l.draw(n)
	}
	l.scale = span / total
	l.rng = first
	l.rewind(n, first)
}

func (l *level) rewind(n int, first source) {
	l.rng, l.child, l.before = first, 0, 0
	l.weight = l.draw(n)
}

// to goes to a part of the block, forwards or back.
func (l *level) to(n int, seed uint64, child uint32) {
	if child < l.child {
		l.rewind(n, source(hash(seed, uint64(n), uint64(l.block))))
	}
	for l.child < child {
		l.step(n)
	}
}

func (l *level) step(n int) {
	l.before += l.weight
	l.weight = l.draw(n)
	l.child++
}

func (l *level) end() float64 { return l.start + l.scale*(l.before+l.weight) }

// at is when message m is due. The period is the mean gap, in ns.
func (w *walk) at(m uint32, period float64) int64 {
	if l := &w.level[0]; !w.begun || l.block != m>>fanLog {
		w.seek(m, period)
	}
	l := &w.level[0]
	l.to(0, w.seed, m%fan)
	return int64(l.end())
}

// seek brings the levels to the block of message m.
func (w *walk) seek(m uint32, period float64) {
	const blockLog = levels * fanLog
	top := m >> blockLog
	start, span := float64(top)*(1<<blockLog)*period, (1<<blockLog)*period
	for n := levels - 1; n >= 0; n-- {
		l := &w.level[n]
		block := m >> (fanLog * (n + 1))
		if !w.begun || l.block != block {
			l.enter(n, w.seed, block, start, span)
		}
		if n > 0 {
			l.to(n, w.seed, m>>(fanLog*n)%fan)
			start, span = l.start+l.scale*l.before, l.scale*l.weight
		}
	}
	w.begun = true
}

// before is how many messages are due before t. Like at, it is quick when asked for what comes next.
func (w *walk) before(t int64, period float64) int64 {
	if t <= 0 {
		return 0
	}
	const blockLog = levels * fanLog
	span := (1 << blockLog) * period
	block := uint32(min(float64(t)/span, 1<<(32-blockLog)-1))
	start := float64(block) * span
	for n := levels - 1; n >= 0; n-- {
		l := &w.level[n]
		if !w.begun || l.block != block {
			l.enter(n, w.seed, block, start, span)
		}
		l.until(n, w.seed, t)
		block = block<<fanLog | l.child
		start, span = l.start+l.scale*l.before, l.scale*l.weight
	}
	w.begun = true
	if int64(w.level[0].end()) < t { // The last part of a block has nothing to step to.
		return int64(block) + 1
	}
	return int64(block)
}

// until goes to the first part that does not end before t, or the last.
func (l *level) until(n int, seed uint64, t int64) {
	if int64(l.start+l.scale*l.before) >= t {
		l.to(n, seed, 0)
	}
	for l.child < fan-1 && int64(l.end()) < t {
		l.step(n)
	}
}
