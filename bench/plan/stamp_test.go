package plan

import (
	"bytes"
	"testing"
)

// Typed by hand from the picture in Stamp's comment.
var stampVector = []byte{
	0xAB, 0xCD, // run
	0x01, 0x02, 0x03, // stream
	0xF0, 0xE1, 0xD2, 0xC3, // sequence
	0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, // sent
}

func TestStampVector(t *testing.T) {
	s := Stamp{Run: 0xABCD, Stream: 0x010203, Seq: 0xF0E1D2C3, Sent: 0x11223344556677}
	got := make([]byte, StampSize)
	s.Put(got)
	if !bytes.Equal(got, stampVector) {
		t.Errorf("got % x\nwant % x", got, stampVector)
	}
	if back, ok := ReadStamp(stampVector); !ok || back != s {
		t.Errorf("read %+v, %t", back, ok)
	}
	if _, ok := ReadStamp(stampVector[:15]); ok {
		t.Error("15 bytes have a stamp")
	}
}

func TestStampClamps(t *testing.T) {
	b := make([]byte, StampSize)
	for sent, want := range map[int64]int64{-1: 0, 0: 0, MaxSent: MaxSent, MaxSent + 1: MaxSent} {
		Stamp{Run: 1, Stream: MaxStream, Seq: ProbeSeq, Sent: sent}.Put(b)
		if got, _ := ReadStamp(b); got != (Stamp{1, MaxStream, ProbeSeq, want}) {
			t.Errorf("sent at %d: read back %+v", sent, got)
		}
	}
}

// TestIntact breaks every byte of payloads of all small lengths.
func TestIntact(t *testing.T) {
	s := Stamp{Run: 1, Stream: 2, Seq: 3, Sent: 4}
	for size := StampSize; size < StampSize+40; size++ {
		b := make([]byte, size)
		Fill(b, s)
		if !Intact(b, s, Ends) || !Intact(b, s, Full) {
			t.Fatalf("%d bytes as filled are not intact", size)
		}
		rest := size - StampSize
		for i := range rest {
			b[StampSize+i] ^= 0x40
			if Intact(b, s, Full) {
				t.Errorf("%d bytes: byte %d is wrong, unnoticed", size, i)
			}
			if got, want := Intact(b, s, Ends), i >= 8 && i < rest-8; got != want {
				t.Errorf("%d bytes: byte %d is wrong, and the ends are intact: %t", size, i, got)
			}
			b[StampSize+i] ^= 0x40
		}
		other := s
		other.Seq++
		if rest > 0 && Intact(b, other, Ends) {
			t.Errorf("%d bytes: taken for the next message's", size)
		}
		if cut := b[:size-1]; rest > 16 && Intact(cut, s, Full) == false {
			t.Errorf("%d bytes: the pattern of a shorter payload is not its beginning", size)
		}
	}
	if Intact(make([]byte, 15), s, Ends) {
		t.Error("a payload without a stamp is intact")
	}
}

func FuzzStamp(f *testing.F) {
	f.Add(stampVector)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xFF}, 33))
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, ok := ReadStamp(payload)
		if ok != (len(payload) >= StampSize) {
			t.Fatalf("%d bytes: %t", len(payload), ok)
		}
		if !ok {
			return
		}
		if s.Stream < 0 || s.Stream > MaxStream || s.Sent < 0 || s.Sent > MaxSent {
			t.Fatalf("out of range: %+v", s)
		}
		Intact(payload, s, Full)
		again := make([]byte, len(payload))
		Fill(again, s)
		if !bytes.Equal(again[:StampSize], payload[:StampSize]) {
			t.Fatalf("% x became % x", payload[:StampSize], again[:StampSize])
		}
		if Intact(payload, s, Full) != bytes.Equal(again, payload) {
			t.Fatalf("% x is intact: %t", payload, Intact(payload, s, Full))
		}
	})
}
