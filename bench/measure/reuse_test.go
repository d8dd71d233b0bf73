package measure

import (
	"testing"

	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// TestLedgerReuse: another message under an identifier that is in use has a name of its own, with all that is known of it, and is neither lost nor a duplicate; the
// same message under it is what it was before.
func TestLedgerReuse(t *testing.T) {
	s := newScript(t, 2, 2, plan.Persistent)
	s.publish(0, 1, 2)
	s.receive(false, 0)
	other := s.reception(1)
	other.ID, other.Again, other.InUse = 1, true, true
	if _, got := s.sub.Receive(other); got != First {
		t.Errorf("it has outcome %d", got)
	}
	same := s.reception(1)
	same.Again, same.InUse, same.Dup = true, true, true
	if _, got := s.sub.Receive(same); got != Again {
		t.Errorf("the same has outcome %d", got)
	}
	s.receive(false, 2)
	a := s.want(found(result.IDReused, 1))
	want := Offence{Class: result.IDReused, Seq: 1, At: 1001, ID: 1}
	if got := a.First[0]; got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}

	s = newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1)
	s.receive(false, 0)
	next := s.reception(1)
	next.ID, next.InUse = 1, true
	s.sub.Receive(next)
	again := s.reception(1)
	again.InUse = true
	s.sub.Receive(again) // This is a duplicate, and that is what it is called.
	s.want(found(result.IDReused, 1), found(result.Dup, 1))

	// What came damaged first may be that message again.
	s = newScript(t, 2, 2, plan.Persistent)
	s.publish(0)
	damaged := s.reception(0)
	damaged.Payload[len(damaged.Payload)-1] ^= 0xFF
	s.sub.Receive(damaged)
	s.reconnect(true)
	r := s.reception(0)
	r.Again, r.InUse, r.Dup = true, true, true
	s.sub.Receive(r)
	s.want(found(result.Corrupt, 1), found(result.Lost, 1))
}

// TestLedgerResent: sent again before its release is right after a connection broke. On the same connection version 5 forbids it, and 3.1.1 says nothing.
func TestLedgerResent(t *testing.T) {
	for version, want := range map[packet.Version][]result.Finding{packet.V311: nil, packet.V5: {found(result.Resent, 1)}} {
		s := newScript(t, 2, 2, plan.Persistent)
		s.plan.Version = version
		s.publish(0, 1)
		again := func(seq uint32) {
			r := s.reception(seq)
			r.Again, r.InUse, r.Dup = true, true, true
			s.sub.Receive(r)
		}
		s.receive(false, 0)
		s.reconnect(true)
		again(0)
		s.receive(false, 1)
		s.want()
		again(1)
		if a := s.want(want...); a.Again != 2 {
			t.Errorf("%d came again", a.Again)
		}
	}
}

// TestLedgerResumed: what comes again after a connection broke has its original identifier and its original order.
func TestLedgerResumed(t *testing.T) {
	for _, tc := range []struct {
		name  string
		order []uint32
		id    packet.ID // Of message 2 when it comes again; 0: as it was.
		want  []result.Finding
	}{
		{"as it was", []uint32{0, 1, 2}, 0, nil},
		{"not all", []uint32{1, 2}, 0, nil},
		{"another identifier", []uint32{1, 2}, 77, []result.Finding{found(result.IDChanged, 1)}},
		{"another order", []uint32{1, 0, 2}, 0, []result.Finding{found(result.Reorder, 1)}},
	} {
		s := newScript(t, 1, 1, plan.Persistent)
		s.publish(0, 1, 2, 3)
		s.receive(false, 0, 1, 2)
		s.reconnect(true)
		for _, seq := range tc.order {
			r := s.reception(seq)
			r.Dup = true
			if seq == 2 && tc.id != 0 {
				r.ID = tc.id
			}
			s.sub.Receive(r)
		}
		s.receive(false, 3)
		a := s.want(append(tc.want, found(result.DupLegal, int64(len(tc.order))))...)
		if t.Failed() {
			t.Fatalf("%s: %+v", tc.name, a.First)
		}
	}
}

// TestLedgerAdmitted: a broker that counts what it drops has not dropped more.
func TestLedgerAdmitted(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1, 2, 3, 4, 5)
	s.receive(false, 1, 4)
	for _, tc := range []struct {
		admitted      uint64
		dropped, lost int64
	}{{0, 0, 4}, {3, 3, 1}, {4, 4, 0}, {9, 4, 0}} {
		c := s.ledger.Verify(Circumstances{Overload: true, Counted: true, Admitted: tc.admitted}).Contract
		if c.Count(result.DroppedOverload) != tc.dropped || c.Count(result.Lost) != tc.lost {
			t.Errorf("of 4 missing and %d admitted: %+v", tc.admitted, c.Findings)
		}
		if err := saneContract(&c); err != nil {
			t.Error(err)
		}
	}
}

// TestLedgerSharedTwice: a message that two members have had is named.
func TestLedgerSharedTwice(t *testing.T) {
	p := plan.Plan{RunID: 5, Publishers: 1, Subscribers: 2, Pattern: plan.FanIn, ShareName: "g", PubQoS: 2, SubQoS: 2, Payload: 40, Rate: 10, Duration: 1e9, Version: packet.V5}.WithDefaults()
	l := NewLedger(&p, 2)
	pub := l.Publisher(0, 0)
	pub.Connected(false)
	var subs []*Subscriber
	for i := range 2 {
		s := l.Subscriber(i, i)
		s.Connected(false)
		s.Subscribed(2)
		subs = append(subs, s)
	}
	for seq := range uint32(200) {
		pub.Attempt(seq)
		pub.Acked(seq, 0)
		to := []int{int(seq % 2)}
		if seq == 130 || seq == 77 {
			to = []int{0, 1}
		}
		for _, i := range to {
			r := reception(&p, 0, seq)
			r.QoS = 2
			subs[i].Receive(r)
		}
	}
	f := l.Verify(Circumstances{}).Contract.Findings
	if len(f) != 1 || f[0].Class != result.Dup || f[0].Count != 2 || f[0].First[0].Sequence != 77 {
		t.Errorf("%+v", f)
	}
}
