package measure

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// The model is the ledger without a clever thought: a map entry for every message and a list of everything
// that was received. It is what the definitions of the verdicts say, read aloud.

type modelMessage struct {
	acked, refused, resent, renewed bool
}

type modelStream struct {
	messages  []modelMessage // Attempted, by sequence number.
	connected bool
	met       bool
}

type modelReception struct {
	epoch  uint32
	first  bool
	late   bool // A first delivery after a younger message.
	legal  bool // A repetition that the subscriber's side explains.
	behind bool // And it came after that of a younger message, on the same connection.
	kept   bool // Sent again out of a session that has ended.
}

type modelPair struct {
	receptions map[uint32][]modelReception
	excused    map[uint32]bool
	next       uint32 // One more than the highest number received,
	epoch      uint32 // in this connection.
	excusedTo  uint32
	phantoms   int
	repeated   map[uint32]uint32 // By epoch: the youngest message that came legally again.
}

type modelSubscriber struct {
	pairs     map[int]*modelPair
	connected bool
	away      bool
	left      bool
	effective packet.QoS
	epoch     uint32
}

func TestLedgerAgainstModel(t *testing.T) {
	met := make(map[result.Class]int64)
	var recovered, overtaken uint64
	for seed := range uint64(400) {
		w := newWorld(t, seed)
		for range 400 {
			w.step()
		}
		w.compare()
		if t.Failed() {
			t.Fatalf("seed %d: %s, published at QoS %d, subscribed at %d, %s", seed, w.plan.Pattern, w.plan.PubQoS, w.plan.SubQoS, w.plan.SubscriberSession)
		}
		v := w.verdict()
		recovered, overtaken = recovered+v.recovered, overtaken+v.overtaken
		for class, n := range v.classes {
			met[class] += n
		}
	}
	// A model that never meets a class proves nothing about it.
	for _, class := range severity {
		if met[class] < 100 && !slices.Contains(beyondModel, class) {
			t.Errorf("%s was met %d times", class, met[class])
		}
	}
	if recovered < 100 || overtaken < 100 {
		t.Errorf("%d were recovered, %d legally overtaken", recovered, overtaken)
	}
}

// beyondModel are classes that the model knows nothing of.
var beyondModel = []result.Class{result.Corrupt, result.DroppedOverload, result.IDReused, result.WrongQoS, result.IDChanged, result.Resent, result.Late, result.SubscriptionLost}

// A world drives a ledger and the model with the same random events.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	plan   *plan.Plan
	ledger *Ledger
	pubs   []*Publisher
	subs   []*Subscriber

	streams     []*modelStream
	subscribers []*modelSubscriber
}

func newWorld(t *testing.T, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := plan.Plan{
		RunID: 9, Publishers: 2, Subscribers: 2, Pattern: plan.FanOut,
		PubQoS: packet.QoS(rng.IntN(3)), SubQoS: packet.QoS(rng.IntN(3)), Rate: 10, Duration: 1e9,
	}
	if rng.IntN(2) == 0 {
		p.Pattern, p.Publishers = plan.Pairs, 4 // Each subscriber has two streams, with a step between.
	}
	if rng.IntN(2) == 0 {
		p.SubscriberSession = plan.Persistent
	}
	p = p.WithDefaults()
	w := &world{t: t, rng: rng, plan: &p, ledger: NewLedger(&p, 2)}
	for i := range p.Publishers {
		w.pubs = append(w.pubs, w.ledger.Publisher(i, i%2))
		w.streams = append(w.streams, &modelStream{})
	}
	for i := range p.Subscribers {
		w.subs = append(w.subs, w.ledger.Subscriber(i, i%2))
		m := &modelSubscriber{pairs: make(map[int]*modelPair), away: true}
		for pub := range p.Sources(i) {
			m.pairs[pub] = &modelPair{repeated: make(map[uint32]uint32), receptions: make(map[uint32][]modelReception), excused: make(map[uint32]bool)}
		}
		w.subscribers = append(w.subscribers, m)
	}
	return w
}

func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

func (w *world) step() {
	switch n := w.rng.IntN(100); {
	case n < 35:
		w.publish(w.rng.IntN(len(w.pubs)))
	case n < 55:
		w.acknowledge(w.rng.IntN(len(w.pubs)))
	case n < 58:
		w.churnPublisher(w.rng.IntN(len(w.pubs)))
	case n < 61:
		w.churnSubscriber(w.rng.IntN(len(w.subs)))
	default:
		w.deliver(w.rng.IntN(len(w.subs)))
	}
}

func (w *world) publish(i int) {
	s := w.streams[i]
	seq := uint32(len(s.messages))
	w.pubs[i].Attempt(seq)
	if w.chance(10) {
		w.pubs[i].Retract(seq)
		return
	}
	s.messages = append(s.messages, modelMessage{})
}

func (w *world) acknowledge(i int) {
	s := w.streams[i]
	if len(s.messages) == 0 || w.plan.PubQoS == 0 {
		return
	}
	seq := max(0, len(s.messages)-1-w.rng.IntN(20)) // Sometimes twice.
	reason := packet.ReasonCode(0)
	if w.chance(10) {
		reason = 0x97
	}
	w.pubs[i].Acked(uint32(seq), reason)
	if m := &s.messages[seq]; !m.acked && !m.refused {
		m.acked, m.refused = reason == 0, reason != 0
	}
}

func (w *world) churnPublisher(i int) {
	s := w.streams[i]
	if s.connected {
		s.connected = false
		w.pubs[i].Disconnected()
		return
	}
	present := w.chance(70)
	w.pubs[i].Connected(present)
	s.connected = true
	for seq := range s.messages {
		if m := &s.messages[seq]; s.met && !m.acked && !m.refused && w.plan.PubQoS > 0 {
			m.resent = m.resent || present
			m.renewed = m.renewed || !present
		}
	}
	s.met = true
}

func (w *world) churnSubscriber(i int) {
	s, m := w.subs[i], w.subscribers[i]
	clean := w.plan.SubscriberSession == plan.Clean
	if m.connected {
		s.Disconnected()
		m.connected, m.left = false, true
		m.away = m.away || clean
		m.epoch++
		return
	}
	present := !clean && m.left
	s.Connected(present)
	m.connected = true
	if present {
		m.away = false
	}
	for range w.rng.IntN(3) { // Before the SUBACK.
		w.deliver(i)
	}
	if present && m.effective != 0 {
		return
	}
	granted := packet.QoS(w.rng.IntN(int(w.plan.SubQoS) + 1))
	s.Subscribed(packet.ReasonCode(granted))
	m.effective = min(granted, w.plan.PubQoS)
	if !m.away {
		return
	}
	m.away = false
	for pub, p := range m.pairs {
		for seq := p.next; seq < uint32(len(w.streams[pub].messages)); seq++ {
			p.excused[seq] = true
			p.excusedTo = max(p.excusedTo, seq+1)
		}
	}
}

// deliver has a subscriber receive something: mostly what comes next, sometimes what an ill broker sends.
func (w *world) deliver(i int) {
	m := w.subscribers[i]
	if !m.connected {
		return
	}
	pubs := slices.Sorted(maps.Keys(m.pairs))
	pub := pubs[w.rng.IntN(len(pubs))]
	p := m.pairs[pub]
	attempted := uint32(len(w.streams[pub].messages))
	seq := p.next
	switch n := w.rng.IntN(100); {
	case n < 15:
		seq += uint32(w.rng.IntN(6))
	case n < 40:
		seq -= min(seq, uint32(w.rng.IntN(8)))
	case n < 41:
		seq = attempted + uint32(w.rng.IntN(1000))
	case seq >= attempted && n < 95:
		return
	}
	r := reception(w.plan, pub, seq)
	r.Epoch, r.Dup, r.QoS = m.epoch, w.chance(50), m.effective
	_, got := w.subs[i].Receive(r)
	if want := m.receive(p, seq, attempted, r, w.plan.SubscriberSession == plan.Clean); got != want {
		w.t.Errorf("message %d of %d: outcome %d, want %d", seq, pub, got, want)
	}
}

func (m *modelSubscriber) receive(p *modelPair, seq, attempted uint32, r *client.Reception, clean bool) Outcome {
	if seq > p.next && seq >= attempted {
		p.phantoms++
		return Phantom
	}
	if m.away {
		for missed := p.next; missed < seq; missed++ {
			p.excused[missed] = true
			p.excusedTo = max(p.excusedTo, missed+1)
		}
	}
	before := p.receptions[seq]
	now := modelReception{epoch: r.Epoch, first: len(before) == 0}
	plain := seq == p.next && r.Epoch == p.epoch && seq >= p.excusedTo
	earlier := !now.first && before[0].epoch < r.Epoch
	now.kept = clean && r.Dup && m.effective > 0 && r.Epoch > 0 && !plain && (m.away || seq < p.excusedTo || earlier)
	if now.first {
		if now.late = seq < p.next; !now.late {
			p.epoch = r.Epoch
		}
	} else if !now.kept {
		now.legal = m.effective == 1 && r.Dup && r.Epoch > before[0].epoch
		youngest, any := p.repeated[r.Epoch]
		now.behind = now.legal && any && seq < youngest
		if now.legal && !now.behind {
			p.repeated[r.Epoch] = seq
		}
	}
	p.receptions[seq] = append(before, now)
	p.next = max(p.next, seq+1)
	if now.first {
		return First
	}
	return Duplicate
}

// reception is what a good broker would deliver.
func reception(p *plan.Plan, pub int, seq uint32) *client.Reception {
	payload := make([]byte, p.Payload)
	plan.Fill(payload, plan.Stamp{Run: p.RunID, Stream: pub, Seq: seq})
	return &client.Reception{Topic: []byte(p.TopicName(pub)), Payload: payload, Now: 1}
}

// A verdict is what the model and the ledger must agree on.
type verdict struct {
	attempted, acked, refused, unknown, expected, delivered int64
	recovered, overtaken                                    uint64
	missing, outstanding                                    int64
	classes                                                 map[result.Class]int64
}

func (w *world) compare() {
	a := w.ledger.Verify(Circumstances{})
	var sums Tally
	for g := range 2 {
		sums.Add(*w.ledger.Tally(g))
	}
	c := a.Contract
	got := verdict{
		c.Attempted, c.Acked, c.Refused, c.Unknown, c.Expected, c.Delivered,
		a.Recovered, a.Overtaken, sums.Missing(), sums.Outstanding, make(map[result.Class]int64),
	}
	for _, f := range c.Findings {
		if f.Class != result.SubscriptionLost { // What it counts is lost as well.
			got.classes[f.Class] = f.Count
		}
	}
	if g, w2 := fmt.Sprint(got), fmt.Sprint(w.verdict()); g != w2 {
		w.t.Errorf("\n got %s\nwant %s", g, w2)
	}
	if err := saneContract(&c); err != nil {
		w.t.Error(err)
	}
	streams := 0
	for _, n := range a.Streams {
		streams += n
	}
	if streams != w.plan.Publishers {
		w.t.Errorf("%d streams are judged, of %d", streams, w.plan.Publishers)
	}
	if len(a.First) != len(c.Findings) {
		w.t.Errorf("%d classes occurred, %d have a first offence", len(c.Findings), len(a.First))
	}
}

func (w *world) verdict() verdict {
	v := verdict{classes: make(map[result.Class]int64)}
	for i, s := range w.streams {
		for _, m := range s.messages {
			v.attempted++
			v.expected += int64(w.plan.Copies(i))
			switch {
			case m.acked:
				v.acked++
			case m.refused:
				v.refused++
			case w.plan.PubQoS == 0:
			case s.connected:
				v.classes[result.Stuck]++
				v.outstanding++
			default:
				v.unknown++
				v.outstanding++
			}
		}
	}
	for _, m := range w.subscribers {
		for pub, p := range m.pairs {
			w.verdictOf(&v, m, p, w.streams[pub])
		}
	}
	v.missing = v.expected
	for i, s := range w.streams {
		for _, m := range s.messages {
			if m.refused {
				v.missing -= int64(w.plan.Copies(i))
			}
		}
	}
	for _, m := range w.subscribers {
		for _, p := range m.pairs {
			v.missing -= int64(len(p.receptions))
			for seq := range p.excused {
				if p.receptions[seq] == nil {
					v.missing--
				}
			}
		}
	}
	for class, n := range v.classes {
		if n == 0 {
			delete(v.classes, class)
		}
	}
	return v
}

func (w *world) verdictOf(v *verdict, m *modelSubscriber, p *modelPair, s *modelStream) {
	qos := w.plan.PubQoS
	v.classes[result.Phantom] += int64(p.phantoms)
	for seq, message := range s.messages {
		open := qos > 0 && !message.acked && !message.refused
		gone := (m.away || !m.connected) && uint32(seq) >= p.next
		switch {
		case len(p.receptions[uint32(seq)]) > 0:
			v.delivered++
			if open {
				v.recovered++
			}
		case p.excused[uint32(seq)], gone, message.refused:
			v.classes[result.DroppedLegal]++
		case m.effective == 0:
			v.classes[result.LossQoS0]++
		case open:
			v.classes[result.LostUnknown]++
		default:
			v.classes[result.Lost]++
		}
	}
	for seq, receptions := range p.receptions {
		twice := false
		if int(seq) < len(s.messages) {
			message := s.messages[seq]
			twice = message.renewed || qos == 1 && message.resent
		} else {
			v.classes[result.Phantom]++
		}
		for _, r := range receptions {
			switch {
			case r.behind && twice:
				v.overtaken++
			case r.behind:
				v.classes[result.Reorder]++
			}
			if r.kept && !twice {
				v.classes[result.SessionKept]++
			}
			switch {
			case r.late && twice:
				v.overtaken++
			case r.late:
				v.classes[result.Reorder]++
			case r.first, r.kept && !twice:
			case r.legal || twice:
				v.classes[result.DupLegal]++
			default:
				v.classes[result.Dup]++
			}
		}
	}
}

// TestSpans compares the interval sets with maps.
func TestSpans(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var set seqSet
		have := make(map[uint32]bool)
		for range 100 {
			seq := uint32(rng.IntN(120))
			added, _ := set.add(seq)
			if added == have[seq] {
				t.Fatalf("seed %d: %d added: %t", seed, seq, added)
			}
			have[seq] = true
		}
		checkSpans(t, seed, "missing", set.missing(nil, 110), 110, func(n uint32) bool { return !have[n] })
		a, inA := randomSpans(rng)
		b, inB := randomSpans(rng)
		in, out := split(a, b)
		for i := 1; i < len(a); i++ {
			if a[i-1].to >= a[i].from {
				t.Fatalf("seed %d: joined spans touch: %v", seed, a)
			}
		}
		checkSpans(t, seed, "in", in, 200, func(n uint32) bool { return inA[n] && inB[n] })
		checkSpans(t, seed, "out", out, 200, func(n uint32) bool { return inA[n] && !inB[n] })
	}
}

func randomSpans(rng *rand.Rand) ([]span, map[uint32]bool) {
	var spans []span
	set := make(map[uint32]bool)
	for range rng.IntN(12) {
		from := uint32(rng.IntN(180))
		to := from + uint32(rng.IntN(15))
		spans = join(spans, span{from, to})
		for n := from; n < to; n++ {
			set[n] = true
		}
	}
	return spans, set
}

// checkSpans checks that spans are ascending, apart, not empty, and contain exactly what want says below end.
func checkSpans(t *testing.T, seed uint64, name string, spans []span, end uint32, want func(uint32) bool) {
	t.Helper()
	for i, s := range spans {
		if s.from >= s.to || i > 0 && spans[i-1].to > s.from {
			t.Fatalf("seed %d: %s: %v", seed, name, spans)
		}
	}
	for n := range end {
		if _, ok := find(spans, n); ok != want(n) {
			t.Fatalf("seed %d: %s: %d is in %v: %t", seed, name, n, spans, ok)
		}
	}
}
