package measure

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// A Process samples one process. Not for concurrent use.
type Process struct {
	proc procfs.Proc
	fs   procfs.FS

	// Time on CPU of each thread when last seen, in ns. The sum over the threads there are would go
	// back when one ends; so the time of those that ended is kept.
	threads map[int]uint64
	ended   uint64
}

// OpenProcess begins to watch a process, which may be this one. errors.ErrUnsupported on systems
// that do not tell.
func OpenProcess(pid int) (*Process, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, fmt.Errorf("watching process %d: %w", pid, err)
	}
	proc, err := fs.Proc(pid)
	if err != nil {
		return nil, fmt.Errorf("watching process %d: %w", pid, err)
	}
	return &Process{proc: proc, fs: fs, threads: make(map[int]uint64)}, nil
}

// tick is USER_HZ, which Linux has fixed at 100 a second for what it tells user space.
const tick = 1e9 / 100

// Sample reads what the process has used.
func (p *Process) Sample() (Usage, error) {
	stat, err := p.proc.Stat()
	if err != nil {
		return Usage{}, fmt.Errorf("sampling process %d: %w", p.proc.PID, err)
	}
	u := Usage{
		User: int64(stat.UTime) * tick, System: int64(stat.STime) * tick,
		RSS: int64(stat.RSS) * int64(os.Getpagesize()), Files: -1,
	}
	p.sampleThreads(&u)
	if files, err := p.proc.FileDescriptorsLen(); err == nil {
		u.Files = int64(files)
	}
	return u, nil
}

// sampleThreads sums what the kernel counts for each thread.
func (p *Process) sampleThreads(u *Usage) {
	u.CPU = u.User + u.System
	threads, err := p.fs.AllThreads(p.proc.PID)
	if err != nil {
		return
	}
	sum, seen := uint64(0), make(map[int]uint64, len(threads))
	for _, t := range threads {
		// A thread that ends meanwhile is no error: it is found to have ended below.
		if s, err := t.Schedstat(); err == nil {
			seen[t.PID] = s.RunningNanoseconds
			sum += s.RunningNanoseconds
		}
	}
	for tid, ns := range p.threads {
		if _, alive := seen[tid]; !alive {
			p.ended += ns
		}
	}
	p.threads = seen
	if sum > 0 { // A kernel without schedstats says 0.
		u.CPU = int64(sum + p.ended)
	}
}

// SampleSystem reads what the machine says. errors.ErrUnsupported where nothing is known.
func SampleSystem() (SystemUsage, error) { return sampleSystem("/") }

// sampleSystem reads the files below root.
func sampleSystem(root string) (SystemUsage, error) {
	fs, err := procfs.NewFS(filepath.Join(root, "proc"))
	if err != nil {
		return unknownSystem, fmt.Errorf("sampling the system: %w", err)
	}
	stat, err := fs.Stat()
	if err != nil {
		return unknownSystem, fmt.Errorf("sampling the system: %w", err)
	}
	c := stat.CPUTotal // Seconds. Guest time is part of user time.
	u := SystemUsage{
		Busy:    int64((c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ) * 1e9),
		Steal:   int64(c.Steal * 1e9),
		Stalled: -1, Throttled: throttled(root), TooHot: tooHot(root),
	}
	if psi, err := fs.PSIStatsForResource("cpu"); err == nil && psi.Some != nil {
		u.Stalled = int64(psi.Some.Total) * 1000
	}
	return u, nil
}

// throttled sums what cpu.stat says of this process's control group and of those above it, in ns: the quota may be that of any of them. -1: none tells.
// In a container the group is where the file system of groups begins, whatever its name is outside.
func throttled(root string) int64 {
	const groups = "sys/fs/cgroup"
	if n := upwards(filepath.Join(root, groups), controlGroup(root, ""), "throttled_usec"); n >= 0 {
		return n * 1000
	}
	return upwards(filepath.Join(root, groups, "cpu"), controlGroup(root, "cpu"), "throttled_time") // Version 1.
}

// controlGroup is the group of this process in the hierarchy of a controller; "": that of version 2, which has them all.
func controlGroup(root, controller string) string {
	data, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // Number, controllers, group.
		if len(parts) == 3 && slices.Contains(strings.Split(parts[1], ","), controller) {
			return parts[2]
		}
	}
	return "/"
}

// upwards sums a figure of cpu.stat from a group up to the top of its hierarchy; -1: it stands nowhere.
func upwards(top, group, name string) int64 {
	sum := int64(-1)
	for at := filepath.Join("/", group); ; at = filepath.Dir(at) {
		if n, err := strconv.ParseInt(field(filepath.Join(top, at, "cpu.stat"), name), 10, 64); err == nil {
			sum = max(sum, 0) + n
		}
		if at == "/" {
			return sum
		}
	}
}

// tooHot sums what the CPUs count; -1: they do not.
func tooHot(root string) int64 {
	files, _ := filepath.Glob(filepath.Join(root, "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count"))
	if len(files) == 0 {
		return -1
	}
	sum := int64(0)
	for _, f := range files {
		n, _ := strconv.ParseInt(firstLine(f), 10, 64)
		sum += n
	}
	return sum
}
