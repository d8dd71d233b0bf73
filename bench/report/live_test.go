package report

import (
	"strings"
	"testing"

	"mqttbench/bench/result"
)

// watched is a run of a minute whose broker stood still in its twentieth second.
func watched(plain bool) *Live {
	l := &Live{Plain: plain}
	for i := range 30 {
		q := result.Quantiles{Count: 10_000, Min: 1e-5, P50: 1e-4, P90: 2e-4, P99: 5e-4, P999: 1e-3, Max: 2e-3}
		delivered := int64(5000)
		switch i {
		case 20:
			q, delivered = result.Quantiles{}, 0
			l.Fault("stop", 1)
		case 21:
			q.P99, delivered = 0.9, 10_000
		}
		l.Interval(&result.Interval{T0: float64(i), T1: float64(i + 1), Phase: result.PhaseMeasure, Offered: 5000, Accepted: 5000, Delivered: delivered,
			Clients: 1000, Backlog: 12, UnsentBytes: 2048, Reconnects: 1, Response: q}, 60)
	}
	return l
}

func TestLive(t *testing.T) {
	for _, c := range []struct {
		name  string
		width int
		plain bool
		want  string
	}{
		{"wide", 80, false, `
measure    ████████████████████░░░░░░░░░░░░░░░░░░░░ 30/60 s 1,000 clients
rate       offered 5,000/s → accepted 5,000/s → delivered 5,000/s
delivered  ▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▁█▅▅▅▅▅▅▅▅
p99        ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁ █▁▁▁▁▁▁▁▁ 500 µs
backlog    12, 2.05 kB not taken by the kernel, 30 reconnects
faults     1, the last: stop`},
		{"narrow", 40, true, `
measure    30/60 s 1,000 clients
rate       5,000/s > 5,000/s > 5,000/s
delivered  ++++++++++++++++++_#++++++++
p99        ____________ #________ 500 µs
backlog    12, 2.05 kB not taken by the
faults     1, the last: stop`},
	} {
		got := watched(c.plain).Lines(c.width)
		for _, line := range got {
			if columns(line) > c.width {
				t.Errorf("%s: %d columns: %q", c.name, columns(line), line)
			}
		}
		if text := "\n" + strings.Join(got, "\n"); text != c.want {
			t.Errorf("%s:%s\nwant%s", c.name, text, c.want)
		}
	}
	for width := range 30 { // However narrow: nothing is longer, and nothing falls over.
		for _, line := range watched(false).Lines(width) {
			if width > 0 && columns(line) > width {
				t.Errorf("width %d: %q", width, line)
			}
		}
	}
	if got := new(Live).Lines(80); len(got) != 5 {
		t.Errorf("nothing has happened yet: %q", got)
	}
}

// BenchmarkLive is what a second of the live view costs, less the terminal's share.
func BenchmarkLive(b *testing.B) {
	l := watched(false)
	iv := l.now
	for b.Loop() {
		l.Interval(&iv, 60)
		l.Lines(120)
	}
}
