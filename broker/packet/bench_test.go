package packet

import "testing"

// The message of the suite's standard workload: a Topic Name of 20 bytes and a
// payload of 16.
var benchPublish = Publish{Topic: []byte("company/site/dev0001"), Payload: []byte("0123456789abcdef")}

func BenchmarkPublishDecode(b *testing.B) {
	for _, v := range []Version{V311, V5} {
		b.Run(v.String(), func(b *testing.B) {
			buf := benchPublish.Append(nil, v)
			var p Publish
			b.ReportAllocs()
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				f, err := Next(buf, 0)
				if err != nil || f.Size != len(buf) {
					b.Fatal(f, err)
				}
				if err := p.Decode(v, f.Flags, f.Body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPublishDecodeProps(b *testing.B) {
	p := benchPublish
	for _, prop := range []Prop{
		{ID: PropMessageExpiryInterval, N: 60},
		{ID: PropTopicAlias, N: 7},
		{ID: PropUserProperty, Key: []byte("unit"), B: []byte("kelvin")},
	} {
		p.Props = AppendProp(p.Props, prop)
	}
	buf := p.Append(nil, V5)
	f, _ := Next(buf, 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Decode(V5, f.Flags, f.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPublishAppend(b *testing.B) {
	for _, v := range []Version{V311, V5} {
		b.Run(v.String(), func(b *testing.B) {
			p := benchPublish
			p.QoS, p.ID = 1, 7
			buf := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				buf = p.Append(buf[:0], v)
			}
		})
	}
}

func BenchmarkAppendAck(b *testing.B) {
	buf := make([]byte, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendAck(buf[:0], V311, PUBACK, 7, Success)
	}
}

func BenchmarkAckDecode(b *testing.B) {
	buf := AppendAck(nil, V311, PUBACK, 7, Success)
	var a Ack
	b.ReportAllocs()
	for b.Loop() {
		f, _ := Next(buf, 0)
		if err := a.Decode(V311, f.Type, f.Flags, f.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConnectDecode(b *testing.B) {
	c := Connect{Version: V5, CleanStart: true, KeepAlive: 60, ClientID: []byte("client-000001"),
		HasUsername: true, Username: []byte("user"), HasPassword: true, Password: []byte("secret")}
	f, _ := Next(c.Append(nil), 0)
	var d Connect
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Decode(f.Flags, f.Body); err != nil {
			b.Fatal(err)
		}
	}
}
