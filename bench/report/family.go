package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"mqttbench/bench/result"
)

// A Family is a set of workloads that ask one question, each carried out at least once against one broker: what each of them costs, how
// fast it is, and what it lost, repeated or kept, side by side. Its workloads differ on purpose, so nothing is tested for a difference.
type Family struct {
	Name        string // Of the profile.
	Members     []result.Workset
	Differences []result.Difference // Minor ones, as result.OneMachine has them.
}

// FamilyName is what the files of a family are called in its folder, without an extension.
const FamilyName = "family"

// trade is what became of one workload.
type trade struct {
	name           string // What tells it from those that it stands with: "QoS 1 → 0".
	under, heading string // What it stands under, for a table and for people: "lossy", "lossy link".
	where          string // The same in a sentence: "on the lossy link".
	runs           []*result.Run

	expected, delivered, lost, duplicates int64 // Over all runs, warm-up and probe included: what the ledger has.
	present, returned                     int64 // Sessions that the broker still had, of those that came back for them.
	broken                                bool
	closed                                bool // As fast as it goes: it has a throughput, and no latency to speak of.
	validity                              result.Validity
}

// tradeOf adds up the runs of a workload.
func tradeOf(set result.Workset) trade {
	t := trade{runs: set.Runs, validity: (&result.Group{Runs: set.Runs}).Validity(), closed: set.Runs[0].Manifest.Workload.Load == "closed"}
	t.place(set.Name)
	for _, r := range set.Runs {
		t.broken = t.broken || r.Summary.Outcome == result.Broken || r.Summary.Outcome == result.Failed
		for i := range r.Summary.Contracts {
			c := &r.Summary.Contracts[i]
			t.expected, t.delivered = t.expected+c.Expected, t.delivered+c.Delivered
			t.lost += c.Missing()
			t.duplicates += c.Count(result.Dup) + c.Count(result.DupLegal)
		}
		if x := r.Summary.Sessions; x != nil {
			t.present, t.returned = t.present+x.Present, t.returned+x.Returned
		}
	}
	return t
}

// flatOut ends the name of a link on which there is no schedule.
const flatOut = "-flat-out"

// place finds out from the name of a workload where it stands: "lossy/q1-q0", "lossy-flat-out/q1-q1", "qos-1-persistent".
func (t *trade) place(name string) {
	t.name = name
	link, level, ok := strings.Cut(name, "/")
	if ok {
		t.name, t.under, t.heading, t.where = levels(level), link, link+" link", "on the "+link+" link"
		if good, ok := strings.CutSuffix(link, flatOut); ok {
			t.under, t.heading, t.where = good+", flat out", good+" link, as fast as it goes", "on the "+good+" link, as fast as it goes,"
		}
		return
	}
	for _, session := range []string{"clean", "persistent"} {
		if level, ok := strings.CutSuffix(name, "-"+session); ok {
			t.name, t.under, t.heading, t.where = levels(level), session, session+" sessions", "with "+session+" sessions"
		}
	}
}

// levels turns "q1-q0" into "QoS 1 → 0": of the publisher, and of the subscriber; and "qos-1" into "QoS 1".
func levels(name string) string {
	if level, ok := strings.CutPrefix(name, "qos-"); ok && len(level) == 1 {
		return "QoS " + level
	}
	pub, sub, ok := strings.Cut(name, "-")
	if ok && len(pub) == 2 && len(sub) == 2 && pub[0] == 'q' && sub[0] == 'q' {
		return "QoS " + pub[1:] + " → " + sub[1:]
	}
	return name
}

// median of a metric over the runs of a workload; NaN if none has it.
func (t *trade) median(metric string) float64 { return t.estimate(metric).Median }

// estimate is the median with its interval; N 0 if no run has the metric.
func (t *trade) estimate(metric string) result.Estimate {
	m := &result.Metrics[metricIndex(metric)]
	if m.Latency && t.closed {
		return result.Median(nil)
	}
	return result.Median(having(&result.Group{Runs: t.runs}, func(r *result.Run) float64 {
		if v, ok := m.Of(r); ok {
			return v
		}
		return math.NaN()
	}))
}

func (t *trade) verdict() string {
	switch {
	case t.broken:
		return "BROKEN"
	case t.validity == result.ValidityInvalid:
		return "INVALID"
	case t.validity == result.ValidityNoisy:
		return "kept, noisy"
	}
	return "kept"
}

// arrived is the part of what was owed that was delivered.
func (t *trade) arrived() string {
	if t.expected == 0 {
		return "-"
	}
	return percent(float64(t.delivered) / float64(t.expected))
}

// sessions are those that the broker had kept, of those that came back.
func (t *trade) sessions() string {
	if t.returned == 0 {
		return "-"
	}
	return count(t.present) + "/" + count(t.returned)
}

// tradeColumns are those of the table, the page and the chart.
var tradeColumns = []struct{ head, metric, unit string }{
	{"CPU/msg", "CPU per delivered", "s"},
	{"packets", "packets per delivered", ""},
	{"wire", "wire bytes per delivered", "bytes"},
	{"p50", "p50", "s"},
	{"p99", "p99", "s"},
	{"rate", "delivered rate", "1/s"},
}

// tradeHeads name the columns of a family; sessions only where some came back.
func tradeHeads(all []trade) (heads []string) {
	for _, c := range tradeColumns {
		heads = append(heads, c.head)
	}
	heads = append(heads, "arrived", "lost", "repeated")
	if anyReturned(all) {
		heads = append(heads, "sessions")
	}
	return heads
}

func anyReturned(all []trade) bool {
	return slices.ContainsFunc(all, func(t trade) bool { return t.returned > 0 })
}

// cells are the texts below the heads. What is not to be compared stands in parentheses, as everywhere.
func (t *trade) cells(sessions bool) (all []string) {
	for _, c := range tradeColumns {
		v := t.median(c.metric)
		if math.IsNaN(v) {
			all = append(all, "-")
			continue
		}
		all = append(all, t.doubted(c.metric, quantity(v, c.unit)))
	}
	all = append(all, t.arrived(), count(t.lost), count(t.duplicates))
	if sessions {
		all = append(all, t.sessions())
	}
	return all
}

// doubted puts a figure in parentheses that is not to be compared: any of an invalid run, a latency of a noisy one.
func (t *trade) doubted(metric, text string) string {
	if t.validity == result.ValidityInvalid || t.validity == result.ValidityNoisy && result.Metrics[metricIndex(metric)].Latency {
		return "(" + text + ")"
	}
	return text
}

func (f *Family) trades() (all []trade) {
	for _, set := range f.Members {
		if len(set.Runs) > 0 {
			all = append(all, tradeOf(set))
		}
	}
	// What stands together is together, in whatever order it was read; what has no schedule comes last.
	order := headings(all)
	rank := func(t trade) int {
		if t.closed {
			return len(order) + slices.Index(order, t.heading)
		}
		return slices.Index(order, t.heading)
	}
	slices.SortStableFunc(all, func(a, b trade) int { return rank(a) - rank(b) })
	return all
}

// headings are the places in which workloads stand, each once.
func headings(all []trade) (places []string) {
	for _, t := range all {
		if !slices.Contains(places, t.heading) {
			places = append(places, t.heading)
		}
	}
	return places
}

// Several reports whether there is anything to set beside each other.
func (f *Family) Several() bool { return len(f.trades()) > 1 }

const tradeWidth = 12 // Of a column in the terminal.

// FamilyTable writes a family as a table: a line for each workload.
func FamilyTable(w io.Writer, f *Family, width int, color bool) error {
	t := newTerminal(w, width, color)
	all := f.trades()
	names := 12
	for _, x := range all {
		names = max(names, columns(x.name)+2)
	}
	heads := tradeHeads(all)
	each := min(tradeWidth, max(10, (t.width-names-12)/len(heads)))
	head := pad(f.Name, names)
	for _, h := range heads {
		head += padLeft(h, each)
	}
	t.line(t.paint(bold, head+"  verdict"))
	heading := ""
	for i := range all {
		x := &all[i]
		if x.heading != heading {
			heading = x.heading
			t.line(t.paint(dim, heading))
		}
		line := pad(x.name, names)
		for _, c := range x.cells(anyReturned(all)) {
			line += padLeft(c, each)
		}
		mark := green
		if x.broken || x.validity == result.ValidityInvalid {
			mark = red
		} else if x.validity == result.ValidityNoisy {
			mark = yellow
		}
		t.line(line + "  " + t.paint(mark, x.verdict()))
	}
	t.line("")
	for _, text := range familyNotes(f) {
		t.paragraph(dim, 0, text)
	}
	return t.err
}

// familyFigure is a row for each workload, and a scale for each thing that it costs or does.
func familyFigure(f *Family) *figure {
	all := f.paced()
	if len(all) < 2 {
		return nil
	}
	const lane, heading = 14, 18
	height := vg.Length(4)
	above := ""
	for _, x := range all {
		if x.heading != above && x.heading != "" {
			height += heading
		}
		above = x.heading
		height += lane
	}
	var runs []*result.Run
	for _, x := range all {
		runs = append(runs, x.runs...)
	}
	m := &runs[0].Manifest
	spread := "One run of each."
	if len(runs) > len(all) {
		spread = fmt.Sprintf("Bars and dots: medians of the runs (%d in all), whose spread is not drawn.", len(runs))
	}
	return &figure{
		name: FamilyName, title: f.Name + ": what each costs, and what it lost or repeated",
		subtitle: m.Broker.Label() + " · " + load(&m.Workload) + " · " + strconv.Itoa(m.Workload.PayloadBytes) + " B",
		caption: []string{
			spread + " CPU: the broker's, per delivered message. Packets, bytes: MQTT's, both directions, per delivered message. Response time, from the instant a message was due: p50 (filled) and p99 (ring), " +
				"logarithmic. Lost: owed and never seen, of all that was owed. Repeated: delivered again. Noisy runs: latencies do not compare." + invalidNote(all) + linkFaults(all),
			familyFooter(f, runs),
		},
		height: height + 150, narrow: 2*height + 176,
		draw: func(c draw.Canvas) {
			scales := tradeScales()
			if !isNarrow(c) {
				drawFamily(c, all, scales, height, lane, heading)
				return
			}
			upper, lower := c, c
			upper.Min.Y = (c.Min.Y + c.Max.Y) / 2
			lower.Max.Y = upper.Min.Y
			drawFamily(upper, all, scales[:3], height, lane, heading)
			drawFamily(lower, all, scales[3:], height, lane, heading)
		},
	}
}

// shownName is the name with a mark if a run of it cannot be trusted.
func (t *trade) shownName() string {
	if t.validity == result.ValidityInvalid {
		return t.name + " †"
	}
	return t.name
}

// invalidNote explains the mark; "" if there is none.
func invalidNote(all []trade) string {
	if slices.ContainsFunc(all, func(t trade) bool { return t.validity == result.ValidityInvalid }) {
		return " †: INVALID, no figure of it is to be trusted."
	}
	return ""
}

// linkFaults says what is wrong with the links that are not good.
func linkFaults(all []trade) (text string) {
	seen := map[string]bool{"": true}
	for _, x := range all {
		f := x.runs[0].Manifest.Workload.Faults
		if !seen[f] && x.heading != "" {
			text += fmt.Sprintf(" The %s: --fault %s.", x.heading, strings.ReplaceAll(f, " ", " --fault "))
		}
		seen[f] = true
	}
	return text
}

// familyFooter is the environment of workloads that differ.
func familyFooter(f *Family, runs []*result.Run) string {
	m := &runs[0].Manifest
	validity := (&result.Group{Runs: runs}).Validity()
	parts := []string{strings.TrimSpace("mqttbench " + m.Tool.Version + " " + m.Tool.Commit), m.Broker.Label(), machine(m), governor(m), pinned(m), "MQTT " + m.Workload.MQTTVersion + " over " + m.Workload.Transport,
		fmt.Sprintf("%s, %s", plural(int64(m.Workload.Publishers), "publisher"), plural(int64(m.Workload.Subscribers), "subscriber")),
		fmt.Sprintf("%s of %s", plural(int64(len(runs)), "run"), seconds(runs[0].Summary.Measured.Seconds)), noise(runs), "validity " + string(validity), date(m)}
	if len(f.Differences) > 0 {
		parts = append(parts, "of the first; others differ in "+fieldsOf(f.Differences))
	}
	return joined(append(parts, origin(runs)...))
}

// A tradeScale is a column of the figure.
type tradeScale struct {
	title string
	part  vg.Length // Of the width, as compared with the others.
	of    func(*trade) float64
	text  func(*trade, float64) string
	wrong bool // What it counts ought not to be.
}

// tradeScales are the columns of the figure.
func tradeScales() []tradeScale {
	metric := func(title string, part vg.Length, name, unit string) tradeScale {
		return tradeScale{title: title, part: part, of: func(x *trade) float64 { return x.median(name) }, text: func(_ *trade, v float64) string { return quantity(v, unit) }}
	}
	counted := func(title string, n func(*trade) int64) tradeScale {
		return tradeScale{title: title, part: 0.8, wrong: true, of: func(x *trade) float64 { return float64(n(x)) / math.Max(1, float64(x.expected)) },
			text: func(x *trade, _ float64) string { return count(n(x)) }}
	}
	return []tradeScale{
		metric("CPU per message", 1, "CPU per delivered", "s"),
		metric("packets", 0.8, "packets per delivered", ""),
		metric("bytes on the wire", 1, "wire bytes per delivered", "bytes"),
		{title: "response time", part: 1.5},
		counted("lost", func(x *trade) int64 { return x.lost }),
		counted("repeated", func(x *trade) int64 { return x.duplicates }),
	}
}

func drawFamily(c draw.Canvas, all []trade, scales []tradeScale, height vg.Length, lane, heading vg.Length) {
	style := lettering(tickSize, black)
	names := vg.Length(40)
	for _, x := range all {
		names = max(names, style.Width(x.shownName())+10, boldLettering(tickSize, black).Width(x.heading)+4)
	}
	names = min(names, 120)
	const gap = 10
	total := vg.Length(0)
	for _, s := range scales {
		total += s.part
	}
	unit := (c.Max.X - c.Min.X - names - gap*vg.Length(len(scales))) / total
	top := c.Max.Y - 16
	rowY := make([]vg.Length, len(all))
	y, last := top, ""
	for i, x := range all {
		if x.heading != last && x.heading != "" {
			y -= heading
			c.FillText(placed(boldLettering(tickSize, black), draw.XLeft, draw.YBottom), vg.Point{X: c.Min.X, Y: y + 3}, x.heading)
			c.StrokeLine2(stroke(lightGrey, thinWidth), c.Min.X, y+1, c.Max.X, y+1)
		}
		last = x.heading
		y -= lane
		rowY[i] = y + lane/2
		label := placed(style, draw.XLeft, draw.YCenter)
		if x.broken {
			label.Color = lossColor
		}
		c.FillText(label, vg.Point{X: c.Min.X + 4, Y: rowY[i] + 1}, shorten(label, x.shownName(), names-6))
	}
	left := c.Min.X + names
	for _, s := range scales {
		box := c
		box.Min.X, box.Max.X = left, left+s.part*unit
		box.Max.Y, box.Min.Y = top, top-height
		c.FillText(placed(boldLettering(tickSize, black), draw.XLeft, draw.YBottom), vg.Point{X: left, Y: top + 3}, s.title)
		if s.of == nil {
			drawTradeLatency(box, all, rowY)
		} else {
			drawTradeBars(box, all, rowY, s)
		}
		left = box.Max.X + gap
	}
}

// drawTradeBars draws bars from zero, with their figures; red if they are what went wrong.
func drawTradeBars(c draw.Canvas, all []trade, rowY []vg.Length, s tradeScale) {
	style := lettering(captionSize+0.5, black)
	room, high := vg.Length(0), 0.0
	for i := range all {
		v := s.of(&all[i])
		if math.IsNaN(v) {
			continue
		}
		room, high = max(room, style.Width(s.text(&all[i], v))+5), math.Max(high, v)
	}
	width := c.Max.X - c.Min.X - room
	c.StrokeLine2(stroke(grey, thinWidth), c.Min.X, c.Min.Y, c.Min.X, c.Max.Y)
	for i := range all {
		v := s.of(&all[i])
		if math.IsNaN(v) {
			c.FillText(placed(lettering(captionSize+0.5, grey), draw.XLeft, draw.YCenter), vg.Point{X: c.Min.X + 3, Y: rowY[i] + 1}, "not known")
			continue
		}
		length := vg.Length(0)
		if high > 0 {
			length = width * vg.Length(v/high)
		}
		fill := fade(systemColor, 0.6)
		if s.wrong {
			fill = fade(orange, 0.8)
			if all[i].broken {
				fill = lossColor
			}
		}
		c.FillPolygon(fill, corners(vg.Rectangle{Min: vg.Point{X: c.Min.X, Y: rowY[i] - 4}, Max: vg.Point{X: c.Min.X + length, Y: rowY[i] + 4}}))
		c.FillText(placed(style, draw.XLeft, draw.YCenter), vg.Point{X: c.Min.X + length + 3, Y: rowY[i] + 1}, s.text(&all[i], v))
	}
}

// drawTradeLatency draws p50 and p99 on a logarithmic axis.
func drawTradeLatency(c draw.Canvas, all []trade, rowY []vg.Length) {
	var groups []*result.Group
	for _, x := range all {
		groups = append(groups, &result.Group{Runs: x.runs})
	}
	low, high, ok := latencyRange(groups)
	if !ok {
		return
	}
	p := &panel{Canvas: c, x: logarithmic(low, high, seconds), y: linear(0, 1, 1, func(float64) string { return "" })}
	p.y.ticks = nil
	p.grid()
	p.StrokeLine2(stroke(grey, thinWidth), p.Min.X, p.Min.Y, p.Max.X, p.Min.Y)
	p.xTicks()
	for i, g := range groups {
		v := float64(rowY[i]-p.Min.Y) / float64(p.Max.Y-p.Min.Y)
		from, to := middle(g, p50), middle(g, p99)
		c := latencyColor
		if lossy(g) {
			c = lossColor
		}
		if !math.IsNaN(from) && !math.IsNaN(to) {
			p.StrokeLine2(stroke(fade(c, 0.5), 1), p.px(from), rowY[i], p.px(to), rowY[i])
		}
		if !math.IsNaN(to) {
			p.dot(c, to, v, 2.4, true)
		}
		if !math.IsNaN(from) {
			p.dot(c, from, v, 2.4, false)
		}
	}
}

// FamilyMarkdown writes the table of a family for a README.
func FamilyMarkdown(w io.Writer, f *Family) error {
	var b strings.Builder
	all := f.trades()
	for _, s := range familyText(all) {
		b.WriteString("- " + s.Text + "\n")
	}
	heads := tradeHeads(all)
	fmt.Fprintf(&b, "\n| %s | | %s | verdict |\n|---|---|%s---|\n", underKind(all), strings.Join(heads, " | "), strings.Repeat("--:|", len(heads)))
	for i := range all {
		x := &all[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.under, x.name, strings.Join(x.cells(anyReturned(all)), " | "), x.verdict())
	}
	for _, n := range familyNotes(f) {
		b.WriteString("\n- " + n)
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// familyRow is a workload of a family in base units.
type familyRow struct {
	Under, Workload, Verdict              string
	Runs                                  int
	Figures                               map[string]float64
	Expected, Delivered, Lost, Duplicates int64
	Present, Returned                     int64
}

func (f *Family) rows() (all []familyRow) {
	for _, x := range f.trades() {
		row := familyRow{Under: x.under, Workload: x.name, Verdict: x.verdict(), Runs: len(x.runs), Figures: map[string]float64{}, Expected: x.expected, Delivered: x.delivered, Lost: x.lost, Duplicates: x.duplicates,
			Present: x.present, Returned: x.returned}
		for _, c := range tradeColumns {
			if v := x.median(c.metric); !math.IsNaN(v) {
				row.Figures[c.metric] = v
			}
		}
		all = append(all, row)
	}
	return all
}

// FamilyJSON writes a family for programs, in base units.
func FamilyJSON(w io.Writer, f *Family) error {
	type row struct {
		Under      string             `json:"under,omitempty"` // The link, or the kind of sessions.
		Workload   string             `json:"workload"`
		Verdict    string             `json:"verdict"`
		Runs       int                `json:"runs"`
		Medians    map[string]float64 `json:"medians"`
		Expected   int64              `json:"expected"`
		Delivered  int64              `json:"delivered"`
		Lost       int64              `json:"lost"`
		Duplicates int64              `json:"repeated"`
		Present    int64              `json:"sessions_present,omitempty"`
		Returned   int64              `json:"sessions_returned,omitempty"`
	}
	rows := []row{}
	for _, x := range f.rows() {
		rows = append(rows, row{x.Under, x.Workload, x.Verdict, x.Runs, x.Figures, x.Expected, x.Delivered, x.Lost, x.Duplicates, x.Present, x.Returned})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Profile   string `json:"profile"`
		Workloads []row  `json:"workloads"`
	}{f.Name, rows})
}

// FamilyCSV writes a line for each workload, in base units.
func FamilyCSV(w io.Writer, f *Family) error {
	out := csv.NewWriter(w)
	head := []string{"under", "workload", "runs", "verdict", "expected", "delivered", "lost", "repeated", "sessions_present", "sessions_returned"}
	for _, c := range tradeColumns {
		head = append(head, c.metric)
	}
	out.Write(head)
	for _, x := range f.rows() {
		line := []string{x.Under, x.Workload, strconv.Itoa(x.Runs), x.Verdict}
		for _, n := range []int64{x.Expected, x.Delivered, x.Lost, x.Duplicates, x.Present, x.Returned} {
			line = append(line, strconv.FormatInt(n, 10))
		}
		for _, c := range tradeColumns {
			text := ""
			if v, ok := x.Figures[c.metric]; ok {
				text = strconv.FormatFloat(v, 'g', -1, 64)
			}
			line = append(line, text)
		}
		out.Write(line)
	}
	out.Flush()
	return out.Error()
}
