package auth

import (
	"runtime"
	"sync/atomic"
	"testing"
)

// The queue is bounded by jobs and by bytes, nothing that was taken is lost, and Close waits.
func TestPool(t *testing.T) {
	p := NewPool(PoolOptions{Workers: 2, Jobs: 3, Bytes: 100})
	block := make(chan struct{})
	began := make(chan struct{}, 2)
	var done atomic.Int32
	busy := func() { began <- struct{}{}; <-block; done.Add(1) }
	for range 2 {
		if !p.Do(60, busy) {
			t.Fatal("no room in an empty queue")
		}
		<-began // Its 60 bytes are not in the queue any more.
	}
	quick := func() { done.Add(1) }
	for i, bytes := range []int{60, 40, 0} {
		if !p.Do(bytes, quick) {
			t.Errorf("job %d finds no room", i)
		}
	}
	if p.Do(0, quick) {
		t.Error("a fourth job is taken")
	}
	close(block)
	for done.Load() < 5 {
		runtime.Gosched()
	}
	if p.Waiting() != 0 || !p.Do(100, quick) {
		t.Error("it does not go on")
	}
	for done.Load() < 6 {
		runtime.Gosched()
	}
	if p.Do(101, quick) {
		t.Error("101 bytes find room in 100")
	}
	p.Close()
	if p.Do(0, quick) {
		t.Error("it takes a job after Close")
	}
}
