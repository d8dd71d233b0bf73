package topic

import "encoding/binary"

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

// keyIs reports whether words begin with the key of b.
func keyIs(words []uint64, b []byte) bool {
	w, b := firstWord(b)
	if words[0] != w {
		return false
	}
	words = words[1:]
	for len(b) >= 8 {
		if words[0] != binary.LittleEndian.Uint64(b) {
			return false
		}
		words, b = words[1:], b[8:]
	}
	return len(b) == 0 || words[0] == short(b)
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
