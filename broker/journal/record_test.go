package journal

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"mqttbench/broker/packet"
)

// TestRecords holds the form on disk: a directory must be readable for every
// later version. What is here is typed by hand from the comments in key.go and record.go.
func TestRecords(t *testing.T) {
	const s, at = SessionID(0x0102), Position(7)
	const prefix = "S\x00\x00\x00\x00\x00\x00\x01\x02"
	const place = prefix + "\x04\x00\x00\x00\x00\x00\x00\x00\x07"
	msg := Message{Topic: []byte("a/b"), Props: packet.Props("\x01\x01"), Payload: []byte("hello"), QoS: 2}
	const encoded = "\x02\x03a/b\x02\x01\x01hello"
	expiring := Message{Topic: []byte("t"), Payload: []byte("p"), QoS: 1, Expires: 0x0A0B}
	const encodedExpiring = "\x05\x00\x00\x00\x00\x00\x00\x0A\x0B\x01t\x00p"
	for _, c := range []struct {
		name  string
		write func(w *Writer)
		want  memory
	}{
		{"reserve", func(w *Writer) { w.Reserve(0x0103, 0x0105) },
			memory{"A": "\x00\x00\x00\x00\x00\x00\x01\x03\x00\x00\x00\x00\x00\x00\x01\x05"}},
		{"session", func(w *Writer) { w.PutSession(s, &Head{ClientID: []byte("client"), Expiry: 3600, Since: 5}) },
			memory{prefix + "\x00": "\x00\x00\x0e\x10\x00\x00\x00\x00\x00\x00\x00\x05client"}},
		{"subscription", func(w *Writer) {
			w.Subscribe(s, &Subscription{Filter: []byte("a/#"), SubID: 300, QoS: 1, NoLocal: true})
			w.Subscribe(s, &Subscription{Filter: []byte("+"), QoS: 2, RetainAsPublished: true})
		}, memory{prefix + "\x01a/#": "\x05\xac\x02", prefix + "\x01+": "\x0a\x00"}},
		{"received", func(w *Writer) { w.Receive(s, 0x1234) },
			memory{prefix + "\x02\x12\x34": ""}},
		{"will", func(w *Writer) {
			w.SetWill(s, &Will{Message: msg, Retain: true, HasExpiry: true, Delay: 10, Expiry: 300})
		}, memory{prefix + "\x03": "\x0c\x0a\xac\x02" + encoded}},
		{"promise with its message", func(w *Writer) { w.Promise(s, at, &Promise{Message: msg, QoS: 1, Retain: true}) },
			memory{place + "\x00": "\x0d" + encoded}},
		{"promise of a message", func(w *Writer) { w.Promise(s, at, &Promise{ID: 300, QoS: 2, SubIDs: []uint32{1, 200}}) },
			memory{place + "\x00": "\x12\x02\x01\xc8\x01\xac\x02"}},
		{"sent", func(w *Writer) { w.Send(s, at, 0xFFFE) },
			memory{place + "\x01": "\xff\xfe"}},
		{"message", func(w *Writer) { w.PutMessage(9, &expiring, 2) },
			memory{"M\x00\x00\x00\x00\x00\x00\x00\x09": "\x02" + encodedExpiring}},
		{"retained", func(w *Writer) { w.Retain(&expiring) },
			memory{"Rt": "\x05\x00\x00\x00\x00\x00\x00\x0A\x0B\x00\x00p"}},
		{"PUBREC", func(w *Writer) {
			w.Promise(s, at, &Promise{Message: msg, QoS: 2})
			w.Send(s, at, 1)
			w.Pubrec(s, at, 1)
		}, memory{place + "\x02": "\x00\x01"}},
	} {
		got := memory{}
		c.write(&Writer{To: got})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// TestUndo: for every record there is one that leaves nothing.
func TestUndo(t *testing.T) {
	m := memory{}
	w := Writer{To: m}
	msg := Message{Topic: []byte("t"), QoS: 2}
	for name, do := range map[string]func(){
		"subscription": func() { w.Subscribe(1, &Subscription{Filter: []byte("f")}); w.Unsubscribe(1, []byte("f")) },
		"will":         func() { w.SetWill(1, &Will{Message: msg}); w.ClearWill(1) },
		"received":     func() { w.Receive(1, 2); w.Release(1, 2) },
		"message":      func() { w.PutMessage(1, &msg, 2); w.DropMessage(1) },
		"retained":     func() { w.Retain(&msg); w.Unretain(msg.Topic) },
		"waiting":      func() { w.Promise(1, 1, &Promise{Message: msg, QoS: 1}); w.Done(1, 1, Waiting) },
		"sent":         func() { w.Promise(1, 1, &Promise{Message: msg, QoS: 1}); w.Send(1, 1, 1); w.Done(1, 1, Sent) },
		"released": func() {
			w.Promise(1, 1, &Promise{Message: msg, QoS: 2})
			w.Send(1, 1, 1)
			w.Pubrec(1, 1, 1)
			w.Done(1, 1, Released)
		},
		"session": func() {
			w.PutSession(1, &Head{})
			w.SetWill(1, &Will{Message: msg})
			w.Receive(1, 0xFFFF)
			w.Promise(1, 1<<63, &Promise{Message: msg, QoS: 1})
			w.EndSession(1)
		},
	} {
		do()
		if len(m) != 0 {
			t.Errorf("%s leaves %q", name, m)
			clear(m)
		}
	}
	w.PutSession(1, &Head{})
	w.PutSession(2, &Head{})
	w.PutSession(0x101, &Head{})
	w.EndSession(1)
	if len(m) != 2 {
		t.Errorf("the end of session 1 left %d of 2 others", len(m))
	}
}

// TestRoundTrip decodes what was encoded.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.Byte(), 0, 200)
		qos := rapid.Map(rapid.IntRange(0, 2), func(n int) packet.QoS { return packet.QoS(n) })
		message := rapid.Custom(func(t *rapid.T) Message {
			return Message{
				Topic: bytes.Draw(t, "topic"), Props: packet.Props(bytes.Draw(t, "props")), Payload: bytes.Draw(t, "payload"),
				QoS: qos.Draw(t, "qos"), Expires: rapid.Int64().Draw(t, "expires"),
			}
		})
		m := message.Draw(t, "message")
		check(t, m, appendMessage(nil, &m), (*cursor).message)

		p := Promise{QoS: 1 + packet.QoS(rapid.IntRange(0, 1).Draw(t, "q")), Retain: rapid.Bool().Draw(t, "retain"),
			SubIDs: rapid.SliceOfN(rapid.Uint32(), 0, 5).Draw(t, "subs")}
		if p.ID = MessageID(rapid.Uint64Range(0, 3).Draw(t, "id")); p.ID == 0 {
			p.Message = m
		}
		check(t, p, appendPromise(nil, &p), (*cursor).promise)

		h := Head{ClientID: bytes.Draw(t, "client"), Expiry: rapid.Uint32().Draw(t, "expiry"), Since: rapid.Int64().Draw(t, "since")}
		check(t, h, appendHead(nil, &h), (*cursor).head)

		w := Will{Message: m, Retain: p.Retain, HasExpiry: rapid.Bool().Draw(t, "has"), Delay: h.Expiry, Expiry: rapid.Uint32().Draw(t, "we")}
		check(t, w, appendWill(nil, &w), (*cursor).will)

		s := Subscription{SubID: w.Expiry, QoS: m.QoS, NoLocal: p.Retain, RetainAsPublished: w.HasExpiry}
		check(t, s, appendSubscription(nil, &s), (*cursor).subscription)
	})
}

func check[T any](t *rapid.T, want T, encoded []byte, decode func(*cursor, *T)) {
	var got T
	c := cursor{b: encoded}
	decode(&c, &got)
	if diff := cmp.Diff(want, got, cmp.Comparer(sameBytes), cmp.Comparer(sameIDs)); diff != "" || c.bad || len(c.b) > 0 {
		t.Fatalf("%q: %s, bad %v, %d bytes are left", encoded, diff, c.bad, len(c.b))
	}
}

// An empty slice is as good as none.
func sameBytes(a, b []byte) bool { return string(a) == string(b) }
func sameIDs(a, b []uint32) bool { return len(a) == 0 && len(b) == 0 || cmp.Equal(a, b) }

// FuzzAdd gives a recovery records that nobody has written: it must refuse or accept, and not panic.
func FuzzAdd(f *testing.F) {
	m := memory{}
	w := Writer{To: m}
	everything(&w)
	for k, v := range m {
		f.Add([]byte(k), []byte(v))
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		m := memory{}
		everything(&Writer{To: m})
		m[string(key)] = string(value)
		if out, err := m.read(); err == nil {
			for _, s := range out.Sessions {
				s.State.Clear()
			}
		}
	})
}
