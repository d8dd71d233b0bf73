package measure

import (
	"fmt"
	"testing"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"

	"mqttbench/bench/client"
)

// exactly checks the count and the extremes of a histogram; the values must be equal as far as three digits go.
func exactly(t *testing.T, name string, h *hdr.Histogram, count, least, most int64) {
	t.Helper()
	if h.TotalCount() != count {
		t.Errorf("%s: %d values, want %d", name, h.TotalCount(), count)
	}
	if count > 0 && (!h.ValuesAreEquivalent(h.Min(), least) || !h.ValuesAreEquivalent(h.Max(), most)) {
		t.Errorf("%s: from %d to %d, want %d to %d", name, h.Min(), h.Max(), least, most)
	}
}

// TestRecorderWindow: a message belongs to the part of the run in which it was due, however late it is seen.
func TestRecorderWindow(t *testing.T) {
	r, c := NewRecorder(0), NewCollector(1)
	r.SetWindow(Window{From: 1000, To: 2000})
	r.Sent(999, 1001, 16) // Warm-up, sent late.
	r.Seen(999, 1001, 1200, 16)
	first := c.Add(r.Swap(0))
	exactly(t, "first response", first.Series.Response, 1, 201, 201)
	exactly(t, "first lag", first.Series.Lag, 1, 2, 2)

	r.Sent(1000, 1003, 16)
	r.Acked(1000)
	r.Sent(1999, 2500, 16)
	r.Seen(1999, 2500, 3000, 16) // Drain.
	r.Seen(2000, 2000, 2001, 16) // Not in the window.
	second := c.Add(r.Swap(1))
	if second.Counters.Sent != 2 || second.Counters.Delivered != 2 || second.Counters.SeenBytes != 32 || second.Number != 1 {
		t.Errorf("second interval %+v", second.Counters)
	}
	exactly(t, "second response", second.Series.Response, 2, 1, 1001)

	third := c.Add(r.Swap(2)) // Recorded in the set of the first.
	if third.Counters != (Counters{}) || third.Series.Response.TotalCount() != 0 || third.Series.Lag.TotalCount() != 0 {
		t.Errorf("nothing was recorded in the third interval: %+v", third)
	}

	totals := c.Totals(0)
	if totals.Measured != (MeasuredCounts{Sent: 2, Acked: 1, Delivered: 1}) {
		t.Errorf("measured %+v", totals.Measured)
	}
	if totals.Counters.Sent != 3 || totals.Counters.Delivered != 3 || totals.Counters.Acked != 1 {
		t.Errorf("all %+v", totals.Counters)
	}
	exactly(t, "response", totals.Series.Response, 1, 1001, 1001)
	exactly(t, "service", totals.Series.Service, 1, 500, 500)
	exactly(t, "lag", totals.Series.Lag, 2, 3, 501)
}

// TestRecorderRange: what does not fit is clamped and counted; what cannot be is counted and not recorded.
func TestRecorderRange(t *testing.T) {
	r, c := NewRecorder(0), NewCollector(1)
	r.SetWindow(Window{From: 0, To: 10})
	r.Sent(5, 4, 0)
	r.Seen(5, 5, 5+int64(MaxDuration), 0)
	r.Seen(5, 6, 5+int64(MaxDuration)+1, 0)
	c.Add(r.Swap(0))
	totals := c.Totals(0)
	if totals.Counters.Negative != 1 || totals.Counters.OverRange != 1 {
		t.Errorf("%d negative, %d over range, want 1 and 1", totals.Counters.Negative, totals.Counters.OverRange)
	}
	exactly(t, "lag", totals.Series.Lag, 0, 0, 0)
	exactly(t, "response", totals.Series.Response, 2, int64(MaxDuration), int64(MaxDuration))
}

func TestRecorderPhases(t *testing.T) {
	r, c := NewRecorder(0), NewCollector(1)
	for phase := range client.Phases {
		r.Took(phase, time.Duration(phase+1)*time.Millisecond, 5) // There is no window yet.
	}
	r.SetWindow(Window{From: 10, To: 20})
	r.Took(client.PublishAck, time.Second, 15)
	c.Add(r.Swap(0))
	for phase, h := range c.Totals(0).Phases {
		switch client.Phase(phase) {
		case client.ConnectTCP, client.AuthContinue, client.ConnectMQTT, client.SubscribeAck:
			exactly(t, fmt.Sprint(phase), h, 1, int64(phase+1)*1e6, int64(phase+1)*1e6)
		case client.PublishAck:
			exactly(t, fmt.Sprint(phase), h, 1, 1e9, 1e9)
		default:
			exactly(t, fmt.Sprint(phase), h, 0, 0, 0)
		}
	}
}

// TestCollectorMerges: groups hand over at different times, one of them twice before the other does once.
func TestCollectorMerges(t *testing.T) {
	a, b, c := NewRecorder(0), NewRecorder(1), NewCollector(2)
	a.Count.Connects = 1
	if got := c.Add(a.Swap(0)); got != nil {
		t.Fatal("an interval is complete with one of two groups")
	}
	a.Count.Connects = 10
	if got := c.Add(a.Swap(1)); got != nil {
		t.Fatal("an interval is complete with one of two groups")
	}
	for number, want := range []uint64{101, 1010} {
		b.Count.Connects = want - want%100 // 100, 1000
		b.Seen(0, 0, 7, 1)
		got := c.Add(b.Swap(number))
		if got == nil || got.Number != number || got.Counters.Connects != want {
			t.Fatalf("interval %d: %+v, want %d connects", number, got, want)
		}
		exactly(t, "response", got.Series.Response, 1, 7, 7)
	}
	if len(c.open) != 0 {
		t.Errorf("%d intervals are still open", len(c.open))
	}
	if n := c.Totals(0).Counters.Connects; n != 1111 {
		t.Errorf("%d connects in all, want 1111", n)
	}
}

// TestSwapPassesOwnership: the group records while a collector merges and empties what it was
// given. It is the race detector that finds the mistake here.
func TestSwapPassesOwnership(t *testing.T) {
	const intervals, each = 50, 200
	r, c := NewRecorder(0), NewCollector(1)
	sets, done := make(chan *Set, 1), make(chan uint64)
	go func() {
		sum := uint64(0)
		for s := range sets {
			sum += c.Add(s).Counters.Delivered
		}
		done <- sum
	}()
	for i := range intervals {
		for range each {
			r.Seen(0, 1, 2, 3)
		}
		sets <- r.Swap(i)
	}
	close(sets)
	if sum := <-done; sum != intervals*each {
		t.Errorf("%d deliveries arrived, want %d", sum, intervals*each)
	}
	exactly(t, "service", c.Totals(0).Series.Service, 0, 0, 0)
}

// TestLateIsNotLag: what waited for its publisher is late, and that is not the pacer's fault.
func TestLateIsNotLag(t *testing.T) {
	r := NewRecorder(0)
	r.SetWindow(Window{From: 0, To: 100})
	r.Sent(10, 13, 64)
	r.SentLate(20, 64)
	c := NewCollector(1)
	c.Add(r.Swap(0))
	got := c.Totals(0)
	if got.Counters.Sent != 2 || got.Counters.Late != 1 || got.Measured.Sent != 2 {
		t.Errorf("%+v, %+v", got.Counters, got.Measured)
	}
	if lag := got.Series.Lag; lag.TotalCount() != 1 || lag.Max() != 3 {
		t.Errorf("%d lags, the longest %d ns; want 1 of 3 ns", lag.TotalCount(), lag.Max())
	}
}
