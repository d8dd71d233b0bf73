package bench

import (
	"fmt"
	"testing"
	"time"

	"mqttbench/bench/client"
	"mqttbench/bench/measure"
	"mqttbench/bench/plan"
	"mqttbench/bench/result"
)

// TestFurtherErrors: errors of more kinds than are told apart are counted together, all of them.
func TestFurtherErrors(t *testing.T) {
	w := &worker{failures: map[string]*failure{}}
	for i := range maxFailureTexts + 7 {
		w.failed(fmt.Errorf("error %d", i), int64(i))
	}
	if f := w.failures["further errors"]; f == nil || f.count != 7 || f.first != maxFailureTexts || len(w.failures) != maxFailureTexts+1 {
		t.Errorf("%+v, %d kinds", f, len(w.failures))
	}
}

// watched is a run of two clients and a watcher.
func watched() (*run, *watcher) {
	p := plan.Plan{RunID: 1, Publishers: 2, Duration: 1, Wills: plan.Wills{Watchers: 1, QoS: 1}}.WithDefaults()
	r := &run{plan: &p, wills: newWills(&p)}
	r.log = &log{run: r}
	w := &worker{run: r, rec: measure.NewRecorder(0)}
	m := &member{worker: w, number: 2, seldom: &seldom{}}
	m.watch = &watcher{member: m, got: make([]uint32, 2), last: make([]sighting, 2)}
	w.members, r.members = []*member{m}, []*member{m}
	return r, m.watch
}

// TestWillsAreAwaited: a drain is not over while wills are due. One that came uncalled for is none of those that others wait for.
func TestWillsAreAwaited(t *testing.T) {
	r, x := watched()
	r.wills.cut(0, 0)
	for _, step := range []struct {
		comes int // Whose will; -1: nobody's.
		due   int
	}{{-1, 1}, {1, 1}, {0, 0}} {
		if step.comes >= 0 {
			x.receive(&client.Reception{Topic: []byte(r.plan.WillTopic(step.comes)), Payload: r.plan.WillPayload(step.comes), Now: 1})
		}
		d := drainState{wills: x.member.worker.willsDue()}
		if d.wills != step.due || d.done() != (step.due == 0) {
			t.Errorf("after the will of %d: %d are due, done %t", step.comes, d.wills, d.done())
		}
	}
}

// TestStrangeWillIsNamed: what comes to a watcher and is no will of the run is named.
func TestStrangeWillIsNamed(t *testing.T) {
	r, x := watched()
	x.receive(&client.Reception{Topic: []byte("another"), Payload: []byte("?"), Now: 1e9, ID: 7})
	if w := r.observedWills(); w.Uncalled != 1 {
		t.Errorf("%+v", w)
	}
	if _, uncalled, _ := r.wrongWills(); len(uncalled) != 1 || uncalled[0].Topic != "another" || uncalled[0].SeenID != 7 || uncalled[0].Client == "" {
		t.Errorf("%+v", uncalled)
	}
}

// dials is a client of which it is only seen how often it is to connect, and a group on which no time passes.
type (
	dials struct {
		client.Client
		count int
	}
	stillGroup struct {
		client.Group
		now int64
	}
)

func (d *dials) Connect()    { d.count++ }
func (d *dials) Disconnect() {}

func (g *stillGroup) Now() int64                              { return g.now }
func (g *stillGroup) SetTimer(f func(now int64) (next int64)) {}

// TestReaderInterrupted: what a reader had not received when its connection broke is not missing, and to try again before its turn moves no turn.
func TestReaderInterrupted(t *testing.T) {
	p := plan.Plan{RunID: 1, Publishers: 2, Duration: plan.Duration(time.Minute), Readers: plan.Readers{Count: 1, Every: plan.Duration(time.Second)}}.WithDefaults()
	r := &run{plan: &p, wills: newWills(&p)}
	r.log = &log{run: r}
	g := &stillGroup{now: 500}
	w := &worker{run: r, group: g}
	w.dialling.limit = 1
	c := new(dials)
	m := &member{worker: w, client: c, number: 2, seldom: &seldom{}}
	x := &reader{member: m, floor: []uint32{6, 6}, next: 1000, expected: 2, open: 2, asked: 1}
	m.read = x
	x.interrupted()
	x.leave()
	if x.expected != 0 || x.missing != 0 || x.none != nil {
		t.Errorf("%+v", x)
	}
	if x.turn(); c.count != 1 || x.next != 1000 || len(w.away) != 0 {
		t.Errorf("before its turn: %d attempts, next %d, %d turns to come", c.count, x.next, len(w.away))
	}
	w.dialled(m)
	g.now = 1000
	if x.turn(); c.count != 2 || x.next != 1000+int64(time.Second) || len(w.away) != 1 {
		t.Errorf("at its turn: %d attempts, next %d, %d turns to come", c.count, x.next, len(w.away))
	}
}

// TestSilencesInOrder: two results of the same run are the same.
func TestSilencesInOrder(t *testing.T) {
	r, _ := watched()
	r.cfg.Silences = func() (all []Silence, waiting int) {
		return []Silence{
			{Silence: result.Silence{Client: "a", Noticed: result.SilenceEarly, Reason: result.KeepAliveTimeout}},
			{Silence: result.Silence{Client: "b", Noticed: result.SilenceUnnoticed}},
		}, 0
	}
	for range 20 {
		var s result.Summary
		r.silences(&s)
		if f := s.Contracts[0].Findings; len(f) != 2 || f[0].Class != result.HalfOpen || f[1].Class != result.FalseTimeout {
			t.Fatalf("%+v", f)
		}
	}
}

// TestAbsenceOfALeaver: who is on its way out when all are to be offline, and comes back before their time is over, goes again.
func TestAbsenceOfALeaver(t *testing.T) {
	r, _ := watched()
	w := &worker{run: r, group: &stillGroup{now: 10}}
	for _, state := range []member{{connected: true, leaving: true}, {}} {
		m := state
		m.worker, m.client, m.seldom = w, nobody{}, &nothingSpecial
		d := plan.Departure{At: 5, Down: 100, Absence: 1}
		if m.leave(d); m.missed != d || m.leaving != state.leaving {
			t.Errorf("%+v: it does not know what it missed: %+v", state, m.missed)
		}
		m.connected, m.leaving = true, false
		if m.leaveLate(); !m.leaving || m.away != 1 || m.missed.Absence != 0 {
			t.Errorf("%+v: it stays: %+v", state, m.seldom)
		}
	}
}
