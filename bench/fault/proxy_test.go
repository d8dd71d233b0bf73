package fault

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// TestTransparent: without faults, the ends of connections pass as they are, and so does what is too large for any buffer.
func TestTransparent(t *testing.T) {
	for _, end := range []string{"fin", "rst"} {
		for _, from := range []string{"client", "broker"} {
			t.Run(end+" from "+from, func(t *testing.T) {
				w := newWire(t, Plan{})
				w.open(connect311, connack311)
				a, b := w.client, w.broker
				if from == "broker" {
					a, b = b, a
				}
				w.writes(a, "C0 00")
				if end == "rst" {
					reset(a)
				} else {
					closeWrite(a)
				}
				w.reads(b, "C0 00")
				w.ends(b, end)
				if end == "fin" { // The other direction is still open.
					w.writes(b, "D0 00")
					w.reads(a, "D0 00")
					b.Close()
					w.ends(a, "fin")
				}
			})
		}
	}
	t.Run("a large packet", func(t *testing.T) {
		w := newWire(t, Plan{})
		w.open(connect311, connack311)
		big := append(unhex(t, "30 83 80 C0 01 0001 74"), make([]byte, 3<<20)...) // 3 MiB + 3 = 3145731 = 0x300003.
		copy(big[len(big)-4:], "end.")
		go w.client.Write(big)
		got := make([]byte, len(big))
		w.broker.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(w.broker, got); err != nil || !bytes.Equal(got, big) {
			t.Fatalf("3 MiB did not arrive as they were: %v", err)
		}
	})
	t.Run("a CONNECT in pieces", func(t *testing.T) {
		w := newWire(t, Plan{})
		w.dial("10 0D 0004")
		time.Sleep(5 * time.Millisecond)
		w.writes(w.client, "4D515454 04 02 003C 0001 63")
		w.accept()
		w.reads(w.broker, connect311)
	})
	t.Run("no CONNECT at all", func(t *testing.T) {
		w := newWire(t, Plan{Faults: []Fault{{Action: Drop, Every: 1}}})
		w.proxy.Arm()
		w.dial("30 04 0001 74 61")
		w.accept()
		w.reads(w.broker, "30 04 0001 74 61")
		w.writes(w.broker, "30 04 0001 74 61")
		w.reads(w.client, "30 04 0001 74 61")
	})
	t.Run("no broker", func(t *testing.T) {
		p, err := NewProxy(Options{Broker: "tcp://127.0.0.1:1"}) // A port that nobody gets by chance.
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		w := &wire{t: t, proxy: p}
		w.dial(connect311)
		defer w.client.Close()
		w.ends(w.client, "rst")
	})
}

// TestDisarmed: before it is armed a plan counts nothing, and afterwards nothing more.
func TestDisarmed(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: Drop, Nth: 2}, {Action: Reset, At: time.Nanosecond}}})
	w.open(connect311, connack311)
	pub, pubs := "30 04 0001 74 61", strings.Repeat("30 04 0001 74 61 ", 3)
	w.writes(w.client, pubs)
	w.reads(w.broker, pubs)
	w.told()

	w = newWire(t, Plan{Faults: []Fault{{Action: Drop, Nth: 2}, {Action: Reset, At: time.Hour}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	w.writes(w.client, pub)
	w.reads(w.broker, pub)
	w.proxy.Disarm()
	w.writes(w.client, pubs)
	w.reads(w.broker, pubs)
	w.proxy.Arm() // And then it begins anew.
	w.play(`c> 30 04 0001 74 61 30 04 0001 74 62 30 04 0001 74 63
		b< 30 04 0001 74 61 30 04 0001 74 63
		b= silent`)
	w.told("drop of c at PUBLISH 0 going up")
}

// TestArmedAgain: what is counted per connection begins anew, too.
func TestArmedAgain(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: Drop, Nth: 2, PerConnection: true}}})
	w.open(connect311, connack311)
	for range 2 {
		w.proxy.Arm()
		w.play(`c> 30 04 0001 74 61
			b< 30 04 0001 74 61`)
	}
	w.told()
}

// TestDoomed: when the end of a connection is decided and waits for what comes before it, nothing else is committed, and
// nothing else passes.
func TestDoomed(t *testing.T) {
	for delay := 4 * silence; delay < patience; delay *= 4 {
		w := newWire(t, Plan{Faults: []Fault{
			{Action: Delay, For: delay, Direction: Up, Type: packet.PUBLISH, Nth: 1},
			{Action: Reset, Direction: Up, Type: packet.PUBLISH, Nth: 2},
			{Action: Drop, Direction: Down, Every: 1},
		}})
		w.open(connect311, connack311)
		w.proxy.Arm()
		began := time.Now()
		w.writes(w.client, "30 04 0001 74 61 30 04 0001 74 62")
		w.told("delay of c at PUBLISH 0 going up", "reset of c at PUBLISH 0 going up")
		w.broker.Write(unhex(t, "30 04 0001 74 61"))
		if time.Since(began) >= delay { // Then the end may have come before.
			continue
		}
		w.play(`b< 30 04 0001 74 61
			b= rst
			c= rst`)
		w.told("delay of c at PUBLISH 0 going up", "reset of c at PUBLISH 0 going up")
		return
	}
	t.Fatal("this machine is too slow for any delay")
}

// TestTimed: faults that wait for no packet.
func TestTimed(t *testing.T) {
	t.Run("at a time", func(t *testing.T) {
		w := newWire(t, Plan{Faults: []Fault{{Action: Reset, At: time.Millisecond}}})
		w.open(connect311, connack311)
		w.proxy.Arm()
		w.ends(w.client, "rst")
		w.ends(w.broker, "rst")
		w.told("reset of c")
		w.open(connect311, connack311) // Once is once.
		w.ends(w.client, "silent")
	})
	t.Run("at the first packet after a time", func(t *testing.T) {
		w := newWire(t, Plan{Faults: []Fault{{Action: Drop, At: 20 * time.Millisecond}}})
		w.open(connect311, connack311)
		w.proxy.Arm()
		time.Sleep(25 * time.Millisecond)
		w.play(`c> 30 04 0001 74 61 30 04 0001 74 62
			b< 30 04 0001 74 62`)
		w.told("drop of c at PUBLISH 0 going up")
	})
	t.Run("again and again", func(t *testing.T) {
		w := newWire(t, Plan{Faults: []Fault{{Action: Reset, MTTF: time.Millisecond, Limit: 3}}})
		w.proxy.Arm()
		for range 3 {
			w.dial(connect311)
			w.accept()
			w.ends(w.client, "rst")
			w.client.Close()
			w.broker.Close()
		}
		w.open(connect311, connack311)
		w.ends(w.client, "silent")
		w.told("reset of c", "reset of c", "reset of c")
	})
	t.Run("a pause of one direction", func(t *testing.T) {
		w := newWire(t, Plan{Faults: []Fault{{Action: Pause, Direction: Down, At: time.Millisecond, For: time.Hour}}})
		w.open(connect311, connack311)
		w.proxy.Arm()
		w.told("pause of c")
		w.play(`c> C0 00
			b< C0 00
			b> D0 00
			c= silent`)
	})
}

// TestKeptOut: who is to stay away is sent away, and the broker does not even hear of it.
func TestKeptOut(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: Reset, Type: packet.PINGREQ, Nth: 1, For: time.Hour}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	w.writes(w.client, "C0 00")
	w.ends(w.client, "rst")
	w.dial(connect311)
	w.ends(w.client, "rst")
	w.listener.(*net.TCPListener).SetDeadline(time.Now().Add(silence))
	if _, err := w.listener.Accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the broker was dialled")
	}
	w.dial(strings.Replace(connect311, "63", "64", 1)) // Another client may enter.
	w.accept()
}

// TestBlackHole: in a black hole nobody hears of the other's end; after a time both are reset.
func TestBlackHole(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: BlackHole, Type: packet.PINGREQ, Nth: 1, After: true}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	w.play(`c> C0 00
		b< C0 00
		b> D0 00
		c= silent`)
	w.client.Close()
	w.writes(w.broker, "D0 00")
	w.ends(w.broker, "silent")

	w = newWire(t, Plan{Faults: []Fault{{Action: BlackHole, Type: packet.PINGREQ, Nth: 1, For: 40 * time.Millisecond}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	began := time.Now()
	w.play(`c> C0 00
		b= rst
		c= rst`)
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("both were reset after %v", took)
	}
}

// TestTakeOver: intruders come with the client's CONNECT, each while the one before still stands.
func TestTakeOver(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: TakeOver, Type: packet.PINGREQ, Nth: 1, Times: 2}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	w.writes(w.client, "C0 00")
	own := w.broker
	w.reads(own, "C0 00")
	w.accept()
	first := w.broker
	defer first.Close()
	w.reads(first, connect311)
	w.writes(first, connack311)
	w.accept()
	w.reads(w.broker, connect311)
	w.ends(first, "silent")
	w.ends(own, "silent")
	w.writes(w.broker, connack311)
	w.ends(w.broker, "fin")
	w.ends(first, "fin")
	w.ends(own, "silent") // It is for the broker to throw out the client.
	w.told("take-over of c at PINGREQ 0 going up")
}

// TestPauseClosesTheWindow: a sender that is not read from comes to a halt, as it does with a slow receiver.
func TestPauseClosesTheWindow(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: Pause, Type: packet.PINGREQ, Nth: 1, For: time.Hour}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	w.writes(w.client, "C0 00")
	w.told("pause of c at PINGREQ 0 going up")
	const most = 64 << 20 // Much more than the kernel takes.
	taken := int64(0)
	for before := int64(-1); taken > before && taken < most; {
		before = taken
		w.client.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := io.Copy(w.client, io.LimitReader(zeros{}, most-taken))
		if taken += n; err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if taken == most {
		t.Fatalf("%d bytes were taken", taken)
	}
	w.ends(w.broker, "silent")
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestDelayIsNoQueue: with a delay, packets come late, and not one after the other: a thousand packets of 200 ms each would take three times
// the patience of this test.
func TestDelayIsNoQueue(t *testing.T) {
	const delay, n = 200 * time.Millisecond, 1000
	w := newWire(t, Plan{Faults: []Fault{{Action: Delay, Type: packet.PUBLISH, Every: 1, For: delay}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	began := time.Now()
	for range n {
		w.writes(w.client, "30 04 0001 74 61")
	}
	w.reads(w.broker, strings.Repeat("30 04 0001 74 61", n))
	if took := time.Since(began); took < delay {
		t.Errorf("%d packets of %v delay took %v", n, delay, took)
	}
}

// TestThrottle: 2000 bytes at 10000 a second take 200 ms, and none of them is at fault for the others' speed.
func TestThrottle(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: Throttle, Every: 1, Rate: 10_000}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	began := time.Now()
	pings := strings.Repeat("C000", 1000)
	w.writes(w.client, pings)
	w.reads(w.broker, pings)
	if took := time.Since(began); took < 190*time.Millisecond {
		t.Errorf("2000 bytes took %v", took)
	}
}

// TestSameSeedSameFaults: what befalls which packet of whom depends on the seed alone.
func TestSameSeedSameFaults(t *testing.T) {
	dropped := func(seed uint64) (ids []packet.ID) {
		w := newWire(t, Plan{Seed: seed, Faults: []Fault{{Action: Forge, Probability: 0.1}}})
		w.open(connect311, connack311)
		w.proxy.Arm()
		var all []byte
		for i := range 500 {
			all = append(all, 0x32, 6, 0, 1, 't', 0, 0, 'a')
			binary.BigEndian.PutUint16(all[len(all)-3:], uint16(i+1))
		}
		all = append(all, 0xC0, 0)
		w.client.Write(all)
		got := make([]byte, 2)
		for got[0] != 0xC0 { // Until the PINGREQ is there.
			w.broker.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.ReadFull(w.broker, got); err != nil {
				t.Fatal(err)
			}
			if got[0] == 0x32 {
				io.CopyN(io.Discard, w.broker, 6)
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range w.events {
			ids = append(ids, e.ID)
		}
		return ids
	}
	a, b, c := dropped(1), dropped(1), dropped(2)
	if !slices.Equal(a, b) {
		t.Errorf("the same seed: %v and %v", a, b)
	}
	if slices.Equal(a, c) || len(a) < 30 || len(a) > 70 {
		t.Errorf("another seed: %v and %v", a, c)
	}
}

// TestLimitIsForAll: many clients at once share a limit exactly.
func TestLimitIsForAll(t *testing.T) {
	p := &Proxy{plan: Plan{Faults: []Fault{{Limit: 100}}}}
	p.spent = make([]atomic.Int64, 1)
	taken := make(chan int)
	for range 8 {
		go func() {
			n := 0
			for range 1000 {
				if p.spend(0) {
					n++
				}
			}
			taken <- n
		}()
	}
	sum := 0
	for range 8 {
		sum += <-taken
	}
	if sum != 100 || p.Counts()[0] != 100 {
		t.Errorf("%d were taken and %d counted, of 100", sum, p.Counts()[0])
	}
}

func TestProxyRefuses(t *testing.T) {
	for _, o := range []Options{
		{Broker: "mqtts://127.0.0.1:1"},
		{Broker: "tcp://127.0.0.1:1", Listen: "no address"},
		{Broker: "tcp://127.0.0.1:1", Plan: Plan{Faults: []Fault{{}}}},
	} {
		if p, err := NewProxy(o); err == nil {
			p.Close()
			t.Errorf("%+v was accepted", o)
		}
	}
}

// TestUnixSocket: brokers are reached by unix sockets, too.
func TestUnixSocket(t *testing.T) {
	path := t.TempDir() + "/broker"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	p, err := NewProxy(Options{Broker: "unix://" + path, Plan: Plan{Faults: []Fault{{Action: Finish, Type: packet.PINGREQ, Nth: 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Arm()
	w := &wire{t: t, proxy: p}
	w.dial(connect311)
	if w.broker, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	w.reads(w.broker, connect311)
	w.writes(w.client, "C0 00")
	w.ends(w.broker, "fin")
	w.ends(w.client, "fin")
	w.client.Close()
	w.broker.Close()
}
