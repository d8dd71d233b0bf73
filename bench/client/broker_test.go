package client

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// TestAgainstMosquitto: messages of every QoS and version through a real broker, with the publisher and the
// subscriber cut again and again. At QoS 2 each message arrives exactly once and in order; at QoS 1 at least
// once, none overtaking; at QoS 0 at most once.
func TestAgainstMosquitto(t *testing.T) {
	url := mosquitto(t)
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for q := range packet.QoS(3) {
			t.Run(fmt.Sprintf("version %d, QoS %d", v, q), func(t *testing.T) {
				eachDriver(t, func(t *testing.T, e *Native) {
					newJourney(t, e, Options{URL: url, Version: v}, q).run()
				})
			})
		}
	}
}

// A journey is one publisher, one subscriber and 3000 numbered messages. Its fields belong to the group.
type journey struct {
	t      *testing.T
	g      Group
	q      packet.QoS
	topic  string
	pub    Client
	sub    Client
	pr, sr *recorder

	next  uint64 // To be published.
	acked map[uint64]int
	got   []uint64 // As delivered to the application.
	seen  map[uint64]int
	cuts  int
	done  chan struct{}
}

const journeyLength = 3000

func newJourney(t *testing.T, e *Native, o Options, q packet.QoS) *journey {
	j := &journey{
		t: t, g: e.Groups()[0], q: q, topic: "journey/" + t.Name(),
		pr: newRecorder(), sr: newRecorder(),
		acked: map[uint64]int{}, seen: map[uint64]int{}, done: make(chan struct{}),
	}
	o.SessionExpiry, o.Window = 100, 50
	o.ClientID = "p/" + t.Name()
	j.pub = j.g.New(o, j.pr)
	o.ClientID = "s/" + t.Name()
	j.sub = j.g.New(o, j.sr)
	j.pr.quiet, j.sr.quiet = true, false
	j.pr.onRecall = j.message
	return j
}

func (j *journey) run() {
	j.pr.onConnected = func(bool) { j.pump() }
	j.pr.onWritable = j.pump
	j.pr.onAcked = func(n uint64) {
		j.acked[n]++
		j.finished()
		if j.q > 0 && n%500 == 250 && j.acked[n] == 1 {
			j.pub.Cut()
			j.pub.Connect()
		}
	}
	subscribed := false
	j.sr.onConnected = func(present bool) {
		if !subscribed {
			subscribed = true
			j.sub.Subscribe([]string{j.topic}, j.q)
		} else if !present {
			j.t.Error("the broker lost the session")
		}
	}
	j.sr.onReceived = j.received
	on(j.t, j.g, j.sub.Connect)
	j.sr.await(j.t, fmt.Sprintf("subscribed [%d]", j.q))
	on(j.t, j.g, func() {
		j.sr.quiet = true
		j.pub.Connect()
	})
	select {
	case <-j.done:
	case <-time.After(patience):
		on(j.t, j.g, func() {
			j.t.Errorf("stuck: next %d, acked %d, seen %d, in flight %d", j.next, len(j.acked), len(j.seen), j.pub.Inflight())
		})
	}
	on(j.t, j.g, j.judge)
}

func (j *journey) message(n uint64, _ int64) *Message {
	return &Message{Topic: j.topic, Payload: binary.BigEndian.AppendUint64(nil, n), QoS: j.q, Token: n}
}

func (j *journey) pump() {
	for j.next < journeyLength && j.pub.Publish(j.message(j.next, 0)) {
		j.next++
	}
}

func (j *journey) received(r *Reception) {
	if r.Again {
		if j.q < 2 || !r.Dup {
			j.t.Errorf("again: %s", describe(r))
		}
		return
	}
	n := binary.BigEndian.Uint64(r.Payload)
	j.seen[n]++
	j.got = append(j.got, n)
	if j.q > 0 && n%400 == 100 && j.seen[n] == 1 {
		j.cuts++
		j.sub.Cut() // Before this message is acknowledged.
		j.sub.Connect()
	}
	j.finished()
}

func (j *journey) finished() {
	if len(j.seen) == journeyLength && (j.q == 0 || len(j.acked) == journeyLength) {
		select {
		case <-j.done:
		default:
			close(j.done)
		}
	}
}

func (j *journey) judge() {
	high := int64(-1)
	for _, n := range j.got {
		if int64(n) > high+1 {
			j.t.Fatalf("%d came after %d", n, high)
		}
		high = max(high, int64(n))
	}
	for n := range uint64(journeyLength) {
		if j.q != 1 && j.seen[n] != 1 || j.seen[n] == 0 {
			j.t.Fatalf("%d was delivered %d times", n, j.seen[n])
		}
		if j.q > 0 && j.acked[n] != 1 {
			j.t.Fatalf("%d was acknowledged %d times", n, j.acked[n])
		}
	}
	if j.q > 0 && j.cuts < 5 {
		j.t.Errorf("only %d cuts", j.cuts)
	}
	if got := j.pub.Inflight(); got != 0 {
		j.t.Errorf("%d in flight at the end", got)
	}
}
