//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mqttbench/broker/transport"
)

// writeCertificate puts a new certificate for 127.0.0.1 and its key where the program looks for them.
func writeCertificate(t *testing.T, certFile, keyFile string) (trust *tls.Config) {
	t.Helper()
	cert, authority, err := transport.SelfSigned(time.Hour, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{certFile: authority, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}}
}

// greet dials and says CONNECT; nil: the broker said yes.
func greet(url string, trust *tls.Config) error {
	nc, err := tls.Dial("tcp", strings.TrimPrefix(url, "tls://"), trust)
	if err != nil {
		return err
	}
	defer nc.Close()
	io.WriteString(nc, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c")
	var ack [4]byte
	_, err = io.ReadFull(nc, ack[:])
	return err
}

// TestTLS has the program serve TLS, require certificates, and read them again when it gets a SIGHUP.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first := writeCertificate(t, cert, key)
	addrs, stop := startProgram(t, 1, "--listen", "tls://127.0.0.1:0", "--certfile", cert, "--keyfile", key, "--cafile", cert, "--require-certificate", "--log-level", "error")
	if !strings.HasPrefix(addrs[0], "tls://127.0.0.1:") {
		t.Errorf("listening on %s", addrs[0])
	}
	if err := greet(addrs[0], first); err != nil {
		t.Error(err)
	}
	if err := greet(addrs[0], &tls.Config{RootCAs: first.RootCAs}); err == nil {
		t.Error("a client without a certificate was let in")
	}
	second := writeCertificate(t, cert, key)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := greet(addrs[0], second)
		if err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("after SIGHUP: %v", err)
		}
	}
	if code, errs := stop(); code != 0 || errs != "" {
		t.Errorf("exit code %d, %q", code, errs)
	}
}

// TestProxyProtocol has every connection begin with a header, and says what is wrong with one that does not.
func TestProxyProtocol(t *testing.T) {
	addrs, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--proxy-protocol", "--anonymous")
	send := func(text string) string {
		nc, err := net.Dial("tcp", strings.TrimPrefix(addrs[0], "tcp://"))
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(nc, text)
		b := make([]byte, 4)
		n, _ := io.ReadFull(nc, b)
		return string(b[:n])
	}
	connect := "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c"
	if got := send("\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xd4\x31\x07\x5b" + connect); got != "\x20\x02\x00\x00" {
		t.Errorf("CONNECT behind a header was answered with %q", got)
	}
	if got := send(connect + connect); got != "" {
		t.Errorf("CONNECT without a header was answered with %q", got)
	}
	if code, errs := stop(); code != 0 || !strings.Contains(errs, "no PROXY protocol header") {
		t.Errorf("exit code %d, %q", code, errs)
	}
}
