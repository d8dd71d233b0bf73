package transport

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Why a handshake failed, in words for whoever has to mend it. All errors keep what they wrap.

// tlsAlert is the alert unexpected_message as TLS 1.2 puts it, [RFC 8446 section 6]: crypto/tls says nothing to a peer that does not
// speak TLS, but such a peer can show what it got.
const tlsAlert = "\x15\x03\x03\x00\x02\x02\x0a"

const httpOnTLS = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis is a TLS port.\n"

// clientFault says what was wrong with a client, and tells a client that did not speak TLS.
func (s *shake) clientFault(c *tls.Conn, err error) error {
	var header tls.RecordHeaderError
	if !errors.As(err, &header) {
		return s.fault("TLS handshake", "client", err)
	}
	if began := header.RecordHeader[:]; bytes.HasPrefix(began, []byte("GET ")) {
		io.WriteString(c.NetConn(), httpOnTLS)
	} else if began[0] != 22 { // Not a handshake record, whatever its version.
		io.WriteString(c.NetConn(), tlsAlert)
	}
	return fmt.Errorf("the client does not speak TLS: it began with %q: %w", header.RecordHeader[:], err)
}

// serverFault says what was wrong with a server.
func (s *shake) serverFault(err error) error {
	var header tls.RecordHeaderError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &header):
		return fmt.Errorf("the server does not speak TLS: it answered %q: %w", header.RecordHeader[:], err)
	case errors.As(err, &untrusted):
		return fmt.Errorf("the server's certificate is not trusted: %w", s.distrust(untrusted.Err))
	}
	return s.fault("TLS handshake", "server", err)
}

// distrust is a CertificateVerificationError again, so that callers can tell it.
func (s *shake) distrust(err error) error {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		when := "expired on " + invalid.Cert.NotAfter.Format(time.DateOnly)
		if invalid.Cert.NotBefore.After(time.Now()) {
			when = "is not valid before " + invalid.Cert.NotBefore.Format(time.DateOnly)
		}
		return &UntrustedError{fmt.Errorf("it %s: %w", when, err)}
	}
	return &UntrustedError{err}
}

// An UntrustedError is in every error of a dial that ended because the server's certificate could not be verified.
type UntrustedError struct{ Err error }

func (e *UntrustedError) Error() string { return e.Err.Error() }
func (e *UntrustedError) Unwrap() error { return e.Err }

// fault explains what can go wrong in all handshakes.
func (s *shake) fault(what, peer string, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: the %s did not finish it within %v: %w", what, peer, s.timeout, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("%s: the %s closed the connection: %w", what, peer, err)
	case IsAlert(err):
		return fmt.Errorf("%s: the %s refused: %w", what, peer, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// IsAlert reports whether err came as an alert over TLS: the peer's own word for what it did not like. With TLS 1.3 a server says so
// only after the client's handshake is complete.
func IsAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}
