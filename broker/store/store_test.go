package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/go-cmp/cmp"
)

func TestWhatIsAppendedIsFoundAgain(t *testing.T) {
	for _, level := range []Sync{OS, Fsync} {
		t.Run(level.String(), func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, Options{Sync: level})
			appendSet(s, "a/1", "x", "a/2", "y", "b/1", "z", "c\xff\xff", "end")
			var b Batch
			b.Delete([]byte("a/1"))
			b.Set([]byte("a/2"), nil)
			b.Set([]byte("a/1"), []byte("again")) // In the order of the calls.
			b.DeleteOnce([]byte("b/1"))
			if n, _ := s.Append(&b); n != 2 {
				t.Fatalf("number %d, want 2", n)
			}
			want := map[string]string{"a/1": "again", "a/2": "", "c\xff\xff": "end"}
			mustFlush(t, s)
			if diff := cmp.Diff(want, contents(t, s)); diff != "" {
				t.Errorf("before Close: %s", diff)
			}
			mustClose(t, s)

			s = mustOpen(t, dir, Options{Sync: level})
			defer mustClose(t, s)
			if diff := cmp.Diff(want, contents(t, s)); diff != "" {
				t.Errorf("after Close: %s", diff)
			}
			if r := s.Recovery(); r.Recovered != 2 || r.Reported != 2 || r.Lost != 0 || r.Unclean || r.MachineDown {
				t.Errorf("recovery %+v", r)
			}
			if n := appendSet(s, "d", ""); n != 3 {
				t.Errorf("the next number is %d, want 3", n)
			}
		})
	}
}

func TestRanges(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{Sync: OS})
	defer mustClose(t, s)
	for _, k := range []string{"a", "b", "b\x00", "ba", "b\xff", "b\xff\xff", "c", "\xff", "\xff\xff1"} {
		appendSet(s, k, k)
	}
	mustFlush(t, s)
	for prefix, want := range map[string][]string{
		"":      {"a", "b", "b\x00", "ba", "b\xff", "b\xff\xff", "c", "\xff", "\xff\xff1"},
		"b":     {"b", "b\x00", "ba", "b\xff", "b\xff\xff"},
		"b\xff": {"b\xff", "b\xff\xff"},
		"\xff":  {"\xff", "\xff\xff1"},
		"d":     nil,
	} {
		var got []string
		err := s.Scan([]byte(prefix), func(k, v []byte) error {
			got = append(got, string(k))
			if string(k) != string(v) {
				t.Errorf("key %q has value %q", k, v)
			}
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("scan of %q: %q, want %q, %v", prefix, got, want, err)
		}
	}
	stop := errors.New("enough")
	n := 0
	if err := s.Scan(nil, func(k, v []byte) error { n++; return stop }); err != stop || n != 1 {
		t.Errorf("a visit that ends the scan: %v after %d", err, n)
	}
	var b Batch
	b.DeletePrefix([]byte("b"))
	b.DeleteRange([]byte("z"), []byte("a")) // Nothing.
	s.Append(&b)
	mustFlush(t, s)
	want := map[string]string{"a": "a", "c": "c", "\xff": "\xff", "\xff\xff1": "\xff\xff1"}
	if diff := cmp.Diff(want, contents(t, s)); diff != "" {
		t.Error(diff)
	}
	v, ok, err := s.Get([]byte("value "), []byte("c"))
	if string(v) != "value c" || !ok || err != nil {
		t.Errorf("Get: %q, %v, %v", v, ok, err)
	}
	if _, ok, err := s.Get(nil, []byte("b")); ok || err != nil {
		t.Errorf("Get of what is deleted: %v, %v", ok, err)
	}
}

// TestBatchForm reads our encoding of changes with pebble's own reader.
func TestBatchForm(t *testing.T) {
	var b Batch
	long := string(make([]byte, 300))
	b.Set([]byte("k"), []byte(long))
	b.Delete([]byte(long[:130] + "d")[130:])
	b.DeleteOnce([]byte("once"))
	b.DeleteRange([]byte("from"), []byte("to"))
	g := new(group)
	g.reset()
	g.add(&b, 77)
	var p pebble.Batch
	if err := p.SetRepr(g.seal()); err != nil {
		t.Fatal(err)
	}
	var got []string
	r := p.Reader()
	for {
		kind, k, v, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		got = append(got, fmt.Sprintf("%s %q %q", kind, k, v))
	}
	want := []string{
		`SET "\x00n" "\x00\x00\x00\x00\x00\x00\x00M"`,
		fmt.Sprintf(`SET "k" %q`, long),
		`DEL "d" ""`,
		`SINGLEDEL "once" ""`,
		`RANGEDEL "from" "to"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if int(p.Count()) != len(want) || b.Count() != len(want)-1 {
		t.Errorf("counts: %d in the group, %d in the batch", p.Count(), b.Count())
	}
}

func TestKeysOfTheStoreArePrivate(t *testing.T) {
	for _, key := range []string{"", "\x00n"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("key %q was taken", key)
				}
			}()
			new(Batch).Set([]byte(key), nil)
		}()
	}
}

// TestReportsAreInOrder appends from many goroutines. Every subscriber must see
// numbers that only grow, each goroutine's own numbers must grow, and none may be given twice.
func TestReportsAreInOrder(t *testing.T) {
	s := mustOpen(t, t.TempDir(), small(OS))
	var seen []uint64
	cancel := s.Subscribe(func(n uint64, err error) {
		if err != nil {
			t.Error(err)
		}
		if n != s.Durable() {
			t.Errorf("told %d, Durable says %d", n, s.Durable())
		}
		seen = append(seen, n)
	})
	const writers, each = 8, 500
	given := make([][]uint64, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			var b Batch
			for i := range each {
				b.Reset()
				b.Set(fmt.Appendf(nil, "%d/%d", w, i), []byte("v"))
				n, _ := s.Append(&b)
				given[w] = append(given[w], n)
			}
		})
	}
	wg.Wait()
	mustFlush(t, s)
	cancel()
	if !slices.IsSorted(seen) || seen[len(seen)-1] != writers*each {
		t.Errorf("told %d", seen)
	}
	if len(slices.Compact(seen)) != len(seen) {
		t.Errorf("told the same twice: %d", seen)
	}
	var all []uint64
	for _, numbers := range given {
		if !slices.IsSorted(numbers) {
			t.Errorf("one goroutine's numbers: %d", numbers)
		}
		all = append(all, numbers...)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) != writers*each || all[0] != 1 {
		t.Errorf("%d numbers, from %d", len(all), all[0])
	}
	if st := s.Stats(); st.Batches != writers*each || st.Waiting != 0 || st.Groups != uint64(len(seen)) {
		t.Errorf("stats %+v after %d reports", st, len(seen))
	}
	mustClose(t, s)
}

// TestPressure holds the committer up in a subscriber, and fills what may wait.
func TestPressure(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{Sync: OS, MaxWaiting: 10_000})
	hold, held := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.Subscribe(func(uint64, error) {
		once.Do(func() {
			close(held)
			<-hold
		})
	})
	appendSet(s, "first", "")
	<-held
	var b Batch
	b.Set([]byte("k"), make([]byte, 1000))
	n := 0
	for pressure := false; !pressure; n++ {
		if _, pressure = s.Append(&b); n > 20 {
			t.Fatal("no pressure")
		}
	}
	if n != 10 {
		t.Errorf("pressure with batch %d of 1000 bytes and a little more, limit 10000", n)
	}
	last, pressure := s.Append(&b)
	if !pressure || !s.Pressure() {
		t.Error("no pressure")
	}
	close(hold)
	mustFlush(t, s)
	if s.Pressure() || s.Durable() != last {
		t.Errorf("pressure %v, durable %d of %d", s.Pressure(), s.Durable(), last)
	}
	mustClose(t, s)
}

func TestClose(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{})
	var told uint64
	s.Subscribe(func(n uint64, err error) {
		if err != nil {
			t.Error(err)
		}
		told = n
	})
	for i := range 1000 {
		appendSet(s, fmt.Sprint("k", i), "")
	}
	mustClose(t, s)
	if told != 1000 {
		t.Errorf("told %d of 1000 when Close had returned", told)
	}
	mustClose(t, s) // Again: nothing.
	if _, pressure := s.Append(new(Batch)); !pressure {
		t.Error("a closed store takes batches")
	}
	if err := s.Flush(context.Background()); !errors.Is(err, ErrClosed) {
		t.Errorf("Flush after Close: %v", err)
	}
	if err := s.Scan(nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Scan after Close: %v", err)
	}
	s = mustOpen(t, dir, Options{})
	defer mustClose(t, s)
	if n := len(contents(t, s)); n != 1000 {
		t.Errorf("%d keys of 1000", n)
	}
}

// TestLargeBatch takes one that pebble keeps in place of a memtable, so its bytes must not be written over.
func TestLargeBatch(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, Options{Sync: OS, MemTable: 1 << 20})
	want := map[string]string{}
	for i := range 20 {
		value := string(slices.Repeat([]byte{byte('a' + i)}, []int{3 << 20, 700_000, 50_000}[i%3]))
		key := fmt.Sprintf("k%02d", i)
		want[key] = value
		appendSet(s, key, value)
		if i%2 == 0 {
			mustFlush(t, s)
		}
	}
	mustFlush(t, s)
	if !cmp.Equal(want, contents(t, s)) {
		t.Error("values differ while open")
	}
	mustClose(t, s)
	s = mustOpen(t, dir, Options{Sync: OS, MemTable: 1 << 20})
	defer mustClose(t, s)
	if !cmp.Equal(want, contents(t, s)) {
		t.Error("values differ after Close")
	}
}

func TestFlushGivesUp(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{Sync: OS})
	hold := make(chan struct{})
	cancel := s.Subscribe(func(uint64, error) { <-hold })
	appendSet(s, "a", "")
	appendSet(s, "b", "")
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	go func() {
		<-ctx.Done()
		close(hold)
	}()
	_ = s.Flush(ctx) // Either way, but it returns.
	cancel()
	mustClose(t, s)
}

func TestOptions(t *testing.T) {
	_, err := Open(t.TempDir(), Options{Sync: 9, MaxWaiting: -1, MemTable: 5})
	if err == nil || len(err.Error()) < 100 {
		t.Errorf("three contradictions: %v", err)
	}
	for _, level := range []Sync{OS, Fsync} {
		if got, err := ParseSync(level.String()); got != level || err != nil {
			t.Errorf("%v read as %v, %v", level, got, err)
		}
	}
	if _, err := ParseSync("sometimes"); err == nil {
		t.Error("no error")
	}
}
