package transport

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
)

// TestEcho sends random bytes in random pieces and reads them back in others. The server consumes only whole
// packets of random size, so that it leaves something unconsumed most of the time, sometimes much.
func TestEcho(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o.ReadBuffer = 4 << 10 // Packets are often larger than the buffer.
		ls := start(t, o)
		url := listen(t, ls, func(l *Loop, _ net.Addr) Handler {
			h := record()
			h.receive = func(h *recorder, b []byte) (int, error) {
				n := 0
				for {
					size := packetSize(b[n:])
					if size == 0 || len(b)-n < size {
						return n, nil
					}
					h.conn.PutParts(h.loop, b[n:n+2], b[n+2:n+size], nil)
					n += size
				}
			}
			return h
		})
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 1))
		want := randomPackets(rng, 1<<20)
		nc := dialNet(t, url)
		go func() {
			rng := rand.New(rand.NewPCG(seed, 2))
			for rest := want; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(1<<rng.IntN(16)))
				nc.Write(rest[:n])
				rest = rest[n:]
			}
			nc.CloseWrite()
		}()
		got, err := io.ReadAll(nc)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("seed %d: %d bytes came back of %d, or others", seed, len(got), len(want))
		}
	})
}

// packetSize is the size that the first two bytes tell, those two with it; 0: not known yet.
func packetSize(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	return 2 + int(b[0])<<8 + int(b[1])
}

func randomPackets(rng *rand.Rand, size int) []byte {
	var b []byte
	for len(b) < size {
		n := rng.IntN(1 << rng.IntN(17))
		b = append(b, byte(n>>8), byte(n))
		for range n {
			b = append(b, byte(rng.Uint32()))
		}
	}
	return b
}
