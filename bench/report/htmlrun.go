package report

import (
	stdbytes "bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"mqttbench/bench/result"
)

// runPage is the report of a run on a page in the folder base. It says what the summary on the terminal says, in the same words.
func runPage(r *result.Run, base string) (*page, error) {
	p, m, s := newPage("run"), &r.Manifest, &r.Summary
	p.Title = m.Broker.Label()
	p.Badge = badge(&result.Group{Runs: []*result.Run{r}})
	p.Subtitle = setting(m)
	p.Verdict = sentences(s)
	p.Tables["rates"] = ratesTable(r)
	p.Tables["latency"] = latencyTable(s)
	p.Tables["cost"] = costTable(s)
	p.Tables["verification"] = verificationTable(s)
	p.Tables["gates"] = gateTable(s)
	p.Tables["exchanges"] = exchangeTable(s)
	p.Doubts = doubtsOf(r)
	p.Command = shellLine(m.Command)
	p.environment(m)
	p.limits(m, "How much another run would differ: this is one (--repeat 6, and mqttbench compare).", otherWorkloads)
	p.runFiles(r, base)

	heat, unread := heatFigure(r)
	flames, unparsed := flames(r)
	p.Flames = flames
	if dir := profileDir(r); dir != "" && flames == nil {
		p.FlameNote = "The run left its profiles in " + dir + "; they were not there, or held no samples, when this page was made."
	}
	errs := []error{unread, unparsed, p.draw(percentileFigure(r)), p.draw(timelineFigure(r)), p.draw(heat), p.draw(recoveryFigure(r)), p.draw(instrumentFigure(r))}
	p.live = liveRun(r)
	return p, errors.Join(errs...)
}

// badge is the verdict on runs in a word.
func badge(g *result.Group) cell {
	word, mark := verdictWord(g)
	return cell{Text: word, Class: markClasses[mark]}
}

// sentences are the judgements for a page.
func sentences(s *result.Summary) (all []sentence) {
	for _, j := range judgements(s) {
		x := sentence{Class: markClasses[j.mark], Text: j.text}
		if j.contract != nil {
			for _, f := range j.contract.Findings {
				for _, o := range f.First {
					if f.Class.Breaks() {
						x.Offenders = append(x.Offenders, string(f.Class)+": "+offender(&o))
					}
				}
			}
		}
		all = append(all, x)
	}
	for _, o := range observations(s) {
		all = append(all, sentence{Class: markClasses[o.mark], Text: o.label + ": " + o.text})
	}
	return all
}

// ratesTable sets what was offered, accepted and delivered below each other, as ratesFigure draws it.
func ratesTable(r *result.Run) *table {
	m := &r.Summary.Measured
	if m.Seconds == 0 || m.Offered == 0 {
		return nil
	}
	fan := fanOut(r)
	lost := float64(missing(&r.Summary)) / m.Seconds
	longest := max(m.OfferedRate*fan, m.AcceptedRate*fan, m.DeliveredRate+lost)
	delivered := rate(m.DeliveredRate)
	if share, ok := r.Summary.DeliveredShare(); ok {
		delivered += ", " + percent(share) + " of what was due"
	}
	t := &table{Caption: "Messages offered, accepted and delivered", Rows: [][]cell{
		{{Text: "offered", Title: "due by the schedule"}, {Text: rate(m.OfferedRate * fan), Bars: bars(longest, []string{"offered"}, m.OfferedRate*fan)}},
		{{Text: "accepted", Title: "acknowledged; QoS 0: written"}, {Text: rate(m.AcceptedRate * fan), Bars: bars(longest, []string{"accepted"}, m.AcceptedRate*fan)}},
		{{Text: "delivered", Title: "seen by subscribers"}, {Text: delivered, Bars: bars(longest, []string{"delivered", "missing"}, m.DeliveredRate, lost)}},
	}}
	t.Note = "Messages a second, over " + seconds(m.Seconds) + "."
	if fan != 1 {
		t.Note = fmt.Sprintf("Deliveries a second, over %s: messages times the %s subscriptions that each of them matches.", seconds(m.Seconds), digits(fan))
	}
	if lost > 0 {
		t.Note += " Red: owed and never seen, also not in the drain."
	}
	return t
}

// latencyTable is nil for a run that lost what was promised.
func latencyTable(s *result.Summary) *table {
	t := &table{Caption: "Latency by percentile", Head: quantileHead("latency")}
	if s.Lossy() {
		t.Note = "No latency is shown: " + missingText(s) + ", and the latency of the survivors flatters."
	} else {
		t.add("response", "from the instant a message was due", s.Response)
		t.add("service", "from the instant a message was sent", s.Service)
	}
	t.add("generator lag", "from the instant a message was due to the instant it was sent", s.Lag)
	t.add("timer slack", "from the instant a loop of the generator wanted to wake up to the instant it did", s.Slack)
	if t.Rows == nil && t.Note == "" {
		return nil
	}
	if t.Note == "" {
		t.Note = "Response: from the instant a message was due; service: from the instant it was sent. –: fewer than six samples lie beyond."
	}
	switch s.Validity {
	case result.ValidityInvalid:
		t.Note = "INVALID: none of these figures is to be believed. " + t.Note
	case result.ValidityNoisy:
		t.Note = "NOISY: do not compare these with those of another run. " + t.Note
	}
	return t
}

func exchangeTable(s *result.Summary) *table {
	t := &table{Caption: "Durations of packet exchanges", Head: quantileHead("exchange")}
	for _, x := range s.Exchanges {
		t.add(x.Name, "", x.Took)
	}
	if t.Rows == nil {
		return nil
	}
	return t
}

func costTable(s *result.Summary) *table {
	t := &table{Caption: "CPU time and memory of broker and generator", Head: texts("process", "CPU per delivered message", "of a core", "memory, peak RSS", "per connection")}
	longest, largest := 0.0, 0.0
	processes := []struct {
		name string
		cost *result.ProcessCost
	}{{"broker", s.Cost.Broker}, {"generator", s.Cost.Generator}}
	for _, x := range processes {
		if x.cost != nil {
			longest, largest = max(longest, x.cost.PerDelivered()), max(largest, float64(x.cost.PeakRSS))
		}
	}
	for _, x := range processes {
		c := x.cost
		if c == nil {
			t.Rows = append(t.Rows, texts(x.name, "not known", "", "", ""))
			continue
		}
		cpu, each := cell{Text: "–"}, "–"
		if per := c.PerDelivered(); per > 0 {
			cpu = cell{Text: seconds(per), Small: fmt.Sprintf("%s user + %s system", seconds(c.UserPerDelivered), seconds(c.SystemPerDelivered)),
				Bars: bars(longest, []string{"user", "system"}, c.UserPerDelivered, c.SystemPerDelivered)}
		}
		if c.BytesPerConnection > 0 {
			each = bytes(c.BytesPerConnection)
		}
		t.Rows = append(t.Rows, []cell{{Text: x.name}, cpu, {Text: percent(c.Utilisation)},
			{Text: bytes(float64(c.PeakRSS)), Bars: bars(largest, []string{"memory"}, float64(c.PeakRSS))}, {Text: each}})
	}
	t.Note = "CPU time over the measured part, divided by deliveries."
	if s.Cost.Broker == nil {
		t.Note += " The broker's process is not on this machine, or was not named."
	}
	if c := s.Connecting; c != nil {
		t.Note += fmt.Sprintf(" Connecting: %s in %s, %s", plural(c.Clients, "client"), seconds(c.Seconds), rate(c.Rate))
		if c.BrokerCPU > 0 {
			t.Note += ", " + seconds(c.BrokerCPU) + " broker CPU each"
		}
		t.Note += "."
	}
	return t
}

// verificationTable is what became of every message, a row for each QoS.
func verificationTable(s *result.Summary) *table {
	if len(s.Contracts) == 0 {
		return nil
	}
	t := &table{Caption: "What became of the messages of each QoS", Head: texts("QoS", "verdict", "sent", "acknowledged", "owed", "delivered")}
	for _, column := range verdictColumns {
		t.Head = append(t.Head, cell{Text: column.name})
	}
	for i := range s.Contracts {
		c := &s.Contracts[i]
		verdict := cell{Text: "kept", Class: "good"}
		switch {
		case !c.Kept():
			verdict = cell{Text: "BROKEN", Class: "bad"}
		case s.Interrupted:
			verdict = cell{Text: "so far", Class: "doubt"}
		}
		acked := count(c.Acked)
		if c.QoS == 0 {
			acked = "–"
		}
		row := []cell{{Text: fmt.Sprintf("QoS %d", c.QoS)}, verdict, {Text: count(c.Attempted)}, {Text: acked}, {Text: count(c.Expected)}, {Text: count(c.Delivered)}}
		t.Rows = append(t.Rows, append(row, findingCells(countFindings(c.Findings), c.Findings)...))
	}
	t.Note = "Deliveries. Dropped: acknowledged and then dropped at a limit of the broker. Legal: what the QoS allows."
	return t
}

// findingCells are the columns of verdictColumns.
func findingCells(counts []int64, findings []result.Finding) (cells []cell) {
	for i, n := range counts {
		c := cell{Text: count(n), Class: "zero"}
		switch {
		case n > 0 && verdictColumns[i].breaks:
			c.Class = "bad"
		case n > 0:
			c.Class = "doubt"
		}
		var names []string
		for _, f := range findings {
			if f.Count > 0 && columnOf(f.Class) == i {
				names = append(names, count(f.Count)+" "+className(f.Class))
			}
		}
		c.Title = strings.Join(names, ", ")
		cells = append(cells, c)
	}
	return cells
}

func countFindings(findings []result.Finding) []int64 {
	counts := make([]int64, len(verdictColumns))
	for _, f := range findings {
		counts[columnOf(f.Class)] += f.Count
	}
	return counts
}

// gateTable is how far the instrument may be believed, what failed first.
func gateTable(s *result.Summary) *table {
	if len(s.Gates) == 0 {
		return nil
	}
	t := &table{Caption: "Checks of the instrument", Head: texts("check", "measured", "wanted", "outcome")}
	gates := slices.Clone(s.Gates)
	slices.SortStableFunc(gates, func(a, b result.Gate) int { return order(a) - order(b) })
	passed := 0
	for _, g := range gates {
		relation := "at most "
		if g.AtLeast {
			relation = "at least "
		}
		state, advice := cell{Text: "✓ passed", Class: "good"}, ""
		if g.Passed {
			passed++
		} else {
			state, advice = cell{Text: "✗ " + string(g.Fails), Class: "doubt"}, g.Advice
			if g.Fails == result.ValidityInvalid {
				state.Class = "bad"
			}
		}
		t.Rows = append(t.Rows, []cell{{Text: g.Name, Small: advice}, {Text: quantity(g.Value, g.Unit)}, {Text: relation + quantity(g.Limit, g.Unit)}, state})
	}
	t.Note = fmt.Sprintf("%s: %d of %d checks passed.", cmp.Or(s.Validity, result.ValidityUnknown), passed, len(gates))
	return t
}

func order(g result.Gate) int {
	switch {
	case g.Passed:
		return 2
	case g.Fails == result.ValidityInvalid:
		return 0
	}
	return 1
}

// doubtsOf are the other things that stand in the way of believing a run.
func doubtsOf(r *result.Run) (all []string) {
	s := &r.Summary
	if text, mark := steadiness(s); mark != dim && text != "" {
		all = append(all, text+".")
	}
	for _, e := range s.Errors {
		all = append(all, fmt.Sprintf("Error: %s (%s, first at %s)", e.Text, plural(e.Count, "time"), seconds(e.First)))
	}
	return append(all, r.Warnings...)
}

// environment is all that somebody needs to tell whether his figures may be set beside these.
func (p *page) environment(m *result.Manifest) {
	p.facts(m)
	b := &m.Broker
	p.add("Address", b.URL)
	p.add("Broker settings", plainConfig(b.Config))
	p.add("Profile", m.Profile)
	p.add("Workload", workload(&m.Workload)+", "+load(&m.Workload))
	p.add("Seed", fmt.Sprint(m.Seed))
	var flags []string
	for _, name := range slices.Sorted(maps.Keys(m.Flags)) {
		flags = append(flags, "--"+name+"="+m.Flags[name])
	}
	p.Flags = strings.Join(flags, "\n")
	var plan stdbytes.Buffer
	if json.Indent(&plan, m.Plan, "", "  ") == nil {
		p.Plan = plan.String()
	}
}

// add adds a fact, if it is known.
func (p *page) add(name, value string) {
	if value != "" && value != "0" {
		p.Facts = append(p.Facts, fact{name, value})
	}
}

// facts are what runs of several workloads, of one broker on one machine, have in common.
func (p *page) facts(m *result.Manifest) {
	b, x := &m.Broker, &m.Machine
	p.add("Start", m.Start.UTC().Format("2006-01-02 15:04:05 UTC"))
	p.add("Tool", strings.TrimSpace("mqttbench "+m.Tool.Version+" "+m.Tool.Commit)+", "+m.Tool.GoVersion)
	p.add("Broker", b.Label())
	p.add("Broker CPUs", b.CPUs)
	p.add("Generator CPUs", x.GeneratorCPUs)
	p.add("Engine", m.Workload.Engine+" over "+m.Workload.Transport)
	p.add("Machine", machine(m))
	p.add("Memory", bytes(float64(x.MemoryBytes)))
	p.add("Governor", x.Governor)
	p.add("Congestion control", x.CongestionControl)
	if x.FileLimit > 0 {
		p.add("File limit", count(x.FileLimit))
	}
}

func plainConfig(config map[string]string) string {
	var all []string
	for _, k := range slices.Sorted(maps.Keys(config)) {
		all = append(all, k+"="+config[k])
	}
	return strings.Join(all, " ")
}

// runFiles links what lies in the folder of the run.
func (p *page) runFiles(r *result.Run, base string) {
	for _, name := range []string{result.ResultFile, result.ResponseFile, result.ServiceFile} {
		if f, ok := linkFile(base, filepath.Join(r.Dir, name), true); ok {
			p.Files = append(p.Files, f)
		}
	}
	var others []string
	for _, pattern := range []string{"*.log", "*.svg", "*.png"} {
		found, _ := filepath.Glob(filepath.Join(r.Dir, pattern))
		others = append(others, found...)
	}
	if dir := profileDir(r); dir != "" {
		found, _ := filepath.Glob(filepath.Join(dir, "*.pprof"))
		others = append(others, found...)
	}
	for _, path := range others {
		if f, ok := linkFile(base, path, false); ok {
			p.Files = append(p.Files, f)
		}
	}
}

// shellLine is a command as it can be typed again.
func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = w
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$`&|;<>()*?[]#~{}!") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
