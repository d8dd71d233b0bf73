package session

import "math"

// Limits bound one session. Zero fields mean the defaults.
type Limits struct {
	MaxQueued      int // Messages waiting or in flight; default 100,000.
	MaxQueuedBytes int // Their bytes; default 64 MiB. A message larger than this is always refused.
	MaxInflight    int // Messages in flight; default 65535; the client's Receive Maximum bounds it further.
}

const (
	defaultMaxQueued      = 100_000
	defaultMaxQueuedBytes = 64 << 20

	// maxSpan is the number of Packet Identifiers, [v5 2.2.1], and so the length that
	// the queue in flight can have, holes included: with one more, two entries had the
	// same identifier.
	maxSpan = 65535
)

// WithDefaults fills in what is zero.
func (l Limits) WithDefaults() Limits {
	l.MaxQueued = orDefault(l.MaxQueued, defaultMaxQueued, math.MaxInt32)
	l.MaxQueuedBytes = orDefault(l.MaxQueuedBytes, defaultMaxQueuedBytes, math.MaxInt)
	l.MaxInflight = orDefault(l.MaxInflight, maxSpan, maxSpan)
	return l
}

func orDefault(n, preset, most int) int {
	if n <= 0 {
		return preset
	}
	return min(n, most)
}
