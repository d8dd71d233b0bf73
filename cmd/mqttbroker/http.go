package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// What is served over HTTP has addresses of its own: neither profiles nor counters are for MQTT clients, and
// profiles are not for whoever may see counters.

// A site is one of these addresses.
type site struct {
	ln   net.Listener
	done chan struct{}
	srv  *http.Server
}

// bind takes an address; nil without one. flag is its name, for errors.
func bind(flag, addr string) (*site, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return &site{ln: ln, done: make(chan struct{})}, nil
}

// serve answers until close.
func (s *site) serve(what string, h http.Handler, log *slog.Logger) {
	if s == nil {
		return
	}
	s.srv = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(s.done)
		if err := s.srv.Serve(s.ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error(what, "error", err)
		}
	}()
	log.Info(what, "address", s.ln.Addr().String())
	if !loopback(s.ln.Addr()) {
		log.Warn(what+" can be read from other machines, by anybody", "address", s.ln.Addr().String())
	}
}

// close ends what was served, or gives back an address that never was.
func (s *site) close() {
	switch {
	case s == nil:
	case s.srv == nil:
		s.ln.Close()
	default:
		s.srv.Close()
		<-s.done
	}
}

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
