package store

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestKilledWhileCreating kills a process at any instant of its first Open: what it
// leaves can always be opened.
func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	rounds := 15
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		dir := filepath.Join(t.TempDir(), "new")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleEnv+"=write-fsync "+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for { // The interesting part begins with the directory.
			if _, err := os.Stat(dir); err == nil {
				break
			}
			time.Sleep(50 * time.Microsecond)
		}
		time.Sleep(time.Duration(rand.IntN(12_000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		s := mustOpen(t, dir, Options{})
		if diff := cmp.Diff(contentAfter(s.Recovery().Recovered), contents(t, s)); diff != "" {
			t.Error(diff)
		}
		mustClose(t, s)
	}
}
