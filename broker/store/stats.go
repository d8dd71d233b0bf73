package store

import "sync/atomic"

type counters struct {
	groups, batches, bytes atomic.Uint64
}

// Stats are counts since Open, and sizes now.
type Stats struct {
	Groups  uint64 // Commits.
	Batches uint64 // Durable.
	Bytes   uint64 // Of their changes.
	Waiting int    // Bytes appended and not durable.

	DiskBytes uint64 // Files, the log included.
	LogBytes  uint64 // What an Open would have to read back.
}

// Stats takes some microseconds and a lock of pebble's: for reports, not for every message. The sizes of a store that
// has stopped are zero: that lock may never be free again.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	st := Stats{Waiting: s.waiting}
	stopped := s.stoppedLocked()
	s.mu.Unlock()
	st.Groups, st.Batches, st.Bytes = s.stats.groups.Load(), s.stats.batches.Load(), s.stats.bytes.Load()
	if stopped {
		return st
	}
	m := s.db.Metrics()
	st.DiskBytes = m.DiskSpaceUsage()
	st.LogBytes = m.WAL.Size
	return st
}
