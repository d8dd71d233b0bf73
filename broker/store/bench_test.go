//go:build unix

package store

import (
	"encoding/binary"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCommit measures what a broker asks for: a batch is a message that comes (its 128
// bytes, and an entry in a queue) and one that was acknowledged and goes. An op is a
// batch. A producer appends until so many of its batches are in flight, and
// then waits to be told.
func BenchmarkCommit(b *testing.B) {
	for _, level := range []Sync{OS, Fsync} {
		for _, c := range []struct{ producers, window int }{{1, 1}, {1, 64}, {2, 2048}, {64, 64}} {
			b.Run(fmt.Sprintf("%v/%dx%d", level, c.producers, c.window), func(b *testing.B) {
				benchmarkCommit(b, level, c.producers, c.window)
			})
		}
	}
}

func benchmarkCommit(b *testing.B, level Sync, producers, window int) {
	s := mustOpen(b, b.TempDir(), Options{Sync: level})
	var mu sync.Mutex
	told := sync.NewCond(&mu)
	s.Subscribe(func(uint64, error) {
		mu.Lock()
		told.Broadcast()
		mu.Unlock()
	})
	wait := func(number uint64) {
		mu.Lock()
		for s.Durable() < number {
			told.Wait()
		}
		mu.Unlock()
	}
	b.ReportAllocs()
	b.ResetTimer()
	cpu, start := cpuTime(), time.Now()
	var wg sync.WaitGroup
	for p := range producers {
		n := b.N / producers
		if p < b.N%producers {
			n++
		}
		wg.Go(func() { produce(s, byte(1+p), n, window, wait) })
	}
	wg.Wait()
	mustFlush(b, s)
	took := time.Since(start)
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/op")
	b.ReportMetric(float64(b.N)/took.Seconds(), "batches/s")
	b.ReportMetric(float64(b.N)/float64(s.Stats().Groups), "batches/group")
	mustClose(b, s)
}

// produce lets a message live for as long as 1000 others take.
func produce(s *Store, who byte, n, window int, wait func(number uint64)) {
	const lives = 1000
	var b Batch
	inFlight := make([]uint64, window)
	payload := make([]byte, 128)
	message := []byte{who, 'm', 0, 0, 0, 0, 0, 0, 0, 0}
	entry := []byte{who, 'q', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	for i := range n {
		b.Reset()
		binary.BigEndian.PutUint64(message[2:], uint64(i))
		binary.BigEndian.PutUint64(entry[6:], uint64(i))
		b.Set(message, payload)
		b.Set(entry, message[2:])
		if i >= lives {
			binary.BigEndian.PutUint64(message[2:], uint64(i-lives))
			binary.BigEndian.PutUint64(entry[6:], uint64(i-lives))
			b.DeleteOnce(message)
			b.DeleteOnce(entry)
		}
		wait(inFlight[i%window])
		inFlight[i%window], _ = s.Append(&b)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend is what a loop pays: encoding one message and its entry, and handing them over.
func BenchmarkAppend(b *testing.B) {
	s := mustOpen(b, b.TempDir(), Options{Sync: OS, MaxWaiting: 1 << 30})
	var batch Batch
	payload := make([]byte, 128)
	key := []byte("m12345678")
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		batch.Reset()
		binary.BigEndian.PutUint64(key[1:], uint64(i))
		batch.Set(key, payload)
		batch.Set(key[:8], key)
		s.Append(&batch)
	}
	b.StopTimer()
	mustClose(b, s)
}

// BenchmarkRestart opens and reads a store with a million messages of 128 bytes, each waiting in one
// queue, after kill -9: the last 32 MiB are in the log only.
func BenchmarkRestart(b *testing.B) {
	const messages = 1_000_000
	dir := b.TempDir()
	s := mustOpen(b, dir, Options{Sync: OS})
	var batch Batch
	payload := make([]byte, 128)
	key := []byte("?12345678")
	for i := range messages {
		batch.Reset()
		binary.BigEndian.PutUint64(key[1:], uint64(i))
		key[0] = 'm'
		batch.Set(key, payload)
		key[0] = 'q'
		batch.Set(key, key[1:])
		if _, pressure := s.Append(&batch); pressure {
			mustFlush(b, s)
		}
	}
	mustFlush(b, s)
	abandon(b, s)
	var open, scan time.Duration
	b.ResetTimer()
	for range b.N {
		start := time.Now()
		s, keys := mustOpen(b, dir, Options{Sync: OS}), 0
		open += time.Since(start)
		if err := s.Scan(nil, func(k, v []byte) error { keys++; return nil }); err != nil || keys != 2*messages {
			b.Fatalf("%d keys, %v", keys, err)
		}
		scan += time.Since(start)
		abandon(b, s)
	}
	b.ReportMetric(open.Seconds()/float64(b.N)*1e3, "ms-open")
	b.ReportMetric(scan.Seconds()/float64(b.N)*1e3, "ms-read")
}
