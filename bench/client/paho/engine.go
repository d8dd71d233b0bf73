package paho

import (
	"errors"
	"math"
	"sync"
	"time"

	"mqttbench/bench/client"
	"mqttbench/broker/transport"
)

// errVersion: Paho speaks no MQTT 5.
var errVersion = errors.New("paho speaks MQTT 3.1 and 3.1.1 only: for version 5 use the native engine")

// New makes an engine of so many groups.
func New(groups int) client.Engine {
	e := &engine{}
	for range max(1, groups) {
		g := &group{wake: make(chan struct{}, 1), timerAt: math.MaxInt64}
		e.groups = append(e.groups, g)
		e.running.Add(1)
		go func() {
			defer e.running.Done()
			g.run()
		}()
	}
	return e
}

type engine struct {
	groups  []*group
	running sync.WaitGroup // The groups' goroutines.
}

// Groups implements client.Engine.
func (e *engine) Groups() []client.Group {
	gs := make([]client.Group, len(e.groups))
	for i, g := range e.groups {
		gs[i] = g
	}
	return gs
}

// Close implements client.Engine.
func (e *engine) Close() error {
	for _, g := range e.groups {
		g.cutAll()
	}
	for _, g := range e.groups {
		g.links.Wait()
		g.end()
	}
	e.running.Wait()
	return nil
}

// A group serialises by a mutex: whoever holds mu is "on the group". Paho's goroutines take it to call an
// Observer; the group's own goroutine runs what is posted and the timer. Nobody calls Paho while holding it,
// since Paho may block.
type group struct {
	wake  chan struct{} // Tells run to look again.
	links sync.WaitGroup

	mu      sync.Mutex
	now     int64 // Guarded by mu, as all below. ns, when the present holder came.
	timer   func(now int64) int64
	timerAt int64 // ns
	set     int   // How often timer was set.
	closing bool  // No new connections.
	ended   bool
	clients []*pahoClient

	postMu sync.Mutex // Taken with or without mu, never the other way round.
	posts  []func()   // Guarded by postMu.
}

// lock begins a turn.
func (g *group) lock() {
	g.mu.Lock()
	g.now = transport.Clock()
}

// New implements client.Group.
func (g *group) New(o client.Options, obs client.Observer) client.Client {
	c := newPahoClient(g, o, obs)
	g.Post(func() { g.clients = append(g.clients, c) })
	return c
}

// Post implements client.Group.
func (g *group) Post(f func()) {
	g.postMu.Lock()
	g.posts = append(g.posts, f)
	g.postMu.Unlock()
	g.nudge()
}

func (g *group) nudge() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// SetTimer implements client.Group.
func (g *group) SetTimer(f func(now int64) (next int64)) {
	g.set++
	g.timer, g.timerAt = f, math.MaxInt64
	if f != nil {
		g.timerAt = math.MinInt64
	}
	g.nudge()
}

// Now implements client.Group.
func (g *group) Now() int64 { return g.now }

// run is the group's goroutine.
func (g *group) run() {
	t := time.NewTimer(time.Hour)
	defer t.Stop()
	for {
		wait, ended := g.turn()
		if ended {
			return
		}
		t.Reset(wait)
		select {
		case <-g.wake:
		case <-t.C:
		}
	}
}

// turn runs what is posted and due, and says how long there is nothing to do.
func (g *group) turn() (wait time.Duration, ended bool) {
	g.lock()
	defer g.mu.Unlock()
	for _, f := range g.posted() {
		f()
	}
	if g.now >= g.timerAt {
		set := g.set
		if at := g.timer(g.now); set == g.set {
			g.timerAt = at
		}
	}
	if g.timerAt == math.MaxInt64 {
		return time.Hour, g.ended
	}
	return max(0, time.Duration(g.timerAt-transport.Clock())), g.ended
}

func (g *group) posted() []func() {
	g.postMu.Lock()
	defer g.postMu.Unlock()
	fs := g.posts
	g.posts = nil
	return fs
}

func (g *group) cutAll() {
	for _, f := range g.posted() { // So that every client made is known.
		g.lock()
		f()
		g.mu.Unlock()
	}
	g.lock()
	defer g.mu.Unlock()
	g.closing = true
	for _, c := range g.clients {
		c.Cut()
	}
}

func (g *group) end() {
	g.lock()
	g.ended = true
	g.mu.Unlock()
	g.nudge()
}
