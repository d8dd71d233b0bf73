package measure

import (
	"errors"
	"fmt"
	"math"

	"mqttbench/bench/result"
)

// A QueueLimit is a length at which a broker's queue of one subscriber is full.
type QueueLimit struct {
	Name     string
	Messages int
}

// knownLimits are defaults of brokers, queue plus window.
var knownLimits = []QueueLimit{
	{"mosquitto: max_queued_messages 1000", 1000},
	{"mosquitto: max_queued_messages 1000 + max_inflight_messages 20", 1020},
	{"EMQX: max_mqueue_len 1000 + max_inflight 32", 1032},
	{"HiveMQ: max-queue-size 1000", 1000},
	{"VerneMQ: max_online_messages 1000", 1000},
}

// A QueueMatch is a latency that may be nothing but a queue at its limit.
type QueueMatch struct {
	InQueue float64    // Messages in the broker for each subscription, by Little's law.
	Limit   QueueLimit // The limit it is within 5 % of. The zero value: none.
}

// AtLimit reports whether a limit was matched: the latency says how long the queue is and not how
// fast the broker, which is probably dropping.
func (m QueueMatch) AtLimit() bool { return m.Limit != QueueLimit{} }

// MatchQueue applies Little's law to a subscription: the messages in the system are the time they
// spend there (median service time, seconds) times the rate at which they leave (deliveries per
// second to one subscription). It compares with the defaults of known brokers and the limits given, which go first.
func MatchQueue(serviceP50, deliveredPerSecond float64, limits ...QueueLimit) QueueMatch {
	const tolerance = 0.05
	m := QueueMatch{InQueue: serviceP50 * deliveredPerSecond}
	best := tolerance
	for _, list := range [][]QueueLimit{limits, knownLimits} {
		for _, l := range list {
			if off := math.Abs(m.InQueue/float64(l.Messages) - 1); off < best {
				best, m.Limit = off, l
			}
		}
		if m.AtLimit() {
			break
		}
	}
	return m
}

// Sane returns what cannot be in a summary, joined: quantiles out of order, counts that do not add
// up, rates that are not counts over time. nil: nothing. It is the instrument's check of itself; a
// result that fails is to be thrown away and the program corrected.
func Sane(s *result.Summary) error {
	var errs []error
	for _, q := range []struct {
		name string
		of   result.Quantiles
	}{{"response", s.Response}, {"service", s.Service}, {"lag", s.Lag}} {
		errs = append(errs, saneQuantiles(q.name, q.of))
	}
	for _, x := range s.Exchanges {
		errs = append(errs, saneQuantiles(x.Name, x.Took))
	}
	for i := range s.Contracts {
		errs = append(errs, saneContract(&s.Contracts[i]))
	}
	errs = append(errs, saneTotals(&s.Measured))
	for i := range s.Phases {
		errs = append(errs, saneTotals(&s.Phases[i]))
	}
	return errors.Join(errs...)
}

func saneQuantiles(name string, q result.Quantiles) error {
	if q.Count == 0 {
		if q != (result.Quantiles{}) {
			return fmt.Errorf("%s: quantiles of nothing", name)
		}
		return nil
	}
	// Every comparison with NaN is false, so this also finds those.
	if !(q.Count > 0 && 0 <= q.Min && q.Min <= q.P50 && q.P50 <= q.P90 && q.P90 <= q.P99 && q.P99 <= q.P999 && q.P999 <= q.Max) {
		return fmt.Errorf("%s: quantiles out of order: min %v, p50 %v, p90 %v, p99 %v, p99.9 %v, max %v",
			name, q.Min, q.P50, q.P90, q.P99, q.P999, q.Max)
	}
	return nil
}

// saneContract checks that every message and every delivery has exactly one fate.
func saneContract(c *result.Contract) error {
	var errs []error
	stuck, gone := int64(0), int64(0)
	for _, f := range c.Findings {
		switch f.Class {
		case result.Stuck:
			stuck += f.Count
		case result.Lost, result.LostUnknown, result.LossQoS0, result.DroppedLegal, result.DroppedOverload:
			gone += f.Count
		}
	}
	if c.QoS > 0 && c.Attempted != c.Acked+c.Unknown+c.Refused+stuck {
		errs = append(errs, fmt.Errorf("QoS %d: %d messages attempted, but %d acknowledged + %d unknown + %d refused + %d stuck",
			c.QoS, c.Attempted, c.Acked, c.Unknown, c.Refused, stuck))
	}
	if c.Expected != c.Delivered+gone {
		errs = append(errs, fmt.Errorf("QoS %d: %d deliveries expected, but %d delivered + %d lost or dropped",
			c.QoS, c.Expected, c.Delivered, gone))
	}
	return errors.Join(errs...)
}

// saneTotals checks that rates are counts over time.
func saneTotals(t *result.Totals) error {
	var errs []error
	for _, r := range []struct {
		name  string
		count int64
		rate  float64
	}{
		{"offered", t.Offered, t.OfferedRate},
		{"accepted", t.Accepted, t.AcceptedRate},
		{"delivered", t.Delivered, t.DeliveredRate},
	} {
		if r.count < 0 {
			errs = append(errs, fmt.Errorf("%s: %d %s", t.Phase, r.count, r.name))
		}
		if off := r.rate*t.Seconds - float64(r.count); t.Seconds > 0 && !(math.Abs(off) <= 0.001*float64(r.count)+1) {
			errs = append(errs, fmt.Errorf("%s: %d %s in %v s is not %v a second", t.Phase, r.count, r.name, t.Seconds, r.rate))
		}
	}
	return errors.Join(errs...)
}
