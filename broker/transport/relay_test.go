package transport

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The relay is the smallest server that has a broker's work: what comes in at one connection goes out at others. Messages
// are messageSize bytes. A connection's first message says what it is:
//
//	's' n  a subscriber of topic n
//	'p' n  a publisher: each message after goes to all subscribers of n
//
// The benchmarks run it in a process of its own, so that its CPU time and allocations are its own.
type relay struct {
	mu   sync.Mutex
	subs map[uint32][]*relayConn // Guarded by mu; publishers take a copy when they begin.
}

const messageSize = 64

type relayConn struct {
	relay *relay
	conn  *Conn
	loop  *Loop
	to    []*relayConn
	known bool
}

func (r *relay) accept(l *Loop, _ net.Addr) Handler { return &relayConn{relay: r, loop: l} }

func (h *relayConn) Opened(c *Conn) { h.conn = c }
func (h *relayConn) Drained()       {}
func (h *relayConn) Closed(error)   {}

func (h *relayConn) Receive(b []byte) (n int, err error) {
	if !h.known && len(b) >= messageSize {
		h.hello(b)
		n = messageSize
	}
	for ; len(b)-n >= messageSize; n += messageSize {
		for _, to := range h.to {
			to.conn.Put(h.loop, b[n:n+messageSize])
		}
	}
	return n, nil
}

func (h *relayConn) hello(b []byte) {
	h.known = true
	topic := binary.BigEndian.Uint32(b[1:])
	h.relay.mu.Lock()
	defer h.relay.mu.Unlock()
	if b[0] == 's' {
		h.relay.subs[topic] = append(h.relay.subs[topic], h)
		h.conn.Put(h.loop, b[:messageSize])
		return
	}
	h.to = h.relay.subs[topic]
}

// relayEnv makes the test binary be the relay: its value is the driver, the loops, and whether precise.
const relayEnv = "TRANSPORT_TEST_RELAY"

// serveRelay is the relay's process. It prints its address, answers each line with its costs so far, and ends with
// its input.
func serveRelay(spec string) int {
	var o Options
	if _, err := fmt.Sscanf(spec, "%d %d %t", &o.Driver, &o.Loops, &o.Precise); err != nil {
		return 2
	}
	ls, err := New(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer ls.Close()
	r := &relay{subs: map[uint32][]*relayConn{}}
	ln, err := ls.Listen("tcp://127.0.0.1:0", r.accept)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(ln.Addr())
	var line [1]byte
	for {
		if _, err := os.Stdin.Read(line[:]); err != nil {
			return 0
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s := ls.Stats()
		fmt.Println(cpuTime().Microseconds(), m.Mallocs, residentBytes(), s.Reads, s.Writes, s.Turns)
	}
}

// residentBytes is the process's memory without what files back; 0 where that cannot be told.
func residentBytes() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "RssAnon:")
	n, _ := strconv.Atoi(strings.Fields(rest + " 0")[0])
	return n << 10
}

// A relayProcess is a relay and the way to ask it what it has cost.
type relayProcess struct {
	url  string
	pid  int
	ask  io.Writer
	tell io.Reader
}

type costs struct {
	cpu                  float64 // µs
	mallocs              int
	resident             int
	reads, writes, turns int
}

func startRelay(b *testing.B, o Options) *relayProcess {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %t", relayEnv, o.Driver, o.Loops, o.Precise), "GOMAXPROCS="+strconv.Itoa(max(1, o.Loops)))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	p := &relayProcess{pid: cmd.Process.Pid, ask: in, tell: out}
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		b.Fatal(err)
	}
	p.url = "tcp://" + addr
	return p
}

func (p *relayProcess) costs(b *testing.B) (c costs) {
	b.Helper()
	p.ask.Write([]byte("\n"))
	if _, err := fmt.Fscanln(p.tell, &c.cpu, &c.mallocs, &c.resident, &c.reads, &c.writes, &c.turns); err != nil {
		b.Fatal(err)
	}
	return c
}

// A relayClient is a publisher or a subscriber. told is called for each message that a subscriber gets.
type relayClient struct {
	hello [messageSize]byte
	conn  *Conn
	loop  *Loop
	ready *sync.WaitGroup
	told  func(c *relayClient, n int)
}

func (h *relayClient) Opened(c *Conn) {
	h.conn, h.loop = c, c.Loop()
	c.Put(h.loop, h.hello[:])
	if h.hello[0] == 'p' {
		h.ready.Done()
	}
}
func (h *relayClient) Drained() {}
func (h *relayClient) Closed(err error) {
	if err != nil {
		panic(err)
	}
}

func (h *relayClient) Receive(b []byte) (int, error) {
	n := len(b) / messageSize
	if n == 0 {
		return 0, nil
	}
	if h.ready != nil && h.hello[0] == 's' {
		h.ready.Done() // The answer to hello.
		h.ready = nil
		n--
	}
	if n > 0 {
		h.told(h, n)
	}
	return len(b) / messageSize * messageSize, nil
}

// connect dials n clients of one kind; topic tells the topic of each.
func (p *relayProcess) connect(l *Loop, kind byte, n int, topic func(i int) int, told func(c *relayClient, n int)) []*relayClient {
	var ready sync.WaitGroup
	ready.Add(n)
	clients := make([]*relayClient, n)
	for i := range clients {
		h := &relayClient{ready: &ready, told: told}
		h.hello[0] = kind
		binary.BigEndian.PutUint32(h.hello[1:], uint32(topic(i)))
		clients[i] = h
	}
	l.Post(func() {
		for _, h := range clients {
			l.Dial(p.url, nil, time.Minute, h)
		}
	})
	ready.Wait()
	return clients
}

// models are what the relay is measured with.
func models(b *testing.B, f func(b *testing.B, o Options)) {
	for _, o := range []Options{
		{Driver: Epoll, Loops: 1},
		{Driver: Epoll, Loops: 1, Precise: true},
		{Driver: Epoll, Loops: 2},
		{Driver: Goroutine, Loops: 1},
	} {
		if o.Driver == Epoll && !haveEpoll {
			continue
		}
		name := fmt.Sprintf("%v-%d", o.Driver, o.Loops)
		if o.Precise {
			name += "-precise"
		}
		b.Run(name, func(b *testing.B) { f(b, o) })
	}
}

// relayed measures b.N messages delivered: window is how many are out at a time for each publisher, fan how many
// subscribers each message has.
func relayed(b *testing.B, o Options, publishers, fan, window int) {
	p := startRelay(b, o)
	ls, err := New(Options{Loops: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer ls.Close()
	l := ls.Loop(0)
	var pubs []*relayClient
	var message [messageSize]byte
	left, out := 0, 0 // Deliveries that are owed; deliveries that are on their way. Owned by l.
	done := make(chan struct{})
	send := func(i int) {
		if left > 0 {
			pubs[i].conn.Put(l, message[:])
			left -= fan
			out += fan
		}
	}
	got := make([]int, publishers)
	told := func(c *relayClient, n int) {
		i := int(binary.BigEndian.Uint32(c.hello[1:]))
		out -= n
		for got[i] += n; got[i] >= fan; got[i] -= fan {
			send(i)
		}
		if left <= 0 && out == 0 {
			done <- struct{}{}
		}
	}
	p.connect(l, 's', publishers*fan, func(i int) int { return i % publishers }, told)
	pubs = p.connect(l, 'p', publishers, func(i int) int { return i }, told)
	run := func(deliveries int) {
		l.Post(func() {
			left = deliveries
			for range window {
				for i := range pubs {
					send(i)
				}
			}
		})
		<-done
	}
	run(publishers * fan * window) // Everything has been allocated after this.
	before := p.costs(b)
	b.ResetTimer()
	run(b.N)
	b.StopTimer()
	after := p.costs(b)
	n := float64(b.N)
	b.ReportMetric((after.cpu-before.cpu)/n, "us-cpu/msg")
	b.ReportMetric(float64(after.mallocs-before.mallocs)/n, "mallocs/msg")
	b.ReportMetric(float64(after.reads-before.reads)/n, "reads/msg")
	b.ReportMetric(float64(after.writes-before.writes)/n, "writes/msg")
	b.ReportMetric(n/float64(max(1, after.turns-before.turns)), "msgs/turn")
}

// BenchmarkPairs: each message is alone in its read and its write, so that they are all it costs.
func BenchmarkPairs(b *testing.B) {
	models(b, func(b *testing.B, o Options) { relayed(b, o, 1000, 1, 1) })
}

func BenchmarkFirehose(b *testing.B) {
	models(b, func(b *testing.B, o Options) { relayed(b, o, 1, 1, 1000) })
}

func BenchmarkFanOut(b *testing.B) {
	models(b, func(b *testing.B, o Options) { relayed(b, o, 1, 1000, 16) })
}

// BenchmarkIdle measures what 9,000 connections that have talked once, and now are silent, keep in memory. (Twice that many
// descriptors, and a little, are what a process may often have.)
func BenchmarkIdle(b *testing.B) {
	const conns = 9000
	models(b, func(b *testing.B, o Options) {
		for range b.N {
			p := startRelay(b, o)
			ls, err := New(Options{Loops: 1})
			if err != nil {
				b.Fatal(err)
			}
			before := p.costs(b)
			p.connect(ls.Loop(0), 's', conns, func(i int) int { return i }, nil)
			after := p.costs(b)
			b.ReportMetric(float64(after.resident-before.resident)/conns, "B/conn")
			b.ReportMetric((after.cpu-before.cpu)/conns, "us-cpu/conn")
			ls.Close()
		}
	})
}
