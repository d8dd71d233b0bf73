//go:build unix && !linux

package fault

import "syscall"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitStopped: there is no simple way to ask.
func awaitStopped(int) {}
