//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// allowFiles raises this process's soft limit of descriptors to what n clients need, if the hard limit lets it.
func allowFiles(n int) error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return nil // Unknown: the connections themselves will tell.
	}
	if uint64(l.Cur) >= uint64(n) {
		return nil
	}
	raised := l
	raised.Cur = raised.Max
	if uint64(raised.Max) >= uint64(n) && syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
		return nil
	}
	return fmt.Errorf("they need %d descriptors and this process may open %d at most; raise the limit with `ulimit -n %d` (or LimitNOFILE in a unit, or limits.conf) or use fewer clients", n, l.Max, n)
}
