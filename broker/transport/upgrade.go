package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gobwas/ws"
)

const (
	// subprotocol is what both sides must name, [v5 MQTT-6.0.0-3], [v5 MQTT-6.0.0-4].
	subprotocol = "mqtt"

	// defaultPath is what a client asks for that was given no path: the habit of MQTT servers.
	defaultPath = "/mqtt"

	// maxRequest is how long the HTTP request of a client may be, bytes.
	maxRequest = 8 << 10
)

// upgrade makes a WebSocket of nc.
func (s *shake) upgrade(nc net.Conn) (net.Conn, error) {
	if s.server {
		return s.upgradeClient(nc)
	}
	return s.upgradeServer(nc)
}

// upgradeClient answers a client's request.
func (s *shake) upgradeClient(nc net.Conn) (net.Conn, error) {
	request, early, err := readRequest(nc)
	if err != nil {
		return nil, s.fault("WebSocket handshake", "client", err)
	}
	named := false
	u := ws.Upgrader{
		OnRequest: func(uri []byte) error {
			if path, _, _ := strings.Cut(string(uri), "?"); s.a.path != "" && path != s.a.path {
				return refusal(http.StatusNotFound, fmt.Sprintf("MQTT is at %s, not at %s", s.a.path, path))
			}
			return nil
		},
		Protocol: func(name []byte) bool {
			named = named || string(name) == subprotocol
			return string(name) == subprotocol
		},
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			if !named {
				return nil, refusal(http.StatusBadRequest, "the subprotocol must be mqtt")
			}
			return nil, nil
		},
	}
	if _, err := u.Upgrade(readWriter{bytes.NewReader(request), nc}); err != nil {
		return nil, fmt.Errorf("WebSocket handshake: refused: %w", err)
	}
	return newWSConn(nc, false, early), nil
}

func refusal(status int, reason string) error {
	return ws.RejectConnectionError(ws.RejectionStatus(status), ws.RejectionReason(reason))
}

type readWriter struct {
	io.Reader
	io.Writer
}

const (
	endOfRequest = "\r\n\r\n"
	badRequest   = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis is a WebSocket port.\n"
	tooLarge     = "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n"
)

var (
	errNoHTTP   = errors.New("it does not speak HTTP")
	errTooLarge = errors.New("its request is longer than 8 KiB")
)

// readRequest reads an HTTP request without a body, to its blank line; early is what came behind it. A peer that speaks something else
// would wait for an answer, while this side waits for a blank line: its first byte tells.
func readRequest(nc net.Conn) (request, early []byte, err error) {
	b := make([]byte, 0, 1<<10)
	for {
		if len(b) >= maxRequest {
			io.WriteString(nc, tooLarge)
			return nil, nil, errTooLarge
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := nc.Read(b[len(b):min(cap(b), maxRequest)])
		from := max(0, len(b)-len(endOfRequest))
		b = b[:len(b)+n]
		if len(b) > 0 && (b[0] < 'A' || b[0] > 'Z') {
			io.WriteString(nc, badRequest)
			return nil, nil, fmt.Errorf("%w: it began with %q", errNoHTTP, b[:min(len(b), 8)])
		}
		if at := bytes.Index(b[from:], []byte(endOfRequest)); at >= 0 {
			end := from + at + len(endOfRequest)
			return b[:end], bytes.Clone(b[end:]), nil
		}
		if err != nil {
			return nil, nil, noEOF(err)
		}
	}
}

// hostAlone is the one header that has a place of its own in a request.
var hostAlone = map[string]bool{"Host": true}

// upgradeServer asks a server.
func (s *shake) upgradeServer(nc net.Conn) (net.Conn, error) {
	u := &url.URL{Scheme: s.a.scheme, Host: s.a.at, Path: s.a.path}
	if u.Path == "" {
		u.Path = defaultPath
	}
	// MQTT's server speaks first only when spoken to, but nothing that came with the answer may get lost.
	further := ws.HandshakeHeaderFunc(func(w io.Writer) (int64, error) { return 0, s.header.WriteSubset(w, hostAlone) })
	br, hs, err := ws.Dialer{Protocols: []string{subprotocol}, Header: further, Host: s.header.Get("Host")}.Upgrade(nc, u)
	if err != nil {
		return nil, s.upgradeFault(err)
	}
	if hs.Protocol != subprotocol {
		return nil, errors.New("WebSocket handshake: the server did not agree to the subprotocol mqtt")
	}
	var early []byte
	if br != nil {
		early, _ = br.Peek(br.Buffered())
		early = bytes.Clone(early)
		ws.PutReader(br)
	}
	return newWSConn(nc, true, early), nil
}

func (s *shake) upgradeFault(err error) error {
	var status ws.StatusError
	switch {
	case errors.As(err, &status):
		return fmt.Errorf("WebSocket handshake: the server refused with HTTP status %d %s: %w", int(status), http.StatusText(int(status)), err)
	case errors.Is(err, ws.ErrMalformedResponse), errors.Is(err, ws.ErrHandshakeBadProtocol):
		return fmt.Errorf("WebSocket handshake: the server does not speak HTTP: %w", err)
	}
	return s.fault("WebSocket handshake", "server", err)
}
