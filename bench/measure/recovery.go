package measure

import (
	"cmp"
	"math"
	"slices"
)

// An Outage is when something was done to a run. Times are ns, on the clock of the Points.
type Outage struct {
	From, To int64 // Equal: an instant.
	Name     string
}

// A Recovery is how long the consequences of an outage, or of several in a row, outlasted it.
type Recovery struct {
	Outage
	Count int   // Outages.
	Back  int64 // ns after To, to a tenth of a second; -1: not before the next outage, or the end.
}

const (
	apart         = 10 * Beat // Outages that are closer than this are one.
	calmBefore    = 10        // Points that it takes to know what is usual.
	calmAfter     = 5         // Points in a row that are as usual again.
	usualRate     = 0.9       // Of the usual delivered rate; less what chance takes from so few messages.
	usualLatency  = 2.0       // Of the usual median response time,
	usualSlack    = 1e6       // and ns more: a tick of a busy machine is no consequence.
	mostRecovered = 100       // Told of; with more of them a fault is a state.
)

// Recoveries finds out when the delivered rate and the median response time were again what they had been before the first outage: from
// then on for half a second. points are those of the measured part, until; none of them are told if the first outage came so early
// that nothing is usual yet.
func Recoveries(points []Point, outages []Outage) (all []Recovery) {
	for _, o := range slices.SortedFunc(slices.Values(outages), func(a, b Outage) int { return cmp.Compare(a.From, b.From) }) {
		if n := len(all); n > 0 && o.From < all[n-1].To+apart {
			last := &all[n-1]
			last.To, last.Count = max(last.To, o.To), last.Count+1
			if last.Name != o.Name {
				last.Name = "faults"
			}
			continue
		}
		all = append(all, Recovery{Outage: o, Count: 1})
	}
	if len(all) == 0 || len(all) > mostRecovered {
		return nil
	}
	calm := 0
	for calm < len(points) && points[calm].At+Beat <= all[0].From {
		calm++
	}
	if calm < calmBefore {
		return nil
	}
	u := usualOf(points[:calm])
	for i := range all {
		until := int64(math.MaxInt64)
		if i+1 < len(all) {
			until = all[i+1].From
		}
		all[i].Back = u.back(points, all[i].To, until)
	}
	return all
}

// usual is what a calm run is like.
type usual struct{ rate, latency float64 }

func usualOf(calm []Point) usual {
	p50 := series(calm, Point.p50)
	return usual{
		rate:    mean(series(calm, Point.delivered)),
		latency: max(usualLatency*middle(p50), slices.Max(p50)) + usualSlack,
	}
}

// back is how long after an instant all is as usual again; -1: not before until.
func (u usual) back(points []Point, after, until int64) int64 {
	from, _ := slices.BinarySearchFunc(points, after-Beat+1, func(p Point, at int64) int { return cmp.Compare(p.At, at) })
	for i := from; i+calmAfter <= len(points) && points[i+calmAfter-1].At+Beat <= until; i++ {
		if u.holds(points[i : i+calmAfter]) {
			return max(0, points[i].At-after)
		}
	}
	return -1
}

func (u usual) holds(window []Point) bool {
	sum, want := 0.0, u.rate*float64(len(window))
	for _, p := range window {
		sum += p.Delivered
		if p.P50 > u.latency || p.Delivered == 0 && u.rate >= 5 {
			return false
		}
	}
	return sum >= usualRate*want-3*math.Sqrt(want)
}
