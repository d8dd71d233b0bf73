package journal

import (
	"runtime"
	"testing"
	"time"

	"mqttbench/broker/session"
	"mqttbench/broker/store"
)

// BenchmarkRestart is the restart of a broker with a million messages of 128 bytes in the queues of
// a hundred sessions: from Open until all sessions are there.
func BenchmarkRestart(b *testing.B) {
	const sessions, each = 100, 10_000
	dir := b.TempDir()
	open := func() *store.Store {
		s, err := store.Open(dir, store.Options{Sync: store.OS})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	s := open()
	var batch store.Batch
	w := Writer{To: &batch}
	w.Reserve(sessions+1, 1)
	p := Promise{Message: Message{Topic: []byte("a/topic"), Payload: make([]byte, 128), QoS: 1}, QoS: 1}
	for i := range sessions * each {
		id := SessionID(1 + i%sessions)
		if i < sessions {
			w.PutSession(id, &Head{ClientID: []byte("client"), Expiry: NeverExpires, Since: 1})
		}
		w.Promise(id, Position(1+i/sessions), &p)
		if _, pressure := s.Append(&batch); pressure {
			time.Sleep(time.Millisecond)
		}
		batch.Reset()
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	for range b.N {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s := open()
		r := NewRecovery(session.Limits{}, wallNow, clockNow)
		if err := s.Scan(nil, r.Add); err != nil {
			b.Fatal(err)
		}
		out, err := r.Finish()
		if err != nil || len(out.Sessions) != sessions || out.Sessions[99].State.Queued() != each {
			b.Fatalf("%d sessions, %v", len(out.Sessions), err)
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(out)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "heap-MiB")
}
