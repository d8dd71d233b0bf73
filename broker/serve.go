package broker

import (
	"context"
	"time"
)

// shutdownGrace is how long Serve waits for connections to take their last bytes.
const shutdownGrace = 3 * time.Second

// Serve runs a broker until ctx is done, and shuts it down. ready is told the
// addresses once it listens; nil is allowed.
func Serve(ctx context.Context, o Options, ready func(s *Server)) error {
	s, err := New(o)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return err
	}
	if ready != nil {
		ready(s)
	}
	<-ctx.Done()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	return s.Shutdown(grace)
}
