package client

import (
	"testing"
	"unsafe"
)

// TestSize: there is one of these for each of ten thousand clients. 128 bytes are a size class of the allocator, the next is 144, and two
// cache lines: clients of two loops share none.
func TestSize(t *testing.T) {
	for _, x := range []struct {
		what      string
		size, max uintptr
	}{
		{"client", unsafe.Sizeof(client{}), 128},
		{"session with anything in flight", unsafe.Sizeof(outgoing{}), 64},
		{"message in flight", unsafe.Sizeof(slot{}), 32},
	} {
		if x.size > x.max {
			t.Errorf("a %s has %d bytes, at most %d wanted", x.what, x.size, x.max)
		}
	}
}

// TestOptionsAreShared: clients with the same options have them once, whatever their Client Identifiers.
func TestOptionsAreShared(t *testing.T) {
	e := newEngine(t, NativeOptions{})
	g := e.Groups()[0]
	made := func(o Options) *client { return g.New(o, nil).(*client) }
	a, b := made(Options{URL: "tcp://a", ClientID: "1"}), made(Options{URL: "tcp://a", ClientID: "2"})
	other := made(Options{URL: "tcp://b", ClientID: "1"})
	if a.o != b.o || a.id != "1" || b.id != "2" {
		t.Errorf("%p %q, %p %q", a.o, a.id, b.o, b.id)
	}
	if other.o == a.o || other.o.URL != "tcp://b" || other.o.KeepAlive == 0 {
		t.Errorf("%+v", other.o)
	}
}
