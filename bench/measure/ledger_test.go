package measure

import (
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// A script is a ledger of one publisher and one subscriber, connected and subscribed.
type script struct {
	t      *testing.T
	plan   plan.Plan
	ledger *Ledger
	pub    *Publisher
	sub    *Subscriber
	epoch  uint32 // Of the subscriber.
}

func newScript(t *testing.T, published, granted packet.QoS, session plan.Session) *script {
	s := &script{t: t, plan: plan.Plan{
		RunID: 5, Publishers: 1, Subscribers: 1, PubQoS: published, SubQoS: granted,
		SubscriberSession: session, Payload: 40, Rate: 10, Arrivals: plan.Burst, Duration: 1e9,
	}.WithDefaults()}
	s.ledger = NewLedger(&s.plan, 1)
	s.pub, s.sub = s.ledger.Publisher(0, 0), s.ledger.Subscriber(0, 0)
	s.pub.Connected(false)
	s.sub.Connected(false)
	s.sub.Subscribed(packet.ReasonCode(granted))
	return s
}

// publish attempts messages and has them acknowledged.
func (s *script) publish(seqs ...uint32) {
	s.attempt(seqs...)
	for _, seq := range seqs {
		s.pub.Acked(seq, 0)
	}
}

func (s *script) attempt(seqs ...uint32) {
	for _, seq := range seqs {
		s.pub.Attempt(seq)
	}
}

func (s *script) receive(dup bool, seqs ...uint32) {
	for _, seq := range seqs {
		r := s.reception(seq)
		r.Dup = dup
		s.sub.Receive(r)
	}
}

func (s *script) reception(seq uint32) *client.Reception {
	r := reception(&s.plan, 0, seq)
	r.Now, r.Epoch, r.QoS, r.ID = int64(1000+seq), s.epoch, min(s.plan.PubQoS, s.plan.SubQoS), packet.ID(seq+1)
	return r
}

// reconnect breaks the subscriber's connection and brings it back.
func (s *script) reconnect(sessionPresent bool) {
	s.sub.Disconnected()
	s.epoch++
	s.sub.Connected(sessionPresent)
	if !sessionPresent {
		s.sub.Subscribed(packet.ReasonCode(s.plan.SubQoS))
	}
}

// want checks the findings, as class and count, worst first, and that the counts add up.
func (s *script) want(findings ...result.Finding) *Audit {
	s.t.Helper()
	a := s.ledger.Verify(Circumstances{Start: 3 * time.Second})
	same := slices.EqualFunc(a.Contract.Findings, findings, func(a, b result.Finding) bool { return a.Class == b.Class && a.Count == b.Count })
	if !same {
		s.t.Errorf("findings %+v\nwant %+v", a.Contract.Findings, findings)
	}
	if err := saneContract(&a.Contract); err != nil {
		s.t.Error(err)
	}
	worst := result.Class("")
	if len(findings) > 0 {
		worst = findings[0].Class
	}
	if a.Streams[worst] != 1 || len(a.Streams) != 1 {
		s.t.Errorf("streams by worst class %v, want one of %q", a.Streams, worst)
	}
	return a
}

func found(class result.Class, n int64) result.Finding { return result.Finding{Class: class, Count: n} }

func TestLedgerAllIsWell(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1, 2)
	s.receive(false, 0, 1, 2)
	a := s.want()
	if c := a.Contract; c.QoS != 1 || c.Attempted != 3 || c.Acked != 3 || c.Expected != 3 || c.Delivered != 3 {
		t.Errorf("contract %+v", c)
	}
	if n := s.ledger.Tally(0).Missing(); n != 0 {
		t.Errorf("%d deliveries missing", n)
	}
}

// TestLedgerLoss: acknowledged and not delivered is lost, at QoS 0 merely gone; with evidence of
// overload, dropped.
func TestLedgerLoss(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1, 2, 3, 4)
	s.receive(false, 0, 3)
	a := s.want(found(result.Lost, 3))
	if first := a.First[0]; first != (Offence{Class: result.Lost, Stream: 0, Seq: 1}) {
		t.Errorf("first offence %+v", first)
	}
	want := result.Offender{Publisher: "mb0005p0", Subscriber: "mb0005s0", Topic: "mqttbench/0005/0", Sequence: 1, At: 3.1}
	if got := a.Contract.Findings[0].First[0]; got != want {
		t.Errorf("first offender %+v\nwant %+v", got, want)
	}
	if f := s.ledger.Verify(Circumstances{Overload: true}).Contract.Findings[0]; f.Class != result.DroppedOverload || f.Count != 3 {
		t.Errorf("under overload: %+v", f)
	}
	if n := s.ledger.Tally(0).Missing(); n != 3 {
		t.Errorf("%d deliveries missing, want 3", n)
	}

	s = newScript(t, 0, 0, plan.Clean)
	s.attempt(0, 1, 2)
	s.receive(false, 0, 2)
	s.want(found(result.LossQoS0, 1))

	s = newScript(t, 1, 0, plan.Clean) // The subscription's QoS counts.
	s.publish(0, 1, 2)
	s.receive(false, 0, 2)
	s.want(found(result.LossQoS0, 1))
}

// TestLedgerUnknown: a message whose acknowledgement never came was promised to nobody.
func TestLedgerUnknown(t *testing.T) {
	s := newScript(t, 2, 2, plan.Clean)
	s.publish(0)
	s.attempt(1, 2)
	s.receive(false, 0, 1)
	if a := s.want(found(result.Stuck, 2), found(result.LostUnknown, 1)); a.Recovered != 1 {
		t.Errorf("%d recovered, want 1", a.Recovered)
	}
	s.pub.Disconnected()
	if a := s.want(found(result.LostUnknown, 1)); a.Contract.Unknown != 2 {
		t.Errorf("%d unknown, want 2", a.Contract.Unknown)
	}
}

func TestLedgerRefused(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0)
	s.attempt(1)
	s.pub.Acked(1, 0x97) // Quota exceeded.
	s.receive(false, 0)
	if a := s.want(found(result.DroppedLegal, 1)); a.Contract.Refused != 1 || a.Contract.Acked != 1 {
		t.Errorf("contract %+v", a.Contract)
	}
	if n := s.ledger.Tally(0).Missing(); n != 0 {
		t.Errorf("%d deliveries missing", n)
	}
}

// TestLedgerDuplicates goes through the reasons for a second delivery.
func TestLedgerDuplicates(t *testing.T) {
	for _, c := range []struct {
		name               string
		published, granted packet.QoS
		before             func(s *script) // Between the two deliveries of message 1.
		dup                bool
		want               result.Class
	}{
		{"nothing happened", 1, 1, func(*script) {}, true, result.Dup},
		{"QoS 0", 0, 0, func(s *script) { s.reconnect(true) }, false, result.Dup},
		{"the subscriber reconnected", 1, 1, func(s *script) { s.reconnect(true) }, true, result.DupLegal},
		{"the subscriber reconnected, no DUP", 1, 1, func(s *script) { s.reconnect(true) }, false, result.Dup},
		{"the subscriber reconnected, QoS 2", 2, 2, func(s *script) { s.reconnect(true) }, true, result.Dup},
		{"published at QoS 2, subscribed at 1", 2, 1, func(s *script) { s.reconnect(true) }, true, result.DupLegal},
		{"the publisher sent again", 1, 1, func(s *script) { s.pub.Disconnected(); s.pub.Connected(true) }, false, result.DupLegal},
		{"the publisher sent again, to QoS 0", 1, 0, func(s *script) { s.pub.Disconnected(); s.pub.Connected(true) }, false, result.DupLegal},
		{"the publisher sent again, QoS 2", 2, 2, func(s *script) { s.pub.Disconnected(); s.pub.Connected(true) }, false, result.Dup},
		{"the publisher's session was lost", 2, 2, func(s *script) { s.pub.Disconnected(); s.pub.Connected(false) }, false, result.DupLegal},
		{"only others were sent again", 1, 1, func(s *script) { s.pub.Acked(1, 0); s.pub.Disconnected(); s.pub.Connected(true) }, false, result.Dup},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, c.published, c.granted, plan.Persistent)
			s.publish(0)
			s.attempt(1)
			s.receive(false, 0, 1)
			c.before(s)
			s.receive(c.dup, 1)
			s.pub.Acked(1, 0)
			a := s.want(found(c.want, 1))
			want := Offence{Class: c.want, Seq: 1, At: 1001, ID: 2, Dup: c.dup, Epoch: s.epoch}
			if a.First[0] != want {
				t.Errorf("first offence %+v\nwant %+v", a.First[0], want)
			}
		})
	}
}

// TestLedgerEpochOfLateDelivery: message 1 came out of order, part before and part after a reconnection, and so
// the second delivery of message 2 is in the epoch of its first.
func TestLedgerEpochOfLateDelivery(t *testing.T) {
	s := newScript(t, 1, 1, plan.Persistent)
	s.publish(0, 1, 2, 3)
	s.receive(false, 0, 3, 1)
	s.reconnect(true)
	s.receive(false, 2)
	s.receive(true, 1, 2)
	s.want(found(result.Dup, 1), found(result.Reorder, 2), found(result.DupLegal, 1))
}

// TestLedgerReorder: a new message overtook an older one; repeating a suffix is no reordering.
func TestLedgerReorder(t *testing.T) {
	s := newScript(t, 1, 1, plan.Persistent)
	s.publish(0, 1, 2, 3)
	s.receive(false, 0, 2, 1, 3)
	a := s.want(found(result.Reorder, 1))
	if a.First[0] != (Offence{Class: result.Reorder, Seq: 1, At: 1001, ID: 2}) {
		t.Errorf("first offence %+v", a.First[0])
	}

	s = newScript(t, 1, 1, plan.Persistent)
	s.publish(0, 1, 2, 3, 4)
	s.receive(false, 0, 1, 2, 3)
	s.reconnect(true)
	s.receive(true, 2, 3)
	s.receive(false, 4)
	s.want(found(result.DupLegal, 2))
}

// TestLedgerAway: what was published while a clean session was away is not owed; a persistent one must get it.
func TestLedgerAway(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1) // Message 1 is on its way when the connection breaks.
	s.receive(false, 0)
	s.sub.Disconnected()
	s.publish(2, 3)
	s.epoch++
	s.sub.Connected(false)
	s.publish(4)
	s.sub.Subscribed(1)
	s.publish(5, 6, 7)
	s.receive(false, 5, 7)
	s.want(found(result.Lost, 1), found(result.DroppedLegal, 4))
	if n := s.ledger.Tally(0).Missing(); n != 1 {
		t.Errorf("%d deliveries missing, want 1", n)
	}

	s = newScript(t, 1, 1, plan.Persistent)
	s.publish(0)
	s.receive(false, 0)
	s.sub.Disconnected()
	s.publish(1, 2)
	s.want(found(result.DroppedLegal, 2)) // It has not come back for them.
	s.epoch++
	s.sub.Connected(true)
	s.receive(false, 1)
	s.want(found(result.Lost, 1))
}

func TestLedgerSessionLost(t *testing.T) {
	s := newScript(t, 1, 1, plan.Persistent)
	s.publish(0)
	s.reconnect(false)
	if a := s.want(found(result.Lost, 1)); a.SessionsLost != 1 {
		t.Errorf("%d sessions lost, want 1", a.SessionsLost)
	}
	s = newScript(t, 1, 1, plan.Clean)
	s.reconnect(false)
	if a := s.want(); a.SessionsLost != 0 {
		t.Errorf("%d clean sessions lost", a.SessionsLost)
	}
}

// TestLedgerStrays: what should never have come.
func TestLedgerStrays(t *testing.T) {
	other := []byte("mqttbench/0005/1")
	for _, c := range []struct {
		name string
		spin func(r *client.Reception)
		want Outcome
	}{
		{"no stamp", func(r *client.Reception) { r.Payload = r.Payload[:15] }, Foreign},
		{"another run", func(r *client.Reception) { r.Payload[0]++ }, Foreign},
		{"no such stream", func(r *client.Reception) { r.Payload[4]++ }, Phantom},
		{"another payload", func(r *client.Reception) { r.Payload[39]++ }, Corrupt},
		{"cut", func(r *client.Reception) { r.Payload = r.Payload[:39] }, Corrupt},
		{"another Topic Name", func(r *client.Reception) { r.Topic = other }, Corrupt},
		{"retained", func(r *client.Reception) { r.Retain = true }, Retained},
		{"well", func(r *client.Reception) {}, First},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript(t, 1, 1, plan.Clean)
			s.attempt(0)
			r := s.reception(0)
			c.spin(r)
			if _, got := s.sub.Receive(r); got != c.want {
				t.Fatalf("outcome %d, want %d", got, c.want)
			}
			counts := make(map[result.Class]int64)
			for _, f := range s.ledger.Verify(Circumstances{}).Contract.Findings {
				counts[f.Class] = f.Count
			}
			wantPhantoms, wantCorrupt := int64(0), int64(0)
			switch c.want {
			case Foreign, Phantom:
				wantPhantoms = 1
			case Corrupt:
				wantCorrupt = 1
			}
			if counts[result.Phantom] != wantPhantoms || counts[result.Corrupt] != wantCorrupt {
				t.Errorf("counts %v", counts)
			}
		})
	}
}

// TestLedgerCheck: the middle of a payload is looked at if asked for.
func TestLedgerCheck(t *testing.T) {
	for check, want := range map[plan.Check]Outcome{plan.Ends: First, plan.Full: Corrupt} {
		s := newScript(t, 1, 1, plan.Clean)
		s.ledger.Check = check
		s.attempt(0)
		r := s.reception(0)
		r.Payload[28]++
		if _, got := s.sub.Receive(r); got != want {
			t.Errorf("check %t: outcome %d, want %d", check, got, want)
		}
	}
}

// TestLedgerAcrossGroups has publishers and subscribers in goroutines of their own, as in a run,
// with subscribers that come and go. The race detector watches; and nothing may be called lost that
// a clean session was away for.
func TestLedgerAcrossGroups(t *testing.T) {
	const messages = 5000
	p := plan.Plan{Pattern: plan.FanOut, Publishers: 2, Subscribers: 2, PubQoS: 1, SubQoS: 1, Rate: 1, Duration: 1e9}.WithDefaults()
	l := NewLedger(&p, 4)
	var wires [2]chan *client.Reception // By subscriber.
	for i := range wires {
		wires[i] = make(chan *client.Reception, 64)
	}
	var publishing, receiving sync.WaitGroup
	for i := range 2 {
		pub, sub := l.Publisher(i, i), l.Subscriber(i, 2+i)
		publishing.Go(func() {
			pub.Connected(false)
			for seq := range uint32(messages) {
				pub.Attempt(seq)
				for _, w := range wires {
					r := reception(&p, i, seq)
					r.QoS = 1
					w <- r
				}
				pub.Acked(seq, 0)
			}
		})
		receiving.Go(func() { comeAndGo(sub, wires[i]) })
	}
	publishing.Wait()
	for _, w := range wires {
		close(w)
	}
	receiving.Wait()
	a := l.Verify(Circumstances{})
	if c := a.Contract; len(c.Findings) != 1 || c.Findings[0].Class != result.DroppedLegal || c.Delivered == 0 || c.Expected != 4*messages {
		t.Errorf("contract %+v", c)
	}
	if err := saneContract(&a.Contract); err != nil {
		t.Error(err)
	}
}

// comeAndGo receives from a wire, but every 500 messages it goes away and misses 100.
func comeAndGo(s *Subscriber, wire chan *client.Reception) {
	s.Connected(false)
	s.Subscribed(1)
	n, epoch := 0, uint32(0)
	for r := range wire {
		n++
		switch phase := n % 600; {
		case phase == 500:
			s.Disconnected()
		case phase > 500:
		case phase == 0:
			epoch++
			s.Connected(false)
			s.Subscribed(1)
		default:
			r.Epoch = epoch
			s.Receive(r)
		}
	}
}

func TestLedgerPhantoms(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0)
	s.receive(false, 0, 5) // 5 was never attempted, and 1 is what comes next.
	s.receive(false, 1)
	a := s.want(found(result.Phantom, 2))
	if a.First[0].Seq != 1 && a.First[0].Seq != 5 {
		t.Errorf("first offence %+v", a.First[0])
	}
	// Beyond what is named, strays are still counted.
	for range 3 * maxOffences {
		s.receive(false, 1_000_000)
	}
	s.want(found(result.Phantom, 2+3*maxOffences))
	if n := len(s.sub.oddities.offences); n != maxOffences {
		t.Errorf("%d offences are kept", n)
	}
}

func TestLedgerCounts(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1)
	r := s.reception(0)
	r.QoS = 0
	s.sub.Receive(r)
	again, retained := s.reception(0), s.reception(1)
	again.Again, retained.Retain = true, true
	s.sub.Receive(again)
	s.sub.Receive(retained)
	probe := s.reception(plan.ProbeSeq)
	if _, got := s.sub.Receive(probe); got != Probe {
		t.Errorf("a probe has outcome %d", got)
	}
	s.receive(false, 1)
	if a := s.want(found(result.WrongQoS, 1)); a.Again != 1 || a.Retained != 1 {
		t.Errorf("audit %+v", a)
	}
}

// TestLedgerShared: two members in two groups; each message goes to one of them.
func TestLedgerShared(t *testing.T) {
	p := plan.Plan{
		RunID: 5, Pattern: plan.FanIn, ShareName: "g", Version: 5, Publishers: 2, Subscribers: 2,
		PubQoS: 2, SubQoS: 2, Rate: 10, Duration: 1e9,
	}.WithDefaults()
	l := NewLedger(&p, 2)
	pubs := []*Publisher{l.Publisher(0, 0), l.Publisher(1, 1)}
	subs := []*Subscriber{l.Subscriber(0, 0), l.Subscriber(1, 1)}
	for i := range 2 {
		pubs[i].Connected(false)
		subs[i].Connected(false)
		subs[i].Subscribed(2)
		for seq := range uint32(200) {
			pubs[i].Attempt(seq)
			pubs[i].Acked(seq, 0)
		}
	}
	receive := func(sub, stream int, seq uint32) Outcome {
		r := reception(&p, stream, seq)
		r.QoS = 2
		_, o := subs[sub].Receive(r)
		return o
	}
	for seq := range uint32(200) {
		if seq%67 != 5 { // 5, 72 and 139 are lost in both streams.
			receive(int(seq%2), 0, seq)
			receive(int(seq/7%2), 1, seq)
		}
	}
	receive(0, 0, 1) // Went to the other member before: known only to Verify.
	if o := receive(0, 0, 2); o != Duplicate {
		t.Errorf("the same member again: outcome %d", o)
	}
	if o := receive(1, 1, 100_000); o != Phantom {
		t.Errorf("never attempted: outcome %d", o)
	}
	a := l.Verify(Circumstances{})
	c := a.Contract
	got := []result.Finding{}
	for _, f := range c.Findings {
		got = append(got, found(f.Class, f.Count))
	}
	want := []result.Finding{found(result.Phantom, 1), found(result.Dup, 2), found(result.Lost, 6)}
	if !slices.EqualFunc(got, want, func(a, b result.Finding) bool { return a.Class == b.Class && a.Count == b.Count }) {
		t.Errorf("findings %+v\nwant %+v", got, want)
	}
	if c.Expected != 400 || c.Delivered != 394 || c.Attempted != 400 {
		t.Errorf("contract %+v", c)
	}
	if err := saneContract(&c); err != nil {
		t.Error(err)
	}
	for _, f := range c.Findings {
		if f.Class == result.Lost && f.First[0].Sequence != 5 {
			t.Errorf("first lost %+v, want 5", f.First[0])
		}
	}
}

// TestLayout: what two groups write lies in different cache lines.
func TestLayout(t *testing.T) {
	if n := unsafe.Sizeof(Publisher{}); n != 64 {
		t.Errorf("a Publisher has %d bytes", n)
	}
	if n := unsafe.Sizeof(Tally{}); n != 128 {
		t.Errorf("a Tally has %d bytes", n)
	}
	if n := unsafe.Sizeof(pair{}); n != 64 {
		t.Errorf("a pair has %d bytes", n)
	}
	if n := unsafe.Sizeof(Subscriber{}); n > 80 { // It is not written to while messages come in order.
		t.Errorf("a Subscriber has %d bytes", n)
	}
}

// TestLedgerMemory: a million messages without loss leave nothing behind.
func TestLedgerMemory(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	r := s.reception(0)
	for seq := range uint32(1_000_000) {
		s.publish(seq)
		plan.Fill(r.Payload, plan.Stamp{Run: 5, Seq: seq})
		s.sub.Receive(r)
	}
	p := &s.sub.pairs[0]
	if cap(p.got.holes) != 0 || p.rare != nil || cap(s.pub.resolved.holes) != 0 {
		t.Errorf("pair %+v, publisher %+v", p, s.pub)
	}
	s.want()
}

// TestLedgerLate: if deliveries are still being made when the drain is over, those behind the last one may come yet; what was overtaken
// is lost, and so is everything where nothing comes any more. The same for exchanges that are open.
func TestLedgerLate(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1, 2, 3)
	s.attempt(4)
	s.receive(false, 0, 2)
	for _, c := range []struct {
		arriving, answering bool
		want                []result.Finding
		unknown             int64
	}{
		{false, false, []result.Finding{found(result.Lost, 2), found(result.Stuck, 1), found(result.LostUnknown, 1)}, 0},
		{true, false, []result.Finding{found(result.Lost, 1), found(result.Stuck, 1), found(result.Late, 2)}, 0},
		{false, true, []result.Finding{found(result.Lost, 2), found(result.LostUnknown, 1)}, 1},
		{true, true, []result.Finding{found(result.Lost, 1), found(result.Late, 2)}, 1},
	} {
		a := s.ledger.Verify(Circumstances{Arriving: c.arriving, Answering: c.answering})
		if !slices.EqualFunc(a.Contract.Findings, c.want, func(a, b result.Finding) bool { return a.Class == b.Class && a.Count == b.Count }) || a.Contract.Unknown != c.unknown {
			t.Errorf("arriving %t, answering %t: %+v, want %+v", c.arriving, c.answering, a.Contract, c.want)
		}
		if err := saneContract(&a.Contract); err != nil {
			t.Error(err)
		}
	}
}
