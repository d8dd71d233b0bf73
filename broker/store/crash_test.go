package store

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestKilled kills a process that writes, at random instants, again and again
// on one directory. What a batch does follows from its number, so after batches 1 to n
// the store has one right content. It must be that for an n that is not
// less than the last number the process got to report: nothing lost, no batch in part, none out of order.
//
// MQTTBENCH_KILLS sets the number of rounds.
func TestKilled(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	if n, err := strconv.Atoi(os.Getenv("MQTTBENCH_KILLS")); err == nil {
		rounds = n
	}
	for _, level := range []Sync{OS, Fsync} {
		t.Run(level.String(), func(t *testing.T) {
			t.Parallel()
			killRounds(t, level, rounds)
		})
	}
}

func killRounds(t *testing.T, level Sync, rounds int) {
	dir := t.TempDir()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	var m model
	ahead, tailed := uint64(0), 0
	for range rounds {
		after := time.Duration(random.IntN(150)) * time.Millisecond
		reported := writeAndKill(t, dir, level, after)
		s, err := Open(dir, small(level))
		if err != nil {
			t.Fatalf("after %d was reported: %v", reported, err)
		}
		r := s.Recovery()
		if r.Recovered < reported || r.Reported < reported || r.MachineDown {
			t.Fatalf("%d was reported; %+v", reported, r)
		}
		m.advance(r.Recovered)
		if diff := cmp.Diff(m.content, contents(t, s)); diff != "" {
			t.Fatalf("after batch %d: %s", r.Recovered, diff)
		}
		if r.Recovered > reported {
			tailed++
		}
		ahead = max(ahead, r.Recovered-reported)
		if random.IntN(3) == 0 {
			mustClose(t, s) // It was written to a table.
			continue
		}
		abandon(t, s)
	}
	t.Logf("%d batches survived; at most %d were there unreported, in %d rounds", m.n, ahead, tailed)
	if m.n == 0 {
		t.Error("nothing was ever written")
	}
}

// abandon closes without writing memory out: the next process finds a log only.
func abandon(t testing.TB, s *Store) {
	t.Helper()
	s.closing.Store(true)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.release()
}

// writeAndKill starts a process that writes, kills it after a while from its first report, and returns
// the last number that it has reported.
func writeAndKill(t *testing.T, dir string, level Sync, after time.Duration) (reported uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=write-"+level.String()+" "+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // Half a line was not said.
		}
		n, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64)
		if err != nil || n <= reported {
			t.Errorf("%d was followed by %q", reported, line)
		}
		if reported == 0 {
			kill.Reset(after)
		}
		reported = n
	}
	_ = cmd.Wait() // It was killed.
	kill.Stop()
	return reported
}

// writeUntilKilled appends from several goroutines, and prints what is durable.
func writeUntilKilled(dir string, level Sync) int {
	s, err := Open(dir, small(level))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.Subscribe(func(n uint64, err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
	})
	var mu sync.Mutex
	next := s.Durable() + 1
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var b Batch
			for {
				mu.Lock()
				b.Reset()
				deed(next).encode(&b)
				if n, pressure := s.Append(&b); n != next {
					fmt.Fprintf(os.Stderr, "number %d, want %d\n", n, next)
					os.Exit(1)
				} else if pressure || n%64 == 0 {
					time.Sleep(100 * time.Microsecond)
				}
				next++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return 0
}

// A deed is what the batch of a number does: it sets a few keys, some of which
// are set already, deletes one, and now and then a range.
type deed uint64

const deedKeys = 500

func (d deed) sets(visit func(key, value []byte)) {
	for i := range uint64(1 + d%4) {
		k := (uint64(d)*7 + i*131) % deedKeys
		value := binary.BigEndian.AppendUint64(nil, uint64(d)*10+i)
		for range d % 3 {
			value = append(value, value...)
		}
		value = binary.BigEndian.AppendUint32(value, crc32.ChecksumIEEE(value))
		visit(deedKey(k), value)
	}
}

func (d deed) deletes() []byte { return deedKey(uint64(d) * 13 % deedKeys) }

func (d deed) ranges() (from, to []byte) {
	if d%97 != 0 {
		return nil, nil
	}
	k := uint64(d) * 17 % deedKeys
	return deedKey(k), deedKey(k + 20)
}

func deedKey(k uint64) []byte { return fmt.Appendf(nil, "key %06d", k) }

func (d deed) encode(b *Batch) {
	if from, to := d.ranges(); from != nil {
		b.DeleteRange(from, to)
	}
	b.Delete(d.deletes())
	d.sets(b.Set)
}

// A model is what the store should have after n batches.
type model struct {
	n       uint64
	content map[string]string
}

func (m *model) advance(to uint64) {
	if m.content == nil {
		m.content = map[string]string{}
	}
	for m.n < to {
		m.n++
		d := deed(m.n)
		if from, end := d.ranges(); from != nil {
			for k := range m.content {
				if string(from) <= k && k < string(end) {
					delete(m.content, k)
				}
			}
		}
		delete(m.content, string(d.deletes()))
		d.sets(func(k, v []byte) { m.content[string(k)] = string(v) })
	}
}
