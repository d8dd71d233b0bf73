package result

import "slices"

// A Summary is the last line of a result file: the verdict, and the figures of the measured part.
type Summary struct {
	Outcome     Outcome  `json:"outcome"`
	ExitCode    int      `json:"exit_code"`
	Interrupted bool     `json:"interrupted,omitempty"` // Ended by a signal, or (set by Read) without a summary.
	Validity    Validity `json:"validity"`
	Gates       []Gate   `json:"gates"`

	Connecting *Connecting `json:"connecting,omitempty"`
	Drained    *Drained    `json:"drained,omitempty"` // nil: nobody was offline. Of several absences, all together,

	OfflineWindows []Drained `json:"offline_windows,omitempty"` // and each.

	Sessions   *Sessions   `json:"sessions,omitempty"`
	Wills      *Wills      `json:"wills,omitempty"`
	Retained   *Retained   `json:"retained,omitempty"`
	Shared     *Shared     `json:"shared,omitempty"`
	Slowest    *Slowest    `json:"slowest,omitempty"` // nil: no subscriber stands out.
	TakeOvers  *TakeOvers  `json:"take_overs,omitempty"`
	Flaps      *Flaps      `json:"flaps,omitempty"`
	Queue      *Queue      `json:"queue_limit,omitempty"` // nil: the latency is not that of a queue at a known limit.
	Objectives *Objectives `json:"objectives,omitempty"`
	Silences   []Silence   `json:"silences,omitempty"` // Clients that were made silent on purpose.
	Overload   *Overload   `json:"overload,omitempty"` // nil: nothing says that the broker dropped messages at a limit.

	Contracts []Contract `json:"contracts"` // One per QoS level that was published with, ascending.
	Measured  Totals     `json:"measured"`
	Phases    []Totals   `json:"phases,omitempty"` // Every phase that took place, in order.

	Response  Quantiles  `json:"response"`
	Service   Quantiles  `json:"service"`
	Lag       Quantiles  `json:"lag"`
	Slack     Quantiles  `json:"timer_slack,omitzero"` // How late the generator's timers woke it, over the whole measured part.
	Exchanges []Exchange `json:"exchanges,omitempty"`
	Sending   *Sending   `json:"sending,omitempty"` // nil: there was no schedule.

	Distributions Distributions `json:"distributions,omitempty"` // Of the lag, the slack and the resumes.
	Pressure      *float64      `json:"cpu_pressure,omitempty"`  // Share of the measured part in which some task waited for a CPU (PSI "some"); nil: not known.

	Cost   Cost   `json:"cost"`
	Wire   *Wire  `json:"wire,omitempty"` // nil: not counted.
	Steady Steady `json:"steady"`

	Soak       *Soak        `json:"soak,omitempty"`       // nil: it was none.
	Faults     []FaultCount `json:"faults,omitempty"`     // That were asked for, in their order.
	Recoveries []Recovery   `json:"recoveries,omitempty"` // Of the faults that were injected, in their order.
	Errors     []ErrorCount `json:"errors,omitempty"`
}

// Connecting is what it took to connect everybody the first time, to the last CONNACK and SUBACK.
type Connecting struct {
	Clients   int64   `json:"clients"`
	Seconds   float64 `json:"seconds"`
	Rate      float64 `json:"connects_per_s"`
	BrokerCPU float64 `json:"broker_cpu_s_per_connect,omitempty"` // 0: not known.
}

// A Queue is a latency that may be nothing but a queue at its limit.
type Queue struct {
	Messages float64 `json:"messages"` // In the broker for each subscription: median service time by delivered rate (Little's law).
	Limit    int     `json:"limit"`    // The limit, in messages, that this is within 5 % of.
	Name     string  `json:"name"`     // Whose it is.
}

// Drained is what was queued for subscribers that were offline together, and how fast they got it. Their
// order and whether all of it came are the Contract's.
type Drained struct {
	Clients   int64   `json:"clients"`         // Subscribers that were offline.
	Away      float64 `json:"away_s"`          // For so long.
	Queued    int64   `json:"queued"`          // Deliveries that fell due for them meanwhile, less those that had overtaken their DISCONNECT.
	Delivered int64   `json:"delivered"`       // Of those.
	Seconds   float64 `json:"seconds"`         // From the instant they began to connect again to the last of those.
	Rate      float64 `json:"delivered_per_s"` // Delivered in those seconds, a second.

	At         float64   `json:"at_s,omitempty"`       // Since the beginning of the measured part; of the first.
	Who        string    `json:"who,omitempty"`        // subscribers, publishers or both.
	Publishers int64     `json:"publishers,omitempty"` // That were offline.
	Resume     Quantiles `json:"resume,omitzero"`      // From beginning to connect again until session and subscriptions were as before. Not of several together.
}

// Queues reports whether subscribers were away, so that something was queued.
func (d *Drained) Queues() bool { return d.Clients > 0 }

// Add adds another absence: times and messages of both.
func (d *Drained) Add(o *Drained) {
	if d.Clients == 0 {
		*d = *o
		return
	}
	d.Clients, d.Publishers = max(d.Clients, o.Clients), max(d.Publishers, o.Publishers)
	d.Away, d.Queued, d.Delivered, d.Seconds = d.Away+o.Away, d.Queued+o.Queued, d.Delivered+o.Delivered, d.Seconds+o.Seconds
	d.Resume = Quantiles{}
	if d.Seconds > 0 {
		d.Rate = float64(d.Delivered) / d.Seconds
	}
}

// Outcome is the verdict in one word; the worst that applies.
type Outcome string

// The outcomes, from best to worst.
const (
	Kept     Outcome = "kept"     // The contract of every QoS level held.
	Broken   Outcome = "broken"   // The broker broke a promise.
	Failed   Outcome = "failed"   // The run could not be carried out.
	Unknown  Outcome = "unknown"  // Interrupted before it could be told, or still arriving when the drain's time was over.
	Unjudged Outcome = "unjudged" // Nothing was published, so nothing was promised.
)

// Validity says whether the figures may be believed.
type Validity string

// The degrees of validity. Noisy: counts, cost and verdicts stand, latencies do not compare.
// Invalid: the instrument was at its limit, or the run was not what the plan said. Unknown: the run
// was killed before it could be told.
const (
	ValidityOK      Validity = "OK"
	ValidityNoisy   Validity = "NOISY"
	ValidityInvalid Validity = "INVALID"
	ValidityUnknown Validity = "UNKNOWN"
)

// A Gate is one condition a run must meet to be believed.
type Gate struct {
	Name    string   `json:"name"` // "schedule lag p99".
	Value   float64  `json:"value"`
	Limit   float64  `json:"limit"` // The value must not exceed it; with AtLeast, not fall below it.
	Unit    string   `json:"unit"`  // "s", "bytes", "1" (a fraction or ratio), "messages", ...
	AtLeast bool     `json:"at_least,omitempty"`
	Passed  bool     `json:"passed"`
	Fails   Validity `json:"fails"`            // What the run becomes if this does not pass: NOISY or INVALID.
	Advice  string   `json:"advice,omitempty"` // What to change: "use fewer publishers, or more --loops".
}

// A Contract is what became of the promises of one QoS level: the ledger's verdict.
type Contract struct {
	QoS       int   `json:"qos"`
	Attempted int64 `json:"attempted"` // Messages put on a wire.
	Acked     int64 `json:"acked"`     // Messages whose exchange completed. QoS 0: 0.
	Unknown   int64 `json:"unknown"`   // Messages whose connection ended before the acknowledgement.
	Refused   int64 `json:"refused"`   // Messages answered with a Reason Code of 0x80 or more.
	Expected  int64 `json:"expected"`  // Deliveries owed: messages times subscriptions.
	Delivered int64 `json:"delivered"` // Deliveries seen, each pair of message and subscription once.

	Findings []Finding `json:"findings,omitempty"` // Classes that occurred, worst first.
}

// A Finding is one verdict class and how often it was given.
type Finding struct {
	Class Class      `json:"class"`
	Count int64      `json:"count"`           // Deliveries, in the sense of Contract.Expected.
	First []Offender `json:"first,omitempty"` // The first few, for the log reader.
}

// An Offender names one delivery that went wrong.
type Offender struct {
	Client     string  `json:"client,omitempty"` // Of an offence that is about a client and no message.
	Publisher  string  `json:"publisher,omitempty"`
	Subscriber string  `json:"subscriber,omitempty"`
	Topic      string  `json:"topic,omitempty"`
	Sequence   uint64  `json:"sequence"`
	At         float64 `json:"at_s,omitempty"` // When it was due.
	Text       string  `json:"text,omitempty"`

	// How it was sent first. Connections count from 1; 0: not known.
	SentID         int `json:"sent_packet_id,omitempty"`
	SentConnection int `json:"sent_connection,omitempty"`

	// The reception that was wrong, if there was one.
	Seen           float64 `json:"seen_s,omitempty"`
	SeenID         int     `json:"seen_packet_id,omitempty"` // 0: none, at QoS 0.
	SeenConnection int     `json:"seen_connection,omitempty"`
	Dup            bool    `json:"seen_dup,omitempty"`
}

// Class is what can become of a delivery.
type Class string

// The verdict classes. Which of them breaks a promise: Class.Breaks.
const (
	DupLegal         Class = "dup-legal"         // QoS 1, resent after a connection broke: what "at least once" means.
	LossQoS0         Class = "loss-qos0"         // QoS 0 promises nothing; still a loss.
	LostUnknown      Class = "lost-unknown"      // Never acknowledged, never delivered: nobody had promised anything.
	DroppedLegal     Class = "dropped-legal"     // Refused, expired, or beyond a declared limit of the session.
	DroppedOverload  Class = "dropped-overload"  // Acknowledged, then dropped at a limit of the broker. Documented, and still broken.
	Lost             Class = "lost"              // Acknowledged and never delivered.
	Dup              Class = "duplicate"         // Delivered again where the QoS or an unbroken connection forbids it.
	Reorder          Class = "reordered"         // A new message overtook an older one of its stream.
	Stuck            Class = "stuck"             // An exchange that never completed.
	Phantom          Class = "phantom"           // Received and never sent.
	IDReused         Class = "id-reused"         // It came with the Packet Identifier of a message that was in flight.
	IDChanged        Class = "id-changed"        // QoS 1, resent after a connection broke, with another Packet Identifier.
	Resent           Class = "resent"            // Version 5, QoS 2: sent again on a connection that had not broken. Not delivered again.
	Corrupt          Class = "corrupt"           // Received with other content.
	SessionLost      Class = "session-lost"      // A persistent session was not there when its client came back. Counts sessions.
	SessionKept      Class = "session-kept"      // Sent again out of a session that had ended: this one had begun with its connection.
	SubscriptionLost Class = "subscription-lost" // A session was present when its client came back, and its subscription was not. Counts streams.
	Miscounted       Class = "miscounted"        // The broker's own count of messages contradicts what it acknowledged, or what came from it. Counts messages.
	Unreleased       Class = "unreleased"        // QoS 2, received, and its PUBREL never came. Counts exchanges.
	Unanswered       Class = "unanswered"        // A PUBLISH that the client sent, or seemed to, was not acknowledged each time. Counts acknowledgements.
	HalfOpen         Class = "half-open"         // A client that had fallen silent was not noticed. Counts clients.
	FalseTimeout     Class = "false-timeout"     // A client was thrown out for a Keep Alive that was not over. Counts clients.
	WrongQoS         Class = "wrong-qos"         // Delivered at another QoS than the lower of published and granted.
	Late             Class = "late"              // Not there when the time of the drain was over, while others were still arriving.
	WillLost         Class = "will-lost"         // The will of a client that was cut off was not published. Counts wills.
	WillUncalled     Class = "will-uncalled"     // A will was published of a client that was not cut off, or twice. Counts wills.
	WillAltered      Class = "will-altered"      // A will came with other properties than it had been given. Counts wills.
	TwoConnections   Class = "two-connections"   // A connection stood on when another one with its Client Identifier had been let in. Counts connections.
	Unasked          Class = "unasked"           // Published after UNSUBACK, and delivered all the same.
	RetainedLost     Class = "retained-lost"     // Who subscribed did not get a topic's retained message. Counts those messages.
	RetainedStale    Class = "retained-stale"    // The retained message was older than an acknowledged one. Counts those messages.
)

// Totals are the sums of a phase, or of all of them.
type Totals struct {
	Phase      Phase   `json:"phase"`
	Seconds    float64 `json:"seconds"`
	Offered    int64   `json:"offered"`
	Accepted   int64   `json:"accepted"`
	Expected   int64   `json:"expected"`
	Delivered  int64   `json:"delivered"` // In Measured: deliveries of messages that were due in the phase, also when they came later.
	Duplicates int64   `json:"duplicates,omitempty"`
	Connects   int64   `json:"connects,omitempty"`
	Reconnects int64   `json:"reconnects,omitempty"`

	OfferedRate   float64 `json:"offered_per_s"`
	AcceptedRate  float64 `json:"accepted_per_s"`
	DeliveredRate float64 `json:"delivered_per_s"`
}

// Sending is how the schedule was kept over the whole run.
type Sending struct {
	Skipped     int64   `json:"skipped"`           // Messages that were due and never sent.
	Late        int64   `json:"late"`              // Messages that waited, with their due time, for a publisher that was away or had its window full.
	UnsentBytes int64   `json:"peak_unsent_bytes"` // Most that clients had written and the kernel had not taken, as seen at the end of an interval.
	Gaps        int64   `json:"gaps"`              // Between two messages of a publisher that both left in their turn,
	CV          float64 `json:"gap_cv"`            // their standard deviation by their mean: 0 if all are alike, 1 if Poisson.
	Together    float64 `json:"phases_together"`   // 1: all publishers send at the same instants of their period; near 0: their phases are spread over it.
}

// An Exchange is the time one kind of packet exchange took.
type Exchange struct {
	Name string    `json:"name"` // One of ExchangeNames.
	Took Quantiles `json:"took"`
}

// ExchangeNames are the exchanges in the order in which a connection sees them; at the end, what a client that comes back
// waits for from when it begins to connect: its session and subscriptions, and the first message; and how long it had none, from the last one before.
var ExchangeNames = []string{"connect", "AUTH", "CONNACK", "SUBACK", "UNSUBACK", "PUBLISH-PUBACK", "PUBLISH-PUBREC", "PUBREL-PUBCOMP", "resume", "resume, message", "resume, silence", "will", "retained", "take-over"}

// Cost is what the measured part took. Pointers are nil where nothing is known, because the process
// was not on this machine.
type Cost struct {
	Broker    *ProcessCost `json:"broker,omitempty"`
	Generator *ProcessCost `json:"generator,omitempty"`
}

// ProcessCost is that of one process.
type ProcessCost struct {
	UserCPU            float64 `json:"cpu_user_s"`                     // Over the measured part.
	SystemCPU          float64 `json:"cpu_system_s"`                   //
	UserPerDelivered   float64 `json:"cpu_user_s_per_delivered"`       // 0: nothing was delivered.
	SystemPerDelivered float64 `json:"cpu_system_s_per_delivered"`     //
	Utilisation        float64 `json:"utilisation"`                    // CPU seconds per second; 1 is one core. Cheap messages are often cheap because a busy process batches.
	PeakRSS            int64   `json:"peak_rss_bytes"`                 //
	BytesPerConnection float64 `json:"bytes_per_connection,omitempty"` // Growth of RSS over the connect phase per connection; 0: not measured.
}

// PerDelivered is CPU seconds per delivered message, user and system.
func (c *ProcessCost) PerDelivered() float64 { return c.UserPerDelivered + c.SystemPerDelivered }

// Steady says whether the measured part had settled.
type Steady struct {
	Checked      bool    `json:"checked"`
	Steady       bool    `json:"steady"`
	Verdict      string  `json:"verdict,omitempty"`       // VerdictSteady or VerdictDrifting; empty: not checked.
	WarmUp       float64 `json:"warm_up_s,omitempty"`     // Seconds from the first message to the measured part, as planned.
	WarmUpCut    float64 `json:"warm_up_cut_s"`           // Seconds from the first message that MSER-5 would give up.
	Cut          float64 `json:"cut_s,omitempty"`         // Seconds of the measured part that were warm-up still and are in no figure but the Contracts and Phases.
	WarmUpShort  bool    `json:"warm_up_short,omitempty"` // The cut lies in the measured part, what is before it differs, and nothing was left out.
	Unsettled    bool    `json:"unsettled,omitempty"`     // MSER-5 would give up more than half of some series.
	BacklogGrows bool    `json:"backlog_grows,omitempty"`
	BacklogTrend float64 `json:"backlog_per_s"`    // Growth of the backlog, deliveries per second.
	Trends       []Trend `json:"trends,omitempty"` // After the cut.
	Text         string  `json:"text,omitempty"`
}

// A FaultCount is how often a fault that was asked for was committed.
type FaultCount struct {
	Fault string `json:"fault"` // In the words in which it was asked for.
	Count int64  `json:"count"` // 0: the run says nothing about it.
}

// A Recovery is how long a fault outlasted itself.
type Recovery struct {
	Fault     string  `json:"fault"`
	Faults    int     `json:"faults"` // So many in a row, less than a second apart.
	Ended     float64 `json:"ended_s"`
	Recovered bool    `json:"recovered"`         // Delivered rate and median response time were as before, for half a second.
	Seconds   float64 `json:"seconds,omitempty"` // From Ended to then, to a tenth of a second.
}

// A Soak is what a long run is for: whether anything grows. nil figures are not known.
type Soak struct {
	Broker    *Growth `json:"broker,omitempty"`    // Of the resident memory.
	Generator *Growth `json:"generator,omitempty"` //
	Bytes     int64   `json:"file_bytes"`          // That the result's files take, but for this line.
	Verdict   string  `json:"verdict"`             // VerdictSteady, VerdictDrifting (the rate or the response time) or VerdictGrowing.
}

// VerdictGrowing is that of a soak in which memory grew.
const VerdictGrowing = "GROWING"

// Growth is how memory changed with time.
type Growth struct {
	Level   float64 `json:"level_bytes"`    // The median.
	PerHour float64 `json:"bytes_per_hour"` // Theil and Sen,
	Lo      float64 `json:"lo"`             // with an interval of 95 %.
	Hi      float64 `json:"hi"`
	Grows   bool    `json:"grows,omitempty"` // The interval is above 0, and the growth is of a size that matters.
}

// SanityGate is the name of the gate that holds a result against itself: no chart is drawn from one that fails it.
const SanityGate = "sanity of the result"

// DrainGate is the name of the gate that a run fails whose drain ended while something was still arriving. A drain that came to its end has none.
const DrainGate = "under way at the end of the drain"

// Sane reports whether the sanity gate has not failed.
func (s *Summary) Sane() bool { return !s.failed(SanityGate) }

func (s *Summary) failed(gate string) bool {
	return slices.ContainsFunc(s.Gates, func(g Gate) bool { return g.Name == gate && !g.Passed })
}

// Grows reports whether the backlog grew. Files of before there was a Verdict knew of no other reason for not being steady.
func (s *Steady) Grows() bool { return s.Checked && !s.Steady && (s.BacklogGrows || s.Verdict == "") }

// The verdicts of Steady.
const (
	VerdictSteady   = "STEADY"
	VerdictDrifting = "DRIFTING"
)

// A Trend is how one figure changed over the measured part.
type Trend struct {
	Of        string  `json:"of"`            // "delivered rate", "response p50".
	PerMinute float64 `json:"share_per_min"` // Change a minute, as a share of the level (Theil and Sen).
	P         float64 `json:"p"`             // That chance alone does that (Mann and Kendall).
	Drifts    bool    `json:"drifts,omitempty"`
}

// An ErrorCount is an error and how often it was met.
type ErrorCount struct {
	Text  string  `json:"text"`
	Count int64   `json:"count"`
	First float64 `json:"first_s"` // When it was first met.
}
