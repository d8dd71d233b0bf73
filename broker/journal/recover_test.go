package journal

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// everything is a small broker's journal, with all kinds of records.
func everything(w *Writer) {
	w.Reserve(100, 1000)
	shared := Message{Topic: []byte("shared"), Payload: []byte("for two"), QoS: 2, Expires: wallNow + 3*second}
	w.PutMessage(50, &shared, 2)
	w.PutMessage(51, &Message{Topic: []byte("orphan")}, 1)
	w.Retain(&Message{Topic: []byte("r/1"), Props: packet.Props("\x01\x01"), Payload: []byte("kept"), QoS: 1})

	w.PutSession(3, &Head{ClientID: []byte("three"), Expiry: 60, Since: wallNow - 10*second})
	w.Subscribe(3, &Subscription{Filter: []byte("shared"), QoS: 2, SubID: 9})
	w.Subscribe(3, &Subscription{Filter: []byte("a/+"), QoS: 1, NoLocal: true})
	w.Receive(3, 700)
	w.Receive(3, 5)
	w.SetWill(3, &Will{Message: Message{Topic: []byte("gone"), QoS: 1}, Delay: 30})
	one := func(topic string) Promise { return Promise{Message: Message{Topic: []byte(topic), QoS: 1}, QoS: 1} }
	for at, p := range map[Position]Promise{
		10: one("released"), 11: {ID: 50, QoS: 2, SubIDs: []uint32{9, 10}}, 12: one("done"), 13: one("sent"), 20: one("waits"), 300: one("last"),
	} {
		w.Promise(3, at, &p)
	}
	for i, at := range []Position{10, 11, 12, 13} {
		w.Send(3, at, packet.ID(65534+i-i/2*65535)) // 65534, 65535, 1, 2
	}
	w.Pubrec(3, 10, 65534)
	w.Done(3, 12, Sent)

	w.PutSession(4, &Head{ClientID: []byte("four"), Expiry: NeverExpires})
	w.Promise(4, 1, &Promise{ID: 50, QoS: 1, Retain: true})
}

func TestRecovery(t *testing.T) {
	m := memory{}
	everything(&Writer{To: m})
	out := m.mustRead(t)
	if len(out.Sessions) != 2 || out.NextSession != 100 || out.NextMessage != 1000 {
		t.Fatalf("%+v", out)
	}
	if diff := cmp.Diff([]MessageID{51}, out.Orphans); diff != "" {
		t.Errorf("orphans: %s", diff)
	}
	if len(out.Retained) != 1 || string(out.Retained[0].Topic) != "r/1" || string(out.Retained[0].Payload) != "kept" || string(out.Retained[0].Props) != "\x01\x01" || out.Retained[0].QoS != 1 {
		t.Errorf("retained: %+v", out.Retained)
	}
	if sh := out.Messages[50]; sh.Refs != 2 || sh.Message.Expires != clockNow+3*second {
		t.Errorf("the shared message: %+v", sh)
	}
	s := out.Sessions[0]
	if s.ID != 3 || s.ClientID != "three" || s.Expiry != 60 || s.Since != wallNow-10*second || s.WasConnected {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]Subscription{
		{Filter: []byte("a/+"), QoS: 1, NoLocal: true}, {Filter: []byte("shared"), QoS: 2, SubID: 9},
	}, s.Subscriptions); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"65534 QoS 2 PUBREL",
		"65535 QoS 2 shared [9 10]",
		"2 QoS 1 sent []",
		"0 QoS 1 waits []",
		"0 QoS 1 last []",
	}, promises(&s.State)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Place{
		{10, 0, Released}, {11, 50, Sent}, {13, 0, Sent}, {20, 0, Waiting}, {300, 0, Waiting},
	}, s.Places); diff != "" {
		t.Error(diff)
	}
	var ids []packet.ID
	for id := range s.State.ReceivedIDs() {
		ids = append(ids, id)
	}
	if diff := cmp.Diff([]packet.ID{5, 700}, ids); diff != "" {
		t.Error(diff)
	}
	if s.Will == nil || string(s.Will.Message.Topic) != "gone" || s.Will.Delay != 30 || s.Since != wallNow-10*second || s.NextPosition() != 301 {
		t.Errorf("will %+v, next position %d", s.Will, s.NextPosition())
	}

	s = out.Sessions[1]
	if !s.WasConnected || s.Since != wallNow || s.Will != nil {
		t.Errorf("%+v", s)
	}
	held := map[*session.Message]bool{}
	for _, s := range out.Sessions {
		for d := range s.State.Promises() {
			if d.Msg != nil {
				held[d.Msg] = true
			}
		}
	}
	out.Sessions[0].State.Clear()
	out.Sessions[1].State.Clear()
	for m := range held {
		if !spent(m) {
			t.Error("a message is held by nobody's session")
		}
	}
}

// spent reports whether the last reference was let go: then nobody may hold it.
func spent(m *session.Message) (yes bool) {
	defer func() { yes = recover() != nil }()
	m.Hold()
	return false
}

// TestTimesOfMessages: a date before this process began, even just at the beginning of its clock, stays a date.
func TestTimesOfMessages(t *testing.T) {
	r := NewRecovery(session.Limits{}, wallNow, clockNow)
	for wall, want := range map[int64]int64{
		0:                     0,
		wallNow:               clockNow,
		wallNow - clockNow:    -1,
		wallNow - 20*second:   clockNow - 20*second,
		wallNow + 3600*second: clockNow + 3600*second,
	} {
		if got := r.at(wall); got != want {
			t.Errorf("at(%d) is %d, want %d", wall-wallNow, got, want)
		}
	}
}

func TestDamage(t *testing.T) {
	const prefix = "S\x00\x00\x00\x00\x00\x00\x00\x03"
	place := func(at byte) string { return prefix + "\x04\x00\x00\x00\x00\x00\x00\x00" + string(at) }
	for name, c := range map[string]struct {
		spoil func(m memory)
		want  string
	}{
		"message gone": {func(m memory) { delete(m, "M\x00\x00\x00\x00\x00\x00\x00\x32") }, "message 50 is missing"},
		"promised too often": {func(m memory) {
			m["M\x00\x00\x00\x00\x00\x00\x00\x32"] = "\x01" + m["M\x00\x00\x00\x00\x00\x00\x00\x32"][1:]
		}, "not more"},
		"no head":             {func(m memory) { delete(m, prefix+"\x00") }, "without a head"},
		"short head":          {func(m memory) { m[prefix+"\x00"] = "\x00\x00\x00" }, "value is malformed"},
		"no reserve":          {func(m memory) { delete(m, "A") }, "not reserved"},
		"reserved too few":    {func(m memory) { m["A"] = "\x00\x00\x00\x00\x00\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x33" }, "not reserved"},
		"reserved too few, 2": {func(m memory) { m["A"] = "\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x03\xe8" }, "not reserved"},
		"unknown kind":        {func(m memory) { m["X"] = "" }, "no known kind"},
		"unknown part":        {func(m memory) { m[prefix+"\x05"] = "" }, "key is malformed"},
		"unknown flag":        {func(m memory) { m[prefix+"\x01a/+"] = "\x10\x00" }, "value is malformed"},
		"QoS 3":               {func(m memory) { m[prefix+"\x01a/+"] = "\x03\x00" }, "value is malformed"},
		"promise of QoS 0":    {func(m memory) { m[place(20)+"\x00"] = "\x00\x32" }, "value is malformed"},
		"more behind it":      {func(m memory) { m[prefix+"\x01a/+"] += "\x00" }, "value is malformed"},
		"identifier 0":        {func(m memory) { m[prefix+"\x02\x00\x00"] = "" }, "key is malformed"},
		"sent, not promised":  {func(m memory) { delete(m, place(13)+"\x00") }, "do not belong together"},
		"sent and released":   {func(m memory) { m[place(13)+"\x02"] = "\x00\x02" }, "do not belong together"},
		"sent after waiting":  {func(m memory) { delete(m, place(11)+"\x01") }, "does not follow"},
		"identifier twice":    {func(m memory) { m[place(13)+"\x01"] = "\xff\xff" }, "does not follow"},
		"a length too long":   {func(m memory) { m["Rr/1"] = "\x01\x00\xff\xff\xff\xff\x0fx" }, "value is malformed"},
		"retained has a name": {func(m memory) { m["Rr/1"] = "\x01\x01a\x00x" }, "value is malformed"},
	} {
		m := memory{}
		everything(&Writer{To: m})
		c.spoil(m)
		_, err := m.read()
		var damage *DamageError
		if !errors.As(err, &damage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	r := NewRecovery(session.Limits{}, wallNow, clockNow)
	if r.Add([]byte("Rb"), []byte("\x00\x00\x00")) != nil || r.Add([]byte("Ra"), []byte("\x00\x00\x00")) == nil {
		t.Error("records out of order were taken")
	}
}

func TestNothing(t *testing.T) {
	out := memory{}.mustRead(t)
	if out.NextMessage != 1 || out.NextSession != 1 || len(out.Sessions) != 0 {
		t.Errorf("%+v", out)
	}
}
