package report

import (
	stdhtml "html"
	"regexp"

	"mqttbench/bench/result"
)

// terms are the words that a stranger needs, in the order of the page: measurement first, then verdicts. A page explains those that
// stand on it; word is how such a word is found.
var terms = []struct{ name, word, text string }{
	{"QoS 0, 1, 2", `QoS`, "What MQTT promises for a message: 0 at most once, 1 at least once, 2 exactly once."},
	{"due", `due`, "The instant at which a message was to be sent by the schedule, whether the broker was ready or not."},
	{"response time", `[Rr]esponse`, "From the instant a message was due until a subscriber had it. It contains all waiting."},
	{"service time", `[Ss]ervice`, "From the instant a message was actually sent until a subscriber had it. A broker that stalls looks better in it than it was."},
	{"generator lag", `(generator|schedule) lag`, "From the instant a message was due to the instant it was sent: what the instrument itself was late, or made to wait."},
	{"timer slack", `timer slack`, "How much later than wanted the instrument woke up, though nothing but the machine kept it."},
	{"p50, p90, p99, p99.9", `p(50|90|99|99\.9)`, "Half, 90 %, 99 % and 99.9 % of the messages took no longer than this."},
	{"offered, accepted, delivered", `[Oo]ffered|[Aa]ccepted`, "What was due; what the broker acknowledged (at QoS 0: what was written to it); what subscribers saw."},
	{"owed", `owed`, "Deliveries that had to come, by what was sent, who was subscribed, and the QoS."},
	{"open, closed load", `(open|closed) load|no schedule`, "Open: messages fall due by a schedule, whatever the broker does. Closed: the next is sent when one is done; so many are under way at a time."},
	{"CPU per delivered message", `CPU`, "Processor time of a process, user and system, over the measured part, divided by the messages that subscribers saw. Less is better."},
	{"RSS", `RSS`, "Memory of a process that is in use and not swapped out; here the most there was."},
	{"B/client, per connection", `B/client|per connection`, "Memory that a connection added to a process, in bytes."},
	{"drain", `drain`, "What still arrives after the last message was sent, or of a queue when its subscriber is back."},
	{"steady", `STEADY|steady`, "The rate and latency of the measured part do not drift. Otherwise the figures are of a state that passes."},
	{"INVALID", `INVALID`, "The instrument or the machine could not do what was asked, so that no figure of the run is to be believed. Not a judgement on the broker."},
	{"noisy", `(?i:noisy)`, "The machine was busy with something else. Counts, verdicts and CPU costs stand; latencies do not compare."},
	{"kept, BROKEN", `kept|BROKEN`, "Whether the promises of the QoS held for every message: no loss of what was acknowledged (QoS 1, 2), no duplicate that is not allowed, order within a stream, content."},
	{"lost", `[Ll]ost`, "Owed and never seen, also not in the drain. At QoS 0 that is allowed."},
	{"stuck", `stuck`, "Not delivered, and the exchange of packets for it never ended."},
	{"unreleased", `unreleased`, "A QoS 2 message whose exchange was not carried to its end after a reconnect."},
	{"session lost", `session-lost|[Ss]essions lost`, "The broker had forgotten a session that it was to keep, and the messages queued in it."},
	{"dropped", `[Dd]ropped`, "Acknowledged by the broker, and then thrown away at a limit of its own."},
	{"duplicate, dup-legal", `[Dd]uplicate|dup-legal|legal dup`, "Delivered more than once. Legal: QoS 1 after a connection broke."},
	{"reordered", `reordered`, "A message overtook another of the same publisher, topic and QoS."},
	{"corrupt", `corrupt`, "Arrived with another content, or was never sent."},
	{"±", `±`, "Half the width of the interval between the runs, as part of the median."},
	{"p = …, p < …", `p [=<] \d`, "How likely a difference this large is by chance alone, if there is none."},
	{"churn", `churn`, "Connections that are ended and come back while messages flow."},
	{"takeover", `take-?overs?`, "A second connection with the same Client Identifier, for which the broker must end the first."},
	{"flame graph", `Callers above`, "Boxes as wide as the CPU time in a function and all that it called; callers above."},
}

var (
	mainPart     = regexp.MustCompile(`(?s)<main>.*<section id="limits">`)
	markup       = regexp.MustCompile(`(?s)<pre>.*?</pre>|<[^>]*>`)
	sectionHeads = regexp.MustCompile(`<section id="([^"]+)"><h2>([^<]+)</h2>`)
	termWords    = func() (all []*regexp.Regexp) {
		for _, t := range terms {
			all = append(all, regexp.MustCompile(`(^|[^\pL])(`+t.word+`)`))
		}
		return all
	}()
)

// guide sets the contents of a page, and the words on it that are explained at its end, from what it looks like without them.
func (p *page) guide(rendered string) {
	for _, m := range sectionHeads.FindAllStringSubmatch(rendered, -1) {
		p.Contents = append(p.Contents, fact{stdhtml.UnescapeString(m[2]), m[1]})
	}
	p.Contents = append(p.Contents, fact{"Words", "terms"})
	text := stdhtml.UnescapeString(markup.ReplaceAllString(mainPart.FindString(rendered), " "))
	for i, t := range terms {
		if termWords[i].MatchString(text) {
			p.Terms = append(p.Terms, fact{t.name, t.text})
		}
	}
}

// limits are what nobody can conclude from runs like the first, besides what a kind of page has not.
func (p *page) limits(m *result.Manifest, more ...string) {
	p.Limits = more
	if m.Broker.CoLocated {
		p.Limits = append(p.Limits, "Networks: broker and generator were on one machine, where packets are neither delayed nor lost unless a fault was asked for, and where they take CPU time from each other.")
	} else {
		p.Limits = append(p.Limits, "Which part of a latency is the network's: it is in all of them.")
	}
	p.Limits = append(p.Limits,
		"Other machines, more or fewer cores, other settings of the broker: see Environment for these.",
		"Durability: no power was cut. Whether a broker keeps on disk what it acknowledges is another question, and costs.")
}

const (
	otherWorkloads = "Other workloads: numbers of clients, rates, payloads, transports (TLS, WebSocket) than those named above."
	noCauses       = "Causes: that brokers or settings differ is shown, why they do is not (mqttbench --pprof draws where CPU time went)."
)
