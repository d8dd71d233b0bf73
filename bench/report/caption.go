package report

import (
	"cmp"
	"fmt"
	"strings"

	"mqttbench/bench/result"
)

// Captions: what must be known of a chart that is shown without its report.

// footer is the environment of runs with the same settings.
func footer(runs []*result.Run) string {
	r := runs[0]
	m := &r.Manifest
	parts := []string{
		strings.TrimSpace("mqttbench " + m.Tool.Version + " " + m.Tool.Commit),
		m.Broker.Label(),
		machine(m),
		workload(&m.Workload),
		load(&m.Workload),
		fmt.Sprintf("seed %d", m.Seed),
		fmt.Sprintf("%s of %s, warm-up %s", plural(int64(len(runs)), "run"), seconds(r.Summary.Measured.Seconds), seconds(m.Workload.WarmUp)),
	}
	if cut := warmUpCut(&r.Summary); cut != "" {
		parts = append(parts, cut)
	}
	if r.Summary.Lag.Count > 0 {
		parts = append(parts, "generator lag p99 "+seconds(r.Summary.Lag.P99))
	}
	parts = append(parts, "validity "+string(cmp.Or(r.Summary.Validity, result.ValidityUnknown)))
	return strings.Join(append(parts, m.Start.UTC().Format("2006-01-02 15:04 UTC")), " · ")
}

func machine(m *result.Manifest) string {
	x := &m.Machine
	parts := []string{cmp.Or(x.CPU, "CPU not known"), plural(int64(x.Cores), "core"), strings.TrimSpace(x.OS + " " + x.Kernel)}
	if x.Virtual != "" {
		parts = append(parts, x.Virtual)
	}
	if m.Broker.CoLocated {
		parts = append(parts, "broker and generator share it")
	}
	return strings.Join(parts, ", ")
}

func load(w *result.Workload) string {
	switch {
	case w.Load == "closed":
		return fmt.Sprintf("closed load, window %d", w.Window)
	case w.Rate == 0:
		return "no publishing"
	}
	return strings.TrimSpace(w.Load+" load "+w.Arrivals) + ", " + rate(w.Rate)
}

// compareFooter is the environment of a comparison: the first group's, and how the others differ.
func compareFooter(c *result.Comparison) string {
	var runs []*result.Run
	for _, g := range c.Groups {
		runs = append(runs, g.Runs...)
	}
	m := &runs[0].Manifest
	parts := []string{strings.TrimSpace("mqttbench " + m.Tool.Version + " " + m.Tool.Commit), machine(m), workload(&m.Workload)}
	if len(c.Differences) > 0 {
		parts = append(parts, "of the first; others differ in "+fieldsOf(c.Differences))
	}
	if cut := warmUpsCut(c.Groups); cut != "" {
		parts = append(parts, cut)
	}
	return strings.Join(append(parts, plural(int64(len(runs)), "run"), m.Start.UTC().Format("2006-01-02 15:04 UTC")), " · ")
}

func fieldsOf(differences []result.Difference) string {
	var fields []string
	for _, d := range differences {
		fields = append(fields, d.Field)
	}
	return strings.Join(fields, ", ")
}

// spreadOf says what the marks around a median are: an interval, or only the range of few runs.
func spreadOf(groups []*result.Group) string {
	least := len(groups[0].Runs)
	for _, g := range groups {
		least = min(least, len(g.Runs))
	}
	switch {
	case least >= 6:
		return fmt.Sprintf("Bars: median of at least %d runs; lines: its 95 %% interval between order statistics; dots: single runs.", least)
	case least > 1:
		return "Bars: median of the runs; lines: range of all runs, which is no confidence interval; dots: single runs."
	}
	return "Some groups have a single run: nothing is known of the spread between runs."
}

// marked puts the word that everybody must see before the title of a run that is not to be trusted.
func marked(title string, s *result.Summary) string {
	switch s.Validity {
	case result.ValidityInvalid:
		return "INVALID RUN: " + title
	case result.ValidityNoisy:
		return "NOISY: " + title
	}
	return title
}

// unmarked is a title where the word stands already.
func unmarked(title string) string {
	for _, mark := range []string{"INVALID RUN: ", "INVALID RUNS: ", "SOME RUNS INVALID: ", "NOISY: "} {
		title = strings.TrimPrefix(title, mark)
	}
	return title
}

// markedGroups is marked for a comparison.
func markedGroups(title string, groups []*result.Group) string {
	invalid := 0
	for _, g := range groups {
		if g.Validity() == result.ValidityInvalid {
			invalid++
		}
	}
	switch {
	case invalid == len(groups):
		return "INVALID RUNS: " + title
	case invalid > 0:
		return "SOME RUNS INVALID: " + title
	}
	return title
}
