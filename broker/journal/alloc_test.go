//go:build !race

package journal

import "testing"

func TestWriterDoesNotAllocate(t *testing.T) {
	w := Writer{To: new(nothing)}
	p := Promise{Message: Message{Topic: []byte("a/topic"), Payload: make([]byte, 128), QoS: 2}, QoS: 2, SubIDs: []uint32{7}}
	exchange(&w, 1, &p)
	if n := testing.AllocsPerRun(100, func() { exchange(&w, 2, &p) }); n != 0 {
		t.Errorf("%v allocations for an exchange", n)
	}
}
