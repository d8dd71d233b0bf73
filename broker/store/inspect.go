package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Inspect says why Open would refuse a directory at the first look, and changes nothing: it is somebody else's, of a newer version, no
// directory, or not to be read. A directory that is not there yet is in order. Whether what is stored is whole, and whether
// somebody has the store open, only Open can say.
func Inspect(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s := &Store{dir: dir, o: Options{fs: vfs.Default}}
	info, err := s.o.fs.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("store: %w", err)
	case !info.IsDir():
		return fmt.Errorf("store: %s is not a directory", dir)
	}
	names, err := s.o.fs.List(dir)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	version, err := s.readVersion()
	switch {
	case errors.Is(err, fs.ErrNotExist) && onlyOurs(names):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("store: %s: %w", dir, ErrForeign)
	case err != nil:
		return err
	case version > formatVersion:
		return &VersionError{dir, version}
	}
	if _, err := s.o.fs.List(filepath.Join(dir, dbDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
