// Command mqttbroker is the reference broker as a program of its own.
package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"mqttbench/broker"
	"mqttbench/broker/metrics"
	"mqttbench/broker/packet"
	"mqttbench/broker/store"
	"mqttbench/broker/transport"
)

// Exit codes, as documented in usage.
const (
	exitDone  = 0
	exitWrong = 1
	exitInput = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // A second signal ends the program at once.
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "passwd" {
		return passwd(args[1:], stdin, stdout, stderr)
	}
	f, err := parse(args)
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(stdout, usage())
		return exitDone
	case err != nil:
		return complain(stderr, exitInput, err)
	case f.version:
		fmt.Fprintln(stdout, "mqttbroker", version())
		return exitDone
	case f.printConfig:
		printConfig(stdout, f.all)
		return exitDone
	case f.check:
		if err := check(f); err != nil {
			return complain(stderr, exitInput, err)
		}
		fmt.Fprintln(stdout, "all is in order")
		return exitDone
	}
	s, stop, err := start(f, stderr)
	if err != nil {
		return complain(stderr, exitInput, err)
	}
	defer stop()
	for _, url := range s.Addrs() {
		fmt.Fprintln(stdout, "listening on", url)
	}
	if err := s.Run(ctx); err != nil {
		return complain(stderr, exitWrong, err)
	}
	return exitDone
}

// start opens everything that can be in use already. What was opened is closed
// again if the rest fails.
func start(f *flags, stderr io.Writer) (*broker.Server, func(), error) {
	o, err := f.options(stderr)
	if err != nil {
		return nil, nil, err
	}
	certs, err := f.certificates()
	if err != nil {
		return nil, nil, err
	}
	if certs != nil {
		o.TLS = certs.Config()
	}
	sites, err := bindSites(f)
	if err != nil {
		return nil, nil, err
	}
	s, err := broker.New(o)
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		sites.close()
		return nil, nil, err
	}
	sites.pprof.serve("profiles", profiles(), o.Logger)
	sites.metrics.serve("metrics", metrics.Handler(s, o.Logger), o.Logger)
	stopReload := reloadOnHangup(s, certs, o.Guard, o.Logger)
	return s, func() { stopReload(); sites.close() }, nil
}

// sites are what is served over HTTP. They outlive the broker: /healthz says that it is stopping.
type sites struct{ pprof, metrics *site }

func bindSites(f *flags) (s sites, err error) {
	if s.pprof, err = bind("pprof-listen", f.pprof); err != nil {
		return s, err
	}
	if s.metrics, err = bind("metrics-listen", f.metrics); err != nil {
		s.pprof.close()
	}
	return s, err
}

func (s sites) close() {
	s.metrics.close()
	s.pprof.close()
}

// check says what would keep a broker from starting, without starting one: it opens files for reading, and listens nowhere.
func check(f *flags) error {
	o, err := f.options(io.Discard)
	if err != nil {
		return err
	}
	certs, err := f.certificates()
	if err != nil {
		return err
	}
	if _, err := broker.New(o); err != nil {
		return err
	}
	for _, url := range o.Listen {
		if err := transport.Check(url, certs != nil); err != nil {
			return err
		}
	}
	for _, site := range []struct{ flag, addr string }{{"pprof-listen", f.pprof}, {"metrics-listen", f.metrics}} {
		if site.addr == "" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", site.addr); err != nil {
			return fmt.Errorf("--%s: %w", site.flag, err)
		}
	}
	if o.DataDir != "" {
		return store.Inspect(o.DataDir)
	}
	return nil
}

// complain says what went wrong in one line, whatever errors.Join made of it.
func complain(stderr io.Writer, code int, err error) int {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	fmt.Fprintln(stderr, "mqttbroker:", strings.TrimPrefix(text, "broker: "))
	return code
}

// onePair lets in whoever knows the name and the password.
func onePair(username, password string) func(string, string, []byte) packet.ReasonCode {
	return func(_, u string, p []byte) packet.ReasonCode {
		known := subtle.ConstantTimeCompare([]byte(u), []byte(username)) &
			subtle.ConstantTimeCompare(p, []byte(password))
		if known == 1 {
			return packet.Success
		}
		return packet.BadUserNameOrPassword
	}
}

// version is that of the module, where the program was built from a released one.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
