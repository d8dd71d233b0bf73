package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mqttbench/broker"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
	"mqttbench/broker/transport"
)

// flags are the command line; they map one to one to broker.Options.
type flags struct {
	listen      []string
	loops       int
	driver      string
	limits      broker.Options // Only those fields that a flag sets as it is,
	session     session.Limits // and these of it.
	sysInterval time.Duration
	sync        string
	certificate transport.ServerFiles
	proxy       bool
	auth        authFlags
	username    string
	password    string
	pprof       string
	metrics     string
	logLevel    string
	logFormat   string
	config      string
	check       bool
	printConfig bool
	version     bool

	all *pflag.FlagSet // Parsed.
}

// errHelp means that only the usage is wanted.
var errHelp = pflag.ErrHelp

const head = `mqttbroker - an MQTT broker for versions 3.1, 3.1.1 and 5.0

Usage:
  mqttbroker [flags]
  mqttbroker passwd [--hash KIND] FILE USER

It keeps everything in memory, with --data-dir on disk as well, and runs until it is interrupted
(SIGINT, SIGTERM): then it tells its clients, lets them take their last bytes, and ends.

Flags:
`

const tail = `
Addresses are URLs (port 0 takes a free one, which is printed):
  tcp://HOST:PORT         MQTT on a plain socket
  tls://HOST:PORT         over TLS 1.2 or 1.3; takes --certfile and --keyfile
  ws://HOST:PORT/PATH     over WebSockets; without a path every path will do
  wss://HOST:PORT/PATH    over WebSockets over TLS
  unix:///PATH            on a Unix socket
At the end of one, ?proxy=v2 means that a load balancer puts a PROXY protocol header
in front of every connection; --proxy-protocol says so of all of them.

Clients show who they are by a password of --password-file (mosquitto's $7$ and $6$, or argon2id;
mqttbroker passwd and mosquitto_passwd write it), by --username, by a certificate with
--cert-identity, or by SCRAM-SHA-256. Where none of this is set up, all clients on this machine are
let in, and no others. --anonymous lets in everybody who does not say who he is, --anonymous=false
nobody.

A file for --config has the flags' names as keys; --print-config prints one:
  listen: ["tcp://127.0.0.1:1883", "unix:///tmp/mqtt.sock"]
  max-queued: 1000
  connect-timeout: 5s

SIGHUP reads the certificates, the password file and the ACL file again. A file that is wrong
changes nothing. Connections that stand stay, but for those of users whose entry in the password
file has gone or changed.

Exit codes:
  0  ended by a signal
  1  something went wrong while it ran, as when the data directory cannot be written any more
  2  bad flags, an address that cannot be listened on, or a data directory that cannot be opened

Examples:
  mqttbroker
  mqttbroker --listen tcp://127.0.0.1:1891 --listen unix:///tmp/mqtt.sock
  mqttbroker --data-dir /var/lib/mqttbroker --sync os
  mqttbroker --listen tls://:8883 --listen wss://:8084/mqtt --certfile cert.pem --keyfile key.pem
  mqttbroker --username bench --password secret --pprof-listen 127.0.0.1:6060
  mqttbroker --config mqttbroker.yaml --metrics-listen 127.0.0.1:9883
`

func (f *flags) set() *pflag.FlagSet {
	s := pflag.NewFlagSet("mqttbroker", pflag.ContinueOnError)
	s.SetOutput(io.Discard) // What is wrong is said once, by complain.
	s.SortFlags = false
	s.Usage = func() {}
	s.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "pprof" {
			name = "pprof-listen" // Its name before there was --metrics-listen.
		}
		return pflag.NormalizedName(name)
	})
	s.StringArrayVar(&f.listen, "listen", []string{"tcp://127.0.0.1:1883"}, "accept MQTT on this `URL`; may be repeated")
	s.IntVar(&f.loops, "loops", 0, "run this many event loops; 0: half the cores")
	s.StringVar(&f.driver, "driver", "auto", "serve sockets by `NAME`: epoll (Linux), goroutine, or auto")
	o, d := &f.limits, broker.Defaults()
	s.IntVar(&f.session.MaxInflight, "max-inflight", d.SessionLimits.MaxInflight, "have at most this many messages unacknowledged by one client, if it takes as many")
	s.IntVar(&f.session.MaxQueued, "max-queued", d.SessionLimits.MaxQueued, "keep at most this many messages for one client")
	s.IntVar(&f.session.MaxQueuedBytes, "max-queued-bytes", d.SessionLimits.MaxQueuedBytes, "and at most this many `bytes` of them")
	s.IntVar(&o.Outbox, "max-outbox", d.Outbox, "let at most about this many `bytes` wait to be sent to one client")
	s.IntVar(&o.MaxPacket, "max-packet", d.MaxPacket, "accept packets up to this many `bytes`")
	s.Uint16Var(&o.ReceiveMaximum, "receive-maximum", d.ReceiveMaximum, "let a client have this many QoS 2 messages unfinished")
	s.IntVar(&o.MaxClients, "max-clients", 0, "let at most this many clients be connected; 0: as many as there may be sessions")
	s.IntVar(&o.MaxSessions, "max-sessions", d.MaxSessions, "keep at most this many sessions, connected or not; -1: no limit")
	s.IntVar(&o.MaxSubscriptions, "max-subscriptions", d.MaxSubscriptions, "keep at most this many subscriptions for one client; -1: no limit")
	s.IntVar(&o.MaxFilterBytes, "max-filter-bytes", d.MaxFilterBytes, "and at most this many `bytes` of their filters and index; -1: no limit")
	s.IntVar(&o.MaxTopicLevels, "max-topic-levels", d.MaxTopicLevels, "accept topics of at most this many levels; -1: no limit")
	s.IntVar(&o.TopicAliasMaximum, "max-topic-alias", d.TopicAliasMaximum, "let a client use this many Topic Aliases; -1: none")
	s.IntVar(&o.TopicAliasesOut, "max-topic-alias-out", d.TopicAliasesOut, "use at most this many Topic Aliases towards a client that takes them; -1: none")
	s.IntVar(&o.MaxRetained, "max-retained", d.MaxRetained, "retain at most this many messages; -1: no limit")
	s.IntVar(&o.MaxRetainedBytes, "max-retained-bytes", d.MaxRetainedBytes, "and at most this many `bytes` of them and their index; -1: no limit")
	s.BoolVar(&o.NoRetain, "no-retain", false, "do not offer retained messages")
	s.BoolVar(&o.CheckPayload, "validate-payload", false, "refuse messages that say they are UTF-8 and are not")
	s.StringVar(&o.ResponseInformation, "response-information", "", "answer clients that request Response Information with this `TEXT` (default: nothing)")
	s.IntVar(&o.ConnectRate, "connect-rate", 0, "accept at most this many clients in a second; 0: no limit")
	s.DurationVar(&o.KeepAliveMax, "max-keep-alive", 0, "have version 5 clients be heard of in this `time`; 0: as they ask")
	s.DurationVar(&o.SessionExpiryMax, "max-session-expiry", 0, "end sessions of clients that stay away for this `time`; 0: as they ask")
	s.DurationVar(&f.sysInterval, "sys-interval", 10*time.Second, "publish $SYS/broker/... every so often; 0: never")
	s.DurationVar(&o.ConnectTimeout, "connect-timeout", d.ConnectTimeout, "close connections that send no CONNECT in this `time`")
	s.StringVar(&o.DataDir, "data-dir", "", "keep sessions, their messages and retained messages in `DIR` (default: nowhere)")
	s.StringVar(&f.sync, "sync", "fsync", "acknowledge with --data-dir what survives: os (a crash of the broker) or fsync (of the machine) as `LEVEL`")
	s.IntVar(&o.MinFree, "min-free", 0, "refuse QoS 1 and 2 when the disk of --data-dir has fewer `bytes` free; 0: 256 MiB, or a tenth of it; -1: never")
	s.BoolVar(&o.AcceptLoss, "accept-loss", false, "open a --data-dir from whose end acknowledged messages are missing")
	s.StringVar(&f.certificate.Certificate, "certfile", "", "for tls and wss, show the certificate in this PEM `FILE`")
	s.StringVar(&f.certificate.Key, "keyfile", "", "the key to --certfile, a PEM `FILE`")
	s.StringVar(&f.certificate.ClientCA, "cafile", "", "check certificates of clients by the authorities in this PEM `FILE`")
	s.BoolVar(&f.certificate.Require, "require-certificate", false, "over TLS, refuse clients that show no certificate")
	s.BoolVar(&f.proxy, "proxy-protocol", false, "expect a PROXY protocol header (version 2) on every connection")
	s.StringVar(&f.username, "username", "", "let in only clients with this User `NAME`, and the password")
	s.StringVar(&f.password, "password", "", "the `password` to --username")
	f.auth.set(s, o)
	s.StringVar(&f.metrics, "metrics-listen", "", "serve /metrics (Prometheus) and /healthz over HTTP on this `HOST:PORT`")
	s.StringVar(&f.pprof, "pprof-listen", "", "serve profiles over HTTP on this `HOST:PORT`")
	s.StringVar(&f.logLevel, "log-level", "warn", "log to standard error from this `LEVEL`: debug, info, warn or error")
	s.StringVar(&f.logFormat, "log-format", "text", "log as text or json: one `FORMAT`, a line for each event")
	s.StringVar(&f.config, "config", "", "read flags from this YAML `FILE`; the command line has the last word")
	s.BoolVar(&f.check, "check", false, "check flags, --config and all files, without starting, and exit")
	s.BoolVar(&f.printConfig, "print-config", false, "print all flags as a file for --config and exit")
	s.BoolVar(&f.version, "version", false, "print the version and exit")
	return s
}

func parse(args []string) (*flags, error) {
	f := new(flags)
	s := f.set()
	f.all = s
	if err := s.Parse(args); err != nil {
		return nil, err
	}
	if f.config != "" {
		if err := readConfig(s, f.config); err != nil {
			return nil, err
		}
	}
	if s.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", s.Arg(0))
	}
	if s.Changed("password") && !s.Changed("username") {
		return nil, errors.New("--password without --username")
	}
	if f.limits.DataDir == "" && (s.Changed("data-dir") || s.Changed("sync") || s.Changed("accept-loss") || s.Changed("min-free")) {
		return nil, errors.New("--sync, --min-free and --accept-loss need a --data-dir, which is not empty")
	}
	return f, nil
}

// certificates reads the files of TLS; nil: there are none to read.
func (f *flags) certificates() (*transport.Certificates, error) {
	if f.certificate == (transport.ServerFiles{}) {
		return nil, nil
	}
	c, err := f.certificate.Open()
	if err != nil {
		return nil, fmt.Errorf("--certfile, --keyfile, --cafile: %w", err)
	}
	return c, nil
}

// urls are the addresses to listen on.
func (f *flags) urls() []string {
	if !f.proxy {
		return f.listen
	}
	var urls []string
	for _, u := range f.listen {
		if !strings.Contains(u, "?") {
			u += "?proxy=v2"
		}
		urls = append(urls, u)
	}
	return urls
}

func usage() string {
	return head + new(flags).set().FlagUsagesWrapped(100) + tail
}

var drivers = map[string]transport.Driver{
	"auto": transport.Auto, "epoll": transport.Epoll, "goroutine": transport.Goroutine,
}

func (f *flags) options(stderr io.Writer) (broker.Options, error) {
	driver, ok := drivers[f.driver]
	if !ok {
		return broker.Options{}, fmt.Errorf("--driver: %q is none of auto, epoll and goroutine", f.driver)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return broker.Options{}, fmt.Errorf("--log-level: %q is none of debug, info, warn and error", f.logLevel)
	}
	o := f.limits
	o.Listen, o.Driver, o.Loops = f.urls(), driver, f.loops
	o.SessionLimits = f.session
	o.SysInterval, o.Version = f.sysInterval, "mqttbroker "+version()
	handler, err := logHandler(f.logFormat, stderr, level)
	if err != nil {
		return broker.Options{}, err
	}
	o.Logger = slog.New(handler)
	if o.DataDir != "" {
		if o.Sync, err = store.ParseSync(f.sync); err != nil {
			return broker.Options{}, fmt.Errorf("--sync: %w", err)
		}
	}
	if f.username != "" {
		if f.auth.files.Passwords != "" {
			return broker.Options{}, errors.New("--username beside --password-file: put the user into the file")
		}
		o.Authenticate = onePair(f.username, f.password)
	}
	if err := f.auth.options(&o, f.certificate); err != nil {
		return broker.Options{}, err
	}
	return o, nil
}

func logHandler(format string, w io.Writer, level slog.Level) (slog.Handler, error) {
	o := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.NewTextHandler(w, o), nil
	case "json":
		return slog.NewJSONHandler(w, o), nil
	}
	return nil, fmt.Errorf("--log-format: %q is neither text nor json", format)
}
