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
		if want := (Departure{At: 3e9, Client: i, Down: 20e9}); d != want {
			t.Errorf("got %+v, want %+v", d, want)
		}
	}
	if from, to := p.Away(); from != 3e9 || to != 23e9 {
		t.Errorf("away from %d to %d", from, to)
	}
	p.Offline = Offline{}
	if from, to := p.Away(); from != 0 || to != 0 || p.Departures() != nil {
		t.Errorf("nobody is to leave, and they are away from %d to %d", from, to)
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
