package fault

import (
	"testing"
	"time"

	"mqttbench/broker/packet"
)

// Keep Alive 1, and in version 5 a CONNACK that makes it 2.
const (
	connect311KeepAlive1 = "10 0D 0004 4D515454 04 02 0001 0001 63"
	connect5KeepAlive1   = "10 0E 0004 4D515454 05 02 0001 00 0001 63"
	connack5KeepAlive2   = "20 06 00 00 03 13 0002"
)

// newSilentWire has the client fall silent at its second PINGREQ, and what is judged delivered.
func newSilentWire(t *testing.T, grace time.Duration) (*wire, <-chan Silence) {
	told := make(chan Silence, 1)
	w := newWire(t, Plan{Faults: []Fault{{Action: Silent, Type: packet.PINGREQ, Nth: 2, For: grace}}})
	w.proxy.judged = func(s Silence) { told <- s }
	return w, told
}

func awaitSilence(t *testing.T, told <-chan Silence) Silence {
	t.Helper()
	select {
	case s := <-told:
		return s
	case <-time.After(patience):
		t.Fatal("nobody was judged")
		return Silence{}
	}
}

// TestSilence: behind the last PINGREQ that passes, nothing does, in neither direction; and what the broker does then is told with its time.
func TestSilence(t *testing.T) {
	t.Parallel()
	w, told := newSilentWire(t, time.Minute)
	w.open(connect5KeepAlive1, connack5KeepAlive2)
	w.proxy.Arm()
	w.play(`
		c> 32 07 0001 74 0007 00 61
		b< 32 07 0001 74 0007 00 61
		c> C0 00
		b< C0 00
		c> C0 00
		c> C0 00
		b= silent
		b> D0 00
		c= silent`)
	w.told("silence of c at PINGREQ 0 going up")
	if n := w.proxy.Silent(); n != 1 {
		t.Fatalf("%d clients are silent", n)
	}
	// Who comes back before the broker has been judged is kept out: the broker would end the old connection for the new one.
	old := w.client
	w.dial(connect5KeepAlive1)
	w.ends(w.client, "rst")
	w.client = old
	w.proxy.Disarm() // The silence takes its course all the same.
	w.play("b> E0 02 8D 00")
	w.broker.Close()
	s := awaitSilence(t, told)
	w.ends(w.client, "rst")
	if s.Client != "c" || s.Connection != 0 || s.KeepAlive != 2*time.Second || s.Last != packet.PINGREQ || s.LastID != 0 ||
		!s.Ended || !s.Spoke || s.Said != packet.KeepAliveTimeout || s.Grace != time.Minute || s.Waited <= 0 || s.Since.IsZero() {
		t.Errorf("%+v", s)
	}
	// The broker's end came after some 60 ms, unless this machine stood still.
	if s.Verdict != Early && s.Waited < time.Second && s.Stalled <= stillFor {
		t.Errorf("%v after %v of 3s", s.Verdict, s.Waited)
	}
	w.broker = nil
	w.open(connect311KeepAlive1, connack311) // And now it is let in.
}

// TestSilenceUnnoticed: a broker that never ends the connection is told of, and only after it had its time.
func TestSilenceUnnoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	t.Parallel()
	w, told := newSilentWire(t, 10*time.Millisecond)
	w.open(connect311KeepAlive1, connack311)
	w.proxy.Arm()
	w.play(`
		c> 40 02 0009
		b< 40 02 0009
		c> C0 00
		b< C0 00
		c> C0 00`)
	s := awaitSilence(t, told)
	if s.Ended || s.Waited < 1510*time.Millisecond || s.KeepAlive != time.Second {
		t.Errorf("%+v", s)
	}
	if s.Verdict != Unnoticed && s.Stalled <= stillFor {
		t.Errorf("%v after %v", s.Verdict, s.Waited)
	}
	w.ends(w.broker, "rst")
	w.ends(w.client, "rst")
}

// TestSilenceJudged: who is early, in time, late; and when nobody can say.
func TestSilenceJudged(t *testing.T) {
	const from, to = 10 * time.Second, 10*time.Second + 200*time.Millisecond // A slow write.
	for _, tc := range []struct {
		keepAlive time.Duration
		ended     time.Duration // After to; 0: it did not.
		stalled   time.Duration
		dead      bool
		want      Noticing
		what      string
	}{
		{2 * time.Second, 1700 * time.Millisecond, 0, false, Early, "before 3 s less the second that a clock of whole seconds may be off"},
		{2 * time.Second, 1900 * time.Millisecond, 0, false, Noticed, "that long after the write began"},
		{2 * time.Second, 3 * time.Second, 0, false, Noticed, "after 3 s"},
		{2 * time.Second, 12 * time.Second, 5 * time.Second, false, Noticed, "in time, however late this process looked"},
		{2 * time.Second, 1700 * time.Millisecond, time.Second, false, Undecided, "the process stood still: the last packet may have left long before"},
		{2 * time.Second, 0, 0, false, Unnoticed, "not at all"},
		{2 * time.Second, 0, 600 * time.Millisecond, false, Undecided, "not at all, but its end may not have been seen"},
		{2 * time.Second, 0, 0, true, Undecided, "the run ended first"},
		{0, 0, 0, false, Undecided, "there is no Keep Alive"},
		{0, time.Second, 0, false, Undecided, "there is no Keep Alive, and it ended"},
	} {
		s := muteness{Silence: Silence{KeepAlive: tc.keepAlive, Grace: 10 * time.Second}}
		if tc.ended > 0 {
			s.Ended, s.ended = true, to+tc.ended
		}
		s.judge(from, to, to+14*time.Second, tc.stalled, tc.dead)
		if s.Verdict != tc.want {
			t.Errorf("%s: %v, want %v", tc.what, s.Verdict, tc.want)
		}
		if want := tc.ended; want > 0 && s.Waited != want || want == 0 && s.Waited != 14*time.Second {
			t.Errorf("%s: waited %v", tc.what, s.Waited)
		}
	}
}

// TestReuse: the second message comes with the identifier of the first, in one write with it, and its sender hears that all is well.
func TestReuse(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"QoS 1": `
			b> 32 06 0001 74 0001 61
			c= silent
			b> 32 06 0001 74 0002 62
			c< 32 06 0001 74 0001 61 32 06 0001 74 0001 62
			b< 40 02 0002
			c> 40 02 0001
			b< 40 02 0001
			c> 40 02 0001
			b= silent`,
		"QoS 2": `
			b> 34 06 0001 74 0001 61
			b> 34 06 0001 74 0002 62
			c< 34 06 0001 74 0001 61 34 06 0001 74 0001 62
			b< 50 02 0002
			c> 50 02 0001
			b< 50 02 0001
			c> 50 02 0001
			b= silent
			b> 62 02 0001
			c< 62 02 0001
			c> 70 02 0001
			b< 70 02 0001
			b> 62 02 0002
			b< 70 02 0002
			c= silent`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, Plan{Faults: []Fault{{Action: Reuse, Direction: Down, Nth: 1, For: time.Minute}}})
			w.open(connect311, connack311)
			w.proxy.Arm()
			w.play(script)
			w.told("reuse of c at PUBLISH 1 going down")
		})
	}
	t.Run("no successor", func(t *testing.T) {
		w := newWire(t, Plan{Faults: []Fault{{Action: Reuse, Direction: Down, Nth: 1, For: time.Millisecond}}})
		w.open(connect311, connack311)
		w.proxy.Arm()
		w.play(`
			b> 32 06 0001 74 0001 61
			c< 32 06 0001 74 0001 61
			b> 32 06 0001 74 0002 62
			c< 32 06 0001 74 0002 62`)
		w.told()
	})
}
