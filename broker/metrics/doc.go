// Package metrics shows what a broker does to Prometheus, and whether it is well to whoever asks.
//
// Nothing is counted here: each scrape reads the broker's own counters, which every loop keeps for itself
// without atomics, and so a message pays nothing for being watched. What waits in the sessions is counted by
// looking at each of them; with very many, less often than every scrape (see depthShare).
//
// Names follow the conventions of Prometheus: seconds and bytes, _total for what only grows. A label
// has few values, all known beforehand: neither clients nor topics are labels. Each reason, limit and QoS is there from
// the first scrape on, so that a rate can be taken of its first increase.
package metrics
