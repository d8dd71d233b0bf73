package report

import (
	"math"
	"strconv"
	"strings"

	"mqttbench/bench/result"
)

// Line is a run in one line of plain text, without a line feed, for lists of runs: verdict, rate, latencies, cost.
func Line(r *result.Run) string {
	s := &r.Summary
	word, _ := verdictWord(&result.Group{Runs: []*result.Run{r}})
	parts := []string{word, rate(s.Measured.DeliveredRate) + " delivered"}
	if share, ok := s.DeliveredShare(); ok && share < 1 {
		parts[1] += " (" + percent(share) + ")"
	}
	for _, q := range []struct {
		name string
		at   float64
		v    float64
	}{{"p50", 0.5, s.Response.P50}, {"p99", 0.99, s.Response.P99}} {
		if s.Response.Supports(q.at) {
			parts = append(parts, q.name+" "+seconds(q.v))
		}
	}
	if c := s.Cost.Broker; c != nil && c.PerDelivered() > 0 {
		parts = append(parts, seconds(c.PerDelivered())+" CPU a message")
	}
	if s.Outcome == result.Failed && len(s.Errors) > 0 {
		parts = append(parts, s.Errors[0].Text)
	}
	for i := range s.Gates {
		if g := &s.Gates[i]; !g.Passed && g.Fails == s.Validity {
			parts = append(parts, unadvised(g))
			break
		}
	}
	return strings.Join(parts, ", ")
}

// Exactly is a rate with all of its digits: "19,250/s".
func Exactly(v float64) string {
	if v < 1000 {
		return strconv.FormatFloat(v, 'g', 4, 64) + "/s"
	}
	return count(int64(math.Round(v))) + "/s"
}
