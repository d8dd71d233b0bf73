package plan

import (
	"math"
	"slices"
	"testing"
	"time"
)

// village is a plan of three groups: devices report to a backend that shares the work, the backend commands them one by one, and everybody
// is called by the square. Devices publish and subscribe.
func village() Plan {
	return Plan{
		Version: 5, Seed: 3, Run: "v", Duration: Duration(10 * time.Second), Payload: 64,
		Groups: []Group{{Name: "devices", Count: 10, Session: Persistent}, {Name: "backend", Count: 2}, {Name: "square", Count: 1}},
		Flows: []Flow{
			{From: "devices", To: "backend", Pattern: FanIn, ShareName: "g", PubQoS: 1, SubQoS: 1, Rate: 100},
			{From: "backend", To: "devices", Topic: "cmd/%i", PubQoS: 2, SubQoS: 1, Rate: 7, Payload: 20, PayloadMax: 200, Arrivals: Poisson},
			{From: "square", To: "devices", Pattern: FanOut, Topic: "all/%r", Rate: 1, Arrivals: Burst},
		},
	}.WithDefaults()
}

func TestFlows(t *testing.T) {
	p := village()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if p.Publishers != 13 || p.Subscribers != 22 || p.Clients() != 13 || p.Rate != 108 || p.PubQoS != 2 {
		t.Fatalf("%d publishers, %d subscribers, %d clients, %v/s, QoS %d", p.Publishers, p.Subscribers, p.Clients(), p.Rate, p.PubQoS)
	}
	// A device is publisher 4, subscriber 2+4 and subscriber 2+10+4, and one client.
	if p.PublisherID(4) != "mbvdevices4" || p.SubscriberID(6) != "mbvdevices4" || p.SubscriberID(16) != "mbvdevices4" || p.SubscriberID(1) != "mbvbackend1" {
		t.Error(p.PublisherID(4), p.SubscriberID(6), p.SubscriberID(16), p.SubscriberID(1))
	}
	for sub, want := range map[int][]string{
		0: {"$share/g/mqttbench/v/devices-backend/+"}, 1: {"$share/g/mqttbench/v/devices-backend/+"}, 2: {"cmd/0"}, 5: {"cmd/1"}, 12: {"all/v"},
	} {
		if got := p.Filters(sub); !slices.Equal(got, want) {
			t.Errorf("subscriber %d has %v, want %v", sub, got, want)
		}
	}
	if got := slices.Collect(p.Receivers(11)); !slices.Equal(got, []int{3, 5, 7, 9, 11}) {
		t.Errorf("the second of the backend reaches %v", got)
	}
	if p.Copies(0) != 1 || p.Copies(11) != 5 || p.Copies(12) != 10 || !p.IsShared(1) || p.IsShared(2) || p.EffectiveQoS(2, 1) != 1 || p.EffectiveQoS(0, 2) != 1 {
		t.Error("copies, shares or QoS are those of another flow")
	}
	if p.PublisherSessionOf(0) != Persistent || p.SubscriberSessionOf(0) != Clean || p.ClientSession(3) != Persistent || p.ClientSession(12) != Clean {
		t.Error("sessions are those of another group")
	}
	sizes := map[bool]int{}
	for seq := range uint32(100) {
		n := p.PayloadSize(10, seq)
		sizes[n >= 20 && n <= 200]++
		if p.PayloadSize(3, seq) != 64 {
			t.Fatal("a size of another flow")
		}
	}
	if sizes[true] != 100 || p.LargestPayload() != 200 {
		t.Errorf("%v, largest %d", sizes, p.LargestPayload())
	}
	// Everything is handed out in order, as often as it should be, when it should be.
	all := make([]int, p.Publishers)
	for i := range all {
		all[i] = i
	}
	drain(t, &p, all)
	if d := NewDues(&p); d.At(10, 17) != p.Due(10, 17) || d.At(3, 9) != p.Due(3, 9) || d.At(12, 2) != int64(2e9) {
		t.Error("Dues says other than Due")
	}
}

// drain takes a schedule to its end and holds it against Due and Count.
func drain(t *testing.T, p *Plan, pubs []int) {
	t.Helper()
	s := NewSchedule(p, pubs)
	last, seen := int64(math.MinInt64), map[int]int64{}
	for {
		m, ok := s.Peek(p.End())
		if !ok {
			break
		}
		if m.Due < last || int64(m.Seq) != seen[m.Pub] || m.Due != p.Due(m.Pub, m.Seq) {
			t.Fatalf("%+v after %d, expected message %d due at %d", m, last, seen[m.Pub], p.Due(m.Pub, m.Seq))
		}
		seen[m.Pub]++
		last = m.Due
		s.Pop()
	}
	for _, pub := range pubs {
		if n := p.Count(pub, 0, p.End()); n != seen[pub] {
			t.Errorf("publisher %d: %d messages, counted %d", pub, seen[pub], n)
		}
	}
	if n := s.Unsent(p.End()); n != 0 {
		t.Errorf("%d unsent", n)
	}
}

// TestStages: a ramp, a pause and a step have as many messages as the areas under them, in each arrival process, and the schedule hands
// them out in order.
func TestStages(t *testing.T) {
	stages, err := ParseStages("2s@100..500,1s@0,2s@500")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []Arrivals{Constant, Poisson, Burst} {
		p := Plan{Seed: 9, Publishers: 5, Subscribers: 5, Arrivals: a, Stages: stages, Warmup: Duration(time.Second)}.WithDefaults()
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		if p.Duration != Duration(5*time.Second) || math.Abs(p.Rate-1700./6) > 1e-9 {
			t.Fatalf("%s: %v at %v/s", a, p.Duration, p.Rate)
		}
		if again := p.WithDefaults(); again.Rate != p.Rate || again.Duration != p.Duration {
			t.Errorf("settled twice, the rate is %v", again.Rate)
		}
		for _, c := range []struct{ from, to, want float64 }{{0, 1, 100}, {1, 2, 200}, {2, 3, 400}, {3, 4, 0}, {4, 6, 1000}} {
			got := float64(p.Offered(int64(c.from*1e9), int64(c.to*1e9)))
			slack := 5.0 // One message of each publisher at each border.
			if a == Poisson {
				slack = 5 * math.Sqrt(c.want)
			}
			if math.Abs(got-c.want) > slack {
				t.Errorf("%s: %v messages from %v to %v s, want %v", a, got, c.from, c.to, c.want)
			}
		}
		drain(t, &p, []int{0, 1, 2, 3, 4})
	}
	for _, wrong := range []string{"", "5s", "5s@", "5s@x", "@5", "-1s@5", "1s@-5", "1s@1..x", "1s@1,,"} {
		if _, err := ParseStages(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestNamesOfClientsAndMessages(t *testing.T) {
	p := Plan{Seed: 1, Run: "a7", Publishers: 3, Subscribers: 3, Topic: "t/%c/%u/%s/%rand_10/%i", Username: "user%i", ClientID: "%g-%i", Duration: 1}.WithDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	got := p.TopicOf(1, 42)
	var n int
	if !p.PerMessage(1) || len(got) < 4 {
		t.Fatal(got)
	}
	for n = 1; n <= 10 && got != "t/p-1/user1/42/"+string(rune('0'+n))+"/1" && got != "t/p-1/user1/42/10/1"; n++ {
	}
	if n > 10 {
		t.Errorf("%q: the random level is none of 1 to 10", got)
	}
	if want := got[:len("t/p-1/user1/")] + "+" + got[len("t/p-1/user1/42"):]; p.Filters(1)[0] != want {
		t.Errorf("filter %q, want %q", p.Filters(1)[0], want)
	}
	p.ClientIDs, p.Usernames = []string{"a", "b", "c", "d", "e", "f"}, []string{"u", "v"}
	if p.SubscriberID(2) != "c" || p.PublisherID(0) != "d" || p.UsernameOf(3) != "v" {
		t.Error(p.SubscriberID(2), p.PublisherID(0), p.UsernameOf(3))
	}
}

// TestFlowsWrong: one sentence for each.
func TestFlowsWrong(t *testing.T) {
	for want, wrong := range map[string]func(p *Plan){
		`there is no group "nowhere"`:          func(p *Plan) { p.Flows[0].To = "nowhere" },
		"two flows have the topic template":    func(p *Plan) { p.Flows[2].Topic = p.Flows[1].Topic },
		"neither from nor to":                  func(p *Plan) { p.Flows[2].From, p.Flows[2].To, p.Flows[2].Rate = "", "", 0 },
		"there are two groups called devices":  func(p *Plan) { p.Groups[1].Name = "devices" },
		"group devices has 0 clients":          func(p *Plan) { p.Groups[0].Count = 0 },
		"needs the pattern fan-in":             func(p *Plan) { p.Flows[1].ShareName = "g" },
		"a closed loop has one flow":           func(p *Plan) { p.Closed = true },
		"a payload of 3 bytes":                 func(p *Plan) { p.Flows[0].Payload = 3 },
		`group "a b": a name is`:               func(p *Plan) { p.Groups[2].Name = "a b" },
		"has no %i, so that all 10 publishers": func(p *Plan) { p.Flows[0].Topic = "one" },
	} {
		p := village()
		wrong(&p)
		if err := p.Validate(); err == nil || !contains(err.Error(), want) {
			t.Errorf("got %v, want a sentence with %q", err, want)
		}
	}
}

func contains(s, part string) bool {
	for i := range len(s) - len(part) + 1 {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

// TestBody: a payload of the user's own, repeated and cut; any byte that is another is noticed.
func TestBody(t *testing.T) {
	p := Plan{Body: []byte("abc")}
	b := make([]byte, StampSize+8)
	st := Stamp{Run: 1, Stream: 2, Seq: 3}
	p.Fill(b, st)
	if got, _ := ReadStamp(b); got != st || string(b[StampSize:]) != "abcabcab" || !p.Intact(b, st, Ends) {
		t.Fatalf("%q", b)
	}
	for i := StampSize; i < len(b); i++ {
		b[i] ^= 1
		if p.Intact(b, st, Ends) {
			t.Errorf("byte %d is another, and nobody noticed", i)
		}
		b[i] ^= 1
	}
}

// TestMessage: a template is another text for each message, with its own length, and is known again.
func TestMessage(t *testing.T) {
	p := Plan{Publishers: 2, Subscribers: 2, Run: "r", Duration: 1, Message: `{"d":"%c","n":%s}`}.WithDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	for seq, want := range map[uint32]string{7: `{"d":"mbrp1","n":7}`, 12345: `{"d":"mbrp1","n":12345}`} {
		b := make([]byte, p.PayloadSize(1, seq))
		st := Stamp{Stream: 1, Seq: seq}
		p.Fill(b, st)
		if string(b[StampSize:]) != want || !p.Intact(b, st, Ends) || p.Intact(b, Stamp{Stream: 0, Seq: seq}, Ends) {
			t.Errorf("%q, want %q", b[StampSize:], want)
		}
	}
	p.Message = "%x"
	if err := p.Validate(); err == nil || !contains(err.Error(), "message template") {
		t.Error(err)
	}
}
