package plan

import (
	"fmt"
	"strconv"
	"strings"
)

// spread is the number of values that %d takes.
const spread = 100

// A verb is what follows a % in a template: i, d, r, c, u, s or %, or 'N' for rand_N with its N.
type verb struct {
	letter byte
	n      int
}

// verbs are the letters of a topic template, and of a template for Client Identifiers and User Names.
const (
	topicVerbs = "irdcus%"
	nameVerbs  = "irg%"
)

const randVerb = "rand_"

// readVerb reads the verb at the beginning of s, and how many bytes it has; 0: it is none.
func readVerb(s string) (v verb, size int) {
	if rest, ok := strings.CutPrefix(s, randVerb); ok {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if n, err := strconv.Atoi(rest[:digits]); err == nil && n > 0 {
			return verb{'N', n}, len(randVerb) + digits
		}
	}
	if s == "" {
		return verb{}, 0
	}
	return verb{s[0], 0}, 1
}

// expand replaces each verb of a template by what f says.
func expand(template string, f func(v verb) string) string {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '%' || i+1 == len(template) {
			b.WriteByte(template[i])
			continue
		}
		v, size := readVerb(template[i+1:])
		b.WriteString(f(v))
		i += size
	}
	return b.String()
}

// has reports whether a template has a verb.
func has(template string, letter byte) bool {
	found := false
	expand(template, func(v verb) string {
		found = found || v.letter == letter
		return ""
	})
	return found
}

// topic is the template of a publisher's Topic Names, and the publisher's place in its flow.
func (p *Plan) topic(pub int) (template string, place int) {
	if f := p.flowOf(pub); f != nil {
		return f.Topic, pub - f.FirstPublisher
	}
	return p.Topic, pub
}

// TopicName is the Topic Name that a publisher publishes to: the template with %i replaced by the publisher's index in its flow, %r by the
// run's name, %d by the index modulo 100 (a level to spread over), %c by its Client Identifier, %u by its User Name, %rand_N by a number
// from 1 to N that it keeps, and %% by a per cent sign. No two publishers of a valid plan share one. If there is a %s for the
// sequence number of the message (Plan.PerMessage), it stays, and TopicOf has the name of each message.
func (p *Plan) TopicName(pub int) string { return p.topicName(pub, "%s") }

// TopicOf is the Topic Name of one message of a publisher.
func (p *Plan) TopicOf(pub int, seq uint32) string {
	return p.topicName(pub, strconv.FormatUint(uint64(seq), 10))
}

// PerMessage reports whether a publisher has a Topic Name for each message.
func (p *Plan) PerMessage(pub int) bool {
	template, _ := p.topic(pub)
	return has(template, 's')
}

func (p *Plan) topicName(pub int, seq string) string {
	template, place := p.topic(pub)
	return expand(template, func(v verb) string { return p.valueOf(v, pub, place, seq) })
}

func (p *Plan) valueOf(v verb, pub, place int, seq string) string {
	switch v.letter {
	case 'i':
		return strconv.Itoa(place)
	case 'd':
		return strconv.Itoa(place % spread)
	case 'r':
		return p.Run
	case 'c':
		return p.PublisherID(pub)
	case 'u':
		return p.UsernameOf(p.PublisherClient(pub))
	case 's':
		return seq
	case 'N':
		return strconv.Itoa(p.random(p.PublisherClient(pub), v.n))
	default:
		return "%"
	}
}

// random is a number from 1 to n that a client keeps.
func (p *Plan) random(client, n int) int {
	return 1 + int(hash(p.Seed, purposeName, uint64(client))%uint64(n))
}

// Filters are the Topic Filters that a subscriber subscribes to, at SubQoSOf; Decoys are not among them. A subscriber without
// publishers subscribes all the same, so that idle connections cost the broker what real ones do.
func (p *Plan) Filters(sub int) []string {
	pattern, share, template, first := p.Pattern, p.ShareName, p.Topic, 0
	f := p.flowTo(sub)
	if f != nil {
		pattern, share, template, first = f.Pattern, f.ShareName, f.Topic, f.FirstSubscriber
	}
	if pattern == FanIn {
		filter := p.wildcard(template)
		if share != "" {
			filter = "$share/" + share + "/" + filter
		}
		return []string{filter}
	}
	if p.SourceCount(sub) == 0 {
		return []string{p.filter(template, sub-first, sub-first)}
	}
	filters := make([]string, 0, p.SourceCount(sub))
	for pub := range p.Sources(sub) {
		_, place := p.topic(pub)
		filters = append(filters, p.filter(template, pub, place))
	}
	return filters
}

// DecoyFilters are filters with wildcards that match no Topic Name of the run, but its first level: the server has to look at them.
func (p *Plan) DecoyFilters(sub int) []string {
	if p.Decoys == 0 {
		return nil
	}
	root, _, _ := strings.Cut(p.TopicName(0), "/")
	filters := make([]string, p.Decoys)
	for i := range filters {
		filters[i] = fmt.Sprintf("%s/+/decoy/%d/%d/#", root, sub, i)
	}
	return filters
}

// filter is the Topic Filter for one publisher: its Topic Name, with a + where a level is another with each message, or, if the plan is
// Wild, is a spread.
func (p *Plan) filter(template string, pub, place int) string {
	levels := strings.Split(template, "/")
	for i, level := range levels {
		if has(level, 's') || p.Wild && has(level, 'd') {
			levels[i] = "+"
			continue
		}
		levels[i] = expand(level, func(v verb) string { return p.valueOf(v, pub, place, "") })
	}
	return strings.Join(levels, "/")
}

// wildcard is the filter that matches every Topic Name of a template: a + for each level that differs.
func (p *Plan) wildcard(template string) string {
	levels := strings.Split(template, "/")
	for i, level := range levels {
		varies := false
		levels[i] = expand(level, func(v verb) string {
			varies = varies || v.letter != 'r' && v.letter != '%'
			if v.letter == 'r' {
				return p.Run
			}
			return "%"
		})
		if varies {
			levels[i] = "+"
		}
	}
	return strings.Join(levels, "/")
}

// PublisherID is the Client Identifier of a publisher. Up to a run name of 10 characters the default is one
// that every server must accept: 1 to 23 of 0-9, a-z and A-Z, [v3.1.1 MQTT-3.1.3-5].
func (p *Plan) PublisherID(pub int) string { return p.ClientName(p.PublisherClient(pub)) }

// SubscriberID is the Client Identifier of a subscriber, as PublisherID.
func (p *Plan) SubscriberID(sub int) string { return p.ClientName(p.SubscriberClient(sub)) }

// ClientName is the Client Identifier of a client: from the list of them, or the template with %i replaced by the client's index in its
// group (or among the publishers, or the subscribers), %g by the group's name (or p, or s), %r by the run's name, and %rand_N.
func (p *Plan) ClientName(client int) string {
	if len(p.ClientIDs) > 0 {
		return p.ClientIDs[client%len(p.ClientIDs)]
	}
	template := p.ClientID
	if template == "" {
		template = "mb%r%g%i"
	}
	return p.expandName(template, client)
}

// UsernameOf is the User Name of a client; "" if none is known to the plan.
func (p *Plan) UsernameOf(client int) string {
	if len(p.Usernames) > 0 {
		return p.Usernames[client%len(p.Usernames)]
	}
	return p.expandName(p.Username, client)
}

// Expand is a template for a client, with the verbs of ClientName.
func (p *Plan) Expand(template string, client int) string { return p.expandName(template, client) }

func (p *Plan) expandName(template string, client int) string {
	group, place := "s", client
	switch g, at := p.groupAt(client); {
	case g != nil:
		group, place = g.Name, at
	case client >= p.Subscribers:
		group, place = "p", client-p.Subscribers
	}
	return expand(template, func(v verb) string {
		switch v.letter {
		case 'i':
			return strconv.Itoa(place)
		case 'g':
			return group
		case 'r':
			return p.Run
		case 'N':
			return strconv.Itoa(p.random(client, v.n))
		default:
			return "%"
		}
	})
}

// WatcherID, ReaderID and WillTopic name what belongs to Wills and Readers.
func (p *Plan) WatcherID(n int) string { return fmt.Sprintf("mb%sw%d", p.Run, n) }

// ReaderID is the Client Identifier of a reader.
func (p *Plan) ReaderID(n int) string { return fmt.Sprintf("mb%sr%d", p.Run, n) }

// WillTopic is where the will of a client is published; of -1, the filter that matches all of them.
func (p *Plan) WillTopic(client int) string {
	if client < 0 {
		return fmt.Sprintf("mqttbench/will/%s/+", p.Run)
	}
	return fmt.Sprintf("mqttbench/will/%s/%d", p.Run, client)
}

// RetainedFilters match every Topic Name that is published to.
func (p *Plan) RetainedFilters() []string {
	if len(p.Flows) == 0 {
		return []string{p.wildcard(p.Topic)}
	}
	var filters []string
	for i := range p.Flows {
		if f := &p.Flows[i]; f.Retain && f.Publishers > 0 {
			filters = append(filters, p.wildcard(f.Topic))
		}
	}
	return filters
}

func hasAny(s, chars string) bool { return strings.ContainsAny(s, chars) }
