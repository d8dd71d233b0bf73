package transport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// largeIO is the size from which the scheduler is told of a system call, bytes: copying more keeps a
// garbage collection waiting for a time that can be felt.
const largeIO = maxRead

// rawRead reads from a non-blocking descriptor. The race detector does not see the write to b.
func rawRead(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errnoErr(errno)
		}
	}
}

func rawWrite(fd int, b []byte) (int, error) {
	if len(b) > largeIO {
		b = b[:largeIO]
	}
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errnoErr(errno)
		}
	}
}

func writev(fd int, iov []unix.Iovec) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(iov))), uintptr(len(iov)))
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errnoErr(errno)
		}
	}
}

func errnoErr(errno syscall.Errno) error {
	if errno == unix.EAGAIN {
		return errAgain
	}
	return errno
}
