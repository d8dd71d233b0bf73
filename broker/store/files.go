package store

import (
	"errors"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// files is the file system as pebble sees it: the system's, with two differences.
//
// With lazy, which is sync level OS, the files of the log do not sync. A commit that
// asks for a sync then returns when its record has gone through write(2), and the
// kernel writes it to the disk when it likes. A file of the log is synced when it is full and the next
// begins, as are tables and the manifest, which replace the log. So a crash of the machine
// takes an end from the newest file, never something from the middle, which nobody would notice.
//
// And once the store is running, no error in writing is ever returned. The first one stops the
// store, and whoever has met it waits for ever, with whatever locks it
// holds. What pebble would do else depends on the place: try again, at once and
// without end, when a table cannot be written; end the process; or panic in a
// place where the deferred unlock finds the mutex unlocked, which nothing can recover.
type files struct {
	vfs.FS
	s    *Store
	lazy bool
}

func (f files) Unwrap() vfs.FS { return f.FS }

// check returns err while the store is being opened; later it does not return at all if there is one.
func (f files) check(err error) error {
	if err != nil && f.s.running.Load() {
		f.s.fail(err)
		select {}
	}
	return err
}

func (f files) wrap(name string, inner vfs.File, err error) (vfs.File, error) {
	if f.check(err) != nil {
		return nil, err
	}
	w := file{inner, f}
	if f.lazy && filepath.Ext(name) == ".log" {
		return lazyFile{w}, nil
	}
	return w, nil
}

func (f files) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	inner, err := f.FS.Create(name, c)
	return f.wrap(name, inner, err)
}

func (f files) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	inner, err := f.FS.ReuseForWrite(old, name, c)
	return f.wrap(name, inner, err)
}

func (f files) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	inner, err := f.FS.OpenReadWrite(name, c, o...)
	return f.wrap(name, inner, err)
}

func (f files) OpenDir(name string) (vfs.File, error) {
	inner, err := f.FS.OpenDir(name)
	return f.wrap(name, inner, err)
}

func (f files) Rename(old, name string) error { return f.check(f.FS.Rename(old, name)) }

type file struct {
	vfs.File
	fs files
}

func (f file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.fs.check(err)
}

func (f file) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	return n, f.fs.check(err)
}

func (f file) Sync() error     { return f.fs.check(f.File.Sync()) }
func (f file) SyncData() error { return f.fs.check(f.File.SyncData()) }

func (f file) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.fs.check(err)
}

type lazyFile struct{ file }

func (f lazyFile) Close() error {
	return errors.Join(f.file.SyncData(), f.file.Close())
}

func (lazyFile) Sync() error                { return nil }
func (lazyFile) SyncData() error            { return nil }
func (lazyFile) SyncTo(int64) (bool, error) { return false, nil }

// Without a descriptor nobody allocates disk space ahead, which only pays where the
// size of the file is synced with every record.
func (lazyFile) Fd() uintptr { return vfs.InvalidFd }
