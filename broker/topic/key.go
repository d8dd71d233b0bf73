package topic

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
)

// A key is how an arena keeps a level or a whole name: two bytes of length, then the
// bytes, padded with zeros to whole words. The length shares the first word with the
// first six bytes, which makes most levels one word and saves eight bytes a subscription.

// keyWords is the number of words that the key of n bytes takes.
func keyWords(n int) int { return (n + 2 + 7) / 8 }

// short is b, at most eight bytes, as one little-endian word. It reads twice where the
// length is between powers of two, instead of looping.
func short(b []byte) uint64 {
	switch n := len(b); {
	case n == 8:
		return binary.LittleEndian.Uint64(b)
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4))
	case n >= 2:
		return uint64(binary.LittleEndian.Uint16(b)) | uint64(b[n-1])<<(8*(n-1))
	case n == 1:
		return uint64(b[0])
	}
	return 0
}

// firstWord is the first word of b's key and what of b the other words hold.
func firstWord(b []byte) (w uint64, rest []byte) {
	n := min(len(b), 6)
	return uint64(len(b)) | short(b[:n])<<16, b[n:]
}

// putKey writes the key of b to words.
func putKey(words []uint64, b []byte) {
	words[0], b = firstWord(b)
	for i := 1; len(b) > 0; i++ {
		n := min(len(b), 8)
		words[i] = short(b[:n])
		b = b[n:]
	}
}

// keyIs reports whether words begin with the key whose first word is first and whose
// other words hold rest.
func keyIs(words []uint64, first uint64, rest []byte) bool {
	return words[0] == first && (len(rest) == 0 || restIs(words[1:], rest))
}

func restIs(words []uint64, rest []byte) bool {
	for len(rest) >= 8 {
		if words[0] != binary.LittleEndian.Uint64(rest) {
			return false
		}
		words, rest = words[1:], rest[8:]
	}
	return len(rest) == 0 || words[0] == short(rest)
}

// keyLen is the length in bytes of what the key that begins with w stands for.
func keyLen(w uint64) int { return int(uint16(w)) }

// appendKey appends what the key stands for to dst.
func appendKey(dst []byte, words []uint64) []byte {
	end := len(dst) + keyLen(words[0])
	dst = binary.LittleEndian.AppendUint64(dst, words[0]>>16)
	dst = dst[:len(dst)-2]
	for i := 1; len(dst) < end; i++ {
		dst = binary.LittleEndian.AppendUint64(dst, words[i])
	}
	return dst[:end]
}

// A hasher makes the hashes of one tree. Its secrets differ from tree to tree: nobody
// outside can choose names that collide.
type hasher struct {
	seed maphash.Seed
	a, b uint64
}

func newHasher() hasher { return hasher{maphash.MakeSeed(), rand.Uint64(), rand.Uint64()} }

// whole is the hash of a Topic Name, or of two levels of one.
func (h *hasher) whole(b []byte) uint64 { return maphash.Bytes(h.seed, b) }

// A part is a level prepared for looking it up, below any number of parents.
type part struct {
	first uint64 // The first word of its key,
	rest  []byte // and the bytes of the others.
	hash  uint64
}

// part prepares a level. The first word of a short level's key says all about it and
// serves as its hash; edge does the mixing.
func (h *hasher) part(level []byte) part {
	first, rest := firstWord(level)
	if len(rest) == 0 {
		return part{first, nil, first}
	}
	return part{first, rest, h.whole(level)}
}

// next splits the first level off name into p. A level of up to six bytes with another
// behind it, the usual case, is found and prepared within one word.
func (h *hasher) next(p *part, name []byte) (rest []byte, more bool) {
	const ones, highs, slashes = 0x0101010101010101, 0x8080808080808080, '/' * 0x0101010101010101
	if len(name) >= 8 {
		w := binary.LittleEndian.Uint64(name)
		x := w ^ slashes
		// The lowest bit set is that of the first byte of x that is zero.
		if n := bits.TrailingZeros64((x-ones)&^x&highs) / 8; n <= 6 {
			first := uint64(n) | w&(1<<(8*n)-1)<<16
			p.first, p.rest, p.hash = first, nil, first
			return name[n+1:], true
		}
	}
	level, rest, more := cut(name)
	*p = h.part(level)
	return rest, more
}

// edge is the hash by which the node of p is found below parent.
func (h *hasher) edge(p *part, parent uint32) uint64 {
	hi, lo := bits.Mul64(p.hash^h.a, uint64(parent)*0x9e3779b97f4a7c15^h.b)
	return hi ^ lo
}
