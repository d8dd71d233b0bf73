package measure

import (
	"strings"
	"testing"

	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// offence is the first of a class.
func offence(t *testing.T, a *Audit, class result.Class) result.Offender {
	t.Helper()
	for _, f := range a.Contract.Findings {
		if f.Class == class && len(f.First) > 0 {
			return f.First[0]
		}
	}
	t.Fatalf("nothing is %s: %+v", class, a.Contract.Findings)
	return result.Offender{}
}

// TestLedgerSubscriptionLost: the session is present, and its subscription is not.
func TestLedgerSubscriptionLost(t *testing.T) {
	s := newScript(t, 1, 1, plan.Persistent)
	s.publish(0, 1)
	s.receive(false, 0, 1)
	s.reconnect(true)
	s.publish(2, 3, 4)
	a := s.want(found(result.Lost, 3), found(result.SubscriptionLost, 1))
	o := offence(t, a, result.SubscriptionLost)
	if o.Sequence != 2 || o.Publisher == "" || o.Subscriber == "" || !strings.Contains(o.Text, "none of the 3 messages") {
		t.Errorf("%+v", o)
	}
	s.receive(false, 4) // It was kept, and two messages are lost.
	s.want(found(result.Lost, 2))
	s.reconnect(true)
	s.publish(5, 6)
	s.want(found(result.Lost, 4)) // So few may be lost by themselves.
	s.sub.Disconnected()
	s.want(found(result.Lost, 2), found(result.DroppedLegal, 2)) // They may come when it does.
}

// TestLedgerQueueLost: the session is present, and what was queued in it is not.
func TestLedgerQueueLost(t *testing.T) {
	s := newScript(t, 1, 1, plan.Persistent)
	s.publish(0)
	s.receive(false, 0)
	s.sub.Disconnected()
	s.publish(1, 2, 3)
	s.epoch++
	s.sub.Connected(true)
	s.publish(4, 5, 6)
	s.receive(false, 3, 4, 6)
	a := s.want(found(result.Lost, 3))
	if a.QueueLost != 2 {
		t.Errorf("%d are lost of the queue", a.QueueLost)
	}
	all := a.Contract.Findings[0].First
	if len(all) != 2 || all[0].Sequence != 1 || !strings.Contains(all[0].Text, "while its subscriber was away") || all[1].Sequence != 5 || all[1].Text != "" {
		t.Errorf("%+v", all)
	}
}

// TestLedgerSessionKept: a session that begins with its connection has nothing to send again.
func TestLedgerSessionKept(t *testing.T) {
	s := newScript(t, 1, 1, plan.Clean)
	s.publish(0, 1)
	s.receive(false, 0)
	s.reconnect(false)
	s.receive(true, 0, 1) // One that it had had, and one that was in flight.
	s.publish(2)
	s.receive(false, 2)
	o := offence(t, s.want(found(result.SessionKept, 2)), result.SessionKept)
	if o.Sequence != 0 || o.SeenConnection != 2 || !o.Dup || o.SeenID != 1 {
		t.Errorf("%+v", o)
	}

	s = newScript(t, 1, 1, plan.Clean)
	s.publish(0)
	s.reconnect(false)
	s.receive(false, 0) // It was still on its way through the broker.
	s.want()

	s = newScript(t, 1, 1, plan.Clean)
	s.attempt(0)
	s.receive(false, 0)
	s.reconnect(false)
	s.pub.Disconnected()
	s.pub.Connected(true)
	s.receive(true, 0) // The publisher has sent it twice, and the broker hands its DUP on.
	s.pub.Acked(0, 0)
	s.want(found(result.DupLegal, 1))

	s = newScript(t, 1, 1, plan.Persistent)
	s.publish(0)
	s.receive(false, 0)
	s.reconnect(true)
	s.receive(true, 0)
	s.want(found(result.DupLegal, 1))
}

// Members are those of a shared subscription, two of them, in two groups of clients or in one.
type members struct {
	*script
	subs []*Subscriber
}

func newMembers(t *testing.T, groups int, session plan.Session) *members {
	s := &script{t: t, plan: plan.Plan{
		RunID: 5, Pattern: plan.FanIn, ShareName: "g", Version: 5, Publishers: 1, Subscribers: 2, SubscriberSession: session,
		PubQoS: 1, SubQoS: 1, Payload: 40, Rate: 10, Duration: 1e9,
	}.WithDefaults()}
	s.ledger = NewLedger(&s.plan, groups)
	s.pub = s.ledger.Publisher(0, 0)
	s.pub.Connected(false)
	m := &members{script: s}
	for i := range 2 {
		sub := s.ledger.Subscriber(i, i%groups)
		sub.Connected(false)
		sub.Subscribed(1)
		m.subs = append(m.subs, sub)
	}
	return m
}

func (m *members) gets(member int, seqs ...uint32) {
	for _, seq := range seqs {
		m.subs[member].Receive(m.reception(seq))
	}
}

// leave ends a member's connection; come brings it back.
func (m *members) leave(member int) { m.subs[member].Disconnected() }

func (m *members) come(member int) {
	m.subs[member].Connected(false)
	m.subs[member].Subscribed(1)
}

// TestLedgerDepartedMember: what was on its way to a member that leaves may go down with it. What it cannot have taken along must come to another:
// what is older than the last that it had, and what was published when it was back.
func TestLedgerDepartedMember(t *testing.T) {
	for _, groups := range []int{1, 2} {
		m := newMembers(t, groups, plan.Clean)
		m.publish(0, 1, 2, 3, 4, 5, 6, 7)
		m.gets(0, 1, 4)
		m.gets(1, 0, 3)
		m.leave(0) // 2 is older than what either had last; 5, 6 and 7 may have been for it.
		m.publish(8, 9)
		m.gets(1, 6, 9)
		m.come(0)
		m.publish(10, 11, 12)
		m.gets(0, 11)
		m.gets(1, 12)
		a := m.want(found(result.Lost, 2), found(result.DroppedLegal, 3)) // 2 and 10; 5, 7 and 8.
		all := a.Contract.Findings[0].First
		if len(all) != 1 || all[0].Sequence != 2 || !strings.Contains(all[0].Text, "no member") {
			t.Errorf("%+v", all)
		}

		m.leave(1) // And it does not come back.
		m.publish(13, 14)
		m.gets(0, 14)
		m.want(found(result.Lost, 2), found(result.DroppedLegal, 4))
	}
}

// TestLedgerDepartedMemberTwice: when a member leaves, what it had not acknowledged goes to another. What is published later does not.
func TestLedgerDepartedMemberTwice(t *testing.T) {
	for _, groups := range []int{1, 2} {
		m := newMembers(t, groups, plan.Clean)
		m.publish(0, 1)
		m.gets(0, 0, 1)
		m.leave(0)
		m.gets(1, 1)
		m.come(0)
		m.want(found(result.DupLegal, 1))
		m.publish(2, 3)
		m.gets(0, 2, 3)
		m.gets(1, 2, 3)
		a := m.want(found(result.Dup, 2), found(result.DupLegal, 1))
		if o := offence(t, a, result.Dup); o.Sequence != 2 {
			t.Errorf("%+v", o)
		}
	}
}

// TestLedgerPersistentMember: what was given to a member whose session is kept waits for it, and is not lost as long as it is away.
func TestLedgerPersistentMember(t *testing.T) {
	m := newMembers(t, 1, plan.Persistent)
	m.publish(0, 1, 2, 3)
	m.gets(0, 0)
	m.gets(1, 3)
	m.leave(0)
	m.want(found(result.DroppedLegal, 2))
	m.subs[0].Connected(true)
	m.want(found(result.Lost, 2))
	m.gets(0, 1, 2)
	m.want()
}

// TestLedgerMemberUnsubscribes: what is buffered for a member that unsubscribes need not come, [v5 MQTT-3.10.4-3]; what is published later must.
func TestLedgerMemberUnsubscribes(t *testing.T) {
	m := newMembers(t, 1, plan.Clean)
	m.publish(0, 1)
	m.gets(0, 0)
	m.subs[0].Unsubscribed()
	m.publish(2)
	m.subs[0].Subscribed(packet.ReasonCode(1))
	m.publish(3)
	m.want(found(result.Lost, 1), found(result.DroppedLegal, 2))
}
