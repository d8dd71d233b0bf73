package result

// A Summary is the last line of a result file: the verdict, and the figures of the measured part.
type Summary struct {
	Outcome     Outcome  `json:"outcome"`
	ExitCode    int      `json:"exit_code"`
	Interrupted bool     `json:"interrupted,omitempty"` // Ended by a signal, or (set by Read) without a summary.
	Validity    Validity `json:"validity"`
	Gates       []Gate   `json:"gates"`

	Connecting *Connecting `json:"connecting,omitempty"`
	Drained    *Drained    `json:"drained,omitempty"` // nil: nobody was offline.
	Sessions   *Sessions   `json:"sessions,omitempty"`
	Wills      *Wills      `json:"wills,omitempty"`
	Retained   *Retained   `json:"retained,omitempty"`
	Shared     *Shared     `json:"shared,omitempty"`
	Slowest    *Slowest    `json:"slowest,omitempty"` // nil: no subscriber stands out.
	Objectives *Objectives `json:"objectives,omitempty"`

	Contracts []Contract `json:"contracts"` // One per QoS level that was published with, ascending.
	Measured  Totals     `json:"measured"`
	Phases    []Totals   `json:"phases,omitempty"` // Every phase that took place, in order.

	Response  Quantiles  `json:"response"`
	Service   Quantiles  `json:"service"`
	Lag       Quantiles  `json:"lag"`
	Exchanges []Exchange `json:"exchanges,omitempty"`

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

// Drained is what was queued for subscribers that were offline together, and how fast they got it. Their
// order and whether all of it came are the Contract's.
type Drained struct {
	Clients   int64   `json:"clients"`         // Subscribers that were offline.
	Away      float64 `json:"away_s"`          // For so long.
	Queued    int64   `json:"queued"`          // Deliveries that fell due for them meanwhile, less those that had overtaken their DISCONNECT.
	Delivered int64   `json:"delivered"`       // Of those.
	Seconds   float64 `json:"seconds"`         // From the instant they began to connect again to the last of those.
	Rate      float64 `json:"delivered_per_s"` // Delivered in those seconds, a second.
}

// Outcome is the verdict in one word; the worst that applies.
type Outcome string

// The outcomes, from best to worst.
const (
	Kept     Outcome = "kept"     // The contract of every QoS level held.
	Broken   Outcome = "broken"   // The broker broke a promise.
	Failed   Outcome = "failed"   // The run could not be carried out.
	Unknown  Outcome = "unknown"  // Interrupted before it could be told.
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
	DupLegal        Class = "dup-legal"        // QoS 1, resent after a connection broke: what "at least once" means.
	LossQoS0        Class = "loss-qos0"        // QoS 0 promises nothing; still a loss.
	LostUnknown     Class = "lost-unknown"     // Never acknowledged, never delivered: nobody had promised anything.
	DroppedLegal    Class = "dropped-legal"    // Refused, expired, or beyond a declared limit of the session.
	DroppedOverload Class = "dropped-overload" // Acknowledged, then dropped at a limit of the broker. Documented, and still broken.
	Lost            Class = "lost"             // Acknowledged and never delivered.
	Dup             Class = "duplicate"        // Delivered again where the QoS or an unbroken connection forbids it.
	Reorder         Class = "reordered"        // A new message overtook an older one of its stream.
	Stuck           Class = "stuck"            // An exchange that never completed.
	Phantom         Class = "phantom"          // Received and never sent.
	Corrupt         Class = "corrupt"          // Received with other content.
	SessionLost     Class = "session-lost"     // A persistent session was not there when its client came back. Counts sessions.
	Unreleased      Class = "unreleased"       // QoS 2, received, and its PUBREL never came. Counts exchanges.
	WrongQoS        Class = "wrong-qos"        // Delivered at another QoS than the lower of published and granted.
	Late            Class = "late"             // Delivered after the drain had been given up.
	WillLost        Class = "will-lost"        // The will of a client that was cut off was not published. Counts wills.
	WillUncalled    Class = "will-uncalled"    // A will was published of a client that was not cut off, or twice. Counts wills.
	RetainedLost    Class = "retained-lost"    // Who subscribed did not get a topic's retained message. Counts those messages.
	RetainedStale   Class = "retained-stale"   // The retained message was older than an acknowledged one. Counts those messages.
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

// An Exchange is the time one kind of packet exchange took.
type Exchange struct {
	Name string    `json:"name"` // One of ExchangeNames.
	Took Quantiles `json:"took"`
}

// ExchangeNames are the exchanges in the order in which a connection sees them; at the end, what a client that comes back
// waits for from when it begins to connect: its session and subscriptions, and the first message.
var ExchangeNames = []string{"connect", "CONNACK", "SUBACK", "PUBLISH-PUBACK", "PUBLISH-PUBREC", "PUBREL-PUBCOMP", "resume", "resume, message", "will", "retained"}

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
	WarmUpShort  bool    `json:"warm_up_short,omitempty"` // The cut lies in the measured part, and what is before it differs.
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

// Sane reports whether that gate has not failed.
func (s *Summary) Sane() bool {
	for i := range s.Gates {
		if s.Gates[i].Name == SanityGate && !s.Gates[i].Passed {
			return false
		}
	}
	return true
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
