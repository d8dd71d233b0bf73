package bench

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// TestMeterFollows: CPU time is that of all processes that were the broker one after the other, and what one took in its last moments is in it.
func TestMeterFollows(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system does not tell what a process uses")
	}
	life := BrokerLife{PID: os.Getpid()}
	m := openMeter(life.PID, func() BrokerLife { return life })
	first := m.last.CPU
	if first <= 0 || m.peak == 0 {
		t.Fatalf("%+v", m.last)
	}
	const more = 5 * time.Second // Than had been sampled of it when it was ended.
	life.PID, life.User, life.System = 0, time.Duration(first)+more-time.Second, time.Second
	u := m.sample()
	if u == nil || u.RSS != 0 || m.last.CPU != first+int64(more) || !m.known() {
		t.Fatalf("after its end: %+v, %+v", u, m.last)
	}
	if got := u.UserCPU + u.SystemCPU; got < 4.999 || got > 5.001 {
		t.Errorf("%v s of CPU until its end, want 5", got)
	}
	if u = m.sample(); u == nil || u.UserCPU+u.SystemCPU != 0 {
		t.Errorf("while it is down: %+v", u)
	}
	life.PID, life.Number = os.Getpid(), 1
	if u = m.sample(); u == nil || u.RSS == 0 || m.last.CPU < 2*first+int64(more) {
		t.Errorf("of the next one: %+v, %+v", u, m.last)
	}
	life.PID, life.User, life.System = 0, 0, 0 // The system does not tell: what was sampled stands.
	was := m.last.CPU
	if m.sample(); m.last.CPU != was {
		t.Errorf("%d ns, and then %d", was, m.last.CPU)
	}
	gone := openMeter(1<<30, nil)
	if gone.sample() != nil || gone.known() {
		t.Error("a process that there is not is sampled")
	}
}
