package topic

import (
	"bytes"
	"strings"
	"testing"
)

// TestKey keeps names of every length around the ends of words and compares each with
// itself and with itself changed in one byte.
func TestKey(t *testing.T) {
	for n := range 40 {
		name := []byte(strings.Repeat("0123456789", 4)[:n])
		words := make([]uint64, keyWords(n)+1)
		const guard = 0xfeedface
		words[len(words)-1] = guard
		putKey(words, name)
		if words[len(words)-1] != guard {
			t.Fatalf("the key of %d bytes is longer than %d words", n, keyWords(n))
		}
		if keyLen(words[0]) != n {
			t.Errorf("keyLen = %d, want %d", keyLen(words[0]), n)
		}
		if got := appendKey([]byte("x"), words); string(got) != "x"+string(name) {
			t.Errorf("key of %q reads %q", name, got)
		}
		is := func(b []byte) bool {
			first, rest := firstWord(b)
			return keyIs(words, first, rest)
		}
		if !is(name) {
			t.Errorf("the key of %q is not its own", name)
		}
		for i := range name {
			other := bytes.Clone(name)
			other[i] ^= 0x80
			if is(other) {
				t.Errorf("the key of %q is that of %q", name, other)
			}
		}
		// Padding is no part of the name.
		if is(append(bytes.Clone(name), 0)) {
			t.Errorf("the key of %q is that of the name with a zero behind it", name)
		}
	}
}

// TestLongestName: 65,535 bytes is what the wire carries, in one level or in as many as can be.
func TestLongestName(t *testing.T) {
	for _, name := range []string{strings.Repeat("x", 65535), strings.Repeat("/", 65535), strings.Repeat("a/", 32767)} {
		tree := NewTree()
		for i, filter := range []string{name, name[:65533] + "/#", name[:len(name)-2] + "/+", "#"} {
			tree.Subscribe(filter, Subscription{Subscriber: Subscriber(i + 1)})
		}
		var r Result
		tree.Match(&r, []byte(name))
		want := 0
		for _, filter := range []string{name, name[:65533] + "/#", name[:len(name)-2] + "/+", "#"} {
			if Matches(filter, name) {
				want++
			}
		}
		if len(r.Targets) != want {
			t.Errorf("%.10q...: %d targets, want %d", name, len(r.Targets), want)
		}
	}
}
