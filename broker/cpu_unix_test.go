//go:build unix

package broker

import "syscall"

// cpuTime is what this process has used, user and system, ns.
func cpuTime() int64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}
