package measure

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
)

// TestStallIsCharged runs the experiment that a load generator must pass. A broker answers at once,
// but freezes for the second second of three. At 1000 messages a second that delays the thousand
// messages due meanwhile, by anything from 1 ms to a second; a tenth of all messages by 700 ms or
// more. Whoever measures from the moment of sending sees only the 20 that were in flight, because
// the others had not been sent: p99 is 0 and the broker perfect.
func TestStallIsCharged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGenerator(t, 1000, 3*time.Second)
		go g.broker(time.Second, 2*time.Second)
		g.run()

		totals := g.collector.Totals(0)
		response, service, lag := totals.Series.Response, totals.Series.Service, totals.Series.Lag
		exactly(t, "response", response, 3000, 0, 1e9)
		exactly(t, "service", service, 3000, 0, 1e9)
		exactly(t, "lag", lag, 3000, 0, 980e6) // The 21st message of the stall was due 20 ms after it began.

		// Of 3000 values, 2000 are 0, and the others 1, 2, ... 1000 ms.
		rank(t, "response", response, 2000, 0)
		rank(t, "response", response, 2001, 1e6)
		rank(t, "response", response, 2700, 700e6) // p90
		rank(t, "response", response, 2970, 970e6) // p99
		rank(t, "service", service, 2970, 0)       // p99
		rank(t, "service", service, 2980, 0)
		rank(t, "service", service, 2981, 981e6)

		audit := g.ledger.Verify(Circumstances{})
		if len(audit.Contract.Findings) != 0 || audit.Contract.Delivered != 3000 {
			t.Errorf("the ledger says %+v", audit.Contract)
		}
		if g.schedule.Unsent(math.MaxInt64) != 0 {
			t.Errorf("%d messages were skipped", g.schedule.Unsent(math.MaxInt64))
		}
	})
}

// rank checks the n-th smallest value, counted from 1.
func rank(t *testing.T, name string, h *hdr.Histogram, n, want int64) {
	t.Helper()
	got := h.ValueAtPercentile(100 * (float64(n) - 0.5) / float64(h.TotalCount()))
	if !h.ValuesAreEquivalent(got, want) {
		t.Errorf("%s: value %d of %d is %d ns, want %d", name, n, h.TotalCount(), got, want)
	}
}

// A generator is the smallest that there can be: one publisher, one subscriber, a window of 20, and
// channels for a network.
type generator struct {
	plan      plan.Plan
	schedule  *plan.Schedule
	recorder  *Recorder
	collector *Collector
	ledger    *Ledger
	pub       *Publisher
	sub       *Subscriber

	begin    time.Time
	inflight int
	to, from chan []byte
}

func newGenerator(t *testing.T, rate float64, duration time.Duration) *generator {
	g := &generator{
		plan: plan.Plan{
			Publishers: 1, Subscribers: 1, PubQoS: 1, SubQoS: 1,
			Rate: rate, Arrivals: plan.Burst, Duration: plan.Duration(duration),
		}.WithDefaults(),
		begin: time.Now(),
		to:    make(chan []byte, 20), from: make(chan []byte, 20),
	}
	if err := g.plan.Validate(); err != nil {
		t.Fatal(err)
	}
	g.schedule = plan.NewSchedule(&g.plan, []int{0})
	g.recorder, g.collector = NewRecorder(0), NewCollector(1)
	g.recorder.SetWindow(Window{To: g.plan.End()})
	g.ledger = NewLedger(&g.plan, 1)
	g.pub, g.sub = g.ledger.Publisher(0, 0), g.ledger.Subscriber(0, 0)
	g.pub.Connected(false)
	g.sub.Connected(false)
	g.sub.Subscribed(1)
	return g
}

func (g *generator) now() int64 { return int64(time.Since(g.begin)) }

// broker answers every message at once, unless it is between from and to.
func (g *generator) broker(from, to time.Duration) {
	for payload := range g.to {
		if at := time.Since(g.begin); at >= from && at < to {
			time.Sleep(to - at)
		}
		g.from <- payload
	}
}

func (g *generator) run() {
	defer close(g.to)
	for {
		wake := g.pace()
		if wake == math.MaxInt64 && g.inflight == 0 {
			g.collector.Add(g.recorder.Swap(0))
			return
		}
		timer := time.NewTimer(time.Duration(wake - g.now()))
		select {
		case payload := <-g.from:
			g.receive(payload)
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pace is the loop of plan.Schedule's comment.
func (g *generator) pace() (wake int64) {
	for {
		m, ok := g.schedule.Peek(g.now())
		if !ok {
			return m.Due
		}
		if g.send(m) {
			g.schedule.Pop()
		} else {
			g.schedule.Block(m.Pub)
		}
	}
}

func (g *generator) send(m plan.Message) bool {
	if g.inflight == g.plan.Window {
		return false
	}
	now := g.now()
	payload := make([]byte, g.plan.Payload)
	plan.Fill(payload, plan.Stamp{Run: g.plan.RunID, Stream: m.Pub, Seq: m.Seq, Sent: now})
	g.pub.Attempt(m.Seq)
	g.recorder.Sent(m.Due, now, len(payload))
	g.inflight++
	g.to <- payload
	return true
}

// receive takes an echo for the delivery and for the acknowledgement.
func (g *generator) receive(payload []byte) {
	now := g.now()
	r := client.Reception{Topic: []byte(g.plan.TopicName(0)), Payload: payload, QoS: 1, Now: now}
	if st, o := g.sub.Receive(&r); o == First {
		g.recorder.Seen(g.plan.Due(st.Stream, st.Seq), st.Sent, now, len(payload))
		g.pub.Acked(st.Seq, 0)
	}
	g.inflight--
	for {
		m, ok := g.schedule.Late(0, now)
		if !ok || !g.send(m) {
			return
		}
		g.schedule.PopLate(0)
	}
}
