package journal

import (
	"runtime"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// nothing is a batch that goes nowhere.
type nothing struct{ n int }

func (b *nothing) Set(k, v []byte)       { b.n += len(k) + len(v) }
func (b *nothing) Delete(k []byte)       { b.n += len(k) }
func (b *nothing) DeleteOnce(k []byte)   { b.n += len(k) }
func (b *nothing) DeletePrefix(k []byte) { b.n += len(k) }

// exchange is the life of a QoS 2 message: in, out, done, for one subscriber.
func exchange(w *Writer, at Position, p *Promise) {
	w.Receive(1, packet.ID(at))
	w.Promise(2, at, p)
	w.Send(2, at, packet.ID(at))
	w.Pubrec(2, at, packet.ID(at))
	w.Release(1, packet.ID(at))
	w.Done(2, at, Released)
}

func BenchmarkExchange(b *testing.B) {
	w := Writer{To: new(nothing)}
	p := Promise{Message: Message{Topic: []byte("a/topic"), Payload: make([]byte, 128), QoS: 2}, QoS: 2}
	b.ReportAllocs()
	for i := range b.N {
		exchange(&w, Position(1+i), &p)
	}
}

// BenchmarkRecover reads sessions with a hundred messages of 128 bytes each. An op is a message.
func BenchmarkRecover(b *testing.B) {
	const each = 100
	r := NewRecovery(session.Limits{}, wallNow, clockNow)
	p := Promise{Message: Message{Topic: []byte("a/topic"), Payload: make([]byte, 128), QoS: 1}, QoS: 1}
	value := appendPromise(nil, &p)
	reserve := make([]byte, 16)
	reserve[0], reserve[8] = 1, 1
	head := appendHead(nil, &Head{ClientID: []byte("client"), Expiry: NeverExpires})
	add := func(k, v []byte) {
		if err := r.Add(k, v); err != nil {
			b.Fatal(err)
		}
	}
	add([]byte{reserveKey}, reserve)
	var key []byte
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		s := SessionID(1 + i/each)
		if i%each == 0 {
			key = appendPartKey(key[:0], s, headPart)
			add(key, head)
		}
		key = appendPromiseKey(key[:0], s, Position(1+i%each), promised)
		add(key, value)
	}
	out, err := r.Finish()
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/float64(b.N), "heap-B/message")
	runtime.KeepAlive(out)
}
