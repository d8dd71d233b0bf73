package plan

import (
	"strconv"
	"strings"

	"mqttbench/broker/packet"
)

// spread is the number of values that %d takes.
const spread = 100

// TopicName is the Topic Name that a publisher publishes to: the template with %i replaced by the
// publisher's index, %r by the run's name, %d by the index modulo 100 (a level to spread over), and
// %% by a per cent sign. No two publishers of a valid plan share one.
func (p *Plan) TopicName(pub int) string {
	return expand(p.Topic, func(verb byte) string {
		switch verb {
		case 'i':
			return strconv.Itoa(pub)
		case 'd':
			return strconv.Itoa(pub % spread)
		case 'r':
			return p.Run
		default:
			return "%"
		}
	})
}

// Filters are the Topic Filters that a subscriber subscribes to, at SubQoS. A subscriber without
// publishers subscribes all the same, so that idle connections cost the broker what real ones do.
func (p *Plan) Filters(sub int) []string {
	if p.Pattern == FanIn {
		filter := p.wildcard()
		if p.ShareName != "" {
			filter = "$share/" + p.ShareName + "/" + filter
		}
		return []string{filter}
	}
	if p.SourceCount(sub) == 0 {
		return []string{p.TopicName(sub)}
	}
	filters := make([]string, 0, p.SourceCount(sub))
	for pub := range p.Sources(sub) {
		filters = append(filters, p.TopicName(pub))
	}
	return filters
}

// wildcard is the filter that matches every Topic Name of the plan: a + for each level that differs.
func (p *Plan) wildcard() string {
	levels := strings.Split(p.Topic, "/")
	for i, level := range levels {
		varies := false
		levels[i] = expand(level, func(verb byte) string {
			varies = varies || verb == 'i' || verb == 'd'
			if verb == 'r' {
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

// expand replaces each %x of a template by f(x).
func expand(template string, f func(verb byte) string) string {
	var b strings.Builder
	for i := 0; i < len(template); i++ {
		if template[i] != '%' || i+1 == len(template) {
			b.WriteByte(template[i])
			continue
		}
		i++
		b.WriteString(f(template[i]))
	}
	return b.String()
}

// PublisherID is the Client Identifier of a publisher. Up to a run name of 10 characters it is one
// that every server must accept: 1 to 23 of 0-9, a-z and A-Z, [v3.1.1 MQTT-3.1.3-5].
func (p *Plan) PublisherID(pub int) string { return "mb" + p.Run + "p" + strconv.Itoa(pub) }

// SubscriberID is the Client Identifier of a subscriber, as PublisherID.
func (p *Plan) SubscriberID(sub int) string { return "mb" + p.Run + "s" + strconv.Itoa(sub) }

// EffectiveQoS is the QoS of a delivery to a subscription that was granted one, [v5 MQTT-3.8.4-8].
func (p *Plan) EffectiveQoS(granted packet.QoS) packet.QoS { return min(p.PubQoS, granted) }
