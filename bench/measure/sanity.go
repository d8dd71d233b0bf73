package measure

import (
	"errors"
	"fmt"
	"math"

	"mqttbench/bench/result"
)

// A QueueMatch is a latency that may be nothing but a queue at its limit.
type QueueMatch struct {
	InQueue float64 // Messages in the broker for each subscription, by Little's law.
	Limit   int     // The limit, in messages, that this is near; 0: none.
	Name    string  // Whose it is.
}

// queueLimits are what brokers let wait for a subscription by default, in messages.
var queueLimits = []struct {
	messages int
	name     string
}{
	{1000, "mosquitto's max_queued_messages, EMQX's max_mqueue_len, HiveMQ's max-queue-size, VerneMQ's max_online_messages"},
	{1020, "mosquitto's max_queued_messages and max_inflight_messages"},
	{1032, "EMQX's max_mqueue_len and max_inflight"},
}

// QueueLimit applies Little's law to a subscription: the messages in the system are the time they
// spend in it (serviceP50, seconds) times the rate at which they leave (deliveries per second to
// one subscription). If that is within 5 % of a limit that is given, or else of a default of known
// brokers, the latency says how long the queue is and not how fast the broker, which is probably
// dropping messages.
func QueueLimit(serviceP50, deliveredPerSecond float64, limits ...int) QueueMatch {
	m := QueueMatch{InQueue: serviceP50 * deliveredPerSecond}
	best := 0.05
	near := func(limit int, name string) {
		if off := math.Abs(m.InQueue/float64(limit) - 1); off < best {
			best, m.Limit, m.Name = off, limit, name
		}
	}
	for _, limit := range limits {
		near(limit, "the limit given")
	}
	if m.Limit != 0 {
		return m
	}
	for _, l := range queueLimits {
		near(l.messages, l.name)
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
	}{{"response", s.Response}, {"service", s.Service}, {"lag", s.Lag}, {"timer slack", s.Slack}} {
		errs = append(errs, saneQuantiles(q.name, q.of))
	}
	for _, x := range s.Exchanges {
		errs = append(errs, saneQuantiles(x.Name, x.Took))
	}
	for i := range s.Contracts {
		errs = append(errs, saneContract(&s.Contracts[i]))
	}
	errs = append(errs, saneTotals(&s.Measured))
	if s.Response.Count > s.Measured.Delivered || s.Lag.Count > s.Measured.Offered {
		errs = append(errs, fmt.Errorf("%d response times of %d deliveries, %d lags of %d messages", s.Response.Count, s.Measured.Delivered, s.Lag.Count, s.Measured.Offered))
	}
	for i := range s.Phases {
		if s.Phases[i].Phase != result.PhaseMeasure { // Its counts have those of the drain, its rates have not: see result.Total.
			errs = append(errs, saneTotals(&s.Phases[i]))
		}
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
		case result.Lost, result.Late, result.LostUnknown, result.LossQoS0, result.DroppedLegal, result.DroppedOverload:
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
