package transport

import (
	"bytes"
	"net"
	"testing"
)

// A large packet that comes in pieces is collected where the pieces are read to: from a quarter of the loop's buffer on it is
// not moved any more, and the next connection's bytes do not get in its way.
func TestLargePacketIsNotMoved(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o.Loops = 1
		ls := start(t, o)
		packet := bytes.Repeat([]byte("large packet "), 300<<10/13)
		const from = defaultReadBuffer / 4
		whole := make(chan bool, 4)
		url := listen(t, ls, func(*Loop, net.Addr) Handler {
			h := record()
			var at *byte // Where the packet lies once it is large.
			h.receive = func(h *recorder, b []byte) (int, error) {
				if at != nil && at != &b[0] {
					t.Errorf("moved at %d bytes", len(b))
				}
				if len(b) < len(packet) {
					if len(b) >= from {
						at = &b[0]
					}
					return 0, nil
				}
				whole <- bytes.Equal(b[:len(packet)], packet)
				at = nil
				return len(packet), nil
			}
			return h
		})
		one, other := dialNet(t, url), dialNet(t, url)
		for range 2 {
			for rest := packet; len(rest) > 0; {
				n := min(len(rest), from+10) // From the second piece on the packet must stay where it is.
				for _, nc := range []net.Conn{one, other} {
					if _, err := nc.Write(rest[:n]); err != nil {
						t.Fatal(err)
					}
				}
				rest = rest[n:]
			}
			for range 2 {
				if !<-whole {
					t.Fatal("other bytes")
				}
			}
		}
	})
}
