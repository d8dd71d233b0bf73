package bench

import (
	"testing"
	"unsafe"
)

// TestSizes: of these there is one for each of ten thousand clients.
func TestSizes(t *testing.T) {
	for _, x := range []struct {
		what      string
		size, max uintptr
	}{
		{"member", unsafe.Sizeof(member{}), 72},
		{"publisher", unsafe.Sizeof(publisher{}), 96},
		{"subscriber", unsafe.Sizeof(subscriber{}), 64},
	} {
		if x.size > x.max {
			t.Errorf("a %s has %d bytes, at most %d wanted", x.what, x.size, x.max)
		}
	}
}
