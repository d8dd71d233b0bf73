package transport

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/gobwas/ws"
)

func matches(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("%v; want %s", err, want)
	}
}

func pemKey(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// The examples of RFC 6455, section 5.7, and what they carry.
func TestFrameExamples(t *testing.T) {
	for _, tt := range []struct {
		name       string
		fromClient bool
		wire, want string
		control    string
	}{
		{"unmasked binary", false, "\x82\x05Hello", "Hello", ""},
		{"masked binary", true, "\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "Hello", ""},
		{"fragmented", false, "\x02\x03Hel\x80\x02lo", "Hello", ""},
		{"ping between fragments", false, "\x02\x03Hel\x89\x05Hello\x80\x02lo", "Hello", "Hello"},
		{"masked pong", true, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", "", "Hello"},
		{"256 bytes", false, "\x82\x7e\x01\x00" + string(make([]byte, 256)), string(make([]byte, 256)), ""},
		{"64 KiB", false, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + string(make([]byte, 65536)), string(make([]byte, 65536)), ""},
		{"empty", false, "\x82\x00\x82\x00\x82\x01x", "x", ""},
	} {
		for _, step := range []int{1, 2, 3, 7, 1 << 20} {
			got, control, err := deframe([]byte(tt.wire), tt.fromClient, func() int { return step })
			if err != nil || string(got) != tt.want || string(control) != tt.control {
				t.Errorf("%s in steps of %d: %.20q, %q, %v", tt.name, step, got, control, err)
			}
		}
	}
}

// deframe decodes wire in steps.
func deframe(wire []byte, fromClient bool, step func() int) (got, control []byte, err error) {
	d := deframer{fromClient: fromClient}
	d.control = func(op byte, payload []byte) error {
		control = append(control, payload...)
		if op == opClose {
			return io.EOF
		}
		return nil
	}
	for len(wire) > 0 {
		k := min(len(wire), max(1, step()))
		b := bytes.Clone(wire[:k])
		wire = wire[k:]
		n, err := d.decode(b)
		got = append(got, b[:n]...)
		if err != nil {
			return got, control, err
		}
	}
	return got, control, nil
}

// What is appended is read back by the library's reader, and by ours.
func TestAppendFrame(t *testing.T) {
	for _, mask := range []bool{false, true} {
		for _, size := range []int{0, 1, 125, 126, 65535, 65536, 100_000} {
			sent := bytes.Repeat([]byte{7}, size)
			wire := appendFrame([]byte("before"), opBinary, sent, mask)[len("before"):]
			r := bytes.NewReader(wire)
			h, err := ws.ReadHeader(r)
			if err != nil || h.Masked != mask || !h.Fin || h.OpCode != ws.OpBinary || h.Length != int64(r.Len()) {
				t.Fatalf("%d bytes: %+v, %v", size, h, err)
			}
			payload := bytes.Clone(wire[len(wire)-r.Len():])
			ws.Cipher(payload, h.Mask, 0)
			if !bytes.Equal(payload, sent) {
				t.Errorf("%d bytes: the payload is another", size)
			}
			got, _, err := deframe(wire, mask, func() int { return 1000 })
			if err != nil || !bytes.Equal(got, sent) {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
}

// naive reads frames with the library, one after the other, and never in pieces.
func naive(wire []byte, fromClient bool) (got, control []byte, err error) {
	r := bytes.NewReader(wire)
	fragmented := false
	for {
		at := len(wire) - r.Len()
		h, err := ws.ReadHeader(r)
		if err != nil {
			return got, control, nil // Incomplete, or a length that is impossible.
		}
		state := ws.StateServerSide
		if !fromClient {
			state = ws.StateClientSide
		}
		if fragmented {
			state = state.Set(ws.StateFragmented)
		}
		if err := ws.CheckHeader(h, state); err != nil || h.OpCode == ws.OpText || h.Masked != fromClient || h.Length > maxFrame ||
			h.OpCode.IsControl() && wire[at+1]&0x7F > maxControl { // Or a long length that says little, which the library lets pass.
			return got, control, errors.New("refused")
		}
		payload := make([]byte, min(h.Length, int64(r.Len())))
		r.Read(payload)
		if h.Masked {
			ws.Cipher(payload, h.Mask, 0)
		}
		whole := int64(len(payload)) == h.Length
		switch {
		case !h.OpCode.IsControl():
			got = append(got, payload...)
			fragmented = !h.Fin
		case whole:
			control = append(control, payload...)
			if h.OpCode == ws.OpClose {
				return got, control, io.EOF
			}
		}
		if !whole {
			return got, control, nil
		}
	}
}

// FuzzFrames compares the reader that works in place and in any pieces with one that does neither.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x02\x03Hel\x89\x05Hello\x80\x02lo"), false, uint64(1))
	f.Add([]byte("\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\x00\x00\x00\x00"), true, uint64(2))
	f.Add([]byte("\x82\x7e\x00\x03abc\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x02xy"), false, uint64(3))
	f.Add([]byte("\x81\x00"), false, uint64(4))
	f.Fuzz(func(t *testing.T, wire []byte, fromClient bool, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		want, wantControl, wantErr := naive(wire, fromClient)
		got, control, err := deframe(wire, fromClient, func() int { return 1 + r.IntN(9) })
		if wantErr == nil && err != nil {
			// The library needs a whole header to refuse what the first two bytes say, and cannot read a length with the highest bit.
			var fault *wsError
			if !errors.As(err, &fault) {
				t.Fatal(err)
			}
		} else if (err == nil) != (wantErr == nil) {
			t.Fatalf("%v, want %v", err, wantErr)
		}
		if !bytes.Equal(got, want) || !bytes.Equal(control, wantControl) {
			t.Fatalf("got %q and %q, want %q and %q", got, control, want, wantControl)
		}
	})
}
