package broker

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

// A far is a broker in another process.
type far struct {
	t   *testing.T
	url string
}

func (f far) connect(v packet.Version, id string, opts ...option) *peer {
	nc, err := net.Dial("tcp", strings.TrimPrefix(f.url, "tcp://"))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { nc.Close() })
	p := &peer{t: f.t, net: nc, version: v}
	p.sendConnect(id, opts...)
	p.expectConnack()
	return p
}

// TestSyscallsOfTheKernel has strace count the calls of a whole broker process, the Go runtime's with them, while pairs exchange 2,000
// messages: what TestSyscallsPerMessage finds in the transport's own counts must be all there is.
func TestSyscallsOfTheKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	const (
		pairs, rounds = 50, 40
		messages      = pairs * rounds
		clients       = 2 * pairs
		runtime       = 150 // Calls of the Go runtime and of the test's own, at most.
	)
	counts := straced(t, strace, func(url string) {
		w := newPairs(far{t, url}, pairs, 0)
		for range rounds {
			w.run()
		}
	})
	// Before the messages there are CONNECT and its answer for each client, and SUBSCRIBE and its answer for half of them; behind
	// them, the end of each connection is read.
	for _, c := range []struct {
		names    []string
		expected int
	}{
		{[]string{"recvfrom", "read"}, messages + clients + pairs + clients},
		{[]string{"sendto", "write", "writev"}, messages + clients + pairs},
		{[]string{"epoll_ctl"}, clients},
	} {
		n := 0
		for _, name := range c.names {
			n += counts[name]
		}
		if n < c.expected-clients || n > c.expected+runtime {
			t.Errorf("%d calls of %s, want %d and at most %d more", n, strings.Join(c.names, ", "), c.expected, runtime)
		}
	}
	t.Logf("%d messages; %v", messages, counts)
}

// straced runs a broker under strace and returns how often each system call was made.
func straced(t *testing.T, strace string, use func(url string)) map[string]int {
	table := filepath.Join(t.TempDir(), "calls")
	cmd := exec.Command(strace, "-f", "-c", "-U", "calls,name", "-o", table, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=epoll", "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		in.Close()
		cmd.Wait()
		t.Skip("strace may not trace here")
	}
	use(strings.TrimSpace(url))
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	return callTable(string(text))
}

// callTable reads what strace -c -U calls,name writes.
func callTable(text string) map[string]int {
	counts := map[string]int{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		if n, err := strconv.Atoi(f[0]); err == nil {
			counts[fmt.Sprint(f[len(f)-1])] = n
		}
	}
	return counts
}
