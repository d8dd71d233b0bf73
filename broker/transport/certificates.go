package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// ServerFiles are the PEM files of a server. Certificate and Key are needed.
type ServerFiles struct {
	Certificate string // The server's, with those that lead to the authority behind it.
	Key         string
	ClientCA    string // The authorities whose certificates clients may show; "": none is asked for.
	Require     bool   // Clients without such a certificate are refused. Needs ClientCA.
}

// Certificates is what ServerFiles held when they were last read.
type Certificates struct {
	files   ServerFiles
	current atomic.Pointer[tls.Config]
}

// Open reads the files.
func (f ServerFiles) Open() (*Certificates, error) {
	switch {
	case f.Certificate == "" || f.Key == "":
		return nil, errors.New("a TLS server needs both a certificate and its key")
	case f.Require && f.ClientCA == "":
		return nil, errors.New("to require certificates of clients takes the authority that signs them")
	}
	c := &Certificates{files: f}
	return c, c.Reload()
}

// Reload reads the files again, for the handshakes that begin from now on. On an error, what was read before stays in force. Any
// goroutine may call it.
func (c *Certificates) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.files.Certificate, c.files.Key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.files.Certificate, c.files.Key, err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if c.files.ClientCA != "" {
		if config.ClientCAs, err = readPool(c.files.ClientCA); err != nil {
			return err
		}
		config.ClientAuth = tls.VerifyClientCertIfGiven
		// A client whose authority is no longer in the file must not get in by resuming an earlier session.
		config.SessionTicketsDisabled = true
		if c.files.Require {
			config.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	c.current.Store(config)
	return nil
}

// Config is for Options.ServerTLS, once: it follows every Reload.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.current.Load(), nil },
	}
}

// ClientFiles are the PEM files of a client. The zero value verifies servers by the system's roots, and shows no certificate.
type ClientFiles struct {
	CA          string // The authorities trusted, instead of the system's.
	Certificate string
	Key         string
	Insecure    bool // Whatever the server shows is believed.
}

// Config reads the files.
func (f ClientFiles) Config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: f.Insecure}
	var err error
	if f.CA != "" {
		if config.RootCAs, err = readPool(f.CA); err != nil {
			return nil, err
		}
	}
	switch {
	case f.Certificate == "" && f.Key == "":
		return config, nil
	case f.Certificate == "" || f.Key == "":
		return nil, errors.New("a certificate needs its key, and a key its certificate")
	}
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", f.Certificate, f.Key, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func readPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate in PEM in it", file)
	}
	return pool, nil
}

// SelfSigned makes a certificate that vouches for itself and is good for some host names or addresses, from an hour ago and
// for valid from now, with a fresh key (ECDSA P-256) that is nowhere but in it. authority is the certificate in PEM, for those who are to trust it.
func SelfSigned(valid time.Duration, hosts ...string) (cert tls.Certificate, authority []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return cert, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "mqttbench"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(valid),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return cert, nil, err
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority, nil
}
