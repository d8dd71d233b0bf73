package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mqttbench/broker/packet"
)

// TestMain looks for goroutines that nobody waited for, and gives a busy machine the time to end those that are on their way out.
func TestMain(m *testing.M) {
	code := m.Run()
	err := goleak.Find()
	for until := time.Now().Add(time.Minute); err != nil && time.Now().Before(until); {
		err = goleak.Find()
	}
	if err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// output runs the program with arguments that make it end by itself.
func output(args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(context.Background(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"-h", "--help"} {
		code, out, errs := output(flag)
		if code != 0 || errs != "" {
			t.Errorf("%s: exit code %d, %q", flag, code, errs)
		}
		for _, word := range []string{"Usage:", "--listen", "--loops", "--driver", "--pprof", "--max-inflight", "--max-queued", "--username", "--certfile", "--require-certificate", "wss://", "--proxy-protocol", "SIGHUP", "Exit codes:", "Examples:"} {
			if !strings.Contains(out, word) {
				t.Errorf("%s does not speak of %s", flag, word)
			}
		}
		for line := range strings.Lines(out) {
			if len(line) > 101 {
				t.Errorf("too long: %q", line)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	if code, out, _ := output("--version"); code != 0 || !strings.HasPrefix(out, "mqttbroker ") {
		t.Errorf("exit code %d, %q", code, out)
	}
}

// What the user can mend is said in one line, with exit code 2.
func TestBadInput(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tests := []struct {
		args string
		want string
	}{
		{"--frobnicate", "frobnicate"},
		{"--driver kqueue", "kqueue"},
		{"--log-level loud", "loud"},
		{"--loops -1 --max-packet 1", "loops.*packet"},
		{"--password x", "--username"},
		{"extra", "extra"},
		{"--listen gopher://x", "gopher"},
		{"--listen tls://127.0.0.1:0", "certificate"},
		{"--listen tcp://127.0.0.1:0 --certfile x.pem", "--certfile.*key"},
		{"--listen tls://127.0.0.1:0 --certfile none.pem --keyfile none.key", "none.pem"},
		{"--listen tls://127.0.0.1:0 --certfile x --keyfile y --require-certificate", "authority"},
		{"--listen ws://127.0.0.1:0/x?y=z", "proxy=v2"},
		{"--listen tcp://" + taken.Addr().String(), "in use"},
		{"--listen tcp://127.0.0.1:0 --pprof " + taken.Addr().String(), "in use"},
	}
	for _, tt := range tests {
		code, out, errs := output(strings.Fields(tt.args)...)
		if code != 2 || out != "" {
			t.Errorf("%s: exit code %d, %q", tt.args, code, out)
		}
		if !regexp.MustCompile(tt.want).MatchString(errs) || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "mqttbroker: ") {
			t.Errorf("%s: %q does not say %q in one line", tt.args, errs, tt.want)
		}
	}
}

// start runs the program until the test ends it with the returned function, and returns the addresses
// that it says it listens on.
func startProgram(t *testing.T, listeners int, args ...string) (addrs []string, stop func() (code int, stderr string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	var errs strings.Builder
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, args, strings.NewReader(""), w, &errs)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	for range listeners {
		if !lines.Scan() {
			t.Fatalf("it ended: %s", errs.String())
		}
		addrs = append(addrs, strings.TrimPrefix(lines.Text(), "listening on "))
	}
	return addrs, func() (int, string) {
		cancel()
		for lines.Scan() {
		}
		return <-code, errs.String()
	}
}

// login sends a CONNECT and returns the Reason Code of its CONNACK.
func login(t *testing.T, url, user, password string) packet.ReasonCode {
	t.Helper()
	network, addr, _ := strings.Cut(url, "://")
	c, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("c")}
	if user != "" {
		p.HasUsername, p.Username, p.HasPassword, p.Password = true, []byte(user), true, []byte(password)
	}
	c.Write(p.Append(nil))
	var b [4]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		t.Fatal(err)
	}
	f, _ := packet.Next(b[:], 0)
	var ack packet.Connack
	if err := ack.Decode(packet.V311, f.Flags, f.Body); err != nil {
		t.Fatal(err)
	}
	return ack.Reason
}

func TestServe(t *testing.T) {
	socket := "unix://" + t.TempDir() + "/s"
	addrs, stop := startProgram(t, 2, "--listen", "tcp://127.0.0.1:0", "--listen", socket)
	if addrs[1] != socket {
		t.Errorf("says %s, was given %s", addrs[1], socket)
	}
	for _, url := range addrs {
		if got := login(t, url, "", ""); got != packet.Success {
			t.Errorf("%s: %v", url, got)
		}
	}
	if code, errs := stop(); code != 0 || errs != "" {
		t.Errorf("exit code %d after a signal, %q", code, errs)
	}
}

func TestPassword(t *testing.T) {
	addrs, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--username", "u", "--password", "p")
	defer stop()
	for pair, want := range map[[2]string]packet.ReasonCode{
		{"u", "p"}: packet.Success,
		{"u", "x"}: packet.BadUserNameOrPassword,
		{"x", "p"}: packet.BadUserNameOrPassword,
		{"", ""}:   packet.BadUserNameOrPassword,
	} {
		if got := login(t, addrs[0], pair[0], pair[1]); got != want {
			t.Errorf("%q: %v, want %v", pair, got, want)
		}
	}
}

// Each flag reaches its field.
func TestFlagsAreOptions(t *testing.T) {
	f, err := parse(strings.Fields("--max-inflight 1 --max-queued 2 --max-queued-bytes 3 --max-outbox 4 --max-packet 500 --receive-maximum 6" +
		" --max-clients 7 --max-sessions 8 --max-subscriptions 9 --max-topic-levels 10 --max-retained 11 --max-retained-bytes 12 --no-retain" +
		" --connect-rate 13 --max-keep-alive 14s --max-session-expiry 15s --sys-interval 16s --connect-timeout 17s"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := f.options(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	l := o.SessionLimits
	got := fmt.Sprint(l.MaxInflight, l.MaxQueued, l.MaxQueuedBytes, o.Outbox, o.MaxPacket, o.ReceiveMaximum, o.MaxClients, o.MaxSessions,
		o.MaxSubscriptions, o.MaxTopicLevels, o.MaxRetained, o.MaxRetainedBytes, o.NoRetain, o.ConnectRate, o.KeepAliveMax, o.SessionExpiryMax, o.SysInterval, o.ConnectTimeout)
	if want := "1 2 3 4 500 6 7 8 9 10 11 12 true 13 14s 15s 16s 17s"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if f, _ := parse(nil); f.sysInterval != 10*time.Second {
		t.Errorf("$SYS every %v", f.sysInterval)
	}
}

func TestPprof(t *testing.T) {
	addr := freeAddr(t)
	_, stop := startProgram(t, 1, "--listen", "tcp://127.0.0.1:0", "--pprof", addr)
	defer stop()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(fmt.Sprintf("http://%s/debug/pprof/goroutine?debug=1", addr))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil || !strings.Contains(string(text), "goroutine profile") {
		t.Errorf("%v, %.80q", err, text)
	}
}
