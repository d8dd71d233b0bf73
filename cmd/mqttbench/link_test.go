package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mqttbench/bench/result"
	"mqttbench/broker"
)

// listening is a broker of this process, and its URL.
func listening(t *testing.T, o broker.Options) string {
	t.Helper()
	b, err := broker.New(o)
	if err == nil {
		err = b.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b.Addrs()[0]
}

// TestWSHeaders: a reverse proxy that lets nobody through without the right headers, in front of a broker.
func TestWSHeaders(t *testing.T) {
	t.Parallel()
	behind, err := url.Parse(strings.Replace(listening(t, broker.Options{Listen: []string{"ws://127.0.0.1:0/mqtt"}}), "ws://", "http://", 1))
	if err != nil {
		t.Fatal(err)
	}
	behind.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(behind)
	var through atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret: x" || r.Host != "broker.example" || !slices.Equal(r.Header["X-Tag"], []string{"a", "b"}) {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		through.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	at := strings.Replace(front.URL, "http://", "ws://", 1) + "/mqtt"
	headers := []string{"--broker", at, "--ws-header", "Authorization: Bearer s3cret: x", "--ws-header", "host:broker.example", "--ws-header=X-Tag: a", "--ws-header", "X-Tag:b"}
	for i, engine := range []string{"native", "paho"} {
		dir := filepath.Join(t.TempDir(), "run")
		code, stdout, stderr := mqttbench(t.Context(), short(dir, append(headers, "--client", engine)...)...)
		if n := through.Load(); !measured(code) || !strings.Contains(stdout, "QoS 1 kept") || n < int64(4*(i+1)) {
			t.Fatalf("%s: exit code %d, %d requests were let through\n%s%s", engine, code, n, stdout, stderr)
		}
		if text, err := os.ReadFile(filepath.Join(dir, result.ResultFile)); err != nil || strings.Contains(string(text), "s3cret") {
			t.Errorf("%s: %v, or the header's value is in the result", engine, err)
		}
	}
	code, _, stderr := mqttbench(t.Context(), short(filepath.Join(t.TempDir(), "run"), headers[:4]...)...)
	if code != exitInput || !strings.Contains(stderr, "403 Forbidden") {
		t.Errorf("without its headers: exit code %d, %s", code, stderr)
	}
}

// TestALPNAndServerName: a broker behind TLS that has a certificate for a name, not an address, and speaks one protocol.
func TestALPNAndServerName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, ca, _ := pair(t, dir, "server", "broker.example")
	var spoken, named atomic.Int64
	at := listening(t, broker.Options{Listen: []string{"tls://127.0.0.1:0"}, TLS: &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"mqtt"},
		VerifyConnection: func(c tls.ConnectionState) error {
			if c.NegotiatedProtocol == "mqtt" {
				spoken.Add(1)
			}
			if c.ServerName == "broker.example" {
				named.Add(1)
			}
			return nil
		},
	}})
	for i, engine := range []string{"native", "paho"} {
		code, stdout, stderr := mqttbench(t.Context(), short(filepath.Join(dir, engine), "--broker", at, "--cafile", ca, "--server-name", "broker.example", "--alpn", "other,mqtt", "--client", engine)...)
		if want := int64(4 * (i + 1)); !measured(code) || spoken.Load() < want || named.Load() != spoken.Load() {
			t.Fatalf("%s: exit code %d, %d agreed to mqtt and %d asked for the name, want %d or more\n%s%s", engine, code, spoken.Load(), named.Load(), want, stdout, stderr)
		}
	}
	for args, says := range map[string]string{
		"--server-name other.example": "other.example", "": "not trusted", "--server-name broker.example --alpn h3": "application protocol",
	} {
		code, _, stderr := mqttbench(t.Context(), short(filepath.Join(dir, "refused"), append(strings.Fields(args), "--broker", at, "--cafile", ca)...)...)
		if code != exitInput || !strings.Contains(stderr, says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d, %s; want one line with %q", args, code, stderr, says)
		}
	}
}
