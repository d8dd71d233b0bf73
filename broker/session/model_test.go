package session

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mqttbench/broker/packet"
)

// naive is a session as one would write it with all the time in the world: one list,
// searched from the front for every question.
type naive struct {
	limits    Limits
	promises  []*promise // In order of arrival; what is complete is removed.
	nextID    packet.ID
	connected bool
	window    int
	expired   int
}

type promise struct {
	msg      *Message
	qos      packet.QoS
	retain   bool
	subIDs   []uint32
	id       packet.ID // 0: waiting.
	released bool
	live     bool // Sent on this connection.
}

// first returns the first promise that f accepts, or nil.
func (n *naive) first(f func(*promise) bool) *promise {
	if i := slices.IndexFunc(n.promises, f); i >= 0 {
		return n.promises[i]
	}
	return nil
}

func (n *naive) count(f func(*promise) bool) (c int) {
	for _, p := range n.promises {
		if f(p) {
			c++
		}
	}
	return c
}

func (n *naive) remove(p *promise) {
	i := slices.Index(n.promises, p)
	n.promises = slices.Delete(n.promises, i, i+1)
}

func isLive(p *promise) bool    { return p.live }
func isWaiting(p *promise) bool { return p.id == 0 }
func isUnsent(p *promise) bool  { return p.id != 0 && !p.live } // On this connection.

func (n *naive) bytes() (sum int) {
	for _, p := range n.promises {
		if !p.released {
			sum += len(p.msg.Topic) + len(p.msg.Payload)
			if len(p.subIDs) > 1 {
				sum += 4 * len(p.subIDs)
			}
		}
	}
	return sum
}

func (n *naive) offer(p *promise, room bool) (string, Verdict) {
	n.promises = append(n.promises, p)
	if len(n.promises) > n.limits.MaxQueued || n.bytes() > n.limits.MaxQueuedBytes {
		n.remove(p)
		return "", Full
	}
	if n.first(isWaiting) == p && room && n.maySend() {
		return n.send(p), Send
	}
	return "", Queued
}

func (n *naive) maySend() bool {
	return n.connected && n.first(isUnsent) == nil && n.count(isLive) < n.window
}

func (n *naive) send(p *promise) string {
	p.id, p.live = n.nextID, true
	n.nextID = nextID(n.nextID)
	return p.show("PUBLISH")
}

func (p *promise) show(what string) string {
	if p.released {
		return fmt.Sprint("PUBREL ", p.id)
	}
	return fmt.Sprintf("%s %d %s QoS %d %v %v", what, p.id, p.msg.Payload, p.qos, p.retain, p.subIDs)
}

func (n *naive) resend() string {
	p := n.first(isUnsent)
	if !n.connected || p == nil || !p.released && n.count(isLive) >= n.window {
		return ""
	}
	p.live = true
	return p.show("DUP")
}

func (n *naive) next(now int64) string {
	if again := n.resend(); again != "" {
		return again
	}
	for p := n.first(isWaiting); p != nil; p = n.first(isWaiting) {
		switch {
		case p.msg.Expires != 0 && p.msg.Expires <= now:
			n.remove(p)
			n.expired++
		case n.maySend():
			return n.send(p)
		default:
			return ""
		}
	}
	return ""
}

func (n *naive) online(rm int) {
	n.connected, n.window = true, min(rm, n.limits.MaxInflight)
	for _, p := range n.promises {
		p.live = false
	}
}

func (n *naive) find(id packet.ID, qos packet.QoS) *promise {
	return n.first(func(p *promise) bool { return p.id == id && id != 0 && p.qos == qos })
}

// showDelivery writes a delivery as promise.show does.
func showDelivery(d Delivery, ok bool) string {
	if !ok {
		return ""
	}
	p := promise{msg: d.Msg, id: d.ID, qos: d.QoS, retain: d.Retain, subIDs: d.SubIDs, released: d.Release}
	if d.Dup {
		return p.show("DUP")
	}
	return p.show("PUBLISH")
}

// TestAgainstNaiveModel compares every answer of a session with the naive one, under
// random calls in any order, sensible or not.
func TestAgainstNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{
			MaxQueued:      rapid.SampledFrom([]int{5, 30, 1000}).Draw(t, "MaxQueued"),
			MaxQueuedBytes: rapid.SampledFrom([]int{60, 1000, 100_000}).Draw(t, "MaxQueuedBytes"),
			MaxInflight:    rapid.SampledFrom([]int{1, 4, 20, 65535}).Draw(t, "MaxInflight"),
		}
		s := newSession(l)
		s.base = packet.ID(rapid.IntRange(65500, 65535).Draw(t, "base")) // So that 65535 is passed.
		n := &naive{limits: l, nextID: s.base}
		var messages []*Message
		now := int64(0)

		same := func(t *rapid.T, got, want any) {
			if got != want {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
		// An identifier in flight, mostly, near the front, mostly.
		id := func(t *rapid.T) packet.ID {
			ids := []packet.ID{0, n.nextID}
			for _, p := range n.promises {
				if p.id != 0 {
					ids = append(ids, p.id)
				}
			}
			return ids[(2+rapid.IntRange(0, len(ids)-1).Draw(t, "id"))%len(ids)]
		}
		offer := func(t *rapid.T) {
			payload := fmt.Sprint(len(messages), "................"[:rapid.IntRange(0, 9).Draw(t, "size")])
			expires := int64(0)
			if rapid.IntRange(0, 3).Draw(t, "expires") == 0 {
				expires = now + rapid.Int64Range(1, 20).Draw(t, "after")
			}
			p := &promise{
				msg:    NewMessage([]byte("t"), nil, []byte(payload), 2, expires),
				qos:    packet.QoS(rapid.IntRange(1, 2).Draw(t, "qos")),
				retain: rapid.Bool().Draw(t, "retain"),
				subIDs: rapid.SliceOfN(rapid.Uint32(), 0, 3).Draw(t, "subIDs"),
			}
			messages = append(messages, p.msg)
			room := rapid.IntRange(0, 5).Draw(t, "room") != 0
			d, v := s.Offer(p.msg, p.qos, p.retain, p.subIDs, room)
			want, wantVerdict := n.offer(p, room)
			same(t, v, wantVerdict)
			same(t, showDelivery(d, v == Send), want)
		}
		next := func(t *rapid.T) {
			now += rapid.Int64Range(0, 2).Draw(t, "time")
			same(t, showDelivery(s.Next(now)), n.next(now))
		}
		puback := func(t *rapid.T) {
			id := id(t)
			p := n.find(id, 1)
			same(t, s.Puback(id), p != nil)
			if p != nil {
				n.remove(p)
			}
		}
		actions := map[string]func(*rapid.T){
			"offer": offer,
			"offer many": func(t *rapid.T) {
				for range rapid.IntRange(2, 20).Draw(t, "n") {
					offer(t)
				}
			},
			"next":      next,
			"next more": next,
			"resend": func(t *rapid.T) {
				same(t, showDelivery(s.Resend(now)), n.resend())
			},
			"puback": puback,
			"puback many": func(t *rapid.T) {
				for range rapid.IntRange(2, 20).Draw(t, "n") {
					puback(t)
				}
			},
			"pubrec": func(t *rapid.T) {
				id := id(t)
				reason := packet.ReasonCode(rapid.SampledFrom([]int{0, 0, 0, 0x10, 0x80, 0x97}).Draw(t, "reason"))
				p := n.find(id, 2)
				known, release := s.Pubrec(id, reason)
				same(t, known, p != nil)
				same(t, release, p != nil && reason < 0x80)
				if p != nil && reason >= 0x80 {
					n.remove(p)
				} else if p != nil {
					p.released, p.live = true, true
				}
			},
			"pubcomp": func(t *rapid.T) {
				id := id(t)
				p := n.find(id, 2)
				known := p != nil && p.released
				same(t, s.Pubcomp(id), known)
				if known {
					n.remove(p)
				}
			},
			"reconnect": func(t *rapid.T) {
				s.Offline()
				rm := rapid.SampledFrom([]int{1, 2, 5, 100}).Draw(t, "receive maximum")
				s.Online(rm)
				n.online(rm)
			},
			"offline": func(t *rapid.T) {
				s.Offline()
				n.connected = false
			},
			"expire": func(t *rapid.T) {
				dropped := 0
				for p := n.first(isWaiting); p != nil && p.msg.Expires != 0 && p.msg.Expires <= now; p = n.first(isWaiting) {
					n.remove(p)
					dropped++
				}
				same(t, s.Expire(now), dropped)
				n.expired += dropped
			},
			"": func(t *rapid.T) {
				waiting := n.count(isWaiting)
				same(t, s.Queued(), waiting)
				same(t, s.Inflight(), len(n.promises)-waiting)
				same(t, s.Bytes(), n.bytes())
				same(t, int(s.Expired()), n.expired)
				same(t, s.Empty(), len(n.promises) == 0)
				if n.connected {
					same(t, int(s.open), n.count(isLive))
				}
			},
		}
		for range 5 { // Longer than rapid makes them by itself: rings are to grow and shrink.
			t.Repeat(actions)
		}
		s.Clear()
		for i, m := range messages {
			if r := m.refs.Load(); r != 1 {
				t.Fatalf("message %d has %d references", i, r)
			}
			m.Release()
		}
	})
}
