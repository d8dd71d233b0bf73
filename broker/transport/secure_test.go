package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// secure adds to o a certificate for localhost that its clients trust.
func secure(t testing.TB, o Options) Options {
	t.Helper()
	cert, authority := selfSigned(t, time.Hour, "localhost", "127.0.0.1")
	o.ServerTLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	o.ClientTLS = &tls.Config{RootCAs: poolOf(authority)}
	return o
}

func selfSigned(t testing.TB, valid time.Duration, hosts ...string) (tls.Certificate, []byte) {
	t.Helper()
	cert, authority, err := SelfSigned(valid, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return cert, authority
}

func poolOf(authority []byte) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return pool
}

// listenOn listens on a free port with a scheme, and returns what to dial.
func listenOn(t testing.TB, ls *Loops, scheme, rest string, accept func(*Loop, net.Addr) Handler) string {
	t.Helper()
	ln, err := ls.Listen(scheme+"://127.0.0.1:0"+rest, accept)
	if err != nil {
		t.Fatal(err)
	}
	a := ln.Addr()
	return a.Network() + "://" + a.String()
}

func hostOf(url string) string {
	a, err := parseURL(url)
	if err != nil {
		panic(err)
	}
	return a.at
}

// dialLoop dials url from a loop and waits for the connection to stand.
func dialOpen(t testing.TB, ls *Loops, url string, h *recorder) *Conn {
	t.Helper()
	ls.Loop(0).Post(func() { ls.Loop(0).Dial(url, nil, patience, h) })
	return h.waitOpened(t)
}

// dialFails dials url from a loop and returns why it did not come to stand.
func dialFails(t testing.TB, ls *Loops, url string) error {
	t.Helper()
	h := record()
	ls.Loop(0).Post(func() { ls.Loop(0).Dial(url, nil, patience, h) })
	err := h.waitClosed(t)
	if h.opens != 0 {
		t.Errorf("%s: it stood", url)
	}
	return err
}

// roundTrip sends size random bytes in random pieces to an echo server and expects them back.
func roundTrip(t *testing.T, ls *Loops, url string, size int) {
	t.Helper()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(r.Uint32())
	}
	var got bytes.Buffer
	done := make(chan struct{})
	h := record()
	take := rand.New(rand.NewPCG(seed, 2))
	h.receive = func(_ *recorder, b []byte) (int, error) {
		n := len(b)
		if got.Len()+n < size {
			n = 1 + take.IntN(n) // What is left is presented again, with more behind it.
		}
		if got.Write(b[:n]); got.Len() >= size {
			close(done)
		}
		return n, nil
	}
	c := dialOpen(t, ls, url, h)
	for rest := sent; len(rest) > 0; {
		piece := rest[:min(len(rest), 1+r.IntN(1<<r.IntN(17)))]
		rest = rest[len(piece):]
		c.Loop().Post(func() { c.Put(c.Loop(), piece) })
	}
	select {
	case <-done:
	case err := <-h.closed:
		t.Fatalf("seed %d: closed after %d of %d bytes: %v", seed, got.Len(), size, err)
	case <-time.After(patience):
		t.Fatalf("seed %d: %d of %d bytes came back", seed, got.Len(), size)
	}
	if !bytes.Equal(got.Bytes(), sent) {
		t.Errorf("seed %d: what came back is not what was sent", seed)
	}
	c.Close(nil)
	if err := h.waitClosed(t); err != nil {
		t.Errorf("closed: %v", err)
	}
}

// TestSchemes carries bytes both ways over everything that is carried, our client against our server.
func TestSchemes(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o = secure(t, o)
		for _, scheme := range []string{"tcp", "tls", "ws", "wss", "unix"} {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				if scheme != "tls" && version == tls.VersionTLS12 {
					continue
				}
				t.Run(scheme+"/"+tls.VersionName(version), func(t *testing.T) {
					o := o
					o.ClientTLS = o.ClientTLS.Clone()
					o.ClientTLS.MaxVersion = version
					ls := start(t, o)
					url := ""
					if scheme == "unix" {
						url = "unix://" + t.TempDir() + "/s"
						if _, err := ls.Listen(url, echoServer); err != nil {
							t.Fatal(err)
						}
					} else if url = listenOn(t, ls, scheme, "", echoServer); !strings.HasPrefix(url, scheme+"://") {
						t.Errorf("listens on %s", url)
					}
					var wg sync.WaitGroup
					for range 4 {
						wg.Add(1)
						go func() { defer wg.Done(); roundTrip(t, ls, url, 200_000) }()
					}
					wg.Wait()
				})
			}
		}
	})
}

// TestForeignTLS has a client of crypto/tls on a socket of package net, and large messages by reference.
func TestForeignTLS(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o = secure(t, o)
		ls := start(t, o)
		url := listenOn(t, ls, "tls", "", echoServer)
		nc, err := tls.Dial("tcp", hostOf(url), o.ClientTLS)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(patience))
		sent := bytes.Repeat([]byte("abcdefg"), 100_000)
		go nc.Write(sent)
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(nc, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%v", err)
		}
	})
}

func coder(t testing.TB, url string, config *tls.Config, subprotocols ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return websocket.Dial(ctx, url, &websocket.DialOptions{
		Subprotocols: subprotocols, HTTPClient: &http.Client{Transport: transport},
	})
}

// TestForeignWebSocket has a client that others wrote: whole and fragmented messages, pings, and the end.
func TestForeignWebSocket(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o = secure(t, o)
		ls := start(t, o)
		for _, scheme := range []string{"ws", "wss"} {
			h := record()
			h.receive = echo
			url := listenOn(t, ls, scheme, "/mqtt", func(*Loop, net.Addr) Handler { return h })
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			c, _, err := coder(t, url, o.ClientTLS, "other", "mqtt")
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if c.Subprotocol() != "mqtt" {
				t.Errorf("subprotocol %q", c.Subprotocol())
			}
			c.SetReadLimit(-1)
			nc := websocket.NetConn(ctx, c, websocket.MessageBinary)
			for _, size := range []int{1, 125, 126, 65535, 65536, 300_000} {
				sent := bytes.Repeat([]byte{byte(size)}, size)
				go func() {
					// A Writer makes a frame of each Write: a message in three fragments.
					w, _ := c.Writer(ctx, websocket.MessageBinary)
					w.Write(sent[:size/3])
					w.Write(sent[size/3 : size/2])
					w.Write(sent[size/2:])
					w.Close()
				}()
				got := make([]byte, size)
				if _, err := io.ReadFull(nc, got); err != nil || !bytes.Equal(got, sent) {
					t.Fatalf("%s, %d bytes: %v", scheme, size, err)
				}
			}
			go io.Copy(io.Discard, nc) // Ping wants a reader.
			for range 3 {
				if err := c.Ping(ctx); err != nil {
					t.Fatalf("%s: ping: %v", scheme, err)
				}
			}
			nc.Close()
			if err := h.waitClosed(t); err != io.EOF {
				t.Errorf("%s: closed with %v", scheme, err)
			}
		}
	})
}

// A foreign server, for our client.
func TestForeignWebSocketServer(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		path := make(chan string, 10)
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			path <- r.URL.Path
			c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mqtt"}})
			if err != nil {
				return
			}
			defer c.CloseNow()
			c.SetReadLimit(-1)
			nc := websocket.NetConn(context.Background(), c, websocket.MessageBinary)
			io.Copy(nc, nc)
		})}
		done := make(chan struct{})
		go func() { defer close(done); srv.Serve(ln) }()
		defer func() { srv.Close(); <-done }()
		roundTrip(t, ls, "ws://"+ln.Addr().String(), 100_000)
		roundTrip(t, ls, "ws://"+ln.Addr().String()+"/other", 100_000)
		if a, b := <-path, <-path; a != "/mqtt" || b != "/other" {
			t.Errorf("asked for %s and %s", a, b)
		}
	})
}

// A failure is what the server of a test was told of a handshake.
type failure struct {
	remote net.Addr
	err    error
}

// noting adds to o where failed handshakes go.
func noting(o Options) (Options, chan failure) {
	failures := make(chan failure, 100)
	o.HandshakeFailed = func(remote net.Addr, err error) { failures <- failure{remote, err} }
	return o, failures
}

func waitFailure(t testing.TB, failures chan failure) error {
	t.Helper()
	select {
	case f := <-failures:
		if f.remote == nil {
			t.Error("nobody failed")
		}
		return f.err
	case <-time.After(patience):
		stacks(t)
	}
	return nil
}

// TestUntrusted has servers that must not be believed, and says what each side learns.
func TestUntrusted(t *testing.T) {
	good, authority := selfSigned(t, time.Hour, "localhost", "127.0.0.1")
	_, other := selfSigned(t, time.Hour, "localhost", "127.0.0.1")
	expired, expiredAuthority := selfSigned(t, -time.Minute, "127.0.0.1")
	stranger, strangerAuthority := selfSigned(t, time.Hour, "example.org")
	tests := []struct {
		name           string
		server         *tls.Config
		client         *tls.Config
		wants, learned string
		untrusted      bool
	}{
		{"wrong authority", config(good), &tls.Config{RootCAs: poolOf(other)}, "not trusted.*unknown authority", "the client refused.*(bad certificate|unknown certificate)", true},
		{"the system's roots", config(good), nil, "not trusted.*unknown authority", "the client refused", true},
		{"expired", config(expired), &tls.Config{RootCAs: poolOf(expiredAuthority)}, "not trusted.*expired on ", "the client refused", true},
		{"another host", config(stranger), &tls.Config{RootCAs: poolOf(strangerAuthority)}, "not trusted.*127.0.0.1", "the client refused", true},
		{"TLS 1.1", config(good), &tls.Config{RootCAs: poolOf(authority), MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, "the server refused.*protocol version", "unsupported versions", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			drivers(t, func(t *testing.T, o Options) {
				o, failures := noting(o)
				o.ServerTLS, o.ClientTLS = tt.server, tt.client
				ls := start(t, o)
				for _, scheme := range []string{"tls", "wss"} {
					url := listenOn(t, ls, scheme, "", echoServer)
					err := dialFails(t, ls, url)
					matches(t, err, tt.wants)
					var untrusted *UntrustedError
					if errors.As(err, &untrusted) != tt.untrusted {
						t.Errorf("an UntrustedError: %v", !tt.untrusted)
					}
					matches(t, waitFailure(t, failures), tt.learned)
				}
			})
		})
	}
}

func config(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// TestInsecure believes anything, when told to.
func TestInsecure(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		cert, _ := selfSigned(t, -time.Minute, "example.org")
		o.ServerTLS, o.ClientTLS = config(cert), &tls.Config{InsecureSkipVerify: true}
		ls := start(t, o)
		roundTrip(t, ls, listenOn(t, ls, "tls", "", echoServer), 1000)
	})
}

// TestClientCertificate requires one. With TLS 1.3 a client learns that it was refused only after its handshake.
func TestClientCertificate(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o, failures := noting(secure(t, o))
		mine, authority := selfSigned(t, time.Hour, "client")
		others, _ := selfSigned(t, time.Hour, "client")
		o.ServerTLS.ClientAuth, o.ServerTLS.ClientCAs = tls.RequireAndVerifyClientCert, poolOf(authority)
		ls := start(t, o)
		url := listenOn(t, ls, "tls", "", echoServer)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, tt := range []struct {
				certs []tls.Certificate
				want  string
			}{{[]tls.Certificate{mine}, ""}, {nil, "required|bad certificate|handshake failure"}, {[]tls.Certificate{others}, "unknown|bad certificate|required"}} {
				c := o.ClientTLS.Clone()
				c.Certificates, c.MaxVersion = tt.certs, version
				h := record()
				h.onOpen = func(h *recorder) { h.conn.Put(h.loop, []byte("x")) }
				h.receive = func(*recorder, []byte) (int, error) { return 0, errors.New("") }
				ls.Loop(0).Post(func() { ls.Loop(0).DialTLS(url, c, nil, patience, h) })
				err := h.waitClosed(t)
				if tt.want == "" && err.Error() != "" {
					t.Errorf("%s: refused: %v", tls.VersionName(version), err)
				}
				if tt.want != "" {
					matches(t, err, tt.want)
					if !IsAlert(err) {
						t.Errorf("no alert: %v", err)
					}
					matches(t, waitFailure(t, failures), "certificate")
				}
			}
		}
	})
}

// TestWrongProtocol has each side speak what the other does not.
func TestWrongProtocol(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o, failures := noting(secure(t, o))
		ls := start(t, o)
		connect := "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"
		mqtt := func(*Loop, net.Addr) Handler { // As a broker does.
			h := record()
			h.receive = func(_ *recorder, b []byte) (int, error) {
				if b[0] != 0x10 {
					return 0, errors.New("malformed packet")
				}
				return len(b), nil
			}
			return h
		}
		urls := map[string]string{}
		for _, scheme := range []string{"tcp", "tls", "ws", "wss"} {
			urls[scheme] = hostOf(listenOn(t, ls, scheme, "", mqtt))
		}
		// Our client on the wrong port.
		for _, tt := range []struct{ as, at, client, server string }{
			{"tls", "tcp", "TLS handshake: the server closed", ""},
			{"ws", "tcp", "WebSocket handshake: the server closed", ""},
			{"ws", "tls", "WebSocket handshake: the server does not speak HTTP|HTTP status 400", "does not speak TLS"},
			{"tls", "ws", "the server does not speak TLS.*HTTP", "does not speak HTTP"},
			{"ws", "wss", "400", "does not speak TLS"},
			{"wss", "ws", "the server does not speak TLS.*HTTP", "does not speak HTTP"},
		} {
			matches(t, dialFails(t, ls, tt.as+"://"+urls[tt.at]), tt.client)
			if tt.server != "" {
				matches(t, waitFailure(t, failures), tt.server)
			}
		}
		// Plain MQTT on the wrong port: what comes back can be shown.
		for _, tt := range []struct{ at, answer, server string }{
			{"tls", tlsAlert, "does not speak TLS"},
			{"wss", tlsAlert, "does not speak TLS"},
			{"ws", "HTTP/1.1 400 ", "does not speak HTTP"},
		} {
			nc := dialNet(t, "tcp://"+urls[tt.at])
			io.WriteString(nc, connect+strings.Repeat("x", 30_000)) // More than is read: yet it ends without a RST.
			if got := readAll(t, nc); !strings.HasPrefix(string(got), tt.answer) {
				t.Errorf("%s answered CONNECT with %q", tt.at, got)
			}
			matches(t, waitFailure(t, failures), tt.server)
		}
	})
}

// TestRefusedUpgrades has requests that are no WebSocket of MQTT.
func TestRefusedUpgrades(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o, failures := noting(o)
		ls := start(t, o)
		url := listenOn(t, ls, "ws", "/mqtt", echoServer)
		get := func(lines ...string) string {
			nc := dialNet(t, "tcp://"+hostOf(url))
			io.WriteString(nc, strings.Join(lines, "\r\n")+"\r\n\r\n")
			return string(readAll(t, nc))
		}
		full := []string{"GET /mqtt HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
		for _, tt := range []struct {
			name   string
			lines  []string
			status string
		}{
			{"no upgrade", []string{"GET / HTTP/1.1", "Host: x"}, "404"},
			{"no upgrade, right path", []string{"GET /mqtt HTTP/1.1", "Host: x"}, "400"},
			{"no subprotocol", full, "400"},
			{"wrong subprotocol", append(full, "Sec-WebSocket-Protocol: chat, mqttv3.1"), "400"},
			{"old version", append(full[:4:4], "Sec-WebSocket-Version: 8", full[5], "Sec-WebSocket-Protocol: mqtt"), "426"},
			{"POST", append([]string{"POST /mqtt HTTP/1.1"}, full[1:]...), "405"},
			{"long", append(full, "X: "+strings.Repeat("x", maxRequest)), "431"},
		} {
			if got := get(tt.lines...); !strings.HasPrefix(got, "HTTP/1.1 "+tt.status+" ") {
				t.Errorf("%s: %q", tt.name, got)
			}
			matches(t, waitFailure(t, failures), "WebSocket handshake: ")
		}
		// The example of RFC 6455, section 1.3, and frames that did not wait for the answer.
		nc := dialNet(t, "tcp://"+hostOf(url))
		io.WriteString(nc, strings.Join(append(full, "Sec-WebSocket-Protocol: mqtt"), "\r\n")+"\r\n\r\n"+
			"\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58") // "Hello" masked, section 5.7.
		want := "\x82\x05Hello"
		var got []byte
		for b := make([]byte, 1000); !strings.HasSuffix(string(got), want); {
			n, err := nc.Read(b)
			if err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			got = append(got, b[:n]...)
		}
		if !strings.Contains(string(got), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") {
			t.Errorf("%q", got)
		}
		if _, _, err := coder(t, url, nil, "chat"); err == nil {
			t.Error("subprotocol chat was agreed to")
		}
	})
}

// TestStatus has frames that end a WebSocket, and the status code that says why.
func TestStatus(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		ls := start(t, o)
		for _, tt := range []struct {
			name, frame string
			status      string
		}{
			{"text", "\x81\x80\x00\x00\x00\x00", "\x03\xeb"},
			{"unmasked", "\x82\x01x", "\x03\xea"},
			{"reserved bit", "\xc2\x80\x00\x00\x00\x00", "\x03\xea"},
			{"continuation of nothing", "\x80\x80\x00\x00\x00\x00", "\x03\xea"},
			{"message in message", "\x02\x80\x00\x00\x00\x00\x82\x80\x00\x00\x00\x00", "\x03\xea"},
			{"opcode 3", "\x83\x80\x00\x00\x00\x00", "\x03\xea"},
			{"opcode 15", "\x8f\x80\x00\x00\x00\x00", "\x03\xea"},
			{"fragmented ping", "\x09\x80\x00\x00\x00\x00", "\x03\xea"},
			{"long ping", "\x89\xfe\x00\x7e\x00\x00\x00\x00", "\x03\xea"},
			{"a frame of 2^62", "\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x03\xf1"},
			{"close 1005", "\x88\x82\x00\x00\x00\x00\x03\xed", "\x03\xea"},
			{"close 1000", "\x88\x82\x00\x00\x00\x00\x03\xe8", "\x03\xe8"},
			{"close", "\x88\x80\x00\x00\x00\x00", "\x03\xe8"},
		} {
			h := record()
			url := listenOn(t, ls, "ws", "", func(*Loop, net.Addr) Handler { return h })
			nc := dialNet(t, "tcp://"+hostOf(url))
			io.WriteString(nc, "GET /x HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"+tt.frame)
			_, frame, ok := strings.Cut(string(readAll(t, nc)), "\r\n\r\n")
			if !ok || len(frame) < 4 || frame[0] != 0x88 || frame[2:4] != tt.status {
				t.Errorf("%s: %q", tt.name, frame)
			}
			if err := h.waitClosed(t); strings.HasPrefix(tt.status, "\x03\xe8") != (err == io.EOF) {
				t.Errorf("%s: closed with %v", tt.name, err)
			}
		}
	})
}

// TestSlowLoris fills the room of guests with clients that say a word now and then and never finish, and still gets in.
func TestSlowLoris(t *testing.T) {
	t.Parallel() // It waits most of the time.
	drivers(t, func(t *testing.T, o Options) {
		t.Parallel()
		o, failures := noting(secure(t, o))
		o.Handshakes, o.toleration = 8, 100*time.Millisecond
		ls := start(t, o)
		for _, scheme := range []string{"tls", "wss", "ws"} {
			url := listenOn(t, ls, scheme, "", echoServer)
			stop := make(chan struct{})
			var dripping sync.WaitGroup
			for range 8 * 3 {
				nc := dialNet(t, "tcp://"+hostOf(url))
				dripping.Add(1)
				go func() {
					defer dripping.Done()
					drip := []byte("G\x16") // The beginning of a TLS record, or of a request.
					if scheme != "ws" {
						drip = []byte("\x16\x03\x01\x02\x00")
					}
					for {
						if _, err := nc.Write(drip[:1]); err != nil {
							return
						}
						if len(drip) > 1 && scheme != "ws" {
							drip = drip[1:]
						}
						select {
						case <-stop:
							return
						case <-time.After(50 * time.Millisecond):
						}
					}
				}()
			}
			roundTrip(t, ls, url, 1000)
			close(stop)
			dripping.Wait()
			if err := waitFailure(t, failures); !errors.Is(err, errCrowded) {
				t.Errorf("%s: the first to go: %v", scheme, err)
			}
		}
	})
}

// TestHandshakeTimeout ends clients that have all the room, and still take too long.
func TestHandshakeTimeout(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o, failures := noting(secure(t, o))
		o.HandshakeTimeout = 50 * time.Millisecond
		ls := start(t, o)
		for scheme, began := range map[string]string{"tls": "\x16\x03", "ws": "GET / HTTP/1.1\r\n", "tcp": "\r\n\r\n"} {
			rest := ""
			if scheme == "tcp" {
				rest = "?proxy=v2"
			}
			url := listenOn(t, ls, scheme, rest, echoServer)
			nc := dialNet(t, "tcp://"+hostOf(url))
			io.WriteString(nc, began)
			io.Copy(io.Discard, nc) // To its end, or to a RST if this machine was slow to write.
			if err := waitFailure(t, failures); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", scheme, err)
			}
		}
		// The other way round: a server that says nothing.
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		for _, scheme := range []string{"tls", "ws"} {
			timeout, err := 25*time.Millisecond, error(nil)
			for connected := false; !connected && timeout < patience; connected = strings.Contains(err.Error(), "handshake") {
				timeout *= 2 // Until this machine connects in time.
				h := record()
				ls.Loop(0).Post(func() { ls.Loop(0).Dial(scheme+"://"+ln.Addr().String(), nil, timeout, h) })
				err = h.waitClosed(t)
			}
			matches(t, err, "handshake: the server did not finish it within "+timeout.String())
		}
	})
}

// TestCloseDuringHandshakes ends while many have not finished: nothing may be left behind, and nobody waits for them.
func TestCloseDuringHandshakes(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o = secure(t, o)
		ls := start(t, o)
		url := listenOn(t, ls, "wss", "", echoServer)
		mute, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer mute.Close()
		var hs []*recorder
		for range 10 {
			io.WriteString(dialNet(t, "tcp://"+hostOf(url)), "\x16\x03\x01")
			h := record()
			hs = append(hs, h)
			ls.Loop(0).Post(func() { ls.Loop(0).Dial("tls://"+mute.Addr().String(), nil, time.Hour, h) })
		}
		began := time.Now()
		if err := ls.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > patience {
			t.Errorf("closing took %v", took)
		}
		for _, h := range hs {
			h.waitClosed(t)
		}
	})
}

// TestResetLayers closes the socket under all layers with a RST, and says no goodbye.
func TestResetLayers(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o = secure(t, o)
		ls := start(t, o)
		for _, scheme := range []string{"tls", "ws", "wss"} {
			server := record()
			url := listenOn(t, ls, scheme, "", func(*Loop, net.Addr) Handler { return server })
			c := dialOpen(t, ls, url, record())
			server.waitOpened(t)
			c.Reset(nil)
			matches(t, server.waitClosed(t), "connection reset")
		}
	})
}

// TestLastWordsLayers sends something and closes, though the peer has sent what is not read any more: it must not be lost to a RST.
func TestLastWordsLayers(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o = secure(t, o)
		ls := start(t, o)
		for _, scheme := range []string{"tls", "ws", "wss"} {
			url := listenOn(t, ls, scheme, "", func(*Loop, net.Addr) Handler {
				h := record()
				h.receive = func(h *recorder, b []byte) (int, error) {
					h.conn.Put(h.loop, []byte("refused"))
					return 0, errors.New("enough")
				}
				return h
			})
			var got []byte
			h := record()
			h.onOpen = func(h *recorder) {
				for range 100 {
					h.conn.Put(h.loop, make([]byte, 1000))
				}
			}
			h.receive = func(_ *recorder, b []byte) (int, error) { got = append(got, b...); return len(b), nil }
			ls.Loop(0).Post(func() { ls.Loop(0).Dial(url, nil, patience, h) })
			if err := h.waitClosed(t); string(got) != "refused" {
				t.Errorf("%s: got %q, closed with %v", scheme, got, err)
			}
		}
	})
}

// TestReload changes the certificate under a listener. Connections that stand stay.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	files := ServerFiles{Certificate: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	first := writeCertificate(t, files)
	certs, err := files.Open()
	if err != nil {
		t.Fatal(err)
	}
	drivers(t, func(t *testing.T, o Options) {
		o.ServerTLS = certs.Config()
		o.ClientTLS = &tls.Config{RootCAs: poolOf(first)}
		ls := start(t, o)
		url := listenOn(t, ls, "tls", "", echoServer)
		stands := record()
		answer := make(chan string, 1)
		stands.receive = func(_ *recorder, b []byte) (int, error) { answer <- string(b); return len(b), nil }
		c := dialOpen(t, ls, url, stands)

		second := writeCertificate(t, files)
		if err := certs.Reload(); err != nil {
			t.Fatal(err)
		}
		matches(t, dialFails(t, ls, url), "not trusted")
		h := record()
		ls.Loop(0).Post(func() {
			ls.Loop(0).DialTLS(url, &tls.Config{RootCAs: poolOf(second)}, nil, patience, h)
		})
		h.waitOpened(t)
		c.Loop().Post(func() { c.Put(c.Loop(), []byte("still here")) })
		if got := <-answer; got != "still here" {
			t.Errorf("%q", got)
		}

		// What cannot be read changes nothing.
		os.WriteFile(files.Key, []byte("nonsense"), 0o600)
		if certs.Reload() == nil {
			t.Error("nonsense was read")
		}
		h = record()
		ls.Loop(0).Post(func() {
			ls.Loop(0).DialTLS(url, &tls.Config{RootCAs: poolOf(second)}, nil, patience, h)
		})
		h.waitOpened(t)
		first = writeCertificate(t, files)
		certs.Reload()
	})
}

// TestURLs are the ways to say where, and what is wrong with the others.
func TestURLs(t *testing.T) {
	for url, want := range map[string]address{
		"tcp://h:1":                {scheme: "tcp", network: "tcp", at: "h:1"},
		"mqtt://h:1/":              {scheme: "tcp", network: "tcp", at: "h:1", path: "/"},
		"ssl://h:1":                {scheme: "tls", network: "tcp", at: "h:1"},
		"mqtts://[::1]:1":          {scheme: "tls", network: "tcp", at: "[::1]:1"},
		"tls://h:1?proxy=v2":       {scheme: "tls", network: "tcp", at: "h:1", proxy: true},
		"ws://h:1":                 {scheme: "ws", network: "tcp", at: "h:1"},
		"wss://h:1/a/b?proxy=v2":   {scheme: "wss", network: "tcp", at: "h:1", path: "/a/b", proxy: true},
		"unix:///run/mqtt.sock":    {scheme: "unix", network: "unix", at: "/run/mqtt.sock"},
		"unix://rel/sock?proxy=v2": {scheme: "unix", network: "unix", at: "rel/sock", proxy: true},
	} {
		if got, err := parseURL(url); err != nil || got != want {
			t.Errorf("%s: %+v, %v", url, got, err)
		}
	}
	for _, url := range []string{"", "h:1", "gopher://h:1", "unix://", "tcp://h:1/path", "tls://h:1?proxy=v1", "ws://h:1/?x=y"} {
		if got, err := parseURL(url); err == nil {
			t.Errorf("%q: %+v", url, got)
		}
	}
	ls := start(t, Options{Loops: 1})
	if _, err := ls.Listen("tls://127.0.0.1:0", echoServer); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("tls without a certificate: %v", err)
	}
	matches(t, dialFails(t, ls, "tcp://127.0.0.1:1?proxy=v2"), "listeners")
}

func writeCertificate(t testing.TB, f ServerFiles) (authority []byte) {
	t.Helper()
	cert, authority := selfSigned(t, time.Hour, "localhost", "127.0.0.1")
	if err := os.WriteFile(f.Certificate, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Key, pemKey(der), 0o600); err != nil {
		t.Fatal(err)
	}
	return authority
}
