package store

import (
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A lazyLog is a file system in which the files of pebble's log do not sync. It is what
// makes sync level OS: a commit that asks for a sync returns when its
// record has gone through write(2), and the kernel writes it to the disk when it
// likes. Tables and the manifest, which replace the log, are synced as always, so what a
// crash of the machine can take is bounded by what is in the log.
type lazyLog struct{ vfs.FS }

func (l lazyLog) Unwrap() vfs.FS { return l.FS }

func (l lazyLog) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := l.FS.Create(name, c)
	return lazily(name, f, err)
}

func (l lazyLog) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := l.FS.ReuseForWrite(old, name, c)
	return lazily(name, f, err)
}

func lazily(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !isLog(name) {
		return f, err
	}
	return lazyFile{f}, nil
}

func isLog(name string) bool { return filepath.Ext(name) == ".log" }

type lazyFile struct{ vfs.File }

func (lazyFile) Sync() error                { return nil }
func (lazyFile) SyncData() error            { return nil }
func (lazyFile) SyncTo(int64) (bool, error) { return false, nil }

// Without a descriptor nobody allocates disk space ahead, which only pays where the
// size of the file is synced with every record.
func (lazyFile) Fd() uintptr { return vfs.InvalidFd }
