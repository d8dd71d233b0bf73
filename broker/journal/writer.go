package journal

import (
	"encoding/binary"

	"mqttbench/broker/packet"
)

// A Batch takes changes. It copies what it is given. A batch of broker/store is one.
type Batch interface {
	Set(key, value []byte)
	Delete(key []byte)
	DeleteOnce(key []byte) // Of a key that was set once since it was absent.
	DeletePrefix(prefix []byte)
}

// A Writer appends records to a batch. It is not safe for concurrent use, and does not allocate once
// it has grown.
type Writer struct {
	To Batch

	key, value []byte
}

// keptValue is how much memory a Writer keeps for the next value. Bytes.
const keptValue = 64 << 10

func (w *Writer) set(key []byte) {
	w.To.Set(key, w.value)
	w.key = key
	if cap(w.value) > keptValue {
		w.value = nil
	}
}

func (w *Writer) once(key []byte) {
	w.To.DeleteOnce(key)
	w.key = key
}

// Reserve notes that numbers below these two may be in use. It goes before, or with,
// the first record under such a number. Whoever gives numbers out reserves some thousands at a time.
func (w *Writer) Reserve(s SessionID, m MessageID) {
	w.value = binary.BigEndian.AppendUint64(w.value[:0], uint64(s))
	w.value = binary.BigEndian.AppendUint64(w.value, uint64(m))
	w.set(append(w.key[:0], reserveKey))
}

// PutSession stores the head of a new session, or its new state: another expiry, a
// connection that came or went.
func (w *Writer) PutSession(s SessionID, h *Head) {
	w.value = appendHead(w.value[:0], h)
	w.set(appendPartKey(w.key[:0], s, headPart))
}

// EndSession deletes everything of a session. Messages it shares with others are the caller's to delete.
func (w *Writer) EndSession(s SessionID) {
	w.key = appendSessionKey(w.key[:0], s)
	w.To.DeletePrefix(w.key)
}

func (w *Writer) Subscribe(s SessionID, sub *Subscription) {
	w.value = appendSubscription(w.value[:0], sub)
	w.set(appendFilterKey(w.key[:0], s, sub.Filter))
}

func (w *Writer) Unsubscribe(s SessionID, filter []byte) {
	w.key = appendFilterKey(w.key[:0], s, filter)
	w.To.Delete(w.key)
}

// SetWill and ClearWill store the Will Message of a session, or nothing in its place.
func (w *Writer) SetWill(s SessionID, will *Will) {
	w.value = appendWill(w.value[:0], will)
	w.set(appendPartKey(w.key[:0], s, willPart))
}

func (w *Writer) ClearWill(s SessionID) {
	w.key = appendPartKey(w.key[:0], s, willPart)
	w.To.Delete(w.key)
}

// Receive notes the identifier of an incoming QoS 2 message, Release that its PUBREL came.
func (w *Writer) Receive(s SessionID, id packet.ID) {
	w.value = w.value[:0]
	w.set(appendReceivedKey(w.key[:0], s, id))
}

func (w *Writer) Release(s SessionID, id packet.ID) {
	w.once(appendReceivedKey(w.key[:0], s, id))
}

// PutMessage stores a message that targets promises of the same batch refer to.
func (w *Writer) PutMessage(m MessageID, msg *Message, targets int) {
	w.value = binary.AppendUvarint(w.value[:0], uint64(targets))
	w.value = appendMessage(w.value, msg)
	w.set(appendMessageKey(w.key[:0], m))
}

// DropMessage deletes a message that no promise refers to any more.
func (w *Writer) DropMessage(m MessageID) { w.once(appendMessageKey(w.key[:0], m)) }

// Promise stores what a session is to get. Positions grow, and are not used again while the promise is there.
func (w *Writer) Promise(s SessionID, at Position, p *Promise) {
	w.value = appendPromise(w.value[:0], p)
	w.set(appendPromiseKey(w.key[:0], s, at, promised))
}

// Send notes that a promise is in flight, the first time.
func (w *Writer) Send(s SessionID, at Position, id packet.ID) {
	w.value = binary.BigEndian.AppendUint16(w.value[:0], uint16(id))
	w.set(appendPromiseKey(w.key[:0], s, at, sent))
}

// Pubrec notes that the client has the message: what is left is the exchange. A repeated PUBREC is not noted again.
func (w *Writer) Pubrec(s SessionID, at Position, id packet.ID) {
	w.value = binary.BigEndian.AppendUint16(w.value[:0], uint16(id))
	w.set(appendPromiseKey(w.key[:0], s, at, released))
	w.once(appendPromiseKey(w.key[:0], s, at, promised))
	w.once(appendPromiseKey(w.key[:0], s, at, sent))
}

// A Progress says how far a promise has got.
type Progress uint8

const (
	Waiting  Progress = promised // Not sent.
	Sent     Progress = sent
	Released Progress = released // Its PUBREC came.
)

// Done deletes a promise: it is acknowledged, expired or dropped. progress is how far it had got.
func (w *Writer) Done(s SessionID, at Position, progress Progress) {
	switch progress {
	case Released:
		w.once(appendPromiseKey(w.key[:0], s, at, released))
		return
	case Sent:
		w.once(appendPromiseKey(w.key[:0], s, at, sent))
	}
	w.once(appendPromiseKey(w.key[:0], s, at, promised))
}

// Retain stores the retained message of its Topic Name, Unretain deletes it.
func (w *Writer) Retain(m *Message) {
	w.value = appendMessage(w.value[:0], &Message{Props: m.Props, Payload: m.Payload, QoS: m.QoS, Expires: m.Expires})
	w.set(appendRetainedKey(w.key[:0], m.Topic))
}

func (w *Writer) Unretain(topic []byte) {
	w.key = appendRetainedKey(w.key[:0], topic)
	w.To.Delete(w.key)
}
