package bench

import (
	"errors"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A double is another connection with a client's own Client Identifier. It comes while the client's connection stands, and the server must end
// that one, [v5 MQTT-3.1.4-3], [v3.1.1 MQTT-3.1.4-2]. It leaves as soon as it has been let in, and acknowledges nothing: whatever the server
// sends to it, it still owes to the client. It has no will. Owned by the member's group.
type double struct {
	member *member
	client client.Client
	began  int64 // transport.Clock, of its last coming.
	here   bool  // From beginning to connect until it is gone.
	let    bool  // It has been let in this time.
	awaits bool  // The client's connection has not ended yet.
}

// takeOvers are what a worker has seen of them.
type takeOvers struct {
	begun, granted, closed, told int64
}

// takeOver has the member's double come.
func (m *member) takeOver() {
	w := m.worker
	if m.double == nil {
		o := w.run.options(m.number, w.run.plan.ClientName(m.number), w.run.plan.ClientSession(m.number))
		if o.Extra != nil && o.Extra.Will != nil {
			x := *o.Extra
			x.Will = nil
			o.Extra = &x
		}
		m.special().double = &double{member: m}
		m.double.client = w.group.New(o, m.double)
		w.doubles = append(w.doubles, m.double)
	}
	x := m.double
	if x.here {
		m.leaving = false // The last one is still on its way.
		return
	}
	w.takeOvers.begun++
	w.run.wills.mayCome(m.number) // A will may be published for the connection that is thrown out, [v5 3.1.4-3].
	x.here, x.let, x.awaits, x.began = true, false, true, transport.Clock()
	x.client.Connect()
}

// ousted: the client's connection has ended while a double was coming.
func (x *double) ousted(err error) {
	if x == nil || !x.awaits {
		return
	}
	w := x.member.worker
	x.awaits = false
	w.takeOvers.closed++
	w.rec.Count.TakeOvers++
	var d *client.DisconnectedError
	if errors.As(err, &d) && d.Reason == packet.SessionTakenOver {
		w.takeOvers.told++
	}
}

// underWay counts the doubles of a worker that have not done what they came for.
func (w *worker) underWay() (n int) {
	for _, x := range w.doubles {
		if x.here || x.let && x.awaits && x.member.connected {
			n++
		}
	}
	return n
}

// standing counts the members whose connection stands, though a double was let in.
func (w *worker) standing() (n int64) {
	for _, x := range w.doubles {
		if x.let && x.awaits && x.member.connected {
			n++
		}
	}
	return n
}

// observedTakeOvers is what became of take-overs; nil: there were none.
func (r *run) observedTakeOvers() *result.TakeOvers {
	if r.plan.Churn.Rate == 0 || r.plan.Churn.TakeOver == 0 {
		return nil
	}
	sum := new(result.TakeOvers)
	for _, w := range r.workers {
		x := &w.takeOvers
		sum.Begun, sum.Granted, sum.Closed, sum.Told = sum.Begun+x.begun, sum.Granted+x.granted, sum.Closed+x.closed, sum.Told+x.told
		sum.Standing += w.standing()
	}
	if r.plan.Version < packet.V5 {
		sum.Told = 0
	}
	return sum
}

// Connected implements client.Observer.
func (x *double) Connected(bool, int64) {
	w := x.member.worker
	if w.frozen {
		return
	}
	x.let = true
	w.takeOvers.granted++
	w.rec.Resumed(measure.TakenOver, time.Duration(transport.Clock()-x.began))
	x.client.Disconnect()
}

// Disconnected implements client.Observer.
func (x *double) Disconnected(err error, now int64) {
	m := x.member
	x.here = false
	if m.worker.frozen || x.let || err == nil {
		return
	}
	m.worker.failed(err, now)
	if x.awaits = false; m.connected {
		m.leaving = false
	}
}

// The rest of client.Observer: nothing that a double is told counts.

func (x *double) Refused(packet.ReasonCode)              {}
func (x *double) Subscribed([]packet.ReasonCode, int64)  {}
func (x *double) Unsubscribed(int64)                     {}
func (x *double) Acked(uint64, packet.ReasonCode, int64) {}
func (x *double) Recall(uint64, int64) *client.Message   { return nil }
func (x *double) Received(*client.Reception)             {}
func (x *double) Took(client.Phase, time.Duration)       {}
func (x *double) Writable()                              {}
