package topic

// A Subscriber is the small number that stands for a session. The server gives numbers
// densely from 1 and may give one again after its last subscription was removed.
type Subscriber uint32

// A Subscription is what one subscriber asked for with one Topic Filter.
type Subscription struct {
	Subscriber        Subscriber
	QoS               uint8
	NoLocal           bool
	RetainAsPublished bool
	ID                uint32 // Subscription Identifier, at most 268,435,455; 0: none.
}

// A packed subscription is a Subscription in one word, so that replacing one is one
// atomic store. It fits to the bit: a Subscription Identifier has 28 [v5 3.8.2.1.2].
// Subscriber 0 exists nowhere, which leaves the words below 1<<32 to mean other things.
//
//	63        32 31                4 3   2   1 0
//	Subscriber   Identifier          RAP NL  QoS
type packed uint64

const (
	packedNoLocal           packed = 1 << 2
	packedRetainAsPublished packed = 1 << 3
	packedIDShift                  = 4
	packedWhoShift                 = 32
)

func pack(s Subscription) packed {
	p := packed(s.Subscriber)<<packedWhoShift | packed(s.ID)<<packedIDShift&(1<<packedWhoShift-1) | packed(s.QoS&3)
	if s.NoLocal {
		p |= packedNoLocal
	}
	if s.RetainAsPublished {
		p |= packedRetainAsPublished
	}
	return p
}

func (p packed) who() Subscriber         { return Subscriber(p >> packedWhoShift) }
func (p packed) qos() uint8              { return uint8(p & 3) }
func (p packed) noLocal() bool           { return p&packedNoLocal != 0 }
func (p packed) retainAsPublished() bool { return p&packedRetainAsPublished != 0 }
func (p packed) id() uint32              { return uint32(p) >> packedIDShift }
