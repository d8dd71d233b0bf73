package bench

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// ms is a time of so many milliseconds.
func ms(n int) plan.Duration { return plan.Duration(time.Duration(n) * time.Millisecond) }

// eventsOf sums the events of one name.
func eventsOf(res *result.Run, name string) (events int, count int64) {
	for _, e := range res.Events {
		if e.Name == name {
			events++
			count += e.Count
		}
	}
	return events, count
}

// TestTakeOverChurn: connections are thrown out by others with their Client Identifier, told so in version 5, counted and marked over time, and
// nothing that was promised is lost.
func TestTakeOverChurn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		version packet.Version
		session plan.Session
		qos     packet.QoS
	}{
		{"3.1.1 persistent QoS 2", packet.V311, plan.Persistent, 2},
		{"5 persistent QoS 1", packet.V5, plan.Persistent, 1},
		{"5 clean QoS 1", packet.V5, plan.Clean, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := small(plan.Plan{Version: tt.version, PubQoS: tt.qos, SubQoS: tt.qos, PublisherSession: tt.session, SubscriberSession: tt.session, Rate: 1000})
			p.Duration = ms(600)
			p.Churn = plan.Churn{Rate: 50, TakeOver: 1, Down: ms(10), Who: plan.ChurnBoth}
			s := serve(t, broker.Options{})
			res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			x := res.Summary.TakeOvers
			if x == nil || x.Begun < 5 || x.Granted != x.Begun || x.Closed != x.Begun || x.Standing != 0 {
				t.Fatalf("%+v", x)
			}
			if told := int64(0); tt.version == packet.V5 && x.Told != x.Closed || tt.version < packet.V5 && x.Told != told {
				t.Errorf("%d of %d were told", x.Told, x.Closed)
			}
			if _, n := eventsOf(res, "take-over"); n != x.Closed {
				t.Errorf("%d are marked over time, of %d", n, x.Closed)
			}
			if _, n := eventsOf(res, "churn"); n != 0 {
				t.Errorf("%d are marked as other churn", n)
			}
			if res.Summary.Outcome != result.Kept || len(res.Summary.Errors) > 0 {
				t.Errorf("%s: %+v, %+v", res.Summary.Outcome, res.Summary.Contracts, res.Summary.Errors)
			}
			if c := res.Summary.Contracts[0]; tt.session == plan.Persistent && c.Delivered != c.Expected {
				t.Errorf("%d of %d delivered", c.Delivered, c.Expected)
			}
		})
	}
}

// TestSeveralAbsences: those who leave more than once are accounted for each time by itself.
func TestSeveralAbsences(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes more than a second")
	}
	t.Parallel()
	patiently(t, func(c *complaints, slow slowness) {
		p := small(plan.Plan{PubQoS: 1, SubQoS: 1, SubscriberSession: plan.Persistent, PublisherSession: plan.Persistent, Rate: 1000})
		p.Duration = ms(900)
		p.Offline = plan.Offline{At: ms(100), For: ms(100)}
		p.MoreOffline = []plan.Offline{{At: ms(350), For: ms(150), Abrupt: true}, {At: ms(650), For: ms(100), Who: plan.ChurnPublishers}}
		p = slow.stretch(p)
		s := serve(t, broker.Options{})
		res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if k := res.Summary.Contracts[0]; res.Summary.Outcome != result.Kept || k.Delivered != k.Expected {
			c.Errorf("%s: %+v", res.Summary.Outcome, k)
		}
		each := res.Summary.OfflineWindows
		if len(each) != 3 {
			t.Fatalf("%d times of being offline, want 3: %+v", len(each), each)
		}
		var queued, delivered, resumed int64
		for i, o := range p.Absences()[:2] {
			from, to := p.Away(o)
			want, d := p.Expected(from, to), &each[i]
			// What was on its way when they left may have reached them.
			if d.Queued > want || d.Queued < want/2 || d.Delivered != d.Queued || d.Clients != 10 || d.Resume.Count > 10 || d.Rate <= 0 || d.At != time.Duration(o.At).Seconds() {
				c.Errorf("%d: %+v, want %d queued and delivered", i, d, want)
			}
			queued, delivered, resumed = queued+d.Queued, delivered+d.Delivered, resumed+d.Resume.Count
		}
		if d := &each[2]; d.Clients != 0 || d.Publishers != 10 || d.Queued != 0 || resumed+d.Resume.Count < 20 {
			c.Errorf("the publishers: %+v", d)
		}
		if d := res.Summary.Drained; d == nil || d.Queued != queued || d.Delivered != delivered || d.Away != 0.25*float64(slow) {
			c.Errorf("together: %+v, want %d and %d", d, queued, delivered)
		}
		if n := res.Summary.Measured.Reconnects; n < 20 || n > 30 {
			c.Errorf("%d reconnects, want 10 three times, or less where somebody was late", n)
		}
		if n, _ := eventsOf(res, "offline"); n != 3 {
			c.Errorf("%d marks over time", n)
		}
	})
}

// TestFlapping: who has unsubscribed gets nothing, is owed nothing, and after the new SUBACK everything.
func TestFlapping(t *testing.T) {
	t.Parallel()
	patiently(t, func(c *complaints, slow slowness) {
		p := small(plan.Plan{PubQoS: 1, SubQoS: 1, Rate: 2000})
		p.Duration = ms(700)
		p.Flap = plan.Flap{Rate: 60, For: ms(50)}
		p = slow.stretch(p)
		s := serve(t, broker.Options{})
		res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		x := res.Summary.Flaps
		if x == nil || x.Unsubscribed < 5 || x.Acked != x.Unsubscribed || x.Renewed != x.Unsubscribed || x.Unasked != 0 {
			c.Errorf("%+v", x)
			return
		}
		k := res.Summary.Contracts[0]
		if gone := k.Count(result.DroppedLegal); res.Summary.Outcome != result.Kept || gone == 0 || k.Expected-k.Delivered != gone {
			c.Errorf("%s: %+v", res.Summary.Outcome, k)
		}
		if _, n := eventsOf(res, "unsubscribe"); n != x.Unsubscribed {
			c.Errorf("%d are marked over time, of %d", n, x.Unsubscribed)
		}
		found := false
		for _, e := range res.Summary.Exchanges {
			found = found || e.Name == "UNSUBACK" && e.Took.Count > 0
		}
		if !found {
			c.Errorf("no time of UNSUBACK: %+v", res.Summary.Exchanges)
		}
	})
}

// TestWillProperties: the watchers see the properties of wills as they were given.
func TestWillProperties(t *testing.T) {
	t.Parallel()
	patiently(t, func(c *complaints, slow slowness) {
		p := small(plan.Plan{Version: packet.V5, PubQoS: 1, SubQoS: 1, Rate: 200, PublisherSession: plan.Persistent})
		p.Wills = plan.Wills{Watchers: 2, QoS: 1, UTF8: true, Expiry: ms(60_000), ContentType: "a/b", ResponseTopic: "r", Correlation: "\x00\x01", UserProperties: [][2]string{{"k", "v"}, {"k", "w"}}}
		p.Offline = plan.Offline{At: ms(50), For: ms(150), Abrupt: true, Who: plan.ChurnPublishers}
		p = slow.stretch(p)
		s := serve(t, broker.Options{CheckPayload: true})
		res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if x := res.Summary.Wills; x == nil || x.Expected != 20 || x.Received != 20 || x.Altered != 0 || x.Uncalled != 0 || res.Summary.Outcome != result.Kept {
			c.Errorf("%+v", x)
		}
		// The same, held against other properties than were given: every will must be found altered.
		w := &wills{plan: &p, fates: make([]willFate, p.Clients())}
		other := p
		other.Wills.ContentType = "c/d"
		if how := other.Wills.Altered(w.plan.Wills.Props()); !strings.Contains(how, "Content Type") {
			c.Errorf("%q", how)
		}
	})
}

// TestTwoConnections: a broker that lets both stand. (The other connections go to another broker, so that this one never hears of them.)
func TestTwoConnections(t *testing.T) {
	t.Parallel()
	p := small(plan.Plan{Version: packet.V5, PubQoS: 1, SubQoS: 1, Rate: 500})
	p.Churn = plan.Churn{Rate: 50, TakeOver: 1, Who: plan.ChurnSubscribers}
	s, other := serve(t, broker.Options{}), serve(t, broker.Options{})
	met := map[int]bool{}
	var mu sync.Mutex
	res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, func(c *Config) {
		c.DrainFor = time.Minute // It ends when all is quiet.
		c.Personal = func(n int, o *client.Options) {
			mu.Lock()
			defer mu.Unlock()
			if met[n] {
				o.URL = other.Addrs()[0]
			}
			met[n] = true
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	x, c := res.Summary.TakeOvers, res.Summary.Contracts[0]
	if x == nil || x.Granted == 0 || x.Granted != x.Begun || x.Closed != 0 || x.Standing != x.Granted {
		t.Fatalf("%+v", x)
	}
	if res.Summary.Outcome != result.Broken || c.Count(result.TwoConnections) != x.Standing || c.Delivered != c.Expected {
		t.Errorf("%s: %+v", res.Summary.Outcome, c)
	}
}

// A deaf engine's clients believe that they have unsubscribed, and the server knows nothing of it.
type (
	deafEngine struct{ client.Engine }
	deafGroup  struct{ client.Group }
	deafClient struct {
		client.Client
		group client.Group
		obs   client.Observer
	}
)

func (e deafEngine) Groups() (all []client.Group) {
	for _, g := range e.Engine.Groups() {
		all = append(all, deafGroup{g})
	}
	return all
}

func (g deafGroup) New(o client.Options, obs client.Observer) client.Client {
	return deafClient{g.Group.New(o, obs), g.Group, obs}
}

func (c deafClient) Unsubscribe([]string) {
	c.group.Post(func() { c.obs.Unsubscribed(transport.Clock()) })
}

// TestUnasked: a broker that says UNSUBACK and goes on delivering.
func TestUnasked(t *testing.T) {
	t.Parallel()
	p := small(plan.Plan{PubQoS: 1, SubQoS: 1, Rate: 2000})
	p.Flap = plan.Flap{Rate: 100, For: ms(60_000)} // For the rest of the run.
	s := serve(t, broker.Options{})
	res, err := do(t, t.Context(), s.Addrs()[0], deafEngine{native(t, transport.Auto, 2)}, p, func(c *Config) { c.DrainFor = time.Minute })
	if err != nil {
		t.Fatal(err)
	}
	if x, c := res.Summary.Flaps, res.Summary.Contracts[0]; x == nil || x.Unasked == 0 || c.Count(result.Unasked) != x.Unasked || res.Summary.Outcome != result.Broken {
		t.Errorf("%+v, %s: %+v", x, res.Summary.Outcome, c)
	}
}
