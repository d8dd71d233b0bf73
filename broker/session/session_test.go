package session

import (
	"fmt"
	"slices"
	"testing"

	"mqttbench/broker/packet"
)

func newSession(l Limits) *Session {
	s := new(Session)
	s.Init(l)
	return s
}

func nextID(id packet.ID) packet.ID {
	if id == 65535 {
		return 1
	}
	return id + 1
}

// offer promises a message with one payload byte, n, and returns the identifier, or 0
// with another verdict than Send.
func offer(t testing.TB, s *Session, qos packet.QoS, n byte, want Verdict) packet.ID {
	t.Helper()
	return offerUntil(t, s, qos, n, 0, want)
}

func offerUntil(t testing.TB, s *Session, qos packet.QoS, n byte, expires int64, want Verdict) packet.ID {
	t.Helper()
	m := NewMessage([]byte("t"), nil, []byte{n}, qos, expires)
	defer m.Release()
	d, v := s.Offer(m, qos, false, nil, true)
	if v != want {
		t.Fatalf("message %d: verdict %d, want %d", n, v, want)
	}
	return d.ID
}

// show writes deliveries as a list such as "1:PUBLISH(a) 2:DUP(b) 3:PUBREL",
// identifier first.
func show(ds ...Delivery) string {
	s := ""
	for i, d := range ds {
		if i > 0 {
			s += " "
		}
		switch {
		case d.Release:
			s += fmt.Sprintf("%d:PUBREL", d.ID)
		case d.Dup:
			s += fmt.Sprintf("%d:DUP(%s)", d.ID, d.Msg.Payload)
		default:
			s += fmt.Sprintf("%d:PUBLISH(%s)", d.ID, d.Msg.Payload)
		}
	}
	return s
}

func all(next func(int64) (Delivery, bool), now int64) string {
	var ds []Delivery
	for d, ok := next(now); ok; d, ok = next(now) {
		ds = append(ds, d)
	}
	return show(ds...)
}

func expect(t testing.TB, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEveryPacketInEveryState is the table of the package documentation. Each row
// starts from one exchange brought to a state, and lets one acknowledgement come.
func TestEveryPacketInEveryState(t *testing.T) {
	const id = 1
	states := map[string]struct {
		qos  packet.QoS
		path func(*Session)
	}{
		"never used":  {1, func(s *Session) { s.Clear(); s.Online(0) }},
		"QoS 1 sent":  {1, func(*Session) {}},
		"QoS 1 done":  {1, func(s *Session) { s.Puback(id) }},
		"QoS 2 sent":  {2, func(*Session) {}},
		"released":    {2, func(s *Session) { s.Pubrec(id, 0) }},
		"QoS 2 done":  {2, func(s *Session) { s.Pubrec(id, 0); s.Pubcomp(id) }},
		"QoS 2 error": {2, func(s *Session) { s.Pubrec(id, 0x97) }},
	}
	// What each packet returns, and what is sent again on the next connection.
	for _, c := range []struct {
		state, packet string
		known         bool
		release       bool
		resent        string
	}{
		{"never used", "PUBACK", false, false, ""},
		{"never used", "PUBREC", false, false, ""},
		{"never used", "PUBREC error", false, false, ""},
		{"never used", "PUBCOMP", false, false, ""},

		{"QoS 1 sent", "nothing", false, false, "1:DUP(m)"},
		{"QoS 1 sent", "PUBACK", true, false, ""},
		{"QoS 1 sent", "PUBREC", false, false, "1:DUP(m)"},
		{"QoS 1 sent", "PUBREC error", false, false, "1:DUP(m)"},
		{"QoS 1 sent", "PUBCOMP", false, false, "1:DUP(m)"},

		{"QoS 1 done", "PUBACK", false, false, ""},
		{"QoS 1 done", "PUBREC", false, false, ""},
		{"QoS 1 done", "PUBREC error", false, false, ""},
		{"QoS 1 done", "PUBCOMP", false, false, ""},

		{"QoS 2 sent", "nothing", false, false, "1:DUP(m)"},
		{"QoS 2 sent", "PUBACK", false, false, "1:DUP(m)"},
		{"QoS 2 sent", "PUBREC", true, true, "1:PUBREL"},
		{"QoS 2 sent", "PUBREC 0x10", true, true, "1:PUBREL"},
		{"QoS 2 sent", "PUBREC error", true, false, ""},
		{"QoS 2 sent", "PUBCOMP", false, false, "1:DUP(m)"},

		{"released", "nothing", false, false, "1:PUBREL"},
		{"released", "PUBACK", false, false, "1:PUBREL"},
		{"released", "PUBREC", true, true, "1:PUBREL"},
		{"released", "PUBREC error", true, false, ""},
		{"released", "PUBCOMP", true, false, ""},

		{"QoS 2 done", "PUBACK", false, false, ""},
		{"QoS 2 done", "PUBREC", false, false, ""},
		{"QoS 2 done", "PUBREC error", false, false, ""},
		{"QoS 2 done", "PUBCOMP", false, false, ""},

		{"QoS 2 error", "PUBREC", false, false, ""},
		{"QoS 2 error", "PUBCOMP", false, false, ""},
	} {
		// With an older exchange in flight the same must hold: then what is done stays
		// as a hole.
		for _, older := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%s/older=%v", c.state, c.packet, older), func(t *testing.T) {
				s := newSession(Limits{})
				s.Online(0)
				offer(t, s, states[c.state].qos, 'm', Send)
				if older { // The exchange under test is 1 all the same.
					s.Clear()
					s.base = 65535
					s.Online(0)
					offer(t, s, 1, 'o', Send)
					if c.state != "never used" {
						offer(t, s, states[c.state].qos, 'm', Send)
					}
				}
				if c.state != "never used" {
					states[c.state].path(s)
				}
				if !older && c.state == "never used" {
					states[c.state].path(s)
				}
				var known, release bool
				switch c.packet {
				case "PUBACK":
					known = s.Puback(id)
				case "PUBREC":
					known, release = s.Pubrec(id, 0)
				case "PUBREC 0x10": // No matching subscribers: not an error.
					known, release = s.Pubrec(id, 0x10)
				case "PUBREC error":
					known, release = s.Pubrec(id, 0x80)
				case "PUBCOMP":
					known = s.Pubcomp(id)
				}
				if known != c.known || release != c.release {
					t.Errorf("known %v release %v, want %v %v", known, release, c.known, c.release)
				}
				s.Offline()
				s.Online(0)
				want := c.resent
				if older {
					want = "65535:DUP(o)"
					if c.resent != "" {
						want += " " + c.resent
					}
				}
				expect(t, all(s.Resend, 0), want)
			})
		}
	}
}

func TestIdentifierZeroIsNobodys(t *testing.T) {
	s := newSession(Limits{})
	s.base = 65535
	s.Online(0)
	offer(t, s, 1, 'a', Send)
	offer(t, s, 1, 'b', Send)
	if known, release := s.Pubrec(0, 0); s.Puback(0) || s.Pubcomp(0) || known || release {
		t.Error("identifier 0 is known")
	}
	if !s.Puback(65535) || !s.Puback(1) {
		t.Error("65535 is not followed by 1")
	}
}

func TestWindow(t *testing.T) {
	s := newSession(Limits{MaxInflight: 3})
	offer(t, s, 1, 'a', Queued) // Nobody there yet.
	s.Online(2)
	expect(t, all(s.Next, 0), "1:PUBLISH(a)")
	offer(t, s, 2, 'b', Send)
	offer(t, s, 1, 'c', Queued)
	s.Pubrec(2, 0) // Gives nothing back, [v5 4.9].
	expect(t, all(s.Next, 0), "")
	s.Pubcomp(2)
	expect(t, all(s.Next, 0), "3:PUBLISH(c)")
	offer(t, s, 2, 'd', Queued)
	s.Puback(3)
	expect(t, all(s.Next, 0), "4:PUBLISH(d)")
	s.Pubrec(4, 0x80)
	offer(t, s, 1, 'e', Send)
	s.Offline()
	offer(t, s, 1, 'f', Queued)
	offer(t, s, 1, 'g', Queued)
	s.Online(100) // MaxInflight is 3.
	expect(t, all(s.Next, 0), "1:DUP(a) 5:DUP(e) 6:PUBLISH(f)")
	if s.Inflight() != 3 || s.Queued() != 1 {
		t.Errorf("%d in flight, %d waiting", s.Inflight(), s.Queued())
	}
}

// TestResumeInRounds resumes four exchanges under a Receive Maximum of 1.
func TestResumeInRounds(t *testing.T) {
	s := newSession(Limits{})
	s.Online(0)
	for _, n := range []byte("abcd") {
		offer(t, s, 2, n, Send)
	}
	s.Pubrec(2, 0)
	s.Pubrec(3, 0)
	s.Offline()
	offer(t, s, 1, 'e', Queued)
	s.Online(1)
	expect(t, all(s.Resend, 0), "1:DUP(a) 2:PUBREL 3:PUBREL") // A PUBREL needs no room.
	offer(t, s, 1, 'f', Queued)
	expect(t, all(s.Next, 0), "")
	s.Pubrec(1, 0)
	s.Pubcomp(1)
	s.Pubcomp(3)
	expect(t, all(s.Resend, 0), "") // 2 is still open.
	s.Pubcomp(2)
	expect(t, all(s.Next, 0), "4:DUP(d)") // Next carries the resume on.
	s.Pubrec(4, 0)
	s.Pubcomp(4)
	expect(t, all(s.Next, 0), "5:PUBLISH(e)")
	s.Puback(5)
	expect(t, all(s.Next, 0), "6:PUBLISH(f)")
	s.Puback(6)
	if !s.Empty() {
		t.Error("not empty")
	}
}

// TestClientIsFaster lets acknowledgements of the last connection come before the
// resume has reached their exchanges.
func TestClientIsFaster(t *testing.T) {
	s := newSession(Limits{})
	s.Online(0)
	for _, n := range []byte("abcd") {
		offer(t, s, 2-packet.QoS(n%2), n, Send) // a and c QoS 1, b and d QoS 2.
	}
	s.Offline()
	s.Online(1)
	if known, release := s.Pubrec(2, 0); !known || !release {
		t.Error("PUBREC is not known")
	}
	if !s.Puback(3) {
		t.Error("PUBACK is not known")
	}
	// The PUBREL of 2 is open and takes the window.
	expect(t, all(s.Resend, 0), "")
	s.Pubcomp(2)
	expect(t, all(s.Resend, 0), "1:DUP(a)")
	s.Puback(1)
	expect(t, all(s.Resend, 0), "4:DUP(d)")
	offer(t, s, 1, 'e', Queued) // The window is shut, but the resume is over:
	s.Pubrec(4, 0x80)
	expect(t, all(s.Next, 0), "5:PUBLISH(e)")
	s.Offline()
	s.Online(1)
	s.Puback(5) // The resume ends here, with nothing sent again.
	offer(t, s, 1, 'f', Send)
}

func TestNoRoomInTheConnection(t *testing.T) {
	s := newSession(Limits{})
	s.Online(0)
	m := NewMessage(nil, nil, []byte("a"), 1, 0)
	if _, v := s.Offer(m, 1, false, nil, false); v != Queued {
		t.Errorf("verdict %d, want Queued", v)
	}
	m.Release()
	offer(t, s, 1, 'b', Queued) // Must not overtake.
	expect(t, all(s.Next, 0), "1:PUBLISH(a) 2:PUBLISH(b)")
}

func TestExpiry(t *testing.T) {
	s := newSession(Limits{})
	s.Online(2)
	offerUntil(t, s, 1, 'a', 10, Send)
	offerUntil(t, s, 2, 'b', 10, Send)
	offerUntil(t, s, 1, 'c', 10, Queued)
	offerUntil(t, s, 1, 'd', 30, Queued)
	offerUntil(t, s, 1, 'e', 20, Queued)
	offer(t, s, 1, 'f', Queued)
	s.Offline()
	s.Online(2)
	expect(t, all(s.Next, 50), "1:DUP(a) 2:DUP(b)") // Sent once, never expired, [v5 MQTT-4.3.3-7].
	if s.Expired() != 3 || s.Queued() != 1 {
		t.Errorf("%d expired, %d waiting", s.Expired(), s.Queued())
	}
	s.Puback(1)
	expect(t, all(s.Next, 50), "3:PUBLISH(f)")
}

func TestExpiryToTheNanosecond(t *testing.T) {
	s := newSession(Limits{})
	offerUntil(t, s, 1, 'a', 10, Queued)
	offerUntil(t, s, 1, 'b', 11, Queued)
	s.Online(0)
	expect(t, all(s.Next, 10), "1:PUBLISH(b)")
}

func TestExpireMakesRoom(t *testing.T) {
	s := newSession(Limits{MaxQueued: 4})
	offerUntil(t, s, 1, 'a', 10, Queued)
	offerUntil(t, s, 1, 'b', 10, Queued)
	offer(t, s, 1, 'c', Queued)
	offerUntil(t, s, 1, 'd', 10, Queued)
	offer(t, s, 1, 'e', Full)
	if n := s.Expire(9); n != 0 {
		t.Errorf("%d dropped too early", n)
	}
	if n := s.Expire(10); n != 2 || s.Expired() != 2 {
		t.Errorf("%d dropped, %d counted", n, s.Expired())
	}
	offer(t, s, 1, 'e', Queued)
	offer(t, s, 1, 'f', Queued)
	offer(t, s, 1, 'g', Full)
	s.Online(0)
	expect(t, all(s.Next, 20), "1:PUBLISH(c) 2:PUBLISH(e) 3:PUBLISH(f)")
}

func TestLimits(t *testing.T) {
	s := newSession(Limits{MaxQueued: 3})
	s.Online(2)
	offer(t, s, 1, 'a', Send)
	offer(t, s, 2, 'b', Send)
	offer(t, s, 1, 'c', Queued)
	offer(t, s, 1, 'd', Full)
	s.Pubrec(2, 0) // Not complete: still one of three.
	offer(t, s, 1, 'd', Full)
	s.Pubcomp(2)
	offer(t, s, 1, 'd', Queued)
	offer(t, s, 1, 'e', Full)

	s = newSession(Limits{MaxQueuedBytes: 10})
	for range 5 {
		offer(t, s, 2, 'x', Queued) // Two bytes each.
	}
	offer(t, s, 1, 'y', Full)
	s.Online(0)
	all(s.Next, 0)
	s.Pubrec(1, 0) // The message is not needed any more.
	offer(t, s, 1, 'z', Send)
	big := NewMessage(nil, nil, make([]byte, 11), 1, 0)
	if _, v := newSession(Limits{MaxQueuedBytes: 10}).Offer(big, 1, false, nil, true); v != Full {
		t.Error("a message larger than the limit was kept")
	}
	if big.refs.Load() != 1 {
		t.Error("a refused message is held")
	}
	big.Release()
}

func TestDefaultLimits(t *testing.T) {
	s := newSession(Limits{})
	if s.maxQueued != 100_000 || s.maxBytes != 64<<20 || s.maxInflight != 65535 {
		t.Errorf("%d messages, %d bytes, %d in flight", s.maxQueued, s.maxBytes, s.maxInflight)
	}
	s = newSession(Limits{MaxInflight: 1 << 20})
	if s.maxInflight != 65535 {
		t.Errorf("%d in flight", s.maxInflight)
	}
}

// TestSpan has a client that acknowledges everything but its oldest message. The
// identifiers run out before the window does, and nothing is sent with one in use.
func TestSpan(t *testing.T) {
	s := newSession(Limits{})
	s.base = 40_000
	s.Online(0)
	oldest := offer(t, s, 1, 'o', Send)
	for range maxSpan - 1 {
		if id := offer(t, s, 1, 'm', Send); !s.Puback(id) {
			t.Fatalf("%d is not known", id)
		}
	}
	if s.Inflight() != 1 {
		t.Fatalf("%d in flight", s.Inflight())
	}
	offer(t, s, 1, 'x', Queued)
	expect(t, all(s.Next, 0), "")
	s.Puback(oldest)
	expect(t, all(s.Next, 0), fmt.Sprintf("%d:PUBLISH(x)", oldest))
	if n := len(s.flight.slots); n != minSlots {
		t.Errorf("%d slots for one entry", n)
	}
}

func TestAllIdentifiersInFlight(t *testing.T) {
	s := newSession(Limits{})
	s.base = 65000
	s.Online(0)
	seen := make([]bool, maxSpan+1)
	for range maxSpan {
		id := offer(t, s, 2, 'm', Send)
		if id == 0 || seen[id] {
			t.Fatalf("identifier %d is in use", id)
		}
		seen[id] = true
	}
	offer(t, s, 2, 'x', Queued)
	s.Offline()
	s.Online(0)
	n := 0
	for d, ok := s.Resend(0); ok; d, ok = s.Resend(0) {
		if want := packet.ID((64999+n)%maxSpan + 1); d.ID != want {
			t.Fatalf("delivery %d has identifier %d, want %d", n, d.ID, want)
		}
		n++
	}
	if n != maxSpan {
		t.Errorf("%d sent again", n)
	}
}

func TestSubscriptionIdentifiers(t *testing.T) {
	s := newSession(Limits{})
	lists := [][]uint32{nil, {5}, {1, 2, 3}, {268435455}, {7, 8}, {9, 10}}
	m := NewMessage([]byte("t"), nil, nil, 2, 0)
	for _, ids := range lists {
		given := slices.Clone(ids)
		s.Offer(m, 2, true, given, true)
		clear(given) // It was copied.
	}
	if want := len(lists)*m.Size() + 4*(3+2+2); s.Bytes() != want {
		t.Errorf("%d bytes, want %d", s.Bytes(), want)
	}
	for range 2 { // PUBLISH, then again on another connection.
		s.Online(0)
		for _, want := range lists {
			d, ok := s.Next(0)
			if !ok || !slices.Equal(d.SubIDs, want) || !d.Retain {
				t.Errorf("got %v retain %v, want %v", d.SubIDs, d.Retain, want)
			}
		}
		s.Offline()
	}
	s.Online(0)
	all(s.Resend, 0)
	s.Pubrec(3, 0)
	d, _ := s.Offer(m, 1, false, []uint32{11, 12}, true) // The list of 3 serves again.
	if !slices.Equal(d.SubIDs, []uint32{11, 12}) || d.Retain {
		t.Errorf("got %v retain %v", d.SubIDs, d.Retain)
	}
	s.Clear()
	if n := m.refs.Load(); n != 1 {
		t.Errorf("%d references", n)
	}
	m.Release()
}

func TestManySubscriptionIdentifierListsAreGivenBack(t *testing.T) {
	s := newSession(Limits{})
	m := NewMessage(nil, nil, nil, 1, 0)
	s.Online(0)
	for range 2 * keepLists {
		s.Offer(m, 1, false, []uint32{1, 2}, true)
	}
	for id := range packet.ID(2 * keepLists) {
		s.Puback(id + 1)
	}
	if s.lists != nil || s.Bytes() != 0 {
		t.Error("lists are kept for nobody")
	}
	m.Release()
}

func TestRestore(t *testing.T) {
	m := NewMessage([]byte("t"), nil, []byte("m"), 2, 0)
	s := newSession(Limits{MaxQueued: 1}) // What was promised is not refused.
	for _, c := range []struct {
		d    Delivery
		want bool
	}{
		{Delivery{ID: 65534, QoS: 1, Msg: m}, true},
		{Delivery{ID: 65534, QoS: 1, Msg: m}, false},
		{Delivery{ID: 65533, QoS: 1, Msg: m}, true}, // That is, 65,533 places further on.
		{Delivery{ID: 65532, QoS: 1, Msg: m}, false},
		{Delivery{QoS: 1, Msg: m}, true},
		{Delivery{ID: 65533, QoS: 1, Msg: m}, false}, // After one that waits.
		{Delivery{QoS: 0, Msg: m}, false},
		{Delivery{QoS: 3, Msg: m}, false},
		{Delivery{QoS: 1}, false},
		{Delivery{QoS: 2, Release: true}, false},
	} {
		if got := s.Restore(c.d); got != c.want {
			t.Errorf("identifier %d: %v, want %v", c.d.ID, got, c.want)
		}
	}
	if s.Inflight() != 2 || s.Queued() != 1 {
		t.Errorf("%d in flight, %d waiting", s.Inflight(), s.Queued())
	}
	s.Online(0)
	expect(t, all(s.Resend, 0), "65534:DUP(m) 65533:DUP(m)")
	s.Puback(65534)
	expect(t, all(s.Next, 0), "65534:PUBLISH(m)")

	s = newSession(Limits{})
	for _, d := range []Delivery{
		{ID: 5, QoS: 1, Msg: m, Retain: true, SubIDs: []uint32{1, 2}},
		{ID: 7, QoS: 2, Release: true}, // 6 was complete.
		{ID: 9, QoS: 2, Msg: m, SubIDs: []uint32{3}},
		{QoS: 2, Msg: m},
	} {
		s.Restore(d)
	}
	got := slices.Collect(s.Promises())
	expect(t, show(got...), "5:PUBLISH(m) 7:PUBREL 9:PUBLISH(m) 0:PUBLISH(m)")
	if !got[0].Retain || !slices.Equal(got[0].SubIDs, []uint32{1, 2}) || got[1].Msg != nil || s.Bytes() != 3*2+8 {
		t.Errorf("got %+v, %d bytes", got, s.Bytes())
	}
	for range s.Promises() {
		break
	}
}

func TestClear(t *testing.T) {
	s := newSession(Limits{MaxQueued: 7, MaxQueuedBytes: 1000, MaxInflight: 3})
	fresh := *s
	m := NewMessage([]byte("t"), nil, nil, 2, 0)
	s.Online(3)
	for i := range packet.QoS(6) {
		s.Offer(m, 1+i%2, true, []uint32{1, 2}, true)
	}
	s.Pubrec(2, 0)
	for id := range packet.ID(100) {
		s.Receive(id + 1)
	}
	s.Clear()
	if n := m.refs.Load(); n != 1 {
		t.Errorf("%d references", n)
	}
	m.Release()
	if got, want := fmt.Sprintf("%+v", *s), fmt.Sprintf("%+v", fresh); got != want {
		t.Errorf("after Clear\n%s, after Init\n%s", got, want)
	}
}

func TestQoS0IsNotPromised(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s := newSession(Limits{})
	offer(t, s, 0, 'x', Full)
}
