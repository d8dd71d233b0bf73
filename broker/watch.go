package broker

import (
	"mqttbench/broker/store"
	"mqttbench/broker/transport"
)

// What those who watch over a broker ask it, beside Stats, Depths and StoreError.

// Serving reports whether clients are let in: from Start to the first word of an end, be it a
// Shutdown or that of the store. It waits for nothing, not for a Shutdown that is under way either.
func (s *Server) Serving() bool { return !s.closing.Load() }

// Transport counts what the loops have done with their sockets; it is zero before Start.
func (s *Server) Transport() transport.Stats {
	s.mu.Lock()
	loops := s.loops
	s.mu.Unlock()
	if loops == nil {
		return transport.Stats{}
	}
	return loops.Stats()
}

// Store is the state of the data directory; false if there is none.
func (s *Server) Store() (store.Stats, bool) {
	st := s.store.Load()
	if st == nil {
		return store.Stats{}, false
	}
	return st.Stats(), true
}

// Loops is how many event loops there are; 0 before Start.
func (s *Server) Loops() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.own)
}

// Version is what Options.Version says.
func (s *Server) Version() string { return s.o.Version }

// Connections is how many Network Connections there are, those before CONNECT included.
func (s *Server) Connections() int { return int(s.conns.Load()) }
