package client

import "math/bits"

const (
	smallestBuffer = 64       // Bytes: the first class. Each next is twice as large.
	largestBuffer  = 64 << 10 // Bytes: larger ones are left to the garbage collector.
	classBytes     = 4 << 20  // Bytes that the free list of one class may hold.
	bufferClasses  = 11
)

// buffers lend a group's clients the bytes in which unacknowledged messages wait. Owned by the group's loop.
type buffers struct {
	free [bufferClasses][][]byte
}

// classOf returns the class whose buffers hold n bytes.
func classOf(n int) int {
	return bits.Len(uint(max(n, smallestBuffer)-1)) - 6
}

// get returns an empty buffer with room for n bytes.
func (b *buffers) get(n int) []byte {
	if n > largestBuffer {
		return make([]byte, 0, n)
	}
	c := classOf(n)
	list := b.free[c]
	if len(list) == 0 {
		return make([]byte, 0, smallestBuffer<<c)
	}
	p := list[len(list)-1]
	b.free[c] = list[:len(list)-1]
	return p
}

// put takes back what get gave.
func (b *buffers) put(p []byte) {
	if cap(p) > largestBuffer || cap(p) < smallestBuffer {
		return
	}
	c := classOf(cap(p))
	if cap(p) != smallestBuffer<<c || len(b.free[c])*cap(p) >= classBytes {
		return
	}
	b.free[c] = append(b.free[c], p[:0])
}
