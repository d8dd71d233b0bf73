package plan

import "math"

// Randomness here is a pure function of where it is needed: (seed, purpose, index). A stateful generator
// shared by publishers would make the due times of one depend on how many others there are in the group.

// Purposes keep the random numbers of different questions apart.
const (
	purposePhase uint64 = iota + 1
	purposePoisson
	purposeChurn
	purposePayload
	purposeName
	purposeSize
	purposeFlap
)

const golden = 0x9E3779B97F4A7C15

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of x moves half of the result's.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	x *= 0x94D049BB133111EB
	return x ^ x>>31
}

// hash draws a number for (seed, purpose, index).
func hash(seed, purpose, index uint64) uint64 {
	return mix(mix(seed+purpose*golden) + (index+1)*golden)
}

// unit maps a random number to [0, 1).
func unit(h uint64) float64 { return float64(h>>11) / (1 << 53) }

// A source is a SplitMix64 generator: 8 bytes of state, so that every stream can have its own.
type source uint64

func (s *source) next() uint64 {
	*s += golden
	return mix(uint64(*s))
}

// exp draws from the exponential distribution of mean 1. It is never 0.
func (s *source) exp() float64 {
	return -math.Log((float64(s.next()>>11) + 0.5) / (1 << 53))
}

// normal draws from the standard normal distribution (Box and Muller; the second number is not worth keeping).
func (s *source) normal() float64 {
	return math.Sqrt(2*s.exp()) * math.Cos(2*math.Pi*unit(s.next()))
}

// gamma draws from the gamma distribution of shape k >= 1 and scale 1: the sum of k exponentials
// (Marsaglia and Tsang 2000; it rejects less than one draw in a hundred at the shapes used here).
func (s *source) gamma(k float64) float64 {
	d := k - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.normal()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if -s.exp() < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
