package plan

import (
	"encoding/binary"
	"math"
)

// StampSize is how many bytes of each payload the stamp takes.
const StampSize = 16

// Limits of the fields of a stamp.
const (
	MaxStream = 1<<24 - 1
	MaxSent   = 1<<56 - 1 // ns: 2.28 years.
)

// ProbeSeq is the sequence number of probe messages: they are in no schedule and no ledger.
const ProbeSeq uint32 = math.MaxUint32

// A Stamp is the head of every payload, big-endian:
//
//	 0        2           5             9                    16
//	+--------+-----------+-------------+----------------------+
//	| run 16 | stream 24 | sequence 32 |        sent 56       |
//	+--------+-----------+-------------+----------------------+
//
// There is no room for the due time, and no need: it is Plan.Due(Stream, Seq).
type Stamp struct {
	Run    uint16
	Stream int    // The publisher. 0 to MaxStream.
	Seq    uint32 // Of the message in its stream, from 0.
	Sent   int64  // ns since the run's clock origin. Outside 0 to MaxSent it is clamped.
}

// Put writes s to the first StampSize bytes of a payload.
func (s Stamp) Put(payload []byte) {
	_ = payload[StampSize-1]
	sent := uint64(min(max(s.Sent, 0), MaxSent))
	binary.BigEndian.PutUint64(payload, uint64(s.Run)<<48|uint64(s.Stream&MaxStream)<<24|uint64(s.Seq>>8))
	binary.BigEndian.PutUint64(payload[8:], uint64(s.Seq)<<56|sent)
}

// ReadStamp reads the stamp of a payload; false if the payload is too short to have one.
func ReadStamp(payload []byte) (s Stamp, ok bool) {
	if len(payload) < StampSize {
		return Stamp{}, false
	}
	a, b := binary.BigEndian.Uint64(payload), binary.BigEndian.Uint64(payload[8:])
	return Stamp{
		Run:    uint16(a >> 48),
		Stream: int(a >> 24 & MaxStream),
		Seq:    uint32(a)<<8 | uint32(b>>56),
		Sent:   int64(b & MaxSent),
	}, true
}

// Fill writes a whole payload of at least StampSize bytes: the stamp, and after it a pattern that
// depends on the stream and the sequence number alone, so that the receiver can tell whether it got
// what was sent.
func Fill(payload []byte, s Stamp) {
	s.Put(payload)
	rest := payload[StampSize:]
	if len(rest) == 0 {
		return
	}
	word := s.pattern()
	for len(rest) >= 8 {
		binary.LittleEndian.PutUint64(rest, word)
		rest = rest[8:]
		word += golden
	}
	for i := range rest {
		rest[i] = byte(word >> (8 * i))
	}
}

// Fill is the package's Fill, or with a Message or a Body that in place of the pattern: again and again, and cut at the end.
func (p *Plan) Fill(payload []byte, s Stamp) {
	if p.Message != "" {
		s.Put(payload)
		copy(payload[StampSize:], p.message(s.Stream, s.Seq))
		return
	}
	if len(p.Body) == 0 {
		Fill(payload, s)
		return
	}
	s.Put(payload)
	for rest := payload[StampSize:]; len(rest) > 0; {
		rest = rest[copy(rest, p.Body):]
	}
}

// Intact is the package's Intact for what the plan's Fill wrote; of a Body it looks at every byte.
func (p *Plan) Intact(payload []byte, s Stamp, c Check) bool {
	if p.Message != "" {
		return string(payload[StampSize:]) == p.message(s.Stream, s.Seq)
	}
	if len(p.Body) == 0 {
		return Intact(payload, s, c)
	}
	for rest := payload[StampSize:]; len(rest) > 0; {
		n := min(len(rest), len(p.Body))
		if string(rest[:n]) != string(p.Body[:n]) {
			return false
		}
		rest = rest[n:]
	}
	return true
}

// pattern is the first word of the pattern; each following one is golden more.
func (s Stamp) pattern() uint64 {
	return hash(purposePayload, uint64(s.Stream), uint64(s.Seq))
}

// Check is how much of a payload Intact looks at.
type Check bool

// The checks.
const (
	Ends Check = false // The first and the last 8 bytes: what a swapped, cut or shifted payload breaks.
	Full Check = true  // Every byte.
)

// Intact reports whether what follows the stamp s in a payload is what Fill wrote. The length is
// part of the answer only as far as the end of a cut payload is not the end that was written.
func Intact(payload []byte, s Stamp, c Check) bool {
	if len(payload) <= StampSize {
		return len(payload) == StampSize
	}
	rest, first := payload[StampSize:], s.pattern()
	if len(rest) < 8 {
		return tail(rest, 0) == first&(1<<(8*len(rest))-1)
	}
	if binary.LittleEndian.Uint64(rest) != first {
		return false
	}
	if c == Full && !whole(rest, first) {
		return false
	}
	// The last 8 bytes lie across two words unless the length is a multiple of 8.
	at := len(rest) - 8
	word, shift := first+uint64(at/8)*golden, 8*(at%8)
	return binary.LittleEndian.Uint64(rest[at:]) == word>>shift|(word+golden)<<(64-shift)
}

// whole compares all complete words.
func whole(rest []byte, word uint64) bool {
	for len(rest) >= 8 {
		if binary.LittleEndian.Uint64(rest) != word {
			return false
		}
		rest = rest[8:]
		word += golden
	}
	return true
}

// tail is the little-endian number in fewer than 8 bytes.
func tail(b []byte, word uint64) uint64 {
	for i, c := range b {
		word |= uint64(c) << (8 * i)
	}
	return word
}
