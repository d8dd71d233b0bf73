package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/gobwas/ws"
)

// The frames of a WebSocket, RFC 6455 section 5.2:
//
//	fin 1 bit, reserved 3, opcode 4 | mask 1, length 7 | length 16 or 64 if those 7 say 126 or 127 | key 32 if mask | payload

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

const (
	maxWSHead  = 14
	maxControl = 125

	// maxFrame is the longest payload of a frame, bytes: the largest MQTT Control Packet. Nothing is ever reserved for it,
	// since payloads pass through as they come; but no honest peer sends a longer one.
	maxFrame = 256<<20 + 5
)

// Status codes, RFC 6455 section 7.4.1.
const (
	wsNormal       = 1000
	wsGoingAway    = 1001
	wsProtocol     = 1002
	wsUnacceptable = 1003
	wsTooBig       = 1009
)

// A wsError is a fault of the peer's, and the status code that it is told.
type wsError struct {
	status uint16
	text   string
}

func (e *wsError) Error() string { return "WebSocket: " + e.text }

// A deframer turns the bytes of a WebSocket into the byte stream that its binary frames carry, in place: the payload
// of a frame moves forward over its header, so that there is no buffer between the socket and the handler. Where frames
// begin and end means nothing to MQTT, [v5 MQTT-6.0.0-2].
type deframer struct {
	fromClient bool                                // Every frame must be masked; else none may be.
	control    func(op byte, payload []byte) error // Called for each control frame. An error ends decoding. payload is lent.

	head       [maxWSHead]byte // 0 <= have <= len(head)
	have       int
	left       uint64 // Bytes of the frame's payload that are to come.
	inside     bool   // A frame has begun: head is complete.
	fragmented bool   // A message has begun: continuations may follow.
	key        [4]byte
	at         int    // How much of the payload is behind, modulo 4.
	body       []byte // Of a control frame, as far as it has come. At most maxControl bytes.
}

func (d *deframer) op() byte { return d.head[0] & 0xF }

// decode replaces the frames in b by what they carry: b[:n].
func (d *deframer) decode(b []byte) (n int, err error) {
	for i := 0; i < len(b) || d.inside && d.left == 0; {
		if !d.inside {
			used, err := d.begin(b[i:])
			if err != nil {
				return n, err
			}
			i += used
			continue
		}
		k := int(min(d.left, uint64(len(b)-i)))
		payload := b[i : i+k]
		d.unmask(payload)
		i += k
		d.left -= uint64(k)
		if d.op() >= opClose {
			d.body = append(d.body, payload...)
		} else {
			n += copy(b[n:], payload)
		}
		if d.left == 0 {
			if err := d.finish(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (d *deframer) unmask(payload []byte) {
	if d.fromClient {
		ws.Cipher(payload, d.key, d.at)
		d.at = (d.at + len(payload)) & 3
	}
}

// begin takes what b has of a header.
func (d *deframer) begin(b []byte) (used int, err error) {
	for used < len(b) {
		want := d.headSize()
		n := copy(d.head[d.have:want], b[used:])
		d.have += n
		used += n
		if d.have == 2 && want == 2 {
			if err := d.check(); err != nil {
				return used, err
			}
			want = d.headSize()
		}
		if d.have == want {
			return used, d.start()
		}
	}
	return used, nil
}

// headSize is how long the header is, as far as that is known.
func (d *deframer) headSize() int {
	if d.have < 2 {
		return 2
	}
	size := 2
	switch d.head[1] & 0x7F {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if d.head[1]&0x80 != 0 {
		size += 4
	}
	return size
}

// check refuses what the first two bytes of a header must not say.
func (d *deframer) check() error {
	fin, length, masked := d.head[0]&0x80 != 0, d.head[1]&0x7F, d.head[1]&0x80 != 0
	switch op := d.op(); {
	case d.head[0]&0x70 != 0:
		return &wsError{wsProtocol, "reserved bits are set, and no extension was agreed on"}
	case masked && !d.fromClient:
		return &wsError{wsProtocol, "a masked frame from a server"}
	case !masked && d.fromClient:
		return &wsError{wsProtocol, "an unmasked frame from a client"}
	case op == opText: // [v5 MQTT-6.0.0-1]
		return &wsError{wsUnacceptable, "a text frame: MQTT goes in binary ones"}
	case op == opBinary && d.fragmented:
		return &wsError{wsProtocol, "a message within a message"}
	case op == opContinuation && !d.fragmented:
		return &wsError{wsProtocol, "a continuation of nothing"}
	case op > opPong, op > opBinary && op < opClose:
		return &wsError{wsProtocol, fmt.Sprintf("opcode %#x is reserved", op)}
	case op >= opClose && (!fin || length > maxControl):
		return &wsError{wsProtocol, "a control frame that is fragmented or longer than 125 bytes"}
	}
	return nil
}

// start is called when the header is complete.
func (d *deframer) start() error {
	b := d.head[2:]
	switch length := d.head[1] & 0x7F; length {
	case 126:
		d.left, b = uint64(binary.BigEndian.Uint16(b)), b[2:]
	case 127:
		d.left, b = binary.BigEndian.Uint64(b), b[8:]
	default:
		d.left = uint64(length)
	}
	if d.left > maxFrame {
		return &wsError{wsTooBig, fmt.Sprintf("a frame of %d bytes", d.left)}
	}
	if d.fromClient {
		copy(d.key[:], b)
	}
	d.inside, d.at = true, 0
	if d.op() < opClose {
		d.fragmented = d.head[0]&0x80 == 0
	}
	return nil
}

// finish is called when the payload is complete.
func (d *deframer) finish() error {
	d.inside, d.have = false, 0
	if d.op() < opClose {
		return nil
	}
	body := d.body
	d.body = d.body[:0]
	return d.control(d.op(), body)
}

// appendFrame appends one whole frame to dst. A client masks with a key that nobody can guess: it comes from ChaCha8.
func appendFrame(dst []byte, op byte, payload []byte, mask bool) []byte {
	dst = append(dst, 0x80|op)
	bit := byte(0)
	if mask {
		bit = 0x80
	}
	switch n := len(payload); {
	case n <= maxControl:
		dst = append(dst, bit|byte(n))
	case n <= 0xFFFF:
		dst = binary.BigEndian.AppendUint16(append(dst, bit|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, bit|127), uint64(n))
	}
	if !mask {
		return append(dst, payload...)
	}
	var key [4]byte
	binary.LittleEndian.PutUint32(key[:], rand.Uint32())
	dst = append(dst, key[:]...)
	from := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[from:], key, 0)
	return dst
}

// readClose says what the peer's close frame means: io.EOF, or a complaint. status is what to answer with.
func readClose(body []byte) (status uint16, err error) {
	if len(body) == 0 {
		return wsNormal, io.EOF
	}
	if len(body) == 1 {
		return wsProtocol, &wsError{wsProtocol, "a close frame with half a status code"}
	}
	status = binary.BigEndian.Uint16(body)
	switch {
	case status == wsNormal || status == wsGoingAway:
		return status, io.EOF
	case status < 1000, status >= 1004 && status <= 1006, status == 1015: // RFC 6455 section 7.4: never on the wire.
		return wsProtocol, &wsError{wsProtocol, fmt.Sprintf("a close frame with the status code %d", status)}
	}
	err = fmt.Errorf("the peer closed the WebSocket with status %d", status)
	if len(body) > 2 {
		err = fmt.Errorf("%w: %q", err, body[2:])
	}
	return status, err
}

var errClosedFrame = errors.New("WebSocket: closed by this side")
