package client

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// TestManyCuts publishes through a server that cuts the connection again and again: after any packet, before
// or after it took effect, and in the middle of any answer. What arrives at QoS 2 must be everything, once
// and in order; at QoS 1 everything, in order but for repetitions; and each message is acknowledged once. Now
// and then the Receive Maximum changes.
func TestManyCuts(t *testing.T) {
	for _, q := range []packet.QoS{1, 2} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprintf("QoS %d, seed %d", q, seed), func(t *testing.T) { manyCuts(t, q, seed) })
		}
	}
}

func manyCuts(t *testing.T, q packet.QoS, seed uint64) {
	const n = 300
	s := newFake(t)
	e := newEngine(t, NativeOptions{})
	g, r := e.Groups()[0], newRecorder()
	r.quiet = true
	c := g.New(Options{URL: s.url(), ClientID: "c", Version: packet.V5, Window: 10}, r)
	naive := &naiveServer{t: t, rng: rand.New(rand.NewPCG(seed, 1)), owned: map[[2]byte]bool{}, q: byte(q)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			peer, err := s.Accept()
			if err != nil {
				return
			}
			naive.serve(peer)
			peer.Close()
		}
	}()

	acked, next := make([]int, n), 0
	done, left := make(chan struct{}), n
	message := func(token uint64, _ int64) *Message {
		return &Message{Topic: "t", Payload: []byte{byte(token >> 8), byte(token)}, QoS: q, Token: token}
	}
	r.onRecall = message
	pump := func() {
		for next < n && c.Publish(message(uint64(next), 0)) {
			next++
		}
	}
	r.onConnected = func(bool) { pump() }
	r.onWritable = pump
	r.onAcked = func(token uint64) {
		if acked[token]++; acked[token] == 1 {
			left--
		}
		if left == 0 {
			close(done)
		}
	}
	r.onDisconnected = func(error) { c.Connect() }
	on(t, g, c.Connect)
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("stuck")
	}
	e.Close()
	s.Close()
	<-ended
	for i, times := range acked {
		if times != 1 {
			t.Fatalf("%d was acknowledged %d times", i, times)
		}
	}
	naive.judge(n)
	t.Logf("%d connections, %d PUBLISH for %d messages", naive.connections, naive.publishes, n)
}

// A naiveServer is the receiver of [v5 4.3.2] and [v5 4.3.3] in as few lines as it takes.
type naiveServer struct {
	t   *testing.T
	rng *rand.Rand
	q   byte

	owned       map[[2]byte]bool // QoS 2 identifiers.
	got         []int
	connections int
	publishes   int
}

// serve handles one connection, until something ends it.
func (s *naiveServer) serve(peer net.Conn) {
	in := bufio.NewReader(peer)
	patience := 1 + s.rng.IntN(60) // Packets until the cut.
	quota := 1 + s.rng.IntN(12)
	open := map[[2]byte]bool{} // Exchanges of this connection: what Receive Maximum bounds.
	sent := map[[2]byte]bool{}
	for ; ; patience-- {
		head, body, err := readPacket(in)
		if err != nil {
			return
		}
		if patience == 0 && s.rng.IntN(2) == 0 {
			return // Before it took effect.
		}
		var answer []byte
		switch head >> 4 {
		case 1:
			present := byte(1)
			if s.connections == 0 {
				present = 0
			}
			s.connections++
			answer = []byte{0x20, 6, present, 0, 3, 0x21, 0, byte(quota)}
		case 3:
			id := [2]byte(body[3:5])
			dup := head&8 != 0
			if open[id] = true; len(open) > quota {
				s.t.Errorf("%d exchanges open, Receive Maximum %d", len(open), quota)
			}
			if sent[id] {
				s.t.Errorf("identifier %x twice in one connection", id)
			}
			sent[id] = true
			if s.owned[id] && !dup {
				s.t.Errorf("identifier %x is in use and used anew", id)
			}
			s.publish(id, int(body[6])<<8|int(body[7]))
			answer = []byte{0x30 + 0x10*s.q, 2, id[0], id[1]}
		case 6:
			id := [2]byte(body[:2])
			delete(s.owned, id)
			delete(open, id)
			delete(sent, id)
			answer = []byte{0x70, 2, id[0], id[1]}
		default:
			s.t.Errorf("% x %x", head, body)
			return
		}
		if head>>4 == 3 && s.q == 1 {
			delete(open, [2]byte(body[3:5]))
			delete(sent, [2]byte(body[3:5]))
		}
		if patience == 0 {
			answer = answer[:s.rng.IntN(len(answer)+1)]
		}
		peer.Write(answer)
		if patience == 0 {
			return
		}
	}
}

func (s *naiveServer) publish(id [2]byte, n int) {
	s.publishes++
	if s.q == 2 {
		if s.owned[id] {
			return
		}
		s.owned[id] = true
	}
	s.got = append(s.got, n)
}

func readPacket(in *bufio.Reader) (head byte, body []byte, err error) {
	if head, err = in.ReadByte(); err != nil {
		return
	}
	length, err := in.ReadByte() // None is longer than 127 bytes here.
	if err != nil {
		return
	}
	body = make([]byte, length)
	_, err = io.ReadFull(in, body)
	return
}

func (s *naiveServer) judge(n int) {
	if s.connections < 5 {
		s.t.Errorf("only %d connections", s.connections)
	}
	next := 0
	for _, m := range s.got {
		if m > next || m < next && s.q == 2 {
			s.t.Fatalf("%d came when %d was next: %v", m, next, s.got)
		}
		next = max(next, m+1)
	}
	if next != n {
		s.t.Fatalf("%d of %d arrived", next, n)
	}
}
