package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/xdg-go/scram"
)

// The exchange that RFC 7677, section 3, has printed: user and pencil.
const (
	rfcFirst  = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
	rfcNonce  = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	rfcServer = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	rfcFinal  = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	rfcProof  = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

// rfcFile has the user of RFC 7677 with the salt of its exchange; StoredKey and ServerKey are what pencil makes of it.
func rfcFile(t testing.TB) *Passwords {
	t.Helper()
	salt := []byte{0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81}
	h := &hash{kind: SCRAM, iterations: 4096, salt: salt}
	var err error
	if h.sum, h.serverKey, err = scramKeys("pencil", salt, 4096); err != nil {
		t.Fatal(err)
	}
	p, err := ParsePasswords("file", []byte("bob:$6$u35Q6F3tidJ0yLPe$+0AhyTIE2XL391AM1hWsW0bZLyP/QK2qtlz0IWEi6pSrxF8P7lMbEd0vLrcfHZGA2ozGqKVp/DraZSBEsJe/8g==\nuser:"+h.String()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSCRAMVector(t *testing.T) {
	m := rfcFile(t).SCRAM().(scramMethod)
	m.nonce = func() string { return rfcNonce }
	e := m.Begin()
	if answer, done, err := e.Next(nil); answer != nil || done || err != nil {
		t.Fatalf("%q %v %v", answer, done, err) // The client is to begin.
	}
	if answer, done, err := e.Next([]byte(rfcFirst)); string(answer) != rfcServer || done || err != nil {
		t.Fatalf("%q %v %v", answer, done, err)
	}
	if answer, done, err := e.Next([]byte(rfcFinal)); string(answer) != rfcProof || !done || err != nil {
		t.Fatalf("%q %v %v", answer, done, err)
	}
	if e.User() != "user" {
		t.Error(e.User())
	}
	if _, _, err := e.Next([]byte(rfcFinal)); err == nil {
		t.Error("it goes on after its end")
	}
}

// The same user may log in with a Password as well.
func TestSCRAMPassword(t *testing.T) {
	p := rfcFile(t)
	if !p.Check("user", []byte("pencil")) || p.Check("user", []byte("pencils")) || p.Check("user", nil) || p.Check("user", []byte{0xff}) {
		t.Error("a Password is not judged by the keys of SCRAM")
	}
}

func TestSCRAMRefusals(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	for name, said := range map[string][]string{
		"wrong proof":     {rfcFirst, strings.Replace(rfcFinal, "p=dH", "p=DH", 1)},
		"wrong nonce":     {rfcFirst, strings.Replace(rfcFinal, "r=rOpr", "r=ROpr", 1)},
		"short nonce":     {rfcFirst, strings.Replace(rfcFinal, "$k0", "$k", 1)},
		"wrong binding":   {rfcFirst, strings.Replace(rfcFinal, "c=biws", "c=eSws", 1)},
		"for another":     {"n,a=bob,n=user,r=rOprNGfwEbeRWgbNEkqO"},
		"unknown":         {"n,,n=nobody,r=rOprNGfwEbeRWgbNEkqO", rfcFinal},
		"not for SCRAM":   {"n,,n=bob,r=rOprNGfwEbeRWgbNEkqO", rfcFinal},
		"channel binding": {"p=tls-unique,,n=user,r=rOprNGfwEbeRWgbNEkqO"},
		"extension":       {"n,,m=x,n=user,r=rOprNGfwEbeRWgbNEkqO"},
		"no user":         {"n,,r=rOprNGfwEbeRWgbNEkqO"},
		"bad escape":      {"n,,n=us=er,r=rOprNGfwEbeRWgbNEkqO"},
		"final first":     {rfcFinal},
		"empty":           {""},
		"not UTF-8":       {"n,,n=\xff,r=x"},
		"long":            {strings.Repeat("x", 1<<18)},
	} {
		m := rfcFile(t).SCRAM().(scramMethod)
		m.nonce = func() string { return rfcNonce }
		e := m.Begin()
		for i, text := range said {
			_, done, err := e.Next([]byte(text))
			if last := i == len(said)-1; done || (err != nil) != last {
				t.Errorf("%s: message %d: %v, %v", name, i+1, done, err)
			}
		}
	}
}

// A user whom the file has not is asked for a proof like any other, with a salt that stays.
func TestSCRAMUnknownUser(t *testing.T) {
	salt := func(user string) string {
		answer, _, err := rfcFile(t).SCRAM().Begin().Next([]byte("n,,n=" + user + ",r=abc"))
		if err != nil {
			t.Fatal(err)
		}
		_, s, _ := strings.Cut(string(answer), ",s=")
		return s
	}
	a, b, known := salt("nobody"), salt("nobody2"), salt("user")
	if a != salt("nobody") || a == b || len(a) != len(known) || !strings.HasSuffix(a, "==,i=4096") {
		t.Errorf("%q %q %q", a, b, known)
	}
}

// Somebody's keys do not open the door for a name that the file has not.
func TestSCRAMOtherKeys(t *testing.T) {
	salted, err := pbkdf2.Key(sha256.New, "pencil", []byte("[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"), 4096, 32)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	for name, want := range map[string]bool{"user": true, "nobody": false, "bob": false} {
		e := rfcFile(t).SCRAM().Begin()
		first := "n=" + name + ",r=abc"
		answer, _, err := e.Next([]byte("n,," + first))
		if err != nil {
			t.Fatal(err)
		}
		nonce, _, _ := strings.Cut(string(answer), ",")
		final := "c=biws," + nonce
		key := mac(salted, "Client Key")
		stored := sha256.Sum256(key)
		for i, b := range mac(stored[:], first+","+string(answer)+","+final) {
			key[i] ^= b
		}
		_, done, err := e.Next([]byte(final + ",p=" + base64.StdEncoding.EncodeToString(key)))
		if done != want || (err == nil) != want {
			t.Errorf("%s: %v, %v", name, done, err)
		}
	}
}

// A client that others wrote agrees with us, also about names and passwords that have to be prepared.
func TestSCRAMClient(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	for _, who := range []struct{ user, password string }{{"a,b=c", "x"}, {"ünï", "I\u00adX"}, {"user", "\u2168"}} {
		h, err := newHash(SCRAM, []byte(who.password))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePasswords("file", []byte(who.user+":"+h.String()))
		if err != nil {
			t.Fatal(err)
		}
		client, err := scram.SHA256.NewClient(who.user, who.password, "")
		if err != nil {
			t.Fatal(err)
		}
		c, e := client.NewConversation(), p.SCRAM().Begin()
		answer := ""
		for done := false; !done; {
			text, err := c.Step(answer)
			if err != nil {
				t.Fatal(err)
			}
			var b []byte
			if b, done, err = e.Next([]byte(text)); err != nil {
				t.Fatal(err)
			}
			answer = string(b)
		}
		if _, err := c.Step(answer); err != nil || !c.Valid() || e.User() != who.user {
			t.Errorf("%v: %v", who, err)
		}
	}
	if parse(t, written).SCRAM() != nil {
		t.Error("SCRAM without a user who has it")
	}
	var none *Passwords
	if none.SCRAM() != nil {
		t.Error("SCRAM without a file")
	}
}

// Nobody is let in by anything but the proof.
func FuzzSCRAM(f *testing.F) {
	p := rfcFile(f)
	f.Add(rfcFirst, rfcFinal)
	f.Add("n,a=user,n=user,r=x", "c=biws,r=x,p=AAAA")
	f.Add("y,,n=a=2Cb=3Dc,r=x,e=1", "c=eSws,r=x,x=1,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
	f.Add("p=tls-exporter,,n=u,r=", "")
	f.Fuzz(func(t *testing.T, first, final string) {
		m := p.SCRAM().(scramMethod)
		m.nonce = func() string { return rfcNonce }
		e := m.Begin()
		answer, done, err := e.Next([]byte(first))
		if done {
			t.Fatal("let in by the first message")
		}
		if err != nil {
			return
		}
		if !strings.HasPrefix(string(answer), "r=") || !strings.Contains(string(answer), ",s=") {
			t.Fatalf("%q", answer)
		}
		_, done, err = e.Next([]byte(final))
		if done && (err != nil || final != rfcFinal && !strings.Contains(first, "n=user")) {
			t.Fatalf("%q and %q: %v", first, final, err)
		}
	})
}
