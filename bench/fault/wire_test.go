package fault

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mqttbench/broker/packet"
)

// The runs of these tests mostly wait, for the time to pass and for silence: many of them have room on a CPU.
var runsPerCPU = 16

func TestMain(m *testing.M) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		parallel.Value.Set(strconv.Itoa(runsPerCPU * runtime.GOMAXPROCS(0)))
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come; silence, for what must not.
const (
	patience = time.Minute
	silence  = 30 * time.Millisecond
)

// A wire is a client and a broker with the proxy between them, both ends played by the test.
type wire struct {
	t              testing.TB
	proxy          *Proxy
	listener       net.Listener
	client, broker net.Conn

	mu     sync.Mutex
	events []Event
}

// Typed from the specification: Client Identifier "c", Topic Name "t", payloads of one letter.
const (
	connect311 = "10 0D 0004 4D515454 04 02 003C 0001 63"
	connack311 = "20 02 00 00"
	connect5   = "10 0E 0004 4D515454 05 02 003C 00 0001 63"
	connack5   = "20 03 00 00 00"
)

func newWire(t testing.TB, plan Plan) *wire {
	w := &wire{t: t}
	var err error
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	w.proxy, err = NewProxy(Options{Broker: "tcp://" + w.listener.Addr().String(), Plan: plan, Applied: func(e Event) {
		w.mu.Lock()
		w.events = append(w.events, e)
		w.mu.Unlock()
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.proxy.Close()
		w.listener.Close()
		for _, c := range []net.Conn{w.client, w.broker} {
			if c != nil {
				c.Close()
			}
		}
	})
	return w
}

// open connects through the proxy, up to the CONNACK.
func (w *wire) open(connect, connack string) {
	w.t.Helper()
	w.dial(connect)
	w.accept()
	w.reads(w.broker, connect)
	w.writes(w.broker, connack)
	w.reads(w.client, connack)
}

func (w *wire) dial(connect string) {
	w.t.Helper()
	var err error
	if w.client, err = net.Dial("tcp", strings.TrimPrefix(w.proxy.URL(), "tcp://")); err != nil {
		w.t.Fatal(err)
	}
	w.writes(w.client, connect)
}

func (w *wire) accept() {
	w.t.Helper()
	w.listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	var err error
	if w.broker, err = w.listener.Accept(); err != nil {
		w.t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *wire) writes(c net.Conn, s string) {
	w.t.Helper()
	if _, err := c.Write(unhex(w.t, s)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) reads(c net.Conn, s string) {
	w.t.Helper()
	want := unhex(w.t, s)
	got := make([]byte, len(want))
	c.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != string(want) {
		w.t.Fatalf("read % x (%v), want % x", got[:n], err, want)
	}
}

// ends reads what can be read next: it must be nothing, and how says why.
func (w *wire) ends(c net.Conn, how string) {
	w.t.Helper()
	wait := patience
	if how == "silent" {
		wait = silence
	}
	c.SetReadDeadline(time.Now().Add(wait))
	var b [1]byte
	n, err := c.Read(b[:])
	got := fmt.Sprint(err)
	switch {
	case n > 0:
		got = fmt.Sprintf("%x", b)
	case errors.Is(err, os.ErrDeadlineExceeded):
		got = "silent"
	case errors.Is(err, io.EOF):
		got = "fin"
	case errors.Is(err, syscall.ECONNRESET):
		got = "rst"
	}
	if got != how {
		w.t.Fatalf("the connection: %s, want %s", got, how)
	}
}

// play runs a script. Its lines:
//
//	c> HEX, b> HEX    the client, the broker sends
//	c< HEX, b< HEX    the client, the broker receives exactly this next
//	c= WORD, b= WORD  and then: rst, fin, silent
//	again             the client connects anew
func (w *wire) play(script string) {
	w.t.Helper()
	for line := range strings.Lines(script) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest = strings.TrimSpace(rest)
		switch verb {
		case "":
		case "c>":
			w.writes(w.client, rest)
		case "b>":
			w.writes(w.broker, rest)
		case "c<":
			w.reads(w.client, rest)
		case "b<":
			w.reads(w.broker, rest)
		case "c=":
			w.ends(w.client, rest)
		case "b=":
			w.ends(w.broker, rest)
		case "again":
			w.client.Close()
			w.broker.Close()
			w.open(connect311, connack311)
		default:
			w.t.Fatalf("what is %q?", line)
		}
		if w.t.Failed() {
			w.t.Fatalf("in line %q", line)
		}
	}
}

// told checks what was reported, and that it is what was counted.
func (w *wire) told(want ...string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		w.mu.Lock()
		var got []string
		for _, e := range w.events {
			got = append(got, e.String())
		}
		w.mu.Unlock()
		if strings.Join(got, "; ") == strings.Join(want, "; ") {
			break
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("reported %q, want %q", got, want)
		}
		time.Sleep(time.Millisecond)
	}
	var sum int64
	for _, n := range w.proxy.Counts() {
		sum += n
	}
	if sum != int64(len(want)) {
		w.t.Fatalf("counted %v, reported %d", w.proxy.Counts(), len(want))
	}
}

// steps are the packets of all handshakes, each with the identifier 7.
var steps = []struct {
	typ  packet.Type
	wire string
}{
	{packet.PUBLISH, "34 06 0001 74 0007 61"},
	{packet.PUBACK, "40 02 0007"},
	{packet.PUBREC, "50 02 0007"},
	{packet.PUBREL, "62 02 0007"},
	{packet.PUBCOMP, "70 02 0007"},
}

// TestEveryStep breaks the wire at each packet of the handshakes, in both directions, before and after it.
func TestEveryStep(t *testing.T) {
	for _, s := range steps {
		for _, d := range []Direction{Up, Down} {
			for _, after := range []bool{false, true} {
				for _, f := range []Fault{
					{Action: Reset}, {Action: Reset, Side: Client}, {Action: Reset, Side: Broker},
					{Action: Finish}, {Action: Finish, Side: Client}, {Action: Finish, Side: Broker}, {Action: BlackHole},
				} {
					f.Type, f.Direction, f.After, f.Nth = s.typ, d, after, 1
					t.Run(fmt.Sprintf("%v of %d at %v %v, after %v", f.Action, f.Side, d, s.typ, after), func(t *testing.T) {
						t.Parallel()
						testStep(t, f, s.wire)
					})
				}
			}
		}
	}
}

func testStep(t *testing.T, f Fault, bytes string) {
	w := newWire(t, Plan{Faults: []Fault{f}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	from, to := w.client, w.broker
	if f.Direction == Down {
		from, to = to, from
	}
	w.writes(from, "C0 00") // Something that is not concerned passes.
	w.reads(to, "C0 00")
	w.writes(from, bytes)
	if f.After {
		w.reads(to, bytes)
	}
	word := map[Action]string{Reset: "rst", Finish: "fin", BlackHole: "silent"}[f.Action]
	for side, c := range map[Side]net.Conn{Client: w.client, Broker: w.broker} {
		if f.Side == Both || f.Side == side {
			w.ends(c, word)
		} else {
			w.ends(c, "silent") // Nobody has told it.
			c.Write([]byte{0xC0, 0})
			w.ends(c, "silent")
		}
	}
	w.told(fmt.Sprintf("%v of c at %v 7 going %v", f.Action, f.Type, f.Direction))
}

// TestScripts plays the other actions.
func TestScripts(t *testing.T) {
	for _, tc := range []struct {
		name    string
		v5      bool
		plan    []Fault
		script  string
		reports []string
	}{
		{"nothing planned", false, nil, `
			c> 32 06 0001 74 0001 61 30 04 0001 74 62
			b< 32 06 0001 74 0001 61 30 04 0001 74 62
			b> 40 02 0001
			c< 40 02 0001
			c= silent`, nil},
		{"cut in the middle", false, []Fault{{Action: Cut, Type: packet.PUBLISH, Nth: 2}}, `
			c> 32 06 0001 74 0001 61 32 06 0001 74 0002 61 C0 00
			b< 32 06 0001 74 0001 61 32 06 0001
			b= rst
			c= rst`, []string{"cut of c at PUBLISH 2 going up"}},
		{"cut before the last byte, and never after it", false, []Fault{{Action: Cut, Type: packet.PUBACK, Nth: 1, Bytes: 9}}, `
			c> 32 06 0001 74 0001 61
			b< 32 06 0001 74 0001 61
			b> 40 02 0001
			c< 40 02 00
			c= rst`, []string{"cut of c at PUBACK 1 going down"}},
		{"the count goes over connections", false, []Fault{{Action: Reset, Type: packet.PUBLISH, Nth: 3}}, `
			c> 30 04 0001 74 61 30 04 0001 74 62
			b< 30 04 0001 74 61 30 04 0001 74 62
			again
			c> 30 04 0001 74 63
			b= rst`, []string{"reset of c at PUBLISH 0 going up"}},
		{"the count begins with each connection", false, []Fault{{Action: Reset, Type: packet.PUBLISH, Nth: 2, PerConnection: true}}, `
			c> 30 04 0001 74 61 30 04 0001 74 62
			b< 30 04 0001 74 61
			b= rst
			again
			c> 30 04 0001 74 63
			b< 30 04 0001 74 63
			c> 30 04 0001 74 64
			c= rst
			again
			c> 30 04 0001 74 65
			b< 30 04 0001 74 65
			c> 30 04 0001 74 66
			c= rst`, []string{"reset of c at PUBLISH 0 going up", "reset of c at PUBLISH 0 going up", "reset of c at PUBLISH 0 going up"}},
		{"another client is meant", false, []Fault{{Action: Drop, Every: 1, Client: "d*"}}, `
			c> 30 04 0001 74 61
			b< 30 04 0001 74 61`, nil},
		{"every second, twice at most", false, []Fault{{Action: Drop, Every: 2, Limit: 2, Direction: Up}}, `
			c> 30 04 0001 74 61 30 04 0001 74 62 30 04 0001 74 63 30 04 0001 74 64 30 04 0001 74 65 30 04 0001 74 66
			b< 30 04 0001 74 61 30 04 0001 74 63 30 04 0001 74 65 30 04 0001 74 66
			b= silent`, []string{"drop of c at PUBLISH 0 going up", "drop of c at PUBLISH 0 going up"}},
		{"a fault has a name", false, []Fault{{Name: "lightning", Action: Reset, Type: packet.PINGREQ, Nth: 1}}, `
			c> C0 00
			c= rst`, []string{"lightning of c at PINGREQ 0 going up"}},

		{"forged PUBACK", false, []Fault{{Action: Forge, Nth: 1, Direction: Up}}, `
			c> 32 06 0001 74 0001 61
			c< 40 02 0001
			c> 32 06 0001 74 0002 61
			b< 32 06 0001 74 0002 61
			b> 40 02 0002
			c< 40 02 0002`, []string{"forge of c at PUBLISH 1 going up"}},
		{"forged PUBREC and PUBCOMP", false, []Fault{{Action: Forge, Nth: 1, Direction: Up}}, `
			c> 34 06 0001 74 0001 61
			c< 50 02 0001
			c> 62 02 0001
			c< 70 02 0001
			b= silent
			c> 34 06 0001 74 0001 61
			b< 34 06 0001 74 0001 61
			b> 50 02 0001
			c< 50 02 0001
			c> 62 02 0001
			b< 62 02 0001
			b> 70 02 0001
			c< 70 02 0001`, []string{"forge of c at PUBLISH 1 going up"}},
		{"forged towards the broker", false, []Fault{{Action: Forge, Every: 1, Direction: Down}}, `
			b> 32 06 0001 74 0001 61 34 06 0001 74 0002 62 30 04 0001 74 63
			b< 40 02 0001 50 02 0002
			b> 62 02 0002
			b< 70 02 0002
			c= silent`, []string{"forge of c at PUBLISH 1 going down", "forge of c at PUBLISH 2 going down", "forge of c at PUBLISH 0 going down"}},
		{"dropped, and the exchange stays open", false, []Fault{{Action: Drop, Nth: 1, Direction: Down}}, `
			b> 34 06 0001 74 0001 61
			c= silent
			b= silent`, []string{"drop of c at PUBLISH 1 going down"}},

		{"QoS 0 twice", false, []Fault{{Action: Duplicate, Nth: 1}}, `
			b> 30 04 0001 74 61
			c< 30 04 0001 74 61 30 04 0001 74 61
			c= silent`, []string{"duplicate of c at PUBLISH 0 going down"}},
		{"QoS 1 twice, with an identifier of its own", false, []Fault{{Action: Duplicate, Nth: 1}}, `
			b> 3A 06 0001 74 0001 61
			c< 3A 06 0001 74 0001 61 32 06 0001 74 FFFF 61
			c> 40 02 0001 40 02 FFFF
			b< 40 02 0001
			b= silent`, []string{"duplicate of c at PUBLISH 1 going down"}},
		{"QoS 2 twice, with an exchange of its own", false, []Fault{{Action: Duplicate, Nth: 1}}, `
			c> 34 06 0001 74 0001 61
			b< 34 06 0001 74 0001 61 34 06 0001 74 FFFF 61
			b> 50 02 FFFF 50 02 0001
			c< 50 02 0001
			c= silent
			c> 62 02 0001
			b< 62 02 FFFF 62 02 0001
			b> 70 02 FFFF 70 02 0001
			c< 70 02 0001
			c= silent`, []string{"duplicate of c at PUBLISH 1 going up"}},
		{"QoS 2 twice, and the second refused", true, []Fault{{Action: Duplicate, Nth: 1}}, `
			c> 34 07 0001 74 0001 00 61
			b< 34 07 0001 74 0001 00 61 34 07 0001 74 FFFF 00 61
			b> 50 02 0001 50 03 FFFF 97
			c< 50 02 0001
			b= silent`, []string{"duplicate of c at PUBLISH 1 going up"}},
		{"QoS 1 resent", false, []Fault{{Action: Resend, Nth: 1}}, `
			b> 32 06 0001 74 0001 61
			c< 32 06 0001 74 0001 61 3A 06 0001 74 0001 61
			c> 40 02 0001 40 02 0001
			b< 40 02 0001
			b= silent
			b> 32 06 0001 74 0001 62
			c< 32 06 0001 74 0001 62
			c> 40 02 0001
			b< 40 02 0001`, []string{"resend of c at PUBLISH 1 going down"}},
		{"QoS 2 resent", true, []Fault{{Action: Resend, Nth: 1}}, `
			c> 34 07 0001 74 0001 00 61
			b< 34 07 0001 74 0001 00 61 3C 07 0001 74 0001 00 61
			b> 50 02 0001 50 02 0001
			c< 50 02 0001
			c= silent`, []string{"resend of c at PUBLISH 1 going up"}},
		{"QoS 0 cannot be resent", false, []Fault{{Action: Resend, Nth: 1}}, `
			b> 30 04 0001 74 61
			c< 30 04 0001 74 61
			c= silent`, nil},

		{"reordered, with others of other topics between", false, []Fault{{Action: Reorder, Nth: 1, For: patience}}, `
			b> 32 06 0001 74 0001 61 30 04 0001 75 61 D0 00 32 06 0001 74 0002 62 30 04 0001 74 63
			c< 30 04 0001 75 61 D0 00 32 06 0001 74 0002 62 32 06 0001 74 0001 61 30 04 0001 74 63`,
			[]string{"reorder of c at PUBLISH 1 going down"}},
		{"no successor, no reordering", false, []Fault{{Action: Reorder, Nth: 1, For: time.Millisecond}}, `
			b> 32 06 0001 74 0001 61
			c< 32 06 0001 74 0001 61`, nil},
		{"the end of the connection waits for who was held back", false, []Fault{{Action: Reorder, Nth: 1, For: patience}, {Action: Finish, Side: Client, Type: packet.PINGRESP, Nth: 2}}, `
			b> 30 04 0001 74 61 30 04 0001 74 62
			c< 30 04 0001 74 62 30 04 0001 74 61`, []string{"reorder of c at PUBLISH 0 going down"}},

		{"the last byte corrupt", false, []Fault{{Action: Corrupt, Nth: 1}}, `
			b> 32 08 0001 74 0001 616263
			c< 32 08 0001 74 0001 61629C
			c> 40 02 0001
			b< 40 02 0001`, []string{"corrupt of c at PUBLISH 1 going down"}},
		{"another byte corrupt", true, []Fault{{Action: Corrupt, Nth: 1, Bytes: 2}}, `
			b> 32 09 0001 74 0001 00 616263
			c< 32 09 0001 74 0001 00 9E6263`, []string{"corrupt of c at PUBLISH 1 going down"}},
		{"too short to be corrupted there", false, []Fault{{Action: Corrupt, Every: 1, Bytes: 1}}, `
			b> 30 04 0001 74 61 30 03 0001 74
			c< 30 04 0001 74 61 30 03 0001 74`, nil},

		{"slow in all ways, and whole", false, []Fault{
			{Action: Delay, Nth: 1, For: time.Millisecond, Jitter: time.Millisecond},
			{Action: Slice, Nth: 1, For: time.Microsecond},
			{Action: Throttle, Nth: 1, Rate: 10000},
			{Action: Pause, Nth: 1, For: time.Millisecond},
		}, `
			c> 30 04 0001 74 61 C0 00
			b< 30 04 0001 74 61 C0 00`, []string{
			"delay of c at PUBLISH 0 going up", "slice of c at PUBLISH 0 going up", "throttle of c at PUBLISH 0 going up", "pause of c at PUBLISH 0 going up",
		}},
		{"paused for longer than the test", false, []Fault{{Action: Pause, Nth: 2, For: time.Hour, After: true, Direction: Up}}, `
			c> C0 00 30 04 0001 74 61 30 04 0001 74 62 30 04 0001 74 63
			b< C0 00 30 04 0001 74 61 30 04 0001 74 62
			b= silent
			b> D0 00
			c< D0 00`, []string{"pause of c at PUBLISH 0 going up"}},
		{"delayed for longer than the test", false, []Fault{{Action: Delay, Type: packet.PUBLISH, Nth: 2, For: time.Hour}}, `
			c> 30 04 0001 74 61 30 04 0001 74 62 C0 00
			b< 30 04 0001 74 61
			b= silent
			b> D0 00
			c< D0 00`, []string{"delay of c at PUBLISH 0 going up"}},
		{"the first lie counts", false, []Fault{{Action: Drop, Nth: 1}, {Action: Duplicate, Nth: 1}}, `
			c> 30 04 0001 74 61 C0 00
			b< C0 00`, []string{"drop of c at PUBLISH 0 going up"}},
		{"what is no MQTT passes", false, []Fault{{Action: Drop, Every: 1}}, `
			c> 30 04 0001 74 61 00 01 02 03
			b< 00 01 02 03`, []string{"drop of c at PUBLISH 0 going up"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for i := range tc.plan {
				if f := &tc.plan[i]; f.Type == 0 && !f.Action.lies() && f.Action != Reset {
					f.Type = packet.PUBLISH
				}
			}
			w := newWire(t, Plan{Faults: tc.plan})
			if tc.v5 {
				w.open(connect5, connack5)
			} else {
				w.open(connect311, connack311)
			}
			w.proxy.Arm()
			w.play(tc.script)
			w.told(tc.reports...)
		})
	}
}
