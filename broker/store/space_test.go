package store

import (
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"
)

// TestScarce has a disk fill and empty under a store.
func TestScarce(t *testing.T) {
	const mib = 1 << 20
	var free atomic.Uint64
	free.Store(300 * mib)
	s := mustOpen(t, t.TempDir(), Options{Sync: OS, Free: func() (uint64, uint64, error) { return free.Load(), 10000 * mib, nil }})
	defer mustClose(t, s)
	await := func(scarce bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); (s.Scarce() != nil) != scarce; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("with %d MiB free: %v", free.Load()/mib, s.Scarce())
			}
		}
	}
	if err := s.Scarce(); err != nil {
		t.Fatal(err)
	}
	free.Store(255 * mib)
	await(true)
	var e *ScarceError
	if err := s.Scarce(); !errors.As(err, &e) || e.Free != 255*mib || e.MinFree != 256*mib {
		t.Errorf("%v", err)
	}
	appendSet(s, "k", "v")
	mustFlush(t, s) // It is stored all the same.
	free.Store(270 * mib)
	s.measure()
	await(true) // A little room is not room enough.
	free.Store(290 * mib)
	await(false)
}

func TestMinFree(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		minFree int
		free    uint64
		total   uint64
		scarce  bool
	}{
		{0, 99, 1000, true}, // A tenth of a small disk.
		{0, 100, 1000, false},
		{0, 255 << 20, 1 << 40, true},
		{0, 256 << 20, 1 << 40, false},
		{50, 49, 1000, true},
		{50, 50, 1000, false},
		{-1, 0, 1000, false},
	} {
		s := mustOpen(t, dir, Options{Sync: OS, MinFree: c.minFree, Free: func() (uint64, uint64, error) { return c.free, c.total, nil }})
		if err := s.Scarce(); (err != nil) != c.scarce {
			t.Errorf("%+v: %v", c, err)
		}
		mustClose(t, s)
	}
	s := mustOpen(t, dir, Options{MinFree: math.MaxInt}) // More than any disk has.
	defer mustClose(t, s)
	if s.Scarce() == nil {
		t.Error("the file system was not asked")
	}
}

// TestDiskIsWatched has the committer look at the disk the more often the more it writes: the watchman alone would
// need a minute for as many looks.
func TestDiskIsWatched(t *testing.T) {
	var looks atomic.Int64
	s := mustOpen(t, scratch(t), Options{Sync: OS, MinFree: 1 << 20, Free: func() (uint64, uint64, error) {
		looks.Add(1)
		return 1 << 40, 1 << 40, nil
	}})
	defer mustClose(t, s)
	const writes = 300
	for range writes {
		appendSet(s, "k", string(make([]byte, 64<<10)))
		mustFlush(t, s)
	}
	if n := looks.Load(); n < writes {
		t.Errorf("%d looks for %d writes of 64 KiB", n, writes)
	}
}
