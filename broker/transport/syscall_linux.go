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

// rawRecv and rawSend are rawRead and rawWrite for sockets. They go around what the kernel does for files first, which made a message 4 to 5 %
// cheaper: 10.9 instead of 11.4 us.
func rawRecv(fd int, b []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if errno != unix.EINTR {
			return 0, errnoErr(errno)
		}
	}
}

func rawSend(fd int, b []byte) (int, error) {
	if len(b) > largeIO {
		b = b[:largeIO]
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
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
