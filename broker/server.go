package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
	"mqttbench/broker/topic"
	"mqttbench/broker/transport"
)

// Server is a broker. Its methods may be called from any goroutine.
type Server struct {
	// Immutable
	o         Options
	directory *directory
	tree      *topic.Tree
	retained  *topic.Retained[*session.Message]
	numbers   numbers
	deadlines deadlines

	handshakes handshakeLog
	gate       gate
	guarded    bool       // There is an ACL.
	pool       *auth.Pool // Nil without passwords to check.
	sys        *sysTree   // Nil without Options.SysInterval.
	ledger     *ledger    // Nil without Options.DataDir.
	store      atomic.Pointer[store.Store]

	// Atomic
	online  atomic.Int64 // Connections past CONNECT.
	conns   atomic.Int64 // Connections.
	closing atomic.Bool

	exchanges atomic.Int64 // Of enhanced authentication, under way.

	retainedBytes atomic.Int64 // As Options.MaxRetainedBytes counts them.
	sysTopics     atomic.Int64 // Of the retained messages, the broker's own.

	empty chan struct{} // Holds a token when, while closing, the last connection is gone.

	mu sync.Mutex

	// Guarded by mu
	loops     *transport.Loops // Nil before Start.
	own       []*loop
	listeners []net.Listener
	addrs     []string
	stopped   chan struct{} // Closed when the loops have ended.
	stopping  bool

	failure chan error // Holds why the store has stopped. Nothing can be promised any more.
}

// New checks the options and makes a broker that does not listen yet.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{
		o:         o,
		gate:      newGate(o.ConnectRate),
		guarded:   o.Guard.ACL() != nil,
		directory: newDirectory(o.SessionLimits, o.MaxSessions),
		tree:      topic.NewTree(),
		retained:  topic.NewRetained[*session.Message](),
		empty:     make(chan struct{}, 1),
		stopped:   make(chan struct{}),
		failure:   make(chan error, 1),
	}, nil
}

// Start begins to listen on all of Options.Listen, or on none. A Server is started once.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.loops != nil || s.stopping {
		return errors.New("broker: started or closed before")
	}
	if err := s.openLedger(); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	loops, err := transport.New(transport.Options{
		Loops: s.o.Loops, Driver: s.o.Driver, Outbox: s.o.Outbox,
		ServerTLS: s.o.TLS, HandshakeTimeout: s.o.ConnectTimeout, HandshakeFailed: s.handshakeFailed,
	})
	if err != nil {
		s.ledger.close()
		return fmt.Errorf("broker: %w", err)
	}
	s.loops = loops
	if s.o.Guard.Passwords() != nil {
		s.pool = auth.NewPool(auth.PoolOptions{Workers: s.o.AuthWorkers, Jobs: s.o.AuthQueue})
	}
	for i := range loops.Len() {
		t := loops.Loop(i)
		l := newLoop(s, t)
		t.Data = l
		s.own = append(s.own, l)
	}
	s.ledger.watch(s)
	if s.o.SysInterval > 0 {
		s.sys = newSysTree(s)
	}
	for _, l := range s.own {
		l.t.SetTimer(l.onTimer)
	}
	for _, url := range s.o.Listen {
		if err := s.listenLocked(url); err != nil {
			s.stopping = true
			s.stopLocked()
			return err
		}
	}
	return nil
}

func (s *Server) listenLocked(url string) error {
	from := originOf(url)
	ln, err := s.loops.Listen(url, func(t *transport.Loop, _ net.Addr) transport.Handler {
		c := &conn{loop: t.Data.(*loop), origin: from}
		c.slot = unlinked
		return c
	})
	if err != nil {
		return fmt.Errorf("broker: listen on %s: %w", url, err)
	}
	s.listeners = append(s.listeners, ln)
	s.addrs = append(s.addrs, addrURL(ln.Addr()))
	s.warnOpen(addrURL(ln.Addr()), from)
	return nil
}

// addrURL is an address as Options.Listen would say it.
func addrURL(a net.Addr) string {
	return a.Network() + "://" + a.String()
}

// Addrs holds the URLs that are listened on, with the ports that were resolved,
// in the order of Options.Listen.
func (s *Server) Addrs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.addrs...)
}

// Shutdown stops listening, tells the clients ([v5 0x8B]), waits until all
// connections are closed or ctx is done, and then for everything else that runs.
// Without a data directory sessions are gone afterwards. Wills are not published, save those with a
// delay in a data directory: they are still due.
func (s *Server) Shutdown(ctx context.Context) error {
	late, err := s.shutdown(ctx)
	return errors.Join(late, err)
}

// shutdown tells apart that clients did not go in time (late, the error of ctx) and that something went wrong.
func (s *Server) shutdown(ctx context.Context) (late, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, nil
	}
	s.stopping = true
	s.closing.Store(true)
	if s.loops == nil {
		close(s.stopped)
		return nil, nil
	}
	for _, ln := range s.listeners {
		ln.Close()
	}
	for _, l := range s.own {
		l.t.Post(l.kickAll)
	}
	if s.conns.Load() > 0 {
		select {
		case <-s.empty:
		case <-ctx.Done():
			late = ctx.Err()
		}
	}
	return late, s.stopLocked()
}

// kickAll tells all clients of a loop to go.
func (l *loop) kickAll() {
	l.turn()
	l.enter()
	defer l.leave(nil)
	l.wheel.each(func(c *conn) {
		c.kick(l, packet.ServerShuttingDown, errShuttingDown)
	})
}

// Close is Shutdown without patience.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := s.shutdown(ctx)
	return err
}

func (s *Server) stopLocked() error {
	s.closing.Store(true)
	err := errors.Join(s.loops.Close(), s.ledger.close())
	if s.pool != nil {
		s.pool.Close()
	}
	close(s.stopped)
	return err
}

func (s *Server) opened() { s.conns.Add(1) }

func (s *Server) closed() {
	if s.conns.Add(-1) == 0 && s.closing.Load() {
		select {
		case s.empty <- struct{}{}:
		default:
		}
	}
}

// afterGrace has done run once every loop has had a turn of its own: what was
// found in the tree before is no longer used then.
func (s *Server) afterGrace(done func()) {
	left := new(atomic.Int64)
	left.Store(int64(len(s.own)))
	for _, l := range s.own {
		if !l.t.Post(func() {
			if left.Add(-1) == 0 {
				done()
			}
		}) {
			return // The loops are ending.
		}
	}
}

// Stats counts what happened so far. Do not call it from a callback of Options:
// it waits for a turn of each loop.
func (s *Server) Stats() Stats {
	st := s.holdings()
	s.mu.Lock()
	own := s.own
	s.mu.Unlock()
	for _, l := range own {
		n := s.ask(l)
		st.add(&n)
	}
	if s.ledger != nil {
		st.Commits = s.ledger.clock.histogram()
	}
	return st
}

// holdings is that part of Stats that needs no loop to be asked.
func (s *Server) holdings() Stats {
	return Stats{
		Clients:       int(s.online.Load()),
		Sessions:      int(s.directory.size.Load()),
		Subscriptions: s.tree.Len(),

		SharedSubscriptions: s.tree.SharedLen(),

		Retained:      s.retainedLen(),
		RetainedBytes: int(s.retainedBytes.Load()),
	}
}

// ask reads a loop's counters in a turn of its own, or after its end.
func (s *Server) ask(l *loop) counters {
	answer := make(chan counters, 1)
	if l.t.Post(func() { answer <- l.n }) {
		select {
		case n := <-answer:
			return n
		case <-s.stopped:
		}
	}
	<-s.stopped
	return l.n
}
