package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A Store is open in one process at a time. Its methods are safe for concurrent use.
type Store struct {
	// Immutable
	dir     string
	o       Options
	db      *pebble.DB
	lock    io.Closer
	found   Recovery
	wake    chan struct{} // Capacity 1: the committer has something to do.
	failed  chan struct{} // Closed by fail.
	done    chan struct{} // Closed when the committer has ended.
	watched chan struct{} // Closed when the watchman has ended.

	// Owned by the committer
	mark   *mark
	batch  pebble.Batch
	unseen uint64 // Bytes written since it looked at the disk.

	mu sync.Mutex

	// Guarded by mu
	filling *group   // Takes what is appended. Nil: nothing waits.
	full    []*group // Wait before it.
	spare   []*group // At most maxSpare.
	number  uint64   // Of the newest batch.
	waiting int      // Bytes.
	ended   error    // Why nothing is taken any more; nil while all is well.

	measuring sync.Mutex // One measure at a time.

	notifyMu sync.Mutex

	// Guarded by notifyMu
	subscribers []*subscriber
	told        error // The error that was delivered.

	// Atomic
	durable  atomic.Uint64
	pressure atomic.Bool
	scarce   atomic.Pointer[ScarceError]
	stride   atomic.Uint64 // How many bytes may be written before the disk is looked at.
	running  atomic.Bool   // Open has succeeded.
	closing  atomic.Bool   // Somebody closes the files.
	stats    counters
}

type subscriber struct {
	tell func(durable uint64, err error)
}

// maxSpare is how many empty groups are kept for the next time.
const maxSpare = 4

// Append hands over the changes of b, which it copies, and returns the batch's
// number. It never waits for a disk. The batch is durable when Durable has reached the number.
//
// pressure means that more than MaxWaiting bytes wait: the caller should take
// nothing new from those who cause the changes until Pressure is false again.
// After Close or an error, what is appended never becomes durable, and pressure is true.
func (s *Store) Append(b *Batch) (number uint64, pressure bool) {
	s.mu.Lock()
	s.number++
	number = s.number
	if s.stoppedLocked() {
		s.mu.Unlock()
		return number, true
	}
	idle := s.filling == nil
	s.makeRoomLocked(b)
	s.filling.add(b, number)
	s.waiting += len(b.ops)
	if s.waiting > s.o.MaxWaiting {
		s.pressure.Store(true)
	}
	pressure = s.pressure.Load()
	s.mu.Unlock()
	if idle {
		s.rouse()
	}
	return number, pressure
}

// makeRoomLocked sees to it that filling takes b.
func (s *Store) makeRoomLocked(b *Batch) {
	if s.filling != nil {
		if s.filling.hasRoom(b) {
			return
		}
		s.full = append(s.full, s.filling)
	}
	if n := len(s.spare); n > 0 {
		s.filling, s.spare = s.spare[n-1], s.spare[:n-1]
	} else {
		s.filling = new(group)
	}
	s.filling.reset()
}

// Durable is the number of the newest durable batch.
func (s *Store) Durable() uint64 { return s.durable.Load() }

// IsIdle reports whether everything that was appended is durable.
func (s *Store) IsIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable.Load() >= s.number
}

// Pressure reports what Append would. It becomes false when half of MaxWaiting is written, always
// before subscribers are told.
func (s *Store) Pressure() bool { return s.pressure.Load() }

// Err is why the store has stopped, or nil.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Subscribe has tell called with the newest durable number once after each
// group that was committed, and once with an error when the store fails; after that never
// again. It runs on a goroutine of the store that all who wait depend on: it must
// not block, append or call Subscribe. cancel returns when no call is under way.
func (s *Store) Subscribe(tell func(durable uint64, err error)) (cancel func()) {
	s.notifyMu.Lock()
	defer s.notifyMu.Unlock()
	if s.told != nil {
		tell(s.Durable(), s.told)
		return func() {}
	}
	sub := &subscriber{tell}
	s.subscribers = append(s.subscribers, sub)
	return func() { s.unsubscribe(sub) }
}

func (s *Store) unsubscribe(sub *subscriber) {
	s.notifyMu.Lock()
	defer s.notifyMu.Unlock()
	for i, other := range s.subscribers {
		if other == sub {
			s.subscribers = append(s.subscribers[:i], s.subscribers[i+1:]...)
			return
		}
	}
}

// notify tells all subscribers; after an error nobody is told anything.
func (s *Store) notify(durable uint64, err error) {
	s.notifyMu.Lock()
	defer s.notifyMu.Unlock()
	if s.told != nil {
		return
	}
	s.told = err
	if err == nil {
		s.durable.Store(durable)
	}
	for _, sub := range s.subscribers {
		sub.tell(durable, err)
	}
}

// rouse wakes the committer, or makes it look once more before it sleeps.
func (s *Store) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run is the committer. It ends when the store is closed and all is written, or has failed.
func (s *Store) run() {
	defer close(s.done)
	healthy := false
	defer func() {
		// Pebble panics when its log cannot be written, and calls Fatalf, which
		// ends the goroutine, when it cannot be synced.
		if r := recover(); r != nil {
			s.fail(fmt.Errorf("%v", r))
		} else if !healthy {
			s.fail(errors.New("the committer ended"))
		}
	}()
	for s.isHealthy() {
		g, more := s.take()
		switch {
		case g != nil:
			s.commit(g)
		case more:
			s.await()
		default:
			healthy = true
			return
		}
	}
	healthy = true
}

func (s *Store) await() {
	select {
	case <-s.wake:
	case <-s.failed:
	}
}

func (s *Store) isHealthy() bool {
	select {
	case <-s.failed:
		return false
	default:
		return true
	}
}

// take returns the oldest group that waits, or nil; more says that others may follow.
func (s *Store) take() (g *group, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.full) > 0 {
		g = s.full[0]
		n := copy(s.full, s.full[1:])
		s.full[n] = nil
		s.full = s.full[:n]
		return g, true
	}
	g, s.filling = s.filling, nil
	return g, !s.stoppedLocked()
}

// commit makes a group durable and reports it. The number goes to the mark
// before it is reported, and after it is durable.
func (s *Store) commit(g *group) {
	size, last := g.size(), g.last
	if err := s.write(g); err != nil {
		s.fail(err)
		return
	}
	if err := s.mark.put(last); err != nil {
		s.fail(fmt.Errorf("noting the newest number: %w", err))
		return
	}
	s.stats.groups.Add(1)
	s.stats.batches.Add(uint64(g.batches))
	s.stats.bytes.Add(uint64(size))
	s.giveBack(g, size)
	s.written(size)
	if s.isHealthy() {
		s.notify(last, nil)
	}
}

func (s *Store) write(g *group) error {
	repr := g.seal()
	if err := s.batch.SetRepr(repr); err != nil {
		return err
	}
	if err := s.db.Apply(&s.batch, pebble.Sync); err != nil {
		return err
	}
	if &s.batch.Repr()[0] != &repr[0] {
		g.buf = nil // Pebble has kept the bytes: a large batch stands in for a memtable.
	}
	s.batch.Reset()
	return nil
}

// giveBack counts a committed group as no longer waiting, and keeps its memory.
func (s *Store) giveBack(g *group, size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting -= size
	if s.waiting <= s.o.MaxWaiting/2 && !s.stoppedLocked() {
		s.pressure.Store(false)
	}
	if len(s.spare) < maxSpare {
		s.spare = append(s.spare, g)
	}
}

func (s *Store) stoppedLocked() bool { return s.ended != nil }

// fail stops the store for good. It may be called on any goroutine, and with
// any of pebble's locks held: telling is the watchman's part.
func (s *Store) fail(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil && !errors.Is(s.ended, ErrClosed) {
		return // The first error says why; what follows follows from it.
	}
	select {
	case <-s.failed:
		return
	default:
	}
	s.ended = fmt.Errorf("store: %s has stopped, and nothing more is durable: %w", s.dir, cause)
	s.pressure.Store(true)
	close(s.failed)
}

// watch delivers the error, be the committer stuck or not, and looks at the disk.
func (s *Store) watch() {
	defer close(s.watched)
	look := time.NewTicker(lookAtDisk)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			s.measure()
		case <-s.failed:
			s.notify(s.Durable(), s.Err())
			return
		case <-s.done:
			select {
			case <-s.failed:
				s.notify(s.Durable(), s.Err())
			default:
			}
			return
		}
	}
}

// Flush waits until everything that was appended before is durable, or the
// store has failed, or ctx ends. It is for tests and for tools; loops subscribe.
func (s *Store) Flush(ctx context.Context) error {
	reached := make(chan struct{}, 1)
	s.mu.Lock()
	number := s.number
	s.mu.Unlock()
	defer s.Subscribe(func(durable uint64, err error) {
		if durable >= number || err != nil {
			select {
			case reached <- struct{}{}:
			default:
			}
		}
	})()
	if s.Durable() >= number {
		return nil
	}
	select {
	case <-reached:
	case <-s.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.Durable() >= number {
		return nil
	}
	return s.Err()
}
