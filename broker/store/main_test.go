package store

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or, when a test has started this binary once more to
// have a process it can kill, that process's part.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

const roleEnv = "MQTTBENCH_STORE_ROLE"

// play returns an exit status.
func play(role string) int {
	kind, dir, _ := strings.Cut(role, " ")
	switch kind {
	case "write-os":
		return writeUntilKilled(dir, OS)
	case "write-fsync":
		return writeUntilKilled(dir, Fsync)
	case "hold":
		return holdLock(dir)
	case "fail":
		name, dir, _ := strings.Cut(dir, " ")
		return failOn(name, dir)
	}
	return 2
}

// small makes what happens rarely, happen often: memory is written out every hundred
// groups, and the log files are used again.
func small(s Sync) Options { return Options{Sync: s, MemTable: 128 << 10} }

// scratch is a directory for a test to which it does not matter how slow the disk is: in memory, where there is such a
// place. What a killed process has written is there as well.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mqttbench-store-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func mustOpen(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustFlush(t testing.TB, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

// contents is everything in the store.
func contents(t testing.TB, s *Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	if err := s.Scan(nil, func(k, v []byte) error {
		all[string(k)] = string(v)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func appendSet(s *Store, kv ...string) uint64 {
	var b Batch
	for i := 0; i < len(kv); i += 2 {
		b.Set([]byte(kv[i]), []byte(kv[i+1]))
	}
	n, _ := s.Append(&b)
	return n
}
