package paho

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"mqttbench/bench/client"
	"mqttbench/broker/transport"
)

// errCut is what Paho sees of a connection that was cut. It must not be net.ErrClosed, which Paho takes for
// its own doing and passes over in silence.
var errCut = errors.New("cut by this side")

// A socket is the net.Conn that Paho works on. It can be cut, and it watches for the CONNACK, whose time,
// code and Session Present flag Paho tells too late or not at all.
type socket struct {
	net.Conn
	connack func(present bool, code byte, at int64)

	mu    sync.Mutex
	isCut bool // Guarded by mu.

	head []byte // Owned by the reader: the first bytes, until they are a CONNACK.
	seen bool   // Owned by the reader.
}

// dial opens what o.URL names.
func dial(u *url.URL, o *client.Options) (net.Conn, error) {
	d := net.Dialer{Timeout: o.ConnectTimeout, LocalAddr: o.Local}
	if u.Scheme == "unix" {
		return d.Dial("unix", u.Host+u.Path)
	}
	switch u.Scheme {
	case "tls", "ssl", "mqtts":
		return (&tls.Dialer{NetDialer: &d, Config: o.TLS}).Dial("tcp", u.Host)
	case "ws", "wss":
		to := *u
		if to.Path == "" {
			to.Path = "/mqtt" // As the native engine does.
		}
		var header http.Header
		if o.Extra != nil {
			header = o.Extra.Header
		}
		return mqtt.NewWebsocket(to.String(), o.TLS, o.ConnectTimeout, header, &mqtt.WebsocketOptions{})
	}
	return d.Dial("tcp", u.Host)
}

func (s *socket) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if !s.seen && n > 0 {
		if e := s.watch(b[:n]); e != nil {
			return 0, e
		}
	}
	return n, s.translate(err)
}

// watch waits for the four bytes of a CONNACK: type, length, flags, code, [v3.1.1 3.2].
func (s *socket) watch(b []byte) error {
	s.head = append(s.head, b...)
	if s.head[0] != 0x20 {
		return &client.NotMQTTError{Got: s.head}
	}
	if len(s.head) >= 4 {
		s.seen = true
		s.connack(s.head[2]&1 != 0, s.head[3], transport.Clock())
		s.head = nil
	}
	return nil
}

func (s *socket) Write(b []byte) (int, error) {
	n, err := s.Conn.Write(b)
	return n, s.translate(err)
}

func (s *socket) translate(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isCut {
		return errCut
	}
	return err
}

// cut closes with a RST.
func (s *socket) cut() {
	s.mu.Lock()
	s.isCut = true
	s.mu.Unlock()
	under := s.Conn
	if w, ok := under.(*tls.Conn); ok {
		under = w.NetConn()
	}
	if t, ok := under.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	under.Close() // Not the TLS connection: that would say goodbye.
}
