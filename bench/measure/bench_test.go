package measure

import (
	"testing"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/broker/packet"
)

func BenchmarkRecord(b *testing.B) {
	r := NewRecorder(0)
	r.SetWindow(Window{From: 0, To: 1 << 60})
	now := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		now += 1001
		r.Seen(now, now+10, now+500+now%100_000, 16)
	}
}

func BenchmarkInterval(b *testing.B) {
	r, c := NewRecorder(0), NewCollector(1)
	r.SetWindow(Window{From: 0, To: 1 << 60})
	b.ReportAllocs()
	for b.Loop() {
		for now := range int64(1000) {
			r.Seen(now, now, now*1000, 16)
		}
		c.Add(r.Swap(0))
	}
}

func benchmarkLedger() (*Ledger, *Publisher, *Subscriber, *client.Reception) {
	p := plan.Plan{Publishers: 1, Subscribers: 1, PubQoS: 1, SubQoS: 1, Payload: 64, Rate: 1, Duration: 1e9}.WithDefaults()
	l := NewLedger(&p, 1)
	pub, sub := l.Publisher(0, 0), l.Subscriber(0, 0)
	pub.Connected(false)
	sub.Connected(false)
	sub.Subscribed(1)
	return l, pub, sub, &client.Reception{Topic: []byte(p.TopicName(0)), Payload: make([]byte, 64), QoS: packet.QoS(1)}
}

// BenchmarkMark is the ledger's own part of a reception in order.
func BenchmarkMark(b *testing.B) {
	_, _, sub, r := benchmarkLedger()
	st := plan.Stamp{}
	b.ReportAllocs()
	for b.Loop() {
		sub.mark(&sub.pairs[0], &st, r)
		st.Seq++
	}
}

// BenchmarkReceive is all of it: stamp, pattern, Topic Name, mark. The time to write the payload is in it, too.
func BenchmarkReceive(b *testing.B) {
	_, _, sub, r := benchmarkLedger()
	st := plan.Stamp{}
	b.ReportAllocs()
	for b.Loop() {
		plan.Fill(r.Payload, st)
		sub.Receive(r)
		st.Seq++
	}
}

func BenchmarkAttempt(b *testing.B) {
	_, pub, _, _ := benchmarkLedger()
	seq := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		pub.Attempt(seq)
		pub.Acked(seq, 0)
		seq++
	}
}

func BenchmarkVerify(b *testing.B) {
	p := plan.Plan{Publishers: 10_000, Subscribers: 10_000, PubQoS: 1, SubQoS: 1, Rate: 1, Duration: 1e9}.WithDefaults()
	l := NewLedger(&p, 1)
	for i := range p.Publishers {
		l.Publisher(i, 0)
		l.Subscriber(i, 0).Subscribed(1)
	}
	for b.Loop() {
		l.Verify(Circumstances{})
	}
}
