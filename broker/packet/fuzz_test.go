package packet

import (
	"bytes"
	"slices"
	"testing"
)

// FuzzDecode holds the decoders against the encoders: what was accepted once
// must come back from its encoding as it was, and encode to the same bytes
// again. The body lies alone in its allocation, so that reading past it panics.
func FuzzDecode(f *testing.F) {
	for _, x := range vectors {
		f.Add(uint8(x.v), wire(x.wire))
	}
	for _, x := range refusals {
		f.Add(uint8(x.v), wire(x.wire))
	}
	f.Fuzz(func(t *testing.T, version uint8, b []byte) {
		v := V31 + Version(version)%3
		frame, err := Next(b, 0)
		if err != nil || frame.Size == 0 {
			return
		}
		frame.Body = slices.Clip(bytes.Clone(frame.Body))
		before := bytes.Clone(frame.Body)
		p, err := decode(v, frame)
		if !bytes.Equal(frame.Body, before) {
			t.Fatal("the decoder wrote into what was lent")
		}
		if err != nil {
			if e := err.(*Error); !e.Code.Failed() || e.Clause == "" || e.Text == "" {
				t.Fatalf("an error that says too little: %+v", e)
			}
			return
		}
		again := encode(nil, v, p)
		if frame.Type == PUBLISH && p.(*Publish).Size(v) != len(again) {
			t.Fatalf("Size = %d, but %d bytes", p.(*Publish).Size(v), len(again))
		}
		if diff := same(whole(t, v, again), p); diff != "" {
			t.Fatalf("% X\nencoded again % X (-want +got):\n%s", b[:frame.Size], again, diff)
		}
		if third := encode(nil, v, whole(t, v, again)); !bytes.Equal(third, again) {
			t.Fatalf("encoded % X and then % X", again, third)
		}
		checkRuns(t, p)
	})
}

// checkRuns goes through the properties of p, which must be whole.
func checkRuns(t *testing.T, packet any) {
	var runs []Props
	switch p := packet.(type) {
	case *Connect:
		runs = []Props{p.Props, p.Will.Props}
	case *Connack:
		runs = []Props{p.Props}
	case *Publish:
		runs = []Props{p.Props}
	case *Ack:
		runs = []Props{p.Props}
	case *Subscribe:
		runs = []Props{p.Props}
	case *Suback:
		runs = []Props{p.Props}
	case *Unsubscribe:
		runs = []Props{p.Props}
	case *Disconnect:
		runs = []Props{p.Props}
	case *Auth:
		runs = []Props{p.Props}
	}
	for _, props := range runs {
		var again []byte
		for p := range props.All() {
			again = AppendProp(again, p)
		}
		if !bytes.Equal(again, props) {
			t.Fatalf("properties % X read as % X", props, again)
		}
	}
}
