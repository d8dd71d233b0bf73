package broker

import (
	"bytes"
	"math"
	"runtime/metrics"
	"strconv"
	"sync/atomic"

	"mqttbench/broker/session"
	"mqttbench/broker/transport"
)

// A sysTree publishes what the broker knows about itself under $SYS/broker/, retained
// and at QoS 0, with the names and in the form that mosquitto has made usual, so that
// existing dashboards work.
//
// The hot path pays nothing: the counters are those of Stats, and each loop copies its
// own in a turn of its own when it is asked, once an interval. The first loop publishes
// when the last copy has arrived. Values that have not changed are not published again.
// What it publishes is not counted: watching does not change what is seen.
type sysTree struct {
	// Immutable
	s        *Server
	interval int64 // ns.
	started  int64 // ns.
	report   []func()
	survey   func()

	// Each owned by its loop until left is zero, then by the first.
	parts []counters
	left  atomic.Int64

	// As the above: set by whoever comes last, and then owned by the first.
	counting Depths
	shard    int // The first that has not been looked at.

	// Owned by the first loop
	next      int64 // When to publish again, ns.
	gathering bool
	at        int64 // When it was published last, ns.
	now       Stats
	depths    Depths
	clients   []*client // Scratch.
	sockets   uint64    // Connections accepted.
	most      int       // The most clients connected that were seen.
	heap      [1]metrics.Sample
	mostHeap  uint64
	loads     [len(loadNames)]load
	last      [][]byte // What was published last, by topic.
	text      []byte
}

// isSys reports whether a Topic Name is the broker's own.
func isSys(name []byte) bool {
	return len(name) > 0 && name[0] == '$' && (bytes.HasPrefix(name, []byte("$SYS/")) || string(name) == "$SYS")
}

func newSysTree(s *Server) *sysTree {
	t := &sysTree{
		s: s, interval: int64(s.o.SysInterval), started: transport.Clock(),
		parts: make([]counters, len(s.own)), last: make([][]byte, len(sysTopics)),
	}
	t.at = t.started
	t.heap[0].Name = "/memory/classes/heap/objects:bytes"
	for i, l := range s.own {
		t.report = append(t.report, func() {
			t.parts[i] = l.n
			if t.left.Add(-1) == 0 {
				t.counting, t.shard = Depths{}, 0
				s.own[0].t.Post(t.survey)
			}
		})
	}
	t.survey = func() { t.lookAtSessions(s.own[0]) }
	return t
}

// surveyed is how many sessions the first loop looks at in one turn: a fraction of a millisecond's work.
const surveyed = 2000

// lookAtSessions counts what waits in the sessions, some of them in each turn, and publishes when it has seen all.
func (t *sysTree) lookAtSessions(l *loop) {
	for seen := 0; t.shard < directoryShards; t.shard++ {
		if seen >= surveyed {
			l.t.Post(t.survey)
			return
		}
		t.clients = t.s.directory.shards[t.shard].measure(&t.counting, t.clients)
		seen += len(t.clients)
	}
	clear(t.clients[:cap(t.clients)]) // Nobody is to be kept alive by this.
	t.depths = t.counting
	t.publishAll(l)
}

// tick is called by the first loop now and then.
func (t *sysTree) tick(now int64) {
	if t.gathering || now < t.next {
		return
	}
	t.gathering = true
	t.left.Store(int64(len(t.report)))
	for i, report := range t.report {
		t.s.own[i].t.Post(report)
	}
}

func (t *sysTree) publishAll(l *loop) {
	now := l.turn()
	l.enter()
	defer l.leave(nil)
	t.gathering, t.next = false, now+t.interval
	t.look(now)
	for i := range sysTopics {
		topic := &sysTopics[i]
		t.text = topic.value(t, t.text[:0])
		if t.last[i] != nil && bytes.Equal(t.last[i], t.text) {
			continue
		}
		t.last[i] = append(t.last[i][:0], t.text...)
		t.set(l, topic.name, t.text)
	}
	t.at = now
}

// look takes stock.
func (t *sysTree) look(now int64) {
	t.now = t.s.holdings()
	for i := range t.parts {
		t.now.add(&t.parts[i])
	}
	t.sockets = 0
	for _, l := range t.s.own {
		t.sockets += l.t.Stats().Accepts
	}
	t.most = max(t.most, t.now.Clients)
	metrics.Read(t.heap[:])
	t.mostHeap = max(t.mostHeap, t.heap[0].Value.Uint64())
	for i, total := range t.totals() {
		t.loads[i].add(total, now-t.at)
	}
}

// set publishes one value, beside all limits and counters.
func (t *sysTree) set(l *loop, name string, value []byte) {
	before := l.n
	m := session.NewMessage([]byte(name), nil, value, 0, 0)
	if _, existed := t.s.retained.Set(name, m); !existed {
		t.s.sysTopics.Add(1)
	}
	l.route(&publication{name: m.Topic, payload: m.Payload, retain: true})
	l.n = before
}

// A load is how many there were in a minute, in the mean over the last one, five and
// fifteen, as the load of a Unix system is counted: older minutes weigh less.
type load struct {
	last    uint64
	average [3]float64
}

var loadSpans = [3]int64{60 * second, 300 * second, 900 * second}

// add takes a running total after a while of ns.
func (a *load) add(total uint64, while int64) {
	if while <= 0 {
		return
	}
	rate := float64(total-a.last) * float64(60*second) / float64(while)
	a.last = total
	for i, span := range loadSpans {
		old := math.Exp(-float64(while) / float64(span))
		a.average[i] = rate + old*(a.average[i]-rate)
	}
}

// loadNames stand for the totals that there is a load of, in their order.
var loadNames = [...]string{
	"messages/received", "messages/sent", "publish/dropped", "publish/received", "publish/sent",
	"bytes/received", "bytes/sent", "sockets", "connections",
}

func (t *sysTree) totals() [len(loadNames)]uint64 {
	s := &t.now
	return [...]uint64{
		s.PacketsIn, s.PacketsOut, s.Dropped.total(), sum(s.Received), sum(s.Delivered),
		s.BytesIn, s.BytesOut, t.sockets, s.Connects,
	}
}

func sum(n [3]uint64) uint64 { return n[0] + n[1] + n[2] }

// A sysTopic is one Topic Name and how to write its value behind b.
type sysTopic struct {
	name  string
	value func(t *sysTree, b []byte) []byte
}

var sysTopics = makeSysTopics()

func makeSysTopics() []sysTopic {
	var all []sysTopic
	number := func(name string, n func(t *sysTree) uint64) {
		all = append(all, sysTopic{"$SYS/broker/" + name, func(t *sysTree, b []byte) []byte {
			return strconv.AppendUint(b, n(t), 10)
		}})
	}
	text := func(name string, f func(t *sysTree, b []byte) []byte) {
		all = append(all, sysTopic{"$SYS/broker/" + name, f})
	}
	text("version", func(t *sysTree, b []byte) []byte { return append(b, t.s.o.Version...) })
	text("uptime", func(t *sysTree, b []byte) []byte {
		return append(strconv.AppendInt(b, (t.s.own[0].now-t.started)/second, 10), " seconds"...)
	})
	connected := func(t *sysTree) uint64 { return uint64(t.now.Clients) }
	away := func(t *sysTree) uint64 { return uint64(max(0, t.now.Sessions-t.now.Clients)) }
	number("clients/total", func(t *sysTree) uint64 { return uint64(t.now.Sessions) })
	number("clients/maximum", func(t *sysTree) uint64 { return uint64(t.most) })
	number("clients/connected", connected)
	number("clients/active", connected) // The old names of the two; dashboards still ask for them.
	number("clients/disconnected", away)
	number("clients/inactive", away)
	number("clients/expired", func(t *sysTree) uint64 { return t.now.SessionsExpired })
	number("messages/received", func(t *sysTree) uint64 { return t.now.PacketsIn })
	number("messages/sent", func(t *sysTree) uint64 { return t.now.PacketsOut })
	number("publish/messages/received", func(t *sysTree) uint64 { return sum(t.now.Received) })
	number("publish/messages/sent", func(t *sysTree) uint64 { return sum(t.now.Delivered) })
	number("publish/messages/dropped", func(t *sysTree) uint64 { return t.now.Dropped.total() })
	number("publish/bytes/received", func(t *sysTree) uint64 { return sum(t.now.PayloadIn) })
	number("publish/bytes/sent", func(t *sysTree) uint64 { return sum(t.now.PayloadOut) })
	number("bytes/received", func(t *sysTree) uint64 { return t.now.BytesIn })
	number("bytes/sent", func(t *sysTree) uint64 { return t.now.BytesOut })
	number("subscriptions/count", func(t *sysTree) uint64 { return uint64(t.now.Subscriptions) })
	number("retained messages/count", func(t *sysTree) uint64 { return uint64(t.now.Retained) })
	number("shared_subscriptions/count", func(t *sysTree) uint64 { return uint64(t.now.SharedSubscriptions) })
	// A message counts once for each session that it waits in; in mosquitto, once.
	stored := func(t *sysTree) uint64 { return uint64(t.depths.Queued + t.depths.Inflight + t.now.Retained) }
	number("store/messages/count", stored)
	number("messages/stored", stored) // The old name.
	number("store/messages/bytes", func(t *sysTree) uint64 { return uint64(t.depths.Bytes + t.now.RetainedBytes) })
	number("messages/inflight", func(t *sysTree) uint64 { return uint64(t.depths.Inflight) })
	number("heap/current", func(t *sysTree) uint64 { return t.heap[0].Value.Uint64() })
	number("heap/maximum", func(t *sysTree) uint64 { return t.mostHeap })
	for i, name := range loadNames {
		for j, span := range []string{"1min", "5min", "15min"} {
			text("load/"+name+"/"+span, func(t *sysTree, b []byte) []byte {
				return strconv.AppendFloat(b, t.loads[i].average[j], 'f', 2, 64)
			})
		}
	}
	return all
}
