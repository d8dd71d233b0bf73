package scram

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The exchange that RFC 7677, section 3, has printed: user and pencil.
const (
	clientNonce = "rOprNGfwEbeRWgbNEkqO"
	serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	clientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
	serverFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	clientFinal = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
	salt        = "W22ZaJ0SNY7soEsUEjb6gQ=="
)

func pencil(t *testing.T) *Client {
	t.Helper()
	c, err := NewClient("user", "pencil", func() string { return clientNonce })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClientVector: the client says what the RFC has printed, and believes the server that says what is printed there.
func TestClientVector(t *testing.T) {
	x, first := pencil(t).Begin()
	if string(first) != clientFirst {
		t.Fatalf("%q", first)
	}
	final, err := x.Next([]byte(serverFirst))
	if string(final) != clientFinal || err != nil || x.Valid() {
		t.Fatalf("%q, %v, valid %t", final, err, x.Valid())
	}
	if last, err := x.Next([]byte(serverFinal)); len(last) > 0 || err != nil || !x.Valid() {
		t.Fatalf("%q, %v, valid %t", last, err, x.Valid())
	}
}

func TestServerVector(t *testing.T) {
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := Derive("pencil", raw, 4096)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(func(string) Keys { return keys }, func() string { return serverNonce })
	if answer, done, err := s.Next([]byte(clientFirst)); string(answer) != serverFirst || done || err != nil {
		t.Fatalf("%q, %t, %v", answer, done, err)
	}
	if answer, done, err := s.Next([]byte(clientFinal)); string(answer) != serverFinal || !done || err != nil || s.User() != "user" {
		t.Fatalf("%q, %t, %v", answer, done, err)
	}
}

// TestServerIsNotBelieved: a server that does not know the keys, or has not been asked with this nonce, is found out.
func TestServerIsNotBelieved(t *testing.T) {
	for name, said := range map[string][]string{
		"wrong signature":      {serverFirst, strings.Replace(serverFinal, "v=6r", "v=7r", 1)},
		"no signature":         {serverFirst, ""},
		"an error":             {serverFirst, "e=other-error"},
		"another nonce":        {strings.Replace(serverFirst, "r=rOpr", "r=ROpr", 1)},
		"too few iterations":   {strings.Replace(serverFirst, "i=4096", "i=1", 1)},
		"no salt":              {strings.Replace(serverFirst, salt, "?", 1)},
		"not UTF-8":            {"r=\xff"},
		"long":                 {strings.Repeat("x", maxMessage+1)},
		"the last at once":     {serverFinal},
		"the first once again": {serverFirst, serverFirst},
	} {
		x, _ := pencil(t).Begin()
		var err error
		for i, text := range said {
			_, err = x.Next([]byte(text))
			if last := i == len(said)-1; (err != nil) != last {
				t.Errorf("%s: message %d: %v", name, i+1, err)
			}
		}
		if x.Valid() {
			t.Errorf("%s: believed", name)
		}
	}
	if _, err := NewClient("user", "a\x00b", nil); err == nil {
		t.Error("a password with a control character, which SASLprep forbids")
	}
}
