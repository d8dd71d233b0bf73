package series

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"mqttbench/bench/result"
)

// A Criterion says how much worse a metric may become: "p99>+10%" is met by a group whose p99 is more than
// a tenth above that of the first group, and is so beyond doubt.
type Criterion struct {
	Text   string
	metric int     // In result.Metrics.
	limit  float64 // A ratio to the first group.
	above  bool    // Met above the limit; otherwise below.
}

// metricNames are short names of the metrics of a comparison.
var metricNames = map[string]string{
	"p50": "p50", "p99": "p99", "p999": "p99.9", "p99.9": "p99.9",
	"rate": "delivered rate", "delivered": "delivered share", "cpu": "CPU per delivered", "rss": "RSS", "bytes": "bytes per connection",
}

const criterionGrammar = "it is p50, p99, p999, rate, delivered, cpu, rss or bytes, then >+ or <-, and a percentage: p99>+10%,rate<-5%"

// ParseCriteria reads criteria with commas between them: "p99>+10%,rate<-5%".
func ParseCriteria(text string) (all []Criterion, err error) {
	var errs []error
	for _, part := range strings.Split(text, ",") {
		c, err := parseCriterion(strings.TrimSpace(part))
		all, errs = append(all, c), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return all, nil
}

func parseCriterion(text string) (Criterion, error) {
	bad := fmt.Errorf("%q is no criterion: %s", text, criterionGrammar)
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Criterion{}, bad
	}
	c := Criterion{Text: text, above: text[at] == '>', metric: -1}
	for i := range result.Metrics {
		if result.Metrics[i].Name == metricNames[strings.TrimSpace(text[:at])] {
			c.metric = i
		}
	}
	change, isPercent := strings.CutSuffix(strings.TrimSpace(text[at+1:]), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(change), 64)
	// The sign is part of the grammar: "p99>10%" could mean a tenth more, or a tenth of it.
	signed := strings.HasPrefix(change, "+") && c.above || strings.HasPrefix(change, "-") && !c.above
	if c.metric < 0 || err != nil || !isPercent || !signed || v <= -100 || math.IsInf(v, 0) {
		return Criterion{}, bad
	}
	c.limit = 1 + v/100
	return c, nil
}

// A Regression is a criterion that is met by a group; or one that cannot be judged, which is not the same as
// one that is not met.
type Regression struct {
	Criterion *Criterion
	Name      string        // The group's label; of a matrix, the workload's name and the broker's.
	Ratio     *result.Ratio // nil: the two cannot be compared.
	P         float64       // That the difference was judged by; of a matrix, after Holm's correction.
	Unjudged  string        // Why it cannot be judged; empty: it is met.
}

// Regressions holds a comparison against criteria. A criterion is met only where a difference is shown: a median that
// happens to lie beyond the limit is no reason to stop anybody's work.
func Regressions(c *result.Comparison, criteria []Criterion) (all []Regression) {
	for i := 1; i < len(c.Groups); i++ {
		for k := range criteria {
			cell := &c.Cells[i][criteria[k].metric]
			r := Regression{Criterion: &criteria[k], Name: c.Groups[i].Label, Ratio: cell.Ratio}
			r.Unjudged = unjudged(cell, &c.Cells[0][criteria[k].metric])
			if ratio := cell.Ratio; ratio != nil {
				r.P = ratio.P
				if r.Unjudged == "" && !ratio.Shown && tooFew(ratio) {
					r.Unjudged = fmt.Sprintf("%d runs can never show a difference", ratio.N)
				}
			}
			if r.Unjudged != "" || r.Ratio != nil && r.Ratio.Shown && criteria[k].beyond(r.Ratio) {
				all = append(all, r)
			}
		}
	}
	return all
}

// MatrixRegressions holds every cell of a matrix against criteria. A criterion is met where the difference is shown after Holm's
// correction: the more cells there are, the more of them would be met by chance. A figure that neither broker has under a workload
// is not asked for there.
func MatrixRegressions(m *result.Matrix, criteria []Criterion) (all []Regression) {
	for _, w := range m.Workloads {
		for _, broker := range m.Brokers[1:] {
			for k := range criteria {
				r := Regression{Criterion: &criteria[k], Name: w.Name + ": " + broker}
				if criteria[k].hold(&r, w, m.Brokers[0], broker) {
					all = append(all, r)
				}
			}
		}
	}
	return all
}

// hold fills in what became of a criterion in a cell of a matrix, and reports whether there is anything to say.
func (c *Criterion) hold(r *Regression, w *result.Column, base, broker string) bool {
	first, yardstick := w.Of(base)
	group, cells := w.Of(broker)
	for _, g := range []struct {
		name string
		*result.Group
	}{{base, first}, {broker, group}} {
		if g.Group == nil {
			r.Unjudged = "there is no run of " + g.name
			return true
		}
	}
	cell, one := &cells[c.metric], &yardstick[c.metric]
	if cell.Estimate.N+one.Estimate.N == 0 && !lossy(group) && !lossy(first) {
		return false
	}
	r.Ratio, r.Unjudged = cell.Ratio, unjudged(cell, one)
	if r.Unjudged != "" {
		return true
	}
	r.P = r.Ratio.Corrected
	if !r.Ratio.Able() {
		r.Unjudged = fmt.Sprintf("%d runs can never show a difference", r.Ratio.N)
		return true
	}
	return r.Ratio.Survives && c.beyond(r.Ratio)
}

// beyond reports whether a ratio lies beyond the limit.
func (c *Criterion) beyond(r *result.Ratio) bool {
	return c.above && r.Value > c.limit || !c.above && r.Value < c.limit
}

// unjudged says why a figure does not compare with that of the first group; empty: it does.
func unjudged(cell, first *result.Cell) string {
	switch {
	case cell.Invalid || first.Invalid:
		return "no run of the group can be trusted"
	case cell.Noisy:
		return "the machine was busy with something else"
	case cell.Ratio == nil:
		return "one of the two has no such figure"
	}
	return ""
}

func lossy(g *result.Group) bool {
	return slices.ContainsFunc(g.Runs, func(r *result.Run) bool { return r.Summary.Lossy() })
}

// tooFew reports whether even the clearest of differences could not have been shown.
func tooFew(r *result.Ratio) bool {
	if r.Paired {
		return r.N < 6
	}
	return r.N < 4
}
