package topic

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// collect returns what the filter finds, and fails if a name comes twice.
func collect(t *testing.T, s *Retained[int], filter string) map[string]int {
	t.Helper()
	found := map[string]int{}
	for name, v := range s.Match(filter) {
		if _, twice := found[name]; twice {
			t.Errorf("%q finds %q twice", filter, name)
		}
		found[name] = v
	}
	return found
}

// TestRetainedAgainstMap compares the store with a map under random operations, with
// names deeper than the index too.
func TestRetainedAgainstMap(t *testing.T) {
	for _, levels := range []int{3, maxLevels + 4} {
		rnd := source(t)
		s, want := NewRetained[int](), map[string]int{}
		for step := range 6000 {
			name := randomName(rnd, levels)
			old, had := want[name]
			if rnd.IntN(3) > 0 {
				want[name] = step
				if got, existed := s.Set(name, step); got != old || existed != had {
					t.Fatalf("Set(%q) = %d, %t, want %d, %t", name, got, existed, old, had)
				}
			} else {
				delete(want, name)
				if got, existed := s.Delete(name); got != old || existed != had {
					t.Fatalf("Delete(%q) = %d, %t, want %d, %t", name, got, existed, old, had)
				}
			}
			if step%20 == 0 {
				_, filter := Shared(randomFilter(rnd, levels))
				found := collect(t, s, filter)
				expected := maps.Clone(want)
				maps.DeleteFunc(expected, func(name string, _ int) bool { return !Matches(filter, name) })
				if !maps.Equal(found, expected) {
					t.Fatalf("%q finds %v, want %v", filter, found, expected)
				}
			}
		}
		if s.Len() != len(want) {
			t.Errorf("Len() = %d, want %d", s.Len(), len(want))
		}
		for name, v := range want {
			if got, ok := s.Get(name); !ok || got != v {
				t.Errorf("Get(%q) = %d, %t", name, got, ok)
			}
			s.Delete(name)
		}
		checkNothingRetained(t, s)
	}
}

func checkNothingRetained(t *testing.T, s *Retained[int]) {
	t.Helper()
	if s.Len() != 0 {
		t.Errorf("Len() = %d after everything was deleted", s.Len())
	}
	for i := range s.shards {
		if sh := &s.shards[i]; sh.names != nil || sh.root.kids != nil {
			t.Errorf("shard %d keeps %d names and %d levels", i, len(sh.names), len(sh.root.kids))
		}
	}
}

// TestRetainedDeepFilters has filters that end before, at and behind the end of the index.
func TestRetainedDeepFilters(t *testing.T) {
	s := NewRetained[int]()
	deep := func(n int) string { return strings.Repeat("a/", n-1) + "a" }
	for n := range maxLevels + 5 {
		s.Set(deep(n+1), n+1)
	}
	for n := 1; n < maxLevels+5; n++ {
		if got := collect(t, s, strings.Repeat("+/", n-1)+"+"); len(got) != 1 || got[deep(n)] != n {
			t.Errorf("%d levels of +: %v", n, got)
		}
		if got := collect(t, s, deep(n)+"/#"); len(got) != maxLevels+5-n+1 {
			t.Errorf("%d levels and #: %d names, want %d", n, len(got), maxLevels+5-n+1)
		}
		if got := collect(t, s, deep(n)+"/+"); len(got) != 1 || got[deep(n+1)] != n+1 {
			t.Errorf("%d levels and +: %v", n, got)
		}
	}
	// A name of many levels is not many nodes.
	s.Set(strings.Repeat("/", 65535), 1)
	if got := collect(t, s, "/#"); len(got) != 1 {
		t.Errorf("/# finds %d names", len(got))
	}
}

// TestRetainedMatchMayChange changes the store from inside a Match: what is deleted comes
// no more, what stays comes once, and nothing waits for itself.
func TestRetainedMatchMayChange(t *testing.T) {
	s := NewRetained[int]()
	for i := range 1000 {
		s.Set(fmt.Sprintf("site/%d/temp", i), i)
	}
	came := map[string]bool{}
	for name := range s.Match("site/+/temp") {
		if came[name] {
			t.Errorf("%q comes twice", name)
		}
		if _, ok := s.Get(name); !ok {
			t.Errorf("%q comes after it was deleted", name)
		}
		came[name] = true
		s.Delete(name)
		s.Delete(fmt.Sprintf("site/%d/temp", len(came)*7%1000))
		s.Set(fmt.Sprintf("other/%d", len(came)), 0)
	}
	if got := collect(t, s, "site/#"); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	n := 0
	for range s.Match("#") {
		if n++; n == 3 {
			break
		}
	}
	s.Set("x", 1) // No lock is left behind.
}

// TestRetainedSurvivesPanic: one who panics inside a Match leaves no lock behind.
func TestRetainedSurvivesPanic(t *testing.T) {
	s := NewRetained[int]()
	s.Set("a/b/c", 1)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		for range s.Match("a/b/+") {
			panic("from inside")
		}
	}()
	s.Set("a/b/c", 2)
	if v, _ := s.Get("a/b/c"); v != 2 {
		t.Errorf("Get = %d", v)
	}
}

// TestRetainedConcurrent matches while names come and go: what stays is found once.
func TestRetainedConcurrent(t *testing.T) {
	s := NewRetained[int]()
	for i := range 200 {
		s.Set(fmt.Sprintf("stay/%d/%d", i%5, i), i)
	}
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			for i := range 4000 {
				name := fmt.Sprintf("stay/%d/x/%d", i%5, g*10_000+i%50)
				s.Set(name, -1)
				s.Delete(name)
			}
		})
		wg.Go(func() {
			for range 60 {
				stay := 0
				for name := range collect(t, s, []string{"stay/#", "+/+/#"}[g]) {
					if !strings.Contains(name, "x") {
						stay++
					}
				}
				if stay != 200 {
					t.Errorf("found %d of the 200 that stay", stay)
				}
				if n := len(slices.Collect(maps.Keys(collect(t, s, "stay/2/+")))); n != 40 {
					t.Errorf("stay/2/+ finds %d, want 40", n)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkRetainedMatch finds ten of n names by a filter with two literal levels.
func BenchmarkRetainedMatch(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			s := NewRetained[int]()
			for i := range n {
				s.Set(fmt.Sprintf("site/%d/dev/%d", i/10, i%10), i)
			}
			b.ReportAllocs()
			for b.Loop() {
				found := 0
				for range s.Match("site/7/#") {
					found++
				}
				if found != 10 {
					b.Fatal(found)
				}
			}
		})
	}
}

func BenchmarkRetainedSet(b *testing.B) {
	s := NewRetained[int]()
	names := make([]string, 65_536)
	for i := range names {
		names[i] = fmt.Sprintf("site/%d/dev/%d/temp", i/100, i%100)
		s.Set(names[i], i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		s.Set(names[i%len(names)], i)
		i++
	}
}
