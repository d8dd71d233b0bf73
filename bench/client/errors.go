package client

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"mqttbench/broker/packet"
)

// A RefusedError is a server's no to CONNECT.
type RefusedError struct {
	Reason packet.ReasonCode
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("connection refused by the server: %v (CONNACK 0x%02X)", e.Reason, uint8(e.Reason))
}

// A DisconnectedError is a version 5 server's own DISCONNECT.
type DisconnectedError struct {
	Reason packet.ReasonCode
	Text   string // The Reason String, if there was one.
}

func (e *DisconnectedError) Error() string {
	s := fmt.Sprintf("disconnected by the server: %v (DISCONNECT 0x%02X)", e.Reason, uint8(e.Reason))
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

// A NotMQTTError says that something answered, but not an MQTT server.
type NotMQTTError struct {
	Got []byte // Its first bytes.
}

func (e *NotMQTTError) Error() string {
	return fmt.Sprintf("the peer is no MQTT server: it answered CONNECT with %q%s", e.Got, e.hint())
}

// hint says what the answer looks like.
func (e *NotMQTTError) hint() string {
	switch {
	case len(e.Got) > 2 && e.Got[0] == 0x15 && e.Got[1] == 3: // An alert, RFC 8446 section 5.1.
		return "; it speaks TLS: try tls://"
	case strings.HasPrefix(string(e.Got), "HTTP/1."):
		return "; it speaks HTTP: try ws://"
	}
	return ""
}

// notMQTT keeps the first bytes of an answer, not more than fit a line.
func notMQTT(b []byte) error {
	return &NotMQTTError{Got: append([]byte(nil), b[:min(len(b), 40)]...)}
}

// ErrProtocol is in every error that says that the server broke the protocol.
var ErrProtocol = errors.New("protocol error by the server")

// broken wraps what the codec or the session found wrong.
func broken(err error) error { return fmt.Errorf("%w: %w", ErrProtocol, err) }

// violation is a fault of the server's that the codec cannot see.
func violation(code packet.ReasonCode, clause, text string) error {
	return broken(&packet.Error{Code: code, Clause: clause, Text: text})
}

// ErrTimeout is in every error that says that the server was silent for too long.
var ErrTimeout = errors.New("the server is silent")

func noConnack(d time.Duration) error  { return fmt.Errorf("%w: no CONNACK within %v", ErrTimeout, d) }
func noPingresp(d time.Duration) error { return fmt.Errorf("%w: no PINGRESP within %v", ErrTimeout, d) }

// explain puts what the transport reports into the words of the protocol.
func (c *client) explain(err error) error {
	why := c.g.reasons[c]
	switch {
	case why != nil:
		return why
	case c.closing, err == nil: // Disconnect, Cut; the engine's Close.
		return nil
	case c.state == dialling:
		return fmt.Errorf("connect to %s: %w", c.o.URL, unprefixed(err))
	case errors.Is(err, io.EOF) && c.state == greeting:
		return fmt.Errorf("the server closed the connection without a CONNACK: %w", err)
	case errors.Is(err, syscall.ECONNRESET) && c.state == greeting:
		return fmt.Errorf("the server reset the connection without a CONNACK; perhaps it expects %s: %w", c.expected(), err)
	case errors.Is(err, io.EOF) && c.torn:
		return fmt.Errorf("the server closed the connection in the middle of a packet: %w", err)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	return fmt.Errorf("connection lost: %w", err)
}

// expected is what a server may miss that resets a connection before CONNACK. With TLS 1.3 it learns after the handshake that there
// is no certificate, and its alert can be overtaken by the reset that the CONNECT meets.
func (c *client) expected() string {
	if scheme, _, _ := strings.Cut(c.o.URL, "://"); scheme == "tls" || scheme == "wss" {
		return "a client certificate"
	}
	return "TLS"
}

// unprefixed takes away what the transport put before the system's words.
func unprefixed(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
