package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// While a store is open a file in its directory says with which level of durability, and since
// which start of the machine. Whoever finds it there finds a store that was not closed; and if
// the machine was started anew since, that was more than a kill -9. With level OS the log may then
// have lost its end and the mark its newest number at once, so that comparing them shows nothing.
const openFile = "OPEN"

// bootID names this start of the machine, or is empty where nobody knows.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// readOpen looks for what the last user has left if it did not close the store.
func (s *Store) readOpen() error {
	f, err := s.o.fs.Open(filepath.Join(s.dir, openFile))
	switch {
	case err == nil:
		text, err := io.ReadAll(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		level, boot, whole := strings.Cut(strings.TrimSuffix(string(text), "\n"), " ")
		s.found.Unclean = true
		s.found.MachineDown = level != Fsync.String() && (!whole || boot != s.o.boot())
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if s.found.MachineDown {
		s.o.Logf("store: the machine went down while %s was open with level %v: what was reported as durable in the last moments before may be gone", s.dir, OS)
	}
	return nil
}

// noteOpen writes ours. It comes last in Open: one that fails must not hide from the next what it has read.
func (s *Store) noteOpen() error {
	return s.writeFile(filepath.Join(s.dir, openFile), fmt.Sprintf("%v %s\n", s.o.Sync, s.o.boot()))
}

// noteClosed removes the file again.
func (s *Store) noteClosed() error {
	return errors.Join(s.o.fs.Remove(filepath.Join(s.dir, openFile)), s.syncDir(s.dir))
}
