package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/scram"
)

// The exchange that RFC 7677, section 3, has printed: user and pencil.
const (
	rfcNonce       = "rOprNGfwEbeRWgbNEkqO"
	rfcClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
	rfcServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfcClientFinal = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

// binary2 is a UTF-8 Encoded String or Binary Data, as the specification has it: two bytes of length, and what it says.
func binary2(text string) []byte {
	return append([]byte{byte(len(text) >> 8), byte(len(text))}, text...)
}

// control is a packet, in hexadecimal: its first byte, its length, what is in it. None here is longer than 16,383 bytes.
func control(first byte, parts ...[]byte) string {
	body := slices.Concat(parts...)
	size := []byte{byte(len(body))}
	if len(body) > 127 {
		size = []byte{byte(len(body)%128 | 128), byte(len(body) / 128)}
	}
	return fmt.Sprintf("%x%x%x", first, size, body)
}

// proves are the properties of an exchange: Authentication Method, 0x15, and Authentication Data, 0x16; before them their length.
func proves(method, data string) []byte {
	props := slices.Concat([]byte{0x15}, binary2(method), []byte{0x16}, binary2(data))
	if len(props) > 127 {
		return slices.Concat([]byte{byte(len(props)%128 | 128), byte(len(props) / 128)}, props)
	}
	return append([]byte{byte(len(props))}, props...)
}

// TestSCRAMOnTheWire: the exchange of the RFC in CONNECT, AUTH and CONNACK, [v5 4.12]; and servers that cannot prove that they know the user, which
// nothing is said to any more.
func TestSCRAMOnTheWire(t *testing.T) {
	connect := control(0x10, binary2("MQTT"), []byte{5, 2, 0, 60}, proves(scram.Name, rfcClientFirst), binary2("c"))
	challenge := control(0xf0, []byte{0x18}, proves(scram.Name, rfcServerFirst))
	response := control(0xf0, []byte{0x18}, proves(scram.Name, rfcClientFinal))
	accepts := func(final string) string { return control(0x20, []byte{0, 0}, proves(scram.Name, final)) }
	for name, c := range map[string]struct {
		says []string // Of the server; the client answers the challenge.
		why  error    // nil: it is believed.
	}{
		"as printed":                {[]string{challenge, accepts(rfcServerFinal)}, nil},
		"the proof comes before":    {[]string{challenge, control(0xf0, []byte{0x18}, proves(scram.Name, rfcServerFinal)), "2003000000"}, nil},
		"wrong signature":           {[]string{challenge, accepts(strings.Replace(rfcServerFinal, "v=6r", "v=7r", 1))}, ErrUnproven},
		"no signature":              {[]string{challenge, "2003000000"}, ErrUnproven},
		"accepted without a word":   {[]string{"2003000000"}, ErrUnproven},
		"another's nonce":           {[]string{strings.Replace(challenge, fmt.Sprintf("%x", "r=rOpr"), fmt.Sprintf("%x", "r=ROpr"), 1)}, ErrUnproven},
		"another method":            {[]string{control(0xf0, []byte{0x18}, proves("SCRAM-SHA-1", rfcServerFirst))}, ErrProtocol},
		"Success before CONNACK":    {[]string{control(0xf0, []byte{0x00}, proves(scram.Name, rfcServerFirst))}, ErrProtocol},
		"something else altogether": {[]string{"d000"}, errAny},
	} {
		t.Run(name, func(t *testing.T) {
			who, err := scram.NewClient("user", "pencil", func() string { return rfcNonce })
			if err != nil {
				t.Fatal(err)
			}
			f, r := newFake(t), newRecorder()
			g := newEngine(t, NativeOptions{}).Groups()[0]
			client := g.New(Options{URL: f.url(), ClientID: "c", Version: packet.V5, CleanStart: true, Auth: who, HasPassword: true, Password: "pencil"}, r)
			g.Post(client.Connect)
			f.accept()
			f.expect(connect)
			for i, text := range c.says {
				f.send(text)
				if i < len(c.says)-1 {
					f.expect(map[bool]string{true: response, false: control(0xf0, []byte{0x18}, proves(scram.Name, ""))}[i == 0])
				}
			}
			if c.why == nil {
				r.await(t, "connected false")
				on(t, g, func() {
					if r.took[AuthContinue] != len(c.says)-1 || r.took[ConnectMQTT] != 1 {
						t.Errorf("%d AUTH and %d CONNACK were timed", r.took[AuthContinue], r.took[ConnectMQTT])
					}
				})
				return
			}
			r.await(t, "disconnected")
			r.mu.Lock()
			defer r.mu.Unlock()
			if c.why != errAny && !errors.Is(r.lastErr, c.why) || r.lastErr == nil {
				t.Errorf("%v, want %v", r.lastErr, c.why)
			}
		})
	}
}

var errAny = errors.New("any")
