package packet

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// wire reads the notation of the test vectors: bytes in hexadecimal, text in
// single quotes, anything after // up to the end of the line ignored.
func wire(notation string) []byte {
	var out []byte
	for line := range strings.Lines(notation) {
		line, _, _ = strings.Cut(line, "//")
		for i, part := range strings.Split(line, "'") {
			if i%2 == 1 {
				out = append(out, part...)
				continue
			}
			b, err := hex.DecodeString(strings.Join(strings.Fields(part), ""))
			if err != nil {
				panic(fmt.Sprintf("wire %q: %v", notation, err))
			}
			out = append(out, b...)
		}
	}
	return out
}

// ping is a PINGREQ or PINGRESP, which have no type of their own.
type ping struct{ Type Type }

// decode dispatches as a connection would.
func decode(v Version, f Frame) (any, error) {
	switch f.Type {
	case CONNECT:
		p := new(Connect)
		return p, p.Decode(f.Flags, f.Body)
	case CONNACK:
		p := new(Connack)
		return p, p.Decode(v, f.Flags, f.Body)
	case PUBLISH:
		p := new(Publish)
		return p, p.Decode(v, f.Flags, f.Body)
	case PUBACK, PUBREC, PUBREL, PUBCOMP:
		p := new(Ack)
		return p, p.Decode(v, f.Type, f.Flags, f.Body)
	case SUBSCRIBE:
		p := new(Subscribe)
		return p, p.Decode(v, f.Flags, f.Body)
	case SUBACK, UNSUBACK:
		p := new(Suback)
		return p, p.Decode(v, f.Type == UNSUBACK, f.Flags, f.Body)
	case UNSUBSCRIBE:
		p := new(Unsubscribe)
		return p, p.Decode(v, f.Flags, f.Body)
	case PINGREQ, PINGRESP:
		return &ping{f.Type}, CheckEmpty(f.Flags, f.Body)
	case DISCONNECT:
		p := new(Disconnect)
		return p, p.Decode(v, f.Flags, f.Body)
	case AUTH:
		p := new(Auth)
		return p, p.Decode(f.Flags, f.Body)
	}
	panic(fmt.Sprintf("frame of %v", f.Type))
}

// encode appends any packet that decode returns.
func encode(dst []byte, v Version, packet any) []byte {
	switch p := packet.(type) {
	case *Connect:
		return p.Append(dst)
	case *Connack:
		return p.Append(dst, v)
	case *Publish:
		return p.Append(dst, v)
	case *Ack:
		return p.Append(dst, v)
	case *Subscribe:
		return p.Append(dst, v)
	case *Suback:
		return p.Append(dst, v)
	case *Unsubscribe:
		return p.Append(dst, v)
	case *ping:
		return AppendPing(dst, p.Type)
	case *Disconnect:
		return p.Append(dst, v)
	case *Auth:
		return p.Append(dst)
	}
	panic(fmt.Sprintf("encode %T", packet))
}

// whole decodes b, which must be exactly one packet.
func whole(t *testing.T, v Version, b []byte) any {
	t.Helper()
	f, err := Next(b, 0)
	if err != nil || f.Size != len(b) {
		t.Fatalf("Next(% X) = size %d, error %v; want size %d", b, f.Size, err, len(b))
	}
	p, err := decode(v, f)
	if err != nil {
		t.Fatalf("decode(%v, % X): %v", v, b, err)
	}
	return p
}
