package broker

import (
	"bytes"
	"errors"
	"sync/atomic"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
)

// Every limit of Options that a client can reach is counted when it is: what a
// message met is in Dropped, what a client met in Refused.

// Refused counts what clients were refused, and why their connections were ended.
type Refused struct {
	Clients        uint64 // CONNECT: Options.MaxClients.
	Sessions       uint64 // CONNECT: Options.MaxSessions.
	ConnectRate    uint64 // CONNECT: Options.ConnectRate.
	ConnectTimeout uint64 // No CONNECT within Options.ConnectTimeout.
	Credentials    uint64 // CONNECT: not let in.
	PasswordQueue  uint64 // CONNECT, AUTH: Options.AuthQueue.
	KeepAlive      uint64 // Silent for one and a half times the Keep Alive.

	Subscriptions  uint64 // Topic Filters: Options.MaxSubscriptions.
	FilterBytes    uint64 // Topic Filters: Options.MaxFilterBytes.
	TopicLevels    uint64 // Topic Filters and Topic Names: Options.MaxTopicLevels.
	Retained       uint64 // Messages not retained: Options.MaxRetained.
	RetainedBytes  uint64 // Messages not retained: Options.MaxRetainedBytes.
	RetainDisabled uint64 // Messages and Will Messages to be retained: Options.NoRetain.

	MinFree uint64 // QoS 1 and 2 messages, and those to be retained: Options.MinFree.

	PacketSize     uint64 // Larger than Options.MaxPacket, or than maxConnect.
	ReceiveMaximum uint64 // More QoS 2 messages than Options.ReceiveMaximum.
	TopicAlias     uint64 // A Topic Alias above Options.TopicAliasMaximum, or 0.
	QueueMessages  uint64 // QoS 1 and 2 messages for one session: session.Limits.MaxQueued.
	QueueBytes     uint64 // QoS 1 and 2 messages for one session: session.Limits.MaxQueuedBytes.
	Inflight       uint64 // Messages that had to wait: session.Limits.MaxInflight.
	Malformed      uint64 // Packets that are none.
	Protocol       uint64 // Packets that may not come, or not now.
	Other          uint64
}

// count counts an error of the peer that ends its connection. Those that one Reason
// Code does not tell apart are counted where they are found.
func (r *Refused) count(err error) {
	var e *packet.Error
	if !errors.As(err, &e) {
		return
	}
	switch e.Code {
	case packet.MalformedPacket:
		r.Malformed++
	case packet.ProtocolError:
		r.Protocol++
	case packet.PacketTooLarge:
		r.PacketSize++
	case packet.ReceiveMaximumExceeded:
		r.ReceiveMaximum++
	case packet.TopicAliasInvalid:
		r.TopicAlias++
	case packet.ConnectionRateExceeded:
		r.ConnectRate++
	case packet.TopicNameInvalid:
		r.TopicLevels++
	case packet.RetainNotSupported:
		r.RetainDisabled++
	case packet.BadUserNameOrPassword, packet.NotAuthorized, packet.Banned, packet.BadAuthenticationMethod:
		r.Credentials++
	case packet.QuotaExceeded: // Of clients or of sessions: counted there.
	default:
		r.Other++
	}
}

func (r *Refused) add(n *Refused) {
	r.Clients += n.Clients
	r.Sessions += n.Sessions
	r.ConnectRate += n.ConnectRate
	r.ConnectTimeout += n.ConnectTimeout
	r.Credentials += n.Credentials
	r.PasswordQueue += n.PasswordQueue
	r.KeepAlive += n.KeepAlive
	r.Subscriptions += n.Subscriptions
	r.FilterBytes += n.FilterBytes
	r.TopicLevels += n.TopicLevels
	r.Retained += n.Retained
	r.RetainedBytes += n.RetainedBytes
	r.RetainDisabled += n.RetainDisabled
	r.MinFree += n.MinFree
	r.PacketSize += n.PacketSize
	r.ReceiveMaximum += n.ReceiveMaximum
	r.TopicAlias += n.TopicAlias
	r.QueueMessages += n.QueueMessages
	r.QueueBytes += n.QueueBytes
	r.Inflight += n.Inflight
	r.Malformed += n.Malformed
	r.Protocol += n.Protocol
	r.Other += n.Other
}

var slash = []byte{'/'}

// filterCost is what a Topic Filter counts against Options.MaxFilterBytes: its bytes, and an allowance for
// its place in the tree, which has a node for each level.
func filterCost[T string | []byte](filter T) int {
	levels := 0
	for i := range len(filter) {
		if filter[i] == '/' {
			levels++
		}
	}
	return len(filter) + filterOverhead + levelOverhead*levels
}

const (
	filterOverhead = 64 // bytes
	levelOverhead  = 32 // bytes
)

// tooDeep reports whether a Topic Name or Topic Filter has more than limit levels.
// Short ones, which are nearly all, cannot, and are not looked at.
func tooDeep(name []byte, limit int) bool {
	return limit > 0 && len(name) >= limit && bytes.Count(name, slash) >= limit
}

// A gate lets so many CONNECTs pass in a second, and up to one second's worth at once
// after a pause. It keeps no count, only the time at which the one after the last
// would be on schedule, so any loop can pass it with one atomic operation.
type gate struct {
	every int64        // Immutable. ns; 0: all pass.
	next  atomic.Int64 // ns.
}

func newGate(rate int) gate {
	if rate <= 0 {
		return gate{}
	}
	return gate{every: max(1, second/int64(rate))}
}

func (g *gate) pass(now int64) bool {
	if g.every == 0 {
		return true
	}
	for {
		next := g.next.Load()
		at := max(next, now)
		if at-now > second-g.every {
			return false
		}
		if g.next.CompareAndSwap(next, at+g.every) {
			return true
		}
	}
}

// retainedCost is what a retained message counts against Options.MaxRetainedBytes:
// its bytes, its name once more as the key, and an allowance for its place in the
// index, which has a node for each level of the name (16 at most).
func retainedCost(name, props, payload int, slashes int) int64 {
	const (
		fixed    = 256
		perLevel = 256
		levels   = 16
	)
	return int64(2*name + props + payload + fixed + perLevel*min(slashes+1, levels))
}

func costOf(m *session.Message) int64 {
	return retainedCost(len(m.Topic), len(m.Props), len(m.Payload), bytes.Count(m.Topic, slash))
}

// retainable reserves room for a retained message, or says that there is none.
func (l *loop) retainable(name string, cost int64) bool {
	s := l.s
	if s.o.MaxRetained > 0 && s.retainedLen() >= s.o.MaxRetained {
		if _, existed := s.retained.Get(name); !existed {
			l.n.refused.Retained++
			return false
		}
	}
	if total := s.retainedBytes.Add(cost); s.o.MaxRetainedBytes > 0 && total > int64(s.o.MaxRetainedBytes) {
		// One that takes another's place needs only the difference.
		old, existed := s.retained.Get(name)
		if !existed || total-costOf(old) > int64(s.o.MaxRetainedBytes) {
			s.retainedBytes.Add(-cost)
			l.n.refused.RetainedBytes++
			return false
		}
	}
	return true
}

// retainedLen is how many messages clients have had retained: without the broker's own.
func (s *Server) retainedLen() int { return s.retained.Len() - int(s.sysTopics.Load()) }

// countLimitLocked says which limit of the session kept a message from being sent at once.
func (l *loop) countLimitLocked(cl *client, c *conn, v session.Verdict) {
	limits := &l.s.o.SessionLimits
	switch {
	case v == session.Full && cl.sess.Inflight()+cl.sess.Queued() >= limits.MaxQueued:
		l.n.refused.QueueMessages++
	case v == session.Full:
		l.n.refused.QueueBytes++
	case c != nil && cl.sess.Inflight() >= limits.MaxInflight:
		l.n.refused.Inflight++
	}
}
