//go:build unix

package broker

import (
	"os/signal"
	"strconv"
	"syscall"
)

// limitFiles makes writes fail behind so many bytes of a file: the disk is full.
func limitFiles(limit string) error {
	n, err := strconv.ParseUint(limit, 10, 64)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n})
}
