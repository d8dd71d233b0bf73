//go:build unix

package client

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// BenchmarkPublish is the cost of a publish in this process, kernel included, against mosquitto: 1000 clients
// on one loop. "lone": each message is written, and each acknowledgement read, on its own (one message in
// flight for each client; paced, so that the broker's turn does not end with many). "window": 20 in flight.
func BenchmarkPublish(b *testing.B) {
	for _, w := range []int{1, 20} {
		for q := range packet.QoS(3) {
			b.Run(fmt.Sprintf("window=%d/qos=%d", w, q), func(b *testing.B) { benchmarkPublish(b, w, q) })
		}
	}
}

func benchmarkPublish(b *testing.B, window int, q packet.QoS) {
	const clients = 1000
	e := newEngine(b, NativeOptions{})
	g := e.Groups()[0]
	url := mosquitto(b)
	idle := memory()
	left, connected, acked := 0, 0, 0
	var cs []Client
	done, ready := make(chan struct{}), make(chan struct{})
	m := Message{Topic: "bench/topic", Payload: make([]byte, 16), QoS: q}
	for i := range clients {
		r := &recorder{quiet: true}
		c := g.New(Options{URL: url, ClientID: fmt.Sprint("b", i), Window: window, CleanStart: true}, r)
		cs = append(cs, c)
		r.onConnected = func(bool) {
			if connected++; connected == clients {
				close(ready)
			}
		}
		r.onAcked = func(uint64) {
			if acked++; acked == b.N {
				close(done)
			} else if left > 0 {
				left--
				c.Publish(&m)
			}
		}
	}
	on(b, g, func() {
		for _, c := range cs {
			c.Connect()
		}
	})
	<-ready
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	if q == 0 {
		benchmarkQoS0(g, cs, b.N, window, &m, done)
	} else {
		on(b, g, func() {
			left = b.N
			for range window {
				for _, c := range cs {
					if left > 0 {
						left--
						c.Publish(&m)
					}
				}
			}
		})
	}
	<-done
	spent := cpu() - before
	b.StopTimer()
	b.ReportMetric((float64(memory())-float64(idle))/clients, "B/active")
	b.ReportMetric(float64(spent.Nanoseconds())/1e3/float64(b.N), "cpu-µs/publish")
}

// benchmarkQoS0 publishes burst messages on each client a turn, while the broker keeps up.
func benchmarkQoS0(g Group, cs []Client, n, burst int, m *Message, done chan struct{}) {
	at := 0
	g.Post(func() {
		g.SetTimer(func(now int64) int64 {
			for range min(len(cs), (n+burst-1)/burst) {
				c := cs[at%len(cs)]
				at++
				if c.Pending() > 0 {
					continue
				}
				for range min(burst, n) {
					if c.Publish(m) {
						n--
					}
				}
				if n == 0 {
					close(done)
					return math.MaxInt64
				}
			}
			return now
		})
	})
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIdle is the memory of a connected client that does nothing: heap, stacks and what the runtime
// needs for them.
func BenchmarkIdle(b *testing.B) {
	e := newEngine(b, NativeOptions{})
	g := e.Groups()[0]
	url := mosquitto(b)
	const clients = 5000
	connected, ready := 0, make(chan struct{})
	before := memory()
	debug.FreeOSMemory()
	resting := resident()
	var cs []Client
	on(b, g, func() {
		for i := range clients {
			r := &recorder{quiet: true}
			r.onConnected = func(bool) {
				if connected++; connected == clients {
					close(ready)
				}
			}
			c := g.New(Options{URL: url, ClientID: fmt.Sprint("idle", i), CleanStart: true}, r)
			cs = append(cs, c)
		}
	})
	mine := memory()
	on(b, g, func() {
		for _, c := range cs {
			c.Connect()
		}
	})
	<-ready
	after := memory()
	debug.FreeOSMemory()
	b.ReportMetric(float64(resident()-resting)/clients, "B-RSS/client")
	b.ReportMetric(float64(mine-before)/clients, "B/offline-client+observer")
	b.ReportMetric(float64(after-mine)/clients, "B/connection")
	runtime.KeepAlive(cs)
	for range b.N {
	}
}

// resident is the resident set of the process, bytes; 0 where there is no /proc.
func resident() int {
	b, _ := os.ReadFile("/proc/self/statm")
	var size, pages int
	fmt.Sscan(string(b), &size, &pages)
	return pages * os.Getpagesize()
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
