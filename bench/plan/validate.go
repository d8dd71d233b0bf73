package plan

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"mqttbench/broker/packet"
)

// WithDefaults returns the plan with defaults in place of the zero values that have one.
func (p Plan) WithDefaults() Plan {
	setDefault(&p.Run, fmt.Sprintf("%04x", p.RunID))
	setDefault(&p.Pattern, Pairs)
	setDefault(&p.Topic, DefaultTopic)
	setDefault(&p.Version, packet.Version(4))
	setDefault(&p.PublisherSession, Clean)
	setDefault(&p.SubscriberSession, Clean)
	setDefault(&p.Window, DefaultWindow)
	setDefault(&p.Payload, StampSize)
	if p.Message != "" {
		p.Payload = StampSize + len(p.Message)
	}
	setDefault(&p.Arrivals, Constant)
	if p.Churn != (Churn{}) {
		setDefault(&p.Churn.Who, ChurnSubscribers)
	}
	if p.Offline != (Offline{}) {
		setDefault(&p.Offline.Who, ChurnSubscribers)
	}
	p.MoreOffline = slices.Clone(p.MoreOffline)
	for i := range p.MoreOffline {
		setDefault(&p.MoreOffline[i].Who, ChurnSubscribers)
	}
	if p.Flap.Rate > 0 {
		setDefault(&p.Flap.For, defaultEvery)
	}
	if p.Readers.Count > 0 {
		setDefault(&p.Readers.Every, defaultEvery)
	}
	p.settle()
	p.settleStages()
	return p
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// faults collects what is wrong with a plan.
type faults []error

// unless notes a fault if the condition does not hold.
func (f *faults) unless(ok bool, format string, args ...any) {
	if !ok {
		*f = append(*f, fmt.Errorf(format, args...))
	}
}

// Validate returns all contradictions of the plan at once, joined, one sentence each; nil if there
// are none. Call it on the result of WithDefaults.
func (p *Plan) Validate() error {
	var f faults
	p.validateClients(&f)
	p.validateProtocol(&f)
	p.validateLoad(&f)
	p.validateTopic(&f)
	p.validateChurn(&f)
	p.validateOffline(&f)
	p.validateFlap(&f)
	p.validateFlows(&f)
	p.validateStages(&f)
	p.validateExtras(&f)
	return errors.Join(f...)
}

func (p *Plan) validateClients(f *faults) {
	f.unless(p.Publishers >= 0 && p.Publishers <= MaxClients, "%d publishers: 0 to %d are possible, the stamp has 24 bits for them", p.Publishers, MaxClients)
	f.unless(p.Subscribers >= 0 && p.Subscribers <= MaxClients, "%d subscribers: 0 to %d are possible", p.Subscribers, MaxClients)
	f.unless(p.Publishers+p.Subscribers > 0, "there are neither publishers nor subscribers")
	f.unless(p.Pattern == Pairs || p.Pattern == FanIn || p.Pattern == FanOut, "pattern %q is none of %s, %s, %s", p.Pattern, Pairs, FanIn, FanOut)
	f.unless(p.Pattern != FanOut || p.Publishers <= MaxFanOut, "fan-out from %d publishers: each is a Topic Filter of every subscriber, and at most %d are possible", p.Publishers, MaxFanOut)
	f.unless(p.ShareName == "" || p.Pattern == FanIn, "a shared subscription (share name %q) needs the pattern %s, and this is %s", p.ShareName, FanIn, p.Pattern)
	f.unless(p.ShareName == "" || p.Version == 5, "a shared subscription (share name %q) needs MQTT 5.0", p.ShareName)
	f.unless(!strings.ContainsAny(p.ShareName, "/+#"), "share name %q contains one of / + #", p.ShareName)
	f.unless(len(p.ShareName) <= maxShareName, "the share name is %d bytes long, and at most %d are possible", len(p.ShareName), maxShareName)
	f.unless(onlyAlphanumeric(p.Run) && len(p.Run) <= maxRunName, "run name %q is not 1 to %d letters and digits", p.Run, maxRunName)
}

func onlyAlphanumeric(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

func (p *Plan) validateProtocol(f *faults) {
	f.unless(p.Version >= 3 && p.Version <= 5, "protocol version %d is none of 3 (3.1), 4 (3.1.1), 5 (5.0)", p.Version)
	f.unless(p.PubQoS <= 2, "publishing at QoS %d: there are 0, 1 and 2", p.PubQoS)
	f.unless(p.SubQoS <= 2, "subscribing at QoS %d: there are 0, 1 and 2", p.SubQoS)
	f.unless(p.Window >= 1 && p.Window <= math.MaxUint16, "a window of %d messages: 1 to 65535 are possible, as many as there are Packet Identifiers", p.Window)
	f.unless(p.Payload >= StampSize && p.Payload <= MaxPayload, "a payload of %d bytes: %d (the stamp) to %d are possible", p.Payload, StampSize, MaxPayload)
	for _, s := range []Session{p.PublisherSession, p.SubscriberSession} {
		f.unless(s == Clean || s == Persistent, "session %q is neither %s nor %s", s, Clean, Persistent)
	}
}

func (p *Plan) validateLoad(f *faults) {
	f.unless(p.Rate >= 0 && !math.IsInf(p.Rate, 1), "a rate of %v messages a second", p.Rate)
	f.unless(!p.Closed || p.Rate == 0, "a closed loop sends when it may, so it has no rate; this plan has %v messages a second", p.Rate)
	f.unless(p.Publishers > 0 || p.Rate == 0 && !p.Closed, "nobody is there to publish: there are no publishers")
	f.unless(p.Arrivals == Constant || p.Arrivals == Poisson || p.Arrivals == Burst, "arrivals %q are none of %s, %s, %s", p.Arrivals, Constant, Poisson, Burst)
	f.unless(p.ConnectRate >= 0 && !math.IsInf(p.ConnectRate, 1), "a rate of %v connections a second", p.ConnectRate)
	f.unless(p.Warmup >= 0, "a warm-up of %s is negative", p.Warmup)
	f.unless(p.Duration > 0, "a duration of %s leaves nothing to measure", p.Duration)
	f.unless(p.Warmup < maxRun && p.Duration < maxRun, "warm-up %s and duration %s: each must be less than %s", p.Warmup, p.Duration, maxRun)
	if period := p.Period(); period > 0 && p.Duration > 0 {
		each := float64(p.End()) / period
		f.unless(each <= MaxPerStream, "%.0f messages of each publisher: the stamp has 32 bits for them; use more publishers, or less time", each)
	}
}

// maxRun keeps due times within what a float64 counts to the nanosecond, 2^52 ns.
const maxRun = Duration(1 << 51)

func (p *Plan) validateTopic(f *faults) {
	if len(p.Flows) == 0 { // Otherwise each has its own.
		p.validateTemplate(f, p.Topic, p.Publishers)
		f.unless(len(p.TopicName(MaxClients)) <= math.MaxUint16, "topic template %q makes Topic Names of more than 65535 bytes", p.Topic)
	}
	p.validateNames(f)
}

func (p *Plan) validateTemplate(f *faults, t string, publishers int) {
	f.unless(t != "" && utf8.ValidString(t) && !strings.ContainsRune(t, 0), "topic template %q is empty, or not UTF-8, or contains U+0000", t)
	f.unless(!strings.ContainsAny(t, "+#"), "topic template %q contains a wildcard: messages are published to Topic Names, which have none", t)
	f.unless(!strings.HasPrefix(t, "$"), "topic template %q begins with $, which wildcards do not match and servers keep for themselves", t)
	checkVerbs(f, "topic template", t, topicVerbs)
	indexed := has(t, 'i') || has(t, 'c') || has(t, 'u')
	f.unless(indexed || publishers < 2, "topic template %q has no %%i, so that all %d publishers would share one Topic Name and their order could not be checked", t, publishers)
	f.unless(!has(t, 's') || !p.Retain, "topic template %q has a %%s, and every message would be retained: there would be no end of them", t)
}

// checkVerbs notes a % that is followed by none of the letters, or of rand_N.
func checkVerbs(f *faults, what, t, letters string) {
	wrong := false
	expand(t, func(v verb) string {
		wrong = wrong || v.letter != 'N' && strings.IndexByte(letters, v.letter) < 0
		return ""
	})
	wrong = wrong || strings.HasSuffix(strings.ReplaceAll(t, "%%", ""), "%")
	f.unless(!wrong, "%s %q: %% is followed by none of %s, rand_N", what, t, strings.Join(strings.Split(letters, ""), ", "))
}

func (p *Plan) validateNames(f *faults) {
	checkVerbs(f, "client identifier template", p.ClientID, nameVerbs)
	checkVerbs(f, "message template", p.Message, topicVerbs)
	f.unless(p.Message == "" || len(p.Body) == 0 && p.PayloadMax == 0, "a message template says how long messages are, and what is in them")
	checkVerbs(f, "user name template", p.Username, nameVerbs)
	clients := p.Clients()
	f.unless(p.ClientID == "" || has(p.ClientID, 'i') || clients < 2, "client identifier template %q has no %%i, so that all %d clients would be one, and throw each other out", p.ClientID, clients)
	f.unless(p.ClientID == "" || !has(p.ClientID, 'i') || has(p.ClientID, 'g') || len(p.Flows) == 0 && (p.Publishers == 0 || p.Subscribers == 0) || len(p.Groups) == 1,
		"client identifier template %q has no %%g (the group; p and s for publishers and subscribers): their numbers begin with 0 each", p.ClientID)
	f.unless(len(p.ClientIDs) == 0 || len(p.ClientIDs) >= clients, "there are %d client identifiers for %d clients", len(p.ClientIDs), clients)
}

func (p *Plan) validateExtras(f *faults) {
	w, r := p.Wills, p.Readers
	f.unless(w.Watchers >= 0 && w.Watchers <= MaxClients, "%d watchers of wills", w.Watchers)
	f.unless(w.QoS <= 2, "wills of QoS %d: there are 0, 1 and 2", w.QoS)
	f.unless(w.Delay >= 0, "a will delay of %s is negative", w.Delay)
	f.unless(w.Delay == 0 || p.Version == 5, "a will delay needs MQTT 5.0")
	f.unless(w.Expiry >= 0, "a will that expires after %s, which is negative", w.Expiry)
	f.unless(!w.HasProps() || p.Version == 5, "properties of wills need MQTT 5.0")
	texts := []string{w.ContentType, w.ResponseTopic}
	for _, u := range w.UserProperties {
		texts = append(texts, u[0], u[1])
	}
	for _, x := range texts {
		f.unless(len(x) <= math.MaxUint16 && utf8.ValidString(x) && !strings.ContainsRune(x, 0), "a property of the wills is longer than 65535 bytes, or not UTF-8, or contains U+0000")
	}
	f.unless(len(w.Correlation) <= math.MaxUint16, "the correlation data of the wills is longer than 65535 bytes")
	f.unless(!hasAny(w.ResponseTopic, "+#"), "the will's response topic %q contains a wildcard", w.ResponseTopic)
	f.unless(r.Count >= 0 && r.Count <= MaxClients, "%d readers", r.Count)
	f.unless(r.Count == 0 || p.Retain, "there are readers of retained messages, and nothing is published with RETAIN")
	f.unless(r.QoS <= 2, "readers of QoS %d: there are 0, 1 and 2", r.QoS)
	f.unless(r.Count == 0 || r.Every > 0, "readers come every %s: it must be more than 0", r.Every)
	f.unless(p.Decoys >= 0 && p.Decoys <= maxDecoys, "%d decoys: 0 to %d are possible, all in one SUBSCRIBE", p.Decoys, maxDecoys)
	f.unless(p.SessionExpiry >= 0, "a session expiry of %s is negative", p.SessionExpiry)
	f.unless(p.SessionExpiry == 0 || p.Version == 5, "a session expiry needs MQTT 5.0")
	f.unless(p.PayloadMax == 0 || p.PayloadMax >= p.Payload && p.PayloadMax <= MaxPayload, "payloads of %d to %d bytes", p.Payload, p.PayloadMax)
}

// maxDecoys bounds one SUBSCRIBE; defaultEvery is how often a reader comes.
const (
	maxDecoys    = 1000
	defaultEvery = Duration(1e9)
)

func (p *Plan) validateChurn(f *faults) {
	c := p.Churn
	if c == (Churn{}) {
		return
	}
	f.unless(c.Rate >= 0 && !math.IsInf(c.Rate, 1), "churn of %v connections a second", c.Rate)
	f.unless(c.Abrupt >= 0 && c.Abrupt <= 1, "a share of %v abrupt departures is not between 0 and 1", c.Abrupt)
	f.unless(c.TakeOver >= 0 && c.TakeOver <= 1, "a share of %v take-overs is not between 0 and 1", c.TakeOver)
	f.unless(c.Down >= 0, "clients that churn are to stay away for %s, which is negative", c.Down)
	f.unless(c.Who == ChurnSubscribers || c.Who == ChurnPublishers || c.Who == ChurnBoth, "churn of %q: there are %s, %s and %s", c.Who, ChurnSubscribers, ChurnPublishers, ChurnBoth)
	f.unless(c.Rate == 0 || p.churning() > 0, "churn is for %s, and there are none", c.Who)
}

func (p *Plan) validateOffline(f *faults) {
	f.unless(len(p.MoreOffline) == 0 || p.Offline.For > 0, "there are further stretches of being offline, and no first one")
	f.unless(len(p.MoreOffline) < MaxOffline, "clients are to be offline %d times: at most %d are possible", len(p.MoreOffline)+1, MaxOffline)
	if p.Offline == (Offline{}) {
		return
	}
	var back Duration
	for i, o := range append([]Offline{p.Offline}, p.MoreOffline...) {
		p.validateAbsence(f, o)
		f.unless(i == 0 || o.At > back, "clients are to go offline at %s, and are back from the stretch before only at %s: one must follow the other", o.At, back)
		back = o.At + o.For
	}
	f.unless(!p.Closed, "clients are to be offline in a closed loop, which stops while they are")
	f.unless(!p.AnyShared(), "subscribers of a shared subscription are to be offline: nobody is promised what then comes")
	f.unless(p.Churn.Rate == 0, "churn and being offline together: a client could not be told to leave twice")
}

func (p *Plan) validateAbsence(f *faults, o Offline) {
	f.unless(o.At >= 0 && o.At < p.Duration, "the subscribers go offline %s into the measured part, which lasts %s", o.At, p.Duration)
	f.unless(o.For > 0 && o.For < maxRun, "the subscribers are offline for %s: it must be more than 0 and less than %s", o.For, maxRun)
	f.unless(o.Who == "" || o.Who == ChurnSubscribers || o.Who == ChurnPublishers || o.Who == ChurnBoth, "offline are %q: there are %s, %s and %s", o.Who, ChurnSubscribers, ChurnPublishers, ChurnBoth)
	f.unless(o.Who == ChurnPublishers || p.Subscribers > 0, "there are no subscribers to be offline")
	f.unless(o.Who != ChurnPublishers || p.Publishers > 0, "there are no publishers to be offline")
}

func (p *Plan) validateFlap(f *faults) {
	x := p.Flap
	if x == (Flap{}) {
		return
	}
	f.unless(x.Rate >= 0 && !math.IsInf(x.Rate, 1), "%v subscriptions taken back a second", x.Rate)
	f.unless(x.For >= 0 && x.For < maxRun, "subscriptions are taken back for %s: it must be 0 or more, and less than %s", x.For, maxRun)
	f.unless(x.Rate == 0 || p.Subscribers > 0, "subscriptions are to be taken back, and there are no subscribers")
	f.unless(!p.Closed, "subscriptions are to be taken back in a closed loop, which would wait for what nobody asked for")
	f.unless(!p.AnyShared(), "members of a shared subscription are to take theirs back: nobody is promised what then comes")
}
