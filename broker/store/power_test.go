package store

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
)

// TestPowerLoss pulls the plug of a machine whose file system is in memory and
// knows what was synced: of the rest, any part may reach the disk. With Fsync
// nothing that was reported is lost. With OS it may be, and then Open says so, or says that
// the log makes no sense, or that the machine went down; and what is there is consistent.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	rounds := 60
	if testing.Short() {
		rounds = 20
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	outcomes := map[string]int{}
	for range rounds {
		for _, level := range []Sync{OS, Fsync} {
			outcomes[level.String()+": "+pullThePlug(t, level, random)]++
		}
	}
	t.Log(outcomes)
	if outcomes["fsync: kept"] != rounds {
		t.Error("with fsync, something was lost")
	}
	if outcomes["os: loss"] == 0 {
		t.Error("with os, nothing was lost: the plug was not pulled")
	}
}

// pullThePlug says what became of what was reported.
func pullThePlug(t *testing.T, level Sync, random *rand.Rand) string {
	mem := vfs.NewCrashableMem()
	o := small(level)
	o.boot = func() string { return "first" }
	o.fs = mem
	s := mustOpen(t, "/data", o)
	var b Batch
	for n := range uint64(random.IntN(2000)) {
		b.Reset()
		deed(n + 1).encode(&b)
		s.Append(&b)
		if random.IntN(20) == 0 {
			mustFlush(t, s)
		}
	}
	mustFlush(t, s)
	reported := s.Durable()
	o.fs = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: random.IntN(101), RNG: random})
	mustClose(t, s)

	o.boot = func() string { return "second" }
	s, err := Open("/data", o)
	var loss *LossError
	var damage *DamageError
	switch {
	case errors.As(err, &loss):
		o.AcceptLoss = true
		s := mustOpen(t, "/data", o)
		defer mustClose(t, s)
		if r := s.Recovery(); !r.MachineDown || r.Lost == 0 {
			t.Errorf("%v: the loss was accepted, and then forgotten: %+v", level, r)
		}
		if diff := cmp.Diff(contentAfter(loss.Recovered), contents(t, s)); diff != "" {
			t.Errorf("%v, after %d: %s", level, loss.Recovered, diff)
		}
		return "loss"
	case errors.As(err, &damage):
		o.AcceptLoss = true
		s := mustOpen(t, "/data", o)
		defer mustClose(t, s)
		r := s.Recovery()
		if r.Cut == 0 || !r.MachineDown || reported-r.Recovered != r.Lost && r.Reported == reported {
			t.Errorf("%v: %d was reported, %+v", level, reported, r)
		}
		if diff := cmp.Diff(contentAfter(r.Recovered), contents(t, s)); diff != "" {
			t.Errorf("%v, after %d: %s", level, r.Recovered, diff)
		}
		return "damage"
	case err != nil:
		t.Fatal(err)
	}
	defer mustClose(t, s)
	found := s.Recovery().Recovered
	if diff := cmp.Diff(contentAfter(found), contents(t, s)); diff != "" {
		t.Errorf("%v, after %d: %s", level, found, diff)
	}
	if down := s.Recovery().MachineDown; down != (level == OS) || !s.Recovery().Unclean {
		t.Errorf("%v: %+v", level, s.Recovery())
	}
	if found < reported {
		return "loss with the mark" // Only MachineDown says so.
	}
	return "kept"
}
