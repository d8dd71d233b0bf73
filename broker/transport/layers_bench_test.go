package transport

import (
	"testing"
)

// BenchmarkRoundTrip is 64 bytes to an echo server and back, both ends in this process.
func BenchmarkRoundTrip(b *testing.B) {
	for _, scheme := range []string{"tcp", "tls", "ws", "wss"} {
		b.Run(scheme, func(b *testing.B) {
			ls := start(b, secure(b, Options{Loops: 2}))
			url := listenOn(b, ls, scheme, "", echoServer)
			back := make(chan struct{}, 1)
			h := record()
			h.receive = func(_ *recorder, p []byte) (int, error) {
				if len(p) < 64 {
					return 0, nil
				}
				back <- struct{}{}
				return len(p), nil
			}
			c := dialOpen(b, ls, url, h)
			message := make([]byte, 64)
			put := func() { c.Put(c.Loop(), message) }
			b.ReportAllocs()
			for b.Loop() {
				c.Loop().Post(put)
				<-back
			}
		})
	}
}

// BenchmarkDeframe is 16 masked frames of 64 bytes in one read.
func BenchmarkDeframe(b *testing.B) {
	var wire []byte
	for range 16 {
		wire = appendFrame(wire, opBinary, make([]byte, 64), true)
	}
	d := deframer{fromClient: true}
	buf := make([]byte, len(wire))
	b.SetBytes(int64(len(wire)))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, wire)
		if n, err := d.decode(buf); n != 16*64 || err != nil {
			b.Fatal(n, err)
		}
	}
}
