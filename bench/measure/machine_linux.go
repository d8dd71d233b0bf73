package measure

import (
	"os"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"

	"mqttbench/bench/result"
)

func describe(m *result.Machine) {
	m.Kernel = firstLine("/proc/sys/kernel/osrelease")
	m.CongestionControl = firstLine("/proc/sys/net/ipv4/tcp_congestion_control")
	m.Governor = firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	m.GeneratorCPUs = field("/proc/self/status", "Cpus_allowed_list:")
	m.CPU = field("/proc/cpuinfo", "model name")
	m.Virtual = virtual()
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) == nil {
		m.FileLimit = int64(min(limit.Cur, 1<<62)) // RLIM_INFINITY is all ones.
	}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if info, err := fs.Meminfo(); err == nil && info.MemTotalBytes != nil {
			m.MemoryBytes = int64(*info.MemTotalBytes)
		}
	}
}

// virtual is a guess: a container says so in a file, a virtual machine in its CPU's flags and its maker's name.
func virtual() string {
	if _, err := os.Stat("/.dockerenv"); err == nil {
		return "docker"
	}
	if !strings.Contains(field("/proc/cpuinfo", "flags"), "hypervisor") {
		return ""
	}
	if maker := firstLine("/sys/class/dmi/id/sys_vendor"); maker != "" {
		return maker
	}
	return "virtual machine"
}

// firstLine is the first line of a small file; empty if it cannot be read.
func firstLine(path string) string {
	data, _ := os.ReadFile(path)
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimSpace(line)
}

// field is what stands after a name, and perhaps a colon, at the beginning of a line.
func field(path, name string) string {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), ":"))
		}
	}
	return ""
}
