package broker

import (
	"sync/atomic"

	"mqttbench/broker/transport"
)

// A commitClock takes the time from handing a batch to the store until it is durable: of one batch at a
// time, for that costs nothing where many are under way, and all of a group take about as long.
type commitClock struct {
	at int64 // When the batch was handed over, ns. Stored before number, read after it.

	// Atomic
	number atomic.Uint64 // Of the batch that is timed; 0: none is.
	counts [HistogramBuckets]atomic.Uint64
	sum    atomic.Uint64
}

// handed is called with ledger.cut held alone.
func (c *commitClock) handed(number uint64) {
	if c.number.Load() == 0 {
		c.at = transport.Clock()
		c.number.Store(number)
	}
}

// reached is called by the store only.
func (c *commitClock) reached(durable uint64) {
	if n := c.number.Load(); n != 0 && n <= durable {
		took := max(0, transport.Clock()-c.at)
		c.counts[bucketOf(took)].Add(1)
		c.sum.Add(uint64(took))
		c.number.Store(0)
	}
}

func (c *commitClock) histogram() (h Histogram) {
	for i := range c.counts {
		h.Counts[i] = c.counts[i].Load()
	}
	h.Sum = c.sum.Load()
	return h
}
