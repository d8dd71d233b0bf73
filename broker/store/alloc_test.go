//go:build !race

package store

import "testing"

// TestAppendDoesNotAllocate holds the committer, so that nothing else runs, with a
// group that has been filled before.
func TestAppendDoesNotAllocate(t *testing.T) {
	s := mustOpen(t, t.TempDir(), Options{Sync: OS})
	hold, held := make(chan struct{}), make(chan struct{})
	s.Subscribe(func(uint64, error) {
		held <- struct{}{}
		<-hold
	})
	var b Batch
	key, value := []byte("key"), make([]byte, 100)
	put := func() {
		b.Reset()
		b.Set(key, value)
		b.DeleteOnce(key)
		s.Append(&b)
	}
	put()
	<-held
	for range 4000 {
		put()
	}
	hold <- struct{}{} // The committer takes the 4000, writes them, and is held again.
	<-held
	for range 4000 { // Another group: the first is spare now.
		put()
	}
	hold <- struct{}{}
	<-held
	if n := testing.AllocsPerRun(3000, put); n != 0 {
		t.Errorf("%v allocations", n)
	}
	go func() {
		for range held {
		}
	}()
	close(hold)
	mustClose(t, s)
	close(held)
}
