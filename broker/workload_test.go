package broker

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// childEnv makes the test binary a broker: see TestMain. It holds the driver's name.
const (
	childEnv   = "MQTTBENCH_TEST_BROKER"
	profileEnv = "MQTTBENCH_TEST_BROKER_PROFILE"
)

// runChild is a broker for a benchmark, as a process of its own, so that its CPU time is its
// own. It says its address, and then for each line of input its CPU time in
// nanoseconds; it ends with its input.
func runChild(driver string, in io.Reader, out io.Writer) error {
	o := Options{Listen: []string{"tcp://127.0.0.1:0"}}
	for _, d := range drivers {
		if d.name == driver {
			o.Driver = d.driver
		}
	}
	s, err := New(o)
	if err != nil {
		return err
	}
	if err := s.Start(); err != nil {
		return err
	}
	defer s.Close()
	if path := os.Getenv(profileEnv); path != "" {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Fprintln(out, s.Addrs()[0])
	for lines := bufio.NewScanner(in); lines.Scan(); {
		fmt.Fprintln(out, cpuTime())
	}
	return nil
}

type childBroker struct {
	url string
	pid int
	in  io.WriteCloser
	out *bufio.Reader
}

func startChild(b *testing.B, driver string) *childBroker {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+driver)
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
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err)
		}
	})
	c := &childBroker{pid: cmd.Process.Pid, in: in, out: bufio.NewReader(out)}
	c.url = c.line(b)
	return c
}

func (c *childBroker) line(b *testing.B) string {
	s, err := c.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(s)
}

// cpu is the CPU time that the broker has used, user and system.
func (c *childBroker) cpu(b *testing.B) (d time.Duration) {
	fmt.Fprintln(c.in)
	if _, err := fmt.Sscan(c.line(b), (*int64)(&d)); err != nil {
		b.Fatal(err)
	}
	return d
}

// rss is the memory that the broker holds, bytes; the benchmark is skipped where that is not known.
func (c *childBroker) rss(b *testing.B) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", c.pid))
	if err != nil {
		b.Skip(err)
	}
	var size, resident int
	fmt.Sscan(string(text), &size, &resident)
	return resident * os.Getpagesize()
}

// BenchmarkConnect is a storm of clients that connect (and then stay): W5, and what each
// of them holds when it is idle, W6.
func BenchmarkConnect(b *testing.B) {
	for _, d := range drivers {
		for _, subscribed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/subscribed=%v", d.name, subscribed), func(b *testing.B) {
				connectStorm(b, d.name, subscribed)
			})
		}
	}
}

func connectStorm(b *testing.B, driver string, subscribed bool) {
	broker := startChild(b, driver)
	loops, err := transport.New(transport.Options{Loops: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer loops.Close()
	w := workload{filter: func(i int) string { return fmt.Sprintf("site/%d/device/%d", i%10, i) }}
	r := &loadRun{w: &w, ready: make(chan struct{}, b.N)}
	before, began := broker.rss(b), broker.cpu(b)
	b.ResetTimer()
	const atOnce = 200
	for done := 0; done < b.N; {
		n := min(atOnce, b.N-done)
		loops.Loop(0).Post(func() {
			for i := range n {
				loops.Loop(0).Dial(broker.url, nil, patience, &loadClient{run: r, sub: subscribed, index: done + i})
			}
		})
		r.await(b, n)
		done += n
	}
	b.StopTimer()
	b.ReportMetric(float64((broker.cpu(b)-began).Nanoseconds())/1e3/float64(b.N), "broker-cpu-us/op")
	time.Sleep(time.Second) // For the collector of the child, which is asked for nothing special.
	b.ReportMetric(float64(broker.rss(b)-before)/float64(b.N), "rss-bytes/op")
}

// A workload is one of the shapes that brokers are compared by. Its loop is closed: a publisher
// has window messages on their way, and publishes again when one has come to all it reaches.
type workload struct {
	name        string
	publishers  int
	subscribers int
	window      int
	filter      func(sub int) string
	fanOut      int
}

var workloads = []workload{
	{"W1-fan-in", 1000, 5, 1, func(int) string { return "w/#" }, 5},
	{"W2-pairs", 1000, 1000, 1, func(i int) string { return fmt.Sprintf("w/%04d", i) }, 1},
	{"W3-fan-out", 1, 1000, 10, func(int) string { return "w/0000" }, 1000},
	{"W4-firehose", 1, 1, 1000, func(int) string { return "w/0000" }, 1},
}

// BenchmarkBroker reports for each delivered message the time, and the broker's CPU time alone.
func BenchmarkBroker(b *testing.B) {
	for _, d := range drivers {
		for _, w := range workloads {
			for qos := range packet.QoS(3) {
				b.Run(fmt.Sprintf("%s/%s/qos=%d", d.name, w.name, qos), func(b *testing.B) {
					if testing.Short() && d.name != "epoll" {
						b.Skip("short")
					}
					w.run(b, d.name, qos)
				})
			}
		}
	}
}

func (w *workload) run(b *testing.B, driver string, qos packet.QoS) {
	broker := startChild(b, driver)
	loops, err := transport.New(transport.Options{Loops: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer loops.Close()
	r := &loadRun{w: w, qos: qos, done: make(chan struct{}), ready: make(chan struct{}, w.publishers+w.subscribers)}
	r.left.Store(math.MaxInt64)
	dial := func(n *loadClient) {
		l := loops.Loop(0)
		l.Post(func() { l.Dial(broker.url, nil, patience, n) })
	}
	for i := range w.subscribers {
		dial(&loadClient{run: r, sub: true, index: i})
	}
	r.await(b, w.subscribers)
	for i := range w.publishers {
		p := &loadClient{run: r, index: i}
		r.pubs = append(r.pubs, p)
		dial(p)
	}
	r.await(b, w.publishers)
	messages := (b.N + w.fanOut - 1) / w.fanOut
	r.left.Store(int64(messages))
	r.toCome = messages * w.fanOut
	b.ResetTimer()
	began := broker.cpu(b)
	loops.Loop(0).Post(r.begin)
	select {
	case <-r.done:
	case <-time.After(time.Minute):
		b.Fatal("stuck")
	}
	used := broker.cpu(b) - began
	b.StopTimer()
	b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(messages*w.fanOut), "broker-cpu-us/op")
}

// BenchmarkDrain is W7: a hundred clients come back to the messages that were kept for them.
func BenchmarkDrain(b *testing.B) {
	const clients = 100
	broker := startChild(b, "epoll")
	loops, err := transport.New(transport.Options{Loops: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer loops.Close()
	w := workload{filter: func(i int) string { return fmt.Sprintf("w/%04d", i) }}
	r := &loadRun{w: &w, qos: 1, ready: make(chan struct{}, clients), done: make(chan struct{})}
	connect := func() (subs []*loadClient) {
		for i := range clients {
			s := &loadClient{run: r, sub: true, keep: true, index: i}
			subs = append(subs, s)
			loops.Loop(0).Post(func() { loops.Loop(0).Dial(broker.url, nil, patience, s) })
		}
		r.await(b, clients)
		return subs
	}
	r.toCome = -1
	for _, s := range connect() {
		s.conn.Close(nil)
	}
	fill(b, broker.url, clients)
	r.toCome = b.N
	b.ResetTimer()
	began := broker.cpu(b)
	connect()
	select {
	case <-r.done:
	case <-time.After(time.Minute):
		b.Fatal("stuck")
	}
	used := broker.cpu(b) - began
	b.StopTimer()
	b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(b.N), "broker-cpu-us/op")
}

// fill publishes b.N messages in turn to the topics, and waits for all acknowledgements.
func fill(b *testing.B, url string, topics int) {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "tcp://"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	connect := packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("fill")}
	c.Write(connect.Append(nil))
	go func() {
		out := bufio.NewWriterSize(c, 64<<10)
		var buf []byte
		for i := range b.N {
			p := packet.Publish{QoS: 1, ID: packet.ID(i%65535 + 1), Topic: fmt.Appendf(nil, "w/%04d", i%topics), Payload: []byte("0123456789abcdef")}
			buf = p.Append(buf[:0], packet.V311)
			out.Write(buf)
		}
		out.Flush()
	}()
	if _, err := io.CopyN(io.Discard, c, 4+4*int64(b.N)); err != nil {
		b.Fatal(err)
	}
}

// A loadRun is one closed loop. All on one loop of the transport.
type loadRun struct {
	w      *workload
	qos    packet.QoS
	pubs   []*loadClient
	left   atomic.Int64 // Messages to be published.
	toCome int          // Deliveries.
	ready  chan struct{}
	done   chan struct{}
}

func (r *loadRun) await(b *testing.B, n int) {
	for range n {
		select {
		case <-r.ready:
		case <-time.After(patience):
			b.Fatal("not connected")
		}
	}
}

func (r *loadRun) begin() {
	for range r.w.window {
		for _, p := range r.pubs {
			p.publish()
		}
	}
}

// delivered counts one delivery of a message of publisher i.
func (r *loadRun) delivered(i int) {
	if r.pubs != nil {
		p := r.pubs[i]
		if p.seen++; p.seen == r.w.fanOut {
			p.seen = 0
			p.publish()
		}
	}
	if r.toCome--; r.toCome == 0 {
		close(r.done)
	}
}

type loadClient struct {
	run   *loadRun
	sub   bool
	keep  bool // The session outlives the connection.
	index int
	conn  *transport.Conn
	id    packet.ID
	seen  int
	out   []byte
}

func (c *loadClient) Opened(tc *transport.Conn) {
	c.conn = tc
	kind := "pub"
	if c.sub {
		kind = "sub"
	}
	p := packet.Connect{Version: packet.V311, CleanStart: !c.keep, ClientID: fmt.Append(nil, kind, c.index)}
	b := p.Append(nil)
	if c.sub {
		s := packet.Subscribe{ID: 1, Subs: []packet.Subscription{{Filter: []byte(c.run.w.filter(c.index)), QoS: c.run.qos}}}
		b = s.Append(b, packet.V311)
	}
	tc.Put(tc.Loop(), b)
}

func (c *loadClient) publish() {
	if c.run.left.Add(-1) < 0 {
		return
	}
	p := packet.Publish{QoS: c.run.qos, Topic: fmt.Appendf(nil, "w/%04d", c.index), Payload: []byte("0123456789abcdef")}
	if p.QoS > 0 {
		if c.id++; c.id == 0 {
			c.id = 1
		}
		p.ID = c.id
	}
	c.out = p.Append(c.out[:0], packet.V311)
	c.conn.Put(c.conn.Loop(), c.out)
}

func (c *loadClient) Receive(b []byte) (n int, err error) {
	c.out = c.out[:0]
	var replies []byte
	for {
		f, err := packet.Next(b[n:], 0)
		if err != nil || f.Size == 0 {
			if len(replies) > 0 {
				c.conn.Put(c.conn.Loop(), replies)
			}
			return n, err
		}
		n += f.Size
		replies = c.packet(f, replies)
	}
}

func (c *loadClient) packet(f packet.Frame, replies []byte) []byte {
	id := func() packet.ID { return packet.ID(f.Body[0])<<8 | packet.ID(f.Body[1]) }
	switch f.Type {
	case packet.CONNACK:
		if !c.sub {
			c.run.ready <- struct{}{}
		}
	case packet.SUBACK:
		c.run.ready <- struct{}{}
	case packet.PUBLISH:
		var p packet.Publish
		p.Decode(packet.V311, f.Flags, f.Body)
		from := 0
		for _, digit := range p.Topic[2:] {
			from = from*10 + int(digit-'0')
		}
		if p.QoS > 0 {
			t := packet.PUBACK
			if p.QoS == 2 {
				t = packet.PUBREC
			}
			replies = packet.AppendAck(replies, packet.V311, t, p.ID, 0)
		}
		c.run.delivered(from)
	case packet.PUBREC:
		replies = packet.AppendAck(replies, packet.V311, packet.PUBREL, id(), 0)
	case packet.PUBREL:
		replies = packet.AppendAck(replies, packet.V311, packet.PUBCOMP, id(), 0)
	}
	return replies
}

func (c *loadClient) Drained()     {}
func (c *loadClient) Closed(error) {}
