package report

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"mqttbench/bench/result"
)

// comparisonPage is the report of a comparison on a page in the folder base.
func comparisonPage(c *result.Comparison, base string) (*page, error) {
	p := newPage("comparison")
	first := &c.Groups[0].Runs[0].Manifest
	runs := 0
	for _, g := range c.Groups {
		runs += len(g.Runs)
	}
	p.Title = fmt.Sprintf("%s in %s", plural(int64(runs), "run"), plural(int64(len(c.Groups)), "group"))
	p.Subtitle = workload(&first.Workload) + " · " + machine(first)
	p.Badge = badge(&result.Group{Runs: allRuns(c)})
	p.Verdict = groupSentences(c)
	p.Tables["compare"] = compareTable(c)
	p.Tables["verification"] = compareVerification(c)
	p.Tables["runs"] = runsTable(c, base)
	p.Legend, p.Doubts = comparisonNotes(c)
	p.environment(first)
	p.limits(first, otherWorkloads, noCauses)
	if len(c.Differences) > 0 {
		p.Facts = append(p.Facts, fact{"Others differ in", differingIn(c)})
	}
	errs := []error{p.draw(comparePercentilesFigure(c)), p.draw(compareSharesFigure(c)), p.draw(compareMultiples(c))}
	latencies := latencyRowsFigure(c)
	if latencies == nil { // There is a load to draw against.
		latencies = throughputFigure(c)
	}
	for _, f := range []*figure{latencies, deliveredFigure(c), pairsFigure(c), ratiosFigure(c), compareCostFigure(c), costCurveFigure(c)} {
		errs = append(errs, p.draw(f))
	}
	p.live = liveComparison(c)
	return p, errors.Join(errs...)
}

func allRuns(c *result.Comparison) (runs []*result.Run) {
	for _, g := range c.Groups {
		runs = append(runs, g.Runs...)
	}
	return runs
}

func differingIn(c *result.Comparison) string {
	var all []string
	for i := range c.Differences {
		all = append(all, c.Differences[i].String())
	}
	return strings.Join(all, "; ")
}

// groupSentences say what became of the groups, those that are not well first and each with what is wrong.
func groupSentences(c *result.Comparison) (all []sentence) {
	for _, g := range c.Groups {
		mark := badge(g)
		i := slices.IndexFunc(all, func(s sentence) bool { return s.Text == mark.Text })
		if i < 0 {
			i = len(all)
			all = append(all, sentence{Class: mark.Class, Text: mark.Text})
		}
		all[i].Offenders = append(all[i].Offenders, g.Label+why(g))
	}
	ranks := []string{"bad", "doubt", "plain", "good"}
	slices.SortStableFunc(all, func(a, b sentence) int { return slices.Index(ranks, a.Class) - slices.Index(ranks, b.Class) })
	for i := range all {
		all[i].Text += fmt.Sprintf(": %d of %s", len(all[i].Offenders), plural(int64(len(c.Groups)), "group"))
	}
	return all
}

// why is what is wrong with the first run of a group of which something is.
func why(g *result.Group) string {
	for _, r := range g.Runs {
		s := &r.Summary
		for i := range s.Gates {
			if gate := &s.Gates[i]; !gate.Passed && gate.Fails == g.Validity() {
				return ": " + unadvised(gate)
			}
		}
		for i := range s.Contracts {
			if c := &s.Contracts[i]; !c.Kept() {
				return fmt.Sprintf(": QoS %d: %s", c.QoS, contract(c))
			}
		}
	}
	return ""
}

// compareTable has a row for each group: medians, how far its runs scatter, and the ratio to the first group if a difference is shown.
func compareTable(c *result.Comparison) *table {
	t := &table{Caption: "Medians of the runs of each group", Head: texts("group", "runs"), Sortable: true}
	var columns []int
	for i := range result.Metrics {
		if slices.ContainsFunc(c.Cells, func(row []result.Cell) bool { return row[i].Estimate.N > 0 }) {
			columns = append(columns, i)
			m := &result.Metrics[i]
			t.Head = append(t.Head, cell{Text: cmp.Or(metricNames[m.Name], m.Name), Title: m.Name})
		}
	}
	t.Head = append(t.Head, cell{Text: "verdict"})
	for i, g := range c.Groups {
		row := []cell{{Text: g.Label, Class: fmt.Sprintf("series s%d", colorIndex(c, g)), Sort: sortable(float64(i))}, {Text: fmt.Sprint(len(g.Runs))}}
		for _, k := range columns {
			row = append(row, compareCell(&c.Cells[i][k], result.Metrics[k].Unit))
		}
		t.Rows = append(t.Rows, append(row, badge(g)))
	}
	t.Note = "Medians. ±: half the range of the runs, which is no confidence interval. Below: times the first group."
	if least(c.Groups) >= 6 {
		t.Note = "Medians. ±: half of the 95 % interval between order statistics. Below: times the first group."
	}
	return t
}

func least(groups []*result.Group) int {
	n := len(groups[0].Runs)
	for _, g := range groups {
		n = min(n, len(g.Runs))
	}
	return n
}

// colorIndex is the place of a group's series, whose colour it has in all charts.
func colorIndex(c *result.Comparison, g *result.Group) int {
	all := seriesOf(c.Groups)
	return all[slices.IndexFunc(all, func(s *series) bool { return s.label == g.Series })].place
}

// compareCell is a median with its spread and, below, times the first group; or that it is not to be compared.
func compareCell(x *result.Cell, unit string) cell {
	c := cell{Text: value(x, unit)}
	lines := []string{strings.TrimSpace(spreadText(&x.Estimate))}
	if x.Estimate.N > 0 {
		c.Sort = sortable(x.Estimate.Median)
	}
	switch {
	case x.Estimate.N == 0:
	case x.Invalid:
		c.Class, lines = "faint", append(lines, "INVALID")
	case x.Noisy:
		c.Class, lines = "faint", append(lines, "noisy")
	}
	if r := x.Ratio; r != nil {
		c.Title = fmt.Sprintf("ratio %.3g, %.3g to %.3g, p = %.2g, %d runs", r.Value, r.Lo, r.Hi, r.P, r.N)
		if r.Shown {
			c.Class, lines = "differs", append(lines, ratioText(x))
		} else {
			c.Title, lines = "no difference shown: "+c.Title, append(lines, "~")
		}
	}
	c.Small = strings.TrimSpace(strings.Join(lines, "\n"))
	return c
}

// compareVerification is the matrix of verdicts, as verdictFigure draws it.
func compareVerification(c *result.Comparison) *table {
	t := &table{Caption: "What became of the deliveries of each group", Head: texts("group", "verdict")}
	for _, column := range verdictColumns {
		t.Head = append(t.Head, cell{Text: column.name})
	}
	t.Head = append(t.Head, cell{Text: "validity"})
	for _, g := range c.Groups {
		var all []result.Finding
		for _, r := range g.Runs {
			for _, contract := range r.Summary.Contracts {
				all = append(all, contract.Findings...)
			}
		}
		row := append([]cell{{Text: g.Label}, outcomeCell(g.Outcome())}, findingCells(verdictCounts(g), all)...)
		t.Rows = append(t.Rows, append(row, validityCell(g.Validity())))
	}
	t.Note = "Deliveries over all runs of a group. Dropped: acknowledged and then dropped at a limit of the broker. Legal: what the QoS allows."
	return t
}

func outcomeCell(o result.Outcome) cell {
	return cell{Text: string(o), Class: map[result.Outcome]string{result.Kept: "good", result.Broken: "bad", result.Failed: "bad", result.Unknown: "doubt"}[o]}
}

func validityCell(v result.Validity) cell {
	class := map[result.Validity]string{result.ValidityOK: "good", result.ValidityInvalid: "bad"}[v]
	return cell{Text: string(cmp.Or(v, result.ValidityUnknown)), Class: cmp.Or(class, "doubt")}
}

// runsTable lists every run, with links to its own report and its result.
func runsTable(c *result.Comparison, base string) *table {
	t := &table{Caption: "All runs", Head: texts("run", "group", "delivered", "p50", "p99", "CPU/msg", "verdict"), Sortable: true}
	for i, g := range c.Groups {
		for _, r := range g.Runs {
			row := []cell{{Text: filepath.Base(r.Dir), Link: link(base, raw(r)), Sort: sortable(float64(len(t.Rows)))}, {Text: g.Label, Sort: sortable(float64(i))}}
			for _, name := range []string{"delivered rate", "p50", "p99", "CPU per delivered"} {
				row = append(row, metricCell(name, r))
			}
			t.Rows = append(t.Rows, append(row, badge(&result.Group{Runs: []*result.Run{r}})))
		}
	}
	return t
}

func metricCell(name string, r *result.Run) cell {
	i := slices.IndexFunc(result.Metrics, func(m result.Metric) bool { return m.Name == name })
	if v, ok := result.Metrics[i].Of(r); ok {
		return cell{Text: quantity(v, result.Metrics[i].Unit), Sort: sortable(v)}
	}
	return cell{Text: "–"}
}
