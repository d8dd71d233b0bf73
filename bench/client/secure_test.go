package client

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/fault"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// secureMosquitto starts a broker with a listener for each scheme, and one more that requires certificates of its clients.
func secureMosquitto(t *testing.T) (urls map[string]string, trusting, known *tls.Config) {
	t.Helper()
	exe, err := exec.LookPath("mosquitto")
	if err != nil {
		exe = "/usr/sbin/mosquitto"
		if _, err := os.Stat(exe); err != nil {
			t.Skip("mosquitto is not installed")
		}
	}
	dir := t.TempDir()
	files := func(name string, hosts ...string) (cert tls.Certificate, pemFile, keyFile string) {
		cert, text, err := transport.SelfSigned(time.Hour, hosts...)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		pemFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
		key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := os.WriteFile(pemFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(keyFile, key, 0o644); err != nil {
			t.Fatal(err)
		}
		return cert, pemFile, keyFile
	}
	_, server, serverKey := files("server", "127.0.0.1")
	mine, client, _ := files("client", "client")
	secure := fmt.Sprintf("certfile %s\nkeyfile %s\n", server, serverKey)
	conf := new(strings.Builder)
	urls = map[string]string{}
	for _, l := range []struct{ name, scheme, lines string }{
		{"tcp", "tcp", ""}, {"tls", "tls", secure}, {"ws", "ws", "protocol websockets\n"}, {"wss", "wss", "protocol websockets\n" + secure},
		{"mtls", "tls", secure + "cafile " + client + "\nrequire_certificate true\n"},
	} {
		port, err := fault.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		urls[l.name] = l.scheme + "://127.0.0.1:" + port
		fmt.Fprintf(conf, "listener %s 127.0.0.1\n%s", port, l.lines)
	}
	conf.WriteString("allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nuser root\n")
	name := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(name, []byte(conf.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-c", name)
	out := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("mosquitto: %s", out)
		}
	})
	for _, url := range urls {
		_, at, _ := strings.Cut(url, "://")
		for until := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			if c, err := net.Dial("tcp", at); err == nil {
				c.Close()
				break
			} else if time.Now().After(until) {
				t.Fatal(err)
			}
		}
	}
	pool := x509.NewCertPool()
	text, err := os.ReadFile(server)
	if err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(text)
	trusting = &tls.Config{RootCAs: pool}
	known = trusting.Clone()
	known.Certificates = []tls.Certificate{mine}
	return urls, trusting, known
}

// TestAgainstMosquittoSecurely is the journey over TLS and WebSockets to a broker that others wrote, cut again and again.
func TestAgainstMosquittoSecurely(t *testing.T) {
	urls, trusting, known := secureMosquitto(t)
	for _, scheme := range []string{"tls", "ws", "wss", "mtls"} {
		t.Run(scheme, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, e *Native) {
				o := Options{URL: urls[scheme], TLS: trusting, Version: packet.V311}
				if scheme == "mtls" {
					o.TLS = known
				}
				newJourney(t, e, o, 2).run()
			})
		})
	}
}

// TestSecureRefusals are what a user reads when a broker and he do not come together.
func TestSecureRefusals(t *testing.T) {
	urls, trusting, _ := secureMosquitto(t)
	as := func(scheme, url string) string {
		_, at, _ := strings.Cut(url, "://")
		return scheme + "://" + at
	}
	for _, tt := range []struct {
		name, url string
		config    *tls.Config
		hear      string
	}{
		{"not trusted", urls["tls"], nil, "the server's certificate is not trusted: .*unknown authority"},
		{"no certificate", urls["mtls"], trusting, "certificate required|perhaps it expects a client certificate"},
		{"no certificate, TLS 1.2", urls["mtls"], &tls.Config{RootCAs: trusting.RootCAs, MaxVersion: tls.VersionTLS12}, "the server refused: .*(handshake failure|certificate)"},
		{"TLS to a plain port", as("tls", urls["tcp"]), trusting, "TLS handshake: the server closed the connection"},
		{"WebSocket to a plain port", as("ws", urls["tcp"]), nil, "WebSocket handshake: "},
		{"plain to a TLS port", as("tcp", urls["tls"]), nil, "it speaks TLS: try tls://|without a CONNACK"},
		{"WebSocket to a TLS port", as("ws", urls["tls"]), nil, "WebSocket handshake: "},
		{"TLS to a WebSocket port", as("tls", urls["ws"]), trusting, "TLS handshake: |does not speak TLS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachDriver(t, func(t *testing.T, e *Native) {
				r := newRecorder()
				c := e.Groups()[0].New(Options{URL: tt.url, TLS: tt.config, ClientID: "c", ConnectTimeout: patience}, r)
				on(t, e.Groups()[0], c.Connect)
				heard := r.await(t, "disconnected ")
				if !regexp.MustCompile(tt.hear).MatchString(heard) {
					t.Errorf("%s; want %s", heard, tt.hear)
				}
			})
		})
	}
}
