package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"mqttbench/broker"
	"mqttbench/broker/auth"
	"mqttbench/broker/transport"
)

// authFlags say who may come in, and who may do what.
type authFlags struct {
	files     auth.Files
	identity  string
	anonymous anonymousFlag
}

func (a *authFlags) set(s *pflag.FlagSet, o *broker.Options) {
	s.StringVar(&a.files.Passwords, "password-file", "", "let in only clients whose User Name and password are in this `FILE`, as mosquitto has it; see below")
	s.StringVar(&a.files.ACL, "acl-file", "", "let clients publish and read only what this `FILE` grants, as mosquitto has it")
	s.StringVar(&a.identity, "cert-identity", "none", "over TLS, take the User Name from the client's certificate: `WHAT` is none, cn or subject")
	s.VarPF(&a.anonymous, "anonymous", "", "let in clients that do not say who they are (default: from this machine, unless others have to)").NoOptDefVal = "true"
	s.IntVar(&o.AuthWorkers, "auth-workers", 0, "check this many passwords at a time (default: half the cores)")
	s.IntVar(&o.AuthQueue, "auth-queue", broker.Defaults().AuthQueue, "refuse clients when this many passwords wait to be checked")
}

// options adds to o what the flags say.
func (a *authFlags) options(o *broker.Options, tls transport.ServerFiles) (err error) {
	o.Anonymous = broker.Anonymous(a.anonymous)
	if o.CertIdentity, err = auth.ParseCertIdentity(a.identity); err != nil {
		return fmt.Errorf("--cert-identity: %w", err)
	}
	if o.CertIdentity != auth.CertNone && tls.ClientCA == "" {
		return errors.New("--cert-identity needs --cafile, by which the certificates of clients are checked")
	}
	if a.files == (auth.Files{}) {
		return nil
	}
	if o.Guard, err = a.files.Open(); err != nil {
		return err
	}
	if a.files.ACL != "" && a.files.Passwords == "" && o.CertIdentity == auth.CertNone && o.Authenticate == nil {
		o.Logger.Warn("clients may claim any User Name of the ACL file: without --password-file nobody checks it", "file", a.files.ACL)
	}
	return nil
}

// An anonymousFlag is a switch that makes a difference between off and not set.
type anonymousFlag broker.Anonymous

func (f *anonymousFlag) Set(s string) error {
	on, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", s)
	}
	*f = anonymousFlag(broker.AnonymousNever)
	if on {
		*f = anonymousFlag(broker.AnonymousAlways)
	}
	return nil
}

func (f *anonymousFlag) Type() string { return "bool" }

func (f *anonymousFlag) String() string {
	switch broker.Anonymous(*f) {
	case broker.AnonymousAlways:
		return "true"
	case broker.AnonymousNever:
		return "false"
	}
	return ""
}

// reloadOnHangup reads certificates and the files of the Guard again at each SIGHUP. Where there are neither the signal ends
// the program, as ever.
func reloadOnHangup(s *broker.Server, certs *transport.Certificates, guard *auth.Guard, log *slog.Logger) (stop func()) {
	if certs == nil && guard == nil {
		return func() {}
	}
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer close(done)
		for range hangups {
			reload(s, certs, guard, log)
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-done
	}
}

func reload(s *broker.Server, certs *transport.Certificates, guard *auth.Guard, log *slog.Logger) {
	if certs != nil {
		if err := certs.Reload(); err != nil {
			log.Error("the certificates stay as they were", "error", err)
		} else {
			log.Info("read the certificates again")
		}
	}
	if guard == nil {
		return
	}
	if err := guard.Reload(); err != nil {
		log.Error("passwords and rights stay as they were", "error", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	s.Recheck()
	log.Info("read passwords and rights again")
}

const passwdUsage = `mqttbroker passwd - give a user a password in a password file

Usage:
  mqttbroker passwd [--hash KIND] FILE USER

The password is the first line of standard input. If it is a terminal, it is asked for. The file is made if it is
not there; a running broker reads it again at SIGHUP.

KIND is one of
  argon2id        costs an attacker most, and mosquitto before 2.1 cannot read it (default)
  sha512-pbkdf2   mosquitto's $7$
  sha512          mosquitto's $6$; easy to guess from
  scram-sha-256   for the Authentication Method SCRAM-SHA-256 of MQTT 5, and for passwords

Example:
  mqttbroker passwd --hash scram-sha-256 /etc/mqttbroker/passwords bob < password.txt
`

// passwd is the subcommand.
func passwd(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := pflag.NewFlagSet("mqttbroker passwd", pflag.ContinueOnError)
	s.SetOutput(io.Discard)
	s.Usage = func() {}
	kind := s.String("hash", "argon2id", "")
	err := s.Parse(args)
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(stdout, passwdUsage)
		return exitDone
	case err == nil && s.NArg() != 2:
		err = errors.New("want mqttbroker passwd [--hash KIND] FILE USER; the password comes from standard input")
	}
	if err == nil {
		err = setPassword(*kind, s.Arg(0), s.Arg(1), stdin, stderr)
	}
	if err != nil {
		return complain(stderr, exitInput, err)
	}
	return exitDone
}

func setPassword(kind, file, user string, stdin io.Reader, stderr io.Writer) error {
	k, err := auth.ParseKind(kind)
	if err != nil {
		return fmt.Errorf("--hash: %w", err)
	}
	password, err := readPassword(stdin, stderr)
	if err != nil {
		return err
	}
	return auth.SetPassword(file, user, password, k)
}

func readPassword(stdin io.Reader, stderr io.Writer) ([]byte, error) {
	if f, ok := stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(stderr, "Password: ")
		defer fmt.Fprintln(stderr)
		return term.ReadPassword(int(f.Fd()))
	}
	line, err := bufio.NewReader(stdin).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the password: %w", err)
	}
	return []byte(strings.TrimRight(string(line), "\r\n")), nil
}
