//go:build !linux

package measure

import (
	"errors"
	"fmt"
)

// A Process samples one process; this system does not tell.
type Process struct{}

// OpenProcess returns errors.ErrUnsupported.
func OpenProcess(pid int) (*Process, error) {
	return nil, fmt.Errorf("watching process %d: %w", pid, errors.ErrUnsupported)
}

// Sample returns errors.ErrUnsupported.
func (p *Process) Sample() (Usage, error) { return Usage{}, errors.ErrUnsupported }

// SampleSystem returns errors.ErrUnsupported.
func SampleSystem() (SystemUsage, error) {
	return unknownSystem, fmt.Errorf("sampling the system: %w", errors.ErrUnsupported)
}
