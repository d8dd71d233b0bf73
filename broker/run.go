package broker

import (
	"context"
	"fmt"
	"time"
)

// shutdownGrace is how long Run waits for clients to take their last bytes.
const shutdownGrace = 3 * time.Second

// Run lets a started Server serve until ctx is done, and shuts it down. Clients
// that do not take their last bytes in time are no error. It returns early, with the reason, when the data
// directory can not be written any more.
func (s *Server) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case err := <-s.failure:
		s.Close() // It would say the same.
		return fmt.Errorf("broker: %w", err)
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	_, err := s.shutdown(grace)
	return err
}
