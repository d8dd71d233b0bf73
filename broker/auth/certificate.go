package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// CertIdentity is what of a client's certificate becomes its User Name.
type CertIdentity uint8

const (
	CertNone    CertIdentity = iota // Nothing: certificates let in, and User Names are the clients' own.
	CertCN                          // The Common Name; mosquitto's use_identity_as_username.
	CertSubject                     // The whole subject; mosquitto's use_subject_as_username.
)

// ParseCertIdentity knows none, cn and subject.
func ParseCertIdentity(s string) (CertIdentity, error) {
	switch s {
	case "none":
		return CertNone, nil
	case "cn":
		return CertCN, nil
	case "subject":
		return CertSubject, nil
	}
	return 0, fmt.Errorf("%q is none of none, cn and subject", s)
}

var oidCN = asn1.ObjectIdentifier{2, 5, 4, 3}

// Name is the User Name of whoever has shown a certificate, which has been verified.
func (id CertIdentity) Name(cert *x509.Certificate) (string, error) {
	name := ""
	switch id {
	case CertCN:
		for _, n := range cert.Subject.Names {
			if !n.Type.Equal(oidCN) {
				continue
			}
			if name != "" {
				return "", errors.New("the certificate has several Common Names") // Others would take the first or the last one.
			}
			name, _ = n.Value.(string)
		}
		if name == "" {
			return "", errors.New("the certificate has no Common Name")
		}
	case CertSubject:
		var s pkix.RDNSequence
		if rest, err := asn1.Unmarshal(cert.RawSubject, &s); err != nil || len(rest) > 0 {
			return "", errors.New("the certificate's subject cannot be read")
		}
		if name = subject(s); name == "" {
			return "", errors.New("the certificate has no subject")
		}
	}
	if len(name) > maxName || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
		return "", errors.New("the certificate's name cannot be a User Name")
	}
	return name, nil
}

// attributes are the short names that openssl gives to what is usual in a subject.
var attributes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.17": "postalCode",
	"2.5.4.42": "GN", "2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym",
	"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "emailAddress",
}

// subject writes a name as RFC 2253 has it, the last part first, to the letter as openssl does (-nameopt RFC2253) and
// thereby mosquitto.
func subject(s pkix.RDNSequence) string {
	var b strings.Builder
	for i := len(s) - 1; i >= 0; i-- {
		for j := range s[i] {
			a := s[i][len(s[i])-1-j]
			if b.Len() > 0 {
				b.WriteByte(",+"[min(j, 1)])
			}
			oid := a.Type.String()
			text, isText := a.Value.(string)
			if name := attributes[oid]; name != "" && isText {
				b.WriteString(name + "=")
				escape(&b, text)
				continue
			}
			der, err := asn1.Marshal(a.Value)
			if err != nil {
				return ""
			}
			b.WriteString(oid + "=#" + strings.ToUpper(hex.EncodeToString(der)))
		}
	}
	return b.String()
}

func escape(b *strings.Builder, text string) {
	for i := range len(text) {
		c := text[i]
		switch {
		case c < ' ' || c >= 0x7F:
			fmt.Fprintf(b, "\\%02X", c)
			continue
		case strings.IndexByte(`,+"\<>;`, c) >= 0, i == 0 && (c == '#' || c == ' '), i == len(text)-1 && c == ' ':
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
}
