package packet

import (
	"bytes"
	"fmt"
	"testing"
)

// TestHead: AppendHead and then the payload is what Append makes.
func TestHead(t *testing.T) {
	for _, v := range []Version{V31, V311, V5} {
		for qos := range QoS(3) {
			for _, size := range []int{0, 1, 200, 20_000, 3_000_000} {
				p := Publish{Topic: []byte("a/b"), QoS: qos, Payload: bytes.Repeat([]byte{7}, size), Retain: true}
				if qos > 0 {
					p.ID = 513
				}
				p.Props = AppendProp(nil, Prop{ID: PropPayloadFormatIndicator, N: 1})
				head := p.AppendHead([]byte("before"), v)
				if got, want := append(head, p.Payload...), p.Append([]byte("before"), v); !bytes.Equal(got, want) {
					t.Error(fmt.Sprint(v, " QoS ", qos, ", ", size, " bytes: the two differ"))
				}
			}
		}
	}
}
