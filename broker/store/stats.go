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

	DiskBytes  uint64 // Files, the log included.
	Tables     int64
	LogBytes   uint64 // What an Open would have to read back.
	MemBytes   uint64 // Memtables and block cache.
	WriteBytes uint64 // Written to tables since Open, by writing memory out and by compaction.
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
	total := m.Total()
	st.DiskBytes = m.DiskSpaceUsage()
	st.Tables = total.TablesCount
	st.LogBytes = m.WAL.Size
	st.MemBytes = m.MemTable.Size + uint64(m.BlockCache.Size)
	st.WriteBytes = total.TableBytesFlushed + total.TableBytesCompacted
	return st
}
