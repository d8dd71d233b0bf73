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

// Stats takes some microseconds and a lock of pebble's: for reports, not for every message.
func (s *Store) Stats() Stats {
	m := s.db.Metrics()
	s.mu.Lock()
	waiting := s.waiting
	s.mu.Unlock()
	total := m.Total()
	return Stats{
		Groups:     s.stats.groups.Load(),
		Batches:    s.stats.batches.Load(),
		Bytes:      s.stats.bytes.Load(),
		Waiting:    waiting,
		DiskBytes:  m.DiskSpaceUsage(),
		Tables:     total.TablesCount,
		LogBytes:   m.WAL.Size,
		MemBytes:   m.MemTable.Size + uint64(m.BlockCache.Size),
		WriteBytes: total.TableBytesFlushed + total.TableBytesCompacted,
	}
}
