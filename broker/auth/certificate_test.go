package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func certificate(t *testing.T, names ...pkix.AttributeTypeAndValue) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{ExtraNames: names}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func attribute(value string, oid ...int) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: oid, Value: value}
}

// The subject is spelled as openssl does, and so mosquitto.
func TestCertificateName(t *testing.T) {
	if testing.Short() {
		t.Skip("nothing here runs beside anything else")
	}
	cn := func(s string) pkix.AttributeTypeAndValue { return attribute(s, 2, 5, 4, 3) }
	org := func(s string) pkix.AttributeTypeAndValue { return attribute(s, 2, 5, 4, 10) }
	for _, tt := range []struct {
		names       []pkix.AttributeTypeAndValue
		cn, subject string // "": refused.
	}{
		{[]pkix.AttributeTypeAndValue{attribute("DE", 2, 5, 4, 6), org("Acme"), cn("client 1")}, "client 1", "CN=client 1,O=Acme,C=DE"},
		{[]pkix.AttributeTypeAndValue{org("Acme")}, "", "O=Acme"},
		{[]pkix.AttributeTypeAndValue{cn("a"), cn("b")}, "", "CN=b,CN=a"},
		{[]pkix.AttributeTypeAndValue{cn(`#a, b+c"d\e<f>g;h `)}, `#a, b+c"d\e<f>g;h `, `CN=\#a\, b\+c\"d\\e\<f\>g\;h\ `},
		{[]pkix.AttributeTypeAndValue{cn("ümläut")}, "ümläut", `CN=\C3\BCml\C3\A4ut`},
		{[]pkix.AttributeTypeAndValue{attribute("a@b.c", 1, 2, 840, 113549, 1, 9, 1), attribute("me", 0, 9, 2342, 19200300, 100, 1, 1)}, "", "UID=me,emailAddress=a@b.c"},
		{[]pkix.AttributeTypeAndValue{attribute("x", 1, 2, 3, 4)}, "", "1.2.3.4=#130178"},
		{nil, "", ""},
		{[]pkix.AttributeTypeAndValue{cn("a\x00b")}, "", `CN=a\00b`},
	} {
		c := certificate(t, tt.names...)
		if got, err := CertCN.Name(c); got != tt.cn || (err == nil) != (tt.cn != "") {
			t.Errorf("%v: CN %q, %v", c.Subject, got, err)
		}
		got, err := CertSubject.Name(c)
		if got != tt.subject || (err == nil) != (tt.subject != "") {
			t.Errorf("%v: subject %q, %v, want %q", c.Subject, got, err, tt.subject)
		}
		program, err := exec.LookPath("openssl")
		if err != nil || tt.subject == "" {
			continue
		}
		cmd := exec.Command(program, "x509", "-noout", "-subject", "-nameopt", "RFC2253")
		cmd.Stdin = strings.NewReader(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})))
		out, err := cmd.Output()
		if want := strings.TrimPrefix(strings.TrimSuffix(string(out), "\n"), "subject="); err != nil || got != want {
			t.Errorf("openssl writes %q, we %q (%v)", want, got, err)
		}
	}
	if _, err := CertSubject.Name(&x509.Certificate{RawSubject: []byte{1}}); err == nil {
		t.Error("a subject that is none")
	}
}

func TestParseCertIdentity(t *testing.T) {
	for text, want := range map[string]CertIdentity{"none": CertNone, "cn": CertCN, "subject": CertSubject} {
		if got, err := ParseCertIdentity(text); got != want || err != nil {
			t.Error(text, got, err)
		}
	}
	if _, err := ParseCertIdentity("CN"); err == nil {
		t.Error("CN")
	}
}
