package transport

import (
	"math"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reschedule is half of what sysmon lets pass, ns.
const reschedule = 5_000_000

// waitPrecise sleeps on a thread of the loop's own, to the nanosecond as far as the kernel can. The scheduler is told (Syscall, not
// RawSyscall), so that a garbage collection need not wait for it.
//
// The runtime's sysmon takes the P of a goroutine that it has not seen scheduled for 10 ms at each of its rounds, and stays awake for
// it: the loop and two more threads then hand a P around some 10,000 times a second. So the loop has itself scheduled now and then. The
// process needs a P more than it has precise loops for that to help.
func (p *epoll) waitPrecise(l *Loop, until int64) {
	if !p.locked {
		p.locked = true
		// The thread ends with the runner, which never unlocks it, so that its settings cannot leak to others.
		runtime.LockOSThread()
		unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	now := Clock()
	if now-p.scheduled >= reschedule {
		runtime.Gosched()
		now = Clock()
		p.scheduled = now
	}
	var left int64
	if until != math.MinInt64 {
		left = until - now
	}
	if left <= 0 {
		p.n = p.poll()
		return
	}
	if p.spin {
		for p.n = p.poll(); p.n == 0 && !l.mailed.Load() && Clock() < until; {
			p.n = p.poll()
		}
		return
	}
	l.parked.Store(true)
	if l.mailed.Load() {
		p.n = p.poll()
	} else {
		p.n = p.sleep(left, until == math.MaxInt64)
	}
	l.parked.Store(false)
}

// sleep waits for events, at most ns nanoseconds.
func (p *epoll) sleep(ns int64, forever bool) int {
	if !p.noPwait2 {
		p.polls++
		ts := unix.NsecToTimespec(ns)
		timeout := unsafe.Pointer(&ts)
		if forever {
			timeout = nil
		}
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), eventBatch, uintptr(timeout), 0, 0)
		switch errno {
		case 0:
			return int(n)
		case unix.ENOSYS, unix.EPERM: // Before Linux 5.11, and in sandboxes.
			p.noPwait2 = true
		default:
			return 0
		}
	}
	// ppoll has the resolution, and needs a second call for the events.
	var ts *unix.Timespec
	if !forever {
		t := unix.NsecToTimespec(ns)
		ts = &t
	}
	unix.Ppoll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, ts, nil)
	return p.poll()
}
