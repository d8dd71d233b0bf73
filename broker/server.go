package broker

import (
	"context"
)

// Server is a broker.
type Server struct{ o Options }

// New checks the options and makes a broker that does not listen yet.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{o: o}, nil
}

// Start begins to listen on all of Options.Listen, or on none.
func (s *Server) Start() error { panic("todo") }

// Addrs holds the URLs that are listened on, with the ports that were resolved,
// in the order of Options.Listen.
func (s *Server) Addrs() []string { panic("todo") }

// Shutdown stops listening, tells the clients ([v5 0x8B]), waits until all
// connections are closed or ctx is done, and then for everything else that runs.
func (s *Server) Shutdown(ctx context.Context) error { panic("todo") }

// Close is Shutdown without patience.
func (s *Server) Close() error { panic("todo") }

// Stats counts what happened so far. Do not call it from a callback of Options.
func (s *Server) Stats() Stats { panic("todo") }
