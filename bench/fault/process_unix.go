//go:build unix

package fault

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Stop freezes the broker (SIGSTOP): its connections stand, and nothing answers. Continue lets it go on.
func (p *Process) Stop() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	awaitStopped(p.PID())
	return nil
}

// Continue undoes Stop.
func (p *Process) Continue() error { return p.signal(syscall.SIGCONT) }

// Terminate asks the broker to end (SIGTERM) and waits for it. If it does not, it is killed, and that is an error.
func (p *Process) Terminate() error {
	return p.end(func(proc *os.Process) error {
		if err := signalGroup(proc, syscall.SIGTERM); err != nil {
			return err
		}
		return signalGroup(proc, syscall.SIGCONT) // One that is stopped would not hear of it.
	})
}

func (p *Process) signal(s syscall.Signal) error {
	if !p.running() {
		return os.ErrProcessDone
	}
	return signalGroup(p.cmd.Process, s)
}

// The broker is a process group of its own: Ctrl-C is not for it, and if it is a script, what it started is meant, too.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = attributes() }

func killGroup(p *os.Process) error { return signalGroup(p, syscall.SIGKILL) }

func signalGroup(p *os.Process, s syscall.Signal) error {
	if err := syscall.Kill(-p.Pid, s); err != nil {
		if err == syscall.ESRCH {
			return os.ErrProcessDone
		}
		return err
	}
	return nil
}

func onOwnThread(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f()
}
