package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// What a directory holds:
//
//	LOCK       held while the store is open
//	VERSION    one line: versionLine and formatVersion
//	REPORTED   the mark
//	OPEN       who did not close it (boot.go)
//	damaged-*  logs from which something was lost (salvage.go)
//	db/        pebble's
const (
	lockFile    = "LOCK"
	versionFile = "VERSION"
	markFile    = "REPORTED"
	dbDir       = "db"

	versionLine   = "mqttbench store "
	formatVersion = 1

	// pebbleFormat is pebble's own version of what it writes. It is pinned, so that
	// a newer pebble does not make a directory unreadable for an older program of ours unless formatVersion says so.
	pebbleFormat = pebble.FormatValueSeparation
)

// Recovery is what Open found.
type Recovery struct {
	Reported  uint64 // The newest batch that was reported as durable.
	Recovered uint64 // The newest batch that is there. More than Reported: written, and not reported any more.
	Lost      uint64 // Batches that were reported, and are gone; with Options.AcceptLoss only.
	Cut       int64  // Bytes that were cut off the newest log, for they made no sense; with AcceptLoss only.
	Unclean   bool   // The last user of the store did not close it.

	// MachineDown means that the machine went down while the store was open with level OS. More than
	// Lost may be gone, and nobody can count it; what is there is consistent.
	MachineDown bool
}

// Open opens the store in dir, and makes one if dir is missing or empty. Errors are, or wrap,
// ErrLocked, ErrForeign, *VersionError, *DamageError, *LossError, or come from
// the file system. The directory of a failed Open can be opened again.
func Open(dir string, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{
		dir:     dir,
		o:       o,
		wake:    make(chan struct{}, 1),
		failed:  make(chan struct{}),
		done:    make(chan struct{}),
		watched: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	s.running.Store(true)
	go s.run()
	go s.watch()
	return s, nil
}

func (s *Store) open() (err error) {
	if err := s.prepareDir(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	s.mark, s.found.Reported, err = openMark(s.o.fs, filepath.Join(s.dir, markFile))
	if err != nil {
		return &DamageError{s.dir, fmt.Errorf("%s: %w", markFile, err)}
	}
	if err := s.readOpen(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	kept := s.keepLog()
	if err := s.openOrCut(); err != nil {
		s.dropLog(kept, false)
		return s.openError(err)
	}
	err = s.compareNumbers()
	s.dropLog(kept, s.found.Recovered < s.found.Reported && s.found.Cut == 0)
	if err != nil {
		return err
	}
	s.number = max(s.found.Reported, s.found.Recovered)
	s.durable.Store(s.number)
	if s.found.Lost > 0 {
		if err := s.settle(); err != nil {
			return err
		}
	}
	if err := s.noteOpen(); err != nil { // Syncs the mark's entry, too.
		return fmt.Errorf("store: %w", err)
	}
	s.measure()
	return nil
}

// prepareDir leaves a locked directory of our version, or an error.
func (s *Store) prepareDir() error {
	f := s.o.fs
	if err := s.makeDir(); err != nil {
		return fmt.Errorf("store: making the directory: %w", err)
	}
	names, err := f.List(s.dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	// Before anything is written: the directory may be a newer program's, or nobody's business of ours.
	version, err := s.readVersion()
	switch {
	case errors.Is(err, fs.ErrNotExist) && onlyOurs(names):
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("store: %s: %w", s.dir, ErrForeign)
	case err != nil:
		return err
	case version > formatVersion:
		return &VersionError{s.dir, version}
	}
	if s.lock, err = f.Lock(filepath.Join(s.dir, lockFile)); err != nil {
		return lockError(s.dir, err)
	}
	if version == 0 {
		if err := s.writeVersion(); err != nil {
			return errors.Join(fmt.Errorf("store: %w", err), s.lock.Close())
		}
	}
	return nil
}

// onlyOurs reports whether a directory without a version holds nothing but what a
// store that was killed at its very beginning leaves.
func onlyOurs(names []string) bool {
	for _, name := range names {
		if name != lockFile && name != versionFile+".new" && name != "lost+found" {
			return false
		}
	}
	return true
}

// lockError tells a file that cannot be made from one that is locked.
func lockError(dir string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("store: locking: %w", err)
	}
	return fmt.Errorf("store: %s is %w by another process (%v)", dir, ErrLocked, err)
}

// readVersion returns a version above 0, or an error.
func (s *Store) readVersion() (int, error) {
	f, err := s.o.fs.Open(filepath.Join(s.dir, versionFile))
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	digits, ok := strings.CutPrefix(strings.TrimSpace(string(text)), versionLine)
	version, err := strconv.Atoi(digits)
	if !ok || err != nil || version <= 0 {
		return 0, &DamageError{s.dir, fmt.Errorf("%s reads %q", versionFile, text)}
	}
	return version, nil
}

// writeVersion is the first thing that is written, and is complete or absent. Only after it anything
// that would be missed is written.
func (s *Store) writeVersion() error {
	name := filepath.Join(s.dir, versionFile)
	return s.writeFile(name, fmt.Sprintf("%s%d\n", versionLine, formatVersion))
}

// writeFile leaves the old file or the new one, and the new one for good once it has returned.
func (s *Store) writeFile(name, text string) error {
	f, err := s.o.fs.Create(name+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := s.o.fs.Rename(name+".new", name); err != nil {
		return err
	}
	return s.syncDir(s.dir)
}

// makeDir makes the directory, and sees to it that a loss of power does not take it away again, with all that
// is synced in it: whatever had to be made is an entry of the directory above.
func (s *Store) makeDir() error {
	above := []string{}
	for d := s.dir; ; d = filepath.Dir(d) {
		if _, err := s.o.fs.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		above = append(above, filepath.Dir(d))
	}
	err := s.o.fs.MkdirAll(s.dir, 0o700)
	for _, d := range above {
		if err == nil {
			err = s.syncDir(d)
		}
	}
	return err
}

func (s *Store) syncDir(name string) error {
	d, err := s.o.fs.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *Store) openDB() (err error) {
	s.db, err = pebble.Open(filepath.Join(s.dir, dbDir), s.pebbleOptions())
	return err
}

func (s *Store) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		FS:                          files{s.o.fs, s, s.o.Sync == OS},
		FormatMajorVersion:          pebbleFormat,
		CacheSize:                   16 << 20,
		MemTableSize:                uint64(s.o.MemTable),
		MemTableStopWritesThreshold: 4,
		// What is stored is short-lived: a table in the top level is mostly garbage by
		// the time it would be merged. Rather more of them than a stop.
		L0CompactionThreshold:      4,
		L0StopWritesThreshold:      32,
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		Logger:                     logger{s},
		EventListener:              s.events(),
	}
	// Not zstd, which needs C in one build and not in the other.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return o
}

// events are those that mean the disk can no longer be relied upon. Pebble would go on, or try again.
func (s *Store) events() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) { s.fail(fmt.Errorf("in the background: %w", err)) },
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			s.fail(&DamageError{s.dir, fmt.Errorf("%s: %w", info.Path, info.Details)})
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) { s.o.Logf("store: writing waits: %s", info.Reason) },
		WriteStallEnd:   func() { s.o.Logf("store: writing goes on") },
	}
}

// compareNumbers asks the store for its newest number, and whether that will do.
func (s *Store) compareNumbers() error {
	value, closer, err := s.db.Get(numberKey)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return &DamageError{s.dir, err}
	case len(value) != 8:
		return errors.Join(&DamageError{s.dir, errors.New("the newest number is not a number")}, closer.Close())
	default:
		s.found.Recovered = binary.BigEndian.Uint64(value)
		if err := closer.Close(); err != nil {
			return err
		}
	}
	r := &s.found
	if r.Recovered >= r.Reported {
		return nil
	}
	if !s.o.AcceptLoss {
		return &LossError{s.dir, r.Reported, r.Recovered}
	}
	r.Lost = r.Reported - r.Recovered
	s.o.Logf("store: %s goes on without the last %d batches it had reported as durable", s.dir, r.Lost)
	return nil
}

// settle notes in the store that a loss was accepted, so that the next Open does not find it again.
func (s *Store) settle() error {
	g := new(group)
	g.reset()
	s.number++
	g.last = s.number
	if err := s.guard(func() error { return s.write(g) }); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.durable.Store(s.number)
	return s.mark.put(s.number)
}

// openError says what an error of pebble's means to those who wait for the broker.
func (s *Store) openError(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: opening %s: %w", s.dir, err)
	}
	return &DamageError{s.dir, err}
}

// release gives back what a failed open has taken.
func (s *Store) release() {
	if s.db != nil {
		_ = s.guard(s.db.Close) // The reason why is being returned already.
	}
	if s.mark != nil {
		_ = s.mark.file.Close()
	}
	_ = s.lock.Close()
}

// Recovery is what Open found.
func (s *Store) Recovery() Recovery { return s.found }

// Close makes durable what was appended, tells the subscribers, and closes the
// files. A store that has failed is not closed but left as it is, its files open and its
// directory locked until the process ends; its error is returned.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.ended == nil {
		s.ended = ErrClosed
		s.pressure.Store(true)
	}
	s.mu.Unlock()
	s.rouse()
	select {
	case <-s.done:
	case <-s.failed:
	}
	<-s.watched
	if err := s.Err(); !errors.Is(err, ErrClosed) {
		return err
	}
	return s.closeFiles()
}

// closeFiles writes what is in memory to a table first: the log need not be read again, and
// after this a store of level OS survives a loss of power.
func (s *Store) closeFiles() error {
	if !s.closing.CompareAndSwap(false, true) {
		return nil
	}
	if err := s.guard(s.db.Flush); err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	if err := s.guard(s.db.Close); err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	if err := errors.Join(s.mark.file.Sync(), s.mark.file.Close(), s.noteClosed(), s.lock.Close()); err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	return nil
}

// guard calls do where pebble may panic, end the goroutine in Fatalf, or be held for ever in files.check.
func (s *Store) guard(do func() error) (err error) {
	ended := make(chan struct{})
	err = errors.New("pebble gave up")
	go func() {
		defer close(ended)
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("%v", r)
			}
		}()
		err = do()
	}()
	if s.running.Load() {
		select {
		case <-ended:
		case <-s.failed: // It may never end.
			return s.Err()
		}
	}
	<-ended
	if cause := s.Err(); cause != nil && !errors.Is(cause, ErrClosed) {
		return cause
	}
	return err
}

// logger is pebble's way to complain.
type logger struct{ s *Store }

func (l logger) Infof(string, ...any) {}

func (l logger) Errorf(format string, args ...any) {
	l.s.o.Logf("store: "+format, args...)
}

// Fatalf must not return. Pebble expects the process to end here; we stop the store, and end the
// goroutine, whose deferred calls let go of the locks it holds.
func (l logger) Fatalf(format string, args ...any) {
	l.s.fail(fmt.Errorf(format, args...))
	runtime.Goexit()
}
