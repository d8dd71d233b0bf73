package report

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"mqttbench/bench/result"
)

// SaveMatrixHTML writes the report of a matrix as one page, as SaveHTML does.
func SaveMatrixHTML(path string, m *result.Matrix) error {
	p, undrawn := matrixPage(m, filepath.Dir(path))
	return errors.Join(undrawn, p.save(path))
}

// A grid is a metric of all brokers under all workloads.
type grid struct {
	Title string
	Table *table
}

// A workpart is the part of the page of a matrix that is about one workload.
type workpart struct {
	ID, Title, Command         string
	Groups, Verification, Runs *table
	Doubts                     []string
	Files                      []file
}

// matrixPage is the report of a matrix on a page in the folder base.
func matrixPage(m *result.Matrix, base string) (*page, error) {
	p := newPage("matrix")
	groups := matrixGroups(m)
	p.Title = plural(int64(len(m.Brokers)), "broker") + ", " + plural(int64(len(m.Workloads)), "workload")
	p.Subtitle = matrixFooter(m)
	p.Badge, p.Verdict = matrixOutcome(m)
	p.Tables["promises"] = promisesTable(m)
	for _, x := range matrixMetrics {
		if t := matrixTable(m, x.name); t != nil {
			t.Caption = x.title
			p.Grids = append(p.Grids, grid{x.title, t})
		}
	}
	p.Legend = matrixLegend(m)
	p.Doubts = slices.Clone(m.Warnings)
	for i := range m.Differences {
		p.Doubts = append(p.Doubts, "The workloads differ in "+m.Differences[i].String()+": a figure of one does not compare with that of another.")
	}
	for i, w := range m.Workloads {
		p.Workloads = append(p.Workloads, workloadPart(m, w, i, base))
	}
	p.facts(&groups[0].Runs[0].Manifest)
	p.brokerFacts(m)
	p.limits(&groups[0].Runs[0].Manifest, "Which broker is best: each workload asks one question, and yours may be another.", otherWorkloads, noCauses)
	return p, errors.Join(p.draw(matrixCost(m)), p.draw(matrixRate(m)), p.draw(matrixMemory(m)), p.draw(matrixLatencies(m)), p.draw(matrixMultiples(m)))
}

// placeOf is the place on the page that has the runs of a broker under a workload.
func placeOf(workload, broker int) string { return fmt.Sprintf("w%d-b%d", workload+1, broker+1) }

// A promise is what became of a broker under a workload.
type promise struct {
	letter, word, why string
	class             string
}

// promiseOf says it with a letter, so that no colour is needed.
func promiseOf(w *result.Column, broker string) promise {
	word, why, _ := verdictCell(w, broker)
	x := promise{word: word, why: why}
	switch word {
	case "kept":
		x.letter, x.class = "K", "good"
	case "BROKEN":
		x.letter, x.class = "B", "bad"
	case "FAILED":
		x.letter, x.class = "F", "bad"
	case "INVALID":
		x.letter, x.class = "I", "doubt"
	case "no run":
		x.letter, x.class = "–", "doubt"
	default: // Nothing arrived, or it was cut off.
		x.letter, x.class = "0", "doubt"
	}
	return x
}

// validities counts the runs of a group that are not simply valid: "2 of 6 runs INVALID, 1 noisy".
func validities(g *result.Group) string {
	invalid, noisy := 0, 0
	for _, r := range g.Runs {
		switch r.Summary.Validity {
		case result.ValidityInvalid:
			invalid++
		case result.ValidityNoisy:
			noisy++
		}
	}
	var all []string
	for _, x := range []struct {
		n    int
		word string
	}{{invalid, "INVALID"}, {noisy, "noisy"}} {
		if x.n > 0 {
			all = append(all, fmt.Sprintf("%d of %d %s", x.n, len(g.Runs), x.word))
		}
	}
	return strings.Join(all, ", ")
}

// promisesTable is a row for each workload and a column for each broker, with what became of the promises.
func promisesTable(m *result.Matrix) *table {
	t := &table{Caption: "What became of the promises of each broker under each workload", Head: append(texts("workload"), texts(m.Brokers...)...)}
	for i, w := range m.Workloads {
		row := []cell{{Text: workloadName(w), Link: "#" + workloadPlace(i)}}
		for j, broker := range m.Brokers {
			x := promiseOf(w, broker)
			c := cell{Text: x.letter + " " + x.word, Class: x.class, Small: x.why, Link: "#" + placeOf(i, j)}
			if g, _ := w.Of(broker); g == nil {
				c.Link = "#" + workloadPlace(i)
			} else if v := validities(g); v != "" {
				if c.Small == "noisy" {
					c.Small = ""
				}
				c.Small = strings.TrimPrefix(c.Small+"\n"+v, "\n")
			}
			row = append(row, c)
		}
		t.Rows = append(t.Rows, row)
	}
	t.Note = "K kept: no acknowledged message was lost, none was delivered twice where the QoS forbids it, none overtook another of its stream. B BROKEN: counts are deliveries over all runs. " +
		"I INVALID: no figure of some run is to be trusted. F FAILED: a run came to no end. 0: nothing arrived. –: no run. noisy: latencies do not compare; counts and costs stand."
	return t
}

func workloadPlace(i int) string { return fmt.Sprintf("w%d", i+1) }

// matrixOutcome is the verdict on the whole, and what is wrong in words, worst first.
func matrixOutcome(m *result.Matrix) (mark cell, all []sentence) {
	cells, kept := len(m.Workloads)*len(m.Brokers), 0
	for _, w := range m.Workloads {
		who := map[string][]string{}
		var order []string
		for _, broker := range m.Brokers {
			x := promiseOf(w, broker)
			if x.letter == "K" {
				kept++
				continue
			}
			if who[x.word] == nil {
				order = append(order, x.word)
			}
			text := broker
			if x.why != "" {
				text += " (" + x.why + ")"
			}
			who[x.word] = append(who[x.word], text)
		}
		for _, word := range order {
			i := slices.IndexFunc(all, func(s sentence) bool { return s.Text == word })
			if i < 0 {
				i = len(all)
				class := "doubt"
				if word == "BROKEN" || word == "FAILED" {
					class = "bad"
				}
				all = append(all, sentence{Class: class, Text: word})
			}
			all[i].Offenders = append(all[i].Offenders, workloadName(w)+": "+strings.Join(who[word], ", "))
		}
	}
	slices.SortStableFunc(all, func(a, b sentence) int { return cmp.Compare(a.Class, b.Class) }) // "bad" before "doubt".
	mark = cell{Text: fmt.Sprintf("kept %d of %d", kept, cells), Class: "good"}
	if kept < cells {
		mark.Class = "doubt"
	}
	return mark, append(all, sentence{Class: "good", Text: fmt.Sprintf("kept: %d of %d, each a broker under a workload", kept, cells)})
}

// matrixTable is a metric of all brokers under the workloads that it says something about; nil if there is none.
func matrixTable(m *result.Matrix, metric string) *table {
	k := metricIndex(metric)
	t := &table{Head: append(texts("workload"), texts(m.Brokers...)...), Sortable: true}
	for i, w := range m.Workloads {
		if !suits(w, metric) || !slices.ContainsFunc(w.Cells, func(row []result.Cell) bool { return row[k].Estimate.N > 0 }) {
			continue
		}
		row := []cell{{Text: workloadName(w), Link: "#" + workloadPlace(i), Sort: strconv.Itoa(i)}}
		for j, broker := range m.Brokers {
			c := matrixCell(w, m.Brokers[0], broker, k)
			c.Link = "#" + workloadPlace(i)
			if g, _ := w.Of(broker); g != nil {
				c.Link = "#" + placeOf(i, j)
			}
			row = append(row, c)
		}
		t.Rows = append(t.Rows, row)
	}
	if t.Rows == nil {
		return nil
	}
	return t
}

// matrixCell is a median with its interval, and below it how it compares; or why it does not. It sorts by the ratio, and that of the
// yardstick by the median.
func matrixCell(w *result.Column, base, broker string, k int) cell {
	g, cells := w.Of(broker)
	if g == nil {
		return cell{Text: "no run", Class: "doubt"}
	}
	x, unit := &cells[k], result.Metrics[k].Unit
	e := &x.Estimate
	if e.N == 0 {
		if lossy(g) {
			return cell{Text: "–", Small: "lost what was promised", Class: "lost"}
		}
		return cell{Text: "–", Small: "no figure", Class: "faint"}
	}
	c := cell{Text: quantity(e.Median, unit), Sort: sortable(e.Median)}
	var lines []string
	if e.N > 1 {
		lines = append(lines, "["+quantity(e.Lo, unit)+", "+quantity(e.Hi, unit)+"]")
	}
	if e.N < len(g.Runs) {
		lines = append(lines, fmt.Sprintf("%d of %d runs", e.N, len(g.Runs)))
	}
	if _, first := w.Of(base); first != nil && broker != base {
		c.Sort = sortable(e.Median / first[k].Estimate.Median)
	}
	switch r := x.Ratio; {
	case x.Invalid:
		c.Text, c.Class = "("+c.Text+")", "doubt"
		lines = append(lines, "INVALID")
	case lossy(g):
		c.Class = "lost"
		lines = append(lines, "lost what was promised")
	case x.Noisy:
		c.Text, c.Class = "("+c.Text+")", "faint"
		lines = append(lines, "noisy")
	case r != nil:
		c.Sort = sortable(r.Value)
		c.Title = fmt.Sprintf("median ratio %.3g, from %.3g to %.3g; p = %.2g before Holm's correction for %d comparisons, %d runs", r.Value, r.Lo, r.Hi, r.P, r.Among, r.N)
		if r.Survives {
			c.Class = "differs"
			lines = append(lines, fmt.Sprintf("%s× [%s, %s]", digits(r.Value), digits(r.Lo), digits(r.Hi)))
		} else {
			lines = append(lines, "no difference shown")
		}
		lines = append(lines, pText(r.Corrected))
	}
	c.Small = strings.Join(lines, "\n")
	return c
}

// pText is a probability with two digits.
func pText(p float64) string {
	if p < 0.001 {
		return "p < 0.001"
	}
	return "p = " + strconv.FormatFloat(p, 'g', 2, 64)
}

// matrixLegend says how to read the tables of figures.
func matrixLegend(m *result.Matrix) []string {
	return []string{
		"Medians of the runs, with " + intervalKind(matrixGroups(m)) + "; below, how many times that of " + m.Brokers[0] + ", the median ratio of the runs, with its interval. A click on a broker sorts by it, a click on a figure leads to its runs.",
		"p: of the Mann-Whitney test, after Holm's correction for all comparisons of the metric that were made beside each other. A ratio is given where p < 0.05. No difference shown: that is not to say that there is none.",
		"(…) INVALID or noisy: shown, and not compared. Lost what was promised: the figure is of the messages that survived, which flatters, and is not compared.",
	}
}

// workloadPart is what is under a figure: the groups with all of their metrics, and every run with its raw data.
func workloadPart(m *result.Matrix, w *result.Column, i int, base string) workpart {
	x := workpart{ID: workloadPlace(i), Title: workloadTitle(w), Groups: compareTable(w.Comparison), Verification: compareVerification(w.Comparison), Runs: runsTable(w.Comparison, base)}
	for n, g := range w.Groups {
		x.Groups.Rows[n][0].ID = placeOf(i, slices.Index(m.Brokers, g.Series))
	}
	x.Command = shellLine(w.Groups[0].Runs[0].Manifest.Command)
	_, x.Doubts = comparisonNotes(w.Comparison)
	var p page
	for _, g := range w.Groups {
		p.archives(g.Runs, base)
	}
	x.Files = slices.CompactFunc(p.Files, func(a, b file) bool { return a.Link == b.Link })
	return x
}

// brokerFacts take the place of those of one broker.
func (p *page) brokerFacts(m *result.Matrix) {
	p.Facts = slices.DeleteFunc(p.Facts, func(f fact) bool { return f.Name == "Broker" })
	seen := map[string]bool{}
	for _, g := range matrixGroups(m) {
		b := &g.Runs[0].Manifest.Broker
		if label := b.Label(); !seen[label] {
			seen[label] = true
			p.add("Broker", strings.TrimSpace(label+" "+plainConfig(b.Config)))
		}
	}
}
