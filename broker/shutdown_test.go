package broker

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

// What goes wrong when the store is closed is said, however long the clients took to go.
func TestShutdownTellsOfTheStore(t *testing.T) {
	for name, end := range map[string]func(*Server) error{
		"Close": (*Server).Close,
		"Shutdown": func(s *Server) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // No client is as quick as this.
			return s.Shutdown(ctx)
		},
		"Run": func(s *Server) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return s.Run(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := New(Options{Listen: []string{"tcp://127.0.0.1:0"}, Loops: 1, DataDir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			b := &bench{s, t}
			b.connect(packet.V5, "still here")
			if err := os.Remove(filepath.Join(dir, "OPEN")); err != nil {
				t.Fatal(err)
			}
			if err := end(s); err == nil || !strings.Contains(err.Error(), "closing") {
				t.Errorf("the store could not be closed in order, and this is said of it: %v", err)
			}
		})
	}
}
