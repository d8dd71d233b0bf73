package measure

import (
	"testing"
	"time"

	"mqttbench/bench/client"
)

// TestWindowParts has windows worked out by hand.
func TestWindowParts(t *testing.T) {
	const s = int64(time.Second)
	for name, c := range map[string]struct {
		length   int64
		interval time.Duration
		grain    int64
		last     int
	}{
		"20 s":               {20 * s, time.Second, s, 10},
		"a minute":           {60 * s, time.Second, 2 * s, 15}, // 30 s in at most 16 parts of whole seconds.
		"eight hours":        {8 * 3600 * s, 8 * time.Second, 904 * s, 15},
		"odd":                {7*s + 1, 250 * time.Millisecond, s / 4, 14},
		"too short to judge": {5*s - 1, time.Second, 0, 0},
		"one long interval":  {20 * s, time.Minute, 0, 0},
	} {
		w := NewWindow(1000, 1000+c.length, c.interval)
		if w.Grain != c.grain || w.last() != c.last {
			t.Errorf("%s: grain %d, last part %d; want %d, %d", name, w.Grain, w.last(), c.grain, c.last)
		}
		if w.Grain == 0 {
			if _, ok := w.after(1001); ok {
				t.Errorf("%s: something could be left out", name)
			}
			continue
		}
		if half := w.From + c.length/2; w.border(w.last()) > half || w.border(w.last()+1) <= half {
			t.Errorf("%s: the last part begins at %d, the half at %d", name, w.border(w.last()), half)
		}
		for at, want := range map[int64]int{w.From: 0, w.From + 1: 1, w.From + w.Grain: 1, w.From + w.Grain + 1: 2, w.border(w.last()): w.last()} {
			if got, ok := w.after(at); got != want || !ok {
				t.Errorf("%s: nothing from part %d on is of before %d, want part %d (%t)", name, got, at, want, ok)
			}
		}
		if _, ok := w.after(w.border(w.last()) + 1); ok {
			t.Errorf("%s: more than half could be left out", name)
		}
	}
}

// TestTotalsWithoutTheBeginning: what is left out goes by when a message was due, however late it was seen, and takes its lag, its
// acknowledgement and the exchanges of its time with it.
func TestTotalsWithoutTheBeginning(t *testing.T) {
	c := NewCollector(2)
	for group := range 2 {
		r := NewRecorder(group)
		r.SetWindow(Window{From: 1000, To: 2000, Grain: 100}) // Borders at 1100, 1200 ... 1500.
		r.Sent(900, 901, 1)
		r.Seen(900, 901, 1001, 1)
		for due := int64(1000); due < 2000; due += 50 {
			r.Sent(due, due+10, 1)
			r.Acked(due)
		}
		r.Took(client.PublishAck, 7, 1050)
		r.Took(client.ConnectMQTT, 5, 1050)
		c.Add(r.Swap(0))
		for due := int64(1950); due >= 1000; due -= 50 { // The order does not matter.
			r.Seen(due, due+10, due+3000, 1)
		}
		r.Took(client.PublishAck, 9, 1999)
		c.Add(r.Swap(1))
	}
	for part, left := range []uint64{20, 18, 16, 14, 12, 10} { // Of each group: two messages fewer with each part.
		got := c.Totals(part)
		if want := (MeasuredCounts{Sent: 2 * left, Acked: 2 * left, Delivered: 2 * left}); got.Measured != want {
			t.Errorf("from part %d: %+v, want %+v", part, got.Measured, want)
		}
		n := int64(2 * left)
		exactly(t, "response", got.Series.Response, n, 3000, 3000)
		exactly(t, "service", got.Series.Service, n, 2990, 2990)
		exactly(t, "lag", got.Series.Lag, n, 10, 10)
		if part == 0 {
			exactly(t, "PUBACK", got.Phases[client.PublishAck], 4, 7, 9)
		} else {
			exactly(t, "PUBACK", got.Phases[client.PublishAck], 2, 9, 9)
		}
		exactly(t, "CONNACK", got.Phases[client.ConnectMQTT], 2, 5, 5)
		if got.Counters.Delivered != 42 {
			t.Errorf("from part %d: %d deliveries in the whole run, want 42", part, got.Counters.Delivered)
		}
	}
}
