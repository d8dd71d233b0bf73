package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pin has all threads of a process run on some CPUs only, those that it starts later included.
func pin(pid int, cpus string) error {
	set, n, err := parseCPUs(cpus)
	if err != nil {
		return err
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return err
	}
	for _, t := range tasks {
		tid, _ := strconv.Atoi(t.Name())
		if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
			return fmt.Errorf("pinning process %d to CPUs %s: %w", pid, cpus, err)
		}
	}
	if pid == os.Getpid() {
		processors = n
	}
	return nil
}

// parseCPUs reads a list as taskset(1) has it: 0,2-3.
func parseCPUs(list string) (set unix.CPUSet, n int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		from, to, is := strings.Cut(part, "-")
		if !is {
			to = from
		}
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || a < 0 || b < a || b >= maxCPU {
			return set, 0, fmt.Errorf("%q is no list of CPUs such as 0 or 0,2-3", list)
		}
		for cpu := a; cpu <= b; cpu++ {
			set.Set(cpu)
		}
	}
	return set, set.Count(), nil
}

// maxCPU is more than any list names, so that a slip is not a loop.
const maxCPU = 1024
