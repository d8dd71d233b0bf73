package journal

import (
	"encoding/binary"

	"mqttbench/broker/packet"
)

// SessionID, MessageID and Position are explained in the package's doc. 0 is none.
type (
	SessionID uint64
	MessageID uint64
	Position  uint64
)

// The first byte of a key.
const (
	reserveKey  = 'A'
	messageKey  = 'M'
	retainedKey = 'R'
	sessionKey  = 'S'
)

// What follows the session's number.
const (
	headPart = iota
	filterPart
	receivedPart
	willPart
	promisePart
)

// What follows a position.
const (
	promised = iota
	sent
	released
)

func appendMessageKey(dst []byte, m MessageID) []byte {
	return binary.BigEndian.AppendUint64(append(dst, messageKey), uint64(m))
}

func appendRetainedKey(dst []byte, topic []byte) []byte {
	return append(append(dst, retainedKey), topic...)
}

// appendSessionKey is the prefix of all keys of a session.
func appendSessionKey(dst []byte, s SessionID) []byte {
	return binary.BigEndian.AppendUint64(append(dst, sessionKey), uint64(s))
}

func appendPartKey(dst []byte, s SessionID, part byte) []byte {
	return append(appendSessionKey(dst, s), part)
}

func appendFilterKey(dst []byte, s SessionID, filter []byte) []byte {
	return append(appendPartKey(dst, s, filterPart), filter...)
}

func appendReceivedKey(dst []byte, s SessionID, id packet.ID) []byte {
	return binary.BigEndian.AppendUint16(appendPartKey(dst, s, receivedPart), uint16(id))
}

func appendPromiseKey(dst []byte, s SessionID, at Position, state byte) []byte {
	dst = binary.BigEndian.AppendUint64(appendPartKey(dst, s, promisePart), uint64(at))
	return append(dst, state)
}
