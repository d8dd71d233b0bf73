package fault

import (
	"math"
	"time"
)

// A trigger counts for one fault and one client (or connection). It is all that decides when a fault is committed,
// and pure: no clock, no shared random source whose order of use could differ from run to run.
type trigger struct {
	stream uint64 // Of random numbers, different for each.
	count  uint64 // Packets seen.
	draws  uint64 // Exponential times drawn.
	done   bool   // At: it has been.
}

// newTrigger is the trigger of a fault's place in the plan, for a Client Identifier and, if counted per
// connection, its number.
func newTrigger(seed uint64, fault int, client string, connection int) trigger {
	h := mix(seed ^ uint64(fault+1)*golden)
	for _, c := range []byte(client) {
		h = mix(h ^ uint64(c))
	}
	return trigger{stream: mix(h ^ uint64(connection)*golden)}
}

// fires counts a packet that f concerns, since after arming, and reports whether f is due.
func (t *trigger) fires(f *Fault, since time.Duration) bool {
	t.count++
	switch {
	case f.Nth > 0:
		return t.count == uint64(f.Nth)
	case f.Every > 0:
		return t.count%uint64(f.Every) == 0
	case f.Probability > 0:
		return unit(mix(t.stream^t.count)) < f.Probability
	case f.Until > 0:
		return since >= f.At && since < f.Until
	case f.At > 0 && !t.done && since >= f.At:
		t.done = true
		return true
	}
	return false
}

// jitter is a number from -1 to 1, for the packet counted last.
func (t *trigger) jitter() float64 { return 2*unit(mix(^t.stream^t.count)) - 1 }

// exponential draws a time with a mean.
func (t *trigger) exponential(mean time.Duration) time.Duration {
	t.draws++
	return time.Duration(-math.Log1p(-unit(mix(t.stream^t.draws<<32))) * float64(mean))
}

const golden = 0x9E3779B97F4A7C15 // 2^64 divided by the golden ratio.

// mix is the finalizer of splitmix64: each bit of x changes half of all bits.
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// unit is a number from 0 to below 1.
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// matches reports whether a pattern of * and ? is the whole of s. An empty pattern matches everything. Unlike in
// path.Match, a * goes over a slash: to MQTT it is no special character of Client Identifiers.
func matches(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	star, from := -1, 0
	p := 0
	for i := 0; i < len(s); {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0: // The last * takes one character more.
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
