package metrics

import "mqttbench/broker"

// A Limit is what a client can reach, by the name of the flag of mqttbroker that sets it.
type Limit struct {
	Flag    string
	reached func(s *broker.Stats) uint64
}

// Limits are all of them. LIMITS.md of mqttbroker says what happens at each.
var Limits = []Limit{
	{"max-clients", func(s *broker.Stats) uint64 { return s.Refused.Clients }},
	{"max-sessions", func(s *broker.Stats) uint64 { return s.Refused.Sessions }},
	{"connect-rate", func(s *broker.Stats) uint64 { return s.Refused.ConnectRate }},
	{"connect-timeout", func(s *broker.Stats) uint64 { return s.Refused.ConnectTimeout }},
	{"auth-queue", func(s *broker.Stats) uint64 { return s.Refused.PasswordQueue }},
	{"max-packet", func(s *broker.Stats) uint64 { return s.Refused.PacketSize }},
	{"max-subscriptions", func(s *broker.Stats) uint64 { return s.Refused.Subscriptions }},
	{"max-filter-bytes", func(s *broker.Stats) uint64 { return s.Refused.FilterBytes }},
	{"max-topic-levels", func(s *broker.Stats) uint64 { return s.Refused.TopicLevels }},
	{"max-topic-alias", func(s *broker.Stats) uint64 { return s.Refused.TopicAlias }},
	{"receive-maximum", func(s *broker.Stats) uint64 { return s.Refused.ReceiveMaximum }},
	{"max-inflight", func(s *broker.Stats) uint64 { return s.Refused.Inflight }},
	{"max-queued", func(s *broker.Stats) uint64 { return s.Refused.QueueMessages }},
	{"max-queued-bytes", func(s *broker.Stats) uint64 { return s.Refused.QueueBytes }},
	{"max-outbox", func(s *broker.Stats) uint64 { return s.Dropped.OutboxFull }},
	{"max-retained", func(s *broker.Stats) uint64 { return s.Refused.Retained }},
	{"max-retained-bytes", func(s *broker.Stats) uint64 { return s.Refused.RetainedBytes }},
	{"no-retain", func(s *broker.Stats) uint64 { return s.Refused.RetainDisabled }},
	{"min-free", func(s *broker.Stats) uint64 { return s.Refused.MinFree }},
	{"validate-payload", func(s *broker.Stats) uint64 { return s.Dropped.PayloadFormat }},
}
