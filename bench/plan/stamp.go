package plan

// StampSize is how many bytes of each payload the stamp takes.
const StampSize = 16

// Limits of the fields of a stamp.
const (
	MaxStream = 1<<24 - 1
	MaxSent   = 1<<56 - 1 // ns: 2.28 years.
)

// ProbeSeq is the sequence number of probe messages: they are in no schedule and no ledger.
const ProbeSeq = 1<<32 - 1

// A Stamp is the head of every payload, big-endian:
//
//	 0        2          5              9                     16
//	+--------+----------+--------------+----------------------+
//	| run 16 | stream 24| sequence 32  | sent 56              |
//	+--------+----------+--------------+----------------------+
//
// There is no room for the due time, and no need: it is Plan.Due(Stream, Seq).
type Stamp struct {
	Run    uint16
	Stream int    // The publisher. At most MaxStream.
	Seq    uint32 // Of the message in its stream, from 0.
	Sent   int64  // ns since the run's clock origin, 0 to MaxSent; outside, it is clamped.
}

// Put writes s to the first StampSize bytes of a payload.
func (s Stamp) Put(payload []byte) { panic("todo") }

// ReadStamp reads the stamp of a payload; false if the payload is too short to have one.
func ReadStamp(payload []byte) (s Stamp, ok bool) { panic("todo") }

// Fill writes a whole payload: the stamp, and after it a pattern that depends on the stream and the sequence
// number alone, so that the receiver can tell whether it got what was sent.
func Fill(payload []byte, s Stamp) { panic("todo") }

// Check is how much of a pattern Intact looks at.
type Check bool

// The checks.
const (
	Ends Check = false // The first and the last 8 bytes: what a swapped, cut or shifted payload breaks.
	Full Check = true  // Every byte.
)

// Intact reports whether what follows the stamp s in a payload is what Fill wrote.
func Intact(payload []byte, s Stamp, c Check) bool { panic("todo") }
