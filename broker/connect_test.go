package broker

import (
	"strings"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

func TestConnectAllVersions(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, v := range versions {
			p := b.connect(v, "c")
			p.sync()
			p.leave()
		}
		b.gone(0)
		if s := b.Stats(); s.Connects != 3 || s.Sessions != 0 {
			t.Errorf("%d connects and %d sessions, want 3 and 0", s.Connects, s.Sessions)
		}
	})
}

// [v5 MQTT-3.1.0-1] [v3.1.1 MQTT-3.1.0-1]
func TestFirstPacketIsConnect(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for name, bytes := range map[string]string{
			"PINGREQ":    "\xC0\x00",
			"PUBLISH":    "\x30\x04\x00\x01ax",
			"DISCONNECT": "\xE0\x00",
			"reserved":   "\x00\x00",
		} {
			t.Run(name, func(t *testing.T) {
				p := b.dial(packet.V311)
				p.send([]byte(bytes))
				p.expectEnd(0)
			})
		}
	})
}

// [v5 MQTT-3.1.0-2]: a second CONNECT is a Protocol Error.
func TestSecondConnect(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, v := range versions {
			p := b.connect(v, "c")
			p.sendConnect("c")
			p.expectEnd(packet.ProtocolError)
		}
	})
}

// What refuses a CONNECT, and in which words.
func TestConnectRefused(t *testing.T) {
	overDrivers(t, Options{
		Authenticate: func(id, user string, password []byte) packet.ReasonCode {
			if user == "u" && string(password) == "p" {
				return packet.Success
			}
			if user == "banned" {
				return packet.Banned
			}
			return packet.BadUserNameOrPassword
		},
	}, func(t *testing.T, b *bench) {
		login := func(user, password string) option {
			return func(c *packet.Connect) {
				c.HasUsername, c.Username = true, []byte(user)
				c.HasPassword, c.Password = true, []byte(password)
			}
		}
		method := props(packet.Prop{ID: packet.PropAuthenticationMethod, B: []byte("SCRAM-SHA-1")})
		tests := []struct {
			name    string
			version packet.Version
			id      string
			opts    []option
			want    packet.ReasonCode
		}{
			{"let in", packet.V5, "c", []option{login("u", "p")}, packet.Success},
			{"bad password", packet.V5, "c", []option{login("u", "x")}, packet.BadUserNameOrPassword},
			{"bad password, 3.1.1", packet.V311, "c", []option{login("u", "x")}, packet.BadUserNameOrPassword},
			{"banned", packet.V5, "c", []option{login("banned", "")}, packet.Banned},
			{"banned, 3.1.1 [3.2.2.3]", packet.V311, "c", []option{login("banned", "")}, packet.NotAuthorized},
			{"method [v5 MQTT-4.12.0-1]", packet.V5, "c", []option{login("u", "p"), method}, packet.BadAuthenticationMethod},
			{"no id, 3.1.1 [MQTT-3.1.3-8]", packet.V311, "", []option{login("u", "p"), resume}, packet.ClientIdentifierNotValid},
			{"no id, 3.1", packet.V31, "", []option{login("u", "p")}, packet.ClientIdentifierNotValid},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				b := &bench{b.Server, t}
				p := b.dial(tt.version)
				p.sendConnect(tt.id, tt.opts...)
				if got := p.expectConnack(); got.Reason != tt.want || got.SessionPresent {
					t.Fatalf("CONNACK %v (session present %v), want %v", got.Reason, got.SessionPresent, tt.want)
				}
				if tt.want != packet.Success {
					p.expectEnd(0)
				}
			})
		}
	})
}

// [v5 MQTT-3.1.2-2]: an unknown version is told so, in a form it may understand.
func TestUnknownVersion(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p := b.dial(packet.V5)
		p.send([]byte("\x10\x0D\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x00"))
		if got := p.expectConnack(); got.Reason != packet.UnsupportedProtocolVersion {
			t.Errorf("version 6: %v", got.Reason)
		}
		p.expectEnd(0)

		p = b.dial(packet.V311)
		p.send([]byte("\x10\x0C\x00\x04MQTT\x02\x02\x00\x00\x00\x00"))
		if f := p.next(packet.CONNACK); string(f.Body) != "\x00\x01" {
			t.Errorf("version 2: CONNACK % x, want return code 1", f.Body)
		}
		p.expectEnd(0)
	})
}

// [v5 MQTT-3.1.3-6, 3.1.3-7] [v5 3.2.2.3.7]: a client without an identifier is given one, and told.
func TestAssignedClientIdentifier(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p, q := b.connect(packet.V5, ""), b.connect(packet.V5, "")
		one, other := string(p.connack.AssignedClientID), string(q.connack.AssignedClientID)
		if one == "" || one == other {
			t.Fatalf("assigned %q and %q", one, other)
		}
		if named := b.connect(packet.V5, "c"); named.connack.AssignedClientID != nil {
			t.Error("assigned an identifier to a client that has one")
		}
		r := b.connect(packet.V5, one) // It is usable.
		r.sync()
		p.expectEnd(packet.SessionTakenOver)
		b.connect(packet.V311, "").sync()
	})
}

func TestConnackProperties(t *testing.T) {
	overDrivers(t, Options{
		ReceiveMaximum: 7, MaxPacket: 1000, TopicAliasMaximum: 3, KeepAliveMax: 20 * time.Second,
		SessionExpiryMax: 100 * time.Second, ResponseInformation: "reply/here",
	}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "c", keepAlive(60), expiry(101),
			props(packet.Prop{ID: packet.PropRequestResponseInformation, N: 1}))
		c := p.connack
		if c.ReceiveMaximum != 7 || c.MaximumPacketSize != 1000 || c.TopicAliasMaximum != 3 {
			t.Errorf("limits %+v", c)
		}
		if !c.HasServerKeepAlive || c.ServerKeepAlive != 20 {
			t.Errorf("Server Keep Alive %v %d, want 20 [v5 MQTT-3.1.2-21]", c.HasServerKeepAlive, c.ServerKeepAlive)
		}
		if !c.HasSessionExpiry || c.SessionExpiry != 100 {
			t.Errorf("Session Expiry Interval %v %d, want 100", c.HasSessionExpiry, c.SessionExpiry)
		}
		if info, _ := c.Props.Get(packet.PropResponseInformation); string(info.B) != "reply/here" {
			t.Errorf("Response Information %q", info.B)
		}

		p = b.connect(packet.V5, "d", keepAlive(10), expiry(99))
		if _, asked := p.connack.Props.Get(packet.PropResponseInformation); asked || p.connack.HasServerKeepAlive || p.connack.HasSessionExpiry {
			t.Error("CONNACK says what was not asked for, or granted as asked [v5 MQTT-3.1.2-28]")
		}
	})
}

// [v5 MQTT-3.1.4-3], and [v3.1.1 MQTT-3.1.4-2]: the same Client Identifier again.
func TestTakeOver(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for _, v := range versions {
			old := b.connect(v, "c")
			next := b.connect(v, "c")
			old.expectEnd(packet.SessionTakenOver)
			next.sync()
			b.gone(1)
			next.leave()
		}
	})
}

// Session Present tells the truth, [v5 MQTT-3.2.2-2, 3.2.2-3] [v3.1.1 MQTT-3.2.2-1 to 3.2.2-3].
func TestSessionPresent(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		steps := []struct {
			what    string
			version packet.Version
			opts    []option
			want    bool
		}{
			{"first ever", packet.V5, []option{resume, expiry(1000)}, false},
			{"resumed", packet.V5, []option{resume, expiry(1000)}, true},
			{"resumed, to end with its connection", packet.V5, []option{resume}, true},
			{"that has ended", packet.V5, []option{resume, expiry(1000)}, false},
			{"discarded by Clean Start", packet.V5, []option{clean, expiry(1000)}, false},
			{"resumed by 3.1.1", packet.V311, []option{resume}, true},
			{"Clean Session", packet.V311, []option{clean}, false},
			{"is not kept [v3.1.1 MQTT-3.1.2-6]", packet.V311, []option{resume}, false},
			{"kept without Clean Session", packet.V311, []option{resume}, true},
			{"expiry forever", packet.V5, []option{resume, expiry(0xFFFFFFFF)}, true},
		}
		for _, s := range steps {
			p := b.connect(s.version, "c", s.opts...)
			if p.connack.SessionPresent != s.want {
				t.Errorf("%s: session present %v, want %v", s.what, p.connack.SessionPresent, s.want)
			}
			p.leave()
			b.gone(0)
		}
	})
}

// Take-over while the old connection stands: its session goes on if it was to outlive it.
func TestSessionPresentAtTakeOver(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		b.connect(packet.V5, "kept", expiry(100))
		if p := b.connect(packet.V5, "kept", resume); !p.connack.SessionPresent {
			t.Error("a session that was to outlive its connection is gone")
		}
		b.connect(packet.V311, "clean")
		if p := b.connect(packet.V311, "clean", resume); p.connack.SessionPresent {
			t.Error("a Clean Session was reused [v3.1.1 MQTT-3.1.2-6]")
		}
	})
}

// [v5 3.14.2.2.2]: DISCONNECT may change the Session Expiry Interval, but not from zero.
func TestSessionExpiryAtDisconnect(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		disconnect := func(p *peer, seconds uint32) {
			d := packet.Disconnect{Props: packet.AppendProp(nil, packet.Prop{ID: packet.PropSessionExpiryInterval, N: seconds})}
			p.send(d.Append(nil, packet.V5))
		}
		p := b.connect(packet.V5, "c", expiry(1000))
		disconnect(p, 0)
		p.expectEnd(0)
		b.await("the session is over", func() bool { return b.Stats().Sessions == 0 })

		p = b.connect(packet.V5, "c")
		disconnect(p, 10)
		p.expectEnd(packet.ProtocolError)
	})
}

// [v5 MQTT-3.1.2-23]: the session ends when its time has passed, by itself and for whoever asks.
func TestSessionExpires(t *testing.T) {
	waits(t)
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "c", expiry(1))
		p.subscribe("a", 1)
		began := time.Now()
		p.leave()
		if n := b.Stats().Sessions; n != 1 && time.Since(began) < time.Second {
			t.Fatal("gone at once")
		}
		b.await("expiry", func() bool { return b.Stats().Sessions == 0 })
		if n := b.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	})
}

// [v5 MQTT-3.1.2-22]: one and a half times the Keep Alive.
func TestKeepAlive(t *testing.T) {
	waits(t)
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		for !keptAlive(t, b) {
			t.Log("this machine stood still for too long: once more")
		}
	})
}

// keptAlive is false if the clients were silent for longer than they should have been.
func keptAlive(t *testing.T, b *bench) bool {
	t.Helper()
	began := time.Now()
	five, old := b.connect(packet.V5, "five", keepAlive(1)), b.connect(packet.V311, "old", keepAlive(1))
	spoke := began
	for range 3 { // Longer than the deadline, but never silent for as long.
		time.Sleep(600 * time.Millisecond)
		now := time.Now()
		for _, p := range []*peer{five, old} {
			p.net.Write(packet.AppendPing(nil, packet.PINGREQ))
			if f, ok := p.read(); ok && f.Type == packet.PINGRESP {
				continue
			}
			if silent := time.Since(spoke); silent < 1500*time.Millisecond {
				t.Fatalf("version %v was closed after %v", p.version, silent)
			}
			five.vanish()
			old.vanish()
			b.gone(0)
			return false
		}
		spoke = now
	}
	five.expectEnd(packet.KeepAliveTimeout)
	if d := time.Since(began); d < 3300*time.Millisecond {
		t.Errorf("closed after %v", d)
	}
	old.expectEnd(0)
	return true
}

func TestConnectTimeout(t *testing.T) {
	waits(t)
	overDrivers(t, Options{ConnectTimeout: 300 * time.Millisecond}, func(t *testing.T, b *bench) {
		p := b.dial(packet.V311)
		p.send([]byte("\x10")) // A beginning does not help.
		p.expectEnd(0)
		q := b.dial(packet.V311)
		for { // Until this machine sends a CONNECT in time.
			c := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("c")}
			q.net.Write(c.Append(nil))
			if f, ok := q.read(); ok && f.Type == packet.CONNACK {
				break
			}
			q = b.dial(packet.V311)
		}
		time.Sleep(700 * time.Millisecond)
		q.sync() // Without Keep Alive there is no deadline any more.
	})
}

func TestMaxClients(t *testing.T) {
	overDrivers(t, Options{MaxClients: 1}, func(t *testing.T, b *bench) {
		first := b.connect(packet.V5, "a")
		p := b.dial(packet.V5)
		p.sendConnect("b")
		if got := p.expectConnack(); got.Reason != packet.QuotaExceeded {
			t.Errorf("CONNACK %v", got.Reason)
		}
		p.expectEnd(0)
		first.leave()
		b.gone(0)
		b.connect(packet.V5, "b")
	})
}

// [v5 MQTT-4.13.1-1]: errors are said in a DISCONNECT; earlier versions only see the end.
func TestProtocolErrors(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		tests := []struct {
			name  string
			bytes string // Typed from the specification.
			code  packet.ReasonCode
		}{
			{"QoS 3 [MQTT-3.3.1-4]", "\x36\x07\x00\x01a\x00\x01\x00x", packet.MalformedPacket},
			{"reserved flags [MQTT-2.1.3-1]", "\xC1\x00", packet.MalformedPacket},
			{"packet of a server", "\xD0\x00", packet.ProtocolError},
			{"AUTH without method [v5 MQTT-4.12.0-6]", "\xF0\x00", packet.ProtocolError},
			{"wildcard in a Topic Name [MQTT-3.3.2-2]", "\x30\x05\x00\x01#\x00x", packet.MalformedPacket},
			{"no filters [MQTT-3.8.3-2]", "\x82\x03\x00\x01\x00", packet.ProtocolError},
			{"No Local, shared [v5 MQTT-3.8.3-4]", "\x82\x10\x00\x01\x00\x00\x0A$share/s/a\x04", packet.ProtocolError},
			{"Subscription Identifier from a client [v5 MQTT-3.3.4-6]", "\x30\x07\x00\x01a\x02\x0B\x01x", packet.ProtocolError},
			{"Topic Alias 0 [v5 MQTT-3.3.2-8]", "\x30\x08\x00\x01a\x03\x23\x00\x00x", packet.TopicAliasInvalid},
			{"Topic Alias too high [v5 MQTT-3.3.2-9]", "\x30\x08\x00\x01a\x03\x23\x7F\xFFx", packet.TopicAliasInvalid},
			{"Topic Alias never set", "\x30\x07\x00\x00\x03\x23\x00\x05x", packet.ProtocolError},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				b := &bench{b.Server, t}
				p := b.connect(packet.V5, "c")
				p.send([]byte(tt.bytes))
				p.expectEnd(tt.code)
			})
		}
		p := b.connect(packet.V311, "old")
		p.send([]byte("\x36\x06\x00\x01a\x00\x01x"))
		p.expectEnd(0)
	})
}

// Reason Strings are for those who did not decline them, [v5 MQTT-3.1.2-29], and whose packets may be
// that large, [v5 MQTT-3.14.2-3].
func TestReasonString(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		reason := func(opts ...option) string {
			p := b.connect(packet.V5, "c", opts...)
			p.sendConnect("c")
			f := p.next(packet.DISCONNECT)
			var d packet.Disconnect
			if err := d.Decode(packet.V5, f.Flags, f.Body); err != nil {
				t.Fatal(err)
			}
			s, _ := d.Props.Get(packet.PropReasonString)
			return string(s.B)
		}
		if s := reason(); !strings.Contains(s, "MQTT-3.1.0-2") {
			t.Errorf("Reason String %q", s)
		}
		if s := reason(props(packet.Prop{ID: packet.PropRequestProblemInformation, N: 0})); s != "" {
			t.Errorf("Reason String %q to a client that declined", s)
		}
		if s := reason(props(packet.Prop{ID: packet.PropMaximumPacketSize, N: 30})); s != "" {
			t.Errorf("Reason String %q in a packet above the Maximum Packet Size", s)
		}
	})
}

// [v5 MQTT-3.2.2-15]: what is larger than the broker takes.
func TestPacketTooLarge(t *testing.T) {
	overDrivers(t, Options{MaxPacket: 128}, func(t *testing.T, b *bench) {
		p := b.connect(packet.V5, "c")
		p.sendPublish("a", strings.Repeat("x", 200), 0)
		p.expectEnd(packet.PacketTooLarge)
		p = b.connect(packet.V311, "c")
		p.sendPublish("a", strings.Repeat("x", 200), 0)
		p.expectEnd(0)
		p = b.dial(packet.V311)
		p.sendConnect(strings.Repeat("x", 200))
		p.expectEnd(0)
	})
}

// Packets in one write, and packets in pieces.
func TestFragments(t *testing.T) {
	overDrivers(t, Options{}, func(t *testing.T, b *bench) {
		p := b.dial(packet.V311)
		all := []byte("\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01c" +
			"\x82\x06\x00\x01\x00\x01a\x00" + "\x30\x05\x00\x01axy" + "\xC0\x00")
		p.send(all)
		answers := func(p *peer) {
			p.next(packet.CONNACK)
			p.next(packet.SUBACK)
			p.expect("a", "xy")
			p.next(packet.PINGRESP)
		}
		answers(p)
		q := b.dial(packet.V311)
		for i := range all {
			q.send(all[i : i+1])
			time.Sleep(100 * time.Microsecond)
		}
		answers(q)
	})
}
