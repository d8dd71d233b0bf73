//go:build !unix

package fault

import (
	"errors"
	"os"
	"os/exec"
)

// Stop, Continue and Terminate need signals, which this system does not have.
func (p *Process) Stop() error      { return errors.ErrUnsupported }
func (p *Process) Continue() error  { return errors.ErrUnsupported }
func (p *Process) Terminate() error { return errors.ErrUnsupported }

func ownGroup(*exec.Cmd) {}

func killGroup(p *os.Process) error { return p.Kill() }

func onOwnThread(f func()) { f() }
