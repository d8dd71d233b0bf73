package store

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/wal"
)

// openOrCut opens the database. If its newest log can not be read to its end, and a loss is accepted, the
// log is cut where it begins to make no sense: after a crash of the machine under level OS parts of its
// end may have reached the disk and others not. Older logs, tables and the manifest were synced; damage to
// those is the disk's doing, is in the middle, and is not repaired.
func (s *Store) openOrCut() error {
	err := s.guard(s.openDB)
	if err == nil || !s.o.AcceptLoss || !pebble.IsCorruptionError(err) {
		return err
	}
	if cutErr := s.cutLog(); cutErr != nil {
		return errors.Join(err, cutErr)
	}
	return s.guard(s.openDB)
}

// cutLog keeps what it cuts off, in a copy of the log beside the database.
func (s *Store) cutLog() error {
	db := filepath.Join(s.dir, dbDir)
	logs, err := wal.Scan(wal.Dir{FS: s.o.fs, Dirname: db})
	if err != nil || len(logs) == 0 {
		return err
	}
	newest := logs[len(logs)-1]
	_, name := newest.SegmentLocation(0)
	good, err := readable(newest)
	if err != nil {
		return err
	}
	f, err := s.o.fs.Open(name)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if good >= int64(len(text)) {
		return errors.New("the newest log is whole")
	}
	kept := filepath.Join(s.dir, "damaged-"+filepath.Base(name))
	if err := s.writeFile(kept, string(text)); err != nil {
		return err
	}
	s.found.Cut = int64(len(text)) - good
	s.o.Logf("store: cutting %d bytes off %s; the whole of it is kept as %s", s.found.Cut, name, kept)
	return s.writeFile(name, string(text[:good]))
}

// keepLog gives the newest log a second name before pebble reads it: pebble removes a log once it has read as much as makes
// sense, and if that is less than was reported the rest is to be there still for whoever wants to look at it. It does
// what it can: not every file system has second names.
func (s *Store) keepLog() (kept string) {
	if !s.found.Unclean {
		return ""
	}
	logs, err := wal.Scan(wal.Dir{FS: s.o.fs, Dirname: filepath.Join(s.dir, dbDir)})
	if err != nil || len(logs) == 0 {
		return ""
	}
	_, name := logs[len(logs)-1].SegmentLocation(0)
	kept = filepath.Join(s.dir, "kept-"+filepath.Base(name))
	_ = s.o.fs.Remove(kept) // Of an Open that was killed.
	if s.o.fs.Link(name, kept) != nil {
		return ""
	}
	return kept
}

// dropLog takes the second name away, or makes it the name of a damaged log.
func (s *Store) dropLog(kept string, lost bool) {
	switch {
	case kept == "":
	case !lost:
		_ = s.o.fs.Remove(kept)
	default:
		name := filepath.Join(s.dir, "damaged-"+strings.TrimPrefix(filepath.Base(kept), "kept-"))
		if s.o.fs.Rename(kept, name) == nil {
			s.o.Logf("store: the log that lacks its end is kept as %s", name)
		}
	}
}

// readable is how many bytes from the beginning of a log are records.
func readable(log wal.LogicalLog) (good int64, err error) {
	r := log.OpenForRead()
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		record, at, err := r.NextRecord()
		if err == nil {
			_, err = io.Copy(io.Discard, record)
		}
		switch {
		case errors.Is(err, io.EOF):
			return 0, fmt.Errorf("the newest log is whole")
		case err != nil:
			return at.Physical, nil
		}
	}
}
