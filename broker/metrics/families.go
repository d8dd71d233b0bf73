package metrics

import (
	"mqttbench/broker"
	"mqttbench/broker/store"
	"mqttbench/broker/transport"
)

// A view is a broker as one scrape sees it.
type view struct {
	broker.Stats
	server    *broker.Server
	transport transport.Stats
	depths    broker.Depths
	store     store.Stats
	durable   bool // There is a store.
}

// emit adds a value with its labels, in the order of family.labels.
type emit func(n float64, labels ...string)

// A family is what has one name.
type family struct {
	name    string
	help    string
	counter bool
	labels  []string
	collect func(v *view, to emit)
}

func gauge(name, help string, n func(v *view) int) family {
	return family{name: name, help: help, collect: func(v *view, to emit) { to(float64(n(v))) }}
}

func count(name, help string, n func(v *view) uint64) family {
	return family{name: name, help: help, counter: true, collect: func(v *view, to emit) { to(float64(n(v))) }}
}

// stored is a family that only a broker with a data directory has.
func stored(f family) family {
	collect := f.collect
	f.collect = func(v *view, to emit) {
		if v.durable {
			collect(v, to)
		}
	}
	return f
}

// families is all there is, histograms apart.
var families = []family{
	gauge("clients", "Clients that are connected.", func(v *view) int { return v.Clients }),
	gauge("connections", "Network Connections, those without a CONNECT yet included.", func(v *view) int { return v.server.Connections() }),
	gauge("sessions", "Sessions of clients, connected or not.", func(v *view) int { return v.Sessions }),
	gauge("subscriptions", "Subscriptions, shared ones included.", func(v *view) int { return v.Subscriptions }),
	gauge("shared_subscriptions", "Subscriptions to Shared Subscriptions.", func(v *view) int { return v.SharedSubscriptions }),
	gauge("subscription_bytes", "Bytes of all Topic Filters, an allowance for their index included.", func(v *view) int { return v.depths.FilterBytes }),
	gauge("retained_messages", "Retained messages.", func(v *view) int { return v.Retained }),
	gauge("retained_bytes", "Bytes of retained messages, an allowance for their index included.", func(v *view) int { return v.RetainedBytes }),
	gauge("loops", "Event loops.", func(v *view) int { return v.server.Loops() }),

	gauge("queued_messages", "QoS 1 and 2 messages that wait to be sent, once for each session.", func(v *view) int { return v.depths.Queued }),
	gauge("inflight_messages", "QoS 1 and 2 messages that were sent and are not acknowledged.", func(v *view) int { return v.depths.Inflight }),
	gauge("queued_bytes", "Bytes of messages queued and in flight, once for each session.", func(v *view) int { return v.depths.Bytes }),
	gauge("incoming_messages", "QoS 2 messages from clients that are not released yet.", func(v *view) int { return v.depths.Incoming }),
	gauge("longest_queue_messages", "The most messages that one session has queued and in flight.", func(v *view) int { return v.depths.Longest }),
	gauge("retained_backlogs", "Clients that are owed retained messages for which there was no room.", func(v *view) int { return v.depths.Backlogs }),

	{"messages_total", "Application Messages, by QoS and direction.", true, []string{"direction", "qos"}, func(v *view, to emit) {
		for q := range 3 {
			to(float64(v.Received[q]), "in", qosLabel(q))
			to(float64(v.Delivered[q]), "out", qosLabel(q))
		}
	}},
	{"payload_bytes_total", "Bytes of the payloads of Application Messages, by QoS and direction.", true, []string{"direction", "qos"}, func(v *view, to emit) {
		for q := range 3 {
			to(float64(v.PayloadIn[q]), "in", qosLabel(q))
			to(float64(v.PayloadOut[q]), "out", qosLabel(q))
		}
	}},
	{"packets_total", "MQTT Control Packets.", true, []string{"direction"}, func(v *view, to emit) {
		to(float64(v.PacketsIn), "in")
		to(float64(v.PacketsOut), "out")
	}},
	{"bytes_total", "Bytes of MQTT Control Packets.", true, []string{"direction"}, func(v *view, to emit) {
		to(float64(v.BytesIn), "in")
		to(float64(v.BytesOut), "out")
	}},

	{"dropped_messages_total", "Application Messages that one subscriber did not get.", true, []string{"reason"}, func(v *view, to emit) {
		d := &v.Dropped
		to(float64(d.Offline), "offline")
		to(float64(d.OutboxFull), "outbox_full")
		to(float64(d.SessionFull), "session_full")
		to(float64(d.Expired), "expired")
		to(float64(d.TooLarge), "too_large")
		to(float64(d.NotAuthorized), "not_authorized")
		to(float64(d.PayloadFormat), "payload_format")
	}},
	count("connects_total", "CONNECTs that were accepted.", func(v *view) uint64 { return v.Connects }),
	{"refused_connects_total", "Connections that were ended before a CONNECT of theirs was accepted.", true, []string{"reason"}, func(v *view, to emit) {
		for c := broker.CauseNone + 1; c < broker.NumCauses; c++ {
			to(float64(v.RefusedConnects[c]), c.String())
		}
	}},
	{"closed_connections_total", "Connections that the broker ended after it had accepted a CONNECT.", true, []string{"reason"}, func(v *view, to emit) {
		for c := broker.CauseNone + 1; c < broker.NumCauses; c++ {
			to(float64(v.Closed[c]), c.String())
		}
	}},
	count("sessions_expired_total", "Sessions that have expired.", func(v *view) uint64 { return v.SessionsExpired }),
	{"limit_reached_total", "How often a limit was in the way, by the flag that sets it.", true, []string{"limit"}, func(v *view, to emit) {
		for _, l := range Limits {
			to(float64(l.reached(&v.Stats)), l.Flag)
		}
	}},

	count("matches_total", "Topic Names that were looked up in the subscriptions: others were in a cache.", func(v *view) uint64 { return v.Matches }),
	count("turns_total", "Turns of the event loops.", func(v *view) uint64 { return v.transport.Turns }),
	count("reads_total", "System calls that read from sockets.", func(v *view) uint64 { return v.transport.Reads }),
	count("writes_total", "System calls that write to sockets.", func(v *view) uint64 { return v.transport.Writes }),
	count("accepts_total", "Network Connections that were accepted.", func(v *view) uint64 { return v.transport.Accepts }),
	count("accept_errors_total", "Times that accepting had to pause, for want of descriptors for example.", func(v *view) uint64 { return v.transport.AcceptErrors }),
	count("handshake_errors_total", "Clients that came to nothing in a TLS, WebSocket or PROXY protocol handshake.", func(v *view) uint64 { return v.transport.HandshakeErrors }),

	stored(gauge("store_disk_bytes", "Bytes of the data directory's files.", func(v *view) int { return int(v.store.DiskBytes) })),
	stored(gauge("store_log_bytes", "Bytes that a restart would have to read back.", func(v *view) int { return int(v.store.LogBytes) })),
	stored(gauge("store_waiting_bytes", "Bytes handed to the store and not durable yet.", func(v *view) int { return v.store.Waiting })),
	stored(count("store_batches_total", "Batches that were made durable.", func(v *view) uint64 { return v.store.Batches })),
	stored(count("store_commits_total", "Groups of batches that were made durable together.", func(v *view) uint64 { return v.store.Groups })),
	stored(count("store_bytes_total", "Bytes that were made durable.", func(v *view) uint64 { return v.store.Bytes })),
}
