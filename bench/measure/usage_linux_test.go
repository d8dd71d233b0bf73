package measure

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// TestSampleSelf: using things shows.
func TestSampleSelf(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	before, err := p.Sample(true)
	if err != nil {
		t.Fatal(err)
	}
	if before.RSS <= 0 || before.Threads <= 0 || before.Files <= 0 || before.User < 0 || before.System < 0 {
		t.Errorf("sample %+v", before)
	}
	if before.PSS != -1 && before.PSS > 2*before.RSS { // RSS is read from counters that lag.
		t.Errorf("PSS %d is more than RSS %d", before.PSS, before.RSS)
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
	after, err := p.Sample(false)
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
	if after.PSS != -1 {
		t.Errorf("PSS %d was not asked for", after.PSS)
	}
	runtime.KeepAlive(ballast)
}

// TestThreadsThatEnd: the time of a thread stays counted when it is gone.
func TestThreadsThatEnd(t *testing.T) {
	p, err := OpenProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sample(false); err != nil {
		t.Fatal(err)
	}
	const gone = 1 << 30 // A thread number that no kernel gives.
	p.threads[gone] = 5e18
	for range 2 {
		u, err := p.Sample(false)
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
	if _, err := p.Sample(true); err != nil {
		t.Errorf("sampling a living process: %v", err)
	}
	_ = child.Process.Kill()
	_ = child.Wait()
	if u, err := p.Sample(false); err == nil {
		t.Errorf("a dead process was sampled: %+v", u)
	}
}

func TestSampleSystem(t *testing.T) {
	u, err := SampleSystem()
	if err != nil {
		t.Fatal(err)
	}
	if u.Busy <= 0 || u.Steal < 0 || u.Load < 0 || u.Stalled < -1 {
		t.Errorf("sample %+v", u)
	}
}

func TestDescribeMachine(t *testing.T) {
	m := DescribeMachine()
	if m.Cores < 1 || m.Kernel == "" || m.MemoryBytes <= 0 || m.FileLimit <= 0 || m.GeneratorCPUs == "" || m.OS != "linux/"+runtime.GOARCH {
		t.Errorf("machine %+v", m)
	}
}
