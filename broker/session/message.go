package session

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"unsafe"

	"mqttbench/broker/packet"
)

// A Message is one Application Message, shared by all sessions it is promised to, and
// counted, so that its memory is used again. The exported fields are immutable and
// valid while a reference is held; whoever lets go of the last reference ends them for
// everybody.
type Message struct {
	Topic   []byte
	Props   packet.Props // What is forwarded: without Topic Alias, Message Expiry Interval, Subscription Identifier.
	Payload []byte
	QoS     packet.QoS // As published.
	Expires int64      // When it expires, ns; 0: never.

	refs  atomic.Int32
	class uint8  // Immutable. Index into messagePools, or unpooled.
	buf   []byte // Immutable. Topic, Props and Payload lie in it, in this order.
}

// A message and its bytes are one block of memory. The blocks are smallestBlock times
// a power of two, which are size classes of the Go allocator too: nothing is lost to
// rounding. A message of 16 bytes under a name of 50 fits the smallest. Larger blocks
// than largestBlock are left to the garbage collector. (That was once so from 48 KiB on: then
// messages of 64 KiB had it run every 60 messages, and cost a third more than now.)
const (
	smallestBlock = 192
	blockClasses  = 14
	largestBlock  = smallestBlock << (blockClasses - 1) // 1.5 MiB
	unpooled      = blockClasses

	// The allocator puts a word of its own in front of larger objects with pointers.
	overhead = int(unsafe.Sizeof(Message{})) + 8
)

var messagePools [blockClasses]sync.Pool // Of *Message.

// scribble makes the last Release write over the message's bytes, so that whoever kept
// a slice too long reads nonsense in a test and not another client's message in
// production. On in race builds.
var scribble = raceBuild

// scribbled is the byte written. It is not valid UTF-8 in any position of a Topic
// Name.
const scribbled = 0xFD

// NewMessage copies its arguments into a pooled message with one reference, which the
// caller lets go with Release. It allocates once when the pool is empty, and never
// otherwise, except for messages larger than a pool keeps.
func NewMessage(topic []byte, props packet.Props, payload []byte, qos packet.QoS, expires int64) *Message {
	m := getMessage(len(topic) + len(props) + len(payload))
	m.QoS, m.Expires = qos, expires
	// Each slice ends where the next begins, in capacity as well: an append to one by
	// mistake must not run into its neighbour.
	t := len(topic)
	p := t + len(props)
	end := p + len(payload)
	m.Topic, m.Props, m.Payload = m.buf[:t:t], packet.Props(m.buf[t:p:p]), m.buf[p:end:end]
	copy(m.Topic, topic)
	copy(m.Props, props)
	copy(m.Payload, payload)
	m.refs.Store(1)
	return m
}

// Hold takes a reference. The caller has one already.
func (m *Message) Hold() {
	if m.refs.Add(1) <= 1 {
		panic("session: a message was held after its last release")
	}
}

// Release lets a reference go. With the last one the memory may at once become another
// message.
func (m *Message) Release() {
	switch n := m.refs.Add(-1); {
	case n == 0:
		putMessage(m)
	case n < 0:
		panic("session: a message was released more often than it was held")
	}
}

// Size is what the message counts in limits: the bytes of Topic Name, properties and
// payload.
func (m *Message) Size() int {
	return len(m.Topic) + len(m.Props) + len(m.Payload)
}

// getMessage returns a message whose buf has at least n bytes. All else is undefined.
func getMessage(n int) *Message {
	c := blockClass(n + overhead)
	if c == unpooled {
		return &Message{class: unpooled, buf: make([]byte, n)}
	}
	if m, ok := messagePools[c].Get().(*Message); ok {
		return m
	}
	m := newBlock[c]()
	m.class = uint8(c)
	return m
}

func putMessage(m *Message) {
	if scribble {
		for i := range m.buf {
			m.buf[i] = scribbled
		}
	}
	if m.class != unpooled {
		messagePools[m.class].Put(m)
	}
}

// blockClass is the smallest class whose blocks have size bytes, or unpooled.
func blockClass(size int) int {
	if size > largestBlock {
		return unpooled
	}
	return bits.Len(uint((size - 1) / smallestBlock))
}

// newBlock allocates a message of a class together with its bytes. The garbage
// collector looks at the header of such a block only: pointers end there.
var newBlock = [blockClasses]func() *Message{
	block[[smallestBlock - overhead]byte],
	block[[smallestBlock<<1 - overhead]byte],
	block[[smallestBlock<<2 - overhead]byte],
	block[[smallestBlock<<3 - overhead]byte],
	block[[smallestBlock<<4 - overhead]byte],
	block[[smallestBlock<<5 - overhead]byte],
	block[[smallestBlock<<6 - overhead]byte],
	block[[smallestBlock<<7 - overhead]byte],
	block[[smallestBlock<<8 - overhead]byte],
	block[[smallestBlock<<9 - overhead]byte],
	block[[smallestBlock<<10 - overhead]byte],
	block[[smallestBlock<<11 - overhead]byte],
	block[[smallestBlock<<12 - overhead]byte],
	block[[smallestBlock<<13 - overhead]byte],
}

// block allocates a message followed by an A, which is an array of bytes.
func block[A any]() *Message {
	b := new(struct {
		Message
		data A
	})
	b.buf = unsafe.Slice((*byte)(unsafe.Pointer(&b.data)), unsafe.Sizeof(b.data))
	return &b.Message
}
