package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
	"github.com/xdg-go/scram"

	"mqttbench/broker/auth"
	"mqttbench/broker/packet"
)

// A riddle is a method of two steps: who says a hears b, who says c then is bob and hears d. Who says e is eve.
type riddle struct{}

func (riddle) Name() string         { return "T" }
func (riddle) Begin() auth.Exchange { return new(riddling) }

type riddling struct {
	asked bool
	user  string
}

func (r *riddling) Next(data []byte) (answer []byte, done bool, err error) {
	switch {
	case !r.asked && string(data) == "a":
		r.asked = true
		return []byte("b"), false, nil
	case r.asked && string(data) == "c":
		r.user = "bob"
	case r.asked && string(data) == "e":
		r.user = "eve"
	default:
		return nil, false, errors.New("wrong")
	}
	return []byte("d"), true, nil
}

func (r *riddling) User() string { return r.user }

// By hand from [v5 3.1], [v5 3.15] and the table of properties: method T, and one byte of data.
const (
	riddleConnect = "\x10\x16\x00\x04MQTT\x05\x02\x00\x3c\x08\x15\x00\x01T\x16\x00\x01a\x00\x01c"
	authContinueB = "\xf0\x0a\x18\x08\x15\x00\x01T\x16\x00\x01b"
	authContinueC = "\xf0\x0a\x18\x08\x15\x00\x01T\x16\x00\x01c"
	authContinueE = "\xf0\x0a\x18\x08\x15\x00\x01T\x16\x00\x01e"
	authAgainA    = "\xf0\x0a\x19\x08\x15\x00\x01T\x16\x00\x01a"
	authSuccessD  = "\xf0\x0a\x00\x08\x15\x00\x01T\x16\x00\x01d"
)

// expectBytes expects exactly these.
func (p *peer) expectBytes(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	p.net.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.ReadFull(p.net, got); string(got) != want {
		p.t.Fatalf("got % x (%v), want % x", got[:n], err, want)
	}
}

// solve connects by the riddle.
func (b *bench) solve() *peer {
	b.t.Helper()
	p := b.dial(packet.V5)
	p.send([]byte(riddleConnect))
	p.expectBytes(authContinueB)
	p.send([]byte(authContinueC))
	p.expectConnack()
	if method, data := p.connackAuth(); p.connack.Reason != packet.Success || method != "T" || data != "d" {
		b.t.Fatalf("%v %q %q", p.connack.Reason, method, data)
	}
	return p
}

func (p *peer) connackAuth() (method, data string) {
	m, _ := p.connack.Props.Get(packet.PropAuthenticationMethod)
	d, _ := p.connack.Props.Get(packet.PropAuthenticationData)
	return string(m.B), string(d.B)
}

func TestEnhancedAuthentication(t *testing.T) {
	overDrivers(t, Options{Methods: []auth.Method{riddle{}}}, func(t *testing.T, b *bench) {
		p := b.solve()
		p.subscribe("x", 1)
		for range 3 { // Again and again, and other packets in between.
			p.send([]byte(authAgainA))
			p.expectBytes(authContinueB)
			p.sync()
			p.send([]byte(authContinueC))
			p.expectBytes(authSuccessD)
		}
		p.sync()
		p.leave()
		// All at once, as nobody should: the answers come in order.
		p = b.dial(packet.V5)
		p.send([]byte(riddleConnect + authContinueC + authAgainA + authContinueC + "\xc0\x00"))
		p.expectBytes(authContinueB)
		if p.expectConnack(); p.connack.Reason != packet.Success {
			t.Fatal(p.connack.Reason)
		}
		p.next(packet.AUTH)
		p.next(packet.AUTH)
		p.next(packet.PINGRESP)
		p.leave()
		if n := b.exchanges.Load(); n != 0 {
			t.Errorf("%d are under way", n)
		}
	})
}

// Every wrong step has its Reason Code, in CONNACK before it and in DISCONNECT after.
func TestEnhancedAuthenticationRefused(t *testing.T) {
	const other = "\xf0\x0a\x18\x08\x15\x00\x01U\x16\x00\x01c" // Of another method.
	f := newGuard(t, "-", "bob")
	overDrivers(t, Options{Methods: []auth.Method{riddle{}}, Guard: f.guard, Anonymous: AnonymousAlways}, func(t *testing.T, b *bench) {
		for what, tt := range map[string]struct {
			send string
			want packet.ReasonCode // 0: no CONNACK.
		}{
			"wrong answer":   {"\xf0\x0a\x18\x08\x15\x00\x01T\x16\x00\x01x", packet.NotAuthorized},
			"no data":        {"\xf0\x06\x18\x04\x15\x00\x01T", packet.NotAuthorized},
			"another method": {other, packet.ProtocolError},
			"0x19":           {authAgainA, packet.ProtocolError},
			"0x00":           {authSuccessD, packet.ProtocolError},
			"empty AUTH":     {"\xf0\x00", packet.ProtocolError},
			"no method":      {"\xf0\x02\x18\x00", packet.ProtocolError},
			"PINGREQ":        {"\xc0\x00", packet.ProtocolError},
			"PUBLISH":        {"\x30\x05\x00\x01x\x00y", packet.ProtocolError},
			"CONNECT":        {riddleConnect, packet.ProtocolError},
			"DISCONNECT":     {"\xe0\x00", 0},
			"bad flags":      {"\xf1\x0a\x18\x08\x15\x00\x01T\x16\x00\x01c", packet.MalformedPacket},
		} {
			p := b.dial(packet.V5)
			p.send([]byte(riddleConnect))
			p.expectBytes(authContinueB)
			p.send([]byte(tt.send))
			if tt.want != 0 {
				if got := p.expectConnack().Reason; got != tt.want {
					t.Errorf("%s: CONNACK %v, want %v", what, got, tt.want)
				}
			}
			p.expectEnd(0)
		}
		for method, want := range map[string]packet.ReasonCode{"U": packet.BadAuthenticationMethod, "T": packet.NotAuthorized, "SCRAM-SHA-256": packet.BadAuthenticationMethod} {
			p := b.dial(packet.V5)
			p.sendConnect("c", user("bob"), props(packet.Prop{ID: packet.PropAuthenticationMethod, B: []byte(method)}))
			if got := p.expectConnack().Reason; got != want { // Nobody of the file has SCRAM.
				t.Errorf("method %s: %v", method, got)
			}
			p.expectEnd(0)
		}
		for what, tt := range map[string]struct {
			send string
			want packet.ReasonCode
		}{
			"wrong answer":        {authAgainA + "\xf0\x0a\x18\x08\x15\x00\x01T\x16\x00\x01x", packet.NotAuthorized},
			"another user":        {authAgainA + authContinueE, packet.NotAuthorized},
			"another method":      {"\xf0\x0a\x19\x08\x15\x00\x01U\x16\x00\x01a", packet.ProtocolError},
			"a third method":      {authAgainA + other, packet.ProtocolError},
			"0x18 without 0x19":   {authContinueC, packet.ProtocolError},
			"0x19 twice":          {authAgainA + authAgainA, packet.ProtocolError},
			"0x00":                {authSuccessD, packet.ProtocolError},
			"0x00 in the middle":  {authAgainA + authSuccessD, packet.ProtocolError},
			"empty AUTH":          {"\xf0\x00", packet.ProtocolError},
			"no such Reason Code": {"\xf0\x02\x17\x00", packet.ProtocolError},
		} {
			p := b.solve()
			p.send([]byte(tt.send))
			if strings.HasPrefix(tt.send, authAgainA) {
				p.expectBytes(authContinueB)
			}
			fr := p.next(packet.DISCONNECT)
			var d packet.Disconnect
			if err := d.Decode(packet.V5, fr.Flags, fr.Body); err != nil || d.Reason != tt.want {
				t.Errorf("%s: DISCONNECT %v (%v), want %v", what, d.Reason, err, tt.want)
			}
			p.expectEnd(0)
		}
		p := b.connect(packet.V5, "plain")
		p.send([]byte(authAgainA))
		p.expectEnd(packet.ProtocolError)
		p = b.connect(packet.V311, "old")
		p.send([]byte(authAgainA))
		p.expectEnd(0)
		b.await("all are forgotten", func() bool { return b.exchanges.Load() == 0 })
	})
}

// So many may be under way and no more.
func TestEnhancedAuthenticationFlood(t *testing.T) {
	overDrivers(t, Options{Methods: []auth.Method{riddle{}}, AuthQueue: 3}, func(t *testing.T, b *bench) {
		var some []*peer
		for range 3 {
			p := b.dial(packet.V5)
			p.send([]byte(riddleConnect))
			p.expectBytes(authContinueB)
			some = append(some, p)
		}
		p := b.dial(packet.V5)
		p.send([]byte(riddleConnect))
		if got := p.expectConnack().Reason; got != packet.QuotaExceeded {
			t.Error(got)
		}
		b.counted("authentications", 1, func(s *Stats) uint64 { return s.Refused.PasswordQueue })
		some[0].vanish()
		b.await("there is room", func() bool { return b.exchanges.Load() == 2 })
		b.solve()
	})
}

// SCRAM by a client library for it, and the rights that come with the name.
func TestSCRAM(t *testing.T) {
	f := newGuard(t, "user scram bob\ntopic own\n", "scram bob", "carol")
	overDrivers(t, Options{Guard: f.guard}, func(t *testing.T, b *bench) {
		for _, tt := range []struct {
			user, password string
			want           packet.ReasonCode
		}{
			{"scram bob", "pw scram bob", packet.Success}, {"scram bob", "wrong", packet.NotAuthorized},
			{"carol", "pw carol", packet.NotAuthorized}, {"nobody", "x", packet.NotAuthorized},
		} {
			client, err := scram.SHA256.NewClient(tt.user, tt.password, "")
			if err != nil {
				t.Fatal(err)
			}
			said := client.NewConversation()
			first, _ := said.Step("")
			p := b.dial(packet.V5)
			// Half of them wait to be asked, as [v5 4.12] has it for methods in which the server begins.
			opts := []option{props(packet.Prop{ID: packet.PropAuthenticationMethod, B: []byte("SCRAM-SHA-256")})}
			early := tt.want == packet.Success
			if early {
				opts = append(opts, props(packet.Prop{ID: packet.PropAuthenticationData, B: []byte(first)}))
			}
			p.sendConnect("c", opts...)
			if !early {
				if data := p.expectAuth(); data != "" {
					t.Errorf("asked with %q", data)
				}
				p.sendAuth(first)
			}
			final, err := said.Step(p.expectAuth())
			if err != nil {
				t.Fatal(err)
			}
			p.sendAuth(final)
			if got := p.expectConnack().Reason; got != tt.want {
				t.Errorf("%s with %s: %v", tt.user, tt.password, got)
			}
			if tt.want != packet.Success {
				p.expectEnd(0)
				continue
			}
			method, proof := p.connackAuth()
			if _, err := said.Step(proof); err != nil || !said.Valid() || method != "SCRAM-SHA-256" {
				t.Errorf("the broker has not shown who it is: %v", err)
			}
			p.subscribe("own", 0)
			p.leave()
			// The same user with a password.
			p = b.connect(packet.V311, "c", user("scram bob"))
			p.subscribe("own", 0)
			p.leave()
		}
	})
}

func (p *peer) sendAuth(data string) {
	p.t.Helper()
	a := packet.Auth{Reason: packet.ContinueAuthentication}
	a.Props = packet.AppendProp(a.Props, packet.Prop{ID: packet.PropAuthenticationMethod, B: []byte("SCRAM-SHA-256")})
	a.Props = packet.AppendProp(a.Props, packet.Prop{ID: packet.PropAuthenticationData, B: []byte(data)})
	p.send(a.Append(nil))
}

func (p *peer) expectAuth() (data string) {
	p.t.Helper()
	f := p.next(packet.AUTH)
	var a packet.Auth
	if err := a.Decode(f.Flags, f.Body); err != nil || a.Reason != packet.ContinueAuthentication {
		p.t.Fatal(a.Reason, err)
	}
	d, _ := a.Props.Get(packet.PropAuthenticationData)
	return string(d.B)
}

// pahoSCRAM is what an application gives to paho.golang.
type pahoSCRAM struct {
	said *scram.ClientConversation
	done chan struct{}
}

func (a *pahoSCRAM) Authenticate(in *paho.Auth) *paho.Auth {
	text, err := a.said.Step(string(in.Properties.AuthData))
	if err != nil {
		text = "c=biws,r=x,p=AAAA"
	}
	return &paho.Auth{ReasonCode: 0x18, Properties: &paho.AuthProperties{AuthMethod: "SCRAM-SHA-256", AuthData: []byte(text)}}
}

func (a *pahoSCRAM) Authenticated() { a.done <- struct{}{} }

// paho.golang, which others wrote, comes in by SCRAM, authenticates again, and is refused with the wrong password.
func TestPahoGolangSCRAM(t *testing.T) {
	f := newGuard(t, "-", "scram")
	overDrivers(t, Options{Guard: f.guard}, func(t *testing.T, b *bench) {
		for _, password := range []string{"pw scram", "wrong"} {
			begin := func() (*scram.ClientConversation, []byte) {
				client, err := scram.SHA256.NewClient("scram", password, "")
				if err != nil {
					t.Fatal(err)
				}
				said := client.NewConversation()
				first, err := said.Step("")
				if err != nil {
					t.Fatal(err)
				}
				return said, []byte(first)
			}
			nc, err := net.Dial("tcp", "127.0.0.1:"+b.port())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			said, first := begin()
			handler := &pahoSCRAM{said, make(chan struct{}, 2)}
			c := paho.NewClient(paho.ClientConfig{Conn: nc, AuthHandler: handler})
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			ack, err := c.Connect(ctx, &paho.Connect{
				ClientID: "paho", CleanStart: true, KeepAlive: 30,
				Properties: &paho.ConnectProperties{AuthMethod: "SCRAM-SHA-256", AuthData: first},
			})
			if password == "wrong" {
				if err == nil || ack == nil || ack.ReasonCode != 0x87 {
					t.Errorf("%v, %v", ack, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			<-handler.done
			if _, err := said.Step(string(ack.Properties.AuthData)); err != nil || !said.Valid() {
				t.Errorf("the broker has not shown who it is: %v", err)
			}
			handler.said, first = begin()
			r, err := c.Authenticate(ctx, &paho.Auth{ReasonCode: 0x19, Properties: &paho.AuthProperties{AuthMethod: "SCRAM-SHA-256", AuthData: first}})
			if err != nil || !r.Success {
				t.Fatalf("again: %v, %v", r, err)
			}
			// Its AuthResponse leaves the broker's proof out.
			c.Disconnect(&paho.Disconnect{})
			<-c.Done()
		}
	})
}
