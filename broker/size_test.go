package broker

import (
	"testing"
	"unsafe"
)

// TestSizes: there is one of each for every client, so a field too many that makes one grow into the next size class
// of the allocator is felt. If it must be, raise the number.
func TestSizes(t *testing.T) {
	if size := unsafe.Sizeof(conn{}); size > 96 {
		t.Errorf("a conn takes %d bytes", size)
	}
	if size := unsafe.Sizeof(client{}); size > 192 {
		t.Errorf("a client takes %d bytes", size)
	}
}
