package result

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// A Comparison sets groups beside the first one.
type Comparison struct {
	Groups      []*Group
	Cells       [][]Cell     // [group][metric], in the order of Metrics.
	Differences []Difference // Settings that differ and ought not to, but were allowed or are minor.

	Capacity []CapacityBand // Of each series, as far as somebody has looked for it; set by the caller.
}

// A CapacityBand is what is known of a capacity: the highest rate that was carried, and the lowest that was not, in messages a second.
type CapacityBand struct {
	Series string
	Lo, Hi float64 // Lo 0: none was carried. Hi 0: none failed.
}

// A Cell is one metric of one group.
type Cell struct {
	Estimate Estimate // N 0: no run of the group supports the figure.
	Ratio    *Ratio   // To the first group; nil: it is the first group, one of the two has no value, or doubt forbids it.
	Noisy    bool     // A latency of noisy runs: to be shown with that word, never as a ratio.
	Invalid  bool     // No run of the group is valid: likewise.
}

// A Metric is one figure of a run that can be compared.
type Metric struct {
	Name    string
	Unit    string                          // "s", "bytes", "1/s", or "1" for a fraction.
	Latency bool                            // Does not compare between noisy runs.
	of      func(*Run) (v float64, ok bool) // Not ok: the run does not support the figure.
}

// Metrics are those of a comparison, in the order of its columns.
var Metrics = []Metric{
	{"delivered rate", "1/s", false, func(r *Run) (float64, bool) {
		return r.Summary.Measured.DeliveredRate, r.Summary.Measured.Offered > 0
	}},
	{"delivered share", "1", false, func(r *Run) (float64, bool) { return r.Summary.DeliveredShare() }},
	{"p50", "s", true, latency(0.5, func(q Quantiles) float64 { return q.P50 })},
	{"p99", "s", true, latency(0.99, func(q Quantiles) float64 { return q.P99 })},
	{"p99.9", "s", true, latency(0.999, func(q Quantiles) float64 { return q.P999 })},
	{"CPU per delivered", "s", false, func(r *Run) (float64, bool) {
		c := r.Summary.Cost.Broker
		return ifKnown(c, (*ProcessCost).PerDelivered)
	}},
	{"RSS", "bytes", false, func(r *Run) (float64, bool) {
		return ifKnown(r.Summary.Cost.Broker, func(c *ProcessCost) float64 { return float64(c.PeakRSS) })
	}},
	{"bytes per connection", "bytes", false, func(r *Run) (float64, bool) {
		return ifKnown(r.Summary.Cost.Broker, func(c *ProcessCost) float64 { return c.BytesPerConnection })
	}},
	{"drain rate", "1/s", false, func(r *Run) (float64, bool) {
		d := r.Summary.Drained
		return ofDrained(d), d != nil && d.Delivered > 0
	}},
	{"packets per delivered", "", false, wire(func(w *Wire) int64 { return w.ToBroker.Packets + w.FromBroker.Packets })},
	{"wire bytes per delivered", "bytes", false, wire(func(w *Wire) int64 { return w.ToBroker.Bytes + w.FromBroker.Bytes })},
}

// DeliveredShare is the part of the owed deliveries that was seen; not ok if none was owed. The
// ledger's count goes before that of the intervals.
func (s *Summary) DeliveredShare() (share float64, ok bool) {
	expected, delivered := int64(0), int64(0)
	for i := range s.Contracts {
		expected += s.Contracts[i].Expected
		delivered += s.Contracts[i].Delivered
	}
	if expected == 0 {
		expected, delivered = s.Measured.Expected, s.Measured.Delivered
	}
	if expected == 0 {
		return 0, false
	}
	return float64(delivered) / float64(expected), true
}

// latency is a percentile of the response time, where there is one to speak of: a run that lost what
// it had promised has none.
func latency(quantile float64, pick func(Quantiles) float64) func(*Run) (float64, bool) {
	return func(r *Run) (float64, bool) {
		q := r.Summary.Response
		return pick(q), q.Supports(quantile) && !r.Summary.Lossy()
	}
}

func ifKnown(c *ProcessCost, pick func(*ProcessCost) float64) (float64, bool) {
	if c == nil {
		return 0, false
	}
	v := pick(c)
	return v, v > 0
}

// ofDrained is how fast those who had been offline got what was queued for them.
func ofDrained(d *Drained) float64 {
	if d == nil {
		return 0
	}
	return d.Rate
}

// Of is the metric of a run; not ok if the run does not support it.
func (m *Metric) Of(r *Run) (v float64, ok bool) {
	if r.Summary.Outcome == Failed {
		return 0, false
	}
	return m.of(r)
}

// A Difference is a setting in which groups differ that ought not to.
type Difference struct {
	Field  string   // As Compare's vary takes it: "payload".
	Values []string // One per group.
	Refuse bool     // The figures cannot be set beside each other; otherwise, with care.
}

func (d *Difference) String() string {
	return d.Field + ": " + strings.Join(slices.Compact(slices.Clone(d.Values)), " against ")
}

// An IncomparableError refuses a comparison, and says which settings forbid it.
type IncomparableError struct{ Differences []Difference }

func (e *IncomparableError) Error() string {
	all := make([]string, len(e.Differences))
	for i := range e.Differences {
		all[i] = e.Differences[i].String()
	}
	return "these runs cannot be compared: they differ in " + strings.Join(all, "; ")
}

// Compare sets groups beside the first. Groups may differ in the broker, the rate, and the fields
// that vary names (as in Difference.Field; "*" is all); a difference in what is being measured, or
// in the machine, is an *IncomparableError; a minor one is in Differences.
func Compare(groups []*Group, vary ...string) (*Comparison, error) {
	if len(groups) == 0 {
		return nil, fmt.Errorf("nothing to compare")
	}
	c := &Comparison{Groups: groups}
	var refused []Difference
	for _, d := range differences(groups) {
		allowed := slices.Contains(vary, d.Field) || slices.Contains(vary, "*")
		if d.Refuse && !allowed {
			refused = append(refused, d)
		}
		d.Refuse = false
		if !slices.Contains(vary, d.Field) {
			c.Differences = append(c.Differences, d)
		}
	}
	if refused != nil {
		return nil, &IncomparableError{refused}
	}
	for _, g := range groups {
		c.Cells = append(c.Cells, compareTo(groups[0], g))
	}
	for k := range Metrics {
		var all []*Ratio
		for i := range c.Cells {
			if r := c.Cells[i][k].Ratio; r != nil {
				all = append(all, r)
			}
		}
		correct(all)
	}
	return c, nil
}

// compareTo is the row of a group.
func compareTo(base, g *Group) []Cell {
	cells := make([]Cell, len(Metrics))
	for i := range Metrics {
		m, cell := &Metrics[i], &cells[i]
		values := g.values(m)
		cell.Estimate = Median(slices.Collect(values.all()))
		cell.Noisy = m.Latency && (g.noisy() || base.noisy())
		cell.Invalid = len(g.valid()) == 0
		if g != base && !cell.Noisy && !cell.Invalid && len(base.valid()) > 0 {
			cell.Ratio = ratio(base.values(m), values)
		}
	}
	return cells
}

// ratio compares by pairs if the runs were made in pairs: the repetition numbers say so. A run that cannot be used takes its partner with
// it, and no other pair.
func ratio(a, b values) *Ratio {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	pa, pb, single, paired := pairs(a, b)
	x, y := slices.Collect(a.all()), slices.Collect(b.all())
	var r Ratio
	if paired {
		r = PairedRatio(pa, pb)
		for _, n := range single {
			r.Warnings = append(r.Warnings, fmt.Sprintf("pair %d is left out: one of its runs is not valid, or has no such figure", n))
		}
	} else {
		r = unpairedRatio(x, y)
	}
	if math.IsNaN(r.Value) {
		return nil
	}
	r.Corrected = 1
	r.apart, _ = mannWhitney(x, y)
	r.least = leastP(len(x), len(y))
	return &r
}

// pairs puts together what has the same repetition; single are the repetitions that only one side has. Not paired if the runs were not
// numbered, or a number stands twice, or no two belong together.
func pairs(a, b values) (pa, pb []float64, single []int, paired bool) {
	of := map[int][2][]float64{}
	for side, v := range []values{a, b} {
		for _, x := range v {
			both := of[x.repetition]
			both[side] = append(both[side], x.value)
			of[x.repetition] = both
		}
	}
	for _, n := range slices.Sorted(maps.Keys(of)) {
		both := of[n]
		switch {
		case n == 0 || len(both[0]) > 1 || len(both[1]) > 1:
			return nil, nil, nil, false
		case len(both[0]) == 0 || len(both[1]) == 0:
			single = append(single, n)
		default:
			pa, pb = append(pa, both[0][0]), append(pb, both[1][0])
		}
	}
	return pa, pb, single, len(pa) > 0
}

// values are a metric of the runs of a group that support it.
type values []struct {
	repetition int
	value      float64
}

func (v values) all() func(yield func(float64) bool) {
	return func(yield func(float64) bool) {
		for _, x := range v {
			if !yield(x.value) {
				return
			}
		}
	}
}

func (g *Group) values(m *Metric) (all values) {
	runs := g.valid()
	if len(runs) == 0 {
		runs = g.Runs
	}
	for _, r := range runs {
		if v, ok := m.Of(r); ok {
			all = append(all, struct {
				repetition int
				value      float64
			}{r.Manifest.Repetition, v})
		}
	}
	return all
}

// valid are the runs that are not invalid. Figures are of these; only where there are none, of all,
// and then no more than shown.
func (g *Group) valid() (runs []*Run) {
	for _, r := range g.Runs {
		if r.Summary.Validity != ValidityInvalid {
			runs = append(runs, r)
		}
	}
	return runs
}

func (g *Group) noisy() bool {
	return slices.ContainsFunc(g.Runs, func(r *Run) bool { return r.Summary.Validity == ValidityNoisy })
}

// Outcome is the worst of the group's runs, and Validity likewise: one broken promise in ten runs
// is a broken promise.
func (g *Group) Outcome() Outcome {
	order := []Outcome{Unjudged, Kept, Unknown, Broken, Failed}
	return worst(g.Runs, order, func(r *Run) Outcome { return r.Summary.Outcome })
}

// Validity: see Outcome.
func (g *Group) Validity() Validity {
	order := []Validity{ValidityOK, ValidityNoisy, ValidityUnknown, ValidityInvalid}
	return worst(g.Runs, order, func(r *Run) Validity { return r.Summary.Validity })
}

func worst[T comparable](runs []*Run, order []T, of func(*Run) T) T {
	top := slices.MaxFunc(runs, func(a, b *Run) int {
		return cmp.Compare(slices.Index(order, of(a)), slices.Index(order, of(b)))
	})
	return of(top)
}
