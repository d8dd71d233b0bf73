package report

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
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
	Name    string // Of the profile.
	Members []result.Workset
}

// FamilyName is what the files of a family are called in its folder, without an extension.
const FamilyName = "family"

// trade is what became of one workload.
type trade struct {
	name, link string // Of "lossy/q1-q0", the last part and the first.
	runs       []*result.Run

	expected, delivered, lost, duplicates int64 // Over all runs, warm-up and probe included: what the ledger has.
	broken                                bool
	validity                              result.Validity
}

// tradeOf adds up the runs of a workload.
func tradeOf(set result.Workset) trade {
	t := trade{name: set.Name, runs: set.Runs, validity: (&result.Group{Runs: set.Runs}).Validity()}
	if link, name, ok := strings.Cut(set.Name, "/"); ok {
		t.link, t.name = link, name
	}
	t.name = levels(t.name)
	for _, r := range set.Runs {
		t.broken = t.broken || r.Summary.Outcome == result.Broken || r.Summary.Outcome == result.Failed
		for i := range r.Summary.Contracts {
			c := &r.Summary.Contracts[i]
			t.expected, t.delivered = t.expected+c.Expected, t.delivered+c.Delivered
			t.lost += c.Missing()
			t.duplicates += c.Count(result.Dup) + c.Count(result.DupLegal)
		}
	}
	return t
}

// levels turns "q1-q0" into "QoS 1 → 0": of the publisher, and of the subscriber.
func levels(name string) string {
	pub, sub, ok := strings.Cut(name, "-")
	if ok && len(pub) == 2 && len(sub) == 2 && pub[0] == 'q' && sub[0] == 'q' {
		return "QoS " + pub[1:] + " → " + sub[1:]
	}
	return name
}

// median of a metric over the runs of a workload; NaN if none has it.
func (t *trade) median(metric string) float64 {
	return middle(&result.Group{Runs: t.runs}, func(r *result.Run) float64 {
		if v, ok := result.Metrics[metricIndex(metric)].Of(r); ok {
			return v
		}
		return math.NaN()
	})
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

// tradeColumns are those of the table, the page and the chart.
var tradeColumns = []struct{ head, metric, unit string }{
	{"CPU/msg", "CPU per delivered", "s"},
	{"packets/msg", "packets per delivered", ""},
	{"wire/msg", "wire bytes per delivered", "bytes"},
	{"p50", "p50", "s"},
	{"p99", "p99", "s"},
	{"rate", "delivered rate", "1/s"},
}

func (t *trade) cells() (all []string) {
	for _, c := range tradeColumns {
		v := t.median(c.metric)
		if math.IsNaN(v) {
			all = append(all, "-")
			continue
		}
		all = append(all, quantity(v, c.unit))
	}
	return append(all, count(t.lost), count(t.duplicates))
}

func (f *Family) trades() (all []trade) {
	for _, set := range f.Members {
		if len(set.Runs) > 0 {
			all = append(all, tradeOf(set))
		}
	}
	return all
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
	heads := []string{}
	for _, c := range tradeColumns {
		heads = append(heads, c.head)
	}
	heads = append(heads, "lost", "repeated")
	each := min(tradeWidth, max(9, (t.width-names-12)/len(heads)))
	head := pad(f.Name, names)
	for _, h := range heads {
		head += padLeft(h, each)
	}
	t.line(t.paint(bold, head+"  verdict"))
	link := ""
	for i := range all {
		x := &all[i]
		if x.link != link {
			link = x.link
			t.line(t.paint(dim, link))
		}
		line := pad(x.name, names)
		for _, c := range x.cells() {
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

// familyNotes say how to read it.
func familyNotes(f *Family) []string {
	all := f.trades()
	runs := 0
	for _, x := range all {
		runs += len(x.runs)
	}
	notes := []string{
		"CPU is the broker's. Packets and bytes are MQTT's, both directions, publishers and subscribers together, as the clients counted them. Response times count from the instant a message was due.",
		"Lost: owed by the plan and never seen; QoS 0 may. Repeated: delivered more than once; QoS 1 may, after a connection broke. Both are counts of the ledger over the whole of each run.",
	}
	if runs == len(all) {
		return append(notes, "One run of each: nothing is known of the spread between runs (--repeat 6 for intervals).")
	}
	return append(notes, fmt.Sprintf("Medians of %d runs in all.", runs))
}

// SaveFamily writes the page, the chart and the table of a family into its folder.
func SaveFamily(dir string, f *Family) (page string, err error) {
	fig := familyFigure(f)
	if fig == nil {
		return "", nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	_, drawn := fig.save(dir)
	page = filepath.Join(dir, ReportFile)
	p, undrawn := familyPage(f, fig, dir)
	data, err := p.render()
	if err == nil {
		err = result.WriteFile(page, data)
	}
	return page, errors.Join(drawn, undrawn, err)
}

// familyPage is the report of a family.
func familyPage(f *Family, fig *figure, base string) (*page, error) {
	p := newPage("family")
	all := f.trades()
	var runs []*result.Run
	for _, x := range all {
		runs = append(runs, x.runs...)
	}
	first := &runs[0].Manifest
	p.Title = fmt.Sprintf("%s: %s", f.Name, plural(int64(len(all)), "workload"))
	p.Subtitle = first.Broker.Label() + " · " + machine(first)
	p.Badge = badge(&result.Group{Runs: runs})
	for _, text := range familyText(all) {
		p.Verdict = append(p.Verdict, sentence{Class: "plain", Text: text})
	}
	t := &table{Head: texts("", "link")}
	for _, c := range tradeColumns {
		t.Head = append(t.Head, cell{Text: c.head, Title: c.metric})
	}
	t.Head = append(t.Head, texts("lost", "repeated", "verdict")...)
	for i := range all {
		x := &all[i]
		target := filepath.Join(x.runs[0].Dir, ReportFile)
		if _, ok := linkFile(base, target, false); !ok {
			target = filepath.Join(x.runs[0].Dir, result.ResultFile)
		}
		row := []cell{{Text: x.name, Link: link(base, target)}, {Text: x.link}}
		for _, text := range x.cells() {
			row = append(row, cell{Text: text})
		}
		class := "good"
		if x.broken || x.validity == result.ValidityInvalid {
			class = "bad"
		} else if x.validity == result.ValidityNoisy {
			class = "doubt"
		}
		t.Rows = append(t.Rows, append(row, cell{Text: x.verdict(), Class: class}))
	}
	p.Tables["family"] = t
	p.Legend = familyNotes(f)
	p.environment(first)
	return p, p.draw(fig, false)
}

// familyText says in words what the figures say, as far as the names of the workloads are levels of QoS.
func familyText(all []trade) (parts []string) {
	at := func(link, name string) *trade {
		i := slices.IndexFunc(all, func(t trade) bool { return t.link == link && t.name == name })
		if i < 0 {
			return nil
		}
		return &all[i]
	}
	var links []string
	for _, t := range all {
		if !slices.Contains(links, t.link) {
			links = append(links, t.link)
		}
	}
	for _, link := range links {
		base := at(link, "QoS 0 → 0")
		for _, level := range []string{"1", "2"} {
			x := at(link, "QoS "+level+" → "+level)
			if base == nil || x == nil {
				continue
			}
			cpu, packets := x.median("CPU per delivered")/base.median("CPU per delivered"), x.median("packets per delivered")/base.median("packets per delivered")
			text := fmt.Sprintf("On the %s link QoS %s", link, level)
			if !math.IsNaN(cpu) {
				text += fmt.Sprintf(" costs the broker %.2f times the CPU time of QoS 0", cpu)
			}
			if !math.IsNaN(packets) {
				text += fmt.Sprintf(" and %.2f times the packets", packets)
			}
			parts = append(parts, text+fmt.Sprintf("; it lost %s of %s and repeated %s, where QoS 0 lost %s and repeated %s.",
				count(x.lost), count(x.expected), count(x.duplicates), count(base.lost), count(base.duplicates)))
		}
	}
	if parts == nil {
		return []string{plural(int64(len(all)), "workload") + ", side by side."}
	}
	return parts
}

// familyFigure is a row for each workload, and a scale for each thing that it costs or does.
func familyFigure(f *Family) *figure {
	all := f.trades()
	if len(all) < 2 {
		return nil
	}
	const lane, heading = 14, 18
	height := vg.Length(4)
	link := "none"
	for _, x := range all {
		if x.link != link && x.link != "" {
			height += heading
		}
		link = x.link
		height += lane
	}
	var runs []*result.Run
	for _, x := range all {
		runs = append(runs, x.runs...)
	}
	m := &runs[0].Manifest
	spread := "One run of each."
	if len(runs) > len(all) {
		spread = fmt.Sprintf("Bars and dots: medians of the runs (%d in all).", len(runs))
	}
	return &figure{
		name: FamilyName, title: f.Name + ": what each costs, and what it lost or repeated",
		subtitle: m.Broker.Label() + " · " + load(&m.Workload) + " · " + strconv.Itoa(m.Workload.PayloadBytes) + " B",
		caption: []string{
			spread + " CPU: the broker's, per delivered message. Packets, bytes: MQTT's, both directions, per delivered message. Response time, from the instant a message was due: p50 (filled) and p99 (ring), " +
				"logarithmic. Lost: owed and never seen, of all that was owed. Repeated: delivered again. Noisy runs: latencies do not compare." + linkFaults(all),
			familyFooter(runs),
		},
		height: height + 150,
		draw:   func(c draw.Canvas) { drawFamily(c, all, height, lane, heading) },
	}
}

// linkFaults says what is wrong with the links that are not good.
func linkFaults(all []trade) (text string) {
	seen := map[string]bool{"": true}
	for _, x := range all {
		f := x.runs[0].Manifest.Workload.Faults
		if !seen[f] && x.link != "" {
			text += fmt.Sprintf(" The %s link: --fault %s.", x.link, strings.ReplaceAll(f, " ", " --fault "))
		}
		seen[f] = true
	}
	return text
}

// familyFooter is the environment of workloads that differ.
func familyFooter(runs []*result.Run) string {
	m := &runs[0].Manifest
	validity := (&result.Group{Runs: runs}).Validity()
	parts := []string{strings.TrimSpace("mqttbench " + m.Tool.Version + " " + m.Tool.Commit), m.Broker.Label(), machine(m), "MQTT " + m.Workload.MQTTVersion + " over " + m.Workload.Transport,
		fmt.Sprintf("%s, %s", plural(int64(m.Workload.Publishers), "publisher"), plural(int64(m.Workload.Subscribers), "subscriber")),
		fmt.Sprintf("%s of %s", plural(int64(len(runs)), "run"), seconds(runs[0].Summary.Measured.Seconds)), "validity " + string(validity), m.Start.UTC().Format("2006-01-02 15:04 UTC")}
	return strings.Join(parts, " · ")
}

// A tradeScale is a column of the figure.
type tradeScale struct {
	title string
	of    func(*trade) float64
	text  func(*trade, float64) string
}

func drawFamily(c draw.Canvas, all []trade, height vg.Length, lane, heading vg.Length) {
	style := lettering(tickSize, black)
	names := vg.Length(40)
	for _, x := range all {
		names = max(names, style.Width(x.name)+10)
	}
	names = min(names, 120)
	metric := func(name, unit string) (func(*trade) float64, func(*trade, float64) string) {
		return func(x *trade) float64 { return x.median(name) }, func(_ *trade, v float64) string { return quantity(v, unit) }
	}
	share := func(n func(*trade) int64) func(*trade) float64 {
		return func(x *trade) float64 { return float64(n(x)) / math.Max(1, float64(x.expected)) }
	}
	cpu, cpuText := metric("CPU per delivered", "s")
	packets, packetsText := metric("packets per delivered", "")
	wireBytes, bytesText := metric("wire bytes per delivered", "bytes")
	scales := []tradeScale{
		{title: "CPU per message", of: cpu, text: cpuText},
		{title: "packets", of: packets, text: packetsText},
		{title: "bytes on the wire", of: wireBytes, text: bytesText},
		{title: "response time"},
		{title: "lost", of: share(func(x *trade) int64 { return x.lost }), text: func(x *trade, _ float64) string { return count(x.lost) }},
		{title: "repeated", of: share(func(x *trade) int64 { return x.duplicates }), text: func(x *trade, _ float64) string { return count(x.duplicates) }},
	}
	const gap = 10
	widths := []vg.Length{1, 0.8, 1, 1.5, 0.8, 0.8}
	total := vg.Length(0)
	for _, w := range widths {
		total += w
	}
	unit := (c.Max.X - c.Min.X - names - gap*vg.Length(len(scales))) / total
	top := c.Max.Y - 16
	rowY := make([]vg.Length, len(all))
	y, last := top, "none"
	for i, x := range all {
		if x.link != last && x.link != "" {
			y -= heading
			c.FillText(placed(boldLettering(tickSize, black), draw.XLeft, draw.YBottom), vg.Point{X: c.Min.X, Y: y + 3}, x.link+" link")
			c.StrokeLine2(stroke(lightGrey, thinWidth), c.Min.X, y+1, c.Max.X, y+1)
		}
		last = x.link
		y -= lane
		rowY[i] = y + lane/2
		label := placed(style, draw.XLeft, draw.YCenter)
		if x.broken {
			label.Color = lossColor
		}
		c.FillText(label, vg.Point{X: c.Min.X + 4, Y: rowY[i] + 1}, shorten(label, x.name, names-6))
	}
	left := c.Min.X + names
	for k, s := range scales {
		box := c
		box.Min.X, box.Max.X = left, left+widths[k]*unit
		box.Max.Y, box.Min.Y = top, top-height
		c.FillText(placed(boldLettering(tickSize, black), draw.XLeft, draw.YBottom), vg.Point{X: left, Y: top + 3}, s.title)
		if s.of == nil {
			drawTradeLatency(box, all, rowY)
		} else {
			drawTradeBars(box, all, rowY, s, k >= 4)
		}
		left = box.Max.X + gap
	}
}

// drawTradeBars draws bars from zero, with their figures; red if they are what went wrong.
func drawTradeBars(c draw.Canvas, all []trade, rowY []vg.Length, s tradeScale, wrong bool) {
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
		if wrong {
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
	b.WriteString(strings.Join(familyText(all), " ") + "\n\n| link | |")
	for _, c := range tradeColumns {
		b.WriteString(" " + c.head + " |")
	}
	b.WriteString(" lost | repeated | verdict |\n|---|---|" + strings.Repeat("--:|", len(tradeColumns)+2) + "---|\n")
	for i := range all {
		x := &all[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", x.link, x.name, strings.Join(x.cells(), " | "), x.verdict())
	}
	for _, n := range familyNotes(f) {
		b.WriteString("\n- " + n)
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

// familyRow is a workload of a family in base units.
type familyRow struct {
	Link, Workload, Verdict               string
	Runs                                  int
	Figures                               map[string]float64
	Expected, Delivered, Lost, Duplicates int64
}

func (f *Family) rows() (all []familyRow) {
	for _, x := range f.trades() {
		row := familyRow{Link: x.link, Workload: x.name, Verdict: x.verdict(), Runs: len(x.runs), Figures: map[string]float64{}, Expected: x.expected, Delivered: x.delivered, Lost: x.lost, Duplicates: x.duplicates}
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
		Link       string             `json:"link,omitempty"`
		Workload   string             `json:"workload"`
		Verdict    string             `json:"verdict"`
		Runs       int                `json:"runs"`
		Medians    map[string]float64 `json:"medians"`
		Expected   int64              `json:"expected"`
		Delivered  int64              `json:"delivered"`
		Lost       int64              `json:"lost"`
		Duplicates int64              `json:"repeated"`
	}
	rows := []row{}
	for _, x := range f.rows() {
		rows = append(rows, row{x.Link, x.Workload, x.Verdict, x.Runs, x.Figures, x.Expected, x.Delivered, x.Lost, x.Duplicates})
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
	head := []string{"link", "workload", "runs", "verdict", "expected", "delivered", "lost", "repeated"}
	for _, c := range tradeColumns {
		head = append(head, c.metric)
	}
	out.Write(head)
	for _, x := range f.rows() {
		line := []string{x.Link, x.Workload, strconv.Itoa(x.Runs), x.Verdict, strconv.FormatInt(x.Expected, 10), strconv.FormatInt(x.Delivered, 10), strconv.FormatInt(x.Lost, 10), strconv.FormatInt(x.Duplicates, 10)}
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
