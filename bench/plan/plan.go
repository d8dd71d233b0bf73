package plan

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"mqttbench/broker/packet"
)

// A Plan is a run that has been settled. It stands in the manifest of the result file, and the
// same Plan gives the same run again: the same Topic Names, due times and churn.
//
// The zero value of a field means what its comment says; WithDefaults fills in the others.
// Validate before use: the functions of a Plan assume that it is valid.
type Plan struct {
	Seed  uint64 `json:"seed,string"` // Of all that is random. A string in the file: JSON readers round beyond 2^53.
	RunID uint16 `json:"run_id"`      // Stands in every stamp, so that a message of another run is noticed.
	Run   string `json:"run"`         // Stands in Topic Names and Client Identifiers. Default: RunID in hexadecimal.

	Pattern     Pattern `json:"pattern"` // Default Pairs.
	Publishers  int     `json:"publishers"`
	Subscribers int     `json:"subscribers"`
	ShareName   string  `json:"share_name,omitempty"` // Not empty: all subscribers are members of one shared subscription, [v5 4.8.2]. Only with FanIn.
	Topic       string  `json:"topic"`                // Template; see Plan.TopicName. Default DefaultTopic.

	Version           packet.Version `json:"mqtt_version"` // Protocol Version: 3, 4 or 5. Default 4, which is 3.1.1.
	PubQoS            packet.QoS     `json:"publish_qos"`
	SubQoS            packet.QoS     `json:"subscribe_qos"`
	Retain            bool           `json:"retain,omitempty"`
	PublisherSession  Session        `json:"publisher_session"`           // Default Clean.
	SubscriberSession Session        `json:"subscriber_session"`          // Default Clean.
	Window            int            `json:"window"`                      // QoS 1 and 2 messages in flight per publisher. Default 20.
	Payload           int            `json:"payload_bytes"`               // Of every Application Message, stamp included. At least StampSize; the default.
	PayloadMax        int            `json:"payload_max_bytes,omitempty"` // Not 0: each message has a size of its own, evenly from Payload to this.

	Closed   bool     `json:"closed,omitempty"` // A publisher sends as soon as its window allows. Nothing is due, and Rate must be 0.
	Rate     float64  `json:"rate_per_s"`       // Messages a second, of all publishers together. 0 with Closed false: nothing is published.
	Arrivals Arrivals `json:"arrivals"`         // Default Constant.
	Warmup   Duration `json:"warm_up_s"`        // Published like the rest, and not measured.
	Duration Duration `json:"duration_s"`       // Of the measured part, which follows the warm-up.

	ConnectRate float64 `json:"connect_rate_per_s,omitempty"` // Connections begun a second when the clients first connect. 0: as many as may be opened at a time.
	Churn       Churn   `json:"churn,omitzero"`
	Offline     Offline `json:"offline,omitzero"`
	Flap        Flap    `json:"flap,omitzero"`

	MoreOffline []Offline `json:"more_offline,omitempty"` // Further stretches, each after the one before it; see Plan.Absences.

	// Groups and Flows say it all for plans in which clients are of several kinds. WithDefaults then sets Publishers, Subscribers,
	// Rate and the like above to the sums and maxima of the flows.
	Groups []Group `json:"groups,omitempty"`
	Flows  []Flow  `json:"flows,omitempty"`

	Stages []Stage `json:"stages,omitempty"` // How the rate changes in the measured part; Rate is then its mean over the whole run.
	Decoys int     `json:"decoys,omitempty"` // Further filters of every subscriber, with wildcards, that match nothing.
	Wild   bool    `json:"wild,omitempty"`   // Subscribers have a + where a Topic Name has a level with %d.

	SessionExpiry Duration `json:"session_expiry_s,omitempty"` // Of persistent sessions in version 5. 0: longer than any run.
	Wills         Wills    `json:"wills,omitzero"`
	Readers       Readers  `json:"readers,omitzero"`

	ClientID  string   `json:"client_id,omitempty"` // Template of Client Identifiers; see Plan.ClientName. Default: PublisherID and SubscriberID.
	ClientIDs []string `json:"-"`                   // By client, instead: a list that clients are dealt from.
	Message   string   `json:"message,omitempty"`   // Template of what follows the stamp, with the verbs of Topic; then messages are as long as it makes them.
	Body      []byte   `json:"-"`                   // What follows the stamp in every payload; empty: a pattern that differs with every message.
	Username  string   `json:"username,omitempty"`  // Template, for %u.
	Usernames []string `json:"-"`                   // By client, instead.
}

// Wills are what the clients leave to be published when they go without a DISCONNECT. The zero value is none.
type Wills struct {
	Watchers int        `json:"watchers"` // Further clients, that receive all of them. 0: nobody has a will.
	QoS      packet.QoS `json:"qos"`      // Of the wills, and of the watchers' subscription.
	Retain   bool       `json:"retain,omitempty"`
	Delay    Duration   `json:"delay_s,omitempty"` // Will Delay Interval, in version 5.

	// Properties of the will, which are those of its PUBLISH, [v5 3.1.3.2]. Version 5.
	UTF8           bool        `json:"utf8,omitempty"` // Payload Format Indicator 1; the payload is then UTF-8.
	Expiry         Duration    `json:"expiry_s,omitempty"`
	ContentType    string      `json:"content_type,omitempty"`
	ResponseTopic  string      `json:"response_topic,omitempty"`
	Correlation    string      `json:"correlation,omitempty"`
	UserProperties [][2]string `json:"user_properties,omitempty"` // Name and value.
}

// Readers are further clients that come while messages are published with RETAIN, subscribe to everything, wait for the
// retained message of every topic, and go. The zero value is none.
type Readers struct {
	Count int        `json:"count"`
	Every Duration   `json:"every_s"` // From one coming of a reader to its next; default 1 s.
	QoS   packet.QoS `json:"qos"`
}

// Pattern is who receives what.
type Pattern string

// The patterns.
const (
	// Pairs: publisher i sends to subscriber i, each pair on a Topic Name of its own. If the counts
	// differ, the larger side is dealt out evenly over the smaller one.
	Pairs Pattern = "pairs"
	// FanIn: every subscriber takes everything through one wildcard, or, with a ShareName, all take turns.
	FanIn Pattern = "fan-in"
	// FanOut: every subscriber subscribes to the Topic Name of every publisher.
	FanOut Pattern = "fan-out"
)

// Arrivals is how the due times of one publisher are spread.
type Arrivals string

// The arrival processes.
const (
	// Constant: equal gaps, as sensors publish; every publisher has a random phase.
	Constant Arrivals = "constant"
	// Poisson: exponential gaps, as many independent sources make together.
	Poisson Arrivals = "poisson"
	// Burst: equal gaps and no phase, so that all publishers publish at the same instants.
	Burst Arrivals = "burst"
)

// Session is whether a client's Session State survives its Network Connections.
type Session string

// The sessions.
const (
	Clean      Session = "clean"      // Clean Start, and the session ends with the connection.
	Persistent Session = "persistent" // The session outlives every connection of the run.
)

// Churn is who comes and goes during the measured part. The zero value is nobody.
type Churn struct {
	Rate     float64  `json:"rate_per_s"`          // Connections ended a second, all clients together.
	TakeOver float64  `json:"take_over,omitempty"` // The share of them (0 to 1) that the server ends, because another connection comes with the same Client Identifier.
	Abrupt   float64  `json:"abrupt"`              // The share of the others (0 to 1) that are cut with a TCP RST and not a DISCONNECT.
	Down     Duration `json:"down_s"`              // How long a client stays away.
	Who      Who      `json:"who"`                 // Default ChurnSubscribers.
}

// Flap is subscribers that unsubscribe, stay connected, and subscribe again. The zero value is nobody.
type Flap struct {
	Rate float64  `json:"rate_per_s"` // Of UNSUBSCRIBEs, all subscribers together.
	For  Duration `json:"for_s"`      // Until they subscribe again.
}

// Offline is a stretch in which all subscribers (or Who) are away together while
// publishing goes on: the server queues for their sessions. It may end after publishing does. The
// zero value is none.
type Offline struct {
	At     Duration `json:"at_s"`          // When they leave, since the beginning of the measured part.
	For    Duration `json:"for_s"`         // How long until all connect again.
	Abrupt bool     `json:"abrupt"`        // They are cut off with a TCP RST, and do not say DISCONNECT.
	Who    Who      `json:"who,omitempty"` // Default ChurnSubscribers.
}

// Who says which clients churn.
type Who string

// Who may churn.
const (
	ChurnSubscribers Who = "subscribers"
	ChurnPublishers  Who = "publishers"
	ChurnBoth        Who = "both"
)

// Defaults and limits of a Plan.
const (
	DefaultTopic  = "mqttbench/%r/%i"
	DefaultWindow = 20 // What mosquitto lets be in flight by default.
	MaxClients    = 1 << 24
	MaxFanOut     = 1000        // Publishers of a FanOut plan: each is a filter of every subscriber.
	MaxPayload    = 268_435_000 // Bytes. A Remaining Length is at most 268,435,455, and the Topic Name is part of it.
	MaxPerStream  = math.MaxUint32 - 1
	MaxOffline    = 100 // Stretches of being offline.
	maxShareName  = 64
	maxRunName    = 32
)

// Duration is a time.Duration that is written in seconds.
type Duration time.Duration

// MarshalJSON writes d as a number of seconds.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).Seconds())
}

// UnmarshalJSON reads a number of seconds, or a string as time.ParseDuration takes it.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		v, err := time.ParseDuration(text)
		*d = Duration(v)
		return err
	}
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return fmt.Errorf("a duration is a number of seconds or a string such as \"30s\": %w", err)
	}
	*d = Duration(math.Round(seconds * 1e9))
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

// Idle reports whether nothing is published: the clients connect, and that is all.
func (p *Plan) Idle() bool { return !p.Closed && p.Rate == 0 }

// ConnectAt is when connection n of the first ones is to be begun, in ns since the first: the
// subscribers by their number, then the publishers. 0 if there is no ConnectRate.
func (p *Plan) ConnectAt(n int) int64 {
	if p.ConnectRate <= 0 {
		return 0
	}
	return int64(float64(n) * 1e9 / p.ConnectRate)
}

// Absences are the stretches in which clients are offline together, in their order.
func (p *Plan) Absences() []Offline {
	if p.Offline.For == 0 {
		return nil
	}
	return append([]Offline{p.Offline}, p.MoreOffline...)
}

// Away is an absence in ns since the start of publishing: what is due in [from, to) is queued for subscribers who are away.
func (p *Plan) Away(o Offline) (from, to int64) {
	from = int64(p.Warmup) + int64(o.At)
	return from, from + int64(o.For)
}

// Leaves reports whether a side of the plan is away.
func (o *Offline) Leaves(side Who) bool {
	return o.Who == side || o.Who == ChurnBoth || o.Who == "" && side == ChurnSubscribers
}

// End is when publishing ends, in ns since its start: nothing is due from there on.
func (p *Plan) End() int64 { return int64(p.Warmup) + int64(p.Duration) }

// PayloadSize is how long a message is, in bytes: the stamp and what follows it.
func (p *Plan) PayloadSize(pub int, seq uint32) int {
	if p.Message != "" {
		return StampSize + len(p.message(pub, seq))
	}
	least, most := p.Payload, p.PayloadMax
	if f := p.flowOf(pub); f != nil {
		least, most = f.Payload, f.PayloadMax
	}
	if most <= least || seq == ProbeSeq {
		return least
	}
	return least + int(hash(p.Seed, purposeSize, uint64(pub)<<32|uint64(seq))%uint64(most-least+1))
}

// message is what follows the stamp of a message, by the template. Making it anew for each question costs a microsecond or so, on both sides.
func (p *Plan) message(pub int, seq uint32) string {
	_, place := p.topic(pub)
	number := strconv.FormatUint(uint64(seq), 10)
	return expand(p.Message, func(v verb) string { return p.valueOf(v, pub, place, number) })
}

// LargestPayload is the longest that a message of the plan may be; with a Message, about.
func (p *Plan) LargestPayload() int {
	most := max(p.Payload, p.PayloadMax)
	for i := range p.Flows {
		most = max(most, p.Flows[i].Payload, p.Flows[i].PayloadMax)
	}
	return most
}
