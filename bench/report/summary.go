package report

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"mqttbench/bench/result"
)

// Summary writes what a person wants to know of a run, in about 40 lines: the verdict first, then
// rates, latency, cost, and how far to believe it. width is that of the terminal in columns (0: 80);
// color allows ANSI sequences.
func Summary(w io.Writer, r *result.Run, width int, color bool) error {
	t := newTerminal(w, width, color)
	t.verdict(&r.Summary)
	t.paragraph(dim, 0, fmt.Sprintf("%s · seed %d", setting(&r.Manifest), r.Manifest.Seed))
	if !silent(&r.Summary) {
		t.line("")
	}
	t.rates(&r.Summary)
	t.drained(&r.Summary)
	t.observations(&r.Summary)
	t.recoveries(&r.Summary)
	t.soak(r.Summary.Soak)
	t.latencies(&r.Summary)
	t.exchanges(&r.Summary)
	t.costs(&r.Summary)
	t.connecting(&r.Summary)
	t.believe(&r.Summary)
	for _, e := range first(r.Summary.Errors, 3) {
		t.labelled("error", yellow, fmt.Sprintf("%s (%s, first at %s)", e.Text, plural(e.Count, "time"), seconds(e.First)))
	}
	for _, warning := range r.Warnings {
		t.labelled("warning", yellow, warning)
	}
	t.labelled("files", none, filepath.Join(r.Dir, result.ResultFile)+", "+result.ResponseFile+", "+result.ServiceFile)
	return t.err
}

// A judgement is a sentence of the verdict. Its contract is nil where the sentence is about the whole run.
type judgement struct {
	mark     style
	text     string
	contract *result.Contract
}

// judgements are whether the run may be believed, if it may not, and then what became of the promises.
func judgements(s *result.Summary) (all []judgement) {
	switch {
	case s.Outcome == result.Failed:
		all = append(all, judgement{mark: red, text: "FAILED: the run could not be carried out"})
	case s.Interrupted:
		all = append(all, judgement{mark: yellow, text: "INTERRUPTED: what was under way at the end is not counted as lost"})
	case s.Validity == result.ValidityInvalid:
		all = append(all, judgement{mark: red, text: "INVALID: " + cmp.Or(firstFailed(s, result.ValidityInvalid), "the run cannot be trusted")})
	case s.Validity == result.ValidityNoisy:
		all = append(all, judgement{mark: yellow, text: "NOISY: " + cmp.Or(firstFailed(s, result.ValidityNoisy), "something else used the machine") +
			"; counts, cost and verdict stand, latencies do not compare"})
	}
	for i := range s.Contracts {
		c := &s.Contracts[i]
		mark, word := green, "kept"
		if !c.Kept() {
			mark, word = red, "BROKEN"
		}
		switch {
		case s.Outcome == result.Broken:
		case s.Interrupted:
			mark, word = yellow, "so far"
		case s.Unfinished():
			mark, word = yellow, "not finished"
		}
		all = append(all, judgement{mark, fmt.Sprintf("QoS %d %s: %s", c.QoS, word, contract(c)), c})
	}
	switch {
	case len(s.Contracts) > 0:
	case s.Outcome == result.Unjudged && s.Measured.Offered == 0:
		all = append(all, judgement{mark: bold, text: "no verdict: nothing was published, so nothing was promised"})
	default:
		all = append(all, judgement{mark: bold, text: fmt.Sprintf("no verdict: %s offered, %s delivered",
			plural(s.Measured.Offered, "message"), count(s.Measured.Delivered))})
	}
	return all
}

// verdict writes the judgements.
func (t *terminal) verdict(s *result.Summary) {
	for _, j := range judgements(s) {
		t.paragraph(j.mark, 0, j.text)
		if j.contract != nil {
			t.offenders(j.contract)
		}
	}
}

func firstFailed(s *result.Summary, degree result.Validity) string {
	for i := range s.Gates {
		if g := &s.Gates[i]; !g.Passed && g.Fails == degree {
			return gate(g)
		}
	}
	return ""
}

// contract tells what became of the messages of one QoS level. The three numbers that everybody
// looks for are always there, zero or not; the rest only when it happened.
func contract(c *result.Contract) string {
	how := [...]string{"", " at least once", " exactly once"}[c.QoS]
	parts := []string{count(c.Attempted) + " sent"}
	if c.Expected == c.Attempted {
		parts = append(parts, count(c.Delivered)+" delivered"+how)
	} else {
		parts = append(parts, fmt.Sprintf("%s of %s deliveries made%s", count(c.Delivered), count(c.Expected), how))
	}
	always := []result.Class{result.Lost, result.Dup, result.Reorder}
	if c.QoS == 0 {
		always[0] = result.LossQoS0
	}
	for _, class := range always {
		parts = append(parts, count(c.Count(class))+" "+className(class))
	}
	for _, f := range c.Findings {
		if f.Count > 0 && !slices.Contains(always, f.Class) {
			parts = append(parts, count(f.Count)+" "+className(f.Class))
		}
	}
	if c.Refused > 0 {
		parts = append(parts, count(c.Refused)+" refused by the broker")
	}
	return strings.Join(parts, ", ")
}

func className(c result.Class) string {
	switch c {
	case result.LossQoS0:
		return "lost (QoS 0 may)"
	case result.Late:
		return "still on their way when the drain ended"
	case result.Dup:
		return "duplicates"
	case result.DupLegal:
		return "legal duplicates"
	case result.LostUnknown:
		return "lost before they were acknowledged"
	case result.DroppedLegal:
		return "dropped as declared"
	case result.DroppedOverload:
		return "acknowledged and dropped by overload"
	case result.Corrupt:
		return "corrupted"
	case result.Phantom:
		return "received and never sent"
	case result.SessionLost:
		return "sessions lost"
	case result.SubscriptionLost:
		return "subscriptions lost"
	case result.SessionKept:
		return "sent again out of a session that had ended"
	case result.Miscounted:
		return "that the broker counts otherwise"
	case result.IDReused:
		return "with a Packet Identifier in use"
	case result.IDChanged:
		return "sent again with another Packet Identifier"
	case result.Resent:
		return "sent again without need"
	case result.Unanswered:
		return "not acknowledged each time"
	case result.HalfOpen:
		return "silent clients not noticed"
	case result.FalseTimeout:
		return "clients thrown out before their time"
	case result.Unreleased:
		return "whose PUBREL never came"
	case result.WrongQoS:
		return "at the wrong QoS"
	case result.WillLost:
		return "wills not published"
	case result.WillUncalled:
		return "wills uncalled for"
	case result.WillAltered:
		return "wills with other properties than were given"
	case result.TwoConnections:
		return "connections that stood beside another with their Client Identifier"
	case result.Unasked:
		return "published after UNSUBACK and delivered all the same"
	case result.RetainedLost:
		return "retained messages missing"
	case result.RetainedStale:
		return "retained messages out of date"
	}
	return string(c)
}

// offenders lists the first deliveries of the classes that break the contract.
func (t *terminal) offenders(c *result.Contract) {
	for _, f := range c.Findings {
		if !f.Class.Breaks() {
			continue
		}
		for _, o := range first(f.First, 2) {
			t.paragraph(none, 2, string(f.Class)+": "+offender(&o))
		}
	}
}

func offender(o *result.Offender) string {
	s := fmt.Sprintf("message %s", count(int64(o.Sequence)))
	if o.Client != "" {
		s = "client " + o.Client
	}
	if o.Publisher != "" {
		s += " of " + o.Publisher
	}
	if o.Subscriber != "" {
		s += " for " + o.Subscriber
	}
	if o.Topic != "" {
		s += " on " + o.Topic
	}
	if o.At > 0 {
		s += ", due at " + seconds(o.At)
	}
	if o.SentConnection > 0 {
		s += fmt.Sprintf(", sent with Packet Identifier %d on connection %d", o.SentID, o.SentConnection)
	}
	if o.Client != "" && o.SeenConnection > 0 {
		s += clientSeen(o)
	} else if o.SeenConnection > 0 {
		dup := 0
		if o.Dup {
			dup = 1
		}
		s += fmt.Sprintf("; seen at %s with Packet Identifier %d, DUP %d, on connection %d of its receiver", seconds(o.Seen), o.SeenID, dup, o.SeenConnection)
	}
	if o.Text != "" {
		s += ": " + o.Text
	}
	return s
}

// clientSeen is when and where a client's offence was seen.
func clientSeen(o *result.Offender) (s string) {
	if o.Seen > 0 {
		s = ", at " + seconds(o.Seen)
	}
	s += fmt.Sprintf(", on its connection %d", o.SeenConnection)
	if o.SeenID > 0 {
		s += fmt.Sprintf(", Packet Identifier %d", o.SeenID)
	}
	return s
}

// setting is the run in one sentence.
func setting(m *result.Manifest) string {
	w := &m.Workload
	parts := []string{m.Broker.Label()}
	if m.Profile != "" {
		parts = append(parts, "profile "+m.Profile)
	}
	parts = append(parts, workload(w))
	if w.Load != "" {
		load := w.Load + " load"
		if w.Arrivals != "" && w.Load == "open" {
			load += ", " + w.Arrivals
		}
		if w.Load == "closed" {
			load += fmt.Sprintf(", window %d: latency is the inverse of throughput", w.Window)
		}
		parts = append(parts, load)
	}
	if w.ChurnPerSec > 0 {
		parts = append(parts, "churn "+rate(w.ChurnPerSec))
	}
	if w.Offline > 0 {
		parts = append(parts, "subscribers offline for "+seconds(w.Offline))
	}
	return strings.Join(parts, " · ")
}

// workload is the shape of the traffic in a few words.
func workload(w *result.Workload) string {
	var parts []string
	if w.MQTTVersion != "" {
		parts = append(parts, "MQTT "+w.MQTTVersion)
	}
	if w.Load == idle {
		return strings.Join(append(parts, plural(int64(w.Clients), "client")), ", ")
	}
	if len(w.QoS) > 0 {
		parts = append(parts, "QoS "+strings.Trim(strings.ReplaceAll(fmt.Sprint(w.QoS), " ", "+"), "[]"))
	}
	parts = append(parts, fmt.Sprintf("%d B", w.PayloadBytes),
		plural(int64(w.Publishers), "publisher")+" → "+plural(int64(w.Subscribers), "subscriber"))
	return strings.Join(parts, ", ")
}

// silent reports whether the run published nothing, as it was meant to.
func silent(s *result.Summary) bool { return s.Outcome == result.Unjudged && s.Measured.Offered == 0 }

// idle is the load of a run that only connects.
const idle = "idle"

// rates writes the three rates: offered, accepted and delivered are different numbers.
func (t *terminal) rates(s *result.Summary) {
	m := &s.Measured
	if m.Seconds == 0 || silent(s) {
		return
	}
	text := fmt.Sprintf("offered %s → accepted %s → delivered %s", rate(m.OfferedRate), rate(m.AcceptedRate), rate(m.DeliveredRate))
	share, ok := s.DeliveredShare()
	mark := none
	if ok {
		text += " (" + percent(share) + " of what was due"
		if m.Expected != m.Offered {
			text += ", " + rate(float64(m.Expected)/m.Seconds)
		}
		text += ")"
		if share < 1 {
			mark = yellow
		}
	}
	t.labelled("rate", mark, text+" for "+seconds(m.Seconds))
	if x := s.Sending; x != nil {
		t.labelled("schedule", dim, schedule(x))
	}
	if text, mark := steadiness(s); text != "" {
		t.labelled("steady state", mark, text)
	}
}

// schedule says how the schedule was kept.
func schedule(x *result.Sending) string {
	text := fmt.Sprintf("%s skipped, %s waited for their publisher, at most %s unsent", count(x.Skipped), count(x.Late), bytes(float64(x.UnsentBytes)))
	if x.Gaps > 0 {
		text += fmt.Sprintf("; gaps CV %.3f", x.CV)
	}
	return text
}

// steadiness says whether the run had settled; "": that was not asked.
func steadiness(of *result.Summary) (text string, mark style) {
	s, cut := &of.Steady, warmUpCut(of)
	if cut != "" {
		cut = "; " + cut
	}
	switch {
	case !s.Checked:
		return "", none
	case s.Grows():
		return "not steady: " + cmp.Or(s.Text, fmt.Sprintf("the backlog grew by %s", rate(s.BacklogTrend))) + "; the delivered rate is the most this broker does here" + cut, yellow
	case !s.Steady:
		return s.Verdict + ": " + s.Text + cut, yellow
	case cut != "":
		return s.Verdict + cut, none
	case s.WarmUp > 0 && s.WarmUpCut > s.WarmUp:
		return fmt.Sprintf("%s after a warm-up of %s (MSER-5 would cut %s; what that is more is like the rest, and counts)", s.Verdict, seconds(s.WarmUp), seconds(s.WarmUpCut)), dim
	case s.WarmUp > 0 && s.WarmUpCut > 0:
		return fmt.Sprintf("%s after a warm-up of %s (MSER-5 would cut %s)", s.Verdict, seconds(s.WarmUp), seconds(s.WarmUpCut)), dim
	}
	return s.Verdict, dim
}

// latencies writes the table of latencies, or why there is none.
func (t *terminal) latencies(s *result.Summary) {
	if s.Lossy() {
		t.labelled("latency", yellow, "not shown: "+missingText(s)+", and the latency of the survivors flatters")
		t.row("generator lag", dim, s.Lag)
		t.row("timer slack", dim, s.Slack)
		return
	}
	if s.Response.Count == 0 {
		return
	}
	t.line("")
	t.quantileHeader("latency")
	t.row("response", bold, s.Response)
	t.row("service", none, s.Service)
	t.row("generator lag", dim, s.Lag)
	t.row("timer slack", dim, s.Slack)
	// The tail is where waiting to be sent hides: a stall of the broker delays what is due after it.
	if r, v := s.Response.P99, s.Service.P99; s.Service.Supports(0.99) && v > 0 && r > 2*v {
		t.labelled("", none, fmt.Sprintf("p99 is %s from the due time and %s from the send: measuring from the send would hide the wait",
			seconds(r), seconds(v)))
	}
}

// missingText says what the latencies of a lossy run are without.
func missingText(s *result.Summary) string {
	if s.Unfinished() {
		return "deliveries were still to come when the drain ended"
	}
	return "promised deliveries are missing"
}

// exchanges writes how long the packet exchanges took.
func (t *terminal) exchanges(s *result.Summary) {
	if len(s.Exchanges) == 0 {
		return
	}
	t.line("")
	t.quantileHeader("exchange")
	for _, x := range s.Exchanges {
		if x.Took.Count > 0 {
			t.row(x.Name, none, x.Took)
		}
	}
}

const quantileWidth = 10

var quantileNames = []string{"p50", "p90", "p99", "p99.9", "max", "n"}

func (t *terminal) quantileHeader(label string) {
	line := pad(label, labelWidth)
	for _, name := range quantileNames {
		line += padLeft(name, quantileWidth)
	}
	t.line(t.paint(dim, line))
}

// row writes quantiles. One that the sample is too small for is left out: it would be the maximum
// under another name.
func (t *terminal) row(label string, s style, q result.Quantiles) {
	if q.Count == 0 {
		return
	}
	line := ""
	for _, x := range []struct{ at, v float64 }{{0.5, q.P50}, {0.9, q.P90}, {0.99, q.P99}, {0.999, q.P999}} {
		text := "-"
		if q.Supports(x.at) {
			text = fixedSeconds(x.v)
		}
		line += padLeft(text, quantileWidth)
	}
	line += padLeft(fixedSeconds(q.Max), quantileWidth) + padLeft(number(float64(q.Count)), quantileWidth)
	t.line(t.paint(dim, pad(label, labelWidth)) + t.paint(s, line))
}

// costs writes what the processes took.
func (t *terminal) costs(s *result.Summary) {
	t.line("")
	if c := s.Cost.Broker; c != nil {
		t.labelled("broker", none, processCost(c, true))
	} else {
		t.labelled("broker", dim, "cost not known: its process is not on this machine, or was not named")
	}
	if c := s.Cost.Generator; c != nil {
		t.labelled("generator", none, processCost(c, false))
	}
}

// connecting writes what it took to connect everybody.
func (t *terminal) connecting(s *result.Summary) {
	c := s.Connecting
	if c == nil {
		return
	}
	text := fmt.Sprintf("%s in %s, %s", plural(c.Clients, "client"), seconds(c.Seconds), rate(c.Rate))
	if c.BrokerCPU > 0 {
		text += fmt.Sprintf(", %s broker CPU each", seconds(c.BrokerCPU))
	}
	t.labelled("connecting", none, text)
}

// drained writes how those who were offline got what was queued for them.
func (t *terminal) drained(s *result.Summary) {
	d := s.Drained
	if d == nil {
		return
	}
	mark := none
	if d.Delivered < d.Queued {
		mark = yellow
	}
	t.labelled("offline queue", mark, fmt.Sprintf("%s queued for %s away for %s; %s delivered in %s from their return: %s",
		plural(d.Queued, "message"), plural(d.Clients, "subscriber"), seconds(d.Away), count(d.Delivered), seconds(d.Seconds), rate(d.Rate)))
}

// recoveries writes how long the faults outlasted themselves.
func (t *terminal) recoveries(s *result.Summary) {
	for i, x := range first(s.Recoveries, 5) {
		label, mark := "recovery", none
		if i > 0 {
			label = ""
		}
		text := fmt.Sprintf("after %s at %s: rate and latency as before %s later", faultsText(&x), seconds(x.Ended), seconds(x.Seconds))
		switch {
		case !x.Recovered:
			text, mark = fmt.Sprintf("after %s at %s: not before the next fault or the end", faultsText(&x), seconds(x.Ended)), yellow
		case x.Seconds == 0:
			text = fmt.Sprintf("after %s at %s: rate and latency as before within 0.1 s", faultsText(&x), seconds(x.Ended))
		}
		t.labelled(label, mark, text)
	}
	if n := len(s.Recoveries); n > 5 {
		t.labelled("", dim, fmt.Sprintf("and %d more in the result file", n-5))
	}
}

// soak writes what grew in a long run.
func (t *terminal) soak(x *result.Soak) {
	if x == nil {
		return
	}
	mark := none
	if x.Verdict != result.VerdictSteady {
		mark = yellow
	}
	parts := []string{x.Verdict}
	for _, g := range []struct {
		who string
		of  *result.Growth
	}{{"broker", x.Broker}, {"generator", x.Generator}} {
		if g.of != nil {
			parts = append(parts, fmt.Sprintf("%s memory %s, %s an hour [%s, %s]", g.who, bytes(g.of.Level), signed(g.of.PerHour), signed(g.of.Lo), signed(g.of.Hi)))
		}
	}
	t.labelled("soak", mark, strings.Join(append(parts, "files "+bytes(float64(x.Bytes))), "; "))
}

func signed(b float64) string {
	if b < 0 {
		return "-" + bytes(-b)
	}
	return "+" + bytes(b)
}

func faultsText(x *result.Recovery) string {
	if x.Faults > 1 {
		return fmt.Sprintf("%d × %s", x.Faults, x.Fault)
	}
	return x.Fault
}

func processCost(c *result.ProcessCost, split bool) string {
	var parts []string
	if per := c.PerDelivered(); per > 0 {
		text := fmt.Sprintf("%s CPU per delivered message", seconds(per))
		if split {
			text += fmt.Sprintf(" (%s user + %s system)", seconds(c.UserPerDelivered), seconds(c.SystemPerDelivered))
		}
		parts = append(parts, text)
	}
	parts = append(parts, percent(c.Utilisation)+" of a core", "RSS "+bytes(float64(c.PeakRSS)))
	if c.BytesPerConnection > 0 {
		parts = append(parts, bytes(c.BytesPerConnection)+" a connection")
	}
	return strings.Join(parts, ", ")
}

// believe writes how far the figures may be trusted, and what to change where they may not.
func (t *terminal) believe(s *result.Summary) {
	passed := 0
	for i := range s.Gates {
		if s.Gates[i].Passed {
			passed++
		}
	}
	mark := map[result.Validity]style{result.ValidityOK: green, result.ValidityNoisy: yellow, result.ValidityInvalid: red}[s.Validity]
	text := string(cmp.Or(s.Validity, result.ValidityUnknown))
	if len(s.Gates) > 0 {
		text += fmt.Sprintf(": %d of %d checks passed", passed, len(s.Gates))
	}
	t.labelled("validity", mark, text)
	told := ""
	if !s.Interrupted && s.Outcome != result.Failed { // Those begin with other words: see judgements.
		told = firstFailed(s, s.Validity)
	}
	for i := range s.Gates {
		g := &s.Gates[i]
		if text := gate(g); !g.Passed && text != told {
			// What makes noise is of no interest yet where the instrument itself has failed.
			if g.Fails != s.Validity {
				text = unadvised(g)
			}
			t.labelled("", yellow, "✗ "+text)
		}
	}
}

// gate is a failed check and what to do about it.
func gate(g *result.Gate) string {
	if g.Advice == "" {
		return unadvised(g)
	}
	return unadvised(g) + ": " + g.Advice
}

func unadvised(g *result.Gate) string {
	relation := "at most"
	if g.AtLeast {
		relation = "at least"
	}
	return fmt.Sprintf("%s %s, %s %s wanted", g.Name, quantity(g.Value, g.Unit), relation, quantity(g.Limit, g.Unit))
}

func first[T any](all []T, n int) []T { return all[:min(n, len(all))] }

// Progress is one line of plain text on an interval, without a line feed: phase, time, clients,
// rates, p99. total is the planned length of the run in seconds; 0: unknown.
func Progress(iv *result.Interval, total float64) string {
	at := fmt.Sprintf("%.0f s", iv.T1)
	if total > 0 {
		at = fmt.Sprintf("%.0f/%.0f s", iv.T1, total)
	}
	length := iv.T1 - iv.T0
	if length <= 0 {
		length = 1
	}
	per := func(n int64) string { return rate(float64(n) / length) }
	line := fmt.Sprintf("%-8s %9s  %s  %s → %s → %s", iv.Phase, at, plural(iv.Clients, "client"),
		per(iv.Offered), per(iv.Accepted), per(iv.Delivered))
	if iv.Backlog > 0 {
		line += "  backlog " + number(float64(iv.Backlog))
	}
	if iv.Response.Supports(0.99) {
		line += "  p99 " + seconds(iv.Response.P99)
	} else if iv.Response.Count > 0 {
		line += "  max " + seconds(iv.Response.Max)
	}
	return line
}
