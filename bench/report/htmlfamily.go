package report

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// SaveFamily writes the page of a family, and its charts beside it.
func SaveFamily(path string, f *Family) error {
	fig, rates, levels := familyFigure(f), familyRates(f), familyMultiples(f)
	if fig == nil {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	_, drawn := saveAll(dir, []*figure{fig, rates, levels})
	p, undrawn := familyPage(f, []*figure{fig, rates, levels}, dir)
	return errors.Join(drawn, undrawn, p.save(path))
}

// familyPage is the report of a family.
func familyPage(f *Family, figures []*figure, base string) (*page, error) {
	p := newPage("family")
	all := f.trades()
	var runs []*result.Run
	for _, x := range all {
		runs = append(runs, x.runs...)
	}
	first := &runs[0].Manifest
	p.Title = fmt.Sprintf("%s: %s", f.Name, plural(int64(len(all)), "workload"))
	p.Subtitle = first.Broker.Label() + " · " + machine(first)
	p.Badge, p.Verdict = familyOutcome(all)
	p.Verdict = append(p.Verdict, familyText(all)...)
	p.Tables["family"] = familyTable(all, base)
	p.Legend = familyNotes(f)
	for i := range f.Differences {
		p.Doubts = append(p.Doubts, "differing in "+f.Differences[i].String())
	}
	p.Command = shellLine(first.Command)
	p.facts(first)
	p.archives(runs, base)
	p.limits(first, "Other brokers: all of this is one broker's (mqttbench compare).", otherWorkloads)
	var errs []error
	for _, fig := range figures {
		errs = append(errs, p.draw(fig))
	}
	return p, errors.Join(errs...)
}

// familyOutcome is the verdict on the whole, and what did not go well by name, worst first.
func familyOutcome(all []trade) (mark cell, text []sentence) {
	kept := len(all)
	for _, x := range []struct{ word, class string }{{"BROKEN", "bad"}, {"INVALID", "doubt"}} {
		s := sentence{Class: x.class}
		for i := range all {
			if t := &all[i]; t.verdict() == x.word {
				s.Offenders = append(s.Offenders, strings.TrimSpace(t.under+" "+t.name)+why(&result.Group{Runs: t.runs}))
			}
		}
		if n := len(s.Offenders); n > 0 {
			kept -= n
			s.Text = fmt.Sprintf("%s: %d of %s", x.word, n, plural(int64(len(all)), "workload"))
			text = append(text, s)
		}
	}
	if text == nil {
		var runs []*result.Run
		for _, t := range all {
			runs = append(runs, t.runs...)
		}
		return badge(&result.Group{Runs: runs}), nil
	}
	return cell{Text: fmt.Sprintf("kept %d of %d", kept, len(all)), Class: text[0].Class}, text
}

// familyTable is a row for each workload, with a link to its raw data.
func familyTable(all []trade, base string) *table {
	t := &table{Caption: "What each workload costs, and what became of its messages", Head: texts("workload", cmp.Or(underKind(all), "under")), Sortable: true}
	heads := tradeHeads(all)
	for i, head := range heads {
		c := cell{Text: head}
		if i < len(tradeColumns) {
			c.Title = tradeColumns[i].metric
		}
		t.Head = append(t.Head, c)
	}
	t.Head = append(t.Head, cell{Text: "verdict"})
	for i := range all {
		x := &all[i]
		row := []cell{{Text: x.name, Link: link(base, raw(x.runs[0])), Sort: sortable(float64(i))}, {Text: x.under, Sort: sortable(float64(i))}}
		for k, text := range x.cells(anyReturned(all)) {
			c := cell{Text: text}
			if k < len(tradeColumns) {
				e := x.estimate(tradeColumns[k].metric)
				c.Sort = sortable(e.Median)
				if e.N > 1 {
					c.Small = "[" + quantity(e.Lo, tradeColumns[k].unit) + ", " + quantity(e.Hi, tradeColumns[k].unit) + "]"
				}
			}
			row = append(row, c)
		}
		row[2+len(tradeColumns)].Sort = sortable(float64(x.delivered) / float64(x.expected))
		row[3+len(tradeColumns)].Sort = sortable(float64(x.lost))
		row[4+len(tradeColumns)].Sort = sortable(float64(x.duplicates))
		t.Rows = append(t.Rows, append(row, cell{Text: x.verdict(), Class: x.class()}))
	}
	return t
}

func (t *trade) class() string {
	switch {
	case t.broken || t.validity == result.ValidityInvalid:
		return "bad"
	case t.validity != result.ValidityOK:
		return "doubt"
	}
	return "good"
}

// underKind is what the workloads stand under, in a word.
func underKind(all []trade) string {
	switch {
	case slices.ContainsFunc(all, func(t trade) bool { return strings.HasSuffix(t.heading, "sessions") }):
		return "sessions"
	case slices.ContainsFunc(all, func(t trade) bool { return t.heading != "" }):
		return "link"
	}
	return ""
}

// paced are the workloads with a schedule, flatOut those without.
func (f *Family) paced() []trade {
	return slices.DeleteFunc(f.trades(), func(t trade) bool { return t.closed })
}

func (f *Family) flatOut() []trade {
	return slices.DeleteFunc(f.trades(), func(t trade) bool { return !t.closed })
}

// familyNotes say how to read it.
func familyNotes(f *Family) []string {
	all := f.trades()
	runs, most, doubt := 0, 0, false
	for _, x := range all {
		runs, most, doubt = runs+len(x.runs), max(most, len(x.runs)), doubt || x.validity != result.ValidityOK
	}
	notes := []string{
		"CPU is the broker's. Packets and bytes are MQTT's, both directions, publishers and subscribers together, as the clients counted them. Response times count from the instant a message was due.",
		"Arrived: delivered, of all that was owed by the plan. Lost: owed and never seen; QoS 0 may. Repeated: delivered more than once; QoS 1 may, after a connection broke. These are counts of the ledger over the whole of each run.",
	}
	if anyReturned(all) {
		notes = append(notes, "Sessions: those that the broker still had, of those that a client came back for.")
	}
	if flat := f.flatOut(); len(flat) > 0 {
		w := &flat[0].runs[0].Manifest.Workload
		notes = append(notes, fmt.Sprintf("Flat out: no schedule; each of %s has %d under way at a time, and sends the next when one is done. The rate is what the broker and the way there and back allow; the others are sent at one rate.",
			plural(int64(w.Publishers), "publisher"), w.Window))
	}
	if doubt {
		notes = append(notes, "(…): not to be compared: the run is INVALID, or a latency is of a run while the machine was busy with something else. Counts stand.")
	}
	switch {
	case most == 1:
		return append(notes, "One run of each: nothing is known of the spread between runs (--repeat 6 for intervals).")
	case runs < 6*len(all):
		return append(notes, fmt.Sprintf("Medians of %d runs in all; in brackets, on the page, the range of the runs, which is no confidence interval.", runs))
	}
	return append(notes, fmt.Sprintf("Medians of %d runs in all; in brackets, on the page, their 95 %% interval.", runs))
}

// familyText says in words what the figures say, as far as the names of the workloads are levels of QoS: each level against QoS 0 where
// both stand, and then each level in one place against the same in another.
func familyText(all []trade) (text []sentence) {
	places := headings(all)
	for _, place := range places {
		base := tradeAt(all, place, "0")
		for _, level := range []string{"1", "2"} {
			if x := tradeAt(all, place, level); x != nil && base != nil {
				text = append(text, x.against(base, capital(x.where)+" QoS "+level, "QoS 0"))
			}
		}
	}
	for _, place := range places {
		for _, level := range []string{"0", "1", "2"} {
			x := tradeAt(all, place, level)
			if x == nil {
				continue
			}
			if base := x.first(all, places, level); base != nil {
				text = append(text, x.against(base, capital(x.where)+" QoS "+level, "the same "+strings.TrimSuffix(base.where, ",")))
			}
		}
	}
	if text == nil {
		return []sentence{{Class: "plain", Text: plural(int64(len(all)), "workload") + ", side by side."}}
	}
	return text
}

// tradeAt is the workload that publishes and subscribes at one level in a place; nil if there is none.
func tradeAt(all []trade, heading, level string) *trade {
	i := slices.IndexFunc(all, func(t trade) bool {
		return t.heading == heading && (t.name == "QoS "+level || t.name == "QoS "+level+" → "+level)
	})
	if i < 0 {
		return nil
	}
	return &all[i]
}

// first is what a level is compared with that stands in another place: the same in the first place of its kind; nil if it is that itself.
func (t *trade) first(all []trade, places []string, level string) *trade {
	for _, place := range places {
		if x := tradeAt(all, place, level); x != nil && x.closed == t.closed {
			if x.heading == t.heading {
				return nil
			}
			return x
		}
	}
	return nil
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// against says what a workload costs, and loses, as compared with another. Figures that do not compare are left out, and it is said why.
func (t *trade) against(base *trade, name, other string) sentence {
	s := sentence{Class: "plain"}
	if t.broken || base.broken {
		s.Class = "bad"
	}
	for _, x := range []*trade{t, base} {
		if x.validity == result.ValidityInvalid {
			s.Class = "doubt"
			s.Text = fmt.Sprintf("%s: not compared with %s, because a run is INVALID (%s); %s.", strings.TrimSpace(name), other, invalidWhy(&result.Group{Runs: x.runs}), t.fate())
			return s
		}
	}
	if t.closed {
		s.Text = fmt.Sprintf("%s carries %s, %s times as many as %s (%s).", strings.TrimSpace(name), rate(t.median("delivered rate")), ratioDigits(t.median("delivered rate")/base.median("delivered rate")), other, rate(base.median("delivered rate")))
		return s
	}
	var costs []string
	for _, m := range []struct{ metric, what string }{{"CPU per delivered", "the CPU time of %s"}, {"packets per delivered", "the packets"}, {"wire bytes per delivered", "the bytes"}} {
		if v := t.median(m.metric) / base.median(m.metric); !math.IsNaN(v) {
			what := m.what
			if strings.Contains(what, "%s") {
				what = fmt.Sprintf(what, other)
			}
			costs = append(costs, ratioDigits(v)+" times "+what)
		}
	}
	s.Text = strings.TrimSpace(name)
	if costs != nil {
		s.Text += " costs the broker " + enumeration(costs) + ";"
	}
	if p50 := t.median("p50") / base.median("p50"); t.validity == result.ValidityOK && base.validity == result.ValidityOK && !math.IsNaN(p50) {
		s.Text += fmt.Sprintf(" its median response time is %s times that of %s;", ratioDigits(p50), other)
	}
	s.Text += fmt.Sprintf(" it %s, where %s %s.", t.fate(), other, base.fate())
	return s
}

// fate is what became of the messages.
func (t *trade) fate() string {
	text := fmt.Sprintf("lost %s of %s and repeated %s", count(t.lost), count(t.expected), count(t.duplicates))
	if t.returned > 0 {
		text += fmt.Sprintf(" (the broker still had %s of %s sessions)", count(t.present), count(t.returned))
	}
	return text
}

func ratioDigits(v float64) string { return fmt.Sprintf("%.2f", v) }

// enumeration is "a, b and c".
func enumeration(all []string) string {
	last := len(all) - 1
	if last < 1 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

// familyRates is the throughput of the workloads that have no schedule; nil if there are none.
func familyRates(f *Family) *figure {
	all := f.flatOut()
	if len(all) < 2 {
		return nil
	}
	var rows []row
	var groups []*result.Group
	var runs []*result.Run
	k := metricIndex("delivered rate")
	for _, x := range all {
		var values []float64
		for _, r := range x.runs {
			if v, ok := result.Metrics[k].Of(r); ok {
				values = append(values, v)
			}
		}
		runs = append(runs, x.runs...)
		if values == nil {
			continue
		}
		r := medianRow(strings.TrimSuffix(x.under, ", flat out")+" link, "+x.name, result.Median(values), values, rate)
		r.bars[0].color = deliveredColor
		if x.validity == result.ValidityInvalid {
			r.text += " INVALID"
			r.bars[0].color = fade(deliveredColor, 0.3)
		}
		rows, groups = append(rows, r), append(groups, &result.Group{Runs: x.runs})
	}
	if rows == nil {
		return nil
	}
	w := &runs[0].Manifest.Workload
	return &figure{
		name: FamilyName + "-throughput", title: f.Name + ": how many messages a second, as fast as it goes",
		subtitle: runs[0].Manifest.Broker.Label() + " · " + plural(int64(w.Publishers), "publisher") + " to as many subscribers, " + plural(int64(w.Window), "message") + " under way from each",
		caption: []string{
			"Messages delivered a second. " + spreadOf(groups) + " Whoever waits for more packets before the next message carries fewer of them; on a slow link that is all that counts. INVALID: not to be compared.",
			familyFooter(f, runs),
		},
		height: vg.Length(96 + len(rows)*rowHeight + rowsExtra),
		narrow: vg.Length(96 + len(rows)*(rowHeight+extraRow) + rowsExtra),
		draw: func(c draw.Canvas) {
			drawRows(c, "delivered a second", rows, rowNameRoom(rows), rowTextRoom(rows), rate)
		},
	}
}
