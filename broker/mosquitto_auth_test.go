package broker

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

// These tests put the same password file, the same ACL file and the same attempts before this broker and before mosquitto.

// startMosquitto runs it with some lines of configuration and returns its address.
func startMosquitto(t *testing.T, config ...string) (address string) {
	t.Helper()
	program := tool(t, "mosquitto")
	port := freePort(t)
	address = "127.0.0.1:" + port
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := "listener " + port + " 127.0.0.1\nuser root\nset_tcp_nodelay true\n" + strings.Join(config, "\n") + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", file)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return address
		}
		if time.Now().After(end) {
			t.Fatalf("mosquitto: %v", err)
		}
	}
}

// A subject is one of the two brokers.
type subject struct {
	t       *testing.T
	address string
}

// login connects, if it is let in.
func (s subject) login(v packet.Version, id string, who option) (*peer, bool) {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	p := &peer{t: s.t, net: c, version: v}
	p.sendConnect(id, who)
	return p, p.expectConnack().Reason == packet.Success
}

// Whoever mosquitto lets in, by files that mosquitto_passwd or we wrote, we let in, and nobody else.
func TestMosquittoLogins(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about files, and takes long with the race detector")
	}
	passwd := tool(t, "mosquitto_passwd")
	dir := t.TempDir()
	file := filepath.Join(dir, "passwords")
	users := map[string]string{"bob": "secret", "name with space": " pä$$ : ", "+/#": "x"}
	first := []string{"-c"}
	for name, password := range users {
		for _, kind := range []string{"sha512", "sha512-pbkdf2"} {
			args := append([]string{"-H", kind}, first...)
			if out, err := exec.Command(passwd, append(args, "-b", file, name+kind, password)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			first = nil
		}
		for kind, k := range map[string]auth.Kind{"ours6": auth.SHA512, "ours7": auth.PBKDF2} {
			if err := auth.SetPassword(file, name+kind, []byte(password), k); err != nil {
				t.Fatal(err)
			}
		}
	}
	guard, err := auth.Files{Passwords: file}.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, anonymous := range []bool{false, true} {
		allow := map[bool]Anonymous{false: AnonymousLocal, true: AnonymousAlways}[anonymous]
		b := startBroker(t, Options{Guard: guard, Anonymous: allow})
		ours := subject{t, strings.TrimPrefix(b.Addrs()[0], "tcp://")}
		theirs := subject{t, startMosquitto(t, "password_file "+file, fmt.Sprint("allow_anonymous ", anonymous))}
		good := 0
		for _, v := range versions {
			attempt := func(what string, who option) {
				t.Helper()
				p, in := ours.login(v, "c", who)
				q, in2 := theirs.login(v, "c", who)
				p.net.Close()
				q.net.Close()
				if in != in2 {
					t.Errorf("%v, %s, anonymous %v: let in %v, by mosquitto %v", v, what, anonymous, in, in2)
				}
				if in {
					good++
				}
			}
			for name, password := range users {
				for _, kind := range []string{"sha512", "sha512-pbkdf2", "ours6", "ours7"} {
					attempt(name, as(name+kind, password))
					attempt(name+" with another password", as(name+kind, password+"x"))
					attempt(name+" with no password", nameOnly(name+kind))
				}
			}
			attempt("nobody", clean)
			attempt("an unknown user", as("eve", "secret"))
			attempt("an unknown user without a password", nameOnly("eve"))
		}
		if want := map[bool]int{false: 36, true: 39}[anonymous]; good != want {
			t.Errorf("%d were let in, want %d", good, want)
		}
	}
}

// aclNames and aclUsers are who tries what.
var (
	aclTopics = []string{"a", "a/b", "a/b/c", "b", "b/c1", "own/c1/x", "own/bob", "own/name with space/y", "a b/c", "$x/a", "$x", "/", "a/"}
	aclUsers  = []string{"", "bob", "name with space", "e+ve", "unlisted"}
	aclIDs    = []string{"c1", "a/b", "c+"}
)

// Four files by hand, and some at random. root may everything, so that there is something to read.
func aclFiles() []string {
	all := []string{
		"",
		"topic a/#\ntopic deny a/b\n\nuser bob\ntopic read a/+\ntopic write b/#\ntopic $x/#\nuser name with space\ntopic readwrite a b/c\ntopic deny a/b/c\ntopic a/#\n",
		"# patterns\npattern readwrite own/%c/#\npattern read own/%u/#\npattern read own/%u\npattern deny own/+/y\nuser bob\ntopic read own/c1/x\ntopic deny own/bob\nuser e+ve\ntopic a\n",
		"pattern read %c\npattern deny %u\npattern write +/%c\ntopic read #\nuser bob\nuser unlisted2\ntopic #\n",
	}
	r := rand.New(rand.NewPCG(5, 6))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	files := 20
	if testing.Short() {
		files = 2
	}
	for range files {
		var b strings.Builder
		for range 3 + r.IntN(10) {
			switch r.IntN(5) {
			case 0:
				fmt.Fprintf(&b, "user %s\n", pick(aclUsers[1:]...))
			case 1:
				fmt.Fprintf(&b, "pattern %s%s\n", pick("", "read ", "write ", "readwrite ", "deny "), pick("own/%c/#", "own/%u", "%c", "a/%u/#", "+/+", "b/%c", "own/%u/+", "#"))
			default:
				fmt.Fprintf(&b, "topic %s%s\n", pick("", "read ", "write ", "readwrite ", "deny "), pick("a/#", "a/+", "+", "#", "+/b/#", "b/c1", "$x/#", "own/#", "/", "+/+/+", "a", "a/b"))
			}
		}
		all = append(all, b.String())
	}
	for i := range all {
		all[i] += "user root\ntopic #\ntopic $x/#\n"
	}
	return all
}

// see is what a client is let do: a line for each topic.
func (s subject) see(user, id string) []string {
	s.t.Helper()
	who := clean
	if user != "" {
		who = nameOnly(user)
	}
	root, in := s.login(packet.V5, "root", nameOnly("root"))
	p, in2 := s.login(packet.V5, id, who)
	if !in || !in2 {
		s.t.Fatal("not let in")
	}
	var seen []string
	root.burst("kept", 1, retained)
	for qos := packet.QoS(1); qos <= 2; qos++ {
		for i, code := range p.burst("own", qos) {
			if code == packet.NotAuthorized {
				seen = append(seen, fmt.Sprintf("may not write %s at QoS %d", aclTopics[i], qos))
			}
		}
	}
	for _, filter := range []string{"#", "$x/#"} {
		p.sendSubscribe(filter, 0) // It may be refused here: then nothing may come there.
	}
	p.awaitSubacks(&seen)
	root.burst("live", 1)
	p.send(packet.AppendPing(nil, packet.PINGREQ))
	p.readUntil(packet.PINGRESP, &seen)
	p.net.Close()
	root.net.Close()
	slices.Sort(seen)
	return seen
}

// burst publishes to all topics at once, and returns what PUBACK or PUBREC said to each.
func (p *peer) burst(payload string, qos packet.QoS, change ...func(*packet.Publish)) (codes []packet.ReasonCode) {
	p.t.Helper()
	var all, release []byte
	first := p.lastID + 1
	for _, topic := range aclTopics {
		m := packet.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos, ID: p.id()}
		for _, f := range change {
			f(&m)
		}
		all = m.Append(all, p.version)
	}
	p.send(all)
	what := packet.PUBACK
	if qos == 2 {
		what = packet.PUBREC
	}
	for i := range aclTopics {
		id := first + packet.ID(i)
		code := p.expectAck(what, id)
		if codes = append(codes, code); !code.Failed() && qos == 2 {
			release = packet.AppendAck(release, p.version, packet.PUBREL, id, 0)
		}
	}
	p.send(release)
	for ; len(release) > 0; release = release[4:] {
		p.next(packet.PUBCOMP)
	}
	return codes
}

// awaitSubacks expects two of them. mosquitto sends what is retained before, we behind.
func (p *peer) awaitSubacks(seen *[]string) {
	p.t.Helper()
	p.readUntil(packet.SUBACK, seen)
	p.readUntil(packet.SUBACK, seen)
}

// readUntil notes what is published meanwhile.
func (p *peer) readUntil(what packet.Type, seen *[]string) {
	p.t.Helper()
	for {
		f, ok := p.read()
		if !ok {
			p.t.Fatal("closed")
		}
		if f.Type == what {
			return
		}
		var m packet.Publish
		if err := m.Decode(p.version, f.Flags, f.Body); err != nil {
			p.t.Fatal(err)
		}
		*seen = append(*seen, fmt.Sprintf("may read %s %s", m.Topic, m.Payload))
	}
}

// 3.1.1 has no word for it: the exchange is carried out, and that is all.
func (s subject) denied311(topic string) {
	s.t.Helper()
	p, _ := s.login(packet.V311, "old", clean)
	for qos := range packet.QoS(3) {
		p.publish(topic, "m", qos)
	}
	p.net.Close()
}

// Under the same ACL file everybody may do here what he may do with mosquitto, and no more.
func TestMosquittoACL(t *testing.T) {
	tool(t, "mosquitto")
	attempts, differ := 0, 0
	for i, acl := range aclFiles() {
		f := newGuard(t, acl)
		b := startBroker(t, Options{Guard: f.guard, Anonymous: AnonymousAlways})
		ours := subject{t, strings.TrimPrefix(b.Addrs()[0], "tcp://")}
		theirs := subject{t, startMosquitto(t, "acl_file "+f.files.ACL, "allow_anonymous true")}
		for _, user := range aclUsers {
			for _, id := range aclIDs {
				got, want := ours.see(user, id), theirs.see(user, id)
				attempts += 4 * len(aclTopics)
				if !slices.Equal(got, want) {
					differ++
					t.Errorf("file %d, user %q, client %q:\nhere  %q\nthere %q\n%s", i, user, id, got, want, acl)
				}
				if differ > 3 {
					t.FailNow()
				}
			}
		}
		if i == 0 {
			ours.denied311("a")
			theirs.denied311("a")
		}
	}
	t.Logf("%d attempts", attempts)
}

// What mosquitto does not read we do not read either, and the other way round.
func TestMosquittoReadsTheSameACLs(t *testing.T) {
	program := tool(t, "mosquitto")
	if testing.Short() {
		t.Skip("mosquitto is started once for each line")
	}
	for _, line := range []string{
		"topic a", "topic read a", "topic  read  a", "topic read a b", "topic read", "topic a b", "topic", "topic ", "topics a", "topic rw a", "topic READ a",
		"topic read a/#/b", "topic read a#", "topic +a", "pattern %c+", "pattern read %c", "pattern x", "user", "user ", "user  a b ", " # comment", "#comment", " topic a",
		"topic\tread a", "", "   ", "topic read a\r", "topic deny $SYS/#", "user #a", "topic #",
	} {
		file := filepath.Join(t.TempDir(), "acl")
		if err := os.WriteFile(file, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		config := file + ".conf"
		if err := os.WriteFile(config, []byte("listener 0 "+file+".sock\nuser root\nallow_anonymous true\nacl_file "+file+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-c", config)
		if err := cmd.Start(); err != nil {
			t.Skip(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		theirs := false
		for end := time.Now().Add(patience); !theirs; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(file + ".sock"); err == nil {
				theirs = true
			}
			if len(ended) > 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatal("mosquitto neither listens nor ends")
			}
		}
		cmd.Process.Kill()
		<-ended
		_, err := auth.ParseACL("acl", []byte(line+"\n"))
		if (err == nil) != theirs {
			t.Errorf("%q: mosquitto reads it: %v; we: %v", line, theirs, err)
		}
	}
}
