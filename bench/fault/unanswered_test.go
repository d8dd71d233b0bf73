package fault

import "testing"

// TestUnanswered: of three copies of a PUBLISH, each has its PUBREC, and what has not come is told; of a connection that is over, nothing is owed.
func TestUnanswered(t *testing.T) {
	t.Parallel()
	w := newWire(t, Plan{Faults: []Fault{{Action: Resend, Direction: Up, Nth: 1, Times: 2}}})
	w.open(connect311, connack311)
	w.proxy.Arm()
	owed := func(want int) {
		t.Helper()
		n := 0
		for _, x := range w.proxy.Unanswered() {
			if x.Client != "c" || x.ID != 7 || x.Type.String() != "PUBREC" || x.Connection != 0 {
				t.Errorf("%+v", x)
			}
			n += x.Count
		}
		if n != want {
			t.Errorf("%d answers are owed, want %d", n, want)
		}
	}
	w.play(`
		c> 34 06 0001 74 0007 61
		b< 34 06 0001 74 0007 61 3C 06 0001 74 0007 61 3C 06 0001 74 0007 61`)
	owed(2)
	w.play(`
		b> 50 02 0007
		c< 50 02 0007
		b> 50 02 0007
		b> D0 00
		c< D0 00`) // Behind it, so that it has passed.
	owed(1)
	w.play(`
		b> 50 02 0007
		b> D0 00
		c< D0 00`)
	owed(0)
}
