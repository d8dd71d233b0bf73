package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mqttbench/bench/client"
	"mqttbench/bench/client/paho"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
	"mqttbench/broker"
	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// TestMain: the runs of these tests mostly wait for time to pass, so that several have room on a CPU.
func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		parallel.Value.Set(strconv.Itoa(4 * runtime.GOMAXPROCS(0)))
	}
	goleak.VerifyTestMain(m)
}

// serve runs the reference broker in this process: what is tested here is not what it costs.
func serve(t *testing.T, o broker.Options) *broker.Server {
	t.Helper()
	o.Listen = []string{"tcp://127.0.0.1:0"}
	s, err := broker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func native(t *testing.T, driver transport.Driver, groups int) client.Engine {
	t.Helper()
	e, err := client.NewNative(client.NativeOptions{Groups: groups, Driver: driver})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// small is a plan of a fraction of a second.
func small(p plan.Plan) plan.Plan {
	p.Seed, p.RunID = 7, 7
	if p.Publishers == 0 {
		p.Publishers, p.Subscribers = 10, 10
	}
	if p.Rate == 0 && !p.Closed {
		p.Rate = 500
	}
	p.Warmup, p.Duration = plan.Duration(100*time.Millisecond), plan.Duration(400*time.Millisecond)
	return p.WithDefaults()
}

func do(t *testing.T, ctx context.Context, url string, e client.Engine, p plan.Plan, change func(*Config)) (*result.Run, error) {
	t.Helper()
	cfg := Config{Plan: p, Client: client.Options{URL: url}, Engine: e, Dir: t.TempDir(), Interval: 50 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	return Run(ctx, cfg)
}

// TestRuns carries out small plans of every kind and demands that every message of them is
// accounted for, by the summary and by the file.
func TestRuns(t *testing.T) {
	t.Parallel()
	plans := map[string]plan.Plan{
		"QoS 0":              {},
		"QoS 1":              {PubQoS: 1, SubQoS: 1},
		"QoS 2":              {PubQoS: 2, SubQoS: 2},
		"QoS 2 to 1, MQTT 5": {PubQoS: 2, SubQoS: 1, Version: packet.V5},
		"MQTT 3.1":           {PubQoS: 1, SubQoS: 2, Version: packet.V31},
		"uneven pairs":       {PubQoS: 1, SubQoS: 1, Publishers: 7, Subscribers: 3},
		"fan-out":            {PubQoS: 1, SubQoS: 1, Pattern: plan.FanOut, Publishers: 2, Subscribers: 20, Rate: 50},
		"fan-in":             {PubQoS: 2, SubQoS: 2, Pattern: plan.FanIn, Publishers: 20, Subscribers: 2},
		"shared":             {PubQoS: 1, SubQoS: 1, Pattern: plan.FanIn, Publishers: 10, Subscribers: 3, ShareName: "g", Version: packet.V5},
		"poisson":            {PubQoS: 1, SubQoS: 1, Arrivals: plan.Poisson},
		"burst":              {PubQoS: 2, SubQoS: 2, Arrivals: plan.Burst},
		"closed, QoS 0":      {Closed: true, Window: 2},
		"closed, QoS 2":      {Closed: true, Window: 1, PubQoS: 2, SubQoS: 2},
		"nobody listens":     {PubQoS: 1, Publishers: 3, Subscribers: 0},
		"large payload":      {PubQoS: 1, SubQoS: 1, Payload: 20_000, Publishers: 2, Subscribers: 2, Rate: 50},
	}
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "nobody listens" {
				p = small(p)
				p.Subscribers = 0
			} else {
				p = small(p)
			}
			s := serve(t, broker.Options{})
			res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			complete(t, &p, res)
			// A machine that stands still has few that left in their turn.
			inTime := res.Summary.Lag.P99 < 0.02
			if p.PeriodOf(0) > 0 && p.Offered(0, p.End())-int64(p.Publishers) >= 150 && gate(res, "arrival gaps, CV off") == nil && inTime {
				t.Error("nobody asked whether what left had the gaps of its arrival process")
			}
			if g := gate(res, result.SanityGate); g != nil {
				t.Errorf("%+v", g)
			}
			again, err := result.Read(res.Dir)
			if err != nil {
				t.Fatal(err)
			}
			if again.Summary.Contracts[0].Delivered != res.Summary.Contracts[0].Delivered || !again.Complete {
				t.Errorf("the file says %+v, the run said %+v", again.Summary.Contracts, res.Summary.Contracts)
			}
		})
	}
}

func gate(res *result.Run, name string) *result.Gate {
	for i := range res.Summary.Gates {
		if g := &res.Summary.Gates[i]; g.Name == name {
			return g
		}
	}
	return nil
}

// complete demands that all that the plan wanted was sent, acknowledged and delivered, once.
func complete(t interface {
	Helper()
	Errorf(format string, args ...any)
}, p *plan.Plan, res *result.Run) {
	t.Helper()
	c := res.Summary.Contracts[0]
	if !p.Closed {
		if want := p.Offered(0, p.End()); c.Attempted != want {
			t.Errorf("attempted %d of %d", c.Attempted, want)
		}
		if want := p.Expected(0, p.End()); c.Delivered != want {
			t.Errorf("delivered %d of %d", c.Delivered, want)
		}
		if got, want := res.Summary.Response.Count, p.Expected(int64(p.Warmup), p.End()); got != want {
			t.Errorf("%d response times for %d deliveries that were due in the measured part", got, want)
		}
	}
	if c.Attempted == 0 || c.Delivered != c.Expected {
		t.Errorf("attempted %d, delivered %d of %d", c.Attempted, c.Delivered, c.Expected)
	}
	if p.PubQoS > 0 && c.Acked != c.Attempted {
		t.Errorf("acknowledged %d of %d", c.Acked, c.Attempted)
	}
	for _, f := range c.Findings {
		t.Errorf("finding: %+v", f)
	}
	if res.Summary.Outcome != result.Kept {
		t.Errorf("outcome %q", res.Summary.Outcome)
	}
}

// TestEngines runs the same plan over both drivers and over paho.
func TestEngines(t *testing.T) {
	t.Parallel()
	engines := map[string]func() client.Engine{
		"epoll or what there is": func() client.Engine { return native(t, transport.Auto, 1) },
		"goroutine":              func() client.Engine { return native(t, transport.Goroutine, 3) },
		"paho": func() client.Engine {
			e := paho.New(2)
			t.Cleanup(func() { e.Close() })
			return e
		},
	}
	for name, engine := range engines {
		for qos := range packet.QoS(3) {
			t.Run(name+" "+qos.String(), func(t *testing.T) {
				t.Parallel()
				p := small(plan.Plan{PubQoS: qos, SubQoS: qos})
				s := serve(t, broker.Options{})
				res, err := do(t, t.Context(), s.Addrs()[0], engine(), p, nil)
				if err != nil {
					t.Fatal(err)
				}
				complete(t, &p, res)
			})
		}
	}
}

// TestChurn has publishers and subscribers leave, half of them abruptly, and come back to their sessions.
func TestChurn(t *testing.T) {
	t.Parallel()
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for _, qos := range []packet.QoS{1, 2} {
			t.Run(fmt.Sprintf("version %d, QoS %d", v, qos), func(t *testing.T) {
				t.Parallel()
				patiently(t, func(c *complaints, slow slowness) {
					p := small(plan.Plan{PubQoS: qos, SubQoS: qos, Version: v, PublisherSession: plan.Persistent, SubscriberSession: plan.Persistent})
					p.Duration = plan.Duration(time.Second)
					p.Churn = plan.Churn{Rate: 40, Abrupt: 0.5, Down: plan.Duration(50 * time.Millisecond), Who: plan.ChurnBoth}
					p = slow.stretch(p)
					s := serve(t, broker.Options{})
					res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
					if err != nil {
						t.Fatal(err)
					}
					k := res.Summary.Contracts[0]
					if k.Acked != k.Attempted || k.Delivered != k.Expected || !k.Kept() {
						c.Errorf("version %d, QoS %d: %+v", v, qos, k)
					}
					if res.Summary.Measured.Reconnects == 0 {
						c.Errorf("version %d, QoS %d: nobody left", v, qos)
					}
					// Everybody who came back was timed, and of the subscribers hardly one had nothing to receive any more.
					again, message := exchange(res, "resume"), exchange(res, "resume, message")
					if again.Count != res.Summary.Measured.Reconnects || message.Count == 0 || message.Count > again.Count || message.Max < again.Min {
						c.Errorf("version %d, QoS %d: %d came back: %+v, %+v", v, qos, res.Summary.Measured.Reconnects, again, message)
					}
					// The last message before was before the connection ended, so that nobody was without for less time than it took to come back.
					silence := exchange(res, "resume, silence")
					if silence.Count == 0 || silence.Count > message.Count || silence.Count == message.Count && silence.Max < 0.9*message.Max {
						c.Errorf("version %d, QoS %d: waited for a message %+v, without one %+v", v, qos, message, silence)
					}
					for name, want := range map[string]int64{"resume, message": message.Count, "resume, silence": silence.Count, result.DistributionLag: res.Summary.Lag.Count} {
						if got := res.Summary.Distributions.Of(name).Count(); got != want {
							c.Errorf("version %d, QoS %d: the file has %d of %s, and %d were counted", v, qos, got, name, want)
						}
					}
				})
			})
		}
	}
}

// exchange are the times of an exchange; none if it did not occur.
func exchange(res *result.Run, name string) result.Quantiles {
	for _, x := range res.Summary.Exchanges {
		if x.Name == name {
			return x.Took
		}
	}
	return result.Quantiles{}
}

// TestInterrupted ends a run in each of its phases and demands a readable result that says so.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, phase := range []result.Phase{result.PhaseWarmUp, result.PhaseMeasure} {
		ctx, cancel := context.WithCancel(t.Context())
		p := small(plan.Plan{PubQoS: 1, SubQoS: 1})
		p.Warmup, p.Duration = plan.Duration(300*time.Millisecond), plan.Duration(time.Hour)
		s := serve(t, broker.Options{})
		res, err := do(t, ctx, s.Addrs()[0], native(t, transport.Auto, 1), p, func(c *Config) {
			c.Progress = func(iv *result.Interval, _ float64) {
				if iv.Phase == phase && iv.Delivered > 0 {
					cancel()
				}
			}
			c.Measuring = func(begins bool) {
				if !begins {
					time.Sleep(50 * time.Millisecond) // What was sent in this would be due behind the end of what is counted.
				}
			}
		})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if !res.Summary.Sane() {
			t.Errorf("interrupted during %s: the result contradicts itself: %+v", phase, res.Summary.Gates)
		}
		if !res.Summary.Interrupted || res.Summary.ExitCode != 130 {
			t.Errorf("interrupted during %s: %+v", phase, res.Summary)
		}
		c := res.Summary.Contracts[0]
		if c.Attempted == 0 || c.Delivered == 0 {
			t.Errorf("interrupted during %s: nothing was kept: %+v", phase, c)
		}
		if again, err := result.Read(res.Dir); err != nil || !again.Summary.Interrupted {
			t.Errorf("interrupted during %s: the file: %v", phase, err)
		}
	}
}

// TestBrokerDies: what was measured until then is kept, and the run fails.
func TestBrokerDies(t *testing.T) {
	t.Parallel()
	gone := make(chan error, 1)
	p := small(plan.Plan{PubQoS: 1, SubQoS: 1})
	p.Duration = plan.Duration(time.Hour)
	s := serve(t, broker.Options{})
	res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 1), p, func(c *Config) {
		c.BrokerGone = gone
		c.Progress = func(iv *result.Interval, _ float64) {
			if iv.Phase == result.PhaseMeasure && len(gone) == 0 {
				s.Close()
				gone <- errors.New("signal: killed")
			}
		}
	})
	if err == nil {
		t.Fatal("no error")
	}
	if res == nil || res.Summary.Outcome != result.Failed || res.Summary.Contracts[0].Delivered == 0 {
		t.Errorf("%v: %+v", err, res)
	}
}

// TestSetup: what cannot begin is one SetupError.
func TestSetup(t *testing.T) {
	t.Parallel()
	refusing := serve(t, broker.Options{Authenticate: func(string, string, []byte) packet.ReasonCode { return packet.BadUserNameOrPassword }})
	deaf := serve(t, broker.Options{AllowSubscribe: func(string, []byte) bool { return false }})
	mute := serve(t, broker.Options{AllowPublish: func(string, []byte) bool { return false }})
	for name, url := range map[string]string{
		"nobody there":     "tcp://127.0.0.1:1",
		"refused":          refusing.Addrs()[0],
		"may not listen":   deaf.Addrs()[0],
		"may not publish":  mute.Addrs()[0],
		"no such protocol": "carrier-pigeon://x",
	} {
		_, err := do(t, t.Context(), url, native(t, transport.Auto, 1), small(plan.Plan{PubQoS: 1, SubQoS: 1}), func(c *Config) {
			c.ProbeFor, c.ConnectFor = 300*time.Millisecond, 2*time.Second
		})
		var setup *SetupError
		if !errors.As(err, &setup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	full := filepath.Join(t.TempDir(), "full")
	os.Mkdir(full, 0o755)
	os.WriteFile(filepath.Join(full, result.ResultFile), []byte("old"), 0o644)
	_, err := do(t, t.Context(), "tcp://127.0.0.1:1", native(t, transport.Auto, 1), small(plan.Plan{}), func(c *Config) { c.Dir = full })
	var setup *SetupError
	if !errors.As(err, &setup) {
		t.Errorf("a folder that holds a result: %v", err)
	}
}

// TestOffline has all subscribers leave together, in the middle of publishing and beyond its end, and demands
// that each of them gets all that was queued for it, in order.
func TestOffline(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]plan.Offline{
		"within":     {At: plan.Duration(100 * time.Millisecond), For: plan.Duration(200 * time.Millisecond)},
		"at the end": {For: plan.Duration(1100 * time.Millisecond)}, // The drain's patience would be over before.
	} {
		for _, qos := range []packet.QoS{1, 2} {
			t.Run(name+" "+qos.String(), func(t *testing.T) {
				t.Parallel()
				patiently(t, func(c *complaints, slow slowness) {
					p := small(plan.Plan{PubQoS: qos, SubQoS: qos, SubscriberSession: plan.Persistent, Rate: 2000})
					p.Offline = o
					p = slow.stretch(p)
					s := serve(t, broker.Options{})
					res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, func(cfg *Config) { cfg.DrainFor = time.Duration(slow.ms(500)) })
					if err != nil {
						t.Fatal(err)
					}
					complete(c, &p, res)
					from, to := p.Away(p.Offline)
					d := res.Summary.Drained
					// What was on its way when they left may have reached them.
					if want := p.Expected(from, min(to, p.End())); d == nil || d.Queued > want || d.Queued < want/2 || d.Delivered != d.Queued || d.Clients != 10 || d.Rate <= 0 {
						c.Errorf("%+v, want %d queued and delivered", d, want)
					}
					if n := res.Summary.Measured.Reconnects; n != 10 && name == "within" {
						c.Errorf("%d reconnects of 10 subscribers", n)
					}
				})
			})
		}
	}
}

// TestIdle only connects, at a rate, and must know how long that took and what it was.
func TestIdle(t *testing.T) {
	t.Parallel()
	p := plan.Plan{RunID: 7, Publishers: 50, ConnectRate: 500, Duration: plan.Duration(200 * time.Millisecond)}.WithDefaults()
	s := serve(t, broker.Options{})
	res, err := do(t, t.Context(), s.Addrs()[0], native(t, transport.Auto, 2), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := res.Summary.Connecting
	// The last of 50 is begun 98 ms after the first.
	if c == nil || c.Clients != 50 || c.Seconds < 0.098 || c.Rate > 50/0.098 {
		t.Errorf("%+v, want 50 clients in 98 ms or more", c)
	}
	if len(res.Summary.Contracts) != 0 || res.Summary.Outcome != result.Unjudged || res.Summary.Drained != nil || res.Manifest.Workload.Load != "idle" {
		t.Errorf("%+v", res.Summary)
	}
}

// TestLocals has clients dial from an address that the caller chose.
func TestLocals(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 without being told")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 100)
	go func() { // It says nothing, so the run cannot begin; the pilot's address is all there is to see.
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			seen <- c.RemoteAddr().(*net.TCPAddr).IP.String()
			c.Close()
		}
	}()
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(t, ctx, "tcp://"+l.Addr().String(), native(t, transport.Auto, 1), small(plan.Plan{}), func(c *Config) {
			c.Locals = []net.Addr{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
		})
	}()
	if from := <-seen; from != "127.0.0.9" {
		t.Errorf("dialled from %s", from)
	}
	cancel()
	<-done
}

// TestLocalsInTurns: clients dial from the addresses they are given, each from as many as from the others, whatever the transport.
func TestLocalsInTurns(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 without being told")
	}
	if testing.Short() {
		t.Skip("it takes more than a second")
	}
	for scheme, drivers := range map[string][]transport.Driver{"tcp": {transport.Auto, transport.Goroutine}, "ws": {transport.Auto}} {
		for _, driver := range drivers {
			s, err := broker.New(broker.Options{Listen: []string{scheme + "://127.0.0.1:0"}})
			if err == nil {
				err = s.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			to, err := url.Parse(s.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			at, seen := between(t, to.Host)
			res, err := do(t, t.Context(), scheme+"://"+at, native(t, driver, 2), small(plan.Plan{}), func(c *Config) {
				for i := range byte(4) {
					c.Locals = append(c.Locals, &net.TCPAddr{IP: net.IPv4(127, 0, 7, 1+i)})
				}
			})
			if err != nil || res.Summary.Outcome != result.Kept {
				t.Fatalf("%s: %v, %v", scheme, err, res)
			}
			for i := range 4 {
				if n := seen(fmt.Sprintf("127.0.7.%d", 1+i)); n != 5 {
					t.Errorf("%s, driver %v: %d of 20 connections from address %d, want 5", scheme, driver, n, i)
				}
			}
		}
	}
}

// between listens in front of a server, and counts who comes from where.
func between(t *testing.T, server string) (at string, seen func(ip string) int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	counts := map[string]int{}
	t.Cleanup(func() { l.Close(); running.Wait() })
	pass := func(to, from net.Conn) {
		io.Copy(to, from)
		to.Close()
		from.Close()
	}
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			counts[c.RemoteAddr().(*net.TCPAddr).IP.String()]++
			mu.Unlock()
			b, err := net.Dial("tcp", server)
			if err != nil {
				c.Close()
				continue
			}
			running.Go(func() { pass(b, c) })
			running.Go(func() { pass(c, b) })
		}
	})
	return l.Addr().String(), func(ip string) int {
		mu.Lock()
		defer mu.Unlock()
		return counts[ip]
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	w := worker{stretches: []stretch{{to: 100, queued: true}, {from: 200, to: 300}, {from: 400, to: 500, queued: true}}}
	for _, x := range [][2]int64{{50, 5}, {50, 99}, {50, 100}, {99, 130}, {100, 130}, {199, 199}, {250, 400}, {400, 600}} {
		w.queued(x[0], x[1])
	}
	for i, want := range []stretch{{early: 2, came: 2, last: 130}, {}, {came: 1, last: 600}} {
		if x := w.stretches[i]; x.early != want.early || x.came != want.came || x.last != want.last {
			t.Errorf("stretch %d: %+v", i, x)
		}
	}
}
