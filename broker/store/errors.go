package store

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked is in the error of Open when another process, or this one, has the directory open.
	ErrLocked = errors.New("in use")

	// ErrForeign is in the error of Open for a directory with files in it that no store has made.
	ErrForeign = errors.New("not empty, and not a store")

	// ErrClosed is what Close leaves behind for those who use the store after it.
	ErrClosed = errors.New("store: closed")
)

// A VersionError means that the directory was written by a later version of this package.
type VersionError struct {
	Dir   string
	Found int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("store: %s has format version %d, and this program knows %d: it was written by a newer one; nothing was changed", e.Dir, e.Found, formatVersion)
}

// A DamageError means that what the store wrote can not be read back: bits have changed, or
// files are missing or cut. Nothing was repaired. If only the end of the log is concerned,
// Options.AcceptLoss opens what is before it.
type DamageError struct {
	Dir string
	Err error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("store: %s is damaged: %v; restore it from a copy, or move it away to begin with nothing", e.Dir, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }

// A ScarceError means that the disk is nearly full. What is appended is stored all the same, as long as there is
// any room: the rest is for what cannot be refused. It passes when there is room again.
type ScarceError struct {
	Dir     string
	Free    uint64 // Bytes.
	MinFree uint64 // Bytes.
}

func (e *ScarceError) Error() string {
	return fmt.Sprintf("store: the disk of %s has %d bytes free, and keeps the last %d for what has been promised: make room", e.Dir, e.Free, e.MinFree)
}

// A LossError means that batches which had been reported as durable are gone from
// the end of the log. What is left is consistent: it is what batches 1 to Recovered did.
type LossError struct {
	Dir       string
	Reported  uint64 // The newest batch that was reported as durable.
	Recovered uint64 // The newest batch that is there.
}

func (e *LossError) Error() string {
	return fmt.Sprintf("store: %s has lost the last %d batches that it had reported as durable (%d to %d): its log was cut or damaged, or the machine went down under sync level os; open it with the loss accepted to go on without them",
		e.Dir, e.Reported-e.Recovered, e.Recovered+1, e.Reported)
}
