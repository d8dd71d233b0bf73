package client

import (
	"testing"
	"unsafe"
)

// TestSize: there is one of these for each of ten thousand clients. 160 bytes are a size class of the allocator, the next is 176.
func TestSize(t *testing.T) {
	if size := unsafe.Sizeof(client{}); size > 160 {
		t.Errorf("a client has %d bytes", size)
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
