package transport

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// Headers typed by hand from section 2.2 of the specification.
const (
	proxy4     = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xd4\x31\x07\x5b"
	proxy6     = "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xd4\x31\x07\x5b"
	proxyAlone = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
	proxyTLVs  = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x14\xc0\x00\x02\x07\xc6\x33\x64\x01\xd4\x31\x07\x5b\x04\x00\x05hello"
	proxySays  = "192.0.2.7:54321"
)

func TestReadProxy(t *testing.T) {
	unix := "\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8/run/balancer" + strings.Repeat("\x00", 216-13)
	for _, tt := range []struct{ name, header, want string }{
		{"IPv4", proxy4, proxySays},
		{"IPv6", proxy6, "[2001:db8::1]:54321"},
		{"vectors", proxyTLVs, proxySays},
		{"unix", unix, "/run/balancer"},
		{"for itself", proxyAlone, ""},
		{"for itself, with what is to be ignored", "\r\n\r\n\x00\r\nQUIT\n\x20\x11\x00\x03abc", ""},
		{"unspecified", "\r\n\r\n\x00\r\nQUIT\n\x21\x00\x00\x02ab", ""},
	} {
		r := strings.NewReader(tt.header + "MQTT")
		got, err := readProxy(r)
		if err != nil || (got == nil) != (tt.want == "") || got != nil && got.String() != tt.want {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "MQTT" {
			t.Errorf("%s: left %q", tt.name, rest)
		}
		for n := range len(tt.header) {
			if got, err := readProxy(strings.NewReader(tt.header[:n])); err == nil {
				t.Errorf("%s: %d bytes were enough for %v", tt.name, n, got)
			}
		}
	}
	for _, tt := range []struct{ name, header, want string }{
		{"version 1", "PROXY TCP4 192.0.2.7 198.51.100.1 54321 1883\r\n", "version 1"},
		{"MQTT", "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd", "no PROXY.*began with"},
		{"version 3", proxySignature + "\x31\x11\x00\x0c", "0x31"},
		{"command 2", proxySignature + "\x22\x11\x00\x0c", "0x22"},
		{"UDP", proxySignature + "\x21\x12\x00\x0c", "0x12"},
		{"short", proxySignature + "\x21\x11\x00\x0babcdefghijk", "11 bytes.*12"},
	} {
		_, err := readProxy(strings.NewReader(tt.header))
		matches(t, err, tt.want)
	}
}

// FuzzReadProxy: a header that is accepted is read to its end and not further, and means what its bytes say.
func FuzzReadProxy(f *testing.F) {
	for _, s := range []string{proxy4, proxy6, proxyAlone, proxyTLVs} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		got, err := readProxy(r)
		if err != nil {
			return
		}
		if used := len(b) - r.Len(); used != 16+int(binary.BigEndian.Uint16(b[14:])) {
			t.Fatalf("used %d bytes", used)
		}
		if a, ok := got.(*net.TCPAddr); ok && b[13] == proxyTCP4 {
			if want := netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[16:])), binary.BigEndian.Uint16(b[24:])); a.AddrPort() != want {
				t.Fatalf("%v, want %v", a, want)
			}
		}
	})
}

// TestProxy has a balancer in front of every kind of listener. Whom it speaks for is who the handler sees.
func TestProxy(t *testing.T) {
	drivers(t, func(t *testing.T, o Options) {
		o, failures := noting(secure(t, o))
		ls := start(t, o)
		for _, scheme := range []string{"tcp", "tls", "ws", "wss", "unix"} {
			remotes := make(chan string, 10)
			accept := func(_ *Loop, remote net.Addr) Handler {
				h := record()
				h.receive = echo
				h.onOpen = func(h *recorder) { remotes <- remote.String() + " " + h.conn.RemoteAddr().String() }
				return h
			}
			url := ""
			if scheme == "unix" {
				url = "unix://" + t.TempDir() + "/s"
				if _, err := ls.Listen(url+"?proxy=v2", accept); err != nil {
					t.Fatal(err)
				}
			} else {
				url = listenOn(t, ls, scheme, "?proxy=v2", accept)
			}
			roundTrip(t, ls, balancer(t, url, proxyTLVs), 100_000)
			if got := <-remotes; got != proxySays+" "+proxySays {
				t.Errorf("%s: accepted %s", scheme, got)
			}
			a, _ := parseURL(url)
			nc, err := net.Dial(a.network, a.at)
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(nc, "\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00xxxx")
			if got, _ := io.ReadAll(nc); len(got) != 0 {
				t.Errorf("%s without a header was answered with %q", scheme, got)
			}
			nc.Close()
			matches(t, waitFailure(t, failures), "no PROXY protocol header")
		}
	})
}

// balancer forwards one connection to url, with a header in front of it, and returns the URL to dial instead.
func balancer(t *testing.T, url, header string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	a, _ := parseURL(url)
	go func() {
		in, err := ln.Accept()
		if err != nil {
			return
		}
		defer in.Close()
		out, err := net.Dial(a.network, a.at)
		if err != nil {
			return
		}
		defer out.Close()
		io.WriteString(out, header)
		go func() { io.Copy(out, in); out.Close() }()
		io.Copy(in, out)
	}()
	scheme := a.scheme
	if scheme == "unix" {
		scheme = "tcp"
	}
	return scheme + "://" + ln.Addr().String()
}
