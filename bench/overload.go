package bench

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// What brokers count of the messages of all their clients, under $SYS.
const (
	countDropped  = iota
	countReceived // PUBLISH packets from clients,
	countSent     // and to them.
	countKinds
)

// countTopics are under which brokers tell it: mosquitto and those that took its $SYS over; mochi.
var countTopics = map[string]int{
	"$SYS/broker/publish/messages/dropped": countDropped, "$SYS/broker/messages/dropped": countDropped,
	"$SYS/broker/publish/messages/received": countReceived, "$SYS/broker/publish/messages/sent": countSent,
}

// upTopic is published with each update, whether it has changed or not: behind it the counts are new.
const upTopic = "$SYS/broker/uptime"

const (
	// sysWithin is how long it may take to connect and to subscribe to them.
	sysWithin = 5 * time.Second
	// sysInterval is how long a count may be old: brokers publish theirs every 10 s, mosquitto by default.
	sysInterval = 12 * time.Second
)

// A teller is a client that hears from the broker what it has counted since it began. What it observes is its group's; news go to told.
type teller struct {
	client client.Client
	asked  int  // SUBACKs that came. Each says that what was published before its SUBSCRIBE has come.
	fresh  bool // There has been an update.
	told   chan news
}

// news are what a teller hears.
type news struct {
	kind   int // Of n.
	n      uint64
	counts bool // It is a count.
	fresh  bool // What came before is no older than the question. Neither: nothing more is retained, or the connection has ended.
}

// counts are what a broker has counted of a kind. Those of before a run are the first that were heard, which are no younger than the run; those of after
// it the last.
type counts struct {
	n     [countKinds]uint64
	known [countKinds]bool
	at    int64 // transport.Clock, when all of them had come; 0: they have not.
	fresh bool  // They are no older than the question.
}

func (t *teller) say(n news) {
	select {
	case t.told <- n:
	default: // Nobody listens any more.
	}
}

func (t *teller) ask() { t.client.Subscribe(append(slices.Sorted(maps.Keys(countTopics)), upTopic), 0) }

func (t *teller) Connected(bool, int64) { t.ask() }

func (t *teller) Subscribed(_ []packet.ReasonCode, _ int64) {
	if t.asked++; t.asked == 1 {
		t.ask()
		return
	}
	t.say(news{fresh: t.fresh})
}

func (t *teller) Received(r *client.Reception) {
	if string(r.Topic) == upTopic {
		if !r.Retain && !t.fresh {
			t.fresh = true
			t.ask()
		}
		return
	}
	kind, known := countTopics[string(r.Topic)]
	if n, err := strconv.ParseUint(strings.TrimSpace(string(r.Payload)), 10, 64); err == nil && known {
		t.say(news{kind: kind, n: n, counts: true})
	}
}

func (t *teller) Disconnected(error, int64)              { t.say(news{}) }
func (t *teller) Refused(packet.ReasonCode)              {}
func (t *teller) Unsubscribed(int64)                     {}
func (t *teller) Acked(uint64, packet.ReasonCode, int64) {}
func (t *teller) Recall(uint64, int64) *client.Message   { return nil }
func (t *teller) Took(client.Phase, time.Duration)       {}
func (t *teller) Writable()                              {}

// asked asks the broker what it has counted. before: what it tells at once. Otherwise it goes on listening until it has dropped at least enough, or there are
// new counts or there was time for them.
func (r *run) asked(before bool, enough uint64) (c counts) {
	if len(r.cfg.Nodes) > 1 { // Each counts its own.
		return c
	}
	g := r.workers[0].group
	t := &teller{told: make(chan news, 16)}
	o := r.options(len(r.members)-1, "", plan.Clean) // Who is let in last of all, but for its name.
	o.ClientID = fmt.Sprintf("mb%sd0", r.plan.Run)
	if o.Extra != nil {
		e := *o.Extra
		e.Will, o.Extra = nil, &e
	}
	t.client = g.New(o, t)
	g.Post(t.client.Connect)
	defer g.Post(t.client.Disconnect)
	for patience := time.After(sysWithin); ; {
		select {
		case x := <-t.told:
			any := slices.Contains(c.known[:], true)
			switch {
			case !x.counts && (before || !any):
				c.at = transport.Clock()
				return c
			case x.counts && !any: // It may be old.
				patience = time.After(sysInterval)
			}
			if x.counts && !(before && c.known[x.kind]) {
				c.n[x.kind], c.known[x.kind] = x.n, true
			}
			c.fresh = x.fresh && any
			if c.fresh || !before && c.known[countDropped] && c.n[countDropped] >= enough && enough > 0 {
				return c
			}
		case <-patience:
			return c
		}
	}
}

// promising reports whether anything was published that the broker must not drop.
func (r *run) promising() bool {
	pub := slices.ContainsFunc(r.pubs, func(p *publisher) bool { return p.qos > 0 })
	return pub && slices.ContainsFunc(r.subs, func(s *subscriber) bool { return s.qos > 0 })
}

// countBefore asks for the broker's counts before the run, if they did not begin with it. It goes on beside the probe; awaitCounts waits for it.
func (r *run) countBefore() {
	if r.cfg.Fresh || !r.promising() {
		return
	}
	before := make(chan counts, 1)
	r.before = before
	go func() {
		before <- r.asked(true, 0)
		r.nudge()
	}()
}

// awaitCounts waits for the counts of before the run, but not for ever.
func (r *run) awaitCounts(ctx context.Context) error {
	if r.before == nil {
		return nil
	}
	return r.await(ctx, time.Now().Add(sysWithin), func() bool {
		select {
		case r.earlier = <-r.before:
			return true
		default:
			return false
		}
	}, func() error { return nil })
}

// A counted is what the broker has counted during the run.
type counted struct {
	counts      // Their growth.
	whole  bool // Since before anything was published, and up to the end.
}

// ownCounts are what the broker has counted during the run; missing is how many deliveries that were owed have not come.
func (r *run) ownCounts(missing uint64) (c counted) {
	before := r.earlier
	if r.before == nil {
		before.at = 1
	}
	c.counts = r.asked(false, before.n[countDropped]+missing)
	c.whole = c.fresh && before.at != 0 && r.cfg.Faults == nil && !r.broken() // What is done to the run is not the broker's doing.
	for i := range c.n {
		c.known[i] = c.known[i] && (r.before == nil || before.known[i] || i == countDropped)
		c.n[i] -= min(c.n[i], before.n[i])
	}
	return c
}

// broken reports whether connections have ended that nobody had asked to: the broker may have been started again, and counts anew.
func (r *run) broken() bool {
	return len(r.log.failures) > 0 || r.cfg.BrokerNow != nil && r.cfg.BrokerNow().Number > 0
}

// miscounted holds the broker's own counts against what it did: it has received what it acknowledged, and sent what came. It may count more, of
// others' messages.
func (r *run) miscounted(s *result.Summary, audits []*measure.Audit, c counted) {
	if !c.whole {
		return
	}
	acked, came := int64(0), int64(0)
	f := result.Finding{Class: result.Miscounted}
	for _, a := range audits {
		x := &a.Contract
		acked += x.Acked
		came += x.Delivered + x.Count(result.Dup) + x.Count(result.DupLegal)
	}
	for _, x := range []struct {
		kind  int
		least int64
		what  string
		first result.Class
	}{{countReceived, acked, "acknowledged %d messages to their publishers, and counts %d received", result.Lost}, {countSent, came, "sent %d messages that came to their subscribers, and counts %d sent", result.Dup}} {
		n := int64(min(c.n[x.kind], math.MaxInt64))
		if !c.known[x.kind] || n >= x.least {
			continue
		}
		f.Count += x.least - n
		o := firstOf(audits, x.first)
		o.Text = fmt.Sprintf("by its own count in $SYS the broker "+x.what, x.least, n)
		f.First = named(f.First, o)
	}
	r.contradiction = f
}

// firstOf is the first message of a class; if there is none, nothing but what is said of it.
func firstOf(audits []*measure.Audit, class result.Class) (o result.Offender) {
	for _, a := range audits {
		for _, f := range a.Contract.Findings {
			if f.Class == class && len(f.First) > 0 {
				return f.First[0]
			}
		}
	}
	return o
}

// overload looks for what says that the broker dropped messages at a limit of its queues: its own count, its log, and, where it does not count, a latency
// that is that of a queue at its limit. missing is how many deliveries that were owed have not come. nil: nothing says so.
func (r *run) overload(missing uint64, queue *result.Queue, c counted) *result.Overload {
	if missing == 0 {
		return nil
	}
	x := new(result.Overload)
	if c.known[countDropped] {
		x.Dropped = int64(c.n[countDropped])
		if x.Dropped > 0 {
			x.Counted = true
			x.Evidence = append(x.Evidence, fmt.Sprintf("by its own count in $SYS the broker dropped %d messages during the run", x.Dropped))
		}
	} else if queue != nil {
		x.Evidence = append(x.Evidence, fmt.Sprintf("by Little's law %.0f messages waited for each subscription, which is the limit of %s", queue.Messages, queue.Name))
	}
	if r.cfg.Dropping != nil {
		if line := r.cfg.Dropping(); line != "" {
			x.Evidence = append(x.Evidence, "its log says: "+line)
		}
	}
	if x.Evidence == nil {
		return nil
	}
	return x
}
