package store

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Sync says what a durable batch survives.
type Sync uint8

const (
	Fsync Sync = iota // A loss of power: reported after fdatasync.
	OS                // kill -9, but no crash of the machine: reported after write(2).
)

func (s Sync) String() string {
	if s == OS {
		return "os"
	}
	return "fsync"
}

// ParseSync reads "os" or "fsync".
func ParseSync(s string) (Sync, error) {
	switch s {
	case "fsync":
		return Fsync, nil
	case "os":
		return OS, nil
	}
	return 0, fmt.Errorf("%q is no level of durability: use os or fsync", s)
}

// Options of a store. The zero value works.
type Options struct {
	Sync Sync

	// MaxWaiting is how many bytes may wait for the committer before Append
	// reports pressure. 0: 16 MiB. What is appended under pressure is taken all the same,
	// so the true limit is this and one batch for each caller.
	MaxWaiting int

	// MemTable is how many bytes are kept in memory, and in one file of the log, before they are
	// sorted and written out as a table. Up to four of them exist at a time.
	// 0: 32 MiB. Opening reads back as much as was not written out.
	MemTable int

	// AcceptLoss opens a store although batches that were reported as durable
	// are missing from the end of its log, or the log makes no sense from
	// somewhere on. Recovery says how many.
	AcceptLoss bool

	// MinFree is how many bytes of the disk are to stay free for what has been promised: while there are fewer, Scarce
	// says so. 0: 256 MiB, or a tenth of the file system if that is less; negative: as many as there are.
	MinFree int

	// Free is how many bytes of the disk are free, and how many it has; nil: the file system is asked.
	Free func() (free, total uint64, err error)

	// Logf is given what goes on inside that an operator may want to know; nil: nobody.
	Logf func(format string, args ...any)

	fs   vfs.FS        // For tests that break it; nil: the system's.
	boot func() string // For tests that pull the plug; nil: bootID.
}

const (
	defaultMaxWaiting = 16 << 20
	defaultMemTable   = 32 << 20
	defaultMinFree    = 256 << 20
	minMemTable       = 64 << 10
)

func (o Options) withDefaults() (Options, error) {
	var errs []error
	if o.Sync > OS {
		errs = append(errs, fmt.Errorf("no such level of durability: %d", o.Sync))
	}
	if o.MaxWaiting < 0 {
		errs = append(errs, fmt.Errorf("MaxWaiting is negative: %d", o.MaxWaiting))
	}
	if o.MemTable != 0 && o.MemTable < minMemTable {
		errs = append(errs, fmt.Errorf("MemTable is %d bytes, less than %d", o.MemTable, minMemTable))
	}
	if o.MaxWaiting == 0 {
		o.MaxWaiting = defaultMaxWaiting
	}
	if o.MemTable == 0 {
		o.MemTable = defaultMemTable
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	if o.boot == nil {
		o.boot = bootID
	}
	return o, errors.Join(errs...)
}
