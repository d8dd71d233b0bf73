package broker

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"mqttbench/broker/transport"
)

// vouched is a certificate for 127.0.0.1, and what it takes to trust it.
func vouched(t testing.TB, hosts ...string) (tls.Certificate, []byte, *x509.CertPool) {
	t.Helper()
	cert, authority, err := transport.SelfSigned(time.Hour, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return cert, authority, pool
}

// Paho over everything, with every QoS, and a message larger than a TLS record and a frame's short lengths.
func TestPahoGoTransports(t *testing.T) {
	cert, _, pool := vouched(t, "127.0.0.1")
	for _, listen := range []string{"tls://127.0.0.1:0", "ws://127.0.0.1:0", "wss://127.0.0.1:0/mqtt"} {
		scheme, _, _ := strings.Cut(listen, ":")
		t.Run(scheme, func(t *testing.T) {
			o := Options{Listen: []string{listen}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}
			overDrivers(t, o, func(t *testing.T, b *bench) {
				got := make(chan mqtt.Message, 100)
				o := mqtt.NewClientOptions().AddBroker(b.Addrs()[0]).SetClientID("c").SetAutoReconnect(false).SetOrderMatters(true).
					SetConnectTimeout(patience).SetTLSConfig(&tls.Config{RootCAs: pool}).
					SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { got <- m })
				c := mqtt.NewClient(o)
				pahoWait(t, c.Connect())
				pahoWait(t, c.Subscribe("x/#", 2, nil))
				for qos := range byte(3) {
					for _, size := range []int{0, 100, 200, 70_000, 300_000} {
						want := strings.Repeat(fmt.Sprint(qos), size)
						pahoWait(t, c.Publish("x/y", qos, false, want))
						select {
						case m := <-got:
							if string(m.Payload()) != want || m.Qos() != qos {
								t.Fatalf("%d bytes at QoS %d came as %d at %d", size, qos, len(m.Payload()), m.Qos())
							}
						case <-time.After(patience):
							t.Fatalf("%d bytes at QoS %d did not come", size, qos)
						}
					}
				}
				c.Disconnect(100)
				b.gone(0)
			})
		})
	}
}

// mosquitto_pub and mosquitto_sub over TLS, with certificates that the broker requires; and without, in vain.
func TestMosquittoTLS(t *testing.T) {
	sub, pub := tool(t, "mosquitto_sub"), tool(t, "mosquitto_pub")
	dir := t.TempDir()
	cert, authority, _ := vouched(t, "127.0.0.1", "localhost")
	client, clientAuthority, clients := vouched(t, "client")
	write := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	key, err := x509.MarshalPKCS8PrivateKey(client.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	ca := write("ca.pem", authority)
	mine := []string{"--cert", write("client.pem", clientAuthority), "--key", write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))}
	log := new(lines)
	o := Options{
		Listen: []string{"tls://127.0.0.1:0"}, Logger: slog.New(slog.NewTextHandler(log, nil)),
		TLS: &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients},
	}
	overDrivers(t, o, func(t *testing.T, b *bench) {
		for _, version := range []string{"tlsv1.2", "tlsv1.3"} {
			args := []string{"-h", "127.0.0.1", "-p", b.port(), "-t", "m", "-q", "2", "--cafile", ca, "--tls-version", version}
			trusted := append(args, mine...)
			s := exec.Command(sub, append(trusted, "-C", "1", "-W", "60")...)
			var out strings.Builder
			s.Stdout, s.Stderr = &out, &out
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			b.await("the subscription", func() bool { return b.Stats().Subscriptions == 1 })
			if text, err := exec.Command(pub, append(trusted, "-m", "over "+version)...).CombinedOutput(); err != nil {
				t.Fatalf("mosquitto_pub: %v %s", err, text)
			}
			if err := s.Wait(); err != nil || out.String() != "over "+version+"\n" {
				t.Errorf("%v %s", err, out.String())
			}
			b.await("the subscription is gone", func() bool { return b.Stats().Subscriptions == 0 })
			if text, err := exec.Command(pub, append(args, "-m", "x")...).CombinedOutput(); err == nil {
				t.Errorf("without a certificate: %s", text)
			}
			b.await("the log", func() bool { return log.has("handshake failed", "certificate") })
		}
	})
}

// lines is a log to look into.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// has reports whether one line has all words.
func (l *lines) has(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			return true
		}
	}
	return false
}

// A flood of failed handshakes is few lines, and what they do not say is counted.
func TestHandshakeLog(t *testing.T) {
	var h handshakeLog
	said := 0
	for range 1000 {
		if _, say := h.take(1); say {
			said++
		}
	}
	if said != handshakeLines {
		t.Errorf("%d lines in a second", said)
	}
	if unsaid, say := h.take(2); !say || unsaid != 1000-handshakeLines {
		t.Errorf("%d were not said, %v", unsaid, say)
	}
	if unsaid, say := h.take(2); !say || unsaid != 0 {
		t.Errorf("%d were not said twice, %v", unsaid, say)
	}
}
