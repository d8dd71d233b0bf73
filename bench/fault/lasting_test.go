package fault

import (
	"slices"
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// TestRunIsNoChance: the same clients of another run, whose identifiers have another run's name in them, meet the same chances.
func TestRunIsNoChance(t *testing.T) {
	streams := func(run string, ids ...string) (all []uint64) {
		p := &Proxy{plan: Plan{Seed: 1, Run: run, Faults: []Fault{{}, {}}}}
		for _, id := range ids {
			for _, tr := range p.newTriggers(id, 0) {
				all = append(all, tr.stream)
			}
		}
		return all
	}
	a, b := streams("00c0ffee", "mb00c0ffeep1", "mb00c0ffees1"), streams("deadbeef", "mbdeadbeefp1", "mbdeadbeefs1")
	if !slices.Equal(a, b) {
		t.Errorf("%x and %x", a, b)
	}
	if a[0] == a[1] || a[0] == a[2] {
		t.Errorf("two faults, or two clients, have the same chances: %x", a)
	}
	if c := streams("", "mbdeadbeefp1", "mb00c0ffeep1"); c[0] == c[2] {
		t.Error("without a name of a run, an identifier counts as it is")
	}
}

// TestDelayForAWhile: from At to Until every packet is late, and none before or after.
func TestDelayForAWhile(t *testing.T) {
	f := Fault{Action: Delay, For: 1, At: 3 * time.Millisecond, Until: 6 * time.Millisecond}
	tr, got := newTrigger(1, 0, "c", 0), ""
	for ms := range 9 {
		got += map[bool]string{true: "x", false: "."}[tr.fires(&f, time.Duration(ms)*time.Millisecond)]
	}
	if got != "...xxx..." {
		t.Error(got)
	}
	for _, wrong := range []Fault{
		{Action: Delay, For: 1, At: 3, Until: 3}, {Action: Delay, For: 1, Nth: 1, Until: 3}, {Action: Reset, At: 1, Until: 3},
	} {
		if p := (Plan{Faults: []Fault{wrong}}); p.Validate() == nil {
			t.Errorf("%+v is a plan", wrong)
		}
	}
}

// TestHolesEnd: who hangs on a connection that leads nowhere and has no end is let go when the faults are over.
func TestHolesEnd(t *testing.T) {
	for _, f := range []Fault{
		{Action: BlackHole}, {Action: Reset, Side: Broker}, {Action: Finish, Side: Broker},
	} {
		f.Type, f.Nth = packet.PINGREQ, 1
		w := newWire(t, Plan{Faults: []Fault{f}})
		w.open(connect311, connack311)
		w.proxy.Arm()
		w.writes(w.client, "C0 00")
		w.told(f.Action.String() + " of c at PINGREQ 0 going up")
		w.ends(w.client, "silent")
		w.proxy.Disarm()
		w.ends(w.client, "rst")
	}
}

// TestCutKeepsOut: a client whose packet was cut can be kept out for a while, as after any other end.
func TestCutKeepsOut(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: Cut, Type: packet.PINGREQ, Nth: 1, For: time.Hour}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	w.play(`c> C0 00
		b< C0
		b= rst`)
	w.client.Close()
	w.dial(connect311)
	w.ends(w.client, "rst")
}

// TestIntrudersHaveNoWill: the will of a client that is thrown out is published once; one of its intruder's could not be told from it.
func TestIntrudersHaveNoWill(t *testing.T) {
	w := newWire(t, Plan{Faults: []Fault{{Action: TakeOver, Type: packet.PINGREQ, Nth: 1}}})
	w.open("10 13 0004 4D515454 04 06 003C 0001 63 0001 77 0001 78", connack311)
	w.proxy.Arm()
	w.writes(w.client, "C0 00")
	own := w.broker
	defer own.Close()
	w.reads(own, "C0 00")
	w.accept()
	w.reads(w.broker, connect311)
	w.writes(w.broker, connack311)
	w.ends(w.broker, "fin")
}
