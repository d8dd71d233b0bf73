package transport

import (
	"math"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Loop is a serial executor: the handlers of its connections, its hooks and posted functions run one at a time.
//
// Whoever holds turn is the loop. With the epoll driver that is nearly always its runner, the one goroutine that
// waits for its sockets; a goroutine of a net.Conn takes the turn in between. Every turn is the same: take the
// mail, read, ring what is due, write what is dirty.
type Loop struct {
	// Data is the user's own, set before the first connection (see Each).
	Data any

	// Immutable.
	loops *Loops
	index int
	drv   driver
	pool  pool

	turn sync.Mutex

	// Guarded by turn.
	now        int64
	buf        []byte  // Every connection is read into this, and its bytes lent from here.
	room       *buffer // What buf lies in.
	slots      []*Conn // All connections; a connection's slot is what epoll knows it by.
	freeSlots  []int32
	vacated    []int32 // Free after the runner's next turn: the events that it has in hand may still name them.
	live       int     // Connections in slots.
	dirty      []*Conn // To be flushed at the end of the turn.
	flushing   []*Conn // Being flushed; the two change places.
	held       int     // Bytes copied to outboxes since flushAll.
	last       bool    // Nothing else is waiting to be read in this turn, as far as the driver knows.
	pressing   []*Conn // To be flushed before the end of the turn: see flushPressing.
	readable   []*Conn // Read full buffers and may have more.
	rereading  []*Conn
	finishing  []*Conn // To be closed at the end of the turn, not before the events of the turn are through.
	alarms     alarms
	timer      func(int64) int64
	timerAt    int64
	trimAt     int64 // When the pool is to be trimmed; a loop without turns does not.
	sleepUntil int64 // What the runner waits for.
	stopping   bool
	stats      Stats

	// Guarded by mailMu.
	mailMu    sync.Mutex
	posts     []func()
	attention []*Conn // Connections that the loop should look after.
	ended     bool    // No post is taken any more.

	// Guarded by turn: what the mail is taken into.
	postsSpare     []func()
	attentionSpare []*Conn

	// Atomic.
	mailed  atomic.Bool  // There may be mail.
	waiting atomic.Int32 // Goroutines that want a turn.
	parked  atomic.Bool  // The runner sleeps, or is about to: it must be woken.

	// Guarded by statsMu.
	statsMu   sync.Mutex
	published Stats
	aside     Stats

	// Owned by the runner.
	busy int // Turns since it slept or yielded.

	rewind func() // Wake's post, made once.
}

// A driver waits for a loop, and serves those sockets that have no goroutine. wait and wake apart, it is called in the
// loop's turn.
type driver interface {
	// wait returns when something has happened, when wake was called, or when Clock reaches until.
	wait(l *Loop, until int64)
	// dispatch handles what wait has found.
	dispatch(l *Loop)
	// wake ends a wait. Any goroutine calls it, once for each time that the loop has parked.
	wake()
	// write hands bytes of b to the kernel, without waiting; c may live on another loop.
	write(c *Conn, b *batch) (int, error)
	// read reads without waiting.
	read(c *Conn, p []byte) (int, error)
	// hangup closes the socket.
	hangup(c *Conn, reset bool)
	// dial begins to connect c, which has its slot.
	dial(l *Loop, c *Conn, d dialling)
	listen(l *Loop, network, address string, accept acceptFunc) (net.Listener, error)
	remoteAddr(c *Conn) net.Addr
	localAddr(c *Conn) net.Addr
	// end gives back what the loop held; the runner has ended.
	end()
}

// turnsBeforeYield is how many turns a runner takes without sleeping before it lets others have the processor.
const turnsBeforeYield = 64

func newLoop(ls *Loops, index int) *Loop {
	l := &Loop{
		loops:   ls,
		index:   index,
		timerAt: math.MaxInt64,
		// Until the runner sleeps there is no need to wake it.
		sleepUntil: math.MinInt64,
	}
	l.setRoom(l.pool.get(ls.opts.ReadBuffer))
	l.rewind = func() { l.timerAt = math.MinInt64 }
	return l
}

// Index is the loop's place among its Loops.
func (l *Loop) Index() int { return l.index }

// Now is Clock as of the start of the turn, and again of the call of the timer. Call it on the loop.
//
// Bytes that arrive while a long turn goes on are read with the Now of its start; where that matters, use Clock.
func (l *Loop) Now() int64 { return l.now }

// Post runs f on the loop, soon; any goroutine may call it. False: the loop has ended, and f will not run.
func (l *Loop) Post(f func()) bool {
	l.mailMu.Lock()
	if l.ended {
		l.mailMu.Unlock()
		return false
	}
	l.posts = append(l.posts, f)
	l.mailMu.Unlock()
	l.wake()
	return true
}

// SetTimer has f called on the loop at each turn when now >= the time that f last returned (ns, as of Clock), first at once. It returns
// when it wants to be called next (a time in the past: at the next turn; math.MaxInt64: not until Wake).
// A nil f ends it. Any goroutine may call it.
func (l *Loop) SetTimer(f func(now int64) (next int64)) {
	l.Post(func() { l.timer, l.timerAt = f, math.MinInt64 })
}

// Wake has the timer called soon, whenever it wanted to be. Any goroutine may call it.
func (l *Loop) Wake() { l.Post(l.rewind) }

// attend has the loop look after c soon. Any goroutine may call it.
func (l *Loop) attend(c *Conn) {
	l.mailMu.Lock()
	l.attention = append(l.attention, c)
	l.mailMu.Unlock()
	l.wake()
}

// wake sees to it that there will be a turn. Mail is put in the box before mailed is set, and the runner announces
// that it parks before it looks at mailed: one of the two sees the other.
//
// The lock is held over the driver's wake, a system call, because the descriptor written to must not have been closed.
func (l *Loop) wake() {
	l.mailed.Store(true)
	if l.parked.CompareAndSwap(true, false) {
		l.mailMu.Lock()
		if !l.ended {
			l.drv.wake()
		}
		l.mailMu.Unlock()
	}
}

// run is the loop's own goroutine.
func (l *Loop) run() {
	defer l.loops.wg.Done()
	for until := int64(math.MinInt64); ; {
		l.drv.wait(l, until)
		if l.waiting.Load() > 0 {
			// A mutex is not fair: a runner that is always busy would let others wait for a millisecond each.
			runtime.Gosched()
		}
		l.begin()
		l.drv.dispatch(l)
		until = l.finishTurn()
		l.freeSlots = append(l.freeSlots, l.vacated...)
		l.vacated = l.vacated[:0]
		l.sleepUntil = until
		end := l.stopping && l.live == 0 && l.close()
		l.turn.Unlock()
		if end {
			l.drv.end()
			return
		}
	}
}

// yield lets other goroutines have the processor when the runner has not slept for long.
func (l *Loop) yield() {
	if l.busy++; l.busy >= turnsBeforeYield {
		l.busy = 0
		runtime.Gosched()
	}
}

// close refuses mail from now on, unless some has come.
func (l *Loop) close() bool {
	l.mailMu.Lock()
	defer l.mailMu.Unlock()
	l.ended = len(l.posts) == 0 && len(l.attention) == 0
	return l.ended
}

// begin starts a turn.
func (l *Loop) begin() {
	l.turn.Lock()
	l.now = Clock()
	l.stats.Turns++
	if l.mailed.Load() {
		l.mailed.Store(false)
		l.readMail()
	}
}

// take starts a turn of a goroutine which is not the runner; leave ends it.
func (l *Loop) take() {
	l.waiting.Add(1)
	l.begin()
	l.waiting.Add(-1)
}

func (l *Loop) leave() {
	until := l.finishTurn()
	early := until < l.sleepUntil
	if early {
		l.sleepUntil = until
	}
	// Only the runner ends the loop: it must hear that the last connection is gone.
	over := l.stopping && l.live == 0
	l.turn.Unlock()
	if early || over {
		l.wake()
	}
}

// finishTurn does what a turn has gathered, and returns when the next is due.
func (l *Loop) finishTurn() (until int64) {
	l.readAgain()
	for who := l.alarms.due(l.now); who != nil; who = l.alarms.due(l.now) {
		who.alarm(l)
	}
	// The timer comes last so that what a pacer puts leaves at once, and is not held up by the turn's reading.
	if l.timer != nil && l.timerAt != math.MaxInt64 {
		if l.now = Clock(); l.now >= l.timerAt {
			l.timerAt = l.timer(l.now)
		}
	}
	l.finishAll()
	l.flushPressing()
	l.flushAll()
	l.publish()
	if l.now >= l.trimAt {
		l.trimAt = l.now + trimEvery
		l.pool.trim()
	}
	if len(l.dirty)+len(l.readable)+len(l.finishing) > 0 {
		return math.MinInt64
	}
	return l.nextDue()
}

func (l *Loop) nextDue() int64 {
	until := int64(math.MaxInt64)
	if l.timer != nil {
		until = l.timerAt
	}
	if len(l.alarms) > 0 {
		until = min(until, l.alarms[0].at)
	}
	return until
}

func (l *Loop) readMail() {
	l.mailMu.Lock()
	posts, attention := l.posts, l.attention
	l.posts, l.attention = l.postsSpare[:0], l.attentionSpare[:0]
	l.mailMu.Unlock()
	for i, c := range attention {
		attention[i] = nil
		l.lookAfter(c)
	}
	for i, f := range posts {
		posts[i] = nil
		f()
	}
	l.postsSpare, l.attentionSpare = posts, attention
}

// readAgain reads once more each connection that had filled the buffer: each one once, so that a firehose does
// not starve the others.
func (l *Loop) readAgain() {
	l.readable, l.rereading = l.rereading[:0], l.readable
	for i, c := range l.rereading {
		l.rereading[i] = nil
		c.queued = false
		l.read(c)
	}
}

// flushAll flushes what was dirty when it was called. What becomes dirty meanwhile waits for the next turn.
func (l *Loop) flushAll() {
	l.held = 0
	l.dirty, l.flushing = l.flushing[:0], l.dirty
	for i, c := range l.flushing {
		l.flushing[i] = nil
		c.flush(l)
	}
}

func (l *Loop) finishAll() {
	for len(l.finishing) > 0 {
		last := len(l.finishing) - 1
		c := l.finishing[last]
		l.finishing[last] = nil
		l.finishing = l.finishing[:last]
		l.finish(c)
	}
}

// enter gives c a slot.
func (l *Loop) enter(c *Conn) {
	l.live++
	if n := len(l.freeSlots); n > 0 {
		c.slot = l.freeSlots[n-1]
		l.freeSlots = l.freeSlots[:n-1]
		l.slots[c.slot] = c
		return
	}
	c.slot = int32(len(l.slots))
	l.slots = append(l.slots, c)
}

func (l *Loop) vacate(c *Conn) {
	l.live--
	l.slots[c.slot] = nil
	l.vacated = append(l.vacated, c.slot)
}

// stop closes all connections. The loop ends when they have ended.
func (l *Loop) stop() {
	l.stopping = true
	for _, c := range l.slots {
		if c != nil {
			c.Close(nil)
		}
	}
}
