package plan

import (
	"cmp"
	"fmt"
	"math"

	"mqttbench/broker/packet"
)

// A Group is some clients that are alike. What they do is in the flows that begin or end with them: any number of
// either, so that one client may publish and subscribe.
type Group struct {
	Name    string  `json:"name"` // Small letters and digits; stands in Client Identifiers.
	Count   int     `json:"count"`
	Session Session `json:"session"` // Default Clean.
}

// A Flow is messages from one group to another, or to itself. Where it says nothing, the plan's own fields speak.
type Flow struct {
	From    string  `json:"from"`              // The publishers, or
	To      string  `json:"to"`                // the subscribers; one of the two may be empty.
	Pattern Pattern `json:"pattern,omitempty"` //
	Topic   string  `json:"topic,omitempty"`   // Default mqttbench/%r/FROM-TO/%i.

	ShareName  string     `json:"share_name,omitempty"`
	PubQoS     packet.QoS `json:"publish_qos"`
	SubQoS     packet.QoS `json:"subscribe_qos"`
	Retain     bool       `json:"retain,omitempty"`
	Payload    int        `json:"payload_bytes,omitempty"`
	PayloadMax int        `json:"payload_max_bytes,omitempty"`
	Rate       float64    `json:"rate_per_s"` // Messages a second, of all its publishers together. 0: it publishes nothing.
	Arrivals   Arrivals   `json:"arrivals,omitempty"`

	// Set by WithDefaults: its publishers and subscribers among those of the plan.
	Publishers      int `json:"publishers"`
	Subscribers     int `json:"subscribers"`
	FirstPublisher  int `json:"first_publisher"`
	FirstSubscriber int `json:"first_subscriber"`
}

// MaxFlows bounds the flows of a plan: the one of a stream is looked for among them.
const MaxFlows = 64

// settle gives the flows their numbers and the plan the sums of them.
func (p *Plan) settle() {
	if len(p.Flows) == 0 {
		return
	}
	flows := make([]Flow, len(p.Flows))
	p.Publishers, p.Subscribers, p.Rate, p.Retain = 0, 0, 0, false
	p.PubQoS, p.SubQoS = 0, 0
	for i, f := range p.Flows {
		setDefault(&f.Pattern, p.Pattern)
		setDefault(&f.Arrivals, p.Arrivals)
		setDefault(&f.Topic, fmt.Sprintf("mqttbench/%%r/%s-%s/%%i", cmp.Or(f.From, "nobody"), cmp.Or(f.To, "nobody")))
		if f.Payload == 0 {
			f.Payload, f.PayloadMax = p.Payload, p.PayloadMax
		}
		f.Publishers, f.Subscribers = p.groupCount(f.From), p.groupCount(f.To)
		f.FirstPublisher, f.FirstSubscriber = p.Publishers, p.Subscribers
		p.Publishers, p.Subscribers, p.Rate = p.Publishers+f.Publishers, p.Subscribers+f.Subscribers, p.Rate+f.Rate
		p.Retain = p.Retain || f.Retain
		p.PubQoS, p.SubQoS = max(p.PubQoS, f.PubQoS), max(p.SubQoS, f.SubQoS)
		flows[i] = f
	}
	p.Flows = flows
	groups := make([]Group, len(p.Groups))
	for i, g := range p.Groups {
		setDefault(&g.Session, Clean)
		groups[i] = g
	}
	p.Groups = groups
}

func (p *Plan) groupCount(name string) int {
	if g := p.group(name); g >= 0 {
		return p.Groups[g].Count
	}
	return 0
}

// group is the place of a group; -1: there is none of that name.
func (p *Plan) group(name string) int {
	for i := range p.Groups {
		if p.Groups[i].Name == name {
			return i
		}
	}
	return -1
}

// flowOf is the flow that a publisher is of; nil: the plan has none but itself.
func (p *Plan) flowOf(pub int) *Flow {
	for i := range p.Flows {
		if f := &p.Flows[i]; pub < f.FirstPublisher+f.Publishers {
			return f
		}
	}
	return nil
}

// flowTo is the flow that a subscriber is of; nil: the plan has none but itself.
func (p *Plan) flowTo(sub int) *Flow {
	for i := range p.Flows {
		if f := &p.Flows[i]; sub < f.FirstSubscriber+f.Subscribers {
			return f
		}
	}
	return nil
}

// PubQoSOf is the QoS that a publisher publishes at.
func (p *Plan) PubQoSOf(pub int) packet.QoS {
	if f := p.flowOf(pub); f != nil {
		return f.PubQoS
	}
	return p.PubQoS
}

// SubQoSOf is the QoS that a subscriber asks for.
func (p *Plan) SubQoSOf(sub int) packet.QoS {
	if f := p.flowTo(sub); f != nil {
		return f.SubQoS
	}
	return p.SubQoS
}

// RetainOf is whether a publisher has its messages retained.
func (p *Plan) RetainOf(pub int) bool {
	if f := p.flowOf(pub); f != nil {
		return f.Retain
	}
	return p.Retain
}

// EffectiveQoS is the QoS of a delivery to a subscriber that was granted one, [v5 MQTT-3.8.4-8].
func (p *Plan) EffectiveQoS(sub int, granted packet.QoS) packet.QoS {
	if f := p.flowTo(sub); f != nil {
		return min(f.PubQoS, granted)
	}
	return min(p.PubQoS, granted)
}

// IsShared reports whether a subscriber is a member of a shared subscription.
func (p *Plan) IsShared(sub int) bool {
	if f := p.flowTo(sub); f != nil {
		return f.ShareName != ""
	}
	return p.ShareName != ""
}

// GoesShared reports whether the messages of a publisher go to a shared subscription.
func (p *Plan) GoesShared(pub int) bool {
	if f := p.flowOf(pub); f != nil {
		return f.ShareName != ""
	}
	return p.ShareName != ""
}

// AnyShared reports whether there is a shared subscription at all.
func (p *Plan) AnyShared() bool {
	for i := range p.Flows {
		if p.Flows[i].ShareName != "" {
			return true
		}
	}
	return p.ShareName != ""
}

// PublisherSessionOf is the session of a publisher's client.
func (p *Plan) PublisherSessionOf(pub int) Session {
	if f := p.flowOf(pub); f != nil {
		return p.Groups[p.group(f.From)].Session
	}
	return p.PublisherSession
}

// SubscriberSessionOf is the session of a subscriber's client.
func (p *Plan) SubscriberSessionOf(sub int) Session {
	if f := p.flowTo(sub); f != nil {
		return p.Groups[p.group(f.To)].Session
	}
	return p.SubscriberSession
}

// Clients are counted through: without groups, the subscribers and then the publishers; with groups, group by group.

// Clients is how many there are.
func (p *Plan) Clients() int {
	if len(p.Flows) == 0 {
		return p.Publishers + p.Subscribers
	}
	sum := 0
	for i := range p.Groups {
		sum += p.Groups[i].Count
	}
	return sum
}

// PublisherClient is the client that a publisher is.
func (p *Plan) PublisherClient(pub int) int {
	if f := p.flowOf(pub); f != nil {
		return p.firstOf(p.group(f.From)) + pub - f.FirstPublisher
	}
	return p.Subscribers + pub
}

// SubscriberClient is the client that a subscriber is.
func (p *Plan) SubscriberClient(sub int) int {
	if f := p.flowTo(sub); f != nil {
		return p.firstOf(p.group(f.To)) + sub - f.FirstSubscriber
	}
	return sub
}

// firstOf is the first client of a group.
func (p *Plan) firstOf(group int) int {
	first := 0
	for i := range p.Groups[:group] {
		first += p.Groups[i].Count
	}
	return first
}

// groupAt is the group of a client and its place in it; nil: the plan has no groups.
func (p *Plan) groupAt(client int) (*Group, int) {
	if len(p.Flows) == 0 {
		return nil, client
	}
	for i := range p.Groups {
		if client < p.Groups[i].Count {
			return &p.Groups[i], client
		}
		client -= p.Groups[i].Count
	}
	return nil, client
}

// ClientSession is the session of a client.
func (p *Plan) ClientSession(client int) Session {
	g, _ := p.groupAt(client)
	switch {
	case g != nil:
		return g.Session
	case client < p.Subscribers:
		return p.SubscriberSession
	}
	return p.PublisherSession
}

func (p *Plan) validateFlows(f *faults) {
	if len(p.Flows) == 0 && len(p.Groups) == 0 {
		return
	}
	f.unless(len(p.Flows) > 0, "there are groups, and no flow says what they do")
	f.unless(len(p.Groups) > 0, "there are flows, and no groups")
	f.unless(len(p.Flows) <= MaxFlows, "%d flows: at most %d are possible", len(p.Flows), MaxFlows)
	f.unless(!p.Closed, "a closed loop has one flow: the messages between groups have rates")
	names := map[string]bool{}
	for _, g := range p.Groups {
		f.unless(onlyAlphanumeric(g.Name) && len(g.Name) <= maxRunName, "group %q: a name is 1 to %d letters and digits", g.Name, maxRunName)
		f.unless(!names[g.Name], "there are two groups called %s", g.Name)
		f.unless(g.Count > 0 && g.Count <= MaxClients, "group %s has %d clients: 1 to %d are possible", g.Name, g.Count, MaxClients)
		f.unless(g.Session == Clean || g.Session == Persistent, "group %s: session %q is neither %s nor %s", g.Name, g.Session, Clean, Persistent)
		names[g.Name] = true
	}
	topics := map[string]bool{}
	for i := range p.Flows {
		p.Flows[i].validate(f, p)
		f.unless(!topics[p.Flows[i].Topic], "two flows have the topic template %q: what belongs to which could not be told", p.Flows[i].Topic)
		topics[p.Flows[i].Topic] = true
	}
}

func (w *Flow) validate(f *faults, p *Plan) {
	name := fmt.Sprintf("flow from %s to %s", cmp.Or(w.From, "nobody"), cmp.Or(w.To, "nobody"))
	for _, g := range []string{w.From, w.To} {
		f.unless(g == "" || p.group(g) >= 0, "%s: there is no group %q", name, g)
	}
	f.unless(w.From != "" || w.To != "", "a flow has neither from nor to")
	f.unless(w.Pattern == Pairs || w.Pattern == FanIn || w.Pattern == FanOut, "%s: pattern %q is none of %s, %s, %s", name, w.Pattern, Pairs, FanIn, FanOut)
	f.unless(w.Pattern != FanOut || w.Publishers <= MaxFanOut, "%s: fan-out from %d publishers, and at most %d are possible", name, w.Publishers, MaxFanOut)
	f.unless(w.ShareName == "" || w.Pattern == FanIn, "%s: a shared subscription needs the pattern %s, and this is %s", name, FanIn, w.Pattern)
	f.unless(w.ShareName == "" || p.Version == 5, "%s: a shared subscription needs MQTT 5.0", name)
	f.unless(!hasAny(w.ShareName, "/+#") && len(w.ShareName) <= maxShareName, "%s: share name %q is longer than %d bytes, or contains one of / + #", name, w.ShareName, maxShareName)
	f.unless(w.PubQoS <= 2 && w.SubQoS <= 2, "%s: QoS %d and %d: there are 0, 1 and 2", name, w.PubQoS, w.SubQoS)
	f.unless(w.Rate >= 0 && !math.IsInf(w.Rate, 1), "%s: a rate of %v messages a second", name, w.Rate)
	f.unless(w.Rate == 0 || w.Publishers > 0, "%s: nobody is there to publish", name)
	f.unless(w.Arrivals == Constant || w.Arrivals == Poisson || w.Arrivals == Burst, "%s: arrivals %q are none of %s, %s, %s", name, w.Arrivals, Constant, Poisson, Burst)
	f.unless(w.Payload >= StampSize && w.Payload <= MaxPayload, "%s: a payload of %d bytes: %d (the stamp) to %d are possible", name, w.Payload, StampSize, MaxPayload)
	f.unless(w.PayloadMax == 0 || w.PayloadMax >= w.Payload && w.PayloadMax <= MaxPayload, "%s: payloads of %d to %d bytes", name, w.Payload, w.PayloadMax)
	p.validateTemplate(f, w.Topic, w.Publishers)
	if w.Rate > 0 && w.Publishers > 0 {
		each := float64(p.End()) * w.Rate / float64(w.Publishers) / 1e9
		f.unless(each <= MaxPerStream, "%s: %.0f messages of each publisher: the stamp has 32 bits for them", name, each)
	}
}

// Expires reports whether the sessions of those who are away, by churn or together, end meanwhile by their Session Expiry Interval.
func (p *Plan) Expires() bool {
	away := p.Churn.Down
	for _, o := range p.Absences() {
		away = max(away, o.For)
	}
	return p.SessionExpiry > 0 && away > p.SessionExpiry
}

// Levels are the QoS levels that messages are published at, ascending.
func (p *Plan) Levels() (all []packet.QoS) {
	if len(p.Flows) == 0 {
		return []packet.QoS{p.PubQoS}
	}
	for q := range packet.QoS(3) {
		for i := range p.Flows {
			if f := &p.Flows[i]; f.PubQoS == q && f.Publishers > 0 && f.Rate > 0 {
				all = append(all, q)
				break
			}
		}
	}
	if len(all) == 0 { // Nothing is published.
		all = append(all, p.PubQoS)
	}
	return all
}
