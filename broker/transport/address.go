package transport

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// An address is a URL taken apart: what to connect to or to listen on, and what is spoken there.
type address struct {
	scheme  string // tcp, tls, ws, wss or unix; synonyms are resolved.
	network string // tcp or unix, for package net.
	at      string // host:port, or the file of a unix socket.
	path    string // Of a WebSocket; "": none was given.
	proxy   bool   // A PROXY protocol header comes first.
}

func (a *address) secure() bool    { return a.scheme == "tls" || a.scheme == "wss" }
func (a *address) webSocket() bool { return a.scheme == "ws" || a.scheme == "wss" }

// plain reports whether bytes go over the socket as they are, from the first one on.
func (a *address) plain() bool { return !a.secure() && !a.webSocket() && !a.proxy }

func (a *address) host() string {
	host, _, err := net.SplitHostPort(a.at)
	if err != nil {
		return a.at
	}
	return host
}

// schemes and what they mean. The synonyms are those of other MQTT clients.
var schemes = map[string]string{
	"tcp": "tcp", "mqtt": "tcp",
	"tls": "tls", "ssl": "tls", "mqtts": "tls",
	"ws": "ws", "wss": "wss", "unix": "unix",
}

// proxyOption follows the address of a listener behind a load balancer, as in tcp://:1883?proxy=v2.
const proxyOption = "proxy=v2"

func parseURL(url string) (address, error) {
	given, rest, ok := strings.Cut(url, "://")
	if !ok {
		return address{}, fmt.Errorf("transport: %q is not a URL like tcp://host:port", url)
	}
	a := address{scheme: schemes[given], network: "tcp"}
	rest, options, has := strings.Cut(rest, "?")
	if has && options != proxyOption {
		return address{}, fmt.Errorf("transport: %q: the only option is ?%s", url, proxyOption)
	}
	a.at, a.proxy = rest, has
	if a.scheme == "unix" {
		a.network = "unix"
	} else if host, path, has := strings.Cut(rest, "/"); has {
		a.at, a.path = host, "/"+path
	}
	return a, a.check(url)
}

func (a *address) check(url string) error {
	switch {
	case a.scheme == "":
		return fmt.Errorf("transport: cannot carry %q: want tcp, tls, ws or wss://host:port, or unix:///path", url)
	case a.scheme == "unix" && a.at == "":
		return fmt.Errorf("transport: %q names no file", url)
	case a.scheme != "unix" && !a.webSocket() && strings.Trim(a.path, "/") != "":
		return fmt.Errorf("transport: %q: only WebSockets have a path", url)
	}
	return nil
}

// errDialProxy: this package reads PROXY headers, and writes none.
var errDialProxy = errors.New("?" + proxyOption + " is for listeners")

// A listenerAddr says its scheme in place of a network, so that Network()://String() is what to dial.
type listenerAddr struct {
	net.Addr
	scheme, path string
}

func (a listenerAddr) Network() string { return a.scheme }
func (a listenerAddr) String() string  { return a.Addr.String() + a.path }
