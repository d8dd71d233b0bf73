package plan

import "mqttbench/broker/packet"

// TopicName is the Topic Name that a publisher publishes to: the template with %i replaced by the
// publisher's index, %r by the run's name, %d by the publisher's index modulo 100 (a level to
// spread over), and %% by a per cent sign. Two publishers never share a Topic Name.
func (p *Plan) TopicName(pub int) string { panic("todo") }

// Filters are the Topic Filters that a subscriber subscribes to, at SubQoS.
func (p *Plan) Filters(sub int) []string { panic("todo") }

// PublisherID is the Client Identifier of a publisher. With a run name of at most 12 characters it keeps to what
// every server must accept: 1 to 23 characters of 0-9, a-z, A-Z, [v3.1.1 MQTT-3.1.3-5].
func (p *Plan) PublisherID(pub int) string { panic("todo") }

// SubscriberID is the Client Identifier of a subscriber, as PublisherID.
func (p *Plan) SubscriberID(sub int) string { panic("todo") }

// EffectiveQoS is the QoS of a delivery to a subscription that was granted the given QoS, [v5 3.8.4].
func (p *Plan) EffectiveQoS(granted packet.QoS) packet.QoS { return min(p.PubQoS, granted) }
