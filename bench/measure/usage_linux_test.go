package measure

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestSampleSelf: using things shows.
func TestSampleSelf(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Sample()
	if err != nil {
		t.Fatal(err)
	}
	if before.RSS <= 0 || before.Files <= 0 || before.User < 0 || before.System < 0 {
		t.Errorf("sample %+v", before)
	}
	files := make([]*os.File, 10)
	for i := range files {
		if files[i], err = os.Open(os.DevNull); err != nil {
			t.Fatal(err)
		}
		defer files[i].Close()
	}
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = byte(i)
	}
	after, err := p.Sample()
	if err != nil {
		t.Fatal(err)
	}
	if after.Files < before.Files+10 {
		t.Errorf("%d files after opening 10, %d before", after.Files, before.Files)
	}
	if after.RSS < before.RSS+32<<20 {
		t.Errorf("RSS %d after touching 64 MB, %d before", after.RSS, before.RSS)
	}
	if after.CPU <= before.CPU {
		t.Errorf("CPU time %d after work, %d before", after.CPU, before.CPU)
	}
	runtime.KeepAlive(ballast)
}

// TestThreadsThatEnd: the time of a thread stays counted when it is gone.
func TestThreadsThatEnd(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sample(); err != nil {
		t.Fatal(err)
	}
	const gone = 1 << 30 // A thread number that no kernel gives.
	p.threads[gone] = 5e18
	for range 2 {
		u, err := p.Sample()
		if err != nil {
			t.Fatal(err)
		}
		if u.CPU < 5e18 || u.CPU > 6e18 {
			t.Errorf("CPU time %d: the ended thread had 5e18", u.CPU)
		}
	}
}

func TestSampleOfTheDead(t *testing.T) {
	if _, err := OpenProcess(1 << 30); err == nil {
		t.Error("a process that never was can be watched")
	}
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Skip(err)
	}
	p, err := OpenProcess(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sample(); err != nil {
		t.Errorf("sampling a living process: %v", err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if u, err := p.Sample(); err == nil {
		t.Errorf("a dead process was sampled: %+v", u)
	}
}

func TestSampleSystem(t *testing.T) {
	u, err := SampleSystem()
	if err != nil {
		t.Fatal(err)
	}
	if u.Busy <= 0 || u.Steal < 0 || u.Stalled < -1 {
		t.Errorf("sample %+v", u)
	}
}

// TestFabricatedSystem: what the files of a machine say, in a tree of files made up for it.
func TestFabricatedSystem(t *testing.T) {
	const (
		stat = "cpu  100 20 30 4000 50 6 7 800 0 0\ncpu0 100 20 30 4000 50 6 7 800 0 0\nctxt 1\nbtime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n"
		psi  = "some avg10=1.00 avg60=1.00 avg300=1.00 total=2500\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
		heat = "sys/devices/system/cpu/cpu%d/thermal_throttle/core_throttle_count"
	)
	quiet := map[string]string{"proc/stat": stat, "proc/pressure/cpu": psi, "proc/loadavg": "1.25 1.00 0.50 2/345 678\n"}
	for name, c := range map[string]struct {
		files map[string]string
		want  SystemUsage
	}{
		"nothing more": {nil, SystemUsage{Throttled: -1, TooHot: -1}},
		"version 2, quotas of the group and of one above": {map[string]string{
			"proc/self/cgroup":                            "0::/user.slice/app.scope\n",
			"sys/fs/cgroup/cpu.stat":                      "usage_usec 99\n",
			"sys/fs/cgroup/user.slice/cpu.stat":           "usage_usec 9\nnr_periods 3\nnr_throttled 2\nthrottled_usec 4000\n",
			"sys/fs/cgroup/user.slice/app.scope/cpu.stat": "usage_usec 7\nnr_throttled 1\nthrottled_usec 300\n",
		}, SystemUsage{Throttled: 4_300_000, TooHot: -1}},
		"version 2, in a container": {map[string]string{
			"proc/self/cgroup": "0::/../../elsewhere\n", "sys/fs/cgroup/cpu.stat": "throttled_usec 5\n",
		}, SystemUsage{Throttled: 5000, TooHot: -1}},
		"version 1": {map[string]string{
			"proc/self/cgroup":                  "5:memory:/m\n4:cpu,cpuacct:/app\n1:name=systemd:/x\n",
			"sys/fs/cgroup/cpu/app/cpu.stat":    "nr_periods 1\nnr_throttled 1\nthrottled_time 777\n",
			"sys/fs/cgroup/memory/app/cpu.stat": "throttled_time 1\n",
		}, SystemUsage{Throttled: 777, TooHot: -1}},
		"never throttled": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.stat": "throttled_usec 0\n"}, SystemUsage{TooHot: -1}},
		"nonsense":        {map[string]string{"proc/self/cgroup": "?\n", "sys/fs/cgroup/cpu.stat": "throttled_usec many\n", fmt.Sprintf(heat, 0): "hot\n"}, SystemUsage{Throttled: -1}},
		"hot":             {map[string]string{fmt.Sprintf(heat, 0): "3\n", fmt.Sprintf(heat, 1): "0\n", fmt.Sprintf(heat, 12): "4\n"}, SystemUsage{Throttled: -1, TooHot: 7}},
	} {
		root := t.TempDir()
		for _, files := range []map[string]string{quiet, c.files} {
			for path, text := range files {
				path = filepath.Join(root, path)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
		}
		// Ticks are hundredths of a second: user, nice, system, interrupts of both kinds; and what a hypervisor took.
		c.want.Busy, c.want.Steal, c.want.Stalled = 1.63e9, 8e9, 2.5e6
		if got, err := sampleSystem(root); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
	if got, err := sampleSystem(t.TempDir()); err == nil || got != unknownSystem {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
}

func TestDescribeMachine(t *testing.T) {
	m := DescribeMachine()
	if m.Cores < 1 || m.Kernel == "" || m.MemoryBytes <= 0 || m.FileLimit <= 0 || m.GeneratorCPUs == "" || m.OS != "linux/"+runtime.GOARCH {
		t.Errorf("machine %+v", m)
	}
}
