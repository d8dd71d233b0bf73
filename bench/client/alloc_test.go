//go:build !race

package client

import (
	"io"
	"net"
	"runtime"
	"testing"

	"mqttbench/broker/packet"
)

// TestNothingIsAllocated: a message costs no allocation at any QoS, neither published nor received. The whole
// process is counted, the transport and the echoing server included.
func TestNothingIsAllocated(t *testing.T) {
	for q := range packet.QoS(3) {
		s := newEcho(t)
		e := newEngine(t, NativeOptions{})
		g, r := e.Groups()[0], newRecorder()
		r.quiet = true
		c := g.New(Options{URL: s.url(), ClientID: "c", Window: 20}, r)

		const warm, n = 2000, 20000
		var acked, received int
		var before, after runtime.MemStats
		done := make(chan struct{})
		m := Message{Topic: "some/topic/name", Payload: make([]byte, 100), QoS: q}
		step := func() {
			switch {
			case acked == warm:
				runtime.ReadMemStats(&before)
			case acked == warm+n:
				runtime.ReadMemStats(&after)
				close(done)
			}
			if acked < warm+n {
				c.Publish(&m)
			}
		}
		r.onConnected = func(bool) {
			for range 10 {
				c.Publish(&m)
			}
		}
		// At QoS 0 the echo stands for the acknowledgement.
		r.onReceived = func(*Reception) {
			if received++; q == 0 {
				acked++
				step()
			}
		}
		r.onAcked = func(uint64) { acked++; step() }
		on(t, g, c.Connect)
		<-done
		on(t, g, c.Cut)
		perMessage := float64(after.Mallocs-before.Mallocs) / n
		if perMessage > 0.005 || received < n {
			t.Errorf("QoS %d: %.4f allocations for a message, %d received", q, perMessage, received)
		}
		t.Logf("QoS %d: %d allocations for %d messages out and in", q, after.Mallocs-before.Mallocs, n)
	}
}

// newEcho is a server that completes every exchange and sends every PUBLISH back, without allocating. It knows
// only what this test sends: packets of less than 128 bytes.
func newEcho(t testing.TB) *fake {
	f := newFake(t)
	go func() {
		peer, err := f.Accept()
		if err != nil {
			return
		}
		defer peer.Close()
		echo(peer)
	}()
	return f
}

func echo(peer net.Conn) {
	in, out := make([]byte, 0, 64<<10), make([]byte, 0, 128<<10)
	for {
		n, err := peer.Read(in[len(in):cap(in)])
		if err != nil {
			return
		}
		in = in[:len(in)+n]
		rest := in
		for len(rest) >= 2 && len(rest) >= 2+int(rest[1]) {
			out = answer(out, rest[:2+rest[1]])
			rest = rest[2+rest[1]:]
		}
		in = in[:copy(in, rest)]
		if _, err := peer.Write(out); err == io.EOF {
			return
		}
		out = out[:0]
	}
}

func answer(out, p []byte) []byte {
	switch p[0] >> 4 {
	case 1:
		return append(out, 0x20, 2, 0, 0)
	case 3:
		out = append(out, p...)
		if q := p[0] >> 1 & 3; q > 0 {
			n := 4 + int(p[3])
			out = append(out, 0x30+0x10*q, 2, p[n], p[n+1])
		}
	case 5:
		return append(out, 0x62, 2, p[2], p[3])
	case 6:
		return append(out, 0x70, 2, p[2], p[3])
	}
	return out
}
