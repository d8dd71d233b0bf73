package result

import (
	"errors"
	"fmt"
)

// The checks of a reader: a result with a percentile above its maximum, or counts below zero,
// has been published before, and nobody noticed.

// check holds the chain min <= p50 <= ... <= max.
func (q Quantiles) check() error {
	if q.Count < 0 {
		return fmt.Errorf("a count of %d", q.Count)
	}
	chain := [...]float64{0, q.Min, q.P50, q.P90, q.P99, q.P999, q.Max}
	for i := 1; i < len(chain); i++ {
		if chain[i] < chain[i-1] {
			return fmt.Errorf("quantiles that fall: %g after %g s", chain[i], chain[i-1])
		}
	}
	return nil
}

func (r *Run) checkInterval(iv *Interval) error {
	if iv.T1 <= iv.T0 {
		return fmt.Errorf("an interval from %g to %g s", iv.T0, iv.T1)
	}
	if n := len(r.Intervals); n > 0 && iv.T0 < r.Intervals[n-1].T0 {
		return fmt.Errorf("an interval at %g s after one at %g s", iv.T0, r.Intervals[n-1].T0)
	}
	if min(iv.Offered, iv.Accepted, iv.Expected, iv.Delivered, iv.Clients) < 0 {
		return errors.New("an interval with a negative count")
	}
	return errors.Join(iv.Response.check(), iv.Service.check(), iv.Lag.check())
}

func (s *Summary) check() error {
	errs := []error{s.Response.check(), s.Service.check(), s.Lag.check(), s.Slack.check()}
	for _, x := range s.Exchanges {
		errs = append(errs, x.Took.check())
	}
	for _, c := range s.Contracts {
		if c.QoS < 0 || c.QoS > 2 {
			errs = append(errs, fmt.Errorf("a contract of QoS %d", c.QoS))
		}
	}
	return errors.Join(errs...)
}
