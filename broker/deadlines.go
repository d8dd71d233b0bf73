package broker

import (
	"container/heap"
	"sync"
)

// deadlines says which offline clients are to be looked at, and when: because
// their session expires, or because their will is due. Only clients with such a
// date are in it, so most offline sessions cost nothing here.
type deadlines struct {
	mu   sync.Mutex
	heap deadlineHeap // Guarded by mu.
}

// set has cl looked at, at due (ns); an earlier date is replaced.
func (d *deadlines) set(cl *client, due int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	cl.due = due
	if cl.heapAt == 0 {
		heap.Push(&d.heap, cl)
	} else {
		heap.Fix(&d.heap, int(cl.heapAt)-1)
	}
}

func (d *deadlines) clear(cl *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if cl.heapAt != 0 {
		heap.Remove(&d.heap, int(cl.heapAt)-1)
	}
}

// next takes out one client that is due at now; nil: there is none.
func (d *deadlines) next(now int64) *client {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.heap) == 0 || d.heap[0].due > now {
		return nil
	}
	return heap.Pop(&d.heap).(*client)
}

// A deadlineHeap is ordered by due. Each client knows its place, so that one that
// comes back can be taken out at once instead of being kept alive until its date.
type deadlineHeap []*client

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h deadlineHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapAt, h[j].heapAt = int32(i+1), int32(j+1)
}

func (h *deadlineHeap) Push(x any) {
	cl := x.(*client)
	*h = append(*h, cl)
	cl.heapAt = int32(len(*h))
}

func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	cl := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	cl.heapAt = 0
	return cl
}
