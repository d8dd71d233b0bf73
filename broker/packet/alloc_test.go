//go:build !race

package packet

import "testing"

// TestAllocs holds the promise of the package's documentation. (The race
// detector allocates on its own account.)
func TestAllocs(t *testing.T) {
	dst := make([]byte, 0, 1024)
	frame := func(v Version, p any) Frame {
		f, err := Next(encode(nil, v, p), 0)
		if err != nil || f.Size == 0 {
			t.Fatal("no frame", err)
		}
		return f
	}
	props := &Publish{Topic: text("a/b"), QoS: 1, ID: 7, Props: wire(allPublishProps)}
	connect := with(emptyConnect(V5), func(c *Connect) {
		c.ClientID, c.Props = text("c"), wire(allConnectProps)
		c.HasWill, c.Will = true, Will{Topic: text("w"), Props: wire(allWillProps)}
	})
	subscribe := &Subscribe{ID: 1, Subs: []Subscription{{Filter: text("a/+")}, {Filter: text("$share/g/#")}}}
	var (
		p Publish
		a Ack
		c Connect
		k Connack
		s Subscribe
		u Suback
		d Disconnect
	)
	publish3, publish5, publishProps := benchPublish.Append(nil, V311), benchPublish.Append(nil, V5), frame(V5, props)
	bad := wire(`30 07 00 01 'a' 03 23 00 00`)
	ack := frame(V5, &Ack{Type: PUBREC, ID: 1, Reason: QuotaExceeded})
	connectFrame, connackFrame := frame(V5, connect), frame(V5, emptyConnack())
	subscribeFrame := frame(V5, subscribe)
	subackFrame := frame(V5, &Suback{ID: 1, Codes: []ReasonCode{0, 1, 2, 0x80}})

	for _, x := range []struct {
		name string
		run  func() error
	}{
		{"Next and Publish.Decode 3.1.1", func() error {
			f, _ := Next(publish3, 0)
			return p.Decode(V311, f.Flags, f.Body)
		}},
		{"Next and Publish.Decode 5.0", func() error {
			f, _ := Next(publish5, 0)
			return p.Decode(V5, f.Flags, f.Body)
		}},
		{"Publish.Decode with properties", func() error { return p.Decode(V5, publishProps.Flags, publishProps.Body) }},
		{"Props.All and Get", func() error {
			n := 0
			for range props.Props.All() {
				n++
			}
			if _, ok := props.Props.Get(PropUserProperty); !ok || n != 9 {
				t.Errorf("%d properties", n)
			}
			return nil
		}},
		{"Publish.Append 3.1.1", func() error { dst = props.Append(dst[:0], V311); return nil }},
		{"Publish.Append 5.0", func() error { dst = props.Append(dst[:0], V5); return nil }},
		{"refusing a PUBLISH", func() error {
			f, _ := Next(bad, 0)
			if p.Decode(V5, f.Flags, f.Body) == nil {
				t.Error("not refused")
			}
			return nil
		}},
		{"refusing a frame", func() error {
			if _, err := Next(bad, 1); err == nil {
				t.Error("not refused")
			}
			return nil
		}},
		{"Ack.Decode", func() error { return a.Decode(V5, ack.Type, ack.Flags, ack.Body) }},
		{"AppendAck", func() error { dst = AppendAck(dst[:0], V5, PUBREC, 1, QuotaExceeded); return nil }},
		{"Ack.Append", func() error { dst = a.Append(dst[:0], V5); return nil }},
		{"Connect.Decode", func() error { return c.Decode(connectFrame.Flags, connectFrame.Body) }},
		{"Connect.Append", func() error { dst = connect.Append(dst[:0]); return nil }},
		{"Connack.Decode", func() error { return k.Decode(V5, connackFrame.Flags, connackFrame.Body) }},
		{"Connack.Append", func() error { dst = k.Append(dst[:0], V5); return nil }},
		{"Subscribe.Decode again", func() error { return s.Decode(V5, subscribeFrame.Flags, subscribeFrame.Body) }},
		{"Subscribe.Append", func() error { dst = subscribe.Append(dst[:0], V5); return nil }},
		{"Suback.Decode again", func() error { return u.Decode(V5, false, subackFrame.Flags, subackFrame.Body) }},
		{"Suback.Append", func() error { dst = u.Append(dst[:0], V5); return nil }},
		{"Disconnect", func() error {
			dst = d.Append(dst[:0], V5)
			return d.Decode(V5, 0, nil)
		}},
		{"PINGRESP", func() error {
			dst = AppendPing(dst[:0], PINGRESP)
			return CheckEmpty(0, nil)
		}},
	} {
		n := testing.AllocsPerRun(100, func() {
			if err := x.run(); err != nil {
				t.Fatalf("%s: %v", x.name, err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", x.name, n)
		}
	}
}
