package store

import "time"

// lookAtDisk is how often the watchman asks how much room there is. The committer asks when it has written a good part
// of what is to stay free.
const lookAtDisk = 200 * time.Millisecond

// written has the committer look at the disk now and then.
func (s *Store) written(bytes int) {
	s.unseen += uint64(bytes)
	if s.unseen >= s.stride.Load() {
		s.unseen = 0
		s.measure()
	}
}

// Scarce is a *ScarceError while the disk is nearly full, or nil. Whoever can refuse what would be stored should do so.
func (s *Store) Scarce() error {
	if e := s.scarce.Load(); e != nil {
		return e
	}
	return nil
}

// measure asks how much room there is. A file system that does not know has enough.
func (s *Store) measure() {
	s.measuring.Lock()
	defer s.measuring.Unlock()
	free, total, err := s.free()
	least := s.minFree(total)
	s.stride.Store(max(least/16, 64<<10)) // What is written is written again as a table, and again when those are merged.
	was := s.scarce.Load()
	if was != nil {
		least += least / 8 // So that it does not come and go with every file.
	}
	switch {
	case err != nil || free >= least:
		if s.scarce.Store(nil); was != nil {
			s.o.Logf("store: the disk of %s has room again: %d bytes", s.dir, free)
		}
	case was == nil:
		e := &ScarceError{s.dir, free, least}
		s.scarce.Store(e)
		s.o.Logf("%v", e)
	default:
		s.scarce.Store(&ScarceError{s.dir, free, was.MinFree})
	}
}

func (s *Store) free() (free, total uint64, err error) {
	if s.o.Free != nil {
		return s.o.Free()
	}
	u, err := s.o.fs.GetDiskUsage(s.dir)
	return u.AvailBytes, u.TotalBytes, err
}

func (s *Store) minFree(total uint64) uint64 {
	switch {
	case s.o.MinFree < 0:
		return 0
	case s.o.MinFree > 0:
		return uint64(s.o.MinFree)
	}
	return min(defaultMinFree, total/10)
}
