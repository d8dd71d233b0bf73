package journal

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mqttbench/broker/packet"
	"mqttbench/broker/session"
	"mqttbench/broker/store"
)

// promises says in words what a session owes.
func promises(s *session.Session) (list []string) {
	for d := range s.Promises() {
		what := "PUBREL"
		if !d.Release {
			what = fmt.Sprintf("%s %d", d.Msg.Topic, d.SubIDs)
			if d.Retain {
				what += " retained"
			}
		}
		list = append(list, fmt.Sprintf("%d %v %s", d.ID, d.QoS, what))
	}
	return list
}

// TestHistories leads real sessions through random lives, writes a journal of it, and
// recovers again and again. What comes back owes what the living one owes, in the same order and under the same
// identifiers, and goes on living in its place.
func TestHistories(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		h := newHistory(seed)
		for step := range 2000 {
			h.step()
			if step%50 == 0 {
				h.compare(t)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
			if h.r.IntN(200) == 0 {
				h.restart(t)
			}
		}
	}
}

// A history is a few sessions and their journal.
type history struct {
	r    *rand.Rand
	mem  memory
	w    Writer
	all  map[SessionID]*life
	next SessionID
	msg  MessageID
	refs map[MessageID]int
	n    int // Messages published.
}

// A life is what the server will have to keep beside a session.
type life struct {
	s      session.Session
	places []Place // As in Session.
	next   Position
}

func newHistory(seed uint64) *history {
	h := &history{r: rand.New(rand.NewPCG(seed, 1)), mem: memory{}, all: map[SessionID]*life{}, refs: map[MessageID]int{}, next: 1, msg: 1}
	h.w.To = h.mem
	return h
}

func (h *history) step() {
	switch n := h.r.IntN(40); {
	case n == 0 && len(h.all) < 5:
		h.begin()
	case n == 1:
		h.each(1, h.end)
	case n < 12:
		h.publish()
	case n < 20:
		h.each(3, h.send)
	case n == 20:
		h.each(1, func(_ SessionID, l *life) { l.s.Offline(); l.s.Online(1 + h.r.IntN(20)) })
	case n < 25:
		h.each(1, h.receive)
	default:
		h.each(1, h.acknowledge)
	}
}

// each does something to some sessions.
func (h *history) each(n int, do func(SessionID, *life)) {
	ids := slices.Sorted(maps.Keys(h.all))
	for range min(n, len(ids)) {
		id := ids[h.r.IntN(len(ids))]
		if l := h.all[id]; l != nil {
			do(id, l)
		}
	}
}

func (h *history) begin() {
	l := &life{next: 1}
	l.s.Init(session.Limits{})
	l.s.Online(10)
	h.all[h.next] = l
	h.w.Reserve(h.next+1, h.msg)
	h.w.PutSession(h.next, &Head{ClientID: fmt.Append(nil, "client ", h.next), Expiry: 60})
	h.next++
}

func (h *history) end(id SessionID, l *life) {
	h.w.EndSession(id)
	for _, p := range l.places {
		if p.Progress != Released {
			h.unref(p.Message)
		}
	}
	l.s.Clear()
	delete(h.all, id)
}

// publish promises one message to one session or to several.
func (h *history) publish() {
	h.n++
	topic := fmt.Append(nil, "topic ", h.n)
	qos := packet.QoS(1 + h.r.IntN(2))
	m := session.NewMessage(topic, nil, nil, qos, 0)
	defer m.Release()
	kept := Message{Topic: topic, QoS: qos}
	var targets []SessionID
	h.each(1+h.r.IntN(3), func(id SessionID, _ *life) {
		if !slices.Contains(targets, id) {
			targets = append(targets, id)
		}
	})
	var shared MessageID
	if len(targets) > 1 {
		shared = h.msg
		h.msg++
		h.refs[shared] = len(targets)
		h.w.Reserve(h.next, h.msg)
		h.w.PutMessage(shared, &kept, len(targets))
	}
	for _, id := range targets {
		l := h.all[id]
		p := Promise{ID: shared, QoS: qos, Retain: h.r.IntN(2) == 0, SubIDs: make([]uint32, h.r.IntN(3))}
		if shared == 0 {
			p.Message = kept
		}
		d, verdict := l.s.Offer(m, qos, p.Retain, p.SubIDs, h.r.IntN(2) == 0)
		l.places = append(l.places, Place{At: l.next, Message: shared})
		h.w.Promise(id, l.next, &p)
		l.next++
		if verdict == session.Send {
			h.sent(id, l, &d)
		}
	}
}

// sent notes the first promise that was not sent.
func (h *history) sent(id SessionID, l *life, d *session.Delivery) {
	if d.Dup || d.Release {
		return
	}
	i := slices.IndexFunc(l.places, func(p Place) bool { return p.Progress == Waiting })
	l.places[i].Progress = Sent
	h.w.Send(id, l.places[i].At, d.ID)
}

func (h *history) send(id SessionID, l *life) {
	if d, ok := l.s.Next(0); ok {
		h.sent(id, l, &d)
	}
}

func (h *history) receive(id SessionID, l *life) {
	x := packet.ID(1 + h.r.IntN(10))
	if l.s.Receive(x) {
		h.w.Receive(id, x)
	} else if l.s.Release(x) {
		h.w.Release(id, x)
	}
}

// acknowledge is the client's answer to any exchange, in any order.
func (h *history) acknowledge(id SessionID, l *life) {
	flight := l.s.Inflight()
	if flight == 0 {
		return
	}
	i := h.r.IntN(flight)
	d := nth(&l.s, i)
	p := &l.places[i]
	switch {
	case d.Release:
		l.s.Pubcomp(d.ID)
	case d.QoS == 1:
		l.s.Puback(d.ID)
	case h.r.IntN(5) == 0:
		l.s.Pubrec(d.ID, packet.UnspecifiedError)
	default:
		l.s.Pubrec(d.ID, packet.Success)
		h.w.Pubrec(id, p.At, d.ID)
		h.unref(p.Message)
		p.Message, p.Progress = 0, Released
		return
	}
	h.w.Done(id, p.At, p.Progress)
	if p.Progress != Released {
		h.unref(p.Message)
	}
	l.places = slices.Delete(l.places, i, i+1)
}

func nth(s *session.Session, n int) session.Delivery {
	for d := range s.Promises() {
		if n == 0 {
			return d
		}
		n--
	}
	panic("not so many")
}

func (h *history) unref(m MessageID) {
	if m == 0 {
		return
	}
	if h.refs[m]--; h.refs[m] == 0 {
		delete(h.refs, m)
		h.w.DropMessage(m)
	}
}

func (h *history) compare(t *testing.T) {
	t.Helper()
	out := h.mem.mustRead(t)
	if len(out.Orphans) != 0 || len(out.Sessions) != len(h.all) || len(out.Messages) != len(h.refs) {
		t.Errorf("%d orphans, %d sessions of %d, %d messages of %d", len(out.Orphans), len(out.Sessions), len(h.all), len(out.Messages), len(h.refs))
	}
	for _, s := range out.Sessions {
		l := h.all[s.ID]
		if diff := cmp.Diff(promises(&l.s), promises(&s.State)); diff != "" {
			t.Errorf("session %d: %s", s.ID, diff)
		}
		if diff := cmp.Diff(l.places, s.Places); diff != "" && len(l.places)+len(s.Places) > 0 {
			t.Errorf("session %d: %s", s.ID, diff)
		}
		if diff := cmp.Diff(slices.Collect(l.s.ReceivedIDs()), slices.Collect(s.State.ReceivedIDs())); diff != "" {
			t.Errorf("session %d: %s", s.ID, diff)
		}
		s.State.Clear()
	}
}

// restart goes on with what was recovered.
func (h *history) restart(t *testing.T) {
	out := h.mem.mustRead(t)
	if out.NextMessage < h.msg || out.NextSession < h.next {
		t.Errorf("numbers would be given again: %d of %d, %d of %d", out.NextMessage, h.msg, out.NextSession, h.next)
	}
	for _, l := range h.all {
		l.s.Clear()
	}
	clear(h.all)
	for _, s := range out.Sessions {
		l := &life{s: s.State, places: s.Places, next: s.NextPosition()}
		l.s.Online(1 + h.r.IntN(20))
		h.all[s.ID] = l
	}
	for id, sh := range out.Messages {
		if sh.Refs != h.refs[id] {
			t.Errorf("message %d has %d references, want %d", id, sh.Refs, h.refs[id])
		}
	}
}

// TestThroughTheStore sends a history through a real store, whose DeleteOnce is not that of a map.
func TestThroughTheStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	h := newHistory(1)
	for range 4 {
		s, err := store.Open(dir, store.Options{Sync: store.OS, MemTable: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		found := memory{}
		if err := s.Scan(nil, func(k, v []byte) error { found.Set(k, v); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h.mem, found); diff != "" {
			t.Fatal(diff)
		}
		for range 5000 {
			var b store.Batch
			h.w.To = both{h.mem, &b}
			h.step()
			s.Append(&b)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

type both struct {
	memory
	b *store.Batch
}

func (b both) Set(k, v []byte)       { b.memory.Set(k, v); b.b.Set(k, v) }
func (b both) Delete(k []byte)       { b.memory.Delete(k); b.b.Delete(k) }
func (b both) DeleteOnce(k []byte)   { b.memory.DeleteOnce(k); b.b.DeleteOnce(k) }
func (b both) DeletePrefix(p []byte) { b.memory.DeletePrefix(p); b.b.DeletePrefix(p) }
