//go:build !race

package broker

import (
	"fmt"
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

// An ACL, of a few rules or of hundreds, costs no allocation for a message either.
func TestNoAllocationsWithACL(t *testing.T) {
	for what, acl := range map[string]string{
		"few":  "topic a/b",
		"many": strings.Repeat("topic read x/y\n", 300) + "pattern read %c/#\ntopic a/+\n",
	} {
		f := newGuard(t, acl)
		overDrivers(t, Options{Guard: f.guard}, func(t *testing.T, b *bench) {
			for _, fanOut := range []int{1, 20} {
				for qos := range packet.QoS(3) {
					t.Run(fmt.Sprintf("%s/fan-out=%d/qos=%d", what, fanOut, qos), func(t *testing.T) {
						x := newExchange(&bench{b.Server, t}, packet.V5, qos, fanOut, 16)
						x.run()
						allowed := max(1, float64(x.batch*fanOut)/500) * float64(min(qos, 1))
						if n := testing.AllocsPerRun(30, x.run); n > allowed {
							t.Errorf("%v allocations for %d deliveries", n, x.batch*fanOut)
						}
						x.leave()
					})
				}
			}
		})
	}
}
