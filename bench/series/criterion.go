package series

import (
	"errors"
	"fmt"
	"math"
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
	Group     *result.Group
	Ratio     *result.Ratio // nil: the two cannot be compared.
	Unjudged  string        // Why it cannot be judged; empty: it is met.
}

// Regressions holds a comparison against criteria. A criterion is met only where a difference is shown: a median that
// happens to lie beyond the limit is no reason to stop anybody's work.
func Regressions(c *result.Comparison, criteria []Criterion) (all []Regression) {
	for i := 1; i < len(c.Groups); i++ {
		for k := range criteria {
			r := Regression{Criterion: &criteria[k], Group: c.Groups[i], Ratio: c.Cells[i][criteria[k].metric].Ratio}
			r.Unjudged = unjudged(c, i, criteria[k].metric)
			if r.Unjudged != "" || r.Ratio != nil && criteria[k].met(r.Ratio) {
				all = append(all, r)
			}
		}
	}
	return all
}

func (c *Criterion) met(r *result.Ratio) bool {
	return r.Shown && (c.above && r.Value > c.limit || !c.above && r.Value < c.limit)
}

// unjudged says why a metric of group i does not compare with that of the first; empty: it does.
func unjudged(c *result.Comparison, i, metric int) string {
	cell, first := &c.Cells[i][metric], &c.Cells[0][metric]
	switch r := cell.Ratio; {
	case cell.Invalid || first.Invalid:
		return "no run of the group can be trusted"
	case cell.Noisy:
		return "the machine was busy with something else"
	case r == nil:
		return "one of the two has no such figure"
	case !r.Shown && tooFew(r):
		return fmt.Sprintf("%d runs can never show a difference", r.N)
	}
	return ""
}

// tooFew reports whether even the clearest of differences could not have been shown.
func tooFew(r *result.Ratio) bool {
	if r.Paired {
		return r.N < 6
	}
	return r.N < 4
}
