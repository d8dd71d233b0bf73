package broker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// testFiles are a password file and an ACL file to be changed.
type testFiles struct {
	t     testing.TB
	files auth.Files
	guard *auth.Guard
}

// newGuard makes files of these users, who have the password "pw NAME", and of an ACL; "-": none.
func newGuard(t testing.TB, acl string, users ...string) *testFiles {
	t.Helper()
	dir := t.TempDir()
	f := &testFiles{t: t}
	if len(users) > 0 {
		f.files.Passwords = filepath.Join(dir, "passwords")
		for _, u := range users {
			f.setPassword(u, "pw "+u)
		}
	}
	if acl != "-" {
		f.files.ACL = filepath.Join(dir, "acl")
		f.write(f.files.ACL, acl)
	}
	var err error
	if f.guard, err = f.files.Open(); err != nil {
		t.Fatal(err)
	}
	return f
}

// setPassword: names that begin with scram have theirs for SCRAM.
func (f *testFiles) setPassword(user, password string) {
	f.t.Helper()
	kind := auth.SHA512
	if strings.HasPrefix(user, "scram") {
		kind = auth.SCRAM
	}
	if err := auth.SetPassword(f.files.Passwords, user, []byte(password), kind); err != nil {
		f.t.Fatal(err)
	}
}

func (f *testFiles) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *testFiles) reload() {
	f.t.Helper()
	if err := f.guard.Reload(); err != nil {
		f.t.Fatal(err)
	}
}

// as gives a CONNECT a User Name and a password.
func as(user, password string) option {
	return func(c *packet.Connect) {
		c.HasUsername, c.Username, c.HasPassword, c.Password = true, []byte(user), true, []byte(password)
	}
}

// user is a client of newGuard.
func user(name string) option { return as(name, "pw "+name) }

// nameOnly has no password.
func nameOnly(name string) option {
	return func(c *packet.Connect) { c.HasUsername, c.Username = true, []byte(name) }
}

func TestPasswordFile(t *testing.T) {
	f := newGuard(t, "-", "bob", "name with space")
	overDrivers(t, Options{Guard: f.guard}, func(t *testing.T, b *bench) {
		for _, v := range versions {
			for _, name := range []string{"bob", "name with space"} {
				p := b.connect(v, "c", user(name))
				p.subscribe("x", 2)
				p.leave()
			}
			bad, none := packet.BadUserNameOrPassword, packet.NotAuthorized
			for what, tt := range map[string]struct {
				who  option
				want packet.ReasonCode
			}{
				"wrong password": {as("bob", "pw bobx"), bad}, "empty password": {as("bob", ""), bad}, "no password": {nameOnly("bob"), bad},
				"unknown user": {as("eve", "pw bob"), bad}, "empty name": {as("", "pw bob"), bad}, "nobody": {clean, none},
			} {
				p := b.dial(v)
				p.sendConnect("c", tt.who)
				if got := p.expectConnack().Reason; got != tt.want {
					t.Errorf("%v, %s: %v, want %v", v, what, got, tt.want)
				}
				p.expectEnd(0)
			}
		}
		b.counted("credentials", uint64(6*len(versions)), func(s *Stats) uint64 { return s.Refused.Credentials })
	})
}

// A client that does not wait for CONNACK, as 3.1.1 allows, loses nothing of what it has sent meanwhile, and a CONNECT
// may come in pieces.
func TestPasswordAndImpatience(t *testing.T) {
	f := newGuard(t, "-", "bob")
	overDrivers(t, Options{Guard: f.guard}, func(t *testing.T, b *bench) {
		for _, pieces := range []int{1, 7} {
			p := b.dial(packet.V311)
			c := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("c")}
			user("bob")(&c)
			sub := packet.Subscribe{ID: 1, Subs: []packet.Subscription{{Filter: []byte("a/+")}}}
			text := sub.Append(c.Append(nil), packet.V311)
			for i := range 100 {
				m := packet.Publish{Topic: []byte("a/b"), QoS: 1, ID: packet.ID(i + 1), Payload: []byte{byte(i)}}
				text = m.Append(text, packet.V311)
			}
			for len(text) > 0 {
				n := min(len(text), len(text)/pieces+1)
				p.send(text[:n])
				text = text[n:]
			}
			if code := p.expectConnack().Reason; code != packet.Success {
				t.Fatal(code)
			}
			p.lastID = 1
			p.expectSuback(false)
			got := []byte{}
			for acks := 0; acks < 100 || len(got) < 100; {
				fr, ok := p.read()
				if !ok {
					t.Fatal("closed")
				}
				if fr.Type == packet.PUBACK {
					acks++
				} else {
					got = append(got, fr.Body[len(fr.Body)-1])
				}
			}
			for i, n := range got {
				if int(n) != i {
					t.Fatalf("message %d is %d", i, n)
				}
			}
			p.leave()
		}
	})
}

// stallPasswords keeps all workers, of which there is one, busy.
func (b *bench) stallPasswords() (proceed func()) {
	b.t.Helper()
	wait, busy := make(chan struct{}), make(chan struct{})
	b.pool.Do(0, func() { close(busy); <-wait })
	<-busy
	proceed = sync.OnceFunc(func() { close(wait) })
	b.t.Cleanup(proceed)
	return proceed
}

// A flood of passwords waits in a queue that does not grow. Who finds it full is refused, who goes away is forgotten, and others
// do not notice.
func TestPasswordFlood(t *testing.T) {
	f := newGuard(t, "-", "bob")
	overDrivers(t, Options{Guard: f.guard, AuthWorkers: 1, AuthQueue: 4, ConnectTimeout: 10 * patience}, func(t *testing.T, b *bench) {
		honest := b.connect(packet.V5, "honest", user("bob"))
		honest.subscribe("x", 1)
		proceed := b.stallPasswords()
		var waiting []*peer
		for i := range 4 {
			p := b.dial(versions[i%3])
			p.sendConnect(strings.Repeat("w", i+1), user("bob"))
			b.await("it waits", func() bool { return b.pool.Waiting() == i+1 })
			waiting = append(waiting, p)
		}
		for i := range 20 {
			p := b.dial(versions[i%3])
			p.sendConnect("over", user("bob"))
			want := packet.ServerUnavailable // All that 3.1.1 has.
			if p.version == packet.V5 {
				want = packet.QuotaExceeded
			}
			if got := p.expectConnack().Reason; got != want {
				t.Errorf("over the queue: %v", got)
			}
			p.expectEnd(0)
		}
		if n := b.Stats().Refused.PasswordQueue; n != 20 {
			t.Errorf("%d are counted", n)
		}
		honest.sendPublish("x", "meanwhile", 0)
		honest.expect("x", "meanwhile")
		waiting[3].vanish()
		if b.o.Driver == transport.Epoll { // The other driver notices when it reads again.
			b.await("it is noticed", func() bool { return b.conns.Load() == 4 })
		}
		proceed()
		for _, p := range waiting[:3] {
			if got := p.expectConnack().Reason; got != packet.Success {
				t.Error(got)
			}
			p.sync()
		}
		b.gone(4)
	})
}

// A broker that ends while passwords wait does not wait for them.
func TestPasswordShutdown(t *testing.T) {
	f := newGuard(t, "-", "bob")
	b := startBroker(t, Options{Guard: f.guard, AuthWorkers: 1})
	proceed := b.stallPasswords()
	p := b.dial(packet.V5)
	p.sendConnect("c", user("bob"))
	b.await("it waits", func() bool { return b.pool.Waiting() == 1 })
	closed := make(chan error)
	go func() { closed <- b.Close() }()
	p.expectEnd(0)
	proceed()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// Connect timeout holds for who waits, too.
func TestPasswordTimeout(t *testing.T) {
	t.Parallel()
	f := newGuard(t, "-", "bob")
	b := startBroker(t, Options{Guard: f.guard, AuthWorkers: 1, ConnectTimeout: 300 * time.Millisecond})
	b.stallPasswords()
	p := b.dial(packet.V5)
	p.sendConnect("c", user("bob"))
	p.expectEnd(0)
	b.counted("connect timeout", 1, func(s *Stats) uint64 { return s.Refused.ConnectTimeout })
}

// Whoever comes without a name is let in from this machine as long as nobody has to show anything, and where it was asked for.
func TestAnonymous(t *testing.T) {
	f := newGuard(t, "-", "bob")
	everybody := func(string, string, []byte) packet.ReasonCode { return packet.Success }
	for _, tt := range []struct {
		what string
		o    Options
		want bool
		warn string
	}{
		{"loopback", Options{}, true, ""},
		{"loopback, asked for", Options{Anonymous: AnonymousAlways}, true, ""},
		{"loopback, forbidden", Options{Anonymous: AnonymousNever}, false, ""},
		{"everywhere", Options{Listen: []string{"tcp://0.0.0.0:0"}}, false, "all clients of this address are refused"},
		{"everywhere, asked for", Options{Listen: []string{"tcp://0.0.0.0:0"}, Anonymous: AnonymousAlways}, true, "anybody who can reach this address"},
		{"all interfaces by no name", Options{Listen: []string{"tcp://:0"}}, false, "all clients of this address are refused"},
		{"localhost", Options{Listen: []string{"tcp://localhost:0"}}, true, ""},
		{"IPv6 loopback", Options{Listen: []string{"tcp://[::1]:0"}}, true, ""},
		{"passwords", Options{Guard: f.guard}, false, ""},
		{"passwords, asked for", Options{Guard: f.guard, Anonymous: AnonymousAlways}, true, ""},
		{"passwords, everywhere", Options{Guard: f.guard, Listen: []string{"tcp://0.0.0.0:0"}}, false, ""},
		{"a function, which decides alone", Options{Authenticate: everybody, Anonymous: AnonymousNever, Listen: []string{"tcp://0.0.0.0:0"}}, true, ""},
	} {
		log := new(lines)
		tt.o.Logger = slog.New(slog.NewTextHandler(log, nil))
		if tt.o.Listen != nil && strings.Contains(tt.o.Listen[0], "::1") {
			ln, err := net.Listen("tcp", "[::1]:0")
			if err != nil {
				continue // No IPv6 here.
			}
			ln.Close()
		}
		b := startBroker(t, tt.o)
		for _, who := range []option{clean, as("claimed", "x")} {
			p := b.dialPort(packet.V311)
			p.sendConnect("c", who)
			code := p.expectConnack().Reason
			if tt.o.Guard != nil && who != nil && code == packet.BadUserNameOrPassword {
				continue // A name is checked, where it can be.
			}
			if (code == packet.Success) != tt.want || code != packet.Success && code != packet.NotAuthorized {
				t.Errorf("%s: %v", tt.what, code)
			}
		}
		if warned := log.has("level=WARN", tt.warn, "address=") && tt.warn != ""; warned != (tt.warn != "") {
			t.Errorf("%s: %s", tt.what, log.text.String())
		}
		if tt.warn == "" && log.has("address=") {
			t.Errorf("%s warns: %s", tt.what, log.text.String())
		}
		b.Close()
	}
}

// dialPort dials whatever address the broker listens on over the loopback interface.
func (b *bench) dialPort(v packet.Version) *peer {
	b.t.Helper()
	host := "127.0.0.1"
	if strings.Contains(b.Addrs()[0], "::1") {
		host = "::1"
	}
	c, err := net.Dial("tcp", net.JoinHostPort(host, b.port()))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return &peer{t: b.t, net: c, version: v}
}

// Behind a load balancer on this machine it is the client's own address that counts.
func TestAnonymousBehindProxy(t *testing.T) {
	b := startBroker(t, Options{Listen: []string{"tcp://127.0.0.1:0?proxy=v2"}})
	const signature = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
	for address, want := range map[string]packet.ReasonCode{"\xc0\x00\x02\x07": packet.NotAuthorized, "\x7f\x00\x00\x02": packet.Success} {
		p := b.dialPort(packet.V5)
		p.send([]byte(signature + address + "\xd4\x31\x07\x5b\xd4\x31\x07\x5b"))
		p.sendConnect("c")
		if got := p.expectConnack().Reason; got != want {
			t.Errorf("% x: %v", address, got)
		}
	}
}

// A user who is removed from the file, or gets another password, is told to go; others stay, and a bad file changes nothing.
func TestRecheck(t *testing.T) {
	f := newGuard(t, "-", "bob", "carol", "dave", "scram")
	overDrivers(t, Options{Guard: f.guard, Anonymous: AnonymousAlways}, func(t *testing.T, b *bench) {
		f.setPassword("bob", "pw bob")
		f.setPassword("carol", "pw carol")
		f.reload()
		bob, carol, dave := b.connect(packet.V5, "1", user("bob")), b.connect(packet.V5, "2", user("carol")), b.connect(packet.V311, "3", user("dave"))
		nobody := b.connect(packet.V5, "4")
		old, err := os.ReadFile(f.files.Passwords)
		if err != nil {
			t.Fatal(err)
		}
		f.write(f.files.Passwords, string(old)+"nonsense\n")
		if err := f.guard.Reload(); err == nil || !strings.Contains(err.Error(), "passwords:5: ") {
			t.Error(err)
		}
		b.Recheck()
		bob.sync()
		var kept []string
		for line := range strings.Lines(string(old)) {
			if !strings.HasPrefix(line, "bob:") {
				kept = append(kept, line)
			}
		}
		f.write(f.files.Passwords, strings.Join(kept, ""))
		f.setPassword("carol", "new")
		f.reload()
		b.Recheck()
		bob.expectEnd(packet.AdministrativeAction)
		carol.expectEnd(packet.AdministrativeAction)
		dave.sync()
		nobody.sync()
		p := b.dial(packet.V5)
		p.sendConnect("1", user("bob"))
		if got := p.expectConnack().Reason; got != packet.BadUserNameOrPassword {
			t.Error(got)
		}
		b.connect(packet.V5, "2", as("carol", "new"))
	})
}

// The certificate is the User Name: no password is asked for, and who has none is refused, but over TCP.
func TestCertificateIdentity(t *testing.T) {
	server, _, pool := vouched(t, "127.0.0.1")
	signer, client := clientCertificate(t, "bob")
	clients := x509.NewCertPool()
	clients.AddCert(signer)
	f := newGuard(t, "user bob\ntopic read of/bob\nuser CN=bob,O=Acme\ntopic read of/subject\n", "dave")
	for id, topic := range map[auth.CertIdentity]string{auth.CertCN: "of/bob", auth.CertSubject: "of/subject"} {
		o := Options{
			Listen: []string{"tls://127.0.0.1:0", "tcp://127.0.0.1:0", "wss://127.0.0.1:0"}, Guard: f.guard, CertIdentity: id,
			TLS: &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: clients},
		}
		overDrivers(t, o, func(t *testing.T, b *bench) {
			dial := func(certs ...tls.Certificate) *peer {
				c, err := tls.Dial("tcp", strings.TrimPrefix(b.Addrs()[0], "tls://"), &tls.Config{RootCAs: pool, Certificates: certs})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				return &peer{t: t, net: c, version: packet.V5}
			}
			p := dial(client)
			p.sendConnect("c", as("eve", "whatever")) // What it calls itself does not matter.
			if got := p.expectConnack().Reason; got != packet.Success {
				t.Fatal(got)
			}
			p.subscribe(topic, 0)
			p.sendSubscribe("of/eve", 0)
			if got := p.expectSuback(false); got[0] != packet.NotAuthorized {
				t.Error(got)
			}
			p = dial()
			p.sendConnect("c", user("dave"))
			if got := p.expectConnack().Reason; got != packet.NotAuthorized {
				t.Errorf("without a certificate: %v", got)
			}
			for who, want := range map[string]packet.ReasonCode{"dave": packet.Success, "bob": packet.BadUserNameOrPassword} {
				c, err := net.Dial("tcp", strings.TrimPrefix(b.Addrs()[1], "tcp://"))
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				p := &peer{t: t, net: c, version: packet.V311}
				p.sendConnect("d", user(who))
				if got := p.expectConnack().Reason; got != want {
					t.Errorf("%s over TCP: %v", who, got)
				}
			}
		})
	}
}

func clientCertificate(t *testing.T, cn string) (*x509.Certificate, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn, Organization: []string{"Acme"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What contradicts itself is refused before anything listens.
func TestAuthOptions(t *testing.T) {
	f := newGuard(t, "-", "bob")
	for want, o := range map[string]Options{
		"negative":            {AuthQueue: -1},
		"negative.":           {AuthWorkers: -1},
		"beside a function":   {Guard: f.guard, Authenticate: func(string, string, []byte) packet.ReasonCode { return 0 }},
		"unknown Anonymous 3": {Anonymous: 3},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(want, ".")) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := (auth.Files{ACL: "/nowhere/at/all"}).Open(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
