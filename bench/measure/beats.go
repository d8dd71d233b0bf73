package measure

import (
	binary "math/bits"
	"slices"
)

// Beat is the grain in which the course of a run is kept, ns: fine enough for finding the end of a warm-up and of a fault's
// consequences, and 36,000 of them an hour take 1.2 MB.
const Beat = 100_000_000

// A Point is one Beat of a run.
type Point struct {
	At        int64   // ns, the beginning; on the clock of the recordings.
	Delivered float64 // First deliveries.
	P50, P99  float64 // Response times, ns; 0: nothing was delivered.
}

// A beat counts the deliveries of one Beat by their response times: 16 classes for each doubling, so that a percentile is
// off by 6 % at most, in 2.6 KB. An HdrHistogram takes 37.
type beat struct {
	number int64 // The time divided by Beat.
	counts [beatClasses]uint32
}

const (
	beatClasses = 16 * 39     // Up to 2^42 ns, which is beyond MaxDuration.
	mostBeats   = 24 * 36_000 // Of a course. A run of more than a day has its first day judged.
)

// beatClass is the class of a duration, ns: itself below 32, and then its first five binary digits.
func beatClass(ns int64) int {
	if ns < 32 {
		return int(max(ns, 0))
	}
	shift := binary.Len64(uint64(ns)) - 5
	return min(shift*16+int(ns>>shift), beatClasses-1)
}

// beatValue is the middle of a class, ns.
func beatValue(class int) float64 {
	if class < 32 {
		return float64(class)
	}
	shift := class/16 - 1
	return (float64(class-shift*16) + 0.5) * float64(int64(1)<<shift)
}

// beat counts a delivery.
func (s *Set) beat(seen, took int64) {
	number := seen / Beat
	n := len(s.beats)
	if n == 0 || s.beats[n-1].number != number {
		if n == cap(s.beats) {
			s.beats = append(s.beats, beat{})
		} else { // What the place held was emptied when it was given back.
			s.beats = s.beats[:n+1]
		}
		s.beats[n].number = number
		n++
	}
	s.beats[n-1].counts[beatClass(took)]++
}

func (s *Set) emptyBeats() {
	clear(s.beats)
	s.beats = s.beats[:0]
}

// A course gathers the beats of all groups. Those that are older than what any group can still tell of become Points.
type course struct {
	open   []beat // Ascending.
	points []Point
}

// add takes the beats of a set.
func (c *course) add(beats []beat) {
	for i := range beats {
		at, found := slices.BinarySearchFunc(c.open, beats[i].number, func(b beat, n int64) int { return int(min(max(b.number-n, -1), 1)) })
		if !found {
			c.open = slices.Insert(c.open, at, beat{number: beats[i].number})
		}
		for class, n := range &beats[i].counts {
			c.open[at].counts[class] += n
		}
	}
	for len(c.open) > mostOpen {
		c.close()
	}
}

// mostOpen beats wait for a group that lags, as long as memory is not the price of it: ten seconds.
const mostOpen = 100

// close turns the oldest beat into a Point. A beat that nothing was delivered in has one, too: that is what a broker looks like that
// stands still.
func (c *course) close() {
	b := &c.open[0]
	at := b.number * Beat
	if n := len(c.points); n > 0 {
		for next := c.points[n-1].At + Beat; next < at && len(c.points) < mostBeats; next += Beat {
			c.points = append(c.points, Point{At: next})
		}
		if at <= c.points[n-1].At { // A group came so late that its beat had been closed.
			c.open = slices.Delete(c.open, 0, 1)
			return
		}
	}
	if len(c.points) < mostBeats {
		c.points = append(c.points, b.point())
	}
	c.open = slices.Delete(c.open, 0, 1)
}

func (b *beat) point() Point {
	total := uint64(0)
	for _, n := range &b.counts {
		total += uint64(n)
	}
	return Point{At: b.number * Beat, Delivered: float64(total), P50: b.quantile(0.5, total), P99: b.quantile(0.99, total)}
}

func (b *beat) quantile(q float64, total uint64) float64 {
	rank, sum := uint64(q*float64(total)), uint64(0)
	for class, n := range &b.counts {
		if sum += uint64(n); sum > rank {
			return beatValue(class)
		}
	}
	return 0
}

// Course is the run in Points without a gap, from the first delivery to the last. No Add may follow.
func (c *Collector) Course() []Point {
	for len(c.course.open) > 0 {
		c.course.close()
	}
	return c.course.points
}
