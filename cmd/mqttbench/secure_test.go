package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/transport"
)

// short are the flags of a run in small.
func short(dir string, args ...string) []string {
	return append(args, "--qos", "1", "--clients", "4", "--rate", "100", "--warmup", "100ms", "--duration", "300ms", "--charts=false", "--quiet", "--out", dir)
}

// TestTransports reaches the built-in broker in every way, with both engines. Over TLS its certificate is checked.
func TestTransports(t *testing.T) {
	t.Parallel()
	for _, client := range []string{"native", "paho"} {
		for name := range transports {
			t.Run(name+"/"+client, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "run")
				code, stdout, stderr := mqttbench(t.Context(), short(dir, "--transport", name, "--client", client)...)
				if !measured(code) || !strings.Contains(stdout, "QoS 1 kept") {
					t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
				}
				r, err := result.Read(dir)
				if err != nil {
					t.Fatal(err)
				}
				if w := r.Manifest.Workload; w.Transport != name || w.Insecure || !strings.HasPrefix(r.Manifest.Broker.URL, name+"://") {
					t.Errorf("transport %s, insecure %v, %s", w.Transport, w.Insecure, r.Manifest.Broker.URL)
				}
			})
		}
	}
}

// pair writes a certificate and its key.
func pair(t *testing.T, dir, name string, hosts ...string) (cert tls.Certificate, certFile, keyFile string) {
	t.Helper()
	cert, text, err := transport.SelfSigned(time.Hour, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for name, text := range map[string][]byte{certFile: text, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, certFile, keyFile
}

// TestTrust is the way from a broker that is not trusted to one that is, as a user goes it.
func TestTrust(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, ca, _ := pair(t, dir, "server", "127.0.0.1")
	clients := x509.NewCertPool()
	for i := range 4 {
		cert, _, _ := pair(t, dir, fmt.Sprintf("client-%d", i), fmt.Sprintf("client-%d", i))
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		clients.AddCert(leaf)
	}
	serve := func(config *tls.Config) string {
		s, err := broker.New(broker.Options{Listen: []string{"tls://127.0.0.1:0"}, TLS: config})
		if err == nil {
			err = s.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s.Addrs()[0]
	}
	open := serve(&tls.Config{Certificates: []tls.Certificate{cert}})
	each := filepath.Join(dir, "client-%i")
	closed := serve(&tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients})
	for _, tt := range []struct {
		name, args string
		insecure   bool
		refused    string // "": it runs.
	}{
		{"unknown authority", "--broker " + open, false, "not trusted: .*(use --cafile, or --insecure"},
		{"unknown authority, paho", "--client paho --broker " + open, false, "x509: .*(use --cafile, or --insecure"},
		{"known authority", "--cafile " + ca + " --broker " + open, false, ""},
		{"believed", "--insecure --broker " + strings.Replace(open, "tls", "mqtts", 1), true, ""},
		{"no certificate", "--cafile " + ca + " --broker " + closed, false, "certificate required.*--certfile"},
		{"one for each", "--cafile " + ca + " --certfile " + each + ".pem --keyfile " + each + ".key --broker " + closed, false, ""},
		{"one is missing", "--clients 6 --cafile " + ca + " --certfile " + each + ".pem --keyfile " + each + ".key --broker " + closed, false, "client-4.pem"},
		{"no such file", "--cafile nowhere --broker " + open, false, "nowhere"},
		{"not TLS", "--cafile " + ca + " --broker tcp://127.0.0.1:1", false, "are for brokers at tls:// or wss://"},
		{"both", "--insecure --cafile " + ca + " --broker " + open, false, "exclude each other"},
		{"half a pair", "--certfile x --broker " + open, false, "go together"},
		{"not ours to choose", "--transport ws --broker " + open, false, "built-in broker"},
		{"unknown transport", "--transport quic", false, "tcp, tls, ws, wss and unix"},
		{"a path", "--broker tls://127.0.0.1/mqtt", false, "only ws:// and wss:// have a path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "run")
			code, stdout, stderr := mqttbench(t.Context(), append(short(out), strings.Fields(tt.args)...)...)
			if tt.refused != "" {
				want, also, _ := strings.Cut(tt.refused, ".*")
				if code != exitInput || !strings.Contains(stderr, want) || !strings.Contains(stderr, also) || strings.Count(stderr, "\n") != 1 {
					t.Errorf("exit code %d, %q; want %q", code, stderr, tt.refused)
				}
				return
			}
			if !measured(code) || !strings.Contains(stdout, "QoS 1 kept") {
				t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
			}
			r, err := result.Read(out)
			if err != nil {
				t.Fatal(err)
			}
			if w := r.Manifest.Workload; w.Transport != "tls" || w.Insecure != tt.insecure {
				t.Errorf("transport %s, insecure %v", w.Transport, w.Insecure)
			}
		})
	}
}

func TestBrokerURLs(t *testing.T) {
	for text, want := range map[string]string{
		"h": "tcp://h:1883", "mqtt://h": "tcp://h:1883", "tls://h": "tls://h:8883", "ssl://h:1": "tls://h:1", "mqtts://h/": "tls://h:8883",
		"ws://h": "ws://h:80", "wss://h/mqtt": "wss://h:443/mqtt", "ws://[::1]:1/a/b": "ws://[::1]:1/a/b", "unix:///run/x": "unix:///run/x",
	} {
		if got, err := brokerURL(text); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}
