package measure

import "mqttbench/bench/result"

// A QueueMatch is a latency that looks like a queue at its limit.
type QueueMatch struct {
	InQueue float64 // Messages in the system per subscriber, by Little's law.
	Limit   int     // The limit it is near; 0: none.
	Name    string  // Whose default the limit is.
}

// QueueLimit applies Little's law to one subscription: messages in the system = latency times rate.
// If that is within 5 % of a queue limit that brokers have by default, or of one given, the latency says how long the queue is, not
// how fast the broker, and it is dropping.
func QueueLimit(serviceP50 float64, deliveredPerSecond float64, limits ...int) QueueMatch {
	panic("todo")
}

// Sane returns what is impossible in a summary: quantiles out of order, counts that do not conserve, rates that
// do not agree with counts. nil: nothing.
func Sane(s *result.Summary) error { panic("todo") }
