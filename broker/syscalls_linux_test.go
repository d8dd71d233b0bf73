package broker

import (
	"fmt"
	"io"
	"testing"

	"mqttbench/broker/packet"
	"mqttbench/broker/transport"
)

// A message between two clients costs one read and one write, and each of its acknowledgements the same: what waits at the sockets when
// the loop wakes is found by one call of epoll_wait, nothing is registered again, and nothing is read that is not there. These
// are the transport's own counts of the calls it makes, exact on any machine; TestSyscallsOfTheKernel is the witness.
func TestSyscallsPerMessage(t *testing.T) {
	const pairs, rounds = 50, 4
	for qos, calls := range []uint64{1, 2, 4} { // PUBLISH; and PUBACK; PUBLISH, PUBREC, PUBREL and PUBCOMP.
		t.Run(fmt.Sprint("qos=", qos), func(t *testing.T) {
			b := startBroker(t, Options{Driver: transport.Epoll, Loops: 1})
			if b.loops.Driver() != transport.Epoll {
				t.Skip("there is no epoll here")
			}
			w := newPairs(b, pairs, packet.QoS(qos))
			w.server = b.Server
			w.run() // What is made once is made now.
			before := w.stats()
			for range rounds {
				w.run()
			}
			after := w.stats()
			messages := uint64(pairs * rounds)
			for _, c := range []struct {
				what      string
				got, want uint64
			}{
				{"reads", after.Reads - before.Reads, messages * calls},
				{"writes", after.Writes - before.Writes, messages * calls},
				{"reads that find nothing", after.Empty - before.Empty, 0},
				{"writes that the socket takes nothing of", after.Again - before.Again, 0},
				{"epoll_ctl", after.Registers - before.Registers, 0},
			} {
				if c.got != c.want {
					t.Errorf("%d messages: %d %s, want %d", messages, c.got, c.what, c.want)
				}
			}
			// For each step of a round: the call that finds the test's own function, the one that finds the sockets, and the one
			// that finds nothing before the loop sleeps. As many more are left to chance.
			steps := rounds * uint64(len(w.steps()))
			if polls := after.Polls - before.Polls; polls > 6*steps {
				t.Errorf("%d calls of epoll_wait for %d batches of %d messages", polls, steps, pairs)
			}
		})
	}
}

// Pairs are publishers, each with one subscriber and one message under way at a time: the workload W2. They take their steps together,
// while the loop is held, so that what the broker has to do in one turn is always the same.
type pairs struct {
	t          testing.TB
	server     *Server // nil: another process, whose loop cannot be held.
	qos        packet.QoS
	pubs, subs []*peer
	publish    [][]byte
	in         []byte
}

// A door is where clients connect.
type door interface {
	connect(v packet.Version, id string, opts ...option) *peer
}

func newPairs(b door, n int, qos packet.QoS) *pairs {
	w := &pairs{qos: qos, in: make([]byte, 256)}
	for i := range n {
		topic := fmt.Sprintf("pair/%04d", i)
		s := b.connect(packet.V311, fmt.Sprint("sub", i))
		s.subscribe(topic, qos)
		w.subs = append(w.subs, s)
		w.pubs = append(w.pubs, b.connect(packet.V311, fmt.Sprint("pub", i)))
		p := packet.Publish{Topic: []byte(topic), QoS: qos, Payload: make([]byte, 16)}
		if qos > 0 {
			p.ID = 1
		}
		w.publish = append(w.publish, p.Append(nil, packet.V311))
	}
	w.t = w.pubs[0].t
	return w
}

// A step is what the clients say in one breath, and what they then hear.
type step struct{ say, hear func(i int) }

func (w *pairs) steps() []step {
	heard := make([][2]byte, len(w.pubs)) // The identifiers the subscribers got.
	ack := func(t packet.Type, id [2]byte) []byte { return []byte{byte(t) << 4, 2, id[0], id[1]} }
	one := [2]byte{0, 1}
	first := step{
		say: func(i int) { w.pubs[i].send(w.publish[i]) },
		hear: func(i int) {
			got := w.read(w.subs[i], len(w.publish[i]))
			if w.qos > 0 {
				heard[i] = [2]byte(got[4+len("pair/0000"):])
				w.read(w.pubs[i], 4)
			}
		},
	}
	switch w.qos {
	case 0:
		return []step{first}
	case 1:
		return []step{first, {
			say:  func(i int) { w.subs[i].send(ack(packet.PUBACK, heard[i])) },
			hear: func(int) {},
		}}
	}
	return []step{first, {
		say: func(i int) {
			w.pubs[i].send([]byte{byte(packet.PUBREL)<<4 | 2, 2, one[0], one[1]})
			w.subs[i].send(ack(packet.PUBREC, heard[i]))
		},
		hear: func(i int) { w.read(w.pubs[i], 4); w.read(w.subs[i], 4) },
	}, {
		say:  func(i int) { w.subs[i].send(ack(packet.PUBCOMP, heard[i])) },
		hear: func(int) {},
	}}
}

func (w *pairs) read(p *peer, n int) []byte {
	if _, err := io.ReadFull(p.net, w.in[:n]); err != nil {
		w.t.Fatal(err)
	}
	return w.in[:n]
}

// run has every pair exchange one message.
func (w *pairs) run() {
	for _, s := range w.steps() {
		w.hold(func() {
			for i := range w.pubs {
				s.say(i)
			}
		})
		for i := range w.pubs {
			s.hear(i)
		}
	}
}

// hold keeps the loop from looking at its sockets while say runs.
func (w *pairs) hold(say func()) {
	if w.server == nil {
		say()
		return
	}
	held, free := make(chan struct{}), make(chan struct{})
	w.server.loops.Loop(0).Post(func() { close(held); <-free })
	<-held
	say()
	close(free)
}

// stats are the transport's, once it has done what it was asked to.
func (w *pairs) stats() transport.Stats {
	for range 2 { // The counts of a turn are published at its end.
		w.server.loops.Each(func(*transport.Loop) {})
	}
	return w.server.loops.Stats()
}
