package measure

import "testing"

// TestRecoveries: a broker that stands still from 3 s to 4 s, works the backlog off until 4.6 s, and is as before after that.
func TestRecoveries(t *testing.T) {
	course := func(i int) Point {
		p := Point{At: int64(i) * Beat, Delivered: 100, P50: 1e5, P99: 2e5}
		switch {
		case i >= 30 && i < 40:
			p.Delivered, p.P50, p.P99 = 0, 0, 0
		case i >= 40 && i < 46:
			p.Delivered, p.P50, p.P99 = 260, 5e8, 9e8
		case i >= 80:
			p.Delivered = 50
		}
		return p
	}
	var points []Point
	for i := range 100 {
		points = append(points, course(i))
	}
	still := Outage{From: 30 * Beat, To: 40 * Beat, Name: "stop"}
	check := func(name string, outages []Outage, want ...Recovery) {
		t.Helper()
		got := Recoveries(points, outages)
		if len(got) != len(want) {
			t.Fatalf("%s: %+v, want %+v", name, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%s: %+v, want %+v", name, got[i], want[i])
			}
		}
	}
	check("once", []Outage{still}, Recovery{still, 1, 6 * Beat})
	at := Outage{From: 60 * Beat, To: 60 * Beat, Name: "reset"}
	check("an instant that nobody felt", []Outage{at, still}, Recovery{still, 1, 6 * Beat}, Recovery{at, 1, 0})
	late := Outage{From: 80 * Beat, To: 81 * Beat, Name: "kill"}
	check("never again", []Outage{late}, Recovery{late, 1, -1})
	check("two in a row are one", []Outage{still, {From: 41 * Beat, To: 42 * Beat, Name: "reset"}}, Recovery{Outage{30 * Beat, 42 * Beat, "faults"}, 2, 4 * Beat})
	check("nothing is usual yet", []Outage{{From: 5 * Beat, To: 6 * Beat}})
	check("nothing was done", nil)
	again := Outage{From: 52 * Beat, To: 52 * Beat, Name: "reset"}
	check("cut short by the next", []Outage{still, again}, Recovery{still, 1, 6 * Beat}, Recovery{again, 1, 0})
}
