package packet

// MaxRemaining is the largest Remaining Length, in bytes: four bytes of seven
// bits, [v5 1.5.5].
const MaxRemaining = 1<<28 - 1

// MaxSize is the size of the largest packet, in bytes, Fixed Header included.
const MaxSize = 5 + MaxRemaining

// A Frame is one Control Packet as it lies in the buffer it arrived in.
type Frame struct {
	Type  Type
	Flags byte   // The low four bits of the first byte.
	Body  []byte // Variable header and payload, lent.
	Size  int    // Bytes of the whole packet, fixed header included; 0: b does not hold it whole yet.
}

// Next reports the first packet in b. When b holds only a part of it, Size is 0
// and err is nil. A packet larger than max bytes is an error as soon as its
// fixed header shows it (max 0: the protocol's own limit).
//
// Next knows no version. A Remaining Length in more bytes than it needs is
// refused for all: 3.1.1 too has "a single byte for values up to 127".
func Next(b []byte, max int) (f Frame, err error) {
	if len(b) > 0 && b[0] < 0x10 {
		return Frame{}, &faultType.v5
	}
	if len(b) < 2 {
		return Frame{}, nil
	}
	rest, head := uint32(b[1]), 2
	if rest >= 0x80 {
		var n int
		if rest, n = varint(b[1:]); n <= 0 {
			if n < 0 {
				return Frame{}, &faultLength.v5
			}
			return Frame{}, nil
		}
		head = 1 + n
	}
	size := head + int(rest)
	if max > 0 && size > max {
		return Frame{}, &faultTooLarge.v5
	}
	if size > len(b) {
		return Frame{}, nil
	}
	return Frame{Type: Type(b[0] >> 4), Flags: b[0] & 0x0F, Body: b[head:size:size], Size: size}, nil
}

// varint reads a Variable Byte Integer of n bytes, [v5 1.5.5]. n is 0 when b
// ends inside it, and negative when it is too long or could have been shorter.
func varint(b []byte) (v uint32, n int) {
	for i, c := range b {
		if i == 4 {
			break
		}
		v |= uint32(c&0x7F) << (7 * i)
		if c < 0x80 {
			if c == 0 && i > 0 {
				return 0, -1
			}
			return v, i + 1
		}
	}
	if len(b) >= 4 {
		return 0, -1
	}
	return 0, 0
}

func varintLen(v int) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	}
	return 4
}

func appendVarint(dst []byte, v int) []byte {
	if v < 0x80 {
		return append(dst, byte(v))
	}
	return appendLongVarint(dst, v)
}

func appendLongVarint(dst []byte, v int) []byte {
	if v > MaxRemaining {
		panic("packet: length exceeds the protocol's limit")
	}
	for v >= 0x80 {
		dst = append(dst, byte(v)|0x80)
		v >>= 7
	}
	return append(dst, byte(v))
}

func appendUint16(dst []byte, v uint16) []byte { return append(dst, byte(v>>8), byte(v)) }

// appendBytes writes a string or binary data with its length, [v5 1.5.4, 1.5.6].
func appendBytes(dst, b []byte) []byte {
	if len(b) > 0xFFFF {
		panic("packet: string or binary data longer than 65535 bytes")
	}
	return append(append(dst, byte(len(b)>>8), byte(len(b))), b...)
}

// open begins a packet whose length is not known yet; seal ends it. A length of
// one byte is foreseen, since nearly all packets but PUBLISH are short; seal
// moves the rest where it was not enough.
func open(dst []byte, t Type) []byte { return append(dst, byte(t)<<4|t.flags(), 0) }

// seal writes the Remaining Length of the packet that open began at dst[start].
func seal(dst []byte, start int) []byte {
	body := start + 2
	n := len(dst) - body
	if n < 0x80 {
		dst[start+1] = byte(n)
		return dst
	}
	var length [4]byte
	head := appendLongVarint(length[:0], n)
	dst = append(dst, head[1:]...)
	copy(dst[body+len(head)-1:], dst[body:body+n])
	copy(dst[start+1:], head)
	return dst
}

// checkFlags compares the flags of a Fixed Header with those of t. 3.1 lets a
// retried PUBREL, SUBSCRIBE or UNSUBSCRIBE carry DUP, [v3.1 2.1].
func checkFlags(v Version, t Type, flags byte, otherwise *fault) *fault {
	if v == V31 && t.flags() != 0 {
		flags &^= 0x08
	}
	if flags != t.flags() {
		return otherwise
	}
	return nil
}

// A cursor reads the fields of a body one after the other. After the first
// fault it yields zero values, so that a decoder need ask only once, at its end.
// PUBLISH and the acknowledgements have too few fields to need one.
//
// Invariant: with a fault, rest is empty, so that loops over it end.
type cursor struct {
	rest  []byte
	fault *fault
}

// take lends the next n bytes.
func (c *cursor) take(n int) []byte {
	if n > len(c.rest) {
		c.fail(faultShort)
		return nil
	}
	b := c.rest[:n:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) fail(f *fault) {
	if c.fault == nil {
		c.fault = f
	}
	c.rest = nil
}

func (c *cursor) byte() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return 0
}

// binary reads Binary Data, [v5 1.5.6].
func (c *cursor) binary() []byte { return c.take(int(c.uint16())) }

// text reads a UTF-8 Encoded String, [v5 1.5.4].
func (c *cursor) text() []byte {
	b := c.binary()
	if f := checkText(b); f != nil {
		c.fail(f)
	}
	return b
}

// id reads a Packet Identifier, which is never zero where one must be.
func (c *cursor) id(zero *fault) ID {
	id := ID(c.uint16())
	if id == 0 {
		c.fail(zero)
	}
	return id
}

// props takes the Property Length and the properties it spans, unchecked.
func (c *cursor) props() Props {
	n, width := varint(c.rest)
	switch {
	case width < 0:
		c.fail(faultLength)
	case width == 0:
		c.fail(faultShort)
	case int(n) > len(c.rest)-width:
		c.fail(faultPropsLen)
	default:
		c.take(width)
		return c.take(int(n))
	}
	return nil
}

// end is the verdict: the first fault, or that something is left over.
func (c *cursor) end() *fault {
	if c.fault == nil && len(c.rest) > 0 {
		return faultLong
	}
	return c.fault
}
