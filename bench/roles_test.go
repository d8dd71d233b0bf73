package bench

import (
	"strings"
	"testing"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/transport"
)

// TestGroups carries out a plan in which devices publish and subscribe on one connection each, with three QoS levels, shares and sizes that
// differ: everything is accounted for, a contract for each level, and there are as many connections as clients.
func TestGroups(t *testing.T) {
	t.Parallel()
	p := plan.Plan{
		Seed: 7, RunID: 7, Version: 5, Payload: 32,
		Warmup: plan.Duration(100 * time.Millisecond), Duration: plan.Duration(400 * time.Millisecond),
		Groups: []plan.Group{{Name: "devices", Count: 8, Session: plan.Persistent}, {Name: "backend", Count: 3}, {Name: "idle", Count: 2}},
		Flows: []plan.Flow{
			{From: "devices", To: "backend", Pattern: plan.FanIn, ShareName: "g", PubQoS: 1, SubQoS: 1, Rate: 300},
			{From: "backend", To: "devices", Topic: "cmd/%s/%c", PubQoS: 2, SubQoS: 2, Rate: 60, Payload: 20, PayloadMax: 2000, Arrivals: plan.Poisson},
			{From: "devices", To: "devices", Topic: "echo/%i", Rate: 80},
		},
	}.WithDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	s := serve(t, broker.Options{})
	res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, func(c *Config) {
		c.Client.Extra = &client.Extra{TopicAlias: true}
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Summary.Outcome != result.Kept || len(res.Summary.Contracts) != 3 || res.Summary.Measured.Connects != 13 {
		t.Fatalf("%s, %d contracts, %d connections: %+v", res.Summary.Outcome, len(res.Summary.Contracts), res.Summary.Measured.Connects, res.Summary.Contracts)
	}
	attempted, delivered := int64(0), int64(0)
	for i, c := range res.Summary.Contracts {
		if c.QoS != i || c.Attempted == 0 || c.Delivered != c.Expected || len(c.Findings) > 0 {
			t.Errorf("%+v", c)
		}
		attempted, delivered = attempted+c.Attempted, delivered+c.Delivered
	}
	if attempted != p.Offered(0, p.End()) || delivered != p.Expected(0, p.End()) {
		t.Errorf("attempted %d of %d, delivered %d of %d", attempted, p.Offered(0, p.End()), delivered, p.Expected(0, p.End()))
	}
	if x := res.Summary.Shared; x == nil || x.Members != 3 || x.Mean*3 != float64(res.Summary.Contracts[1].Delivered) || x.Least > x.Most {
		t.Errorf("shares: %+v", x)
	}
}

// TestWills cuts all publishers off together. Each will comes to each watcher once, and when the subscribers leave in order, none does.
func TestWills(t *testing.T) {
	t.Parallel()
	for _, who := range []plan.Who{plan.ChurnPublishers, plan.ChurnSubscribers} {
		patiently(t, func(c *complaints, slow slowness) {
			p := small(plan.Plan{PubQoS: 1, SubQoS: 1, Publishers: 20, Subscribers: 5, Version: 5})
			p.Wills = plan.Wills{Watchers: 2, QoS: 1}
			p.Offline = plan.Offline{At: plan.Duration(50 * time.Millisecond), For: plan.Duration(100 * time.Millisecond), Who: who, Abrupt: who == plan.ChurnPublishers}
			p = slow.stretch(p)
			s := serve(t, broker.Options{})
			res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := result.Wills{Watchers: 2}
			if who == plan.ChurnPublishers {
				want.Expected, want.Received = 40, 40
			}
			if w := res.Summary.Wills; w == nil || *w != want || res.Summary.Outcome != result.Kept {
				c.Errorf("%s leave: %+v, want %+v; %s %+v", who, w, want, res.Summary.Outcome, res.Summary.Contracts)
			}
			if got := exchange(res, "will").Count; got != want.Received {
				c.Errorf("%s leave: %d wills were timed", who, got)
			}
		})
	}
}

// TestWillsThatLie: a broker that keeps a will to itself, and one that publishes twice, are told apart.
func TestWillsThatLie(t *testing.T) {
	p := plan.Plan{RunID: 1, Publishers: 2, Subscribers: 0, Duration: 1, Wills: plan.Wills{Watchers: 1, QoS: 1}}.WithDefaults()
	r := &run{plan: &p, wills: newWills(&p)}
	w := &watcher{got: []uint32{0, 3}}
	r.members = []*member{{seldom: &nothingSpecial}, {seldom: &nothingSpecial, number: 1}, {seldom: &seldom{watch: w}, number: 2}}
	r.wills.cut(0, 0)
	r.wills.cut(1, 0)
	r.wills.mayCome(1)
	if got, want := *r.observedWills(), (result.Wills{Watchers: 1, Expected: 2, Received: 3, Missing: 1, Uncalled: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestWillDelay: a will whose client returns to its session in time must not come; one whose session has ended must.
func TestWillDelay(t *testing.T) {
	for _, c := range []struct {
		session  plan.Session
		away     time.Duration
		due, may uint32
	}{{plan.Persistent, time.Second, 0, 0}, {plan.Persistent, 5500 * time.Millisecond, 0, 1}, {plan.Persistent, 7 * time.Second, 1, 0}, {plan.Clean, time.Second, 1, 0}} {
		p := plan.Plan{Version: 5, Publishers: 1, Duration: 1, PublisherSession: c.session, Wills: plan.Wills{Watchers: 1, Delay: plan.Duration(5 * time.Second)}}.WithDefaults()
		x := newWills(&p)
		x.cut(0, int64(c.away))
		if due, may := x.fates[0].due.Load(), x.fates[0].may.Load(); due != c.due || may != c.may {
			t.Errorf("%s, away for %v: due %d, perhaps %d; want %d, %d", c.session, c.away, due, may, c.due, c.may)
		}
	}
}

// TestReaders: who comes while messages are retained gets the retained message of every topic, as new as what was acknowledged.
func TestReaders(t *testing.T) {
	t.Parallel()
	patiently(t, func(c *complaints, slow slowness) {
		p := small(plan.Plan{PubQoS: 1, SubQoS: 1, Retain: true, Publishers: 15, Subscribers: 3})
		p.Readers = plan.Readers{Count: 2, Every: plan.Duration(100 * time.Millisecond), QoS: 1}
		p.Duration = plan.Duration(600 * time.Millisecond)
		p = slow.stretch(p)
		more := min(slow, 4) // The time between two readings is also all that one may take.
		p.Readers.Every, p.Duration, p.Rate = more.of(p.Readers.Every), more.of(p.Duration), p.Rate/float64(more)
		s := serve(t, broker.Options{})
		res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := res.Summary.Retained
		if x == nil || x.Readings < 2 || x.Expected == 0 || x.Delivered != x.Expected || x.Missing != 0 || x.Stale != 0 || res.Summary.Outcome != result.Kept {
			c.Errorf("%+v, %s %+v", x, res.Summary.Outcome, res.Summary.Contracts)
		}
		if n := exchange(res, "retained").Count; n == 0 || n > x.Readings {
			c.Errorf("%d readings were timed of %d", n, x.Readings)
		}
	})
}

// TestReaderFindsOld: a retained message that is older than an acknowledged one, and one that does not come.
func TestReaderFindsOld(t *testing.T) {
	p := small(plan.Plan{Publishers: 3, Subscribers: 3})
	r := &run{plan: &p}
	r.log = &log{run: r}
	x := &reader{member: &member{client: nobody{}, seldom: &nothingSpecial, worker: &worker{run: r}}, floor: []uint32{6, 6, 0}, open: 2, asked: 1}
	payload := make([]byte, plan.StampSize)
	plan.Stamp{Stream: 0, Seq: 4}.Put(payload)
	x.receive(&client.Reception{Payload: payload, Retain: true, Now: 1e9, ID: 9, Dup: true, Epoch: 2})
	x.leave()
	if x.delivered != 1 || x.stale != 1 || x.missing != 1 || len(x.old) != 1 || len(x.none) != 1 {
		t.Fatalf("%+v", x)
	}
	if o := x.old[0]; o.Publisher != p.PublisherID(0) || o.Subscriber != p.ReaderID(0) || o.Sequence != 5 || o.Seen == 0 || o.SeenID != 9 || !o.Dup || o.SeenConnection != 3 || !strings.Contains(o.Text, "message 4 came in its place") {
		t.Errorf("the old one: %+v", o)
	}
	if o := x.none[0]; o.Publisher != p.PublisherID(1) || o.Sequence != 5 || o.Seen != 0 {
		t.Errorf("the missing one: %+v", o)
	}
}

// nobody is a client that does nothing.
type nobody struct{ client.Client }

func (nobody) Disconnect() {}

// TestSessionsReturn: sessions that are kept are counted as such; those that expired meanwhile are not held against the broker, and
// what was published meanwhile is not owed.
func TestSessionsReturn(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name    string
		expiry  time.Duration
		present bool
	}{{name: "kept", present: true}, {name: "expired", expiry: time.Second}} {
		patiently(t, func(c *complaints, slow slowness) {
			p := small(plan.Plan{PubQoS: 1, SubQoS: 1, Version: 5, SubscriberSession: plan.Persistent})
			p.Rate /= float64(slow)
			p.SessionExpiry = plan.Duration(x.expiry)
			away := time.Duration(slow.ms(150))
			if x.expiry > 0 {
				away += x.expiry + time.Duration(slow.ms(500))
			}
			p.Duration = slow.ms(300) + plan.Duration(away)
			p.Offline = plan.Offline{At: slow.ms(100), For: plan.Duration(away), Who: plan.ChurnSubscribers}
			s := serve(t, broker.Options{})
			res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			seen := res.Summary.Sessions
			if seen == nil || seen.Returned != 10 || (seen.Present == 10) != x.present || (seen.Kept == 10) != x.present || seen.Expire == x.present || res.Summary.Outcome != result.Kept {
				c.Errorf("%s: %+v, %s %+v", x.name, seen, res.Summary.Outcome, res.Summary.Contracts)
			}
			if legal := res.Summary.Contracts[0].Count(result.DroppedLegal); (legal > 0) == x.present {
				c.Errorf("%s: %d deliveries were not owed", x.name, legal)
			}
		})
	}
}

// TestSlowest: who waits much longer than the others is named, and nobody is if all wait alike.
func TestSlowest(t *testing.T) {
	p := plan.Plan{Publishers: 1, Subscribers: 4, Pattern: plan.FanOut, Duration: 1, Run: "x"}.WithDefaults()
	r := &run{plan: &p}
	for i, ms := range []int64{1, 2, 400, 1} {
		r.subs = append(r.subs, &subscriber{number: int32(i), first: 10, waited: 10 * ms * 1e6})
	}
	if got, want := r.slowest(), (result.Slowest{Subscriber: "mbxs2", Delivered: 10, Mean: 0.4, Others: 0.001}); got == nil || *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	r.subs[2].waited = 10 * 3e6
	if got := r.slowest(); got != nil {
		t.Errorf("%+v", got)
	}
}
