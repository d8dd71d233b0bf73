//go:build unix

package transport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const haveRaw = true

// sysRead and sysWrite do not wait: package net keeps its sockets non-blocking.

func sysRead(fd int, b []byte) (int, error)  { return sys(unix.Read, fd, b) }
func sysWrite(fd int, b []byte) (int, error) { return sys(unix.Write, fd, b) }

func sys(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		default:
			return 0, err
		}
	}
}
