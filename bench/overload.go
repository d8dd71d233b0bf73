package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker/packet"
)

// droppedTopics are under which brokers tell how many messages they have dropped: mosquitto and those that took its $SYS over; mochi.
var droppedTopics = []string{"$SYS/broker/publish/messages/dropped", "$SYS/broker/messages/dropped"}

// upTopic is published with each update, whether it has changed or not: behind it the counts are new.
const upTopic = "$SYS/broker/uptime"

const (
	// sysWithin is how long it may take to connect and to subscribe to them.
	sysWithin = 5 * time.Second
	// sysInterval is how long a count may be old: brokers publish theirs every 10 s, mosquitto by default.
	sysInterval = 12 * time.Second
)

// A teller is a client that hears from the broker how many messages it has dropped since it began. What it observes is its group's; news go to told.
type teller struct {
	client client.Client
	asked  int  // SUBACKs that came. Each says that what was published before its SUBSCRIBE has come.
	fresh  bool // There has been an update.
	told   chan news
}

// news are what a teller hears.
type news struct {
	dropped uint64
	counts  bool // dropped is a count.
	fresh   bool // What came before is no older than the question. Neither: nothing is retained, or the connection has ended.
}

func (t *teller) say(n news) {
	select {
	case t.told <- n:
	default: // Nobody listens any more.
	}
}

func (t *teller) ask() { t.client.Subscribe(append(slices.Clip(droppedTopics), upTopic), 0) }

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
	if n, err := strconv.ParseUint(strings.TrimSpace(string(r.Payload)), 10, 64); err == nil {
		t.say(news{dropped: n, counts: true})
	}
}

func (t *teller) Disconnected(error, int64)              { t.say(news{}) }
func (t *teller) Refused(packet.ReasonCode)              {}
func (t *teller) Unsubscribed(int64)                     {}
func (t *teller) Acked(uint64, packet.ReasonCode, int64) {}
func (t *teller) Recall(uint64, int64) *client.Message   { return nil }
func (t *teller) Took(client.Phase, time.Duration)       {}
func (t *teller) Writable()                              {}

// dropped asks the broker for its count, and goes on listening until it is at least enough, or a new one has come or had time to. False: it does not count.
func (r *run) dropped(enough uint64) (n uint64, counts bool) {
	if len(r.cfg.Nodes) > 1 { // Each counts its own.
		return 0, false
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
			switch {
			case !x.counts && !counts:
				return 0, false
			case x.counts && !counts: // It may be old.
				patience = time.After(sysInterval)
			}
			if x.counts {
				n, counts = x.dropped, true
			}
			if counts && (x.fresh || n >= enough) {
				return n, true
			}
		case <-patience:
			return n, counts
		}
	}
}

// promising reports whether anything was published that the broker must not drop.
func (r *run) promising() bool {
	pub := slices.ContainsFunc(r.pubs, func(p *publisher) bool { return p.qos > 0 })
	return pub && slices.ContainsFunc(r.subs, func(s *subscriber) bool { return s.qos > 0 })
}

// countBefore asks for the broker's count before the run, if it did not begin with it. It goes on beside the run; overload waits for it.
func (r *run) countBefore() {
	if r.cfg.Fresh || !r.promising() {
		return
	}
	before := make(chan uint64, 1)
	r.before = before
	go func() {
		n, _ := r.dropped(0)
		before <- n
	}()
}

// overload looks for what says that the broker dropped messages at a limit of its queues: its own count, its log, and, where it does not count, a latency
// that is that of a queue at its limit. missing is how many deliveries that were owed have not come. nil: nothing says so.
func (r *run) overload(missing uint64, queue *result.Queue) *result.Overload {
	x, before := new(result.Overload), uint64(0)
	if r.before != nil {
		before = <-r.before
	}
	if n, counts := r.dropped(before + missing); counts {
		x.Dropped = int64(n - min(n, before))
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
