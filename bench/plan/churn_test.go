package plan

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestDepartures(t *testing.T) {
	p := valid()
	p.Subscribers, p.Publishers = 500, 500
	p.Warmup, p.Duration = Duration(5*time.Second), Duration(1000*time.Second)
	p.Churn = Churn{Rate: 10, Abrupt: 0.25, Down: Duration(2 * time.Second), Who: ChurnBoth}
	all := p.Departures()
	if !slices.Equal(all, p.Departures()) {
		t.Error("the same plan has other departures")
	}
	// 10,000 in the mean; three standard deviations of a Poisson count are 300.
	if math.Abs(float64(len(all))-10_000) > 300 {
		t.Errorf("%d departures, want 10000 or so", len(all))
	}
	type client struct {
		publisher bool
		index     int
	}
	back := make(map[client]int64)
	abrupt, publishers, last := 0, 0, int64(p.Warmup)
	for _, d := range all {
		c := client{d.Publisher, d.Client}
		if d.At < last || d.At >= p.End() || d.At < back[c] || d.Client < 0 || d.Client >= 500 || d.Down != 2e9 {
			t.Fatalf("%+v after %d, client back at %d", d, last, back[c])
		}
		last, back[c] = d.At, d.At+d.Down
		if d.Abrupt {
			abrupt++
		}
		if d.Publisher {
			publishers++
		}
	}
	if math.Abs(float64(abrupt)-2500) > 130 || math.Abs(float64(publishers)-5000) > 150 {
		t.Errorf("%d abrupt and %d publishers of %d", abrupt, publishers, len(all))
	}
}

// TestDeparturesOfFew: two clients, always away for longer than the next departure takes to come.
func TestDeparturesOfFew(t *testing.T) {
	p := valid()
	p.Subscribers, p.Duration = 2, Duration(10*time.Second)
	p.Churn = Churn{Rate: 100, Down: Duration(time.Second), Who: ChurnSubscribers}
	all := p.Departures()
	// Each of two is away a second and then soon leaves again: at most 10 departures each.
	if len(all) < 16 || len(all) > 20 {
		t.Errorf("%d departures, want 16 to 20", len(all))
	}
	p.Churn.Rate = 0
	if got := p.Departures(); got != nil {
		t.Errorf("no churn, and %d departures", len(got))
	}
}

// TestOffline: all subscribers leave at one instant, and nobody else ever.
func TestOffline(t *testing.T) {
	p := valid()
	p.Warmup, p.Duration = Duration(2*time.Second), Duration(10*time.Second)
	p.Offline = Offline{At: Duration(time.Second), For: Duration(20 * time.Second)}
	all := p.Departures()
	if len(all) != p.Subscribers {
		t.Fatalf("%d departures of %d subscribers", len(all), p.Subscribers)
	}
	for i, d := range all {
		if want := (Departure{At: 3e9, Client: i, Down: 20e9, Absence: 1}); d != want {
			t.Errorf("got %+v, want %+v", d, want)
		}
	}
	if from, to := p.Away(p.Offline); from != 3e9 || to != 23e9 {
		t.Errorf("away from %d to %d", from, to)
	}
	p.Offline = Offline{}
	if p.Absences() != nil || p.Departures() != nil {
		t.Error("nobody is to leave, and they do")
	}
}

// TestSeveralAbsences: each has its own departures, by its own rules, in the order of time.
func TestSeveralAbsences(t *testing.T) {
	p := valid()
	p.Publishers, p.Subscribers, p.Warmup, p.Duration = 2, 3, Duration(time.Second), Duration(20*time.Second)
	p.Offline = Offline{At: Duration(time.Second), For: Duration(2 * time.Second)}
	p.MoreOffline = []Offline{
		{At: Duration(5 * time.Second), For: Duration(time.Second), Abrupt: true, Who: ChurnBoth},
		{At: Duration(8 * time.Second), For: Duration(4 * time.Second), Who: ChurnPublishers},
	}
	p = p.WithDefaults()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	all := p.Departures()
	if len(all) != 3+5+2 {
		t.Fatalf("%d departures, want 10", len(all))
	}
	for i, d := range all {
		want := Departure{At: 2e9, Client: i, Down: 2e9, Absence: 1}
		switch {
		case i >= 8:
			want = Departure{At: 9e9, Client: i - 8, Publisher: true, Down: 4e9, Absence: 3}
		case i >= 6:
			want = Departure{At: 6e9, Client: i - 6, Publisher: true, Abrupt: true, Down: 1e9, Absence: 2}
		case i >= 3:
			want = Departure{At: 6e9, Client: i - 3, Abrupt: true, Down: 1e9, Absence: 2}
		}
		if d != want {
			t.Errorf("departure %d is %+v, want %+v", i, d, want)
		}
	}
	p.SessionExpiry = Duration(3 * time.Second)
	if !p.Expires() {
		t.Error("the third absence is longer than sessions last, and they do not expire")
	}
	p.MoreOffline[0].At = Duration(3 * time.Second)
	if err := p.Validate(); err == nil {
		t.Error("the second absence begins when the first ends, and nobody minds")
	}
}

// TestTakeOvers: their share is drawn from the same number as that of the abrupt ones, so that who leaves, and when, stays as it was.
func TestTakeOvers(t *testing.T) {
	p := valid()
	p.Subscribers, p.Duration = 500, Duration(1000*time.Second)
	p.Churn = Churn{Rate: 10, Abrupt: 0.5, Who: ChurnSubscribers}
	before := p.Departures()
	p.Churn.TakeOver = 0.4
	var n, abrupt int
	for i, d := range p.Departures() {
		if d.At != before[i].At || d.Client != before[i].Client {
			t.Fatalf("departure %d was %+v and is %+v", i, before[i], d)
		}
		if d.TakeOver {
			n++
		}
		if d.Abrupt {
			abrupt++
		}
		if d.TakeOver && d.Abrupt {
			t.Fatalf("%+v", d)
		}
	}
	// Of 10,000 or so; four standard deviations of a binomial count are 200.
	if all := float64(len(before)); math.Abs(float64(n)-0.4*all) > 200 || math.Abs(float64(abrupt)-0.3*all) > 200 {
		t.Errorf("%d taken over and %d abrupt of %d, want 0.4 and half of the rest", n, abrupt, len(before))
	}
	p.Churn.TakeOver = 1
	for _, d := range p.Departures() {
		if !d.TakeOver || d.Abrupt {
			t.Fatalf("%+v, and all were to be taken over", d)
		}
	}
}

func TestFlaps(t *testing.T) {
	p := valid()
	p.Subscribers, p.Warmup, p.Duration = 100, Duration(time.Second), Duration(1000*time.Second)
	if p.Flaps() != nil {
		t.Error("flaps that nobody asked for")
	}
	p.Flap = Flap{Rate: 10, For: Duration(time.Second)}
	all := p.Flaps()
	if !slices.Equal(all, p.Flaps()) || math.Abs(float64(len(all))-10_000) > 400 {
		t.Errorf("%d flaps, want 10,000 or so and always the same", len(all))
	}
	last, seen := int64(p.Warmup), map[int]bool{}
	for _, x := range all {
		if x.At < last || x.At >= p.End() || x.For != 1e9 || x.Subscriber < 0 || x.Subscriber >= 100 {
			t.Fatalf("%+v after %d", x, last)
		}
		last, seen[x.Subscriber] = x.At, true
	}
	if len(seen) != 100 {
		t.Errorf("only %d of 100 subscribers flap", len(seen))
	}
}

func TestConnectAt(t *testing.T) {
	p := valid()
	if at := p.ConnectAt(1000); at != 0 {
		t.Errorf("no rate, and connection 1000 is at %d", at)
	}
	p.ConnectRate = 3
	if at := p.ConnectAt(3_000_000); at != 1e15 {
		t.Errorf("at 3 a second, connection 3,000,000 is at %d ns, want 1e15", at)
	}
}
