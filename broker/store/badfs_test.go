package store

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A badFS fails for files whose name matches: for good, once so many bytes were
// written (or, with syncs or creates added, so many calls of that were made).
type badFS struct {
	vfs.FS
	pattern string
	kind    int64
	left    atomic.Int64
	err     error
}

const (
	syncs   = 1 << 40
	creates = 2 << 40
)

var (
	errFull     error = &fs.PathError{Op: "write", Path: "somewhere", Err: syscall.ENOSPC}
	errIO       error = &fs.PathError{Op: "sync", Path: "somewhere", Err: syscall.EIO}
	errReadOnly error = &fs.PathError{Op: "open", Path: "somewhere", Err: syscall.EROFS}
)

func newBadFS(pattern string, budget int64, err error) *badFS {
	b := &badFS{FS: vfs.Default, pattern: pattern, kind: budget >> 40 << 40, err: err}
	b.left.Store(budget & (1<<40 - 1))
	return b
}

func (b *badFS) Unwrap() vfs.FS { return b.FS }

// spend reports an error when n of a kind are more than are left.
func (b *badFS) spend(kind int64, n int) error {
	if kind == b.kind && b.left.Add(-int64(n)) < 0 {
		return b.err
	}
	return nil
}

func (b *badFS) matches(name string) bool {
	ok, _ := filepath.Match(b.pattern, filepath.Base(name))
	return ok
}

// file wraps one that was made.
func (b *badFS) file(name string, open func() (vfs.File, error)) (vfs.File, error) {
	if !b.matches(name) {
		return open()
	}
	if b.err == errReadOnly {
		return nil, b.err
	}
	if err := b.spend(creates, 1); err != nil {
		return nil, err
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	return &badFile{f, b}, nil
}

func (b *badFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return b.file(name, func() (vfs.File, error) { return b.FS.Create(name, c) })
}

func (b *badFS) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return b.file(name, func() (vfs.File, error) { return b.FS.ReuseForWrite(old, name, c) })
}

func (b *badFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return b.file(name, func() (vfs.File, error) { return b.FS.OpenReadWrite(name, c, o...) })
}

func (b *badFS) MkdirAll(dir string, perm os.FileMode) error {
	if _, err := os.Stat(dir); err != nil && b.err == errReadOnly {
		return b.err
	}
	return b.FS.MkdirAll(dir, perm)
}

type badFile struct {
	vfs.File
	fs *badFS
}

func (f *badFile) Write(p []byte) (int, error) {
	if err := f.fs.spend(0, len(p)); err != nil {
		n, _ := f.File.Write(p[:len(p)/2]) // A full disk takes what it can.
		return n, err
	}
	return f.File.Write(p)
}

func (f *badFile) WriteAt(p []byte, at int64) (int, error) {
	if err := f.fs.spend(0, len(p)); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, at)
}

func (f *badFile) Sync() error {
	if err := f.fs.spend(syncs, 1); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *badFile) SyncData() error {
	if err := f.fs.spend(syncs, 1); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f *badFile) Fd() uintptr { return vfs.InvalidFd }
