package broker

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/store"
)

// BenchmarkDurable is what a broker with a data directory acknowledges. An op is a message that has been published,
// stored, acknowledged, and taken by a subscriber whose session is kept. 64x64 are 64 publishers with 64 messages in
// flight each. The broker is a process of its own, and the clients share the machine with it:
//
//	go test ./broker -run '^$' -bench 'BenchmarkDurable$' -benchtime 5s
func BenchmarkDurable(b *testing.B) {
	for _, level := range []store.Sync{store.OS, store.Fsync} {
		for _, qos := range []packet.QoS{1, 2} {
			for _, n := range []struct{ publishers, window int }{{1, 1}, {1, 64}, {64, 1}, {64, 64}} {
				b.Run(fmt.Sprintf("%v/qos=%d/%dx%d", level, qos, n.publishers, n.window), func(b *testing.B) {
					v := newVictim(b, level, "epoll")
					v.start()
					defer v.kill()
					exchangeAll(b, v.url, qos, n.publishers, n.window)
					b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acked/s")
				})
			}
		}
	}
}

// BenchmarkRestart is a broker that comes back to b.N queued messages of 64 bytes, of QoS 1, in the sessions of a hundred clients that
// are away. An op is a message; ready-ms is from the start of the process after kill -9 until it listens, and
// rss-MB is the memory it holds then:
//
//	go test ./broker -run '^$' -bench 'BenchmarkRestart$' -benchtime 1000000x
func BenchmarkRestart(b *testing.B) {
	const sessions = 100
	v := newVictim(b, store.OS, "epoll")
	v.start()
	share := b.N/sessions + 1
	var all sync.WaitGroup
	for i := range sessions {
		topic := fmt.Sprint("t/", i)
		open(b, v.url, "sub"+topic, 1, topic).conn.Close()
	}
	for i := range sessions / 10 {
		w := open(b, v.url, fmt.Sprint("pub", i), 1, "")
		all.Go(func() {
			for j := range 10 {
				w.publishAll(b, fmt.Sprint("t/", 10*i+j), share, 64, 1)
			}
		})
	}
	all.Wait()
	v.kill()
	v.restart = 0
	b.ResetTimer()
	v.start()
	b.StopTimer()
	b.ReportMetric(float64(v.restart.Milliseconds()), "ready-ms")
	c := childBroker{pid: v.cmd.Process.Pid}
	b.ReportMetric(float64(c.rss(b))/1e6, "rss-MB")
	v.kill()
}

// BenchmarkSideBySide is QoS 0 through a broker with a data directory, for which nothing is stored: what do
// loops cost each other? lock-ns is how long all goroutines of the process together have waited for a lock, for each message.
func BenchmarkSideBySide(b *testing.B) {
	for _, dir := range []bool{false, true} {
		for _, loops := range []int{1, 2} {
			b.Run(fmt.Sprintf("durable=%v/loops=%d", dir, loops), func(b *testing.B) {
				o := Options{Loops: loops, Outbox: 1 << 30} // Nothing is to be dropped.
				if dir {
					o.DataDir, o.Sync = b.TempDir(), store.OS
				}
				s := startBroker(b, o)
				before := lockWait()
				stream(b, s.Addrs()[0], 4)
				b.ReportMetric((lockWait()-before)*1e9/float64(b.N), "lock-ns/op")
			})
		}
	}
}

func lockWait() float64 {
	m := []metrics.Sample{{Name: "/sync/mutex/wait/total:seconds"}}
	metrics.Read(m)
	return m[0].Value.Float64()
}

// stream has pairs of clients send b.N messages of QoS 0, in packets of 4 KiB, and waits until they have come.
func stream(b *testing.B, url string, pairs int) {
	var all sync.WaitGroup
	share := b.N/pairs + 1
	out := make([]*wire, pairs)
	for i := range pairs {
		topic := fmt.Sprint("t/", i)
		in := open(b, url, "in"+topic, 0, topic)
		out[i] = open(b, url, "out"+topic, 0, "")
		all.Go(func() {
			for n := 0; n < share; {
				got := len(in.frames(b))
				if n += got; got == 0 {
					return
				}
			}
		})
	}
	b.ResetTimer()
	for i, w := range out {
		all.Go(func() {
			p := packet.Publish{Topic: fmt.Append(nil, "t/", i), Payload: make([]byte, 16)}
			one := p.Append(nil, w.version)
			var many []byte
			for range 4096 / len(one) {
				many = append(many, one...)
			}
			for n := 0; n < share; n += len(many) / len(one) {
				if _, err := w.conn.Write(many[:min(len(many), (share-n)*len(one))]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
}

// open connects a client, whose session is kept unless qos is 0, and subscribes if there is a filter.
func open(b *testing.B, url, id string, qos packet.QoS, filter string) *wire {
	b.Helper()
	w := &wire{id: id, version: packet.V311}
	r := &reader{wire: *w, qos: qos}
	if qos == 0 {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
		if err != nil {
			b.Fatal(err)
		}
		r.conn = c
		p := packet.Connect{Version: w.version, ClientID: []byte(id), CleanStart: true}
		r.out = p.Append(nil)
		if f, err := r.read(); err != nil || f.Type != packet.CONNACK {
			b.Fatal(f.Type, err)
		}
	} else if err := r.connect(url); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.conn.Close() })
	if filter != "" {
		if err := r.subscribe(filter); err != nil {
			b.Fatal(err)
		}
	}
	*w = r.wire
	return w
}

// frames returns all whole packets of the next read or reads, one at least. What has been read stays where it is, and the next goes
// behind it, so that the client is not what is measured: a buffer for each read cost more than the broker did.
func (w *wire) frames(b *testing.B) (all []packet.Frame) {
	for {
		rest := w.buf
		for {
			f, err := packet.Next(rest, 0)
			if err != nil {
				b.Error(err)
				return nil
			}
			if f.Size == 0 {
				break
			}
			all = append(all, f)
			rest = rest[f.Size:]
		}
		if len(all) > 0 {
			w.buf = rest
			return all
		}
		if cap(w.buf)-len(w.buf) < 4<<10 {
			w.buf = append(make([]byte, 0, len(w.buf)+64<<10), w.buf...)
		}
		w.conn.SetReadDeadline(time.Now().Add(time.Minute))
		n, err := w.conn.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if n == 0 {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				b.Error(err)
			}
			return nil
		}
	}
}

// exchangeAll publishes b.N messages, each publisher to one subscriber of its own, and waits until all exchanges are complete.
func exchangeAll(b *testing.B, url string, qos packet.QoS, publishers, window int) {
	var acked, taken sync.WaitGroup
	share := b.N/publishers + 1
	pubs := make([]*wire, publishers)
	for i := range pubs {
		topic := fmt.Sprint("t/", i)
		sub := open(b, url, "sub"+topic, qos, topic)
		pubs[i] = open(b, url, "pub"+topic, qos, "")
		taken.Go(func() { sub.answer(b, share, 0, qos, nil) })
	}
	b.ResetTimer()
	for i, w := range pubs {
		acked.Go(func() {
			w.publishAll(b, fmt.Sprint("t/", i), share, window, qos)
		})
	}
	acked.Wait()
	b.StopTimer()
	taken.Wait()
}

// publishAll publishes n messages, so many at a time, and waits until all are acknowledged.
func (w *wire) publishAll(b *testing.B, topic string, n, window int, qos packet.QoS) {
	p := packet.Publish{Topic: []byte(topic), Payload: make([]byte, 64), QoS: qos}
	sent := 0
	w.answer(b, n, window, qos, func() {
		if sent < n {
			p.ID = packet.ID(sent%65535 + 1)
			w.out = p.Append(w.out, w.version)
			sent++
		}
	})
}

// answer does a client's part of n exchanges; more begins one, and is called for the first window of them and after each that
// is complete.
func (w *wire) answer(b *testing.B, n, window int, qos packet.QoS, more func()) {
	for range min(window, n) {
		more()
	}
	for done := 0; done < n; {
		if len(w.out) > 0 {
			if err := w.flush(); err != nil {
				b.Error(err)
				return
			}
		}
		all := w.frames(b)
		if all == nil {
			return
		}
		for _, f := range all {
			if w.step(f, qos) {
				if done++; more != nil {
					more()
				}
			}
		}
	}
	if err := w.flush(); err != nil {
		b.Error(err)
	}
}

// step answers one packet, and reports whether its exchange is complete.
func (w *wire) step(f packet.Frame, qos packet.QoS) bool {
	if f.Type == packet.PUBLISH {
		var p packet.Publish
		if p.Decode(w.version, f.Flags, f.Body) != nil {
			return false
		}
		if qos == 1 {
			w.ack(packet.PUBACK, p.ID)
			return true
		}
		w.ack(packet.PUBREC, p.ID)
		return false
	}
	var a packet.Ack
	if a.Decode(w.version, f.Type, f.Flags, f.Body) != nil {
		return false
	}
	switch f.Type {
	case packet.PUBREC:
		w.ack(packet.PUBREL, a.ID)
		return false
	case packet.PUBREL:
		w.ack(packet.PUBCOMP, a.ID)
	}
	return true
}
