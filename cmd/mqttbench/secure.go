package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/bench/client"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// transports are how the built-in broker can be reached, and what it listens on then.
var transports = map[string]string{
	"tcp": "tcp://127.0.0.1:0", "tls": "tls://127.0.0.1:0", "ws": "ws://127.0.0.1:0/mqtt", "wss": "wss://127.0.0.1:0/mqtt", "unix": "unix",
}

// listenURL is where the built-in broker of a run listens.
func (s *settings) listenURL() string {
	if s.transport == "unix" {
		return "unix://" + filepath.Join(os.TempDir(), fmt.Sprintf("mqttbench-%d-%08x.sock", os.Getpid(), s.runID))
	}
	return transports[s.transport]
}

// perClient stands in file names for a client's number, subscribers first, from 0.
const perClient = "%i"

func (s *settings) checkSecurity(f *pflag.FlagSet) error {
	var errs []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	_, known := transports[s.transport]
	refuse(!known, "--transport %q: there are tcp, tls, ws, wss and unix", s.transport)
	given, builtIn, secure := false, false, false
	for _, name := range []string{"cafile", "certfile", "keyfile", "insecure"} {
		given = given || f.Changed(name)
	}
	for _, source := range s.sources {
		builtIn = builtIn || source.builtIn()
		secure = secure || strings.HasPrefix(source.url, "tls://") || strings.HasPrefix(source.url, "wss://")
	}
	refuse(len(s.faults) > 0 && (secure || s.transport != "tcp"), "--fault: faults are committed on plain connections, tcp://")
	refuse(f.Changed("transport") && !builtIn, "--transport is for the built-in broker; for others the --broker URL says it")
	refuse(given && !secure, "--cafile, --certfile, --keyfile and --insecure are for brokers at tls:// or wss://")
	refuse(s.files.Insecure && s.files.CA != "", "--insecure and --cafile exclude each other: either certificates are checked or not")
	refuse((s.files.Certificate == "") != (s.files.Key == ""), "--certfile and --keyfile go together")
	refuse(strings.Contains(s.files.Certificate, perClient) != strings.Contains(s.files.Key, perClient),
		"--certfile and --keyfile: either both have %s for the number of the client, or none", perClient)
	return errors.Join(errs...)
}

// A security is how clients and broker come to trust each other.
type security struct {
	shared *tls.Config
	each   func(n int) *tls.Config // Of client n; nil: the shared one.
}

// security reads the files, for the broker t. The zero value: there is no TLS.
func (s *settings) security(t *target) (security, error) {
	u, err := url.Parse(t.url)
	if err != nil || u.Scheme != "tls" && u.Scheme != "wss" {
		return security{}, err
	}
	read := func(files transport.ClientFiles) (*tls.Config, error) {
		c, err := files.Config()
		if err != nil {
			return nil, inputError{fmt.Errorf("--cafile, --certfile, --keyfile: %w", err)}
		}
		c.ServerName = u.Hostname()
		s.links.apply(c)
		return c, nil
	}
	if t.authority != nil { // The built-in broker: it has made a certificate for this run.
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(t.authority)
		c := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: u.Hostname()}
		s.links.apply(c)
		return security{shared: c}, nil
	}
	if !strings.Contains(s.files.Certificate, perClient) {
		shared, err := read(s.files)
		return security{shared: shared}, err
	}
	all := make([]*tls.Config, s.connections())
	for i := range all {
		files := s.files
		files.Certificate = strings.ReplaceAll(files.Certificate, perClient, strconv.Itoa(i))
		files.Key = strings.ReplaceAll(files.Key, perClient, strconv.Itoa(i))
		if all[i], err = read(files); err != nil {
			return security{}, err
		}
		all[i].RootCAs = all[0].RootCAs // One for all, once it is read.
	}
	return security{shared: all[0], each: func(n int) *tls.Config { return all[n] }}, nil
}

// hint adds to an error of a run what may mend it.
func (s *settings) hint(err error) error {
	var untrusted *transport.UntrustedError
	var unverified *tls.CertificateVerificationError
	var refused *client.RefusedError
	switch {
	case err == nil:
	case errors.As(err, &untrusted), errors.As(err, &unverified):
		return fmt.Errorf("%w (use --cafile, or --insecure to believe it all the same)", err)
	case errors.As(err, &refused) && (refused.Reason == packet.NotAuthorized || refused.Reason == packet.BadUserNameOrPassword):
		return fmt.Errorf("%w (who may connect is said by --username and --password, or --credentials)", err)
	case transport.IsAlert(err) && s.files.Certificate == "":
		return fmt.Errorf("%w (if it wants a certificate from its clients: --certfile and --keyfile)", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL) && len(s.localAddrs) == 0:
		return fmt.Errorf("%w (this address has no port left to connect from: give more with --local-addr)", err)
	}
	return err
}

// schemeOf is the transport that a URL names.
func schemeOf(broker string) string {
	scheme, _, _ := strings.Cut(broker, "://")
	return scheme
}

// childHosts are what the certificate of the built-in broker is good for.
var childHosts = []string{"127.0.0.1", "localhost"}

// ownCertificate is what a built-in broker listens with; nil: without TLS. The key never leaves its process.
func ownCertificate(listen string) (config *tls.Config, authority []byte, err error) {
	if scheme := schemeOf(listen); scheme != "tls" && scheme != "wss" {
		return nil, nil, nil
	}
	cert, authority, err := transport.SelfSigned(30*24*time.Hour, childHosts...)
	if err != nil {
		return nil, nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}}, authority, nil
}

// announcement is what a built-in broker says of itself: its URL, and the certificate to trust, if there is one.
func announcement(url string, authority []byte) string {
	if authority == nil {
		return url
	}
	return url + " " + base64.StdEncoding.EncodeToString(authority)
}

func readAnnouncement(text string) (url string, authority []byte, err error) {
	url, code, has := strings.Cut(text, " ")
	if has {
		authority, err = base64.StdEncoding.DecodeString(code)
	}
	return url, authority, err
}
