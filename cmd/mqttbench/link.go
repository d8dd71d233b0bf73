package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// links are the flags about how a connection begins: what the request for a WebSocket and the TLS handshake say.
type links struct {
	wsHeaders  []string
	header     http.Header // What they say.
	alpn       []string
	serverName string
}

func (l *links) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&l.wsHeaders, "ws-header", nil, "")
	f.StringSliceVar(&l.alpn, "alpn", nil, "")
	f.StringVar(&l.serverName, "server-name", "", "")
}

// handshakeHeaders are those that a WebSocket handshake sets itself, RFC 6455 section 4.1, and those that would say how long a body is.
var handshakeHeaders = []string{"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions", "Content-Length", "Transfer-Encoding"}

// readHeaders reads --ws-header.
func (l *links) readHeaders() error {
	l.header = nil
	for _, t := range l.wsHeaders {
		name, value, ok := strings.Cut(t, ":")
		value = strings.TrimSpace(value)
		switch key := http.CanonicalHeaderKey(name); {
		case !ok || !isToken(name):
			return fmt.Errorf("--ws-header %q is not Name: value", shorten(t))
		case strings.ContainsFunc(value, isControl):
			return fmt.Errorf("--ws-header %s: a value is one line without control characters", name)
		case slices.Contains(handshakeHeaders, key):
			return fmt.Errorf("--ws-header %s: the handshake sets that itself", name)
		case key == "Host" && l.header.Get(key) != "":
			return errors.New("--ws-header Host: there is one host")
		}
		if l.header == nil {
			l.header = http.Header{}
		}
		l.header.Add(name, value)
	}
	return nil
}

// isToken reports whether a text can be a header's name, RFC 9110 section 5.6.2.
func isToken(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// checkLinks holds them against how the brokers are reached.
func (s *settings) checkLinks() error {
	var errs []error
	reached := func(schemes ...string) bool {
		return slices.ContainsFunc(s.sources, func(x source) bool {
			if x.builtIn() {
				return slices.Contains(schemes, s.transport)
			}
			return slices.Contains(schemes, schemeOf(x.url))
		})
	}
	if len(s.wsHeaders) > 0 && !reached("ws", "wss") {
		errs = append(errs, errors.New("--ws-header is for brokers at ws:// or wss://"))
	}
	if len(s.alpn)+len(s.serverName) > 0 && !reached("tls", "wss") {
		errs = append(errs, errors.New("--alpn and --server-name are for brokers at tls:// or wss://"))
	}
	for _, p := range s.alpn {
		if len(p) == 0 || len(p) > 255 { // RFC 7301 section 3.1.
			errs = append(errs, fmt.Errorf("--alpn %q: the name of a protocol has 1 to 255 bytes", shorten(p)))
		}
	}
	return errors.Join(errs...)
}

// apply has a TLS configuration say what the flags say.
func (l *links) apply(c *tls.Config) {
	c.NextProtos = l.alpn
	if l.serverName != "" {
		c.ServerName = l.serverName
	}
}
