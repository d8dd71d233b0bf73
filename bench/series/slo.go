package series

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"mqttbench/bench/result"
)

// An SLO is what must hold of a run for its rate to count as carried. All objectives must be met, and besides them
// what goes without saying: see Judge.
type SLO struct {
	text       string
	objectives []objective
	deliveries float64
}

// An objective is one condition; why is empty if the run meets it. Not ok: the run is too short to tell.
type objective func(s *result.Summary) (why string, ok bool)

// percentiles that an SLO can name, of the response time.
var percentiles = map[string]struct {
	at float64 // 1: the maximum, which any number of messages has.
	of func(result.Quantiles) float64
}{
	"p50":   {0.5, func(q result.Quantiles) float64 { return q.P50 }},
	"p90":   {0.9, func(q result.Quantiles) float64 { return q.P90 }},
	"p99":   {0.99, func(q result.Quantiles) float64 { return q.P99 }},
	"p999":  {0.999, func(q result.Quantiles) float64 { return q.P999 }},
	"p99.9": {0.999, func(q result.Quantiles) float64 { return q.P999 }},
	"max":   {1, func(q result.Quantiles) float64 { return q.Max }},
}

const sloGrammar = "it is made of p50, p90, p99, p999 or max<DURATION, loss=0 and delivered>=SHARE, with commas between them: p99<10ms,loss=0"

// ParseSLO reads objectives such as "p99<10ms,loss=0" or "p50<1ms,delivered>=0.999".
func ParseSLO(text string) (SLO, error) {
	slo := SLO{text: text}
	var errs []error
	for _, part := range strings.Split(text, ",") {
		o, err := slo.parse(strings.TrimSpace(part))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		slo.objectives = append(slo.objectives, o)
	}
	return slo, errors.Join(errs...)
}

func (slo *SLO) parse(text string) (objective, error) {
	if name, limit, ok := strings.Cut(text, "<"); ok {
		p, known := percentiles[strings.TrimSpace(name)]
		d, err := time.ParseDuration(strings.TrimSpace(limit))
		switch {
		case !known:
			return nil, fmt.Errorf("%q is no objective: %s", text, sloGrammar)
		case err != nil || d <= 0:
			return nil, fmt.Errorf("%q: %q is no duration such as 10ms", text, limit)
		}
		if p.at < 1 {
			slo.deliveries = math.Max(slo.deliveries, math.Ceil(beyond/(1-p.at)-1e-6))
		}
		return under(strings.TrimSpace(name), p.at, d.Seconds(), p.of), nil
	}
	if name, share, ok := strings.Cut(text, ">="); ok && strings.TrimSpace(name) == "delivered" {
		v, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(v > 0 && v <= 1) {
			return nil, fmt.Errorf("%q: %q is no share between 0 and 1", text, share)
		}
		return delivered(v), nil
	}
	if strings.ReplaceAll(text, " ", "") == "loss=0" {
		return delivered(1), nil
	}
	return nil, fmt.Errorf("%q is no objective: %s", text, sloGrammar)
}

// beyond is how many deliveries must lie above a percentile for it to be told, as package result has it.
const beyond = 6

// Deliveries is how many a run must have to be judged.
func (slo SLO) Deliveries() float64 { return math.Max(1, slo.deliveries) }

// Missed says which objectives a run does not meet, or that it is too short to tell; "" if it meets all.
func (slo SLO) Missed(s *result.Summary) string {
	var why []string
	short := false
	for _, o := range slo.objectives {
		text, ok := o(s)
		if text != "" {
			why = append(why, text)
		}
		short = short || !ok
	}
	if len(why) == 0 && short {
		return fmt.Sprintf("%d deliveries are too few to tell", s.Response.Count)
	}
	return strings.Join(why, ", ")
}

// String is what was parsed.
func (slo SLO) String() string { return slo.text }

func under(name string, at, limit float64, of func(result.Quantiles) float64) objective {
	return func(s *result.Summary) (string, bool) {
		if v := of(s.Response); v >= limit {
			// Too slow is too slow, also where there are too few messages to say how slow.
			return fmt.Sprintf("%s %s", name, pretty(v)), s.Response.Count > 0
		}
		return "", s.Response.Count > 0 && (at == 1 || s.Response.Supports(at))
	}
}

func delivered(least float64) objective {
	return func(s *result.Summary) (string, bool) {
		share, ok := s.DeliveredShare()
		if ok && share < least {
			return "delivered " + percent(share), true
		}
		return "", ok
	}
}

// percent never rounds something missing up to everything.
func percent(share float64) string {
	for digits := 1; ; digits++ {
		text := strconv.FormatFloat(100*share, 'f', digits, 64)
		if share >= 1 || digits == 6 || !strings.HasPrefix(text, "100") {
			return text + " %"
		}
	}
}

// pretty is a duration with three digits that count.
func pretty(seconds float64) string {
	d := time.Duration(seconds * 1e9)
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}
