package packet

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// stream is all vectors one after the other, as they might share a connection.
func stream() (b []byte, sizes []int) {
	for _, x := range vectors {
		w := wire(x.wire)
		b = append(b, w...)
		sizes = append(sizes, len(w))
	}
	return b, sizes
}

// TestStream cuts the stream at every byte: a packet must show itself exactly
// when its last byte is there, neither sooner nor as an error.
func TestStream(t *testing.T) {
	b, sizes := stream()
	start := 0
	for i, size := range sizes {
		for n := range size {
			if f, err := Next(b[start:start+n], 0); f.Size != 0 || err != nil {
				t.Fatalf("%s: %d of %d bytes: size %d, error %v", vectors[i].name, n, size, f.Size, err)
			}
		}
		for _, more := range []int{0, 1, 2, 5} {
			end := min(start+size+more, len(b))
			f, err := Next(b[start:end], size)
			if f.Size != size || err != nil {
				t.Fatalf("%s and %d bytes: size %d, error %v", vectors[i].name, more, f.Size, err)
			}
			if cap(f.Body) != len(f.Body) {
				t.Fatalf("%s: its body reaches into the next packet", vectors[i].name)
			}
		}
		start += size
	}
}

// TestChunks feeds the stream in pieces of random sizes to a reader as a
// connection has it, and expects every packet back, byte for byte.
func TestChunks(t *testing.T) {
	b, sizes := stream()
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		var buf, got []byte
		packets := 0
		for rest := b; len(rest) > 0; {
			n := min(1+r.IntN(1+r.IntN(300)), len(rest))
			buf, rest = append(buf, rest[:n]...), rest[n:]
			for {
				f, err := Next(buf, 0)
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if f.Size == 0 {
					break
				}
				p, err := decode(vectors[packets].v, f)
				if err != nil {
					t.Fatalf("seed %d: %s: %v", seed, vectors[packets].name, err)
				}
				got = encode(got, vectors[packets].v, p)
				buf = buf[f.Size:]
				packets++
			}
		}
		if packets != len(sizes) || !bytes.Equal(got, b) || len(buf) != 0 {
			t.Errorf("seed %d: %d of %d packets, %d bytes left", seed, packets, len(sizes), len(buf))
		}
	}
}

// TestLimitsOfLength are the borders of [v5 table 2-4].
func TestLimitsOfLength(t *testing.T) {
	for _, x := range []struct {
		n    int
		wire string
	}{
		{0, `00`}, {127, `7F`}, {128, `80 01`}, {16383, `FF 7F`}, {16384, `80 80 01`},
		{2097151, `FF FF 7F`}, {2097152, `80 80 80 01`}, {268435455, `FF FF FF 7F`},
	} {
		want := wire(x.wire)
		if got := appendVarint(nil, x.n); !bytes.Equal(got, want) || varintLen(x.n) != len(want) {
			t.Errorf("%d is % X, %d bytes; want % X", x.n, got, varintLen(x.n), want)
		}
		if v, n := varint(want); int(v) != x.n || n != len(want) {
			t.Errorf("% X is %d, %d bytes; want %d", want, v, n, x.n)
		}
		for i := range want {
			if _, n := varint(want[:i]); n != 0 {
				t.Errorf("the first %d bytes of % X are an integer of %d", i, want, n)
			}
		}
	}
}

// TestSeal checks packets without a known length around the borders where the
// length grows, with something before them in the buffer.
func TestSeal(t *testing.T) {
	for _, n := range []int{0, 127, 128, 129, 16383, 16384, 2097151, 2097152} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(i % 251) // A byte moved too far must not look like its neighbour.
		}
		got := seal(append(open([]byte("xx"), SUBSCRIBE), body...), 2)
		want := append(appendVarint([]byte{'x', 'x', 0x82}, n), body...)
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: begins with % X, want % X", n, got[:min(10, len(got))], want[:min(10, len(want))])
		}
	}
}

// naiveNext is Next as the specification tells it, without any hurry: the
// algorithm of [v5 1.5.5], and encoding/binary as judge of minimality.
func naiveNext(b []byte, limit int) (size int, code ReasonCode) {
	if len(b) > 0 && b[0]>>4 == 0 {
		return 0, MalformedPacket
	}
	value, multiplier, used := 0, 1, 0
	for {
		if 1+used >= len(b) {
			return 0, Success
		}
		c := b[1+used]
		used++
		value += int(c&127) * multiplier
		multiplier *= 128
		if c&128 == 0 {
			break
		}
		if used == 4 {
			return 0, MalformedPacket
		}
	}
	if used != len(binary.AppendUvarint(nil, uint64(value))) {
		return 0, MalformedPacket
	}
	size = 1 + used + value
	switch {
	case limit > 0 && size > limit:
		return 0, PacketTooLarge
	case size > len(b):
		return 0, Success
	}
	return size, Success
}

func FuzzFrame(f *testing.F) {
	b, _ := stream()
	f.Add(b, 0)
	for _, x := range refusals {
		f.Add(wire(x.wire), 20)
	}
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		got, err := Next(b, limit)
		size, code := naiveNext(b, limit)
		if got.Size != size || (err != nil) != (code != Success) {
			t.Fatalf("Next(% X, %d) = size %d, error %v; want size %d, %v", b, limit, got.Size, err, size, code)
		}
		if err != nil && err.(*Error).Code != code {
			t.Fatalf("Next(% X, %d): %v, want %v", b, limit, err, code)
		}
		if size == 0 {
			return
		}
		if got.Type != Type(b[0]>>4) || got.Flags != b[0]&15 || !bytes.HasSuffix(b[:size], got.Body) {
			t.Fatalf("Next(% X) = %+v", b, got)
		}
	})
}
