// Command mqttbroker is the reference broker as a program of its own.
package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"mqttbench/broker"
	"mqttbench/broker/packet"
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
	stopPprof, err := servePprof(f.pprof, o.Logger)
	if err != nil {
		return nil, nil, err
	}
	s, err := broker.New(o)
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		stopPprof()
		return nil, nil, err
	}
	stopReload := reloadOnHangup(s, certs, o.Guard, o.Logger)
	return s, func() { stopReload(); stopPprof() }, nil
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

// servePprof answers on an address of its own: profiles are not for MQTT
// clients. Without an address it does nothing.
func servePprof(addr string, log *slog.Logger) (stop func(), err error) {
	if addr == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--pprof: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("pprof", "error", err)
		}
	}()
	log.Info("profiles", "url", "http://"+ln.Addr().String()+"/debug/pprof/")
	return func() {
		srv.Close()
		<-done
	}, nil
}

// version is that of the module, where the program was built from a released one.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
