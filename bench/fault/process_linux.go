package fault

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStopped waits until every thread stands still: until one of them has been scheduled and has taken the signal,
// all go on. A busy machine may need milliseconds for that.
func awaitStopped(pid int) {
	for end := time.Now().Add(stopWithin); time.Now().Before(end); time.Sleep(stopPoll) {
		if stopped(pid) {
			return
		}
	}
}

const (
	stopWithin = time.Second
	stopPoll   = 200 * time.Microsecond
)

// stopped looks at the state of each thread, which stands behind the name in brackets: T is stopped.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, t := range threads {
		stat, err := os.ReadFile(t)
		if at := bytes.LastIndexByte(stat, ')'); err == nil && (at < 0 || !bytes.HasPrefix(stat[at:], []byte(") T"))) {
			return false
		}
	}
	return true
}
