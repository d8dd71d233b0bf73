package topic

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
)

// The workload of all figures: five levels, site/S/dev/D/m; of the filters 80 % exact,
// 10 % with "+" for some of S, D and m, 10 % cut off by "#" at some level. All filters
// differ, and so do their subscribers. Topic Names are random, 65,536 of them, so that no
// cache helps. "hits/op" says how much a match finds.
type workload struct {
	sites, devices int
	rnd            *rand.Rand
	filters        []string
}

var metrics = []string{"temp", "hum", "volt", "state", "rssi", "fw", "up", "err", "lat", "lon"}

// newWorkload has n filters over a plant of about 1.5 n names.
func newWorkload(n int) *workload {
	w := &workload{devices: 100, rnd: rand.New(rand.NewPCG(1, uint64(n)))}
	w.sites = max(1, n*3/2/w.devices/len(metrics))
	known := make(map[string]bool, n)
	for len(w.filters) < n {
		// The kind first: if what is taken were drawn again as any kind, rare kinds would vanish.
		kind := w.rnd.IntN(10)
		f := w.filter(kind)
		for known[f] {
			f = w.filter(kind)
		}
		known[f] = true
		w.filters = append(w.filters, f)
	}
	return w
}

func (w *workload) levels() []string {
	return []string{"site", strconv.Itoa(w.rnd.IntN(w.sites)), "dev", strconv.Itoa(w.rnd.IntN(w.devices)), metrics[w.rnd.IntN(len(metrics))]}
}

func (w *workload) name() string { return join(w.levels()) }

func (w *workload) filter(kind int) string {
	levels := w.levels()
	switch kind {
	case 0:
		some := 1 + w.rnd.IntN(7)
		for i, level := range []int{1, 3, 4} {
			if some>>i&1 != 0 {
				levels[level] = "+"
			}
		}
	case 1:
		levels = append(levels[:w.rnd.IntN(5)], "#")
	}
	return join(levels)
}

func join(levels []string) string {
	b := levels[0]
	for _, l := range levels[1:] {
		b += "/" + l
	}
	return b
}

func (w *workload) names() [][]byte {
	names := make([][]byte, 65_536)
	for i := range names {
		names[i] = []byte(w.name())
	}
	return names
}

// fill returns a tree of all filters and what each of them costs in bytes of heap.
func (w *workload) fill() (*Tree, float64) {
	before := heap()
	t := NewTree()
	for i, f := range w.filters {
		t.Subscribe(f, Subscription{Subscriber: Subscriber(i + 1), QoS: 1})
	}
	return t, float64(heap()-before) / float64(t.Len())
}

// heap is the bytes of live heap.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

var sizes = []int{10_000, 100_000, 1_000_000}

func BenchmarkMatch(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("subs=%d", n), func(b *testing.B) {
			w := newWorkload(n)
			t, each := w.fill()
			names := w.names()
			var r Result
			hits := 0
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				t.Match(&r, names[i&(len(names)-1)])
				hits += len(r.Targets)
				i++
			}
			b.ReportMetric(each, "bytes/sub")
			b.ReportMetric(float64(hits)/float64(i), "hits/op")
		})
	}
}

// BenchmarkMatchParallel shows whether readers hold each other up: ns/op should fall as
// goroutines rise to the number of cores. The second half has a writer that never rests.
func BenchmarkMatchParallel(b *testing.B) {
	const n = 100_000
	w := newWorkload(n)
	t, _ := w.fill()
	names := w.names()
	for _, writing := range []bool{false, true} {
		for _, readers := range []int{1, 2, 4, 8} {
			b.Run(fmt.Sprintf("writing=%t/readers=%d", writing, readers), func(b *testing.B) {
				var stop atomic.Bool
				done := make(chan struct{})
				go func() {
					defer close(done)
					for i := 0; writing && !stop.Load(); i++ {
						filter := string(names[i&1023]) + "/x"
						t.Subscribe(filter, Subscription{Subscriber: 1})
						t.Unsubscribe(filter, 1)
					}
				}()
				matchParallel(b, t, names, readers)
				stop.Store(true)
				<-done
			})
		}
	}
}

func matchParallel(b *testing.B, t *Tree, names [][]byte, readers int) {
	b.ReportAllocs()
	done := make(chan struct{})
	for g := range readers {
		go func() {
			var r Result
			for i := g; i < b.N; i += readers {
				t.Match(&r, names[i*7919&(len(names)-1)])
			}
			done <- struct{}{}
		}()
	}
	for range readers {
		<-done
	}
}

// BenchmarkFanOut matches one filter of many subscribers, alone and where a second filter
// matches too, so that every subscriber is looked up.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		for _, overlap := range []bool{false, true} {
			b.Run(fmt.Sprintf("subs=%d/overlap=%t", n, overlap), func(b *testing.B) {
				t := NewTree()
				for i := range n {
					t.Subscribe("site/1/news", Subscription{Subscriber: Subscriber(i + 1)})
				}
				if overlap {
					t.Subscribe("site/#", Subscription{Subscriber: 17})
				}
				var r Result
				name := []byte("site/1/news")
				b.ReportAllocs()
				for b.Loop() {
					t.Match(&r, name)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/target")
			})
		}
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("subs=%d", n), func(b *testing.B) {
			w := newWorkload(n)
			t, _ := w.fill()
			i := 0
			b.ReportAllocs()
			for b.Loop() { // One leaves and comes back.
				at := i * 7919 % n
				filter, who := w.filters[at], Subscriber(at+1)
				t.Unsubscribe(filter, who)
				t.Subscribe(filter, Subscription{Subscriber: who})
				i++
			}
		})
	}
}

// BenchmarkSubscribeNew fills a tree: each operation is one subscription more.
func BenchmarkSubscribeNew(b *testing.B) {
	filters := newWorkload(1_000_000).filters
	t := NewTree()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i == len(filters) {
			t, i = NewTree(), 0
		}
		t.Subscribe(filters[i], Subscription{Subscriber: Subscriber(i + 1)})
		i++
	}
}

// BenchmarkHotList has one of 100,000 subscribers of one filter leave and come back.
func BenchmarkHotList(b *testing.B) {
	const n = 100_000
	t := NewTree()
	for i := range n {
		t.Subscribe("company/news", Subscription{Subscriber: Subscriber(i + 1)})
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		who := Subscriber(i*7919%n + 1)
		t.Unsubscribe("company/news", who)
		t.Subscribe("company/news", Subscription{Subscriber: who})
		i++
	}
}

// BenchmarkCurrent is what a kept Result costs instead of a Match.
func BenchmarkCurrent(b *testing.B) {
	t, _ := newWorkload(10_000).fill()
	var r Result
	t.Match(&r, []byte("site/1/dev/2/temp"))
	b.ReportAllocs()
	for b.Loop() {
		if !t.Current(&r) {
			b.Fatal("not current")
		}
	}
}
